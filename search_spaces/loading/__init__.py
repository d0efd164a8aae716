"""Spaces from a name, a file, or values in Python."""
