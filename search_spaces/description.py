"""The declarative description of a space: what a YAML file says, checked.

A description is data alone. `lighttrack_nas.search_spaces.space.Space` gives it its verbs, and
`lighttrack_nas.search_spaces.builder` turns it into networks.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lighttrack_nas.search_spaces.operations import Operation

# Descriptions also come in the headers of other people's model files: the limits keep a hostile one from exhausting the
# machine, far above what a tracker needs.
Channels = Annotated[int, Field(strict=True, gt=0, le=2048)]
Count = Annotated[int, Field(strict=True, gt=0, le=32)]
Pixels = Annotated[int, Field(strict=True, ge=16, le=2048)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")]
"""Letters, digits, dots and hyphens: names become parts of NNI labels, which allow neither '/' nor '_'."""

BRANCHES = ("cls", "reg")
_MOST_KERNELS = 4096


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StemDescription(_Part):
    """The first convolution, from the RGB image."""

    channels: Channels
    kernel: Literal[1, 3, 5, 7, 9, 11] = 3
    stride: Literal[1, 2] = 2


class StageDescription(_Part):
    """Blocks of one width; the first carries the stride. One operation means a fixed block, several a choice each."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$")]
    channels: Channels
    blocks: Count
    stride: Literal[1, 2]
    operations: Annotated[tuple[str, ...], Field(min_length=1)]


class LayerDescription(_Part):
    """Layers of a tower that share their candidates."""

    operations: Annotated[tuple[str, ...], Field(min_length=1)]
    repeat: Count = 1


class TowerDescription(_Part):
    """A head branch: one width for the whole tower, then the candidates of its layers, first to last."""

    widths: Annotated[tuple[Channels, ...], Field(min_length=1, max_length=16)]
    layers: Annotated[tuple[LayerDescription, ...], Field(min_length=1, max_length=32)]

    @property
    def candidates(self) -> tuple[tuple[str, ...], ...]:
        """The operations' names layer by layer, repeats written out."""
        return tuple(layer.operations for layer in self.layers for _ in range(layer.repeat))


class TowersDescription(_Part):
    """Both head branches."""

    cls: TowerDescription
    reg: TowerDescription


class PredictionDescription(_Part):
    """How the towers' raw outputs become logits and pixels; see `trackers.network.Geometry`."""

    score_scale: Annotated[float, Field(gt=0)]
    box_activation: Literal["relu", "exp"]
    box_scale: Annotated[float, Field(gt=0)]


class BlockPlace(_Part):
    """One block of the backbone with its shapes.

    Attributes:
        name: "STAGE-blockN", N from 0; also the label of its choice and its name as an output.
        stage: Its stage's name.
        operations: Candidates' names.
        inputs: Channels.
        outputs: Channels.
        stride: Of this block.
        total_stride: Pixels of the input per step of the block's output.
    """

    name: str
    stage: str
    operations: tuple[str, ...]
    inputs: int
    outputs: int
    stride: int
    total_stride: int


