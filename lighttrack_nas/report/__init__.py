"""The report: one page, that needs nothing else, of what runs did and found."""
