"""Files of weights, our own and the released ones."""
