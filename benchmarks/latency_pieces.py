"""The pieces that the networks of a space are made of, each once, and which of them an architecture runs for a frame.

A piece is a candidate, in its deployed form, on the shapes on which it works. The space alone decides on these, so that
blocks of one stage, and layers of one tower width, share most of their pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lighttrack_nas.benchmarks.cost_parts import AllCandidates, Fused, candidates_of
from lighttrack_nas.search_spaces.architecture import Architecture
from lighttrack_nas.search_spaces.builder import build
from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.labels import CORRELATION, OUTPUT, layer_label, width_label
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.network import Tower
from lighttrack_nas.trackers.reparameterise import reparameterise

PARTS = ("backbone", "fusion", "towers")
"""Where a piece may stand; the neck counts as fusion."""


@dataclass(frozen=True)
class Piece:
    """Something that can be timed alone.

    Attributes:
        module: In eval mode, with random weights.
        inputs: Shapes, batch 1.
    """

    module: nn.Module
    inputs: tuple[tuple[int, ...], ...]


Place = Mapping[str, str]
"""What may stand at a place: candidate -> name of the piece; "" for nothing at all, which a skip is."""


@dataclass(frozen=True)
class Pieces:
    """All pieces of a space, and where they stand.

    Attributes:
        space: The space.
        pieces: By name, which is the candidate's with the shapes.
        stem: The first piece of every network.
        blocks: By block.
        fusions: By output, by correlation.
        layers: By output, branch and width: a place a layer.
        predictions: By output, branch and width.
    """

    space: Space
    pieces: Mapping[str, Piece]
    stem: str
    blocks: Mapping[str, Place]
    fusions: Mapping[str, Place]
    layers: Mapping[tuple[str, str, str], Sequence[Place]]
    predictions: Mapping[tuple[str, str, str], str]

    def of(self, architecture: Architecture) -> dict[str, list[str]]:
        """Names of the pieces that an architecture runs for a frame, by part; some more than once.

        Raises:
            InputError: The architecture is of another space.
        """
        self.space.require(architecture)
        chosen = self.space.chosen(architecture)
        output = chosen[OUTPUT]
        alive = self.space.blocks_up_to(output)
        backbone = [self.stem, *(self.blocks[name][chosen[name]] for name in alive)]
        towers = []
        for branch in BRANCHES:
            where = (output, branch, chosen[width_label(branch)])
            towers += [layer[chosen[layer_label(branch, index)]] for index, layer in enumerate(self.layers[where])]
            towers.append(self.predictions[where])
        used = (backbone, [self.fusions[output][chosen[CORRELATION]]], towers)
        return {part: [name for name in names if name] for part, names in zip(PARTS, used, strict=True)}


@torch.no_grad()
def find_pieces(space: Space) -> Pieces:
    """Build every candidate of a space, and follow a frame of the smaller search size through the first of each place.

    Args:
        space: The space.

    Returns:
        The pieces, in the order in which a frame meets them.
    """
    description = space.description
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # weights of ordinary size, the same every time
        network = reparameterise(build(space, AllCandidates()).eval())
    image = torch.zeros(1, 3, description.search_sizes[0], description.search_sizes[0])
    template = torch.zeros(1, 3, description.template_size, description.template_size)
    found = _Collection()

    stem = found.add("stem", network.backbone.stem, image)
    search, target = network.backbone.stem(image), network.backbone.stem(template)
    blocks, behind = {}, {}
    for name, block in network.backbone.blocks.items():
        blocks[name] = found.place(space.candidates[name], block, search)
        first = candidates_of(block)[0]
        search, target = first(search), first(target)
        behind[name] = (target, search)
    fusions, layers, predictions = {}, {}, {}
    for exit_ in network.exits:
        candidates = [
            Fused(network.necks[str(exit_.channels)], fusion)
            for fusion in candidates_of(network.fusions[exit_.fusion_key])
        ]
        fusions[exit_.block] = {
            name: found.add("fusion" if name == "pixelwise" else f"{name} fusion", fusion, *behind[exit_.block])
            for name, fusion in zip(space.candidates[CORRELATION], candidates, strict=True)
        }
        fused = candidates[0](*behind[exit_.block])
        for branch, head in zip(BRANCHES, (network.cls_head, network.reg_head), strict=True):
            for width, tower in zip(space.candidates[width_label(branch)], candidates_of(head), strict=True):
                assert isinstance(tower, Tower)
                where, features, places = (exit_.block, branch, width), fused, []
                for index, layer in enumerate(tower.layers):
                    places.append(found.place(space.candidates[layer_label(branch, index)], layer, features))
                    features = candidates_of(layer)[0](features)
                layers[where] = places
                predictions[where] = found.add("prediction", tower.prediction, features)
    return Pieces(space, found.pieces, stem, blocks, fusions, layers, predictions)


class _Collection:
    """Pieces, each once."""

    def __init__(self) -> None:
        self.pieces: dict[str, Piece] = {}

    def add(self, name: str, module: nn.Module, *inputs: Tensor) -> str:
        """Add a piece unless it is there; "" for one that does nothing."""
        if isinstance(module, nn.Identity):
            return ""
        shapes = tuple(tuple(tensor.shape) for tensor in inputs)
        outputs = tuple(module(*inputs).shape)
        name = f"{name} {' and '.join(map(_text, shapes))} to {_text(outputs)}"
        self.pieces.setdefault(name, Piece(module, shapes))
        return name

    def place(self, names: Iterable[str], module: nn.Module, features: Tensor) -> dict[str, str]:
        """Add the candidates of a place."""
        candidates = zip(names, candidates_of(module), strict=True)
        return {name: self.add(name, candidate, features) for name, candidate in candidates}


def _text(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape[1:]))
