"""Weights by task: what a candidate learns where the rest of the path decides what it is for.

A supernet that learns from a teacher asks the same candidate for different work. A block behind which the features
leave shall give what the teacher's last block gives; with blocks behind it, what the teacher has at its place. A tower
of four layers does with each what a tower of eight does with two. Weights that served all of it would serve none, so
each task has its own (`Tasks`). A plain network has one task a place: nothing of this is left in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

from lighttrack_nas.search_spaces.base.labels import OUTPUT, layer_label, width_label
from lighttrack_nas.search_spaces.building.nni_adapter import LayerChoice
from lighttrack_nas.search_spaces.building.tower_tasks import task_ends, tower_task, tower_tasks
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.heads import Tower
from lighttrack_nas.trackers.network.network import SiameseNetwork

# Of a tower, in all of its widths.
_MOST_WORDS = 200_000


@dataclass(frozen=True)
class Tasks:
    """Where a supernet has weights by task.

    Attributes:
        exits: Blocks that have weights of their own for when the features leave behind them.
        towers: By branch, "cls" or "reg", how many layers the teacher's tower has: layer j of a path's d learns to do
            what the teacher's layers do from ``round(j * layers / d)`` on to ``round((j + 1) * layers / d)``.
    """

    exits: tuple[str, ...] = ()
    towers: Mapping[str, int] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """JSON-able; `read` reads it."""
        return asdict(self)

    @staticmethod
    def read(content: Any, where: str) -> Tasks:
        """Read what `record` gave.

        Args:
            content: JSON.
            where: What to call its source.

        Raises:
            InputError: It is something else.
        """
        given = content if isinstance(content, dict) else {"exits": None}
        exits, towers = given.get("exits", []), given.get("towers", {})
        if (
            not isinstance(exits, list)
            or not isinstance(towers, dict)
            or not all(isinstance(count, int) for count in towers.values())
        ):
            raise InputError(f"{where}: expected exits, a list, and towers, numbers of layers")
        return Tasks(tuple(map(str, exits)), dict(towers))


class TaskBlock(nn.Module):
    """A block with weights of its own for when the features leave behind it.

    Args:
        inner: The block, usually a choice.
        network: Whose output layer decides. Not that layer itself: NNI puts another one in its place.
        exit_index: Of the exit behind this block.
    """

    def __init__(self, inner: nn.Module, network: SiameseNetwork, exit_index: int) -> None:
        super().__init__()
        self.inner = inner
        self.last = deepcopy(inner)
        # In a tuple, so that the network is no part of its part.
        self._network = (network,)
        self.exit_index = exit_index

    def forward(self, features: Tensor) -> Tensor:
        """Run the block for its task."""
        (network,) = self._network
        is_last = network.output(range(len(network.exits))) == self.exit_index
        features = self.last(features) if is_last else self.inner(features)
        return features

    def is_last_of(self, sample: Mapping[str, Any]) -> bool:
        """Whether the features leave behind it in NNI's sample."""
        return bool(sample[OUTPUT][0] == self.exit_index)


