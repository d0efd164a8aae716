"""The parts of a description, each well formed, and all of them together before it is known that they fit."""

from __future__ import annotations

import hashlib
import json
import math
from functools import cached_property
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, SerializeAsAny

from lighttrack_nas.search_spaces.base.parts import Part
from lighttrack_nas.search_spaces.base.plugins import code_digest
from lighttrack_nas.search_spaces.base.quantities import (
    CandidateName,
    Channels,
    Count,
    Name,
    Pixels,
    StemKernel,
    Stride,
)
from lighttrack_nas.search_spaces.operations.operation_registry import plugin_files, read_operation
from lighttrack_nas.search_spaces.operations.operations import Expansion, Operation

AnyOperation = Annotated[SerializeAsAny[Operation], BeforeValidator(read_operation)]

BRANCHES = ("cls", "reg")


class StemDescription(Part):
    """The first convolution, from the RGB image."""

    channels: Channels = Field(description="Channels behind the first convolution.")
    kernel: StemKernel = Field(3, description="Side of the kernel, pixels of the image.")
    stride: Stride = Field(2, description="Pixels of the image per step of the map behind it.")


def _read_stem(given: object) -> object:
    if given is None:
        raise ValueError("expected a convolution, or none, where the first stage reads the image itself")
    return None if given == "none" else given


AnyStem = Annotated[
    StemDescription | None,
    BeforeValidator(_read_stem),
    PlainSerializer(lambda stem: "none" if stem is None else stem.model_dump()),
]


class StageDescription(Part):
    """Blocks of one width; the first carries the stride. One operation means a fixed block, several a choice each."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$", description="Its blocks are called NAME-blockN, N from 0.")
    channels: Channels = Field(description="Channels behind each of its blocks.")
    blocks: Count = Field(description="How many blocks.")
    stride: Stride = Field(description="Stride of the first block, positions of the map before it; others: 1.")
    operations: tuple[str, ...] = Field(min_length=1, description="Candidates of each block, by name.")
    skip: bool = Field(False, strict=True, description="Whether every block but the first may be left out.")
    widths: tuple[Channels, ...] = Field(
        (), max_length=16, description="Candidates for the channels of all its blocks, ascending; none for `channels`."
    )
    depths: tuple[Count, ...] = Field(
        (), description="Candidates for how many of its blocks there are, ascending; none for all of them."
    )
    expansions: tuple[Expansion, ...] = Field(
        (),
        max_length=16,
        description="Candidates for each block's expansion, ascending, as a choice of its own beside its operation.",
    )

    LATER: ClassVar = frozenset({"skip", "widths", "depths", "expansions"})

    @property
    def all_widths(self) -> tuple[int, ...]:
        """Every number of channels that it may have."""
        return self.widths or (self.channels,)

    @property
    def all_depths(self) -> tuple[int, ...]:
        """Every number of blocks that it may have."""
        return self.depths or (self.blocks,)


class LayerDescription(Part):
    """Layers of a tower that share their candidates."""

    operations: tuple[str, ...] = Field(min_length=1, description="Candidates of each of these layers, by name.")
    repeat: Count = Field(1, description="How many such layers follow each other.")


class TowerDescription(Part):
    """A head branch: one width for the whole tower, then the candidates of its layers, first to last."""

    widths: tuple[Channels, ...] = Field(
        min_length=1, max_length=16, description="Candidates for the channels of all its layers."
    )
    layers: tuple[LayerDescription, ...] = Field(min_length=1, max_length=32, description="Its layers, first to last.")
    tied: bool = Field(
        True, strict=True, description="Whether all layers have the same width; otherwise each layer chooses its own."
    )

    LATER: ClassVar = frozenset({"tied"})

    @property
    def candidates(self) -> tuple[tuple[str, ...], ...]:
        """The operations' names layer by layer, repeats written out."""
        return tuple(layer.operations for layer in self.layers for _ in range(layer.repeat))


class TowersDescription(Part):
    """Both head branches."""

    cls: TowerDescription = Field(description="The branch that tells target from background.")
    reg: TowerDescription = Field(description="The branch that finds the box.")
    sharing: tuple[Literal["separate", "shared"], ...] = Field(
        ("separate",),
        min_length=1,
        description="Candidates for whether each branch has its tower, or both have one, which is that of `reg`: "
        "what `cls` says then counts for nothing.",
    )

    LATER: ClassVar = frozenset({"sharing"})

    @property
    def branches(self) -> tuple[str, ...]:
        """Those whose towers may stand in a network: `reg` alone where one tower always serves both."""
        return BRANCHES if "separate" in self.sharing else ("reg",)


class PredictionDescription(Part):
    """How the towers' raw outputs become logits and pixels; see `trackers.network.network.Geometry`."""

    score_scale: float = Field(gt=0, description="Factor from the raw score to a logit.")
    box_activation: Literal["relu", "exp"] = Field(description="Keeps the box's distances from being negative.")
    box_scale: float = Field(gt=0, description="Pixels of the search crop per unit of an activated distance.")


class BackboneBlock(Part):
    """One block of the backbone with its shapes.

    Attributes:
        name: "STAGE-blockN", N from 0; also the label of its choice and its name as an output.
        stage: Its stage's name.
        operations: Candidates' names.
        inputs: Channels; the most of them where the stage before has a choice.
        outputs: Channels; the most of them where its stage has a choice.
        before: Name of the stage that gives the inputs, its own behind the first block; "" for the stem.
        stride: Of this block.
        total_stride: Pixels of the input per step of the block's output.
    """

    name: str
    stage: str
    operations: tuple[str, ...]
    inputs: int
    outputs: int
    before: str
    stride: int
    total_stride: int


