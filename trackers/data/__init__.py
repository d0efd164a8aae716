"""Videos and their ground truth: frames, sequences, sources, and readers of data sets."""
