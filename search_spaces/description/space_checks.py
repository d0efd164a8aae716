"""What cannot work in a space whose parts are each well formed: found before anything is built, all of it at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import product

from pydantic import ValidationError

from lighttrack_nas.search_spaces.base.mistakes import KeyPath, Mistake, mistakes_of
from lighttrack_nas.search_spaces.description.size_checks import exit_mistakes, size_mistakes, unordered
from lighttrack_nas.search_spaces.description.space_parts import (
    BRANCHES,
    LayerDescription,
    SpaceParts,
    StageDescription,
    TowerDescription,
)
from lighttrack_nas.search_spaces.operations.operations import CodeFailure, Operation
from lighttrack_nas.trackers.base.names import unknown_name

Pairs = Collection[tuple[int, int]]
"""Channels in and out."""


def mistakes_in(space: SpaceParts) -> list[Mistake]:
    """Everything in a description that cannot work."""
    return [*size_mistakes(space), *_operations(space), *_backbone(space), *_towers(space), *_outputs(space)]


def _operations(space: SpaceParts) -> Iterator[Mistake]:
    towers = (space.towers.cls, space.towers.reg)
    layers = (layer.operations for tower in towers for layer in tower.layers)
    fixed = {name for names in (*(s.operations for s in space.stages if not s.expansions), *layers) for name in names}
    free = {name for stage in space.stages if stage.expansions for name in stage.operations} - fixed
    names: dict[object, str] = {}
    for name, operation in space.operations.items():
        # Beside a choice of expansions a name stands for all of them, elsewhere for one.
        twin = names.setdefault((operation, name in free), name)
        if twin != name:
            yield Mistake(("operations", name), f"the same operation as '{twin}' under another name")


def _backbone(space: SpaceParts) -> Iterator[Mistake]:
    names = [stage.name for stage in space.stages]
    for index, stage in enumerate(space.stages):
        place: KeyPath = ("stages", index)
        if stage.name in names[:index]:
            first = names.index(stage.name)
            yield Mistake((*place, "name"), f"'{stage.name}' is the name of stages[{first}] already: names must differ")
        if stage.name in {"output", *BRANCHES}:
            yield Mistake(
                (*place, "name"), f"'{stage.name}' cannot be a stage's name, which is none of output, cls, reg"
            )
        yield from _stage_choices(space, stage, place)
        if len(stage.operations) > 1 and space.skips & set(stage.operations):
            yield Mistake(
                (*place, "operations"), "a skip among several operations is written as skip: true of the stage"
            )
            continue
        yield from _names(space, (*place, "operations"), stage.operations)
        for block in space.stage_blocks(index)[:2]:  # all behind the first are alike
            first = block.before != block.stage
            pairs = product(space.widths(block.before), stage.all_widths) if first else _alike(stage.all_widths)
            here = (*place, "operations")
            yield from _fits(space, here, block.name, block.operations, list(pairs), block.stride, stage.expansions)


def _stage_choices(space: SpaceParts, stage: StageDescription, place: KeyPath) -> Iterator[Mistake]:
    if stage.skip and stage.blocks == 1:
        yield Mistake((*place, "skip"), "the first block of a stage is never left out, and there is no other")
    if stage.skip and stage.depths:
        yield Mistake(
            (*place, "skip"),
            f"several depths, {list(stage.depths)} blocks, leave blocks out already: write one number of blocks, or no "
            "skip",
        )
    yield from unordered(place, "widths", stage.widths, "channels", stage.channels)
    yield from unordered(place, "depths", stage.depths, "blocks", stage.blocks)
    if stage.expansions:
        yield from _expansions(space, stage, place)


def _expansions(space: SpaceParts, stage: StageDescription, place: KeyPath) -> Iterator[Mistake]:
    values = [f"{value:g}" for value in stage.expansions]
    right = [f"{value:g}" for value in sorted(set(stage.expansions))]
    if len(values) == 1:
        yield Mistake((*place, "expansions"), f"one expansion is no choice: write expansion: {values[0]} of operations")
    elif values != right:
        yield Mistake((*place, "expansions"), f"must ascend, as [{', '.join(right)}] does; got [{', '.join(values)}]")
    apart: dict[tuple[str, str], str] = {}
    for index, name in enumerate(stage.operations):
        operation = space.operations.get(name)
        if operation is None:
            continue
        if "expansion" in operation.parameters():
            rest = {key: value for key, value in operation.parameters().items() if key != "expansion"}
            twin = apart.setdefault((operation.kind, str(rest)), name)
            if twin != name:
                yield Mistake(
                    (*place, "operations", index),
                    f"'{name}' differs from '{twin}' in its expansion alone, which is chosen besides: take one out",
                )
            for number, value in enumerate(stage.expansions):
                refused = _refused_expansion(operation, value)
                if refused:
                    yield Mistake(
                        (*place, "expansions", number), f"'{name}' takes no expansion of {value:g}: {refused}"
                    )
        else:
            yield Mistake(
                (*place, "operations", index),
                f"'{name}' ({operation.kind}) has no expansion to choose beside it: take it out, or write expansion of "
                "each operation in place of expansions of the stage",
            )


def _refused_expansion(operation: Operation, value: float) -> str:
    """Why an operation, which may be somebody's own, does not take an expansion; "" where it does."""
    try:
        operation.with_expansion(value)
    except ValidationError as error:
        return str(mistakes_of(error, type(operation))[0].text)
    return ""


