"""Commands of the chain, of searches and comparisons."""
