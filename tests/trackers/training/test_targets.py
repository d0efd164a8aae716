"""Targets of training: maps written out by hand, and what must hold for any box."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.tracking.target import _grid_and_window
from lighttrack_nas.trackers.training.targets import RULES, Targets, TargetSettings, make_targets, map_positions

CROSS, ELLIPSE = TargetSettings(rule="cross"), TargetSettings(rule="ellipse")


def targets_of(
    centre: tuple[float, float],
    size: tuple[float, float] = (20.0, 20.0),
    positive: bool = True,
    search_size: int = 80,
    cells: int = 5,
    settings: TargetSettings = CROSS,
) -> Targets:
    box = torch.tensor([[centre[0] - size[0] / 2, centre[1] - size[1] / 2, *size]])
    return make_targets(box, torch.tensor([positive]), search_size=search_size, cells=cells, settings=settings)


def rows(text: str) -> list[list[float]]:
    """A map drawn with # for 1, . for 0, o for -1."""
    return [[{"#": 1.0, ".": 0.0, "o": -1.0}[sign] for sign in line] for line in text.split()]


# Search 80 at stride 16: positions 8, 24, 40, 56, 72; the middle one, number 2, stands at 40.
@pytest.mark.parametrize(
    ("centre", "expected"),
    [
        ((40, 40), "..... ..#.. .###. ..#.. ....."),
        # 15.9 pixels are less than a step: cut to 0, to either side.
        ((55.9, 40), "..... ..#.. .###. ..#.. ....."),
        ((24.1, 24.1), "..... ..#.. .###. ..#.. ....."),
        # One step right; one and a half left and down.
        ((56, 40), "..... ...#. ..### ...#. ....."),
        ((16, 64), "..... ..... .#... ###.. .#..."),
        # A target at the edge, and one a step beyond it: what of the cross reaches inside counts.
        ((8, 8), "##... #.... ..... ..... ....."),
        ((88, 40), "..... ..... ....# ..... ....."),
        ((120, 40), "..... ..... ..... ..... ....."),
    ],
)
def test_cross_at_stride_16(centre: tuple[float, float], expected: str) -> None:
    assert targets_of(centre).labels[0, 0].tolist() == rows(expected)


# Search 56 at stride 8: seven positions 4, 12 ... 52; the middle one, number 3, stands at 28.
@pytest.mark.parametrize(
    ("centre", "expected"),
    [
        ((28, 28), "....... ...#... ..###.. .#####. ..###.. ...#... ......."),
        ((36, 20), "....#.. ...###. ..##### ...###. ....#.. ....... ......."),
        ((20.5, 35), "....... ...#... ..###.. .#####. ..###.. ...#... ......."),
    ],
)
def test_cross_at_stride_8(centre: tuple[float, float], expected: str) -> None:
    assert targets_of(centre, search_size=56, cells=7).labels[0, 0].tolist() == rows(expected)


def test_cross_covers_thirteen_positions_of_lighttrack_s_map_at_stride_8_and_five_at_16() -> None:
    for cells, count in ((16, 5), (32, 13)):
        assert targets_of((128, 128), search_size=256, cells=cells).labels.sum() == count


def test_radius_of_the_cross() -> None:
    wide = TargetSettings(rule="cross", radius=32)
    expected = "..#.. .###. ##### .###. ..#.."
    assert targets_of((40, 40), settings=wide).labels[0, 0].tolist() == rows(expected)


# Search 56, stride 8. Radii 20 and 12 around (28, 28): a position is left out at a distance above .55 up to 1.
# Row of the centre: offsets 0, 8, 16, 24 of 20: 0, .4, .8, 1.2. One row off: y adds (8 / 12)^2 = .444:
# .667, .777 and 1.04. Two rows off: 16 / 12 > 1.
@pytest.mark.parametrize(
    ("centre", "size", "expected"),
    [
        ((28, 28), (40, 24), "....... ....... ..ooo.. .o###o. ..ooo.. ....... ......."),
        ((36, 20), (40, 24), "....... ...ooo. ..o###o ...ooo. ....... ....... ......."),
        # Beyond the edge: the centre at 52, the last position.
        ((52, 28), (40, 24), "....... ....... .....oo ....o## .....oo ....... ......."),
        # Between the positions (radius 3 reaches none of them): the nearest of them, 28 and 20.
        ((31, 17), (6, 6), "....... ....... ...#... ....... ....... ....... ......."),
        # The nearest one lies inside the ellipse, but not in its inner part: 3 of 5.2 pixels, .577; the next 5, .96.
        ((31, 28), (10.4, 10.4), "....... ....... ....... ...#o.. ....... ....... ......."),
    ],
)
def test_cells_within_the_ellipses_are_those_drawn(
    centre: tuple[float, float], size: tuple[float, float], expected: str
) -> None:
    found = targets_of(centre, size, search_size=56, cells=7, settings=ELLIPSE)
    assert found.labels[0, 0].tolist() == rows(expected)


def test_inner_share_of_the_ellipse() -> None:
    whole = TargetSettings(rule="ellipse", inner=1.0)
    found = targets_of((28, 28), (40, 24), search_size=56, cells=7, settings=whole)
    assert found.labels[0, 0].tolist() == rows("....... ....... ..###.. .#####. ..###.. ....... .......")


