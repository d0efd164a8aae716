"""A finished network from which others learn: its maps, its fused map, its answers."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.strategies.one_shot.teaching.correspondence import STEM, live_blocks
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.network.norms import fold_norms


class Answers(NamedTuple):
    """What a network says of a pair of crops.

    Attributes:
        fused: ``(B, fused channels, n, n)`` What both towers read.
        logits: ``(B, 1, n, n)``.
        distances: ``(B, 4, n, n)`` left, top, right, bottom in search pixels.
    """

    fused: Tensor
    logits: Tensor
    distances: Tensor


@dataclass(frozen=True, eq=False)
class Teacher:
    """A network that others learn from; it learns nothing itself.

    Attributes:
        network: In eval mode, its norms folded, without gradients.
        architecture: What it was built from, in its own space.
        name: What messages and records call it.
        digest: Sixteen hexadecimal digits of its weights.
    """

    network: SiameseNetwork
    architecture: Architecture
    name: str
    digest: str

    @staticmethod
    def of(network: SiameseNetwork, architecture: Architecture, name: str, digest: str) -> Teacher:
        """Make a teacher of a copy of a plain network.

        Raises:
            InputError: Its answers are no finite numbers.
        """
        teacher = Teacher(deepcopy(network).eval().requires_grad_(False), architecture, name, digest)
        fold_norms(teacher.network)
        geometry = network.geometry
        sizes = geometry.template_size, geometry.search_sizes[0]
        generator = torch.Generator().manual_seed(0)
        crops = [torch.randn(2, 3, size, size, generator=generator) for size in sizes]
        if not all(bool(answer.isfinite().all()) for answer in teacher.answers(*crops)):
            raise InputError(
                f"teacher '{name}': its answers are no finite numbers, so that nothing can be learnt from it"
            )
        return teacher

    def record(self) -> dict[str, str]:
        """What it is, JSON-able."""
        return {"name": self.name, "digest": self.digest, "space": self.architecture.space.name}

    def to(self, device: torch.device, memory_format: torch.memory_format = torch.preserve_format) -> None:
        """Move the network to a device, and its weights into a format; nothing happens where they are there."""
        self.network.to(device).to(memory_format=memory_format)

    @torch.no_grad()
    def maps(self, image: Tensor) -> dict[str, Tensor]:
        """The features behind the stem (`STEM`) and behind each block, of images ``(B, 3, side, side)``."""
        backbone = self.network.backbone
        features = backbone.stem(image)
        maps = {STEM: features} if self.architecture.space.description.stem else {}
        for name in live_blocks(self.architecture):
            # A block may write over what it is given where its activation does; none of them begins with one.
            features = maps[name] = backbone.blocks[name](features)
        return maps

    @torch.no_grad()
    def answers(self, template: Tensor, search: Tensor) -> Answers:
        """What it says of pairs of crops."""
        fused = self.network.fused(template, search)
        return Answers(fused, *self.network.predict(fused))

    @torch.no_grad()
    def answers_from(self, template: Tensor, search: Tensor) -> Answers:
        """What it says of the features of both crops at its exit."""
        fused = self.network.fuse(self.network.exit, template, search)
        return Answers(fused, *self.network.predict(fused))

    @property
    def exit(self) -> str:
        """The block behind which its features leave: the last that runs, where a stage of free depth is left."""
        return live_blocks(self.architecture)[-1]

    def require_for(self, space: Space) -> None:
        """Check that it sees what the networks of a space see.

        Raises:
            InputError: The space has other crops, or an output of another stride than the teacher's.
        """
        own, wanted = self.network.geometry, space.description
        sizes = [(size, wanted.search_sizes_of(size)[0]) for size in wanted.all_template_sizes]
        theirs = own.template_size, own.search_sizes[0]
        if sizes != [theirs]:
            crops = " or ".join(f"{template} and {search}" for template, search in sizes)
            raise InputError(
                f"teacher '{self.name}' sees template and search crops of {theirs[0]} and {theirs[1]} pixels, space "
                f"'{space.name}' those of {crops}: a teacher must see what its pupils see"
            )
        stride = self.network.exit.stride
        unlike = [exit_.name for exit_ in wanted.exits if exit_.total_stride != stride]
        if unlike:
            raise InputError(
                f"space '{space.name}', output '{unlike[0]}': its stride is not {stride}, as that of teacher "
                f"'{self.name}': leave out {', '.join(unlike)}, or take a teacher of that stride"
            )
