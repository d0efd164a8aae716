"""The Siamese network: one backbone, an output layer, a fusion per output, two head towers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lighttrack_nas.trackers.network.backbone import Backbone, LazySequence

_LARGEST_EXPONENT = 5.0  # 148 units, beyond any search crop
_SMALLEST_UNITS = 1e-3


@dataclass(frozen=True)
class Exit:
    """A place where features may leave the backbone.

    Attributes:
        block: Name of the block behind which they leave.
        channels: Of the features there.
        stride: Pixels of the input per step of the feature map.
        kernels: Positions of the template's map, the number of correlation kernels.
        fusion: Key of its fusion in `SiameseNetwork.fusions`; "" for the number of kernels.
        neck: Key of its neck in `SiameseNetwork.necks`; "" for the number of channels.
    """

    block: str
    channels: int
    stride: int
    kernels: int
    fusion: str = ""
    neck: str = ""

    @property
    def neck_key(self) -> str:
        """Where its neck stands in `SiameseNetwork.necks`."""
        return self.neck or str(self.channels)

    @property
    def fusion_key(self) -> str:
        """Where its fusion stands in `SiameseNetwork.fusions`."""
        return self.fusion or str(self.kernels)


@dataclass(frozen=True)
class Geometry:
    """Image sizes in pixels, and how the raw predictions become logits and distances.

    Attributes:
        template_size: Side of the square template crop.
        search_sizes: Sides of the square search crops that the tracker may ask for, ascending.
        score_scale: Factor on the classification output.
        box_activation: "relu" (the published network) or "exp": keeps distances from being negative.
        box_scale: Pixels per unit of the activated regression output. The published network keeps 16 for outputs of
            stride 8 too.
    """

    template_size: int
    search_sizes: tuple[int, ...]
    score_scale: float
    box_activation: Literal["relu", "exp"]
    box_scale: float


class ChosenOutput(nn.Module):
    """The output layer of a plain network: one exit, decided."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, outputs: Sequence[Tensor]) -> Tensor:
        """Take the chosen exit's tensor."""
        return outputs[self.index]


def _bounded_exp(raw: Tensor) -> Tensor:
    # A path of a supernet may never have been trained as a whole: its answers stay finite all the same.
    return torch.exp(raw.clamp(max=_LARGEST_EXPONENT))


