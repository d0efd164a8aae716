"""Files of trained networks, supernets and teachers."""
