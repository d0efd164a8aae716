"""The backbone: stem and blocks in order, run only as far as somebody asks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


class LazySequence(Sequence[Any]):
    """Values of which each is computed when it is asked for and no sooner, by drawing up to it.

    NNI's InputChoice only takes the length and indexes, so a single path computes nothing behind its exit, while the
    differentiable strategies, which ask for every item, get them all from one pass through the backbone.

    Args:
        length: How many.
        values: One after another, computed as they are drawn.
        finish: What to make of a value, by its index, each time it is asked for; None leaves it as it is.
    """

    def __init__(self, length: int, values: Iterator[Any], finish: Callable[[int, Any], Tensor] | None = None) -> None:
        self._length = length
        self._values = values
        self._finish = finish
        self._drawn: list[Any] = []

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(f"output {index} of {len(self)}")
        while len(self._drawn) <= index:
            self._drawn.append(next(self._values))
        value = self._drawn[index]
        return value if self._finish is None else self._finish(index, value)


@dataclass(frozen=True)
class Step:
    """Blocks of a backbone between which no features leave.

    Attributes:
        blocks: Names, in order.
        is_exit: Whether the features may leave behind it.
        stage: The stage whose number of blocks is open, and chosen by `Backbone.depths` of this name; "" for none.
        depths: The numbers of blocks from which it is chosen, ascending.
    """

    blocks: tuple[str, ...]
    is_exit: bool
    stage: str = ""
    depths: tuple[int, ...] = ()


class Backbone(nn.Module):
    """Stem and blocks in order; a plain network holds no block behind its exit.

    Args:
        stem: From the image.
        blocks: By name.
        steps: How they follow each other.
        depths: By stage of open depth: takes the features behind so many blocks from a lazy sequence of them.
    """

    def __init__(
        self, stem: nn.Module, blocks: dict[str, nn.Module], steps: Sequence[Step], depths: dict[str, nn.Module]
    ) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.ModuleDict(blocks)
        self.depths = nn.ModuleDict(depths) if depths else None
        self._steps = tuple(steps)

    def features(self, image: Tensor) -> Iterator[Tensor]:
        """Yield the features at one exit after another, running only the blocks up to the last one asked for."""
        features = self.stem(image)
        for step in self._steps:
            if step.stage and self.depths is not None:
                behind = LazySequence(len(step.depths), self._behind(step, features))
                features = self.depths[step.stage](behind)
            else:
                for name in step.blocks:
                    features = self.blocks[name](features)
            if step.is_exit:
                yield features

    def _behind(self, step: Step, features: Tensor) -> Iterator[Tensor]:
        for count, name in enumerate(step.blocks, start=1):
            features = self.blocks[name](features)
            if count in step.depths:
                yield features
