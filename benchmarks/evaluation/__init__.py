"""Trackers run over sequences, metrics and result files."""
