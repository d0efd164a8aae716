"""Search strategies compared over seeds, and the tables they are compared on."""
