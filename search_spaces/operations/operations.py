"""The operations that ship: what a block or a tower layer may be, by the `kind` that a space file names.

An operation is a small frozen record of parameters that builds a module from channels and stride. These records import
no torch, so that a space is read and checked without it; what they build stands in `trackers`. Operations of other
people come by `operation_registry.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator

from lighttrack_nas.search_spaces.base.parts import Part

if TYPE_CHECKING:
    from torch import nn

Attention = Annotated[
    Literal["se", "eca", "none"], Field(description="Which channels count: squeeze-and-excitation, ECA, or none.")
]
Activation = Annotated[
    Literal["silu", "relu", "relu6", "hardswish", "gelu"], Field(description="What follows the convolutions.")
]
Squeeze = Annotated[
    float, Field(gt=0, le=1, description="Channels inside squeeze-and-excitation, a fraction of those it weighs.")
]
Expansion = Annotated[
    float, Field(gt=0, le=16, strict=False, description="Channels inside the block, a multiple of its input.")
]
Kernel = Annotated[
    int,
    Field(
        ge=1,
        le=31,
        description="Side of the kernel, positions of the map; odd.",
        json_schema_extra={"not": {"multipleOf": 2}},
    ),
]


class CodeFailure(str):
    """Why an operation's own code failed, which is no matter of channels or stride, and so the same in every place."""

    __slots__ = ()


class Operation(Part):
    """What stands at a place of a network. Equal records build equal modules.

    Attributes:
        kind: Its name in the registry.
    """

    model_config = ConfigDict(strict=True)

    kind: str

    PREFIX: ClassVar[str] = ""
    """What names of candidates begin with, before their parameters."""
    SHORT: ClassVar[Mapping[str, str]] = {"kernel": "k", "expansion": "e"}
    """How a number is called in a candidate's name; other parameters stand behind hyphens."""
    MODULE: ClassVar[str] = ""
    """Module and class in `trackers.network` that it builds."""

    def refusal(self, inputs: int, outputs: int, stride: int) -> str:
        """Why it cannot map `inputs` channels to `outputs` with this stride; "" where it can.

        A `CodeFailure` where its code fails by itself.
        """
        return ""

    def build(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Build the module with fresh weights, ``(batch, inputs, h, w)`` to ``(batch, outputs, h / stride, ...)``."""
        module, _, name = self.MODULE.rpartition(".")
        built: nn.Module = getattr(import_module(f"lighttrack_nas.trackers.network.{module}"), name)(
            inputs, outputs, stride, **self.parameters()
        )
        return built

    def parameters(self) -> dict[str, Any]:
        """Parameter by name."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "kind"}

    def with_expansion(self, expansion: float) -> Operation:
        """The same with another expansion, a whole number where it is one: other people's may be of type int."""
        whole = int(expansion) if float(expansion).is_integer() else expansion
        return type(self).model_validate({"kind": self.kind, **self.parameters(), "expansion": whole})

    def default_name(self, *, free_expansion: bool = False) -> str:
        """The name of this candidate where a space file gives none: kernel, expansion, and what is not as usual.

        Args:
            free_expansion: Whether the expansion is a choice of its own: the name then goes without it.
        """
        # Without its expansion, an operation without a prefix would be called as those of towers are.
        name = self.PREFIX or (f"{self.kind}-" if free_expansion else "")
        for parameter, field in type(self).model_fields.items():
            if parameter == "expansion" and free_expansion:
                continue
            value = getattr(self, parameter)
            short = self.SHORT.get(parameter)
            usual = not field.is_required() and value == field.default and short is None
            if parameter == "kind" or usual:
                continue
            name += f"-{_word(parameter, value)}" if short is None else f"{short}{value:g}"
        # Torch allows no dot in a module's name.
        return re.sub("[^A-Za-z0-9]+", "-", name.replace(".", "p")).strip("-")

    def __hash__(self) -> int:
        # As written: values of somebody's own parameters may be lists, which have no hash.
        return hash((self.kind, str(self.parameters())))


def _word(parameter: str, value: object) -> str:
    """A parameter that has no short name: `eca`, `no-attention`, `depthwise`, `groups2`."""
    parameter = parameter.replace("_", "-")
    if value is True or value is False or value == "none":
        return parameter if value is True else f"no-{parameter}"
    return (
        value if isinstance(value, str) else f"{parameter}{value:g}" if isinstance(value, int | float) else str(value)
    )


class _Convolution(Operation):
    kernel: Kernel

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"a kernel must be odd, so that padding keeps the map centred; got {kernel}")
        return kernel


class InvertedResidual(_Convolution):
    """`mbconv`: MBConv, with squeeze-and-excitation unless told otherwise; for backbones."""

    kind: Literal["mbconv"] = "mbconv"
    expansion: Expansion
    squeeze: Squeeze = 0.25
    attention: Attention = "se"
    activation: Activation = "silu"

    LATER: ClassVar = frozenset({"attention", "activation"})
    MODULE: ClassVar = "blocks.InvertedResidual"


