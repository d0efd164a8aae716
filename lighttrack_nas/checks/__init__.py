"""A configuration checked against what is there, before hours of work depend on it."""
