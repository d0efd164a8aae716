"""The operation registry: what a block or a tower layer may be, by the `kind` that a space file names.

Each kind is a small pydantic model of its parameters with a `build`. To add a kind, write such a class and add it to
`Operation`. Torch is imported when something is built, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

if TYPE_CHECKING:
    from torch import nn


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def fits(self, inputs: int, outputs: int, stride: int) -> bool:
        """Whether the operation can map `inputs` channels to `outputs` with this stride."""
        return True


class _Convolution(_Parameters):
    kernel: Annotated[int, Field(ge=1, le=31)]

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError("a kernel must be odd, so that padding keeps the map centred")
        return kernel


class InvertedResidual(_Convolution):
    """`mbconv`: MBConv with squeeze-and-excitation, for backbones."""

    kind: Literal["mbconv"]
    expansion: Annotated[float, Field(gt=0, le=16, strict=False)]
    squeeze: Annotated[float, Field(gt=0, le=1)] = 0.25

    def build(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Build the block with fresh weights."""
        from lighttrack_nas.trackers import blocks

        return blocks.InvertedResidual(inputs, outputs, stride, self.kernel, self.expansion, self.squeeze)


class SeparableConvolution(_Convolution):
    """`separable`: depthwise, squeeze-and-excitation, pointwise, with a residual; for backbones."""

    kind: Literal["separable"]
    squeeze: Annotated[float, Field(gt=0, le=1)] = 0.25

    def build(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Build the block with fresh weights."""
        from lighttrack_nas.trackers import blocks

        return blocks.SeparableConvolution(inputs, outputs, stride, self.kernel, self.squeeze)


class TowerConvolution(_Convolution):
    """`dsconv`: depthwise, pointwise, BatchNorm, ReLU; for towers."""

    kind: Literal["dsconv"]

    def fits(self, inputs: int, outputs: int, stride: int) -> bool:
        """Whether the stride is 1: tower layers keep the map's size."""
        return stride == 1

    def build(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Build the layer with fresh weights."""
        from lighttrack_nas.trackers import blocks

        return blocks.TowerConvolution(inputs, outputs, self.kernel)


class Skip(_Parameters):
    """`skip`: the identity."""

    kind: Literal["skip"]

    def fits(self, inputs: int, outputs: int, stride: int) -> bool:
        """Whether shape and stride allow to pass the input on."""
        return inputs == outputs and stride == 1

    def build(self, inputs: int, outputs: int, stride: int) -> nn.Module:
        """Build the identity."""
        from torch import nn

        return nn.Identity()


Operation = Annotated[
    InvertedResidual | SeparableConvolution | TowerConvolution | Skip,
    Field(discriminator="kind"),
]
