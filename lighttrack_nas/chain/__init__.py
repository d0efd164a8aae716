"""The chain's steps: data, supernet, search, retraining, tuning."""
