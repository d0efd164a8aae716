"""The one-shot strategies, a file each."""
