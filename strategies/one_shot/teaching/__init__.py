"""Learning from a teacher: what corresponds, first weights, lessons."""