class SpaceParts(Part):
    """Everything that a `SpaceDescription` has, unchecked: parts that are well formed each may not fit each other."""

    name: Name = Field(description="What the space is called: letters, digits, dots and hyphens.")
    summary: str = Field("", description="One line for people.")
    template_size: Pixels = Field(description="Side of the template crop, pixels.")
    template_sizes: tuple[Pixels, ...] = Field(
        (),
        max_length=16,
        description="Candidates for the template's side, pixels, ascending; the search crop keeps its proportion. "
        "None for `template_size` alone.",
    )
    search_sizes: tuple[Pixels, ...] = Field(
        min_length=1,
        max_length=2,
        description="One or two sides of the search crop, pixels, ascending; the larger one is for small targets.",
    )
    stem: AnyStem = Field(description="The first convolution; none, where the first stage reads the image itself.")
    operations: dict[CandidateName, AnyOperation] = Field(
        min_length=1, max_length=64, description="Operations by the names that stages and towers use."
    )
    stages: tuple[StageDescription, ...] = Field(min_length=1, max_length=16, description="The backbone's stages.")
    outputs: tuple[str, ...] = Field(
        min_length=1,
        description='Blocks behind which the features may leave: "STAGE-blockN", or "STAGE" for all of a stage.',
    )
    fused_channels: Channels = Field(description="Channels of the tensor that both towers read.")
    towers: TowersDescription = Field(description="The head: a tower for the score, cls, and one for the box, reg.")
    predictions: PredictionDescription = Field(description="Scales and activation of the outputs.")
    correlation: tuple[Literal["pixelwise", "depthwise"], ...] = Field(
        ("pixelwise",), min_length=1, description="Candidates for how template and search features are compared."
    )
    neck_attention: int = Field(
        0,
        strict=True,
        ge=0,
        le=16,
        description="Heads of the self-attention over both maps before they are compared; 0 for none.",
    )

    LATER: ClassVar = frozenset({"correlation", "neck_attention", "template_sizes"})

    def stage_blocks(self, index: int) -> tuple[BackboneBlock, ...]:
        """The blocks of one stage with their shapes."""
        stage = self.stages[index]
        earlier = self.stages[:index]
        before = self.stem_stride * math.prod(previous.stride for previous in earlier)
        inputs = earlier[-1].channels if earlier else self.stem_channels
        skips = tuple(sorted(self.skips)) if stage.skip else ()
        return tuple(
            BackboneBlock(
                name=f"{stage.name}-block{number}",
                stage=stage.name,
                operations=stage.operations + (skips if number > 0 else ()),
                inputs=inputs if number == 0 else stage.channels,
                outputs=stage.channels,
                before=(earlier[-1].name if earlier else "") if number == 0 else stage.name,
                stride=stage.stride if number == 0 else 1,
                total_stride=before * stage.stride,
            )
            for number in range(stage.blocks)
        )

    @property
    def stem_channels(self) -> int:
        """Channels that the first stage reads: behind the stem, or those of the image."""
        return self.stem.channels if self.stem else 3

    @property
    def stem_stride(self) -> int:
        """Pixels of the image per step of the map that the first stage reads."""
        return self.stem.stride if self.stem else 1

    @cached_property
    def blocks(self) -> tuple[BackboneBlock, ...]:
        """Every block of the backbone, in order."""
        return tuple(block for index in range(len(self.stages)) for block in self.stage_blocks(index))

    @cached_property
    def exits(self) -> tuple[BackboneBlock, ...]:
        """The blocks behind which the features may leave, in the backbone's order.

        A stage of free depth is left at its end, wherever that is: its exit goes by the name of its last block.
        """
        named = (block for block in self.blocks if {block.name, block.stage} & set(self.outputs))
        last = {f"{stage.name}-block{stage.blocks - 1}" for stage in self.stages if stage.depths}
        free = {stage.name for stage in self.stages if stage.depths}
        return tuple(block for block in named if block.stage not in free or block.name in last)

    def stage(self, name: str) -> StageDescription:
        """The stage of a name."""
        return next(stage for stage in self.stages if stage.name == name)

    def widths(self, stage: str) -> tuple[int, ...]:
        """Every number of channels behind a stage's blocks; "" for the stem."""
        return self.stage(stage).all_widths if stage else (self.stem_channels,)

    @property
    def all_template_sizes(self) -> tuple[int, ...]:
        """Every side of the template crop, pixels."""
        return self.template_sizes or (self.template_size,)

    def search_sizes_of(self, template_size: int) -> tuple[int, ...]:
        """Sides of the search crop beside a template, pixels: they show what they show beside the largest."""
        return tuple(size * template_size // self.template_size for size in self.search_sizes)

    def kernels(self, block: BackboneBlock, template_size: int | None = None) -> int:
        """Correlation kernels of an exit: the positions of the template's map there.

        Args:
            block: The exit.
            template_size: Side of the template crop, pixels; None for the largest.
        """
        return math.ceil((template_size or self.template_size) / block.total_stride) ** 2

    @cached_property
    def skips(self) -> frozenset[str]:
        """Names of the operations that are the identity."""
        return frozenset(name for name, operation in self.operations.items() if operation.kind == "skip")

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that change with anything but name and summary, also with the code of plugins."""
        content = self.model_dump(mode="json", exclude={"name", "summary"})
        files = plugin_files(self.operations.values())
        if files:
            content["code"] = sorted(code_digest(file) for file in files)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
