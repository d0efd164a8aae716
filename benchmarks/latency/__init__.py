"""Latency: measured, and foretold from a table of timed pieces."""
