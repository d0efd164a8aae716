"""The official LightTrack code, both ways.

A code such as `back_04502514044521042540+cls_211000022+reg_100000111_ops_32` reads:

- `back_`: 0 for the fixed stage, 18 digits for stages 1 to 5 (2, 4, 4, 4, 4 blocks), 0 for the fixed last stage. A
  digit counts (kernel, expansion): 0 = (3, 4), 1 = (3, 6), 2 = (5, 4), 3 = (5, 6), 4 = (7, 4), 5 = (7, 6). The tracker
  never runs stage 5: decoding drops its four digits, encoding writes 0.
- `cls_` and `reg_`: the tower's width (0 = 128, 1 = 192, 2 = 256), then eight layers (0 = kernel 3, 1 = kernel 5,
  2 = skip; the first layer cannot skip).
- `ops_`: the output: its stage (1, 2, 3 = the stages of 40, 80, 96 channels) and the block in it, from 0.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from lighttrack_nas.search_spaces.base.labels import OUTPUT, layer_label, width_label
from lighttrack_nas.search_spaces.description.description import SpaceDescription
from lighttrack_nas.search_spaces.description.space_parts import BRANCHES
from lighttrack_nas.search_spaces.files.resolving import resolved
from lighttrack_nas.search_spaces.files.space_file import preset_source
from lighttrack_nas.trackers.base.errors import InputError

_EXAMPLE = "back_04502514044521042540+cls_211000022+reg_100000111_ops_32"
# The underscore after `reg` digits is followed by `ops` directly; some listings write a plus sign there.
_PARTS = re.compile(r"back_(\w*?)\+cls_(\w*?)\+reg_(\w*?)[_+]ops_(\w*)", re.ASCII)
_STAGE_BLOCKS = (2, 4, 4, 4)
_DEAD_BLOCKS = 4
_BACK_DIGITS = 1 + sum(_STAGE_BLOCKS) + _DEAD_BLOCKS + 1
_TOWER_DIGITS = 9
_BLOCK_OPTIONS, _LAYER_OPTIONS, _WIDTHS = 6, 3, 3


Candidates = Mapping[str, tuple[str, ...]]
"""Of every place of a space."""


def decode(code: str, description: SpaceDescription, candidates: Candidates) -> dict[str, str]:
    """Read an official code as choices of a space.

    Args:
        code: The code, as in the module's text.
        description: `lighttrack`'s, `lighttrack-12`'s, or that of a space of the same backbone and towers.
        candidates: The space's.

    Returns:
        A value for every label; genes behind the output are kept, the four digits of stage 5 are not.

    Raises:
        InputError: The space has no such codes, or the code is malformed; the message names the place and the reason.
    """
    _check_space(description)
    parts = _PARTS.fullmatch(code) if isinstance(code, str) else None
    if parts is None:
        raise InputError(f"code {code!r}: expected back_DIGITS+cls_DIGITS+reg_DIGITS_ops_DIGITS, such as {_EXAMPLE}")
    back, cls, reg, ops = parts.groups()
    digits = _digits(code, "back", back, _BACK_DIGITS)
    for place in (0, _BACK_DIGITS - 1):
        _digit(code, "back", digits, place, 1, "the fixed first and last stage have one form, 0")
    for place in range(1, _BACK_DIGITS - 1):
        _digit(code, "back", digits, place, _BLOCK_OPTIONS, "0 to 5 count (kernel, expansion)")
    choices = {
        label: candidates[label][int(digit)]
        for label, digit in zip(_block_labels(description), digits[1:], strict=False)
    }
    for branch, text in zip(BRANCHES, (cls, reg), strict=True):
        choices |= _decode_tower(code, branch, text, candidates)
    choices[OUTPUT] = _decode_output(code, ops, description, candidates[OUTPUT])
    return choices


def encode(chosen: Mapping[str, str], description: SpaceDescription, candidates: Candidates) -> str:
    """Write choices as an official code; the four digits of stage 5 are 0.

    Args:
        chosen: The value at every place of the space.
        description: The space's.
        candidates: The space's.

    Raises:
        InputError: The space has no official codes.
    """
    _check_space(description)

    def digit(label: str) -> str:
        return str(candidates[label].index(chosen[label]))

    back = "".join(digit(label) for label in _block_labels(description))
    towers = {branch: "".join(digit(label) for label in _tower_labels(branch)) for branch in BRANCHES}
    stage, _, block = chosen[OUTPUT].partition("-block")
    stages = [stage.name for stage in description.stages[1:]]
    return f"back_0{back}{'0' * _DEAD_BLOCKS}0+cls_{towers['cls']}+reg_{towers['reg']}_ops_{stages.index(stage)}{block}"


def _decode_tower(code: str, branch: str, text: str, candidates: Candidates) -> dict[str, str]:
    digits = _digits(code, branch, text, _TOWER_DIGITS)
    _digit(code, branch, digits, 0, _WIDTHS, "the width is 0 (128), 1 (192) or 2 (256)")
    _digit(code, branch, digits, 1, 2, "the first layer is 0 (kernel 3) or 1 (kernel 5); it cannot skip")
    for place in range(2, _TOWER_DIGITS):
        _digit(code, branch, digits, place, _LAYER_OPTIONS, "a layer is 0 (kernel 3), 1 (kernel 5) or 2 (skip)")
    return {label: candidates[label][int(digit)] for label, digit in zip(_tower_labels(branch), digits, strict=True)}


def _decode_output(code: str, ops: str, description: SpaceDescription, outputs: Sequence[str]) -> str:
    digits = _digits(code, "ops", ops, 2)
    stages = description.stages[1:]
    if digits[0] not in "123":
        raise InputError(
            f"code '{code}': ops, digit 1 of 2 is {digits[0]}: the stage is 1 (40 channels), 2 (80) or 3 (96)"
        )
    _digit(code, "ops", digits, 1, stages[int(digits[0])].blocks, "the block in its stage is 0 to 3")
    output = f"{stages[int(digits[0])].name}-block{digits[1]}"
    if output not in outputs:
        raise InputError(
            f"code '{code}': ops {ops}: '{output}' is no output of space '{description.name}'; its outputs are "
            + ", ".join(outputs)
        )
    return output


def _digits(code: str, part: str, text: str, count: int) -> str:
    for place, character in enumerate(text):
        if character not in "0123456789":
            raise InputError(f"code '{code}': {part}, character {place + 1} is '{character}', no digit")
    if len(text) != count:
        raise InputError(f"code '{code}': {part} has {len(text)} digits, expected {count}")
    return text


def _digit(code: str, part: str, digits: str, place: int, below: int, rule: str) -> None:
    if int(digits[place]) >= below:
        raise InputError(f"code '{code}': {part}, digit {place + 1} of {len(digits)} is {digits[place]}: {rule}")


def _block_labels(description: SpaceDescription) -> list[str]:
    return [block.name for block in description.blocks[1:]]


def _tower_labels(branch: str) -> list[str]:
    return [width_label(branch), *(layer_label(branch, layer) for layer in range(_TOWER_DIGITS - 1))]


def _check_space(description: SpaceDescription) -> None:
    """Codes count candidates by position and say nothing of widths: they fit LightTrack's networks alone."""
    first_searched = description.stages[1].name if len(description.stages) > 1 else ""
    early = any(exit_.name.startswith(f"{first_searched}-") for exit_ in description.exits)
    if early or _networks_of(description) != _published():
        raise InputError(
            f"space '{description.name}' has no official codes: they describe the networks of 'lighttrack' and "
            "'lighttrack-12' only; write the architecture as JSON"
        )


@cache
def _published() -> dict[str, Any]:
    content, _ = resolved(preset_source("lighttrack").content)
    return _networks_of(SpaceDescription.model_validate(content))


def _networks_of(description: SpaceDescription) -> dict[str, Any]:
    """What decides the networks, outputs apart: operations by what they are, not by what they are called."""

    def kinds(names: Sequence[str]) -> list[Any]:
        return [description.operations[name] for name in names]

    return {
        "stem": description.stem,
        "stages": [(s.channels, s.blocks, s.stride, s.skip, kinds(s.operations)) for s in description.stages],
        "besides": [(s.widths, s.depths, s.expansions) for s in description.stages],
        "sizes": len(description.all_template_sizes),
        "fused": (description.fused_channels, description.correlation, description.neck_attention),
        "towers": [
            (tower.widths, tower.tied, [kinds(names) for names in tower.candidates])
            for tower in (description.towers.cls, description.towers.reg)
        ],
        "sharing": description.towers.sharing,
        "predictions": description.predictions,
    }
