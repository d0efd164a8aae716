"""What every registered one-shot strategy keeps to: it trains, resumes, gives working networks, and is a record."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.strategies.differentiable import without_alphas
from lighttrack_nas.strategies.one_shot.strategies.one_shot_registry import (
    ONE_SHOT_STRATEGIES,
    one_shot_strategy,
    strategy_record,
)
from lighttrack_nas.strategies.one_shot.teaching.first_weights import start_from_teacher
from lighttrack_nas.strategies.one_shot.teaching.teacher import Teacher
from lighttrack_nas.strategies.one_shot.training.fit import FitReport, fit
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import MacsPaths, OneShotProblem, TrainingPlan
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.norms import fold_norms, is_folded
from lighttrack_nas.trackers.training.batches import to_tensors
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.targets import TargetSettings

STRATEGIES = sorted(ONE_SHOT_STRATEGIES)
# One of each kind of choice, and one that no other choice's size divides.
SPACE = {
    "name": "smallest",
    "summary": "For tests",
    "template_size": 32,
    "search_sizes": [64],
    "stem": {"channels": 8, "kernel": 3, "stride": 2},
    "operations": {
        "separable3": {"kind": "separable", "kernel": 3},
        "k3e2": {"kind": "mbconv", "kernel": 3, "expansion": 2},
        "k3e4": {"kind": "mbconv", "kernel": 3, "expansion": 4},
        "k5e2": {"kind": "mbconv", "kernel": 5, "expansion": 2},
        "k5e4": {"kind": "mbconv", "kernel": 5, "expansion": 4},
        "k3": {"kind": "dsconv", "kernel": 3},
        "k5": {"kind": "dsconv", "kernel": 5},
        "skip": {"kind": "skip"},
    },
    "predictions": {"score_scale": 0.1, "box_activation": "exp", "box_scale": 8},
    "stages": [
        {"name": "stage0", "channels": 8, "blocks": 1, "stride": 1, "operations": ["separable3"]},
        {"name": "stage1", "channels": 12, "blocks": 1, "stride": 2, "operations": ["k3e2", "k5e2", "k3e4", "k5e4"]},
        {"name": "stage2", "channels": 16, "blocks": 2, "stride": 2, "operations": ["k3e2", "k5e2"]},
    ],
    "outputs": ["stage2"],
    "fused_channels": 16,
    "towers": {
        "cls": {"widths": [8, 12], "layers": [{"operations": ["k3", "k5"]}, {"operations": ["k3", "k5", "skip"]}]},
        "reg": {"widths": [8], "layers": [{"operations": ["k3", "k5"]}]},
    },
}


class Squares:
    """A red square on noise."""

    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (32, 64))
        x, y = (int(v) for v in rng.integers(5, 40, 2))
        template[8:24, 8:24] = search[y : y + 16, x : x + 16] = (0, 0, 255)
        return Pair(template, search, np.array([x, y, 16, 16], np.float32), True)


class StoppedError(Exception):
    pass


@pytest.fixture(scope="module")
def space() -> Space:
    return parse_space(SPACE, where="test")


def macs(space: Space) -> MacsPaths:
    """As if sampling knew of MACs."""
    low = space.architecture({label: values[0] for label, values in space.labels.items()})
    high = space.architecture({label: values[-1] for label, values in space.labels.items()})
    return MacsPaths(space.sample, low, high)


@cache
def teacher(space: Space) -> Teacher:
    """A network of the same space, for strategies that learn from one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        architecture = space.sample(np.random.default_rng(0))
        network = build_network(architecture).train()
        crops = to_tensors(task().batch(0))
        for norm in network.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.momentum = None  # the first batch gives its statistics
        network(crops.template, crops.search)
        return Teacher.of(network, architecture, "plain", "0" * 16)


def planned(space: Space, name: str, how: TrainingSettings, **chosen: Any) -> TrainingPlan:
    problem = OneShotProblem(
        space=space, settings=how, macs=lambda: macs(space), load_teacher=lambda source, code: teacher(space)
    )
    more = {"teacher": "plain"} if name == "blockwise" else {}
    return one_shot_strategy(name, **more, **chosen).plan(problem)


def fresh(space: Space, plan: TrainingPlan) -> Any:
    """A model space as the strategy wants it, the same each time."""
    torch.manual_seed(1)
    if plan.lessons is None:
        return build_model_space(space)
    model = build_model_space(space, plan.lessons.tasks)
    start_from_teacher(model, plan.lessons, to_tensors(task().batch(0)))
    return model


def settings(**changes: Any) -> TrainingSettings:
    given = {"steps": 4, "batch_size": 2, "workers": 0, "checkpoint_steps": 2, "warmup_steps": 1, "log_steps": 2}
    return TrainingSettings(**(given | changes))


def task() -> TrackingTask:
    return TrackingTask(Squares(), 2, 0, TargetSettings(), LossSettings())


