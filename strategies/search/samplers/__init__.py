"""The search strategies, a file each, and what several of them share."""
