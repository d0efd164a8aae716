"""Several workers on one study: who is alive, and whose a network is."""
