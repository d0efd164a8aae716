"""Strict fairness: counts of what is trained, and that an update trains it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from lighttrack_nas.search_spaces.base.labels import OUTPUT
from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.strategies.fair import Fair, fair_paths, paths_per_update
from lighttrack_nas.strategies.one_shot.training.fit import fit
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.targets import TargetSettings


@pytest.fixture(params=["lighttrack-tiny", "lighttrack-12"])
def space(request: pytest.FixtureRequest) -> Space:
    return load_space(request.param)


def always_run(space: Space) -> list[str]:
    """Labels that every output keeps."""
    blocks = {block.name for block in space.description.blocks}
    kept = set(space.blocks_up_to(space.candidates[OUTPUT][0]))
    return [label for label in space.labels if label not in blocks - kept]


def test_every_candidate_is_trained_once_an_update_or_in_turn(space: Space) -> None:
    count = paths_per_update(space)
    assert count == max(len(values) for values in space.labels.values())
    for step in range(20):
        paths = fair_paths(space, 3, step)
        assert len(paths) == count
        for label in always_run(space):
            used = Counter(path.choices[label] for path in paths)
            size = len(space.labels[label])
            if count % size == 0:
                assert used == dict.fromkeys(space.labels[label], count // size), (step, label)


@pytest.mark.parametrize("seed", [0, 1])
def test_at_no_time_is_a_candidate_ahead_by_more_than_one_training(space: Space, seed: int) -> None:
    used: dict[str, Counter[str]] = {label: Counter(dict.fromkeys(values, 0)) for label, values in space.labels.items()}
    for step in range(30):
        for path in fair_paths(space, seed, step):
            behind = space.dead_labels(path)
            for label, value in path.choices.items():
                used[label][value] += label not in behind
        for label, counts in used.items():
            assert max(counts.values()) - min(counts.values()) <= 1, (step, label, counts)
    assert all(min(counts.values()) > 0 for counts in used.values())


def test_paths_are_normal_forms_and_functions_of_seed_and_step(space: Space) -> None:
    assert fair_paths(space, 3, 5) == fair_paths(space, 3, 5)
    assert fair_paths(space, 3, 5) != fair_paths(space, 3, 6)
    assert fair_paths(space, 3, 5) != fair_paths(space, 4, 5)
    assert all(path == path.path() for step in range(5) for path in fair_paths(space, 0, step))


def test_choices_are_combined_at_random() -> None:
    """A candidate meets every candidate of another choice, not always the same."""
    space = load_space("lighttrack-tiny")
    met = {
        (path.choices["stage1-block0"], path.choices["stage1-block1"])
        for step in range(60)
        for path in fair_paths(space, 0, step)
    }
    assert len(met) == 36


class Squares:
    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (64, 128))
        return Pair(template, search, np.array([40, 40, 32, 32], np.float32), True)


@pytest.mark.slow
def test_one_update_trains_every_candidate_on_the_same_batch(tmp_path: Path) -> None:
    space = load_space("lighttrack-tiny")
    torch.manual_seed(1)
    model = build_model_space(space)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    seen: list[int] = []

    class Watched:
        task = TrackingTask(Squares(), 2, 0, TargetSettings(), LossSettings())

        def batch(self, index):
            return index, self.task.batch(index)

        def loss(self, model, batch, device):
            seen.append(batch[0])
            return self.task.loss(model, batch[1], device)

    how = TrainingSettings(steps=1, batch_size=2, workers=0, warmup_steps=0, accumulate=2)
    plan = Fair().plan(OneShotProblem(space=space, settings=how))
    told: list[int] = []
    fit(
        model, model.network.backbone, Watched(), how, tmp_path, plan=plan, progress=lambda steps, _: told.append(steps)
    )
    assert seen == [0] * 6 + [1] * 6
    assert told == [1]
    after = model.state_dict()
    for label in ("stage1-block0", "stage1-block1", "stage2-block0"):
        for name in space.candidates[label]:
            keys = [key for key in before if f"{label}.{name}." in key and before[key].is_floating_point()]
            assert any(not torch.equal(before[key], after[key]) for key in keys), (label, name)