class SiameseNetwork(nn.Module):
    """A Siamese tracker's network: `template` once, `track` for every frame.

    The parts may be plain modules, or the choices of a weight-sharing network: then `output`, every block and every
    head decide at run time, and `template` and `track` need a single path. `forward` serves all.

    Args:
        backbone: Stem and blocks.
        exits: Every place where the features may leave, in the order in which `output` counts them.
        output: Takes the lazily computed outputs of all exits and returns one tensor.
        necks: By `Exit.neck_key`: the separate norms of template and search features.
        fusions: By `Exit.fusion_key`, which is the number of correlation kernels unless channels matter too.
        cls_head: Fused features to one channel; None where `heads` gives both.
        reg_head: Fused features to four channels, left, top, right, bottom; None where `heads` gives both.
        geometry: Sizes and scales.
        heads: Fused features to five channels, the score and the four distances, where a space leaves open whether
            both share a tower.
    """

    def __init__(
        self,
        *,
        backbone: Backbone,
        exits: Sequence[Exit],
        output: nn.Module,
        necks: dict[str, nn.Module],
        fusions: dict[str, nn.Module],
        cls_head: nn.Module | None,
        reg_head: nn.Module | None,
        geometry: Geometry,
        heads: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.exits = tuple(exits)
        self.output = output
        self.necks = nn.ModuleDict(necks)
        self.fusions = nn.ModuleDict(fusions)
        self.cls_head = cls_head
        self.reg_head = reg_head
        self.heads = heads
        self.geometry = geometry

    @property
    def template_size(self) -> int:
        """Side of the square template crop, pixels; the largest where a space leaves it open."""
        return self.geometry.template_size

    @property
    def exit(self) -> Exit:
        """The chosen exit of a plain network.

        Raises:
            TypeError: The output layer is still a choice.
        """
        if not isinstance(self.output, ChosenOutput):
            raise TypeError("a weight-sharing network has no exit of its own: its output layer is a choice")
        return self.exits[self.output.index]

    @property
    def stride(self) -> int:
        """Search pixels per step of the output map (plain networks only)."""
        return self.exit.stride

    def template(self, image: Tensor) -> Tensor:
        """Compute the template's features, once per target.

        Args:
            image: ``(batch, 3, template_size, template_size)``, RGB, normalised with ImageNet's mean and deviation.

        Returns:
            ``(batch, channels, hz, wz)``, before the neck's norm (which is applied by `track`).
        """
        return self.output(LazySequence(len(self.exits), self.backbone.features(image)))

    def track(self, template_features: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """Predict where the target is in a search crop.

        Args:
            template_features: What `template` returned, ``(batch, channels, hz, wz)``.
            image: ``(batch, 3, search_size, search_size)``, RGB, normalised as the template.

        Returns:
            Logits ``(batch, 1, n, n)``, and distances left, top, right, bottom in search pixels from each position to
            the box's sides, ``(batch, 4, n, n)``, never negative; n is the search size over the stride.
        """
        fused = LazySequence(
            len(self.exits),
            self.backbone.features(image),
            lambda index, search: self.fuse(self.exits[index], template_features, search),
        )
        return self.predict(self.output(fused))

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """Predict from both images at once, as training does; the same as `track(self.template(template), search)`.

        Both images advance through the backbone in step, so every sampled path sees the same blocks.
        """
        return self.predict(self.fused(template, search))

    def fused(self, template: Tensor, search: Tensor) -> Tensor:
        """What both towers read, from both images: ``(batch, fused channels, n, n)``."""
        both = zip(self.backbone.features(template), self.backbone.features(search), strict=True)
        fused: Tensor = self.output(
            LazySequence(len(self.exits), both, lambda index, pair: self.fuse(self.exits[index], *pair))
        )
        return fused

    def fuse(self, exit_: Exit, template: Tensor, search: Tensor) -> Tensor:
        """Compare the features of both images at an exit: neck and fusion."""
        template, search = self.necks[exit_.neck_key](template, search)
        fused: Tensor = self.fusions[exit_.fusion_key](template, search)
        return fused

    def predict(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """Run the towers on what `fused` gives; logits and distances as of `track`."""
        return self.answers(*self.raw(fused))

    def answers(self, raw_scores: Tensor, raw_boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and distances, as of `track`, from what `raw` gives."""
        activation: Callable[[Tensor], Tensor] = torch.relu if self.geometry.box_activation == "relu" else _bounded_exp
        return raw_scores * self.geometry.score_scale, activation(raw_boxes) * self.geometry.box_scale

    def raw(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """Run the towers alone: ``(B, 1, n, n)`` and ``(B, 4, n, n)`` as their last convolutions give them."""
        if self.cls_head is not None and self.reg_head is not None:
            return self.cls_head(fused), self.reg_head(fused)
        assert self.heads is not None
        both = self.heads(fused)
        return both[:, :1], both[:, 1:]

    def raw_boxes(self, distances: Tensor) -> Tensor:
        """What the regression tower would have to give for distances, in search pixels, ``(B, 4, n, n)``."""
        units = distances / self.geometry.box_scale
        return units if self.geometry.box_activation == "relu" else units.clamp(min=_SMALLEST_UNITS).log()


class TemplateBranch(nn.Module):
    """`SiameseNetwork.template` as a module of its own, for those who count or export modules."""

    def __init__(self, network: SiameseNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """See `SiameseNetwork.template`."""
        return self.network.template(image)


class TrackBranch(nn.Module):
    """`SiameseNetwork.track` as a module of its own."""

    def __init__(self, network: SiameseNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        """See `SiameseNetwork.track`."""
        return self.network.track(features, image)
