"""Readers of the public data sets' layouts. Only annotation files are read; frames are decoded when asked for."""
