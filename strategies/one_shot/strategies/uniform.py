"""One random path an update: uniform over the candidates, or over MACs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.strategies.paths import PATHS, PathSampling
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem, TrainingPlan


def path_at(space: Space, seed: int, step: int, rank: int = 0) -> Architecture:
    """The architecture that SPOS trains at a step: every candidate of every label equally likely.

    Args:
        space: The space.
        seed: Of the training.
        step: Optimiser step, from 0.
        rank: Of the device; 0 where all train the same paths.
    """
    return space.sample(np.random.default_rng([seed, step, rank, PATHS]))


@dataclass(frozen=True)
class SPOS:
    """Single path, uniform: every candidate of every choice equally likely (Guo et al., "Single Path One-Shot", 2020).

    It is what LightTrack trains with.
    """

    def plan(self, problem: OneShotProblem) -> TrainingPlan:
        """See `OneShotStrategy.plan`."""
        space, seed = problem.space, problem.settings.seed
        return TrainingPlan(PathSampling(lambda step, rank: [path_at(space, seed, step, rank)]))


@dataclass(frozen=True)
class MacsUniform:
    """Single path, uniform over MACs: light and heavy networks train as often as those in the crowded middle.

    The candidates of a choice are then not equally likely: see `lighttrack_nas.benchmarks.costs.macs_sampler`.
    """

    def plan(self, problem: OneShotProblem) -> TrainingPlan:
        """See `OneShotStrategy.plan`."""
        sample, seed = problem.known_macs("macs-uniform").sample, problem.settings.seed
        return TrainingPlan(PathSampling(lambda step, rank: [sample(np.random.default_rng([seed, step, rank, PATHS]))]))
