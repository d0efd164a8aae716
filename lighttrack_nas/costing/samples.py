"""Random networks of a space with their costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lighttrack_nas.benchmarks.costs.macs_sampler import MacsSampler
from lighttrack_nas.benchmarks.costs.measured_costs import Costing, MeasuredCosts
from lighttrack_nas.costing.cost_analysis import cost_constraints
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.goals.objectives import Constraint, total_violation
from lighttrack_nas.trackers.base.errors import InputError

_TRIES = 20_000
"""Draws in a row that give no new network, after which there is none to be expected."""


def random_networks(
    table: Costing,
    number: int,
    *,
    seed: int = 0,
    macs_uniform: bool = False,
    constraints: str | Constraint | Sequence[str | Constraint] = (),
) -> list[Architecture]:
    """Draw different networks of a space.

    Args:
        table: Of the space.
        number: How many, 1 or more.
        seed: Of the draws, 0 or more; fewer networks of the same seed are the first of more.
        macs_uniform: Spread evenly over MACs, in place of every candidate of every label equally likely.
        constraints: Such as "macs <= 600M", or the sets Mobile, LargeA, LargeB; what breaks one is drawn again.

    Returns:
        In the order in which they were drawn; genes behind the output are reset.

    Raises:
        InputError: A mistake in a constraint, a number out of range, or so many networks were not found.
    """
    parsed = cost_constraints(constraints, with_latency=False)
    space = table.space
    if not 1 <= number <= space.size.networks:
        raise InputError(f"number: 1 to {space.size.networks:,} expected, the networks of '{space.name}'; got {number}")
    rng = np.random.default_rng(seed)
    if macs_uniform and isinstance(table, MeasuredCosts):
        raise InputError(f"space '{space.name}': draws spread over MACs need a declared space; leave out macs-uniform")
    draw = MacsSampler(table).sample if macs_uniform and not isinstance(table, MeasuredCosts) else space.sample
    networks: dict[Architecture, Architecture] = {}
    fruitless = 0
    while len(networks) < number:
        drawn = draw(rng).path()
        if not total_violation(parsed, table.costs(drawn)) and drawn.canonical() not in networks:
            networks[drawn.canonical()] = drawn
            fruitless = 0
            continue
        fruitless += 1
        if fruitless == _TRIES:
            bounds = f" where {' and '.join(map(str, parsed))}" if parsed else ""
            raise InputError(
                f"space '{space.name}': {len(networks)} of {number} networks{bounds} were found, and {_TRIES:,} more "
                "draws gave no other: ask for fewer" + (", or loosen the constraints" if parsed else "")
            )
    return list(networks.values())
