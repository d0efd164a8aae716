"""Where the tensors of a space's shared weights belong, apart from what the space calls its operations."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lighttrack_nas.search_spaces.base.labels import layer_label
from lighttrack_nas.search_spaces.base.normal_forms import number_text
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES, BackboneBlock
from lighttrack_nas.search_spaces.space import Space

_BLOCK = re.compile(r"(.*\bbackbone\.blocks\.)([^.]+)\.(.+)")
_HEAD = re.compile(rf"(.*?\b)(?:heads\.separate\.)?(({'|'.join(BRANCHES)})_head\.)(.+)")
_SHARED = re.compile(r"(.*\bheads\.)(?:shared\.)?(tower\.)(.+)")
_LAYER = re.compile(r"(layers\.(\d+)\.)(.+)")
_SIZED = re.compile(r"(.*\b(neck|fusion)s\.)([^.]+)\.(.+)")
_FUSION = re.compile(r"(stride)?(\d+)(?:x(.+))?")
_UNITS = {"neck": "channels", "fusion": "kernels"}


@dataclass(frozen=True)
class Address:
    """Where a tensor of a space's shared weights belongs, apart from what the space calls its operations.

    Attributes:
        part: stem, backbone, neck, fusion, cls, reg, shared (the tower of both branches), or other.
        label: The place: a label of the space where one decides there, otherwise words.
        key: The tensor's key without the names of sizes, operation and expansion.
        width: Of its tower; elsewhere the sizes that the space leaves open, "16 to 24" between two widths; "" for none.
        operation: The space's own name of the operation that it is of; "" where none is chosen.
        expansion: The operation's, where it is a choice of its own; "" elsewhere.
    """

    part: str
    label: str
    key: str
    width: str = ""
    operation: str = ""
    expansion: str = ""


def address(space: Space, key: str) -> Address:
    """Say where a tensor belongs. A key whose form is not known is an address by itself.

    Args:
        space: Whose shared weights.
        key: Of the state dict of its model space, such as "network.backbone.blocks.stage1-block0.k3.expand.weight".
    """
    block, sized = _BLOCK.fullmatch(key), _SIZED.fullmatch(key)
    head, shared = _HEAD.fullmatch(key), _SHARED.fullmatch(key)
    if block and block[2] in space.candidates:
        return _block_address(space, block[1], block[2], block[3])
    if head:
        return _tower_address(space, head[3], head[3], head[1] + head[2], head[4])
    if shared:
        return _tower_address(space, "shared", "reg", shared[1] + shared[2], shared[3])
    if sized:
        names, rest = _sizes_in(space.description, sized[2], sized[3], sized[4])
        width = ", ".join(name for name in names if name)
        return Address(sized[2], _sized_label(sized[2], sized[3]), f"{sized[1]}{sized[3]}.{rest}", width)
    return Address("stem", "stem", key) if "backbone.stem." in key else Address("other", "other", key)


def spelt_out(space: Space, key: str) -> Address:
    """The address of a tensor with the sizes that its space leaves no choice of.

    A tensor of a space in which a size is open has the address of the one in a space that has this size and no other.

    Args:
        space: Whose shared weights.
        key: Of the state dict of its model space.
    """
    tensor_address = address(space, key)
    if tensor_address.part == "backbone":
        block = _block(space, tensor_address.label)
        width = _between(str(block.inputs), str(block.outputs), block.before == block.stage)
        return replace(tensor_address, width=tensor_address.width or width)
    sized = _SIZED.fullmatch(key)
    if sized and tensor_address.part == "neck":
        return _spelt_neck(space.description, sized)
    fusion = _FUSION.fullmatch(sized[3]) if sized else None
    return _spelt_fusion(space.description, sized, fusion) if sized and fusion else tensor_address


def meaning(space: Space, tensor_address: Address) -> str:
    """What the operation of an address is, whatever it is called; its name where it is none."""
    operation = space.description.operations.get(tensor_address.operation)
    if operation is None:
        return tensor_address.operation
    expansions: tuple[float, ...] = ()
    if tensor_address.part == "backbone":
        expansions = space.description.stage(_block(space, tensor_address.label).stage).expansions
    expansion = next(
        (expansion for expansion in expansions if tensor_address.expansion in ("", number_text(expansion))), None
    )
    return operation_text(space.description, tensor_address.operation, expansion)


def operation_text(description: SpaceDescription, name: str, expansion: float | None = None) -> str:
    """What an operation is: equal for equal ones.

    Args:
        description: The space's.
        name: What the space calls it.
        expansion: In place of its own; None leaves it, as for an operation that has none.
    """
    content = description.operations[name].model_dump(mode="json")
    if content.get("expansion") is not None:
        content["expansion"] = float(content["expansion"] if expansion is None else expansion)
    return json.dumps(content, sort_keys=True)


def _block(space: Space, label: str) -> BackboneBlock:
    return next(block for block in space.description.blocks if block.name == label)


def _block_address(space: Space, start: str, label: str, rest: str) -> Address:
    description, block = space.description, _block(space, label)
    stage = description.stage(block.stage)
    before, rest = taken_out(rest, [str(width) for width in description.widths(block.before)], deep=False)
    own, own_widths = before, description.widths(block.stage)
    if block.before != block.stage:
        own, rest = taken_out(rest, [str(width) for width in own_widths], deep=False)
    is_open = len(own_widths) > 1 or len(description.widths(block.before)) > 1
    names = rest
    operation, rest = taken_out(rest, space.candidates[label])
    expansion = ""
    if len(stage.expansions) > 1 and operation and operation not in description.skips:
        # It stands right behind the operation.
        ahead = names.split(".").index(operation) if len(block.operations) > 1 else 0
        parts = rest.split(".")
        if parts[ahead] in {number_text(value) for value in stage.expansions}:
            expansion = parts.pop(ahead)
            rest = ".".join(parts)
    width = _between(before, own, block.before == block.stage) if is_open else ""
    return Address("backbone", label, f"{start}{label}.{rest}", width, operation, expansion)


def _between(before: str, own: str, inside: bool) -> str:
    return own if inside else f"{before} to {own}"


def _tower_address(space: Space, part: str, branch: str, start: str, rest: str) -> Address:
    tower = space.tower(branch)
    widths = [str(width) for width in tower.widths]
    width = ""
    if tower.tied:
        width, rest = taken_out(rest, widths, deep=False)
    layer = _LAYER.fullmatch(rest)
    label = layer_label(branch, int(layer[2])) if layer else ""
    if layer is None or label not in space.candidates:
        place, _, inside = rest.partition(".")
        if not tower.tied:
            width, inside = taken_out(inside, widths, deep=False)
        return Address(part, f"{part} {place}", f"{start}{place}.{inside}" if inside else start + place, width)
    rest = layer[3]
    if not tower.tied:
        before = ""
        if int(layer[2]):
            before, rest = taken_out(rest, widths, deep=False)
        width, rest = taken_out(rest, widths, deep=False)
        width = f"{before} to {width}" if before and before != width else width
    operation, rest = taken_out(rest, space.candidates[label])
    return Address(part, label, start + layer[1] + rest, width, operation)


def _sized_label(part: str, name: str) -> str:
    """A neck or fusion in words: by its channels or kernels, or by its stage or stride where those are open."""
    fusion = _FUSION.fullmatch(name) if part == "fusion" else None
    if fusion and fusion[1]:
        return f"stride {fusion[2]}" + (f" behind {fusion[3]}" if fusion[3] else "")
    return f"{name} {_UNITS[part]}" if fusion or name.isdigit() else f"behind {name}"


def _sizes_in(description: SpaceDescription, part: str, name: str, rest: str) -> tuple[tuple[str, str], str]:
    """Template size and stage's width in what follows a neck or fusion, "" where fixed, and the rest."""
    size = width = ""
    fusion = _FUSION.fullmatch(name) if part == "fusion" else None
    if fusion and fusion[1]:
        size, rest = taken_out(rest, [str(pixels) for pixels in description.all_template_sizes], deep=False)
    stage = fusion[3] if fusion else name if part == "neck" else None
    if stage in {described.name for described in description.stages if len(described.all_widths) > 1}:
        width, rest = taken_out(rest, [str(channels) for channels in description.widths(stage)], deep=False)
    return (size, width), rest


