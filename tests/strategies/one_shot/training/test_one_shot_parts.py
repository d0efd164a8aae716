"""Rates, paths, settings and loaders of the trainings."""

import multiprocessing
import os
import pickle
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.one_shot.strategies.uniform import path_at
from lighttrack_nas.strategies.one_shot.training.loader import BatchLoader
from lighttrack_nas.strategies.one_shot.training.module import TrainingModule
from lighttrack_nas.strategies.one_shot.training.schedule import rate_share
from lighttrack_nas.strategies.one_shot.training.snapshots import snapshot_steps
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.base.errors import InputError


@pytest.mark.parametrize(
    ("decay", "step", "share"),
    [
        ("cosine", 0, 0.1),
        ("cosine", 5, 0.1**0.5),
        ("cosine", 10, 1.0),
        ("cosine", 60, 0.505),
        ("cosine", 110, 0.01),
        ("linear", 60, 0.505),
        ("linear", 110, 0.01),
        ("log", 60, 0.1),
        ("log", 110, 0.01),
    ],
)
def test_the_schedule_by_hand(decay: str, step: int, share: float) -> None:
    settings = TrainingSettings(steps=111, warmup_steps=10, warmup_start=0.1, final_rate=0.01, decay=decay)
    assert rate_share(step, settings) == pytest.approx(share)


def test_lighttrack_s_rates_come_out() -> None:
    # .01 to .03 in five epochs, geometrically, then down to 1e-4 evenly in the logarithm until epoch 50.
    settings = TrainingSettings(
        steps=51, warmup_steps=5, warmup_start=1 / 3, learning_rate=0.03, final_rate=1e-4 / 0.03, decay="log"
    )
    rates = [0.03 * rate_share(epoch, settings) for epoch in range(51)]
    assert rates[:6] == pytest.approx([0.01 * 3 ** (k / 5) for k in range(6)])
    assert rates[5:] == pytest.approx(np.geomspace(0.03, 1e-4, 46))


def test_a_schedule_may_be_longer_than_the_training() -> None:
    how = {"warmup_steps": 5, "final_rate": 0.01, "decay": "log"}
    whole, part = TrainingSettings(steps=51, **how), TrainingSettings(steps=31, schedule_steps=51, **how)
    assert [rate_share(step, part) for step in range(31)] == [rate_share(step, whole) for step in range(31)]


@pytest.mark.parametrize(
    ("settings", "kind", "fields"),
    [
        ({"optimizer": "adamw"}, torch.optim.AdamW, {"weight_decay": 0.02}),
        ({"optimizer": "sgd"}, torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        (
            {"optimizer": "sgd", "nesterov": False, "momentum": 0.8},
            torch.optim.SGD,
            {"momentum": 0.8, "nesterov": False},
        ),
        ({"optimizer": "sgd", "momentum": 0}, torch.optim.SGD, {"momentum": 0, "nesterov": False}),
        ({"optimizer": "rmsprop"}, torch.optim.RMSprop, {"momentum": 0.9, "alpha": 0.9, "eps": 0.0316}),
    ],
)
def test_each_optimizer_is_made_as_it_is_set(settings: dict[str, Any], kind: type, fields: dict[str, Any]) -> None:
    module = TrainingModule(Numbers(), TrainingSettings(steps=1, **settings), torch.nn.Module())
    module.set_model(torch.nn.Linear(2, 2))
    made = module.configure_optimizers()
    assert type(made) is kind
    decaying, norms_and_biases = made.param_groups
    assert {name: decaying[name] for name in fields} == fields
    assert norms_and_biases["weight_decay"] == 0


@pytest.mark.parametrize(
    ("steps", "count", "share", "expected"),
    [
        (50, 21, 0.4, tuple(range(30, 51))),
        (50, 3, 0.4, (30, 40, 50)),
        (50, 1, 0.4, (50,)),
        (50, 0, 0.4, ()),
        (3, 21, 0.4, (2, 3)),
        (10, 4, 0.0, (10,)),
        (1, 2, 1.0, (1,)),
    ],
)
def test_states_are_kept_evenly_and_at_the_end(steps: int, count: int, share: float, expected: tuple[int, ...]) -> None:
    assert snapshot_steps(steps, count, share) == expected


@given(st.integers(1, 500), st.integers(0, 600), st.sampled_from(["cosine", "log", "linear"]), st.integers(0, 700))
def test_shares_are_shares(steps: int, warmup: int, decay: str, step: int) -> None:
    assert 0 < rate_share(step, TrainingSettings(steps=steps, warmup_steps=warmup, decay=decay)) <= 1


@pytest.mark.parametrize(
    "wrong", [{}, {"steps": 0}, {"steps": 1, "batch_size": 0}, {"steps": 1, "learning_rat": 1}, {"steps": 1, "clip": 0}]
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TrainingSettings(**wrong)


def test_paths_are_functions_of_seed_step_and_device() -> None:
    space = load_space("lighttrack-tiny")
    assert path_at(space, 3, 5) == path_at(space, 3, 5)
    paths = {path_at(space, seed, step, rank) for seed in range(4) for step in range(25) for rank in range(2)}
    assert len(paths) == 200


def test_paths_are_uniform() -> None:
    space = load_space("lighttrack-tiny")
    paths = [path_at(space, 0, step).choices for step in range(3000)]
    for label, candidates in space.labels.items():
        counts = np.array([sum(path[label] == name for path in paths) for name in candidates])
        expected = 3000 / len(candidates)
        # Five standard deviations of a binomial count.
        assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


class Numbers:
    def batch(self, index: int) -> int:
        return index

    def loss(self, model, batch, device):
        raise AssertionError("a loader asks for batches alone")


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("first", [0, 3, 7])
def test_a_loader_goes_on_where_a_run_stopped(first: int, workers: int) -> None:
    loader = BatchLoader(Numbers(), first=first, total=7, workers=workers)
    assert [sealed.content for sealed in loader] == list(range(first, 7))
    assert len(loader) == 7


def test_settings_pickle_and_come_back_equal() -> None:
    settings = TrainingSettings(steps=3)
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - made here


class Large(Numbers):
    def batch(self, index: int) -> np.ndarray:
        return np.zeros((64, 128, 128, 3), np.uint8)  # far more than a pipe holds


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("killed", [0, -1])
def test_a_worker_killed_in_the_middle_of_a_batch_is_noticed(workers: int, killed: int) -> None:
    children = set(multiprocessing.active_children())
    # More than one worker has done ahead when the other is late: without those of the dead one there is no end.
    batches = iter(BatchLoader(Large(), first=0, total=99, workers=workers))
    next(batches)
    time.sleep(0.5)  # one worker is writing the next one, and waits for a reader
    started = set(multiprocessing.active_children()) - children
    worker = sorted(started, key=lambda process: process.pid or 0)[killed]
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(InputError, match="a process that prepares batches was killed"):
        list(batches)


class Slow(Numbers):
    def batch(self, index: int) -> int:
        time.sleep(1.0 if index else 0.0)
        return index


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
def test_a_torch_without_its_private_calls_watches_itself(killed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch._C, "_remove_worker_pids")
    children = set(multiprocessing.active_children())
    batches = iter(BatchLoader(Slow(), first=0, total=3, workers=1))
    assert next(batches).content == 0
    if not killed:
        assert [sealed.content for sealed in batches] == [1, 2]
        return
    (worker,) = set(multiprocessing.active_children()) - children
    threading.Timer(0.3, worker.kill).start()  # while the next batch is waited for
    with pytest.raises(InputError, match="a process that prepares batches was killed"):
        list(batches)
