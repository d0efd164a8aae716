"""What every candidate costs in its deployed form at every place where it may stand, counted by fvcore.

The space alone decides on which shapes a part works: those of a block follow from its place, those of a tower's layer
from the tower's width and the output's stride. So a part is counted once for each of these, and what an architecture
costs is a sum (`cost_table.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lighttrack_nas.benchmarks.costs import count_operations, measure_costs, parameters_of, uncounted_of
from lighttrack_nas.search_spaces.builder import Factories, build
from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.labels import CORRELATION, layer_label, width_label
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.network import ChosenOutput, SiameseNetwork, Tower
from lighttrack_nas.trackers.reparameterise import reparameterise

COLUMNS = ("macs", "params", "macs_template")
"""Multiply-adds of a tracked frame, parameters, multiply-adds of the template branch."""

Progress = Callable[[int, str], None]
"""Called with how many parts were counted since the last call, and what they were."""

_Cost = dict[str, int]
"""Value by column; those not named are 0."""


class Place(NamedTuple):
    """A place of the network, and what each of its candidates costs there.

    Attributes:
        part: The part it belongs to, as in `costs.Costs.parts`; "" for what belongs to none.
        label: Its label in `Space.candidates`; "" where there is nothing to choose, such as the stem.
        branch: The tower it stands in, whose width it depends on; "" elsewhere.
        costs: ``(outputs, widths, candidates, columns)``, int64, in the space's orders; one width where there is no
            branch. Zeros for the outputs before the place.
    """

    part: str
    label: str
    branch: str
    costs: np.ndarray


class Parts(NamedTuple):
    """All places of a space.

    Attributes:
        columns: `COLUMNS`, then the names of the operators that the counter does not know, whose column is their number
            in the search branch.
        places: Every place; an architecture's costs are the sum over them.
    """

    columns: tuple[str, ...]
    places: tuple[Place, ...]


def count_steps(space: Space) -> int:
    """How many steps `count_parts` tells of."""
    exits = space.description.exits
    widths = sum(len(space.tower(branch).widths) for branch in BRANCHES)
    return 2 + len(exits) + widths * len({exit_.total_stride for exit_ in exits}) + 1


@torch.no_grad()
def count_parts(space: Space, search_size: int, progress: Progress | None = None) -> Parts:
    """Count every candidate of a space at every place.

    Args:
        space: The space.
        search_size: Side of the search crop, pixels.
        progress: Told of `count_steps` steps.

    Raises:
        RuntimeError: The parts do not add up to a whole network, which is a mistake in this package, or a counter that
            works otherwise than the one it was written for.
    """
    tell = progress or (lambda _amount, _where: None)
    with torch.random.fork_rng(devices=[]):  # the weights do not matter, but drawing them must not show
        network = reparameterise(build(space, AllCandidates()).eval())
    backbone = _Chain([network.backbone.stem, *network.backbone.blocks.values()])
    names = ["", *network.backbone.blocks]  # the stem has no label
    template, search = (torch.zeros(1, 3, size, size) for size in (space.description.template_size, search_size))
    of_template, of_search = (
        {name: here[0] for name, here in zip(names, backbone(image), strict=True)} for image in (template, search)
    )
    rows = _count_backbone(space, network, backbone, search, template, tell)
    rows += _count_fusions(network, of_template, of_search, tell)
    cells = [tuple(of_search[exit_.block].shape[2:]) for exit_ in network.exits]
    for branch, head in zip(BRANCHES, (network.cls_head, network.reg_head), strict=True):
        rows += _count_towers(space, branch, head, cells, tell)
    rows.append(_Row("", "", "", [[[_left_over(space, rows, search_size)]]] * len(network.exits)))
    tell(1, "a whole network")
    return _parts(rows)


class _Row(NamedTuple):
    """A `Place` in the making."""

    part: str
    label: str
    branch: str
    costs: list[list[list[_Cost]]]
    """By output, width and candidate."""


def _count_backbone(
    space: Space, network: SiameseNetwork, backbone: _Chain, search: Tensor, template: Tensor, tell: Progress
) -> list[_Row]:
    """Stem and blocks."""
    counted = _count_chain(backbone, search)
    tell(1, "backbone, search")
    for here, of_template in zip(counted, _count_chain(backbone, template), strict=True):
        for cost, other in zip(here, of_template, strict=True):
            cost["macs_template"] = other["macs"]
    tell(1, "backbone, template")
    stem, *blocks = counted
    alive = [space.blocks_up_to(exit_.block) for exit_ in network.exits]
    rows = [_Row("backbone", "", "", [[stem]] * len(alive))]
    for name, costs in zip(network.backbone.blocks, blocks, strict=True):
        nothing: list[_Cost] = [{} for _ in costs]
        rows.append(_Row("backbone", name, "", [[costs if name in up_to else nothing] for up_to in alive]))
    return rows


def _count_fusions(
    network: SiameseNetwork, of_template: dict[str, Tensor], of_search: dict[str, Tensor], tell: Progress
) -> list[_Row]:
    """Neck and fusion, on the features by block."""
    necks, fusions = [], []
    for exit_ in network.exits:
        features = (of_template[exit_.block], of_search[exit_.block])
        counted = [
            _count_modules(Fused(network.necks[str(exit_.channels)], fusion), ("neck", "fusion"), features)
            for fusion in candidates_of(network.fusions[exit_.fusion_key])
        ]
        necks.append([[counted[0]["neck"]]])
        fusions.append([[costs["fusion"] for costs in counted]])
        tell(1, f"fusion behind {exit_.block}")
    return [_Row("neck", "", "", necks), _Row("fusion", CORRELATION, "", fusions)]


def _count_towers(
    space: Space, branch: str, head: nn.Module, cells: Sequence[tuple[int, ...]], tell: Progress
) -> list[_Row]:
    """The layers of a head branch and its prediction, on maps of so many cells by output."""
    by_cells: dict[tuple[int, ...], list[list[list[_Cost]]]] = {}
    for size in dict.fromkeys(cells):
        by_cells[size] = []
        for width, tower in zip(space.candidates[width_label(branch)], candidates_of(head), strict=True):
            assert isinstance(tower, Tower)
            fused = torch.zeros(1, space.description.fused_channels, *size)
            by_cells[size].append(_count_chain(_Chain([*tower.layers, tower.prediction]), fused))
            tell(1, f"{branch} tower of width {width}, {size[0]} x {size[1]} cells")
    labels = [layer_label(branch, index) for index in range(len(space.tower(branch).candidates))]
    return [
        _Row(f"{branch}_head", label, branch, [[of_width[index] for of_width in by_cells[size]] for size in cells])
        for index, label in enumerate([*labels, ""])
    ]


def _left_over(space: Space, rows: Iterable[_Row], search_size: int) -> _Cost:
    """What stands at no place: operators between the parts that the counter does not know."""
    first = space.architecture({label: values[0] for label, values in space.labels.items()})
    whole = measure_costs(first, search_size)
    left = {"macs": whole.macs, "params": whole.params, "macs_template": whole.macs_template, **whole.uncounted}
    for row in rows:
        for name, value in row.costs[0][0][0].items():
            left[name] = left.get(name, 0) - value
    if any(left[name] for name in COLUMNS) or min(left.values()) < 0:
        raise RuntimeError(f"the parts of space '{space.name}' do not add up to a whole network; left over: {left}")
    return {name: value for name, value in left.items() if value}


def _parts(rows: Sequence[_Row]) -> Parts:
    """Turn costs by output, width and candidate into arrays."""
    found = {name for row in rows for widths in row.costs for here in widths for cost in here for name in cost}
    columns = (*COLUMNS, *sorted(found - set(COLUMNS)))

    def array(costs: list[list[list[_Cost]]]) -> np.ndarray:
        values = [[[[cost.get(name, 0) for name in columns] for cost in here] for here in widths] for widths in costs]
        return np.array(values, np.int64)

    return Parts(columns, tuple(Place(row.part, row.label, row.branch, array(row.costs)) for row in rows))


class _Candidates(nn.ModuleList):
    """All candidates of a place, in the space's order."""