class SeparableConvolution(_Convolution):
    """`separable`: depthwise, squeeze-and-excitation, pointwise, with a residual; for backbones."""

    kind: Literal["separable"] = "separable"
    squeeze: Squeeze = 0.25
    attention: Attention = "se"
    activation: Activation = "silu"

    PREFIX: ClassVar = "separable"
    SHORT: ClassVar = {"kernel": ""}
    LATER: ClassVar = frozenset({"attention", "activation"})
    MODULE: ClassVar = "blocks.SeparableConvolution"


class TowerConvolution(_Convolution):
    """`dsconv`: depthwise, pointwise, BatchNorm, ReLU; for towers."""

    kind: Literal["dsconv"] = "dsconv"
    activation: Activation = "relu"

    LATER: ClassVar = frozenset({"activation"})
    MODULE: ClassVar = "blocks.TowerConvolution"

    def refusal(self, inputs: int, outputs: int, stride: int) -> str:
        """Tower layers keep the map's size."""
        return "" if stride == 1 else "it keeps the size of the map: the stride must be 1"

    def build(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Build the layer with fresh weights."""
        from lighttrack_nas.trackers.network import blocks

        return blocks.TowerConvolution(inputs, outputs, **self.parameters())


class FusedInvertedResidual(_Convolution):
    """`fused`: MBConv whose first two convolutions are one (EfficientNetV2); for early stages."""

    kind: Literal["fused"] = "fused"
    expansion: Expansion
    attention: Attention = "none"
    squeeze: Squeeze = 0.25
    activation: Activation = "silu"

    PREFIX: ClassVar = "fused-"
    MODULE: ClassVar = "operations.fused.FusedInvertedResidual"


class GhostBottleneck(_Convolution):
    """`ghost`: half of the channels are made from the other half by a depthwise convolution (GhostNet)."""

    kind: Literal["ghost"] = "ghost"
    expansion: Expansion
    attention: Attention = "none"
    squeeze: Squeeze = 0.25
    activation: Activation = "relu"

    PREFIX: ClassVar = "ghost-"
    MODULE: ClassVar = "operations.ghost.GhostBottleneck"


class ReparameterisedConvolution(_Convolution):
    """`repvgg`: trained in three branches, deployed as one convolution (RepVGG); its costs are those of the one."""

    kind: Literal["repvgg"] = "repvgg"
    depthwise: bool = Field(False, description="Whether each channel is convolved alone.")
    activation: Activation = "relu"

    PREFIX: ClassVar = "repvgg-"
    MODULE: ClassVar = "operations.reparameterised.ReparameterisedConvolution"

    def refusal(self, inputs: int, outputs: int, stride: int) -> str:
        """Depthwise convolutions keep the number of channels."""
        return "depthwise needs as many outputs as inputs" if self.depthwise and inputs != outputs else ""


class ReparameterisedSeparable(_Convolution):
    """`mobileone`: depthwise, then pointwise, each trained in branches and deployed as one convolution (MobileOne)."""

    kind: Literal["mobileone"] = "mobileone"
    activation: Activation = "relu"

    PREFIX: ClassVar = "mobileone-"
    MODULE: ClassVar = "operations.reparameterised.ReparameterisedSeparable"


class ShuffleBlock(_Convolution):
    """`shuffle`: half of the channels pass by (ShuffleNetV2)."""

    kind: Literal["shuffle"] = "shuffle"
    activation: Activation = "relu"

    PREFIX: ClassVar = "shuffle-"
    MODULE: ClassVar = "operations.shuffle.ShuffleBlock"

    def refusal(self, inputs: int, outputs: int, stride: int) -> str:
        """Halves of channels, of which one passes by at stride 1."""
        if outputs % 2:
            return "the channels must be even, half of them pass by"
        return "at stride 1 it needs as many outputs as inputs" if stride == 1 and inputs != outputs else ""


class Skip(Operation):
    """`skip`: the identity."""

    kind: Literal["skip"] = "skip"

    PREFIX: ClassVar = "skip"

    def refusal(self, inputs: int, outputs: int, stride: int) -> str:
        """The input is passed on as it is."""
        return "" if inputs == outputs and stride == 1 else "it passes its input on as it is"

    def build(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Build the identity."""
        from torch import nn

        return nn.Identity()


BUILT_IN: tuple[type[Operation], ...] = (
    InvertedResidual,
    SeparableConvolution,
    FusedInvertedResidual,
    GhostBottleneck,
    ReparameterisedConvolution,
    ReparameterisedSeparable,
    ShuffleBlock,
    TowerConvolution,
    Skip,
)
"""The operations that need nothing registered."""
