"""What each place of a space costs, from its cheapest candidate to its dearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lighttrack_nas.places.shown_places import SHARED

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.cost_parts import CostedPlace
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable
    from lighttrack_nas.search_spaces.space import Space


class Span(NamedTuple):
    """From the least value to the greatest."""

    least: int
    greatest: int


class PlaceCosts(NamedTuple):
    """The costs of a place over its candidates, and over the outputs and widths that they depend on.

    Attributes:
        part: "backbone", "neck", "fusion", "cls_head" or "reg_head"; "shared_head" where both branches always have one
            tower; "" for what belongs to none.
        label: As in `Space.candidates`; "" where there is nothing to choose: the stem, a tower's prediction.
        macs: Multiply-adds of a tracked frame.
        params: Parameters.
    """

    part: str
    label: str
    macs: Span
    params: Span

    @property
    def name(self) -> str:
        """The label, or what the place is called without one."""
        return self.label or ("stem" if self.part == "backbone" else self.part.replace("_head", "-prediction"))


def place_costs(table: CostTable) -> list[PlaceCosts]:
    """The range of costs at every place of a space that costs anything, from the stem to the towers.

    Networks that do not have a place do not count: those whose output lies before it, or whose stage ends before it.

    Args:
        table: Of the space.
    """
    costs_of_places = []
    is_shared = table.space.description.towers.sharing == (SHARED,)
    for place in table.places:
        costs = _where_present(table.space, place)
        if len(costs):
            low, high = costs.min(axis=0), costs.max(axis=0)
            spans = (Span(int(a), int(b)) for a, b in np.stack([low, high], axis=1))
            part = f"{SHARED}_head" if is_shared and place.part == "reg_head" else place.part
            costs_of_places.append(PlaceCosts(part, place.label, *spans))
    return costs_of_places


def _where_present(space: Space, place: CostedPlace) -> np.ndarray:
    """Multiply-adds and parameters of what may stand at a place, ``(n, 2)``, in the networks that have it."""
    needed = space.conditions.get(place.label, {})
    costs = place.costs[..., :2]
    for axis, label in enumerate(place.labels):
        allowed = [i for i, value in enumerate(space.labels[label]) if value in needed.get(label, (value,))]
        costs = costs.take(allowed, axis)
    costs = costs.reshape(-1, 2)
    # What is no choice, a prediction for one, is nowhere free of costs: there it is absent.
    return costs if place.label and costs.any() else costs[costs.any(axis=1)]


def whole_costs(table: CostTable) -> dict[str, Span]:
    """The range of "macs" and "params" of whole networks, exactly."""
    return {name: Span(*(table.costs(end)[name] for end in table.extremes(name))) for name in ("macs", "params")}


def span_text(span: Span, divisor: float) -> str:
    """Write a range in units of `divisor`, three digits each: "1.25 to 4.8", or one number where nothing varies."""
    least, greatest = (_three_digits(value / divisor) for value in span)
    return least if span.least == span.greatest else f"{least} to {greatest}"


def _three_digits(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
