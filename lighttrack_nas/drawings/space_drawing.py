"""The drawing of a space: a column for each place, a cell for each candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lighttrack_nas.drawings.choice_drawing import choices_drawing
from lighttrack_nas.drawings.columns import Cell, Column, Placed, height_above, height_below, place_columns
from lighttrack_nas.drawings.figures import figure_of
from lighttrack_nas.drawings.shapes import FIXED_COLOUR, OUTPUT_COLOUR, Box, Drawing, Line, Shape, Text
from lighttrack_nas.drawings.sheets import sheet
from lighttrack_nas.places.place_costs import PlaceCosts, Span, place_costs, span_text, whole_costs
from lighttrack_nas.places.shown_places import (
    BRANCH_NAMES,
    SHARED,
    ShownPlace,
    ShownTower,
    alternatives,
    backbone_places,
    either,
    input_sizes,
    is_skip,
    kernel_of,
    map_side,
    names_at,
    other_choices,
    towers,
)
from lighttrack_nas.search_spaces.base.labels import TOWERS
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lighttrack_nas.benchmarks.costs.cost_table import CostTable

INPUT_WIDTH, INPUT_HEIGHT = 0.72, 0.36
_LEAST_HALF = 0.5  # the rows beneath the columns clear the inputs' boxes
TARGETS = {"cls": "score", "reg": "box", SHARED: "score, box"}


def draw_space(space: Space, costs: CostTable | None = None) -> Figure:
    """Draw a space: stem, stages with their blocks' candidates, outputs, correlation and towers.

    Of a space that NNI's class says, its choices and their candidates.

    Args:
        space: What to draw.
        costs: Of the space; adds the range of costs of every place.

    Returns:
        The figure; save it with its `savefig`.

    Raises:
        InputError: The costs are of another space.
    """
    if costs is None:
        return figure_of(space_drawing(space))
    if costs.space != space:
        raise InputError(f"the costs are of space '{costs.space.name}', not of '{space.name}'")
    return figure_of(space_drawing(space, place_costs(costs), whole_costs(costs)))


def space_drawing(space: Space, costs: Sequence[PlaceCosts] = (), whole: Mapping[str, Span] | None = None) -> Drawing:
    """Lay out a space.

    Args:
        space: What to draw.
        costs: What places cost; none are shown where there are none.
        whole: What whole networks cost, by "macs" and "params".
    """
    if not space.is_declared:
        return choices_drawing(space, [_networks(space)])
    make = _Columns(space, costs)
    backbone, middle = make.backbone(), make.middle()
    titles = make.titles
    start = INPUT_WIDTH + 0.35
    first = place_columns(backbone, _stage_headers(space), titles, start, 0.0, _LEAST_HALF)
    second = place_columns(middle, {}, (), first.right + 0.45, 0.0)
    shapes: list[Shape] = [*inputs(input_sizes(space), start), *first.shapes, *second.shapes, *_outputs(first, second)]
    fork = second.right + 0.18
    shapes.append(Line(((second.right, 0.0), (fork, 0.0)), head=False))
    heads = [(tower, make.tower(tower)) for tower in towers(space)]
    heights = (height_below(heads[0][1]) + 0.12, -height_above(heads[-1][1]) - 0.12) if len(heads) > 1 else (0.0,)
    for (tower, places), y in zip(heads, heights, strict=True):
        left = fork + 0.62
        shapes.append(Line(((fork, 0.0), (fork, y), (left, y))))
        header = (_tower_text(space, tower), "")
        shapes += place_columns(places, {tower.name: header}, titles, left, y).shapes
    cells = [
        cell for columns in (backbone, *(here for _, here in heads)) for column in columns for cell in column.cells
    ]
    return sheet(
        space.name,
        _subtitles(space, whole),
        shapes,
        {cell.kernel for cell in cells if cell.kernel is not None and not cell.fixed},
        _notes(space),
        fixed=True,
        skip=any(cell.skip for cell in cells),
        other=any(cell.kernel is None and not cell.fixed and not cell.skip for cell in cells),
    )


class _Columns:
    """Makes the columns of a space's parts."""

    def __init__(self, space: Space, costs: Sequence[PlaceCosts]) -> None:
        self._space = space
        self._costs = {place.name: place for place in costs}
        self._expansions = any(len(stage.expansions) > 1 for stage in space.description.stages)

    @property
    def titles(self) -> tuple[str, ...]:
        """What stands in the rows beneath the columns."""
        more = ("expansion",) if self._expansions else ()
        return ("channels", *more, *(("M MACs", "K params") if self._costs else ()))

    def backbone(self) -> list[Column]:
        """The stem, if there is one, and the blocks."""
        stem = self._space.description.stem
        first = [self._fixed("stem", f"conv {stem.kernel}x{stem.kernel}", "stem", str(stem.channels))] if stem else []
        return [*first, *(self._choice(place, place.channels) for place in backbone_places(self._space))]

    def middle(self) -> list[Column]:
        """What stands between the branches and the towers."""
        description = self._space.description
        kernels = sorted(
            {description.kernels(exit_, size) for exit_ in description.exits for size in description.all_template_sizes}
        )
        fused = self._fixed("", "correlation", "fusion", str(description.fused_channels))
        return [self._fixed("", "neck", "neck", ""), replace(fused, number=f"{either(kernels)} kernels")]

    def tower(self, tower: ShownTower) -> list[Column]:
        """The layers and the prediction."""
        layers = [self._choice(place, "width" if tower.is_tied else place.channels) for place in tower.places]
        return [*layers, self._fixed(tower.name, TARGETS[tower.name], f"{tower.name}-prediction", "")]

    def _choice(self, place: ShownPlace, channels: str) -> Column:
        names = names_at(self._space, place)
        cells = tuple(
            Cell(
                names[name],
                kernel_of(self._space, name),
                place.is_fixed,
                is_skip(self._space, name),
            )
            for name in place.candidates
        )
        number = place.label.rpartition("-")[2].removeprefix("block").removeprefix("layer")
        open_ones = place.expansions if len(place.expansions) > 1 else ()
        expansion = alternatives(tuple(f"{value:g}" for value in open_ones))
        return Column(place.group, number, cells, self._rows(place.label, channels, expansion), place.is_exit)

    def _fixed(self, group: str, text: str, name: str, channels: str) -> Column:
        return Column(group, "", (Cell(text, fixed=True),), self._rows(name, channels))

    def _rows(self, name: str, channels: str, expansion: str = "") -> tuple[str, ...]:
        rows = (channels, expansion) if self._expansions else (channels,)
        if not self._costs:
            return rows
        here = self._costs.get(name)
        spans = (span_text(here.macs, 1e6), span_text(here.params, 1e3)) if here else ("", "")
        return (*rows, *(text.replace(" to ", "-") for text in spans))