class AllCandidates:
    """The chooser that makes every candidate, so that the builder alone knows how."""

    def layer(self, label: str, factories: Factories) -> nn.Module:
        """All candidates of a place."""
        return _Candidates([factory() for factory in factories.values()])

    def output(self, exits: Sequence[str]) -> tuple[nn.Module, tuple[int, ...]]:
        """The first exit, with every exit kept."""
        return ChosenOutput(0), tuple(range(len(exits)))


class _Chain(nn.Module):
    """Places in a row: all candidates of a place run on what the first candidate of the place before made."""

    def __init__(self, places: Iterable[nn.Module]) -> None:
        super().__init__()
        self.places = nn.ModuleList(candidates_of(place) for place in places)

    def forward(self, features: Tensor) -> list[list[Tensor]]:
        """The outputs by place and candidate."""
        outputs: list[list[Tensor]] = []
        for place in self.places:
            assert isinstance(place, nn.ModuleList)
            outputs.append([candidate(outputs[-1][0] if outputs else features) for candidate in place])
        return outputs


class Fused(nn.Module):
    """What stands between both branches and the towers: neck and fusion of one exit."""

    def __init__(self, neck: nn.Module, fusion: nn.Module) -> None:
        super().__init__()
        self.neck = neck
        self.fusion = fusion

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """Features of both branches to what the towers read; shapes as in `Fusion.forward`."""
        return self.fusion(*self.neck(template, search))


def candidates_of(module: nn.Module) -> nn.ModuleList:
    """The candidates of a place; a place without a choice has one."""
    return module if isinstance(module, _Candidates) else nn.ModuleList([module])


def _count_chain(chain: _Chain, features: Tensor) -> list[list[_Cost]]:
    """Costs by place and candidate."""
    names = [
        [f"places.{place}.{candidate}" for candidate, _ in candidates.named_children()]
        for place, candidates in chain.places.named_children()
    ]
    costs = _count_modules(chain, [name for here in names for name in here], (features,))
    return [[costs[name] for name in here] for here in names]


def _count_modules(module: nn.Module, names: Iterable[str], inputs: tuple[Tensor, ...]) -> dict[str, _Cost]:
    """Costs of sub-modules by their names."""
    counted = count_operations(module, inputs)
    macs = counted.by_module()
    return {
        name: {
            "macs": int(macs[name]),
            "params": parameters_of(module.get_submodule(name)),
            **uncounted_of(counted, name),
        }
        for name in names
    }
