"""The trainings of the chain, each in a folder of its own, which it goes on in after a stop."""
