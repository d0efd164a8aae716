"""What a search wants: objectives, limits, and what counts as better."""
