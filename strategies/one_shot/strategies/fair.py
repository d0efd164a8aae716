"""Strict fairness: at any time all candidates of a choice have been trained equally often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lighttrack_nas.search_spaces.base.labels import OUTPUT
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.strategies.paths import PATHS, PathSampling
from lighttrack_nas.strategies.one_shot.training.one_shot_problem import OneShotProblem, TrainingPlan


@dataclass(frozen=True)
class Fair:
    """Strict fairness (Chu et al., "FairNAS", 2021, algorithm 1).

    An update trains as many single paths as the largest choice has candidates, all on the same batch: each of its
    candidates exactly once, those of a smaller choice in turn, so that the numbers of times that two candidates of a
    choice were trained never differ by more than one, and not at all after an update where the sizes divide. Blocks
    that an early output leaves out have turns of their own, so that this holds for them too, of the passes that run
    them. Where a choice has a say by others than the output, such as a stage's depth, it holds only on average. The
    layers of a tower are weights of their own in every width: there it holds of all widths together.

    The update takes the mean of the paths' gradients, where the paper takes their sum: with AdamW that is the same, and
    the limit on the norm (`clip`) means what it means for one path.
    """

    def plan(self, problem: OneShotProblem) -> TrainingPlan:
        """See `OneShotStrategy.plan`."""
        problem.require_own_gradients("fair")
        space, seed = problem.space, problem.settings.seed
        if not space.is_declared:
            space.refuse(
                "is NNI's, and does not say which choices an update runs, so that one-shot strategy 'fair' cannot give "
                "all candidates equal turns: take 'spos'"
            )
        return TrainingPlan(
            PathSampling(lambda step, rank: fair_paths(space, seed, step)), passes=paths_per_update(space)
        )


def paths_per_update(space: Space) -> int:
    """How many paths one update trains: as many as the largest choice has candidates."""
    return max((len(values) for values in space.labels.values()), default=1)


def fair_paths(space: Space, seed: int, step: int) -> list[Architecture]:
    """The paths that train at a step.

    Args:
        space: The space.
        seed: Of the training.
        step: Optimiser step, from 0.
    """
    count = paths_per_update(space)
    turns = {
        label: _Turns(len(values), [seed, number, PATHS]) for number, (label, values) in enumerate(space.labels.items())
    }
    outputs = space.candidates[OUTPUT]
    chosen = turns[OUTPUT].window(step * count, count) if OUTPUT in turns else [0] * count
    columns: dict[str, list[str]] = {}
    for label, values in space.labels.items():
        running = space.conditions.get(label, {}).get(OUTPUT)
        if running is None or OUTPUT not in turns:
            picked = chosen if label == OUTPUT else turns[label].window(step * count, count)
        else:
            live = [outputs[index] in running for index in chosen]
            among = [index for index, name in enumerate(outputs) if name in running]
            taken = iter(turns[label].window(turns[OUTPUT].uses(step * count, among), sum(live)))
            picked = [next(taken) if here else 0 for here in live]
        columns[label] = [values[index] for index in picked]
    # What is not run says so by its first candidate.
    return [
        space.architecture({label: column[index] for label, column in columns.items()}).path() for index in range(count)
    ]


class _Turns:
    """An endless row of random permutations of the candidates of a choice.

    Args:
        size: How many candidates.
        seed: Of the permutations.
    """

    def __init__(self, size: int, seed: Sequence[int]) -> None:
        self._size, self._seed = size, seed

    def window(self, start: int, length: int) -> list[int]:
        """So many numbers of candidates from a place on."""
        first, skipped = divmod(start, self._size)
        last = (start + length + self._size - 1) // self._size
        row = [index for turn in range(first, last) for index in self._permutation(turn)]
        return row[skipped : skipped + length]

    def uses(self, length: int, candidates: Sequence[int]) -> int:
        """How many of the first so many numbers are among some candidates."""
        whole, rest = divmod(length, self._size)
        return whole * len(candidates) + sum(index in candidates for index in self._permutation(whole)[:rest])

    def _permutation(self, turn: int) -> list[int]:
        permutation: list[int] = np.random.default_rng([*self._seed, turn]).permutation(self._size).tolist()
        return permutation
