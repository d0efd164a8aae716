"""Candidates scored: with shared weights, from tables, or foretold."""
