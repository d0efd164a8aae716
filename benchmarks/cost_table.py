"""Costs of any architecture of a space in microseconds: sums of parts that were counted once.

`measure_costs` builds a network and counts it, which takes tenths of a second; a search asks for thousands. What an
architecture costs is the sum of what its parts cost, and the space alone decides on which shapes a part works: those of
a block follow from its place, those of a tower layer from the tower's width and the output's stride. So every candidate
is counted once at every place where it may stand, by the same counter, and the sums agree with `measure_costs` to the
last unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from lighttrack_nas.benchmarks.costs import _count, _parameters
from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.builder import Factories, build
from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.space import OUTPUT, Space, layer_label, width_label
from lighttrack_nas.trackers.network import ChosenOutput, Exit, Tower

T = TypeVar("T")


class _Cost(NamedTuple):
    macs: int = 0
    params: int = 0
    macs_template: int = 0


class _Tower(NamedTuple):
    layers: list[dict[str, _Cost]]
    """By layer: candidate's name -> cost."""
    prediction: _Cost


class _Parts(NamedTuple):
    fixed: dict[str, _Cost]
    """By output: stem, neck, fusion."""
    blocks: dict[str, dict[str, _Cost]]
    """By block: candidate's name -> cost."""
    towers: dict[str, dict[tuple[str, str], _Tower]]
    """By output: (branch, width) -> the tower's parts, on the map of that output."""
    alive: dict[str, tuple[str, ...]]
    """By output: the blocks up to it."""


class CostTable:
    """Looks up what the architectures of a space cost. The first look-up counts the parts, which takes seconds.

    Args:
        space: The space.
    """

    def __init__(self, space: Space) -> None:
        self.space = space

    def costs(self, architecture: Architecture) -> dict[str, int]:
        """Cost of one architecture, equal to `measure_costs`.

        Args:
            architecture: Of the table's space.

        Returns:
            "macs" of one tracked frame, "params", and "macs_template", paid once a target; see `costs.Costs`.

        Raises:
            InputError: The architecture is of another space.
        """
        self.space.require(architecture)
        chosen, parts = self.space.chosen(architecture), self._parts
        output = chosen[OUTPUT]
        used = [parts.fixed[output], *(parts.blocks[name][chosen[name]] for name in parts.alive[output])]
        for branch in BRANCHES:
            tower = parts.towers[output][branch, chosen[width_label(branch)]]
            used.append(tower.prediction)
            used += [layer[chosen[layer_label(branch, index)]] for index, layer in enumerate(tower.layers)]
        macs, params, macs_template = (sum(column) for column in zip(*used, strict=True))
        return {"macs": macs, "params": params, "macs_template": macs_template}

    @cached_property
    def _parts(self) -> _Parts:
        return _count_parts(self.space)


class _Candidates(nn.ModuleList):
    """All candidates of a place, in the space's order."""


class _AllCandidates:
    """The chooser that makes every candidate, so that the builder alone knows how."""

    def layer(self, label: str, factories: Factories) -> nn.Module:
        return _Candidates([factory() for factory in factories.values()])

    def output(self, exits: Sequence[str]) -> tuple[nn.Module, tuple[int, ...]]:
        return ChosenOutput(0), tuple(range(len(exits)))


class _Chain(nn.Module):
    """Places in a row: all candidates of a place run on what the first candidate of the place before made."""

    def __init__(self, places: Iterable[nn.Module]) -> None:
        super().__init__()
        self.places = nn.ModuleList(_candidates(place) for place in places)

    def forward(self, features: Tensor) -> list[list[Tensor]]:
        """The outputs by place and candidate."""
        outputs: list[list[Tensor]] = []
        for place in self.places:
            assert isinstance(place, nn.ModuleList)
            outputs.append([candidate(outputs[-1][0] if outputs else features) for candidate in place])
        return outputs


class _Fused(nn.Module):
    def __init__(self, neck: nn.Module, fusion: nn.Module) -> None:
        super().__init__()
        self.neck = neck
        self.fusion = fusion

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        return self.fusion(*self.neck(template, search))


@torch.no_grad()
def _count_parts(space: Space) -> _Parts:
    description = space.description
    with torch.random.fork_rng(devices=[]):  # the weights do not matter, but drawing them must not show
        network = build(space, _AllCandidates()).eval()
    names = [block.name for block in description.blocks if block.name in network.backbone.blocks]
    trunk = _Chain([network.backbone.stem, *(network.backbone.blocks[name] for name in names)])
    template = torch.zeros(1, 3, description.template_size, description.template_size)
    search = torch.zeros(1, 3, description.search_sizes[0], description.search_sizes[0])
    behind = ["stem", *names]
    of_template, of_search = (
        dict(zip(behind, (place[0] for place in trunk(image)), strict=True)) for image in (template, search)
    )
    (stem,), *blocks = _count_chain(trunk, search, template)

    def fixed(exit_: Exit) -> _Cost:
        module = _Fused(network.necks[str(exit_.channels)], network.fusions[str(exit_.kernels)])
        macs = int(_count(module, (of_template[exit_.block], of_search[exit_.block])).total())
        return _Cost(stem.macs + macs, stem.params + _parameters(module), stem.macs_template)

    def towers(cells: tuple[int, ...]) -> dict[tuple[str, str], _Tower]:
        fused = torch.zeros(1, description.fused_channels, *cells)
        counted = {}
        for branch, head in zip(BRANCHES, (network.cls_head, network.reg_head), strict=True):
            for width, tower in _named(space, width_label(branch), _candidates(head)).items():
                assert isinstance(tower, Tower)
                *layers, (prediction,) = _count_chain(_Chain([*tower.layers, tower.prediction]), fused)
                named = [_named(space, layer_label(branch, index), layer) for index, layer in enumerate(layers)]
                counted[branch, width] = _Tower(named, prediction)
        return counted

    cells = {exit_.block: tuple(of_search[exit_.block].shape[2:]) for exit_ in network.exits}
    by_cells = {size: towers(size) for size in set(cells.values())}
    return _Parts(
        fixed={exit_.block: fixed(exit_) for exit_ in network.exits},
        blocks={name: _named(space, name, block) for name, block in zip(names, blocks, strict=True)},
        towers={output: by_cells[size] for output, size in cells.items()},
        alive={exit_.block: space.blocks_up_to(exit_.block) for exit_ in network.exits},
    )


def _count_chain(chain: _Chain, search: Tensor, template: Tensor | None = None) -> list[list[_Cost]]:
    """Costs by place and candidate."""
    macs = _count(chain, (search,)).by_module()
    macs_template: Mapping[str, float] = {} if template is None else _count(chain, (template,)).by_module()

    def cost(name: str) -> _Cost:
        return _Cost(int(macs[name]), _parameters(chain.get_submodule(name)), int(macs_template.get(name, 0)))

    return [
        [cost(f"places.{place}.{candidate}") for candidate, _ in candidates.named_children()]
        for place, candidates in chain.places.named_children()
    ]


def _candidates(module: nn.Module) -> nn.ModuleList:
    """The candidates of a place; a place without a choice has one."""
    return module if isinstance(module, _Candidates) else nn.ModuleList([module])


def _named(space: Space, label: str, values: Iterable[T]) -> dict[str, T]:
    """What belongs to the candidates of a place, by their names."""
    return dict(zip(space.candidates[label], values, strict=True))
