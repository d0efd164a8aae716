"""Spaces that somebody wrote against NNI alone."""