def _towers(space: SpaceParts) -> Iterator[Mistake]:
    for branch in BRANCHES:
        tower: TowerDescription = getattr(space.towers, branch)
        place: KeyPath = ("towers", branch)
        if len(set(tower.widths)) < len(tower.widths):
            yield Mistake((*place, "widths"), f"a width stands twice in {list(tower.widths)}")
        skipping = space.skips & {name for layer in tower.layers for name in layer.operations}
        if skipping and not tower.tied:
            yield Mistake(
                (*place, "tied"),
                f"a layer of a width of its own cannot be left out, as '{min(skipping)}' does: write tied: true, or no "
                "skip",
            )
        first = 0
        for number, layer in enumerate(tower.layers):
            here = (*place, "layers", number, "operations")
            yield from _names(space, here, layer.operations)
            names = [name for name in layer.operations if tower.tied or name not in skipping]
            pairs = _layer_pairs(space.fused_channels, tower, layer, first=first == 0)
            yield from _fits(space, here, f"{branch}-layer{first}", names, pairs, 1)
            first += layer.repeat
    if len(set(space.towers.sharing)) < len(space.towers.sharing):
        yield Mistake(("towers", "sharing"), f"a value stands twice in {list(space.towers.sharing)}")


def _layer_pairs(fused: int, tower: TowerDescription, layer: LayerDescription, *, first: bool) -> Pairs:
    """Channels in and out of some layers; of the first of a tower, from the fused ones."""
    widths = tuple(dict.fromkeys(tower.widths))
    inner = _alike(widths) if tower.tied else list(product(widths, widths))
    if not first:
        return inner
    return [(fused, width) for width in widths] + (inner if layer.repeat > 1 else [])


def _alike(widths: Iterable[int]) -> list[tuple[int, int]]:
    return [(width, width) for width in widths]


def _names(space: SpaceParts, place: KeyPath, names: Iterable[str]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name not in space.operations:
            yield Mistake((*place, index), unknown_name(name, space.operations, "operation"))
        elif name in seen:
            yield Mistake((*place, index), f"the operation '{name}' stands twice")
        seen.add(name)


def _fits(
    space: SpaceParts,
    place: KeyPath,
    where: str,
    names: Iterable[str],
    pairs: Pairs,
    stride: int,
    expansions: Iterable[float] = (),
) -> Iterator[Mistake]:
    """Operations that cannot do what they must somewhere; the first such channels of each."""
    for index, name in enumerate(names):
        for operation, (inputs, outputs) in product(_made(space, name, expansions), pairs):
            refusal = operation.refusal(inputs, outputs, stride)
            if isinstance(refusal, CodeFailure):
                yield Mistake((*place, index), str(refusal), cause=("plugins",))
                break
            if refusal:
                called = f"'{name}'" if name == operation.kind else f"'{name}' ({operation.kind})"
                yield Mistake(
                    (*place, index),
                    f"operation {called} of {where} cannot turn {inputs} channels into {outputs} with stride {stride}: "
                    f"{refusal}",
                )
                break


def _made(space: SpaceParts, name: str, expansions: Iterable[float]) -> list[Operation]:
    """An operation at each expansion that may be chosen beside it; none of an unknown name."""
    operation = space.operations.get(name)
    if operation is None:
        return []
    if "expansion" not in operation.parameters():
        return [operation]
    taken = [expansion for expansion in expansions if not _refused_expansion(operation, expansion)]
    return [operation.with_expansion(expansion) for expansion in taken] or [operation]


def _outputs(space: SpaceParts) -> Iterator[Mistake]:
    names = [stage.name for stage in space.stages]
    if len(set(names)) < len(names):
        return  # which of them an output means, nobody knows
    listed: list[str] = []
    for index, output in enumerate(space.outputs):
        named = [block.name for block in space.blocks if output in (block.name, block.stage)]
        if not named:
            yield Mistake(
                ("outputs", index),
                f"no block '{output}'; write STAGE or STAGE-blockN with N from 0; stages and their blocks: "
                + ", ".join(f"{stage.name} ({stage.blocks})" for stage in space.stages),
            )
        inner = [block for block in space.blocks if block.name == output and block not in space.exits]
        if inner:
            yield Mistake(
                ("outputs", index),
                f"'{output}' is not there at every depth of its stage: write '{inner[0].stage}', which is left at its "
                "end",
            )
        twice = set(named) & set(listed)
        if twice:
            yield Mistake(("outputs", index), f"'{min(twice)}' stands twice")
        listed += named
    yield from exit_mistakes(space)
