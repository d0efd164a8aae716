"""Training through NNI: resumed runs, frozen backbones, bad losses, full disks."""

import errno
import math
import os
import shutil
import signal
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file

from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.strategies.uniform import SPOS, path_at
from lighttrack_nas.strategies.one_shot.training.callbacks import BadSteps
from lighttrack_nas.strategies.one_shot.training.fit import CHECKPOINT, FitReport, fit
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem
from lighttrack_nas.strategies.one_shot.training.snapshots import SNAPSHOTS, snapshot_files
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.targets import TargetSettings
from tests.strategies.one_shot.teaching.small_teachers import Squares, small


@dataclass
class Scripted:
    """The tracking task with losses of some calls multiplied."""

    task: TrackingTask
    factors: dict[int, float]
    calls: list[float] = field(default_factory=list)

    def batch(self, index):
        return self.task.batch(index)

    def loss(self, model, batch, device):
        losses = self.task.loss(model, batch, device)
        factor = self.factors.get(len(self.calls), 1.0)
        self.calls.append(factor)
        return {**losses, "loss": losses["loss"] * factor}


class StoppedError(Exception):
    pass


@pytest.fixture(scope="module")
def space() -> Space:
    return small()


def task(batch_size: int = 2) -> TrackingTask:
    return TrackingTask(Squares(), batch_size, 0, TargetSettings(), LossSettings())


def settings(**changes: object) -> TrainingSettings:
    given = {"steps": 6, "batch_size": 2, "workers": 0, "checkpoint_steps": 2, "warmup_steps": 2, "log_steps": 2}
    return TrainingSettings(**(given | changes))


def train(
    space: Space,
    output: Path,
    how: TrainingSettings,
    *,
    supernet: bool = True,
    stop_after: int | None = None,
    what=None,
    snapshots: tuple[int, ...] = (),
) -> tuple[dict[str, torch.Tensor], FitReport | None]:
    """Train from the same start; stop in the middle of a step if asked to."""
    torch.manual_seed(1)
    model = build_model_space(space) if supernet else build_network(space.sample(np.random.default_rng(0)))
    backbone = model.network.backbone if supernet else model.backbone
    done = 0

    def progress(steps, losses):
        nonlocal done
        done += steps
        assert math.isfinite(losses["loss"]) or what is not None
        if done == stop_after:
            raise StoppedError

    plan = SPOS().plan(OneShotProblem(space=space, settings=how)) if supernet else None
    try:
        report = fit(model, backbone, what or task(), how, output, plan=plan, snapshots=snapshots, progress=progress)
    except StoppedError:
        return {}, None
    return {key: tensor.clone() for key, tensor in model.state_dict().items()}, report


@pytest.mark.slow
@pytest.mark.parametrize("average", [None, 0.9])
def test_states_that_are_kept_are_those_of_a_training_that_ends_there(
    space: Space, tmp_path: Path, average: float | None
) -> None:
    """Also where the training was stopped; with an average they hold that."""

    def kept(output: Path, stop_after: int | None = None, steps: int = 6) -> dict[str, torch.Tensor]:
        how = settings(steps=steps, schedule_steps=6, average=average)
        return train(space, output, how, supernet=False, stop_after=stop_after, snapshots=(3, 5))[0]

    kept(tmp_path / "stopped", stop_after=4)
    last = kept(tmp_path / "stopped")
    for other in ("x", "²", "-1"):
        (tmp_path / "stopped" / SNAPSHOTS / f"step-{other}.safetensors").touch()
    files = snapshot_files(tmp_path / "stopped")
    assert list(files) == [3, 5]
    for step, file in files.items():
        ended = kept(tmp_path / f"to {step}", steps=step)
        assert all(torch.equal(tensor, ended[key]) for key, tensor in load_file(file).items())
    assert all(torch.equal(tensor, last[key]) for key, tensor in kept(tmp_path / "undisturbed").items())


@pytest.mark.slow
@pytest.mark.parametrize("supernet", [True, False])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"accumulate": 2, "average": 0.9, "backbone_frozen": 0.5, "backbone_rate": 0.1},
        {"optimizer": "sgd", "decay": "log", "learning_rate": 0.01, "workers": 1},
    ],
    ids=["plain", "everything", "sgd"],
)
def test_a_resumed_run_equals_an_undisturbed_one(
    space: Space, tmp_path: Path, supernet: bool, changes: dict[str, object]
) -> None:
    how = settings(**changes)
    undisturbed, report = train(space, tmp_path / "one", how, supernet=supernet)
    assert report is not None
    assert (report.resumed_at, report.skipped) == (0, 0)
    # StoppedError after a step that no checkpoint holds, twice.
    assert train(space, tmp_path / "two", how, supernet=supernet, stop_after=3)[1] is None
    assert train(space, tmp_path / "two", how, supernet=supernet, stop_after=5)[1] is None
    resumed, report = train(space, tmp_path / "two", how, supernet=supernet)
    assert report is not None
    assert report.resumed_at == 4
    assert undisturbed.keys() == resumed.keys()
    different = [key for key in undisturbed if not torch.equal(undisturbed[key], resumed[key])]
    assert different == []


