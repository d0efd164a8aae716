"""Runs beside each other: fronts laid over one another, hypervolumes to one reference, attainment over seeds."""