class SpaceDescription(_Part):
    """A space of Siamese trackers: backbone, output layer, two towers.

    Attributes:
        name: What the space is called.
        summary: One line for people.
        template_size: Side of the template crop, pixels.
        search_sizes: One or two sides of the search crop, pixels; the larger one is for small targets.
        stem: First layer.
        operations: Every operation by the name that stages and towers use.
        stages: The backbone.
        outputs: Blocks behind which the features may leave, each "STAGE-blockN" or "STAGE" for all of a stage.
        fused_channels: Channels of the tensor that both towers read.
        towers: The head.
        predictions: Scales and activation of the outputs.
    """

    name: Name
    summary: str = ""
    template_size: Pixels
    search_sizes: Annotated[tuple[Pixels, ...], Field(min_length=1, max_length=2)]
    stem: StemDescription
    operations: Annotated[dict[Name, Operation], Field(min_length=1, max_length=64)]
    stages: Annotated[tuple[StageDescription, ...], Field(min_length=1, max_length=16)]
    outputs: Annotated[tuple[str, ...], Field(min_length=1)]
    fused_channels: Channels
    towers: TowersDescription
    predictions: PredictionDescription

    @field_validator("search_sizes")
    @classmethod
    def _ascending(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if list(sizes) != sorted(set(sizes)):
            raise ValueError(f"sizes must ascend, got {list(sizes)}")
        return sizes

    @model_validator(mode="after")
    def _consistent(self) -> SpaceDescription:
        if self.search_sizes[0] <= self.template_size:
            raise ValueError(
                f"search_sizes: must exceed the template size {self.template_size}, got {self.search_sizes[0]}"
            )
        self._check_operations()
        self._check_outputs()
        return self

    def _check_operations(self) -> None:
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names) or set(names) & {"output", *BRANCHES}:
            raise ValueError(f"stages: names must differ, and be none of output, cls, reg; got {', '.join(names)}")
        for name, operation in self.operations.items():
            twins = [other for other, value in self.operations.items() if value == operation and other < name]
            if twins:
                raise ValueError(f"operations.{name}: the same operation as '{twins[0]}' under another name")
        for index in range(len(self.stages)):
            for block in self.stage_blocks(index):
                where = f"stages[{index}] ({block.name})"
                if len(block.operations) > 1 and any(self._is_skip(name) for name in block.operations):
                    raise ValueError(f"{where}: a skip among several operations is possible in towers only")
                self._check_candidates(where, block.operations, block.inputs, block.outputs, block.stride)
        for branch in BRANCHES:
            tower: TowerDescription = getattr(self.towers, branch)
            if len(set(tower.widths)) < len(tower.widths):
                raise ValueError(f"towers.{branch}.widths: a width stands twice in {list(tower.widths)}")
            for index, names_here in enumerate(tower.candidates):
                for width in tower.widths:
                    inputs = self.fused_channels if index == 0 else width
                    self._check_candidates(f"towers.{branch} (layer {index})", names_here, inputs, width, 1)

    def _is_skip(self, name: str) -> bool:
        return name in self.operations and self.operations[name].kind == "skip"

    def _check_candidates(self, where: str, names: tuple[str, ...], inputs: int, outputs: int, stride: int) -> None:
        if len(set(names)) < len(names):
            raise ValueError(f"{where}: an operation stands twice in {', '.join(names)}")
        for name in names:
            if name not in self.operations:
                raise ValueError(f"{where}: unknown operation '{name}'; known: {', '.join(self.operations)}")
            operation = self.operations[name]
            if not operation.fits(inputs, outputs, stride):
                raise ValueError(
                    f"{where}: operation '{name}' ({operation.kind}) cannot turn {inputs} channels into {outputs} with "
                    f"stride {stride}"
                )

    def _check_outputs(self) -> None:
        listed: list[str] = []
        for output in self.outputs:
            named = [block.name for block in self.blocks if output in (block.name, block.stage)]
            if not named:
                raise ValueError(
                    f"outputs: no block '{output}'; write STAGE or STAGE-blockN with N from 0; stages and their "
                    "blocks: " + ", ".join(f"{stage.name} ({stage.blocks})" for stage in self.stages)
                )
            listed += named
        if len(set(listed)) < len(listed):
            raise ValueError(f"outputs: a block stands twice in {', '.join(listed)}")
        for exit_ in self.exits:
            for size in self.search_sizes:
                # The network's map rounds up, the tracker's grid to the nearest: they must meet.
                cells = math.ceil(size / exit_.total_stride)
                if cells != round(size / exit_.total_stride):
                    raise ValueError(
                        f"search_sizes: {size} pixels do not fit the stride {exit_.total_stride} of output "
                        f"'{exit_.name}'; the next size that does is {cells * exit_.total_stride}"
                    )
            if self.kernels(exit_) > _MOST_KERNELS:
                raise ValueError(
                    f"outputs: behind '{exit_.name}' (stride {exit_.total_stride}) a template of {self.template_size} "
                    f"pixels gives {self.kernels(exit_)} correlation kernels; at most {_MOST_KERNELS} are possible"
                )
            if self.template_size < 2 * exit_.total_stride:
                raise ValueError(
                    f"outputs: behind '{exit_.name}' (stride {exit_.total_stride}) a template of {self.template_size} "
                    "pixels leaves fewer than 2 x 2 positions"
                )

    def stage_blocks(self, index: int) -> tuple[BlockPlace, ...]:
        """The blocks of one stage with their shapes."""
        stage = self.stages[index]
        earlier = self.stages[:index]
        before = self.stem.stride * math.prod(previous.stride for previous in earlier)
        inputs = earlier[-1].channels if earlier else self.stem.channels
        return tuple(
            BlockPlace(
                name=f"{stage.name}-block{number}",
                stage=stage.name,
                operations=stage.operations,
                inputs=inputs if number == 0 else stage.channels,
                outputs=stage.channels,
                stride=stage.stride if number == 0 else 1,
                total_stride=before * stage.stride,
            )
            for number in range(stage.blocks)
        )

    @property
    def blocks(self) -> tuple[BlockPlace, ...]:
        """Every block of the backbone, in order."""
        return tuple(block for index in range(len(self.stages)) for block in self.stage_blocks(index))

    @property
    def exits(self) -> tuple[BlockPlace, ...]:
        """The blocks behind which the features may leave, in the backbone's order."""
        return tuple(block for block in self.blocks if {block.name, block.stage} & set(self.outputs))

    def kernels(self, block: BlockPlace) -> int:
        """Correlation kernels of an exit: the positions of the template's map there."""
        return math.ceil(self.template_size / block.total_stride) ** 2

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that change with anything but the name and the summary."""
        content = self.model_dump(mode="json", exclude={"name", "summary"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
