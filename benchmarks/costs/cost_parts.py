"""What every candidate costs in its deployed form at every place where it may stand, counted by fvcore.

A module is counted once for each shape that it is given somewhere (`module_places.py`), and what an architecture costs
is a sum (`cost_table.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lighttrack_nas.benchmarks.costs.macs_counting import count_operations, parameters_of, uncounted_of
from lighttrack_nas.benchmarks.costs.module_places import BuiltPlace, Shape, place_modules
from lighttrack_nas.benchmarks.costs.network_costs import measure_costs
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.progress import Progress

COLUMNS = ("macs", "params", "macs_template")
"""Multiply-adds of a tracked frame, parameters, multiply-adds of the template branch."""

_Cost = dict[str, int]
"""Value by column; those not named are 0."""
_Inputs = tuple[nn.Module, tuple[Shape, ...]]


class CostedPlace(NamedTuple):
    """A place of the network, and what stands there costs.

    Attributes:
        part: The part it belongs to, as in `costs.Costs.parts`; "" for what belongs to none.
        label: Its label in `Space.candidates`; "" where there is nothing to choose, such as the stem.
        labels: The choices on which the costs depend, in the space's order, its own among them.
        costs: ``(candidates of each of labels ..., columns)``, int64. Zeros where the network has no such place.
    """

    part: str
    label: str
    labels: tuple[str, ...]
    costs: np.ndarray


class CostedPlaces(NamedTuple):
    """All places of a space.

    Attributes:
        columns: `COLUMNS`, then the names of the operators that the counter does not know, whose column is their number
            in the search branch.
        places: Every place; an architecture's costs are the sum over them.
    """

    columns: tuple[str, ...]
    places: tuple[CostedPlace, ...]


def cost_steps(space: Space) -> int:
    """How many steps `count_parts` tells of."""
    description = space.description
    reached = len(space.blocks_up_to(description.exits[-1].name))
    layers = sum(len(space.tower(branch).candidates) + 1 for branch in description.towers.branches)
    return 1 + reached + 2 + layers + 1


@torch.no_grad()
def count_parts(space: Space, search_size: int | None = None, progress: Progress | None = None) -> CostedPlaces:
    """Count every candidate of a space at every place.

    Args:
        space: The space.
        search_size: Side of the search crop, pixels; None for the smaller one that belongs to each template size.
        progress: Told of `cost_steps` steps.

    Raises:
        RuntimeError: The parts do not add up to a whole network, which is a mistake in this package, or a counter that
            works otherwise than the one it was written for.
    """
    tell = progress or (lambda _amount, _where: None)
    rows = []
    for place in place_modules(space, search_size):
        rows.append((place, _costs(place)))
        tell(1, place.label or place.part)
    left = _left_over(space, rows, search_size)
    tell(1, "a whole network")
    return _parts(space, rows, left)


def _costs(place: BuiltPlace) -> list[_Cost]:
    """The costs of a place's variants, in their order."""
    searched: list[_Inputs] = [(variant.module, variant.search) for variant in place.variants]
    counted = _count(searched)
    templates = [(variant.module, (variant.template,)) for variant in place.variants if variant.template is not None]
    of_template = _count(templates)
    return [
        counted[variant.module, variant.search]
        | ({"macs_template": of_template[variant.module, (variant.template,)]["macs"]} if variant.template else {})
        for variant in place.variants
    ]


def _count(wanted: Sequence[_Inputs]) -> dict[_Inputs, _Cost]:
    """Costs of modules on inputs of given shapes, each pair once, as many as possible in one pass."""
    passes: list[dict[nn.Module, tuple[Shape, ...]]] = []
    for module, shapes in dict.fromkeys(wanted):
        free = next((modules for modules in passes if module not in modules), None)
        if free is None:
            free = {}
            passes.append(free)
        free[module] = shapes
    costs: dict[_Inputs, _Cost] = {}
    for modules in passes:
        together = _Together(list(modules), [len(shapes) for shapes in modules.values()])
        inputs = tuple(torch.zeros(1, *shape) for shapes in modules.values() for shape in shapes)
        counted = count_operations(together, inputs)
        macs = counted.by_module()
        for index, pair in enumerate(modules.items()):
            name = f"modules_.{index}"
            costs[pair] = {
                "macs": int(macs[name]),
                "params": parameters_of(pair[0]),
                **uncounted_of(counted, name),
            }
    return costs


class _Together(nn.Module):
    """Modules that are counted in one pass, each on so many inputs of its own."""

    def __init__(self, modules: Sequence[nn.Module], inputs: Sequence[int]) -> None:
        super().__init__()
        self.modules_ = nn.ModuleList(modules)
        self._inputs = inputs

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What all return, one after another."""
        waiting = iter(inputs)
        outputs: list[Tensor] = []
        for module, count in zip(self.modules_, self._inputs, strict=True):
            made = module(*islice(waiting, count))
            outputs += made if isinstance(made, tuple) else (made,)
        return tuple(outputs)


_Row = tuple[BuiltPlace, list[_Cost]]


def _left_over(space: Space, rows: Sequence[_Row], search_size: int | None) -> _Cost:
    """What stands at no place: operators between the parts that the counter does not know."""
    first = space.architecture({label: values[0] for label, values in space.labels.items()})
    whole = measure_costs(first, search_size)
    left = {"macs": whole.macs, "params": whole.params, "macs_template": whole.macs_template, **whole.uncounted}
    for place, costs in rows:
        for variant, cost in zip(place.variants, costs, strict=True):
            if all(indices[:1] == [0] for indices in place.cells(space, variant)):
                for name, value in cost.items():
                    left[name] = left.get(name, 0) - value
    if any(left[name] for name in COLUMNS) or min(left.values()) < 0:
        raise RuntimeError(f"the parts of space '{space.name}' do not add up to a whole network; left over: {left}")
    return {name: value for name, value in left.items() if value}


def _parts(space: Space, rows: Sequence[_Row], left: _Cost) -> CostedPlaces:
    """Turn costs by variant into arrays."""
    names = {name for _, costs in rows for cost in costs for name in cost} | set(left)
    columns = (*COLUMNS, *sorted(names - set(COLUMNS)))

    def vector(cost: _Cost) -> list[int]:
        return [cost.get(name, 0) for name in columns]

    places = []
    for place, costs in rows:
        array = np.zeros((*(len(space.labels[label]) for label in place.labels), len(columns)), np.int64)
        for variant, cost in zip(place.variants, costs, strict=True):
            array[np.ix_(*place.cells(space, variant))] = vector(cost)
        places.append(CostedPlace(place.part, place.label, place.labels, array))
    places.append(CostedPlace("", "", (), np.array(vector(left), np.int64)))
    return CostedPlaces(columns, tuple(places))