@pytest.mark.parametrize("settings", [CROSS, ELLIPSE])
def test_regression_reaches_over_the_whole_box(settings: TargetSettings) -> None:
    # Box 20..76 by 30..50: columns 24, 40, 56, 72; row 40. A position on the box's edge is outside.
    found = targets_of((48, 40), (56, 20), settings=settings)
    assert found.weights[0, 0].tolist() == rows("..... ..... .#### ..... .....")
    assert found.distances[0, :, 2, 1].tolist() == [4.0, 10.0, 52.0, 10.0]
    on_the_edge = targets_of((48, 40), (48, 20), settings=settings)  # 24..72
    assert on_the_edge.weights[0, 0].tolist() == rows("..... ..... ..##. ..... .....")


@pytest.mark.parametrize("rule", RULES)
def test_pairs_without_target_are_all_background(rule: str) -> None:
    boxes = torch.tensor([[30.0, 30.0, 20.0, 20.0], [0.0, 0.0, 0.0, 0.0], [np.nan] * 4])
    positive = torch.tensor([True, False, False])
    found = make_targets(boxes, positive, search_size=80, cells=5, settings=TargetSettings(rule=rule))
    assert found.labels[0].max() == 1
    assert (found.labels[1:] == 0).all()
    assert found.weights[0].sum() > 0
    assert (found.weights[1:] == 0).all()
    assert found.distances.isfinite().all()


@given(st.sampled_from(sorted(RULES)), st.integers(0, 2**32 - 1), st.sampled_from([(128, 16), (256, 16), (256, 32)]))
def test_what_holds_for_any_box(rule: str, seed: int, sizes: tuple[int, int]) -> None:
    search_size, cells = sizes
    rng = np.random.default_rng(seed)
    boxes = np.hstack([rng.uniform(-0.3, 0.9, (6, 2)), rng.uniform(0.02, 0.9, (6, 2))]) * search_size
    box = torch.from_numpy(boxes.astype(np.float32))
    options: Any = {"search_size": search_size, "cells": cells, "settings": TargetSettings(rule=rule)}
    found = make_targets(box, torch.ones(6, dtype=torch.bool), **options)
    assert found.labels.shape == found.weights.shape == (6, 1, cells, cells)
    assert set(found.labels.unique().tolist()) <= {-1.0, 0.0, 1.0}
    # Every position's distances give the box back.
    positions = map_positions(search_size, cells)
    left, top, right, bottom = found.distances.unbind(1)
    for got, wanted in (
        (positions - left, box[:, 0]),
        (positions[:, None] - top, box[:, 1]),
        (left + right, box[:, 2]),
        (top + bottom, box[:, 3]),
    ):
        assert (got - wanted[:, None, None]).abs().max() < 1e-3
    assert ((found.distances.amin(1, keepdim=True) > 0) == (found.weights == 1)).all()
    if rule == "ellipse":
        assert (found.labels == 1).flatten(1).any(dim=1).all()
        # The ellipse lies in the box (but for the nearest position, which stands in for an empty one).
        assert ((found.labels != 0) & (found.weights == 0)).flatten(1).sum(1).max() <= 1


@given(
    st.sampled_from(sorted(RULES)),
    st.integers(-3, 3),
    st.integers(-3, 3),
    st.integers(16, 60),
    st.integers(16, 60),
    st.sampled_from([1.0, 7.0]),
)
def test_labels_move_with_the_box(rule: str, right: int, down: int, width: int, height: int, start: float) -> None:
    """By whole steps away from the middle (the cross's cut towards zero is lopsided there, by design)."""
    settings = TargetSettings(rule=rule)
    options: Any = {"search_size": 256, "cells": 16, "settings": settings}
    first = targets_of((128 + 48 + start, 128 + 48 + start), (width, height), **options)
    # Not beyond the middle, nor out of the map.
    moved = targets_of((176 + start + right * 16, 176 + start + down * 16), (width, height), **options)
    inner = slice(4, 12)
    shifted = slice(4 + down, 12 + down), slice(4 + right, 12 + right)
    for before, after in ((first.labels, moved.labels), (first.weights, moved.weights)):
        assert torch.equal(before[0, 0, inner, inner], after[0, 0, shifted[0], shifted[1]])


@pytest.mark.parametrize(("search_size", "stride"), [(256, 16), (288, 16), (256, 8), (128, 8), (255, 16)])
def test_positions_are_the_tracker_s(search_size: int, stride: int) -> None:
    grid, _ = _grid_and_window(search_size, stride, influence=0.5)
    assert map_positions(search_size, len(grid)).tolist() == grid


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rule": "elipse"}, "unknown rule of targets 'elipse'; did you mean 'ellipse'"),
        ({"radius": -1}, "radius: expected a number between 0 and 1000, got -1"),
        ({"inner": 1.5}, "inner: expected a number between 0 and 1, got 1.5"),
        ({"inner": "x"}, "inner: expected a number"),
    ],
)
def test_impossible_settings_of_targets_are_refused(wrong: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        TargetSettings(**wrong)
