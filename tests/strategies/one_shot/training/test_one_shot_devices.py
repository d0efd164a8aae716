"""Training on two devices: Lightning runs the command below twice."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

STEPS, FAILS = 6, 5
# The same script in both processes. What each of them saw goes to a file of its own.
SCRIPT = """
import json
import sys
from pathlib import Path

import numpy as np
import torch

from lighttrack_nas.search_spaces.building.model_space import build_model_space
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.one_shot.training.fit import fit
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem
from lighttrack_nas.strategies.one_shot.strategies.one_shot_registry import one_shot_strategy
from lighttrack_nas.strategies.one_shot.training.training_settings import TrainingSettings
from lighttrack_nas.strategies.one_shot.training.task import TrackingTask
from lighttrack_nas.trackers.training.losses import LossSettings
from lighttrack_nas.trackers.training.pairs.pair import Pair
from lighttrack_nas.trackers.training.targets import TargetSettings

folder, fails, strategies = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
seen = folder


class Squares:
    def pair(self, rng):
        template = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        search = rng.integers(0, 255, (128, 128, 3), dtype=np.uint8)
        return Pair(template, search, np.array([40, 50, 32, 32], np.float32), True)


class Watched:
    def __init__(self):
        self.task = TrackingTask(Squares(), 2, 0, TargetSettings(), LossSettings())
        self.calls = 0

    def batch(self, index):
        return index, self.task.batch(index)

    def loss(self, model, batch, device):
        index, content = batch
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else "alone"
        weights = sum(float(p.detach().double().abs().sum()) for p in model.parameters())
        moving = any(p.requires_grad for p in model.network.backbone.parameters())
        with (seen / f"seen{rank}.txt").open("a") as file:
            print(index, repr(weights), moving, file=file)
        losses = dict(self.task.loss(model, content, device))
        # Too large on the second device alone.
        losses["loss"] = losses["loss"] * (1e9 if index == 5 else 1.0)
        return losses


class Stopped(Exception):
    pass


def progress(steps, losses):
    progress.done += steps
    if progress.done == fails:
        raise Stopped


progress.done = 0
space = load_space("lighttrack-tiny")


def train(name, chosen={"name": "spos"}, **changes):
    # As `train_supernet` does: what is finished is passed over, by a further process too.
    if (folder / f"{name}.pth").exists():
        return
    torch.manual_seed(0)
    model = build_model_space(space)
    given = dict(steps=6, batch_size=2, accumulate=2, workers=1, warmup_steps=1, checkpoint_steps=2, average=0.9)
    how = TrainingSettings(**(given | dict(backbone_frozen=0.5) | changes))
    plan = one_shot_strategy(**chosen).plan(OneShotProblem(space=space, settings=how))
    report = fit(model, model.network.backbone, Watched(), how, folder / name, plan=plan, progress=progress)
    torch.save(model.state_dict(), folder / f"{name}.pth")
    print(name, report.resumed_at, report.skipped)


several = dict(devices=2)
for chosen in strategies:
    seen = folder / chosen["name"]
    seen.mkdir(exist_ok=True)
    train(chosen["name"], chosen, **several)
if strategies:
    sys.exit()
train("run", **several)
train("alone", steps=1)
train("again", steps=1, **several)
"""


def call(folder: Path, fails: int = 0, strategies: Sequence[object] = ()) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(folder / "script.py"), str(folder), str(fails), json.dumps(strategies)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=500)


def seen(folder: Path, rank: int) -> list[tuple[int, str, bool]]:
    lines = [line.split() for line in (folder / f"seen{rank}.txt").read_text().splitlines()]
    return [(int(index), weights, moving == "True") for index, weights, moving in lines]


@pytest.mark.slow
def test_two_devices_train_one_supernet(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    done = call(folders[0])
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["run 0 1", "alone 0 0", "again 0 0", ""]
    assert done.stderr == ""
    batches = 2 * STEPS
    views = [seen(folders[0], rank)[:batches] for rank in (0, 1)]
    assert [index for index, *_ in views[0]] == list(range(0, 2 * batches, 2))
    assert [index for index, *_ in views[1]] == list(range(1, 2 * batches, 2))
    # Equal weights before every step, the backbone frozen for three of six, the step with the bad loss left out.
    assert [weights for _, weights, _ in views[0]] == [weights for _, weights, _ in views[1]]
    assert [moving for *_, moving in views[0]] == [False] * 6 + [True] * 6
    before = [weights for _, weights, _ in views[0]][::2]
    assert [before[step] == before[step + 1] for step in range(STEPS - 1)] == [False, True, False, False, False]

    stopped = call(folders[1], FAILS)
    assert stopped.returncode != 0
    # One process speaks; the other ends quietly.
    assert stopped.stderr.count("Traceback") == 1
    assert "Stopped" in stopped.stderr
    resumed = call(folders[1])
    assert resumed.stdout.startswith("run 4 1\n"), resumed.stderr
    states = [torch.load(folder / "run.pth", weights_only=True) for folder in folders]
    assert [key for key in states[0] if not torch.equal(states[0][key], states[1][key])] == []


@pytest.mark.slow
def test_two_devices_learn_one_architecture(tmp_path: Path) -> None:
    """One strategy after the other, in the same processes."""
    strategies = [{"name": "darts", "joint": False}, {"name": "proxyless", "joint": True}]
    done = call(tmp_path, strategies=strategies)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "darts 0 1\nproxyless 0 1\n"
    for strategy in strategies:
        views = [seen(tmp_path / strategy["name"], rank) for rank in (0, 1)]
        assert len(views[0]) == STEPS * (2 if strategy["joint"] else 3)
        # Equal weights and architecture parameters before every pass, and other batches.
        assert [weights for _, weights, _ in views[0]] == [weights for _, weights, _ in views[1]]
        assert len({weights for _, weights, _ in views[0]}) > STEPS - 2
        assert not {index for index, *_ in views[0]} & {index for index, *_ in views[1]}
