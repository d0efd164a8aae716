"""All paths of a space, against drawing and against the exact count of combinations."""

from __future__ import annotations

import numpy as np
import pytest

from lighttrack_nas.search_spaces.enumeration import count_paths, paths
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space


def test_every_path_once() -> None:
    space = load_space("lighttrack-table")
    found = list(paths(space))
    assert len(found) == len(set(found)) == count_paths(space) == 2688
    assert all(architecture.path() == architecture for architecture in found)
    assert len({architecture.canonical() for architecture in found}) == space.size.networks == 2016
    rng = np.random.default_rng(0)
    assert {space.sample(rng).path() for _ in range(200)} <= set(found)
    assert list(paths(space)) == found


# By hand: 6 operations for each block that a path runs, and two towers: 3 widths, 2 * 3**7 layers in `lighttrack`.
@pytest.mark.parametrize(
    ("preset", "count"),
    [
        ("lighttrack-tiny", sum(6**blocks for blocks in (3, 4, 5, 6)) * (3 * 2 * 3**3) ** 2),
        ("lighttrack", sum(6**blocks for blocks in range(7, 15)) * (3 * 2 * 3**7) ** 2),
    ],
)
def test_presets_have_the_known_number_of_paths(preset: str, count: int) -> None:
    assert count_paths(load_space(preset)) == count


def test_count_lies_between_networks_and_labels(space: Space) -> None:
    assert space.size.networks <= count_paths(space) <= space.size.labels
