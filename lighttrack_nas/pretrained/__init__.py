"""The tracker that ships with the package."""