@pytest.mark.parametrize("supernet", [True, False])
def test_a_finished_training_is_not_repeated(space: Space, tmp_path: Path, supernet: bool) -> None:
    """A kill, or a full disk, between the last checkpoint and the result."""
    how = settings(average=0.9)
    first, _ = train(space, tmp_path, how, supernet=supernet)
    again, report = train(space, tmp_path, how, supernet=supernet)
    assert report is not None
    assert report.resumed_at == 6
    assert all(torch.equal(first[key], again[key]) for key in first)


def test_progress_starts_where_the_training_does(space: Space, tmp_path: Path) -> None:
    train(space, tmp_path, settings(), stop_after=3)
    told: list[int] = []
    model = build_model_space(space)
    how = settings()
    fit(
        model,
        model.network.backbone,
        task(),
        how,
        tmp_path,
        plan=SPOS().plan(OneShotProblem(space=space, settings=how)),
        progress=lambda steps, losses: told.append(steps),
    )
    assert told == [3, 1, 1, 1]


def test_mixed_precision_trains(space: Space, tmp_path: Path) -> None:
    after, report = train(space, tmp_path, settings(precision="bf16", steps=3))
    assert report is not None
    assert report.skipped == 0
    assert all(torch.isfinite(tensor).all() for tensor in after.values())
    assert not any(tensor.dtype == torch.bfloat16 for tensor in after.values())


@dataclass
class Unreadable:
    """A task whose data cannot be read from a batch on."""

    task: TrackingTask
    first: int

    def batch(self, index):
        if index >= self.first:
            raise InputError("image 'a.png' cannot be read")
        return self.task.batch(index)

    def loss(self, model, batch, device):
        return self.task.loss(model, batch, device)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_the_data_keeps_its_sentence(space: Space, tmp_path: Path, workers: int) -> None:
    with pytest.raises(InputError) as raised:
        train(space, tmp_path, settings(workers=workers), what=Unreadable(task(), 3))
    assert str(raised.value) == "image 'a.png' cannot be read"
    assert (tmp_path / CHECKPOINT).is_file()


@dataclass
class Deadly(Unreadable):
    """A task whose worker is killed."""

    def batch(self, index):
        if index >= self.first:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.task.batch(index)


