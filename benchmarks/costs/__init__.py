"""MACs and parameters, counted once a part and summed."""