def train(
    space: Space,
    output: Path,
    name: str,
    how: TrainingSettings,
    *,
    stop_after: int | None = None,
    prepare: Callable[[Any], object] = lambda _: None,
    **chosen: Any,
) -> tuple[Any, FitReport | None]:
    """Train from the same start; stop between two checkpoints if asked to."""
    plan = planned(space, name, how, **chosen)
    model = fresh(space, plan)
    prepare(model)
    # Whoever draws from torch's generator afterwards is found out.
    torch.manual_seed(stop_after or 0)
    done = 0

    def progress(steps: int, losses: Any) -> None:
        nonlocal done
        done += steps
        assert all(math.isfinite(value) for value in losses.values())
        if done == stop_after:
            raise StoppedError

    try:
        report = fit(model, model.network.backbone, task(), how, output, plan=plan, progress=progress)
    except StoppedError:
        return model, None
    return model, report


def different(one: Any, other: Any) -> list[str]:
    states = one.state_dict(), other.state_dict()
    assert states[0].keys() == states[1].keys()
    return [key for key in states[0] if not torch.equal(states[0][key], states[1][key])]


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_folded_norms_stay_affine_maps_whose_weights_learn(space: Space, tmp_path: Path, name: str) -> None:
    """Also where the backbone is frozen at first, and in a training that was stopped."""

    def folded(model: Any) -> None:
        with torch.no_grad():
            for norm in model.modules():
                if isinstance(norm, torch.nn.BatchNorm2d):
                    norm.weight.uniform_(0.8, 1.2)
                    norm.running_var.uniform_(0.5, 1.5)
        fold_norms(model.network.backbone)
        fold_norms(model.network.cls_head)

    how = settings(backbone_frozen=0.25, average=0.9, learning_rate=0.01)
    start = fresh(space, planned(space, name, how))
    folded(start)

    def prepare(model: Any) -> None:
        model.load_state_dict(start.state_dict())

    train(space, tmp_path, name, how, stop_after=3, prepare=prepare)
    model, _ = train(space, tmp_path, name, how, prepare=prepare)
    before = dict(start.named_modules())
    norms = {key: norm for key, norm in model.named_modules() if isinstance(norm, torch.nn.BatchNorm2d)}
    kept = {key for key, norm in norms.items() if is_folded(norm)}
    assert kept == {key for key in norms if ".backbone." in key or ".cls_head." in key}
    for part in ("backbone", "cls_head"):
        assert any(not torch.equal(norms[key].weight, before[key].weight) for key in kept if f".{part}." in key)
    moved = [not torch.equal(norms[key].running_mean, before[key].running_mean) for key in norms if key not in kept]
    # Those that started from a teacher's are affine maps too.
    assert any(moved) == (name != "blockwise")


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize(
    "changes",
    [{}, {"accumulate": 2, "average": 0.9, "backbone_frozen": 0.5}],
    ids=["plain", "everything"],
)
def test_a_resumed_training_equals_an_undisturbed_one(
    space: Space, tmp_path: Path, name: str, changes: dict[str, Any]
) -> None:
    how = settings(**changes)
    undisturbed, report = train(space, tmp_path / "one", name, how)
    assert report is not None
    assert (report.resumed_at, report.skipped, report.steps) == (0, 0, 4)
    assert train(space, tmp_path / "two", name, how, stop_after=3)[1] is None
    resumed, report = train(space, tmp_path / "two", name, how)
    assert report is not None
    assert report.resumed_at == 2
    assert different(undisturbed, resumed) == []
    again, report = train(space, tmp_path / "two", name, how)
    assert report is not None
    assert report.resumed_at == 4
    assert different(undisturbed, again) == []


@pytest.mark.parametrize("name", STRATEGIES)
def test_another_seed_gives_other_weights(space: Space, tmp_path: Path, name: str) -> None:
    """That the same seed gives the same, resumed trainings show."""
    first, _ = train(space, tmp_path / "one", name, settings(steps=1))
    other, _ = train(space, tmp_path / "two", name, settings(steps=1, seed=1))
    assert different(first, other)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_trained_supernet_gives_working_networks(space: Space, tmp_path: Path, name: str) -> None:
    model, _ = train(space, tmp_path, name, settings(steps=2))
    supernet = Supernet(space, without_alphas(model)).eval()
    template, search = torch.randn(1, 3, 32, 32), torch.randn(1, 3, 64, 64)
    for seed in range(3):
        architecture = space.sample(np.random.default_rng(seed))
        supernet.pin(architecture)
        found = supernet(template, search)
        alone = supernet.extract(architecture)(template, search)
        assert all(torch.equal(one, other) for one, other in zip(found, alone, strict=True))
        assert all(torch.isfinite(answer).all() for answer in found)


@pytest.mark.parametrize("name", STRATEGIES)
def test_settings_are_a_record(name: str) -> None:
    strategy = one_shot_strategy(name)
    record = json.loads(json.dumps(strategy_record(strategy)))
    assert record["name"] == name
    assert one_shot_strategy(**record) == strategy


@pytest.mark.parametrize(
    ("name", "chosen", "message"),
    [
        ("sposs", {}, "unknown one-shot strategy 'sposs'; did you mean 'spos'? known: spos, fair"),
        ("fair", {"paths": 3}, "one-shot strategy 'fair' has no settings, got 'paths'"),
    ],
)
def test_mistakes_are_said(name: str, chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        one_shot_strategy(name, **chosen)
    assert message in str(raised.value)


def test_who_looks_at_macs_must_be_given_them(space: Space) -> None:
    with pytest.raises(InputError, match="'macs-uniform' looks at MACs, and was given none"):
        one_shot_strategy("macs-uniform").plan(OneShotProblem(space=space, settings=settings()))
