"""Neural architecture search for visual tracking."""
