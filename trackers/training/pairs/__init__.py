"""Training pairs: a template crop and a search crop of one target, from sequences, stills or a generator."""
