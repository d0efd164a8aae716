"""The sandwich rule: who learns from what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.strategies.one_shot_registry import one_shot_strategy
from lighttrack_nas.strategies.one_shot.strategies.sandwich import Sandwich, sandwich_paths
from lighttrack_nas.strategies.one_shot.training.fit import fit
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import MacsPaths, OneShotProblem
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.targets import TargetSettings


class Squares:
    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (64, 128))
        return Pair(template, search, np.array([40, 40, 32, 32], np.float32), True)


class Weighed:
    """The tracking task with both kinds of loss multiplied; it remembers what it was asked."""

    def __init__(self, labels: float = 1.0, teacher: float = 1.0) -> None:
        self.task = TrackingTask(Squares(), 2, 0, TargetSettings(), LossSettings())
        self.factors = labels, teacher
        self.asked: list[Any] = []

    def batch(self, index):
        return self.task.batch(index)

    def loss(self, model, batch, device):
        def watched(*inputs):
            answers = model(*inputs)
            self.asked.append(answers)
            return answers

        return {name: value * self.factors[0] for name, value in self.task.loss(watched, batch, device).items()}

    def distillation(self, answers, teacher):
        assert not any(each.requires_grad for each in teacher)
        assert all(torch.equal(one, other) for one, other in zip(answers, self.asked[-1], strict=True))
        assert all(torch.equal(one, other) for one, other in zip(teacher, self.asked[0], strict=True))
        found = self.task.distillation(answers, teacher)
        return {name: value * self.factors[1] for name, value in found.items()}


@pytest.fixture(scope="module")
def tiny() -> Space:
    return load_space("lighttrack-tiny")


def ends(space: Space) -> MacsPaths:
    smallest = {label: values[0] for label, values in space.labels.items()}
    largest = {label: values[-1] for label, values in space.labels.items()} | {"cls-layer1": "k5"}
    return MacsPaths(space.sample, space.architecture(smallest), space.architecture(largest))


def changed_blocks(space: Space, folder: Path, task: Weighed, random_paths: int = 0) -> set[tuple[str, str]]:
    """(label, candidate) of the backbone's choices whose weights an update moves."""
    torch.manual_seed(1)
    model = build_model_space(space)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    how = TrainingSettings(steps=1, batch_size=2, workers=0, warmup_steps=0, weight_decay=0)
    problem = OneShotProblem(space=space, settings=how, macs=lambda: ends(space))
    plan = Sandwich(random_paths).plan(problem)
    assert plan.passes == 2 + random_paths
    fit(model, model.network.backbone, task, how, folder, plan=plan)
    after = dict(model.named_parameters())
    return {
        (label, name)
        for label in ("stage1-block0", "stage1-block1", "stage2-block0")
        for name in space.candidates[label]
        if any(f"{label}.{name}." in key and not torch.equal(before[key], after[key]) for key in after)
    }


def test_the_largest_learns_from_labels_and_the_others_from_the_largest(tiny: Space, tmp_path: Path) -> None:
    blocks = ("stage1-block0", "stage1-block1", "stage2-block0")
    largest, smallest = {(block, "k7e4") for block in blocks}, {(block, "k3e2") for block in blocks}
    task = Weighed()
    assert changed_blocks(tiny, tmp_path / "both", task) == largest | smallest
    assert len(task.asked) == 2
    assert changed_blocks(tiny, tmp_path / "labels", Weighed(teacher=0)) == largest
    assert changed_blocks(tiny, tmp_path / "teacher", Weighed(labels=0)) == smallest


def test_random_paths_train_too(tiny: Space, tmp_path: Path) -> None:
    task = Weighed()
    moved = changed_blocks(tiny, tmp_path, task, random_paths=3)
    assert len(task.asked) == 5
    for path in sandwich_paths(tiny, ends(tiny), 3, 0, 0):
        assert ("stage1-block0", path.choices["stage1-block0"]) in moved


def test_paths_by_hand(tiny: Space) -> None:
    macs = ends(tiny)
    first = sandwich_paths(tiny, macs, 2, 0, 0)
    assert first[:2] == [macs.dearest, macs.cheapest]
    assert first == sandwich_paths(tiny, macs, 2, 0, 0)
    assert first[2:] != sandwich_paths(tiny, macs, 2, 0, 1)[2:]
    assert first[2] != first[3]


@pytest.mark.parametrize("value", [-1, 31, 1.5, True, "two"])
def test_impossible_numbers_are_refused(value: object) -> None:
    with pytest.raises(InputError, match="'sandwich', random_paths: expected a whole number from 0 to 30, got"):
        one_shot_strategy("sandwich", random_paths=value)


def test_a_task_without_comparison_is_refused(tiny: Space, tmp_path: Path) -> None:
    class Plain:
        batch, loss = Weighed.batch, Weighed.loss

    how = TrainingSettings(steps=1, batch_size=2, workers=0)
    plan = Sandwich().plan(OneShotProblem(space=tiny, settings=how, macs=lambda: ends(tiny)))
    model = build_model_space(tiny)
    with pytest.raises(InputError, match="'sandwich': Plain cannot compare networks' answers"):
        fit(model, model.network.backbone, Plain(), how, tmp_path, plan=plan)
