"""Exact answers about sums over the places of a space: extremes, fronts, draws."""
