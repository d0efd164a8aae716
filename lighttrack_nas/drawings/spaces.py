"""The drawing of a space: a column for each place, a cell for each candidate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lighttrack_nas.drawings.columns import Cell, Column, Placed, height_above, height_below, place_columns
from lighttrack_nas.drawings.figures import figure_of
from lighttrack_nas.drawings.shapes import FIXED_COLOUR, OUTPUT_COLOUR, Box, Drawing, Line, Shape, Text
from lighttrack_nas.drawings.sheets import sheet
from lighttrack_nas.place_costs import PlaceCosts, Span, place_costs, span_text, whole_costs
from lighttrack_nas.places import (
    BRANCH_NAMES,
    ShownPlace,
    backbone_places,
    is_skip,
    kernel_of,
    map_side,
    operation_names,
    other_choices,
    tower_places,
    widths_of,
)
from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lighttrack_nas.benchmarks.cost_table import CostTable

INPUT_WIDTH, INPUT_HEIGHT = 0.72, 0.36
_LEAST_HALF = 0.5  # the rows beneath the columns clear the inputs' boxes
TARGETS = {"cls": "score", "reg": "box"}


def draw_space(space: Space, costs: CostTable | None = None) -> Figure:
    """Draw a space: stem, stages with their blocks' candidates, outputs, correlation and towers.

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
    make = _Columns(space, costs)
    titles = ("channels", "M MACs", "K params") if costs else ("channels",)
    backbone, middle = make.backbone(), make.middle()
    towers = {branch: make.tower(branch) for branch in BRANCHES}
    start = INPUT_WIDTH + 0.35
    first = place_columns(backbone, _stage_headers(space), titles, start, 0.0, _LEAST_HALF)
    second = place_columns(middle, {}, (), first.right + 0.45, 0.0)
    shapes: list[Shape] = [*inputs(space, start), *first.shapes, *second.shapes, *_outputs(first, second)]
    fork = second.right + 0.18
    shapes.append(Line(((second.right, 0.0), (fork, 0.0)), head=False))
    above, below = towers["cls"], towers["reg"]
    for columns, y in (
        (above, height_below(above) + 0.12),
        (below, -height_above(below) - 0.12),
    ):
        left = fork + 0.62
        branch = columns[0].group
        shapes.append(Line(((fork, 0.0), (fork, y), (left, y))))
        header = (f"{BRANCH_NAMES[branch]}, width {either(widths_of(space, branch))}", "")
        shapes += place_columns(columns, {branch: header}, titles, left, y).shapes
    cells = [cell for column in (*backbone, *above, *below) for cell in column.cells]
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
        self._names = operation_names(space)

    def backbone(self) -> list[Column]:
        """The stem, if there is one, and the blocks."""
        stem = self._space.description.stem
        first = [self._fixed("stem", f"conv {stem.kernel}x{stem.kernel}", "stem", str(stem.channels))] if stem else []
        return [*first, *(self._choice(place, str(place.channels)) for place in backbone_places(self._space))]

    def middle(self) -> list[Column]:
        """What stands between the branches and the towers."""
        description = self._space.description
        kernels = sorted({description.kernels(exit_) for exit_ in description.exits})
        fused = self._fixed("", "correlation", "fusion", str(description.fused_channels))
        return [self._fixed("", "neck", "neck", ""), replace(fused, number=f"{either(kernels)} kernels")]

    def tower(self, branch: str) -> list[Column]:
        """The layers and the prediction."""
        layers = [self._choice(place, "width") for place in tower_places(self._space, branch)]
        return [*layers, self._fixed(branch, TARGETS[branch], f"{branch}-prediction", "")]

    def _choice(self, place: ShownPlace, channels: str) -> Column:
        cells = tuple(
            Cell(
                self._names.get(name, name),
                kernel_of(self._space, name),
                place.is_fixed,
                is_skip(self._space, name),
            )
            for name in place.candidates
        )
        number = place.label.removeprefix(f"{place.group}-block").removeprefix(f"{place.group}-layer")
        return Column(place.group, number, cells, self._rows(place.label, channels), place.is_exit)

    def _fixed(self, group: str, text: str, name: str, channels: str) -> Column:
        return Column(group, "", (Cell(text, fixed=True),), self._rows(name, channels))

    def _rows(self, name: str, channels: str) -> tuple[str, ...]:
        if not self._costs:
            return (channels,)
        here = self._costs.get(name)
        spans = (span_text(here.macs, 1e6), span_text(here.params, 1e3)) if here else ("", "")
        return (channels, *(text.replace(" to ", "-") for text in spans))


def inputs(space: Space, start: float) -> list[Shape]:
    """Template and search crop in front of a backbone whose first box begins at `start`, its middle at 0."""
    sizes = {"template": [space.description.template_size], "search": space.description.search_sizes}
    shapes: list[Shape] = []
    for (name, sides), y in zip(sizes.items(), (0.25, -0.25), strict=True):
        text = f"{name}\n{either(f'{side}²' for side in sides)}"
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
    text = "output" if len(exits) == 1 else f"output: one of {len(exits)} blocks"
    shapes.append(Text(exits[0] - 0.06, bus, text, 7, OUTPUT_COLOUR, "right"))
    return shapes


def _stage_headers(space: Space) -> dict[str, tuple[str, str]]:
    """By stage, its name, and its whole stride with the map that it leaves of the smaller search crop."""
    search = space.description.search_sizes[0]
    headers = {
        place.group: (place.group, shape_text(search, place.total_stride or 1)) for place in backbone_places(space)
    }
    stride = space.description.stem_stride
    return {"stem": ("stem", shape_text(search, stride))} | headers


def either(values: Iterable[object]) -> str:
    """Join alternatives: "128, 192 or 256"."""
    *most, last = map(str, values)
    return f"{', '.join(most)} or {last}" if most else last


def shape_text(search: int, total_stride: int) -> str:
    """A map's stride and side, such as "/16: 16²"."""
    return f"/{total_stride}: {map_side(search, total_stride)}²"


def _subtitles(space: Space, whole: Mapping[str, Span] | None) -> list[str]:
    text = f"{space.size.networks:,} networks"
    if space.size.networks >= 1e9:
        text = f"{space.size.networks:.3g} networks"
    if whole:
        text += f", {span_text(whole['macs'], 1e6)} M MACs, {span_text(whole['params'], 1e6)} M parameters"
    return [line for line in (space.description.summary, text) if line]


def _notes(space: Space) -> list[str]:
    search = space.description.search_sizes[0]
    notes = [
        f"Above each stage: its stride and the map that it leaves of a search crop of {search} pixels; below each "
        "place: its channels."
    ]
    return notes + [f"Also chosen: {label}: {', '.join(values)}" for label, values in other_choices(space).items()]
