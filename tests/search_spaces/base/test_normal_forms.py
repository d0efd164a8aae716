"""Counting a tower's networks, and moving its skips to the end."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lighttrack_nas.search_spaces.base.normal_forms import count_words, earliest_placement

SKIPS = frozenset({"skip"})
candidates = st.lists(st.sampled_from(["a", "b", "skip"]), min_size=1, max_size=3, unique=True)


def word(choice: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in choice if name not in SKIPS)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([["k3", "k5"], *[["k3", "k5", "skip"]] * 7], 2 * 255),  # LightTrack's tower: 2 first layers, then 0 to 7 more
        ([["a"]], 1),
        ([["a"], ["skip"]], 1),
        ([["a", "skip"], ["a", "skip"]], 3),  # nothing, a, aa
        ([["a", "skip"], ["b", "skip"]], 4),  # nothing, a, b, ab
    ],
)
def test_words_are_counted_without_skips_places(layers: list[list[str]], words: int) -> None:
    assert count_words(layers, SKIPS) == words


@given(st.lists(candidates, min_size=1, max_size=5))
def test_count_equals_enumeration(layers: list[list[str]]) -> None:
    assert count_words(layers, SKIPS) == len({word(choice) for choice in product(*layers)})


@given(st.lists(candidates, min_size=1, max_size=5))
def test_one_placement_per_word(layers: list[list[str]]) -> None:
    placements = {}
    for choice in product(*layers):
        placed = earliest_placement(choice, layers, SKIPS)
        assert word(placed) == word(choice)
        assert all(name in layer for name, layer in zip(placed, layers, strict=True))
        assert placements.setdefault(word(choice), placed) == placed
        assert earliest_placement(placed, layers, SKIPS) == placed


def test_skips_move_to_the_end() -> None:
    layers = [["k3", "k5"], *[["k3", "k5", "skip"]] * 3]
    assert earliest_placement(["k3", "skip", "k5", "skip"], layers, SKIPS) == ("k3", "k5", "skip", "skip")
