"""Towers as words over operations: counting, and the form in which the skips stand last.

A tower with layer candidates C1 ... Cn builds a network that depends only on the chosen operations that are no skip, in
order: its word. Several choices give the same word where they place their skips differently.
"""

from collections.abc import Sequence
from functools import cache

Layers = Sequence[Sequence[str]]


def count_words(layers: Layers, skips: frozenset[str]) -> int:
    """Count the different networks of a tower of one width, exactly.

    Follows the set of layers that a word's prefix may have reached (the subset construction), so that a word that
    several placements of skips spell is counted once.
    """
    total = len(layers)
    alphabet = sorted({name for layer in layers for name in layer} - skips)

    def skippable(positions: frozenset[int]) -> frozenset[int]:
        reached = set(positions)
        for position in range(total):
            if position in reached and skips & set(layers[position]):
                reached.add(position + 1)
        return frozenset(reached)

    @cache
    def count(positions: frozenset[int]) -> int:
        words = 1 if total in positions else 0
        for name in alphabet:
            following = frozenset(p + 1 for p in positions if p < total and name in layers[p])
            if following:
                words += count(skippable(following))
        return words

    return count(skippable(frozenset([0])))


def earliest_placement(chosen: Sequence[str], layers: Layers, skips: frozenset[str]) -> tuple[str, ...]:
    """Place a tower's word as early as its layers allow: the skips move towards the end.

    Args:
        chosen: One operation a layer.
        layers: Candidates of every layer.
        skips: Which operations are the identity.

    Returns:
        The operations of every layer, spelling the same word; equal for all choices with that word.
    """
    word = tuple(name for name in chosen if name not in skips)

    @cache
    def place(layer: int, letter: int) -> tuple[str, ...] | None:
        if layer == len(layers):
            return () if letter == len(word) else None
        if letter < len(word) and word[letter] in layers[layer]:
            rest = place(layer + 1, letter + 1)
            if rest is not None:
                return (word[letter], *rest)
        skip = min(skips & set(layers[layer]), default=None)
        if skip is None:
            return None
        rest = place(layer + 1, letter)
        return None if rest is None else (skip, *rest)

    placement = place(0, 0)
    if placement is None:
        raise ValueError(f"{list(chosen)} is no choice from the layers {list(layers)}")
    return placement


def block_letters(operations: Sequence[str], expansions: Sequence[float], skips: frozenset[str]) -> tuple[str, ...]:
    """What a block may be, as letters of a word: an operation, with an expansion where that is a choice of its own."""
    if len(expansions) < 2:
        return tuple(operations)
    return tuple(
        letter
        for name in operations
        for letter in (
            (name,) if name in skips else (letter_of(name, number_text(expansion)) for expansion in expansions)
        )
    )


def letter_of(operation: str, expansion: str) -> str:
    """The letter of an operation with an expansion."""
    return f"{operation}/{expansion}"


def number_text(number: float) -> str:
    """A number as the value of a label: torch allows no dot in a module's name, so 1.5 is "1p5"."""
    return f"{number:g}".replace(".", "p")
