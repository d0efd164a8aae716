"""The drawing of an architecture, as LightTrack's paper shows the networks that it found: a row of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from lighttrack_nas.drawings.choice_drawing import choices_drawing
from lighttrack_nas.drawings.figures import figure_of
from lighttrack_nas.drawings.shapes import (
    FAINT_COLOUR,
    OUTPUT_COLOUR,
    Box,
    Drawing,
    Line,
    Shape,
    Text,
    fill_of,
    text_colour_of,
    text_width,
)
from lighttrack_nas.drawings.sheets import sheet
from lighttrack_nas.drawings.shown_networks import ChosenPlace, shown_network
from lighttrack_nas.drawings.space_drawing import INPUT_WIDTH, TARGETS, inputs, shape_text
from lighttrack_nas.places.shown_places import (
    BRANCH_NAMES,
    kernel_of,
    other_choices,
)
from lighttrack_nas.search_spaces.space import Architecture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _GAP = 0.27, 0.15
_GROW = 0.17  # by how much a box is higher than one of the next smaller kernel
_SIZE = 7.5


@dataclass(frozen=True)
class _Block:
    """A box of the row, its text upright."""

    group: str
    text: str
    channels: str
    kernel: int | None = None
    fixed: bool = True
    is_output: bool = False

    @property
    def height(self) -> float:
        """The larger the kernel, the higher; inches."""
        grown = 0 if self.kernel is None else min((self.kernel - 1) // 2, 6)
        return max(0.62, text_width(self.text, _SIZE) + 0.1) + _GROW * grown

    @property
    def room(self) -> float:
        return max(_WIDTH, text_width(self.channels, 6.5) - _GAP + 0.03)


def draw_architecture(architecture: Architecture, costs: Mapping[str, int] | None = None) -> Figure:
    """Draw the network of an architecture: blocks with kernels and channels, output, correlation, towers.

    Blocks behind the output and skips are absent, as in the network. What the space fixes is grey. Of a space that
    NNI's class says, the choices, what was chosen dark.

    Args:
        architecture: What to draw.
        costs: Its "macs" and "params", for the title; None leaves them out.

    Returns:
        The figure; save it with its `savefig`.
    """
    return figure_of(architecture_drawing(architecture, costs))


def architecture_drawing(architecture: Architecture, costs: Mapping[str, int] | None = None, name: str = "") -> Drawing:
    """Lay out an architecture.

    Args:
        architecture: What to draw.
        costs: As for `draw_architecture`.
        name: What to call it, such as its official code; "" leaves its space's name alone.
    """
    space = architecture.space
    if not space.is_declared:
        lines = _subtitles(name, costs, space.search_sizes[0])
        return choices_drawing(space, lines, architecture.choices)
    description, network = space.description, shown_network(architecture)

    def block(here: ChosenPlace) -> _Block:
        kernel, is_output = kernel_of(space, here.operation), here is network.output
        return _Block(here.place.group, here.name, str(here.channels), kernel, _is_fixed(here), is_output)

    stem = description.stem
    first = [_Block("stem", f"conv {stem.kernel}x{stem.kernel}", str(stem.channels))] if stem else []
    row = [*first, *map(block, network.blocks)]
    search = network.search_sizes[0]
    headers = {
        here.place.group: (here.place.group, shape_text(search, here.place.total_stride or 1))
        for here in network.blocks
    }
    start = INPUT_WIDTH + 0.35
    shapes: list[Shape] = inputs([(network.template_size, network.search_sizes)], start)
    drawn, right = _row(row, {"stem": ("stem", shape_text(search, description.stem_stride))} | headers, start, 0.0)
    shapes += drawn
    compared = {"pixelwise": f"correlation\n{network.kernels} kernels"}.get(
        network.correlation, "depthwise\ncorrelation"
    )
    text = f"{compared}\n{description.fused_channels} channels"
    left = right + 0.4
    shapes.append(Line(((right, 0.0), (left, 0.0)), OUTPUT_COLOUR, 1.2))
    shapes.append(Box(left, -0.32, 0.85, 0.64, text, fill_of(None, True)))
    right, fork = left + 0.85, left + 0.85 + 0.18
    shapes.append(Line(((right, 0.0), (fork, 0.0)), head=False))
    towers = {
        tower.of.name: [*map(block, tower.layers), _Block(tower.of.name, TARGETS[tower.of.name], "")]
        for tower in network.towers
    }
    reach = max(block.height for tower in towers.values() for block in tower) / 2
    heights = (reach + 0.32, -reach - 0.58) if len(towers) > 1 else (0.0,)
    for tower, y in zip(network.towers, heights, strict=True):
        name_ = tower.of.name
        shapes.append(Line(((fork, 0.0), (fork, y), (fork + 0.25, y))))
        header = (f"{BRANCH_NAMES[name_]}: {tower.text}", "")
        shapes += _row(towers[name_], {name_: header}, fork + 0.25, y)[0]
    every = [block for here in (row, *towers.values()) for block in here]
    return sheet(
        space.name,
        _subtitles(name, costs, search),
        shapes,
        {block.kernel for block in every if block.kernel is not None and not block.fixed},
        _notes(architecture, search),
        fixed=True,
        other=any(block.kernel is None and not block.fixed for block in every),
    )


def _is_fixed(here: ChosenPlace) -> bool:
    """Whether the space leaves neither the operation nor its expansion open."""
    return here.place.is_fixed and len(here.place.expansions) < 2


def _row(
    blocks: Sequence[_Block], headers: Mapping[str, tuple[str, str]], x: float, y: float
) -> tuple[list[Shape], float]:
    """Blocks from the left at `x`, their middles at `y`; the shapes, and where the last block ends."""
    shapes: list[Shape] = []
    top = y + max(block.height for block in blocks) / 2
    end = None
    for group, members in groupby(blocks, key=lambda block: block.group):
        here = list(members)
        name, more = headers[group]
        taken = sum(block.room for block in here) + _GAP * (len(here) - 1)
        room = max(taken, text_width(name, 7.5), text_width(more, 6.5))
        lines = [(name, 7.5), (more, 6.5)] if more else [(name, 7.5)]
        for number, (text, size) in enumerate(reversed(lines)):
            colour = FAINT_COLOUR if more and number == 0 else "0.15"
            shapes.append(Text(x + room / 2, top + 0.19 + 0.15 * number, text, size, colour))
        shapes.append(Line(((x, top + 0.08), (x + room, top + 0.08)), FAINT_COLOUR, 0.6, head=False))
        # The first box stands where the arrow from before ends.
        inside = x if end is None else x + (room - taken) / 2
        for block in here:
            left = inside + (block.room - _WIDTH) / 2 if end is not None else inside
            if end is not None:
                shapes.append(Line(((end, y), (left, y))))
            shapes += _block(block, left, y)
            end = left + _WIDTH
            inside += block.room + _GAP
        x += room + _GAP
    assert end is not None
    return shapes, end


def _block(block: _Block, x: float, y: float) -> list[Shape]:
    bottom = y - block.height / 2
    shapes: list[Shape] = [
        Box(
            x,
            bottom,
            _WIDTH,
            block.height,
            block.text,
            fill_of(block.kernel, block.fixed),
            OUTPUT_COLOUR if block.is_output else "0.35",
            2.0 if block.is_output else 0.7,
            _SIZE,
            text_colour_of(block.kernel, block.fixed),
            upright=True,
        ),
        Text(x + _WIDTH / 2, bottom - 0.1, block.channels, 6.5),
    ]
    if block.is_output:
        shapes.append(Text(x + _WIDTH / 2, bottom - 0.25, "output", 7, OUTPUT_COLOUR, bold=True))
    return shapes


def _subtitles(name: str, costs: Mapping[str, int] | None, search: int) -> list[str]:
    lines = [name] if name else []
    if costs:
        macs, params = costs["macs"] / 1e6, costs["params"] / 1e6
        lines.append(f"{macs:,.1f} M MACs a frame of {search} pixels, {params:,.3f} M parameters")
    return lines


def _notes(architecture: Architecture, search: int) -> list[str]:
    space = architecture.space
    chosen, dead = space.chosen(architecture), space.dead_labels(architecture)
    notes = [
        f"Above each stage: its stride and the map that it leaves of a search crop of {search} pixels; below each "
        "block: its channels."
    ]
    return notes + [
        f"Also chosen: {label}: {chosen[label]}"
        for label in other_choices(space)
        if label in chosen and label not in dead
    ]