def inputs(sizes: Sequence[tuple[int, Sequence[int]]], start: float) -> list[Shape]:
    """Template and search crop in front of a backbone whose first box begins at `start`, its middle at 0.

    Args:
        sizes: Sides of the template crop, pixels, each with those of its search crop.
        start: Where the backbone begins.
    """
    sides = {
        "template": [f"{template}²" for template, _ in sizes],
        "search": list(dict.fromkeys(f"{side}²" for _, searched in sizes for side in searched)),
    }
    shapes: list[Shape] = []
    for (name, texts), y in zip(sides.items(), (0.25, -0.25), strict=True):
        shown = either(texts) if len(texts) < 3 else f"{texts[0]} to {texts[-1]}"
        text = f"{name}\n{shown}"
        shapes.append(
            Box(0.0, y - INPUT_HEIGHT / 2, INPUT_WIDTH, INPUT_HEIGHT, text, fill=FIXED_COLOUR, edge="none", size=6.5)
        )
        shapes.append(Line(((INPUT_WIDTH, y), (start - 0.18, y), (start - 0.18, 0.0), (start, 0.0))))
    return shapes


def _outputs(backbone: Placed, middle: Placed) -> list[Shape]:
    """Arrows from every exit to a line that leads to the neck."""
    exits = [x + column.width / 2 for x, column in backbone.columns if column.is_exit]
    bus, rise = backbone.bottom - 0.16, middle.columns[0][0] - 0.18
    shapes: list[Shape] = [Line(((x, backbone.bottom), (x, bus)), OUTPUT_COLOUR, head=False) for x in exits]
    shapes.append(Line(((exits[0], bus), (rise, bus), (rise, 0.0), (middle.columns[0][0], 0.0)), OUTPUT_COLOUR, 1.2))
    text = "output" if len(exits) == 1 else f"output: behind one of {len(exits)} blocks"
    shapes.append(Text(exits[0] - 0.06, bus, text, 7, OUTPUT_COLOUR, "right"))
    return shapes


def _stage_headers(space: Space) -> dict[str, tuple[str, str]]:
    """By stage, its name, and its whole stride with the map that it leaves of the smaller search crop."""
    search = space.description.search_sizes[0]
    names = {
        stage.name: f"{stage.name}: {either(stage.depths)} blocks" if len(stage.depths) > 1 else stage.name
        for stage in space.description.stages
    }
    headers = {
        place.group: (names[place.group], shape_text(search, place.total_stride or 1))
        for place in backbone_places(space)
    }
    stride = space.description.stem_stride
    return {"stem": ("stem", shape_text(search, stride))} | headers


def shape_text(search: int, total_stride: int) -> str:
    """A map's stride and side, such as "/16: 16²"."""
    return f"/{total_stride}: {map_side(search, total_stride)}²"


def _subtitles(space: Space, whole: Mapping[str, Span] | None) -> list[str]:
    text = _networks(space)
    if whole:
        text += f", {span_text(whole['macs'], 1e6)} M MACs, {span_text(whole['params'], 1e6)} M parameters"
    return [line for line in (space.description.summary, text) if line]


def _networks(space: Space) -> str:
    number = space.size.networks
    return f"{number:.3g} networks" if number >= 1e9 else f"{number:,} networks"


def _tower_text(space: Space, tower: ShownTower) -> str:
    widths = f"width {either(tower.widths)}" if tower.is_tied else "each layer of its own width"
    if TOWERS not in space.labels:
        return f"{BRANCH_NAMES[tower.name]}, {widths}"
    when = "where towers are separate" if tower.name == "cls" else "or both branches where it is shared"
    return f"{BRANCH_NAMES[tower.name]} {when}, {widths}"


def _notes(space: Space) -> list[str]:
    search = space.description.search_sizes[0]
    notes = [
        f"Above each stage: its stride and the map that it leaves of a search crop of {search} pixels; below each "
        "place: its channels."
    ]
    if any(len(stage.depths) > 1 for stage in space.description.stages):
        notes.append("A stage of several depths has its first blocks; those that may be the last are framed.")
    if len(input_sizes(space)) > 1:
        pairs = (f"{template}: {' or '.join(map(str, searched))}" for template, searched in input_sizes(space))
        notes.append(f"Search crops by the template's size, pixels: {'; '.join(pairs)}")
    return notes + [f"Also chosen: {label}: {', '.join(values)}" for label, values in other_choices(space).items()]
