"""Operations: what a block can be, and where they are registered."""
