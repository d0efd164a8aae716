"""Work in several processes, and their memory."""