def test_a_killed_worker_is_named(space: Space, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a process that prepares batches was killed"):
        train(space, tmp_path, settings(workers=1), what=Deadly(task(), 3))


def test_a_bad_batch_among_several_of_a_step_skips_the_step(space: Space, tmp_path: Path) -> None:
    bad = Scripted(task(), {0: 1e9})
    _, report = train(space, tmp_path, settings(accumulate=2), what=bad)
    assert report is not None
    assert report.skipped == 1


def test_thirty_steps_bring_the_loss_down(space: Space, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network(space.sample(np.random.default_rng(0)))
    losses: list[float] = []
    how = settings(steps=30, batch_size=4, learning_rate=0.005, checkpoint_steps=1000)
    fit(network, network.backbone, task(4), how, tmp_path, progress=lambda _, latest: losses.append(latest["loss"]))
    assert np.mean(losses[-5:]) < 0.85 * np.mean(losses[:5])


def test_only_the_path_of_the_step_is_trained(space: Space, tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = {key: tensor.clone() for key, tensor in build_model_space(space).state_dict().items()}
    after, _ = train(space, tmp_path, settings(steps=1, weight_decay=0.5))
    architecture = path_at(space, 0, 0)
    for label in ("stage1-block0", "stage2-block0"):
        for name in space.candidates[label]:
            keys = [key for key in before if f"{label}.{name}." in key and before[key].is_floating_point()]
            assert keys
            changed = any(not torch.equal(before[key], after[key]) for key in keys)
            assert changed == (name == architecture.choices[label])


@pytest.mark.slow
def test_a_frozen_backbone_keeps_weights_and_statistics(space: Space, tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = {key: tensor.clone() for key, tensor in build_model_space(space).state_dict().items()}
    frozen, _ = train(space, tmp_path / "frozen", settings(backbone_frozen=1.0, weight_decay=0.5))
    moved, _ = train(space, tmp_path / "half", settings(backbone_frozen=0.5))
    keys = [key for key in before if key.startswith("network.backbone.")]
    assert all(torch.equal(before[key], frozen[key]) for key in keys)
    assert any(not torch.equal(before[key], moved[key]) for key in keys)
    assert any(not torch.equal(before[key], frozen[key]) for key in before.keys() - set(keys))


@pytest.mark.parametrize("factor", [math.nan, math.inf, 1e9])
def test_steps_with_a_bad_loss_are_skipped_and_counted(space: Space, tmp_path: Path, factor: float) -> None:
    _, report = train(space, tmp_path, settings(), what=Scripted(task(), {1: factor, 3: factor}))
    assert report is not None
    assert report.skipped == 2


def test_a_skipped_step_changes_no_weight(space: Space, tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = dict(build_model_space(space).named_parameters())
    after, report = train(space, tmp_path, settings(steps=1), what=Scripted(task(), {0: math.nan}))
    assert report is not None
    assert report.skipped == 1
    assert all(torch.equal(parameter, after[key]) for key, parameter in before.items())


def test_a_loss_that_stays_bad_ends_the_training_with_a_reason(space: Space, tmp_path: Path) -> None:
    bad = Scripted(task(), dict.fromkeys(range(3, 99), math.nan))
    with pytest.raises(
        InputError, match=r"stopped at step 5: loss or gradient was not finite.* 3 steps in a row.*lower"
    ):
        train(space, tmp_path, settings(steps=20, patience=3), what=bad)
    assert (tmp_path / CHECKPOINT).is_file()


def test_a_full_disk_keeps_the_last_checkpoint(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(space, tmp_path, settings(), stop_after=3)
    kept = (tmp_path / CHECKPOINT).read_bytes()

    def full(self, path, *args, **kwargs):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(pl.Trainer, "save_checkpoint", full)
    with pytest.raises(InputError, match=r"cannot be written at step 4: No space left on device; make room"):
        train(space, tmp_path, settings())
    assert (tmp_path / CHECKPOINT).read_bytes() == kept
    assert not list(tmp_path.glob(".*part"))


def test_a_folder_that_vanishes_is_told(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save = pl.Trainer.save_checkpoint

    def vanishes(self, path, *args, **kwargs):
        shutil.rmtree(tmp_path / "run")
        save(self, path, *args, **kwargs)

    monkeypatch.setattr(pl.Trainer, "save_checkpoint", vanishes)
    with pytest.raises(InputError, match=r"last.ckpt' cannot be written at step 2: its folder is gone"):
        train(space, tmp_path / "run", settings())


def test_a_checkpoint_goes_nowhere_else_and_what_a_killed_one_left_goes(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    left = tmp_path / "run" / f".{CHECKPOINT}.abcd.part"
    left.parent.mkdir()
    left.write_bytes(b"half")
    train(space, tmp_path / "run", settings(steps=2))
    assert (tmp_path / "run" / CHECKPOINT).is_file()
    assert not list(left.parent.glob(".*"))


def test_a_file_that_is_no_checkpoint_is_refused(space: Space, tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(1)}, tmp_path / CHECKPOINT)
    with pytest.raises(InputError, match="is no checkpoint of a training: remove it"):
        train(space, tmp_path, settings())


@pytest.mark.parametrize("size", [0, 100, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused(space: Space, tmp_path: Path, size: float) -> None:
    train(space, tmp_path, settings(steps=2))
    whole = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(whole[: size if isinstance(size, int) else int(len(whole) * size)])
    with pytest.raises(InputError, match=r"last.ckpt.* remove it to start the training afresh"):
        train(space, tmp_path, settings(steps=2))


def test_a_checkpoint_of_another_model_is_refused(space: Space, tmp_path: Path) -> None:
    train(space, tmp_path, settings(steps=2), supernet=False)
    with pytest.raises(InputError, match="is of another model"):
        train(space, tmp_path, settings(steps=2))


def test_logs_are_written(space: Space, tmp_path: Path) -> None:
    train(space, tmp_path, settings())
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


def test_counts_of_bad_steps_survive_a_checkpoint() -> None:
    counts = BadSteps(settings())
    counts.skipped, counts.in_a_row = 7, 2
    again = BadSteps(settings())
    again.load_state_dict(counts.state_dict())
    assert (again.skipped, again.in_a_row) == (7, 2)
