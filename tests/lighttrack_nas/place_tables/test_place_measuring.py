"""Tables of places that are measured: a teacher's own path loses nothing, absent places neither, seeds decide."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.place_tables import place_measuring
from lighttrack_nas.place_tables.tower_measuring import ridge
from lighttrack_nas.search_spaces.base.labels import OUTPUT, TOWERS
from lighttrack_nas.strategies.one_shot.teaching.lessons import Lessons
from lighttrack_nas.trackers.training.pairs.pair import Pair, draw_batch
from tests.strategies.one_shot.teaching.small_teachers import Squares, middle, small, stages, started, teacher_of

SMALL = small()
TOWERS_OF = {"both": {"widths": [12], "layers": 2, "operations": {"dsconv": {"kernel": [3, 5]}}}}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_measuring, "_PAIRS", 8)
    monkeypatch.setattr(place_measuring, "_BATCH", 4)


# Kernels of 5, which the small ones cannot hold.
OWN = SMALL.architecture(
    dict(middle(SMALL).choices) | {label: "k5e2" for label in SMALL.labels if label.startswith("stage")}
)


def measured(space: ltn.Space, seed: int = 0) -> tuple[Lessons, ltn.PlaceScores]:
    lessons = Lessons(space, teacher_of(OWN))
    return lessons, ltn.measure_places(started(lessons), lessons, Squares(), seed=seed)


def test_the_teacher_s_own_path_loses_nothing() -> None:
    lessons, scores = measured(SMALL)
    for place, score in zip(scores.places, scores.by_place(OWN), strict=True):
        # What layers of towers lose is fitted to that of whole towers.
        assert score < (0.5 if place.part.endswith("_head") else 1e-6), place.label
    others = dict(OWN.choices)
    for label in ("stage1-block0", "stage2-block0"):
        assert scores.score(SMALL.architecture(others | {label: "k3e2"})) > scores.score(OWN)
    assert scores.provenance["teacher"] == lessons.teacher.record()
    assert [tower.branch for tower in scores.towers] == ["cls", "reg"]


def test_the_first_output_has_a_last_block_of_its_own() -> None:
    """It runs whatever the output is, for another task where the features leave behind it."""
    _, scores = measured(SMALL)
    (place,) = (place for place in scores.places if place.label == "stage2-block0")
    assert place.labels == ("stage2-block0", OUTPUT)
    assert (place.scores[:, 0] != place.scores[:, 1]).all()
    assert (place.scores[:, 1] == place.scores[:, 2]).all()


@pytest.mark.slow
def test_places_behind_the_output_are_0() -> None:
    _, scores = measured(SMALL)
    for place in scores.places:
        if place.label in ("stage2-block1", "stage2-block2"):
            axis = place.labels.index(OUTPUT)
            assert not place.scores.take([0], axis).any()
            assert place.scores.take([2], axis).any() or place.label == "stage2-block2"


@pytest.mark.slow
def test_the_same_seed_measures_the_same_places() -> None:
    _, one = measured(SMALL)
    _, same = measured(SMALL)
    _, other = measured(SMALL, seed=1)
    assert one.digest == same.digest
    assert one.digest != other.digest


OTHERS = {
    "free depths": small(stages=stages({}, {"blocks": [1, 2, 3]}, {"blocks": [1, 2]}), outputs=["stage2"]),
    "free widths": small(stages=stages({}, {"channels": [8, 12]}, {"channels": [12, 24]})),
    "free expansions": small(
        stages=stages({}, {"operations": {"mbconv": {"kernel": [3, 5]}}, "expansions": [1, 2]}, {})
    ),
    "shared": small(towers=TOWERS_OF | {"sharing": "shared"}),
    "shared or not": small(towers=TOWERS_OF | {"sharing": ["separate", "shared"]}),
    "untied": small(towers={"both": TOWERS_OF["both"] | {"widths": [8, 12], "tied": False}}),
    "either correlation": small(correlation=["pixelwise", "depthwise"]),
    "other names": small(stages=stages({"name": "a"}, {"name": "b"}, {"name": "c"}), outputs=["c-block2"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_spaces_of_every_kind_have_a_table(name: str) -> None:
    space = OTHERS[name]
    _, scores = measured(space)
    rng = np.random.default_rng(0)
    for _ in range(20):
        path = space.sample(rng)
        assert np.isfinite(scores.score(path))
        # What has no say changes nothing.
        assert scores.score(path.path()) == pytest.approx(scores.score(path))
    labels = {label for place in scores.places for label in place.labels}
    assert labels == set(space.labels)


def test_a_block_that_a_stage_leaves_out_loses_what_it_would_have_done() -> None:
    space = OTHERS["free depths"]
    _, scores = measured(space)
    (place,) = (place for place in scores.places if place.label == "stage1-block1")
    axis = place.labels.index("stage1-depth")
    absent, there = place.scores.take(0, axis), place.scores.take(1, axis)
    assert (absent == absent.flat[0]).all()
    assert absent.flat[0] > there.min()


def test_layers_of_a_tower_that_is_not_there_are_0() -> None:
    space = OTHERS["shared or not"]
    _, scores = measured(space)
    (place,) = (place for place in scores.places if place.label == "cls-layer0")
    assert set(place.labels) == {"cls-layer0", TOWERS}
    axis = place.labels.index(TOWERS)
    assert not place.scores.take(space.labels[TOWERS].index("shared"), axis).any()


def test_many_combinations_are_fitted_and_too_many_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_measuring, "_MOST_MEASURED", 16)
    renamed = OTHERS["other names"]
    _, scores = measured(renamed)
    (place,) = (place for place in scores.places if place.label == "c-block2")
    assert place.scores.size == 8
    monkeypatch.setattr(place_measuring, "_MOST_CELLS", 4)
    with pytest.raises(ltn.InputError, match="what it loses depends on 3 choices with 8 combinations, at most 4 can"):
        measured(renamed)


def test_ridge_finds_sums_of_what_counts() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([0.5, 0.0, 2.0, 1.0])
    design = rng.integers(0, 3, (200, 4)).astype(float)
    found = ridge(design, design @ truth)
    np.testing.assert_allclose(found, truth, atol=0.01)
    assert (ridge(design, -design @ truth) == 0).all()


def test_progress_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    lessons = Lessons(SMALL, teacher_of(middle(SMALL)))
    ltn.measure_places(started(lessons), lessons, Squares(), progress=lambda amount, what: told.append((amount, what)))
    assert told == [(1, segment.blocks[-1] or "stem") for segment in lessons.segments]


def test_pairs_are_not_those_of_a_training() -> None:
    class Heard(Squares):
        def __init__(self) -> None:
            self.draws: list[int] = []

        def pair(self, rng: np.random.Generator) -> Pair:
            self.draws.append(int(copy.deepcopy(rng).integers(2**62)))
            return super().pair(rng)

    lessons, measuring, training = Lessons(SMALL, teacher_of(OWN)), Heard(), Heard()
    ltn.measure_places(started(lessons), lessons, measuring, seed=3)
    draw_batch(training, 3, 0, 100)
    assert len(measuring.draws) == 8
    assert not set(measuring.draws) & set(training.draws)
