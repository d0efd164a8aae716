"""A space as data: its keys, checks, candidates, conditions and counts."""
