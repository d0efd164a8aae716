"""What cannot work in a space whose parts are each well formed: found before anything is built, all of it at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from lighttrack_nas.search_spaces.description import BRANCHES, BlockPlace, SpaceDescription, TowerDescription
from lighttrack_nas.search_spaces.mistakes import Mistake
from lighttrack_nas.trackers.names import unknown_name

_MOST_KERNELS = 4096
Place = tuple[str | int, ...]


def mistakes_in(space: SpaceDescription) -> list[Mistake]:
    """Everything in a description that cannot work."""
    return [*_sizes(space), *_operations(space), *_backbone(space), *_towers(space), *_outputs(space)]


def _sizes(space: SpaceDescription) -> Iterator[Mistake]:
    sizes = space.search_sizes
    if len(set(space.correlation)) < len(space.correlation):
        yield Mistake(("correlation",), f"a correlation stands twice in {list(space.correlation)}")
    if list(sizes) != sorted(set(sizes)):
        yield Mistake(("search_sizes",), f"sizes must ascend, got {list(sizes)}")
    elif sizes[0] <= space.template_size:
        yield Mistake(("search_sizes",), f"must exceed the template size {space.template_size}, got {sizes[0]}")


def _operations(space: SpaceDescription) -> Iterator[Mistake]:
    names: dict[object, str] = {}
    for name, operation in space.operations.items():
        twin = names.setdefault(operation, name)
        if twin != name:
            yield Mistake(("operations", name), f"the same operation as '{twin}' under another name")


def _backbone(space: SpaceDescription) -> Iterator[Mistake]:
    names = [stage.name for stage in space.stages]
    for index, stage in enumerate(space.stages):
        place: Place = ("stages", index)
        if stage.name in names[:index]:
            first = names.index(stage.name)
            yield Mistake((*place, "name"), f"'{stage.name}' is the name of stages[{first}] already: names must differ")
        if stage.name in {"output", *BRANCHES}:
            yield Mistake(
                (*place, "name"), f"'{stage.name}' cannot be a stage's name, which is none of output, cls, reg"
            )
        if stage.skip and stage.blocks == 1:
            yield Mistake((*place, "skip"), "the first block of a stage is never left out, and there is no other")
        if len(stage.operations) > 1 and space.skips & set(stage.operations):
            yield Mistake(
                (*place, "operations"), "a skip among several operations is written as skip: true of the stage"
            )
            continue
        yield from _names(space, (*place, "operations"), stage.operations)
        for block in space.stage_blocks(index)[:2]:  # all behind the first are alike
            yield from _fits(space, (*place, "operations"), block.name, block)


def _towers(space: SpaceDescription) -> Iterator[Mistake]:
    for branch in BRANCHES:
        tower: TowerDescription = getattr(space.towers, branch)
        place: Place = ("towers", branch)
        if len(set(tower.widths)) < len(tower.widths):
            yield Mistake((*place, "widths"), f"a width stands twice in {list(tower.widths)}")
        first = 0
        for number, layer in enumerate(tower.layers):
            here = (*place, "layers", number, "operations")
            yield from _names(space, here, layer.operations)
            for width in dict.fromkeys(tower.widths):
                inputs = {space.fused_channels} if first == 0 else {width}
                inputs |= {width} if layer.repeat > 1 else set()
                for channels in sorted(inputs):
                    block = _layer_place(f"{branch}-layer{first}", layer.operations, channels, width)
                    yield from _fits(space, here, block.name, block)
            first += layer.repeat


def _layer_place(name: str, operations: tuple[str, ...], inputs: int, outputs: int) -> BlockPlace:
    return BlockPlace(
        name=name,
        stage=name,
        operations=operations,
        inputs=inputs,
        outputs=outputs,
        before="",
        stride=1,
        total_stride=1,
    )


def _names(space: SpaceDescription, place: Place, names: Iterable[str]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name not in space.operations:
            yield Mistake((*place, index), unknown_name(name, space.operations, "operation"))
        elif name in seen:
            yield Mistake((*place, index), f"the operation '{name}' stands twice")
        seen.add(name)


def _fits(space: SpaceDescription, place: Place, where: str, block: BlockPlace) -> Iterator[Mistake]:
    for index, name in enumerate(block.operations):
        operation = space.operations.get(name)
        refusal = operation.refusal(block.inputs, block.outputs, block.stride) if operation is not None else ""
        if operation is not None and refusal:
            called = f"'{name}'" if name == operation.kind else f"'{name}' ({operation.kind})"
            yield Mistake(
                (*place, index),
                f"operation {called} of {where} cannot turn {block.inputs} channels into {block.outputs} with stride "
                f"{block.stride}: {refusal}",
            )


def _outputs(space: SpaceDescription) -> Iterator[Mistake]:
    listed: list[str] = []
    for index, output in enumerate(space.outputs):
        named = [block.name for block in space.blocks if output in (block.name, block.stage)]
        if not named:
            yield Mistake(
                ("outputs", index),
                f"no block '{output}'; write STAGE or STAGE-blockN with N from 0; stages and their blocks: "
                + ", ".join(f"{stage.name} ({stage.blocks})" for stage in space.stages),
            )
        twice = set(named) & set(listed)
        if twice:
            yield Mistake(("outputs", index), f"'{min(twice)}' stands twice")
        listed += named
    alike: set[tuple[int, int]] = set()
    for exit_ in space.exits:
        if (exit_.total_stride, exit_.outputs) not in alike:
            yield from _exit(space, exit_)
        alike.add((exit_.total_stride, exit_.outputs))


def _exit(space: SpaceDescription, exit_: BlockPlace) -> Iterator[Mistake]:
    """What an output cannot do, which is the same for all of its stride and width."""
    behind = f"behind '{exit_.name}' (stride {exit_.total_stride})"
    for index, size in enumerate(space.search_sizes):
        # The network's map rounds up, the tracker's grid to the nearest: they must meet.
        cells = math.ceil(size / exit_.total_stride)
        if cells != round(size / exit_.total_stride):
            yield Mistake(
                ("search_sizes", index),
                f"{size} pixels do not fit the stride {exit_.total_stride} of output '{exit_.name}'; the next size "
                f"that does is {cells * exit_.total_stride}",
            )
    if space.neck_attention and exit_.outputs % space.neck_attention:
        yield Mistake(
            ("neck_attention",), f"{space.neck_attention} heads do not divide the {exit_.outputs} channels {behind}"
        )
    if space.kernels(exit_) > _MOST_KERNELS:
        yield Mistake(
            ("template_size",),
            f"{behind} a template of {space.template_size} pixels gives {space.kernels(exit_)} correlation kernels; at "
            f"most {_MOST_KERNELS} are possible",
        )
    if space.template_size < 2 * exit_.total_stride:
        yield Mistake(
            ("template_size",), f"{behind} a template of {space.template_size} pixels leaves fewer than 2 x 2 positions"
        )
