"""Drawings of spaces and architectures: what stands where (data), and the figure of it."""