class _Number(nn.Module):
    """The number of a candidate: what a layer of a `TaskTower` chooses among."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def forward(self) -> int:
        """The number."""
        return self.number


class TaskTower(nn.Module):
    """A tower whose layers have weights by task: a library of operations, and choices among their names.

    Args:
        tower: Whose layers and prediction.
        operations: Names of the candidates of every layer.
        skips: Names of those that are the identity.
        layers: How many layers the teacher's tower has.
        labels: Of the layers' choices.
    """

    def __init__(
        self,
        tower: Tower,
        operations: Sequence[Sequence[str]],
        skips: frozenset[str],
        layers: int,
        labels: Sequence[str],
    ) -> None:
        super().__init__()
        self.names = tuple(dict.fromkeys(name for names in operations for name in names))
        self.skips, self.teacher_layers = skips, layers
        self._labels, self._operations = tuple(labels), tuple(operations)
        self.choices = nn.ModuleList(
            _choice(names, self.names, label) for names, label in zip(operations, labels, strict=True)
        )
        tasks = tower_tasks(len(operations), layers)
        # Where the first layer may be left out, any other reads the fused map.
        first = set(self.names if skips & set(operations[0]) else operations[0])
        self.library = nn.ModuleDict(
            {
                name: nn.ModuleDict(
                    {
                        task: deepcopy(_layer(tower, operations, name, task))
                        for task in tasks
                        if name in first or task_ends(task)[0] > 0
                    }
                )
                for name in self.names
                if name not in skips
            }
        )
        self.prediction = tower.prediction

    def word(self) -> list[str]:
        """The operations that the path runs, skips left out."""
        chosen = [self.names[choice()] for choice in self.choices]
        return [name for name in chosen if name not in self.skips]

    def modules_of(self, word: Sequence[str]) -> list[nn.Module]:
        """The layers of a word, in order."""
        tasks = [tower_task(number, len(word), self.teacher_layers) for number in range(len(word))]
        return [self.library.get_submodule(f"{name}.{task}") for name, task in zip(word, tasks, strict=True)]

    def tasks(self) -> Iterator[tuple[str, nn.Module]]:
        """Every layer of the library, with its task."""
        for name, layer in self.library.named_modules():
            if name.count(".") == 1:
                yield name.partition(".")[2], layer

    def forward(self, features: Tensor) -> Tensor:
        """Map the fused ``(batch, channels, h, w)`` to ``(batch, outputs, h, w)``."""
        for layer in self.modules_of(self.word()):
            features = layer(features)
        prediction: Tensor = self.prediction(features)
        return prediction

    def weights(self, sample: Mapping[str, Any]) -> Iterator[tuple[str, nn.Module]]:
        """What an architecture takes: modules by their names in the plain tower.

        Args:
            sample: NNI's.
        """
        chosen = [sample.get(label, names[0]) for label, names in zip(self._labels, self._operations, strict=True)]
        layers = iter(self.modules_of([name for name in chosen if name not in self.skips]))
        for index, name in enumerate(chosen):
            if name not in self.skips:
                yield f"layers.{index}", next(layers)
        yield "prediction", self.prediction


def _choice(names: Sequence[str], all_names: Sequence[str], label: str) -> nn.Module:
    numbers = {name: _Number(all_names.index(name)) for name in names}
    return LayerChoice(numbers, label=label) if len(numbers) > 1 else next(iter(numbers.values()))


def _layer(tower: Tower, operations: Sequence[Sequence[str]], name: str, task: str) -> nn.Module:
    """A fresh layer for a task: what begins at the fused map has the first layer's shapes, all others a later one's."""
    begins = task_ends(task)[0] == 0
    places = [index for index, names in enumerate(operations) if name in names]
    # Behind another layer a first one that is the same operation would read other channels.
    place = places[0] if begins else places[-1]
    layer = tower.layers[place]
    return layer[name] if isinstance(layer, LayerChoice) else layer


def give_tasks(network: SiameseNetwork, space: Space, tasks: Tasks) -> None:
    """Give the fresh network of a model space weights by task, in place; to be called while NNI's space is made.

    Args:
        network: Of choices.
        space: The space.
        tasks: Where.

    Raises:
        InputError: The tasks are of another space.
    """
    for name in tasks.exits:
        outputs = space.labels.get(OUTPUT, ())
        if name not in outputs:
            raise InputError(f"space '{space.name}': '{name}' is no output that can be chosen, and can have no tasks")
        network.backbone.blocks[name] = TaskBlock(network.backbone.blocks[name], network, outputs.index(name))
    for branch, layers in tasks.towers.items():
        head = f"{branch}_head"
        if not can_have_tasks(space, branch):
            raise InputError(
                f"space '{space.name}': the tower '{branch}' is shared, chooses widths by layer, has candidates of its "
                "first layer alone, or too many layers, and can have no tasks"
            )
        setattr(network, head, _tower_by_task(getattr(network, head), space, branch, layers))


def can_have_tasks(space: Space, branch: str) -> bool:
    """Whether a tower may have weights by task: its layers share a width, and its branch has a tower of its own.

    Not where it has more words than a table of places can hold.
    """
    tower = space.tower(branch)
    words = len(tower.widths) * math.prod(len(names) for names in tower.candidates)
    # A candidate of the first layer alone has no shapes for the layers behind it.
    later = {name for names in tower.candidates[1:] for name in names}
    fits = len(tower.candidates) == 1 or set(tower.candidates[0]) <= later
    return tower.tied and space.description.towers.sharing == ("separate",) and fits and words <= _MOST_WORDS


def _tower_by_task(head: nn.Module, space: Space, branch: str, layers: int) -> nn.Module:
    operations = space.tower(branch).candidates
    labels = [layer_label(branch, index) for index in range(len(operations))]
    if isinstance(head, LayerChoice):
        towers = {name: _tower_by_task(head[name], space, branch, layers) for name in head.names}
        return LayerChoice(towers, label=width_label(branch))
    assert isinstance(head, Tower)
    return TaskTower(head, operations, space.description.skips, layers, labels)
