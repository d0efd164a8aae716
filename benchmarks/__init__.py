"""Measure: parameters and MACs, trackers over sequences, metrics, VOT's protocol, plots."""
