"""The typed configurations of chain and comparison, and their files."""
