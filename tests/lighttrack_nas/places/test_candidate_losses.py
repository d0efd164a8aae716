"""What places lose, against the table's own scores; and the ends of whole spaces, against every network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores, ScoredPlace
from lighttrack_nas.places.candidate_losses import loss_range
from lighttrack_nas.search_spaces.enumeration import paths

SPACE = ltn.load_space("lighttrack-table")


def test_what_each_candidate_loses(random_places: Callable[..., PlaceScores]) -> None:
    scores = random_places(SPACE)
    found = {place.label: place for place in ltn.place_losses(scores)}
    assert [*found] == [place.label for place in scores.places]
    for architecture in list(paths(SPACE))[::97]:
        dead = SPACE.dead_labels(architecture)
        for place, nsr in zip(scores.places, scores.by_place(architecture), strict=True):
            chosen = SPACE.chosen(architecture)
            losses = [
                loss
                for loss in found[place.label].losses
                if loss.candidate == chosen[place.label] and all(chosen[label] == value for label, value in loss.beside)
            ]
            if place.label not in dead:
                assert [loss.nsr for loss in losses] == [nsr]
    # A block that lies behind some outputs loses the same with the others: the output makes no difference.
    assert all(not loss.beside for loss in found["stage2-block1"].losses)
    assert {loss.candidate for loss in found["stage2-block1"].losses} == set(SPACE.candidates["stage2-block1"])
    assert all([label for label, _ in loss.beside] == ["cls-width"] for loss in found["cls-layer1"].losses)


def test_best_worst_and_names() -> None:
    scores = np.array([[0.3, 0.1], [0.1, 0.2]])  # by width and candidate
    place = ScoredPlace("cls_head", "cls-layer1", ("cls-width", "cls-layer1"), scores)
    (found,) = ltn.place_losses(PlaceScores(SPACE, [place], {}))
    first, second = SPACE.candidates["cls-layer1"]
    narrow, wide = SPACE.candidates["cls-width"]
    assert [(loss.candidate, loss.nsr) for loss in found.losses] == [
        (first, 0.3), (first, 0.1), (second, 0.1), (second, 0.2),
    ]  # fmt: skip
    assert found.best.name == f"{first} (cls-width {wide})"
    assert found.worst.name == f"{first} (cls-width {narrow})"
    assert found.spread == pytest.approx(0.2)


def test_a_tower_of_both_branches_goes_by_its_name() -> None:
    content = SPACE.description.model_dump(mode="json") | {"name": "shared"}
    content["towers"]["sharing"] = ["shared"]
    shared = ltn.DeclaredSpace(type(SPACE.description).model_validate(content))
    scores = np.zeros(len(shared.labels["reg-layer0"]))
    place = ScoredPlace("reg_head", "reg-layer0", ("reg-layer0",), scores)
    assert [each.part for each in ltn.place_losses(PlaceScores(shared, [place], {}))] == ["shared_head"]


def test_the_range_of_losses_is_that_of_all_networks(random_places: Callable[..., PlaceScores]) -> None:
    scores = random_places(SPACE, 3)
    every = [scores.score(each) for each in paths(SPACE)]
    assert loss_range(scores) == pytest.approx((min(every), max(every)))
