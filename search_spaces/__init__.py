"""Describe: architectures, declarative spaces, presets, official codes, NNI's model space and the supernet."""
