"""The Siamese network and what it is made of."""
