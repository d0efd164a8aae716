"""The lowest floor: labels, mistakes with their places, quantities, code of others."""
