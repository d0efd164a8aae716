"""What searches found: runs, trials, fronts, findings."""
