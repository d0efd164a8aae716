"""The lowest floor: errors for people, files that are whole or not there, names, parsing, boxes."""
