"""What is shown of results everywhere: progress, tables, plots' style, versions."""
