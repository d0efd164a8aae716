"""Counting what networks have in common."""
