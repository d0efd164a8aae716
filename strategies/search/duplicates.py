"""Duplicates: a network that is known is not proposed again, and what is proposed all the same is not measured again.

A draw is skipped too where its costs break a constraint, or where its network cannot be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from optuna.trial import FrozenTrial

from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.earlier_trials import Past, key_of
from lighttrack_nas.strategies.search.goals.objectives import total_violation
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.strategies.search.storage.trials import Key, measurements_of

REDRAWS = 200
"""Draws for one proposal, after which the least bad of them is taken."""

Badness = tuple[bool, bool, bool, float]
"""Cannot be measured, breaks a constraint, is known, by how much it breaks constraints: smaller is better."""

GOOD: Badness = (False, False, False, 0.0)
"""Worth an evaluation."""


def badness_of(problem: SearchProblem, past: Past) -> Callable[[Architecture], Badness]:
    """Make what tells what speaks against a draw; each architecture is looked at once.

    Args:
        problem: The search.
        past: What is known of its trials.
    """
    known: dict[tuple[str, ...], Badness] = {}

    def badness(candidate: Architecture) -> Badness:
        if candidate.values not in known:
            key = key_of(candidate, problem.known_by)
            violation = (
                total_violation(problem.constraints, problem.costs(candidate))
                if problem.costs and problem.constraints
                else 0.0
            )
            known[candidate.values] = (key in past.failed, violation > 0, key in past.known, violation)
        return known[candidate.values]

    return badness


def best_draw(draws: Iterator[Architecture], badness: Callable[[Architecture], Badness]) -> Architecture:
    """Take the first draw that is new and within the bounds; otherwise the least bad one.

    A network that cannot be measured is worst. A known one within the bounds costs nothing, which is better than one
    that breaks them; among those, the new ones come first, and the least violating of them.

    Args:
        draws: `REDRAWS` or more.
        badness: What speaks against a draw.
    """
    best, least = None, None
    for candidate in islice(draws, REDRAWS):
        draw = badness(candidate)
        if least is None or draw < least:
            best, least = candidate, draw
        if draw == GOOD:
            break
    assert best is not None
    return best


def measured_before(
    keys: Mapping[str, str], known_by: Key, trials: Sequence[FrozenTrial]
) -> tuple[dict[str, float], int | None]:
    """What completed trials have measured of a network.

    Args:
        keys: The network's, by "path" and "network".
        known_by: Which of the keys decides that nothing is to be measured again.
        trials: The network's completed trials, in order.

    Returns:
        Measurements by name, and the trial that measured all of them. None where there is no such trial: then the
        latency alone may be known, from the same network on other weights of the supernet: as fast, but not as good.
    """
    latency: dict[str, float] = {}
    for trial in trials:
        attributes = trial.user_attrs
        if attributes[known_by] == keys[known_by]:
            return measurements_of(trial) | latency, attributes.get("copied_from", trial.number)
        latency = {name: value for name, value in measurements_of(trial).items() if name == "latency_ms"}
    return latency, None
