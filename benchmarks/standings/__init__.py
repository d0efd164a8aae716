"""Several trackers on the same sequences: who is ahead, by how much, on what, and where they part."""