def _spelt_neck(description: SpaceDescription, sized: re.Match[str]) -> Address:
    (_, width), rest = _sizes_in(description, "neck", sized[3], sized[4])
    stages = [exit_.stage for exit_ in description.exits if str(exit_.outputs) == sized[3]]
    stage = sized[3] if width else next(iter(stages), "")
    return Address("neck", stage, f"{sized[1]}{rest}", width or sized[3])


def _spelt_fusion(description: SpaceDescription, sized: re.Match[str], fusion: re.Match[str]) -> Address:
    (size, width), rest = _sizes_in(description, "fusion", sized[3], sized[4])
    stride, stage = fusion[2], fusion[3] or ""
    if not fusion[1]:
        exits = [e for e in description.exits if str(description.kernels(e)) == fusion[2]]
        exits = [e for e in exits if stage in ("", e.stage, str(e.outputs))]
        stride = str(exits[0].total_stride) if exits else ""
        size = str(description.template_size)
    if stage and not width:
        width = stage
        stage = next((e.stage for e in description.exits if str(e.outputs) == width), "")
    if len(description.correlation) == 1:
        rest = f"{description.correlation[0]}.{rest}"
    return Address("fusion", f"stride {stride} {stage}", f"{sized[1]}{rest}", f"{size}, {width}")


def taken_out(key: str, candidates: Sequence[str], deep: bool = True) -> tuple[str, str]:
    """Take the candidate's name out of what follows a place in a key.

    Args:
        key: What follows.
        candidates: Of the place. A single one is not written in keys.
        deep: Whether other names may stand before it.

    Returns:
        The candidate, "" if none is there, and the key without it.
    """
    if len(candidates) == 1:
        return candidates[0], key
    names = key.split(".")
    for index, name in enumerate(names[:-1] if deep else names[:1]):
        if name in candidates:
            return name, ".".join(names[:index] + names[index + 1 :])
    return "", key
