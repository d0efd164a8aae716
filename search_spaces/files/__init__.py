"""Space files: YAML in short and long forms, both ways, and their schema."""
