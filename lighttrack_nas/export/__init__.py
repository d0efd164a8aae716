"""Deployed folders of a tracker, checked against the original."""
