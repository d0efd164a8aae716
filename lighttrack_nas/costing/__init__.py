"""What the networks of a space cost."""
