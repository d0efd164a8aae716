"""The training loop that all one-shot strategies and plain networks share."""
