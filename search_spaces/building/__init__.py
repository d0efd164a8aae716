"""Networks of a space: plain ones, NNI's model space, the supernet."""
