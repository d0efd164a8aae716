"""A search without videos: an evaluator whose measurements are sums over the choices."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.storage.trials import digest
from lighttrack_nas.trackers.base.errors import InputError


def draw(text: str) -> float:
    """A number from 0 to 1 that depends on a text alone."""
    return zlib.crc32(text.encode()) / 2**32


class AnalyticEvaluator:
    """Candidates cost something and are good for something, partly for the same; scores also hang on a hash.

    It writes down whom it was asked to measure, and fails where it is told to.
    """

    measurements = ("ao", "loss", "macs", "params", "latency_ms")

    def __init__(self, inherits_weights: bool = True, seconds: float = 0.0, version: int = 1) -> None:
        self.inherits_weights = inherits_weights
        self.seconds = seconds
        self.version = version
        self.measured: list[tuple[Architecture, tuple[str, ...]]] = []
        self.fails: Callable[[Architecture], object] = lambda architecture: None

    def costs(self, architecture: Architecture) -> Mapping[str, float]:
        choices = architecture.canonical().choices.items()
        macs = sum(draw(f"macs {label} {value}") for label, value in choices)
        params = sum(draw(f"params {label} {value}") for label, value in choices)
        return {"macs": int(3e7 * macs), "params": int(1e5 * params), "macs_template": 1}

    def measure(self, architecture: Architecture, names: Collection[str]) -> Mapping[str, float]:
        self.measured.append((architecture, tuple(names)))
        time.sleep(self.seconds)
        failure = self.fails(architecture)
        if isinstance(failure, Exception):
            raise failure
        form = architecture.path() if self.inherits_weights else architecture.canonical()
        good = sum(
            0.7 * draw(f"macs {label} {value}") + 0.3 * draw(f"ao {label} {value}")
            for label, value in form.choices.items()
        )
        ao = 1 - math.exp(-good / len(form.values)) + 0.01 * draw(repr(form.values))
        values = {"ao": ao, "loss": 1 - ao, "latency_ms": 1 + self.costs(architecture)["macs"] / 1e8}
        return {name: math.nan if failure == "nan" else values[name] for name in names}

    def record(self) -> dict[str, Any]:
        return {"kind": "analytic", "version": self.version, "videos": ("a", "b")}


@pytest.fixture
def evaluator() -> AnalyticEvaluator:
    return AnalyticEvaluator()


@pytest.fixture
def make_evaluator() -> type[AnalyticEvaluator]:
    return AnalyticEvaluator


@pytest.fixture
def broken() -> InputError:
    return InputError("this network does not converge")


@pytest.fixture(scope="session")
def tiny() -> Space:
    return load_space("lighttrack-tiny")


@pytest.fixture(scope="session")
def lighttrack() -> Space:
    return load_space("lighttrack")


@dataclass(frozen=True)
class FromPool:
    """A strategy that draws from few architectures, so that workers often meet; each has a stream of its own."""

    pool: int = 40
    seed: int = 0

    def sampler(self, problem: SearchProblem) -> optuna.samplers.BaseSampler:
        return PoolSampler(self, problem)


class PoolSampler(optuna.samplers.RandomSampler):
    def __init__(self, strategy: FromPool, problem: SearchProblem) -> None:
        super().__init__(seed=0)
        rng = np.random.default_rng(strategy.seed)
        self._pool = [problem.space.sample(rng) for _ in range(strategy.pool)]
        self._seed = [strategy.seed, problem.worker]
        self._space = problem.space

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {label: CategoricalDistribution(values) for label, values in self._space.labels.items()}

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
        rng = np.random.default_rng([*self._seed, trial.number])
        return dict(self._pool[rng.integers(len(self._pool))].choices)


class LoggingEvaluator(AnalyticEvaluator):
    """Writes every architecture that it measures into a file; it pickles."""

    def __init__(self, log: Path, seconds: float) -> None:
        super().__init__(seconds=seconds)
        self.log = log
        self.fails = no_failure

    def measure(self, architecture: Architecture, names: Collection[str]) -> Mapping[str, float]:
        with self.log.open("a") as file:
            file.write(digest(architecture.path()) + "\n")
        return super().measure(architecture, names)


def no_failure(architecture: Architecture) -> None:
    """Measure everything."""
