"""A search that is killed again and again ends as one that was left alone."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lighttrack_nas.strategies.search.goals.objectives import parse_objectives
from lighttrack_nas.strategies.search.storage.trials import completed_trials, load_search, pareto_front

SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from conftest import AnalyticEvaluator
import numpy as np
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.search.samplers.nsga2 import NSGA2
from lighttrack_nas.strategies.search.run import run_search

class Hanging(AnalyticEvaluator):
    def measure(self, architecture, names):
        if len(self.measured) + 1 == int(sys.argv[5]):
            print("hangs", flush=True)
            time.sleep(600)
        return super().measure(architecture, names)

space = load_space("lighttrack-tiny")
rng = np.random.default_rng(1)
print("started", flush=True)
run_search(
    space,
    evaluator=Hanging(seconds=float(sys.argv[4])),
    strategy=NSGA2(population_size=12, seed=4),
    objectives=["ao", "macs", "params"],
    constraints=["macs <= 320M", "latency_ms <= 4"],
    n_trials=int(sys.argv[3]),
    storage=sys.argv[2],
    enqueue=[space.sample(rng) for _ in range(4)],
    progress=lambda done, total, text: print(done, flush=True),
)
"""


def command(storage: object, n_trials: int, seconds: float, hangs: int = 0) -> list[str]:
    """Search; the evaluation of number `hangs` of this process never ends."""
    return ["-c", SCRIPT, str(Path(__file__).parent), str(storage), str(n_trials), str(seconds), str(hangs)]


def outcome(storage: Any) -> tuple[list, list]:
    records = completed_trials(load_search(storage))
    front = pareto_front(records, parse_objectives(["ao", "macs", "params"]))
    return [(r.architecture, r.measurements, r.feasible) for r in records], [r.architecture for r in front]


def check(warm: Any, whole: Any, killed: Any, n_trials: int, kills: int, longest: float, seconds: float) -> Counter:
    """Kill within an evaluation, and `kills` times more, at most `longest` seconds after a trial.

    An evaluation takes `seconds`.
    """

    def start(hangs: int = 0) -> Any:
        return warm.start(command(killed, n_trials, seconds, hangs), stdout=subprocess.PIPE)

    # A fresh process, with a hash seed of its own.
    subprocess.run([sys.executable, *command(whole, n_trials, seconds)], check=True, stdout=subprocess.DEVNULL)
    rng = random.Random(0)
    with start(hangs=3) as process:
        assert process.stdout
        assert "hangs\n" in process.stdout, "ended before it was killed"
        process.kill()
    for kill in range(kills):
        with start() as process:
            assert process.stdout
            # In every third run while the study is opened, in the others a few trials on.
            for _ in range(1 if kill % 3 == 0 else rng.randint(2, 3)):
                assert process.stdout.readline(), "ended before it was killed"
            time.sleep(rng.uniform(0.2, 1) * longest)
            process.kill()
    with start() as process:
        process.communicate()
    assert process.returncode == 0
    assert outcome(killed) == outcome(whole)
    states = Counter(trial.state.name for trial in load_search(killed).trials)
    assert states["COMPLETE"] == n_trials
    assert set(states) <= {"COMPLETE", "FAIL"}
    return states


@pytest.mark.slow
def test_a_killed_search_on_a_journal_goes_on_as_an_undisturbed_one(tmp_path: Path, warm: Any) -> None:
    states = check(warm, tmp_path / "whole.log", tmp_path / "killed.log", 120, kills=9, longest=0.1, seconds=0.01)
    # A kill hit a running trial: otherwise nothing was tried.
    assert states["FAIL"] > 0
    assert {file.name for file in tmp_path.iterdir()} == {"whole.log", "killed.log"}


@pytest.mark.slow
def test_a_killed_search_on_sqlite_goes_on_as_an_undisturbed_one(tmp_path: Path, warm: Any) -> None:
    # Evaluations longer than all the rest of a trial, so that most moments are within one.
    whole, killed = (f"sqlite:///{tmp_path}/{name}.db" for name in ("whole", "killed"))
    states = check(warm, whole, killed, 12, kills=2, longest=0.3, seconds=0.2)
    assert states["FAIL"] > 0
