"""The drawing of a table of places: a column for each place, a cell for each candidate, darker the more it loses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from lighttrack_nas.drawings.figures import figure_of
from lighttrack_nas.drawings.loss_cells import CELL, WIDTH, cell_of, frame_of, scale_of, small_number
from lighttrack_nas.drawings.shapes import FAINT_COLOUR, Drawing, Line, Shape, Text, text_width
from lighttrack_nas.drawings.sheets import bounds, sheet
from lighttrack_nas.places.candidate_losses import Loss, PlaceLosses, loss_range, place_losses
from lighttrack_nas.places.shown_places import BRANCH_NAMES, backbone_places, names_at, towers
from lighttrack_nas.search_spaces.base.labels import OUTPUT, layer_label, width_label
from lighttrack_nas.search_spaces.space import Space

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores

_GAP, _BETWEEN = 0.12, 0.45  # between the groups of a panel, and between panels
_MOST_ROWS = 24
_Row = tuple[str, tuple[tuple[str, str], ...]]
"""A candidate, and what is chosen beside it."""


class _Panel(NamedTuple):
    """Places that are drawn together.

    Attributes:
        title: Above all.
        columns: By place, the group under whose name it stands, and its number there.
        places: In the order of the columns.
        names: What candidates are called.
    """

    title: str
    columns: tuple[tuple[str, str], ...]
    places: tuple[PlaceLosses, ...]
    names: dict[str, str]


def draw_losses(scores: PlaceScores) -> Figure:
    """Draw what every candidate loses at its place: blocks, the outputs behind them, layers, other choices.

    Beneath each place stands its spread, from the best candidate, which is framed, to the worst.

    Args:
        scores: The table of places.

    Returns:
        The figure; save it with its `savefig`.
    """
    return figure_of(losses_drawing(scores))


def losses_drawing(scores: PlaceScores) -> Drawing:
    """Lay out a table of places."""
    space = scores.space
    losses = {place.label: place for place in place_losses(scores)}
    whole = [_whole_tower(space, losses.pop(width_label(tower.branch)), tower.branch) for tower in scores.towers]
    backbone, heads, others = _panels(space, losses)
    heads += whole
    shown = [*losses.values(), *(place for panel in whole for place in panel.places)]
    scale = scale_of([loss.nsr for place in shown for loss in place.losses])
    shapes: list[Shape] = []
    bottom = 0.0
    if backbone.places:
        shapes += _drawn(backbone, 0.0, 0.0, scale, losses.get(OUTPUT))
        bottom = bounds(shapes)[1] - _BETWEEN
    left = 0.0
    for panel in (*heads, *others):
        drawn = _drawn(panel, left, bottom, scale)
        shapes += drawn
        left = bounds(drawn)[2] + _BETWEEN
    least, greatest = loss_range(scores)
    teacher = scores.provenance.get("teacher")
    name = teacher.get("name") if isinstance(teacher, dict) else teacher
    subtitles = [
        "What every candidate loses at its place"
        + (f" against {name}" if isinstance(name, str) else " against the teacher"),
        f"Noise-to-signal ratio; the sum over the places of a network is {least:.3f} to {greatest:.3f}",
    ]
    across, below = bounds(shapes)[:2]
    shapes += _legend(across, below - 0.3, scale)
    return sheet(
        space.name, subtitles, shapes, set(), _notes(losses, [backbone, *heads, *others]), fixed=False, output=False
    )


def _panels(space: Space, losses: dict[str, PlaceLosses]) -> tuple[_Panel, list[_Panel], list[_Panel]]:
    """The backbone, the towers, and a panel for each other choice."""
    names: dict[str, str] = {}
    blocks = [place for place in backbone_places(space) if place.label in losses]
    for place in blocks:
        names |= names_at(space, place)
    columns = tuple((place.group, place.label.rpartition("block")[2].replace(place.group, "")) for place in blocks)
    backbone = _Panel("backbone", columns, tuple(losses[place.label] for place in blocks), names)
    heads = []
    drawn = {place.label for place in blocks} | ({OUTPUT} if blocks else set())
    for tower in towers(space):
        layers = [place for place in tower.places if place.label in losses]
        drawn |= {place.label for place in layers}
        columns = tuple(("", place.label.rpartition("layer")[2]) for place in layers)
        names = {name: text for place in layers for name, text in names_at(space, place).items()}
        if layers:
            of_layers = tuple(losses[place.label] for place in layers)
            heads.append(_Panel(BRANCH_NAMES[tower.name], columns, of_layers, names))
    others = [_Panel(label, (("", ""),), (place,), {}) for label, place in losses.items() if label not in drawn]
    return backbone, heads, others


def _whole_tower(space: Space, place: PlaceLosses, branch: str) -> _Panel:
    """A tower whose layers have weights by task: of each number of layers, the least that a width loses."""
    skips = space.description.skips
    layers = [layer_label(branch, index) for index in range(len(space.tower(branch).candidates))]
    fixed = {label: space.candidates[label][0] for label in layers}
    least: dict[int, dict[str, Loss]] = {}
    for loss in place.losses:
        names = fixed | dict(loss.beside)
        depth = sum(names[label] not in skips for label in layers)
        best = least.setdefault(depth, {}).get(loss.candidate)
        if best is None or loss.nsr < best.nsr:
            least[depth][loss.candidate] = Loss(loss.candidate, (), loss.nsr)
    depths = sorted(least)
    return _Panel(
        BRANCH_NAMES[branch],
        tuple(("layers", str(depth)) for depth in depths),
        tuple(PlaceLosses(place.part, place.label, tuple(least[depth].values())) for depth in depths),
        {},
    )


def _drawn(panel: _Panel, x: float, top: float, scale: float, output: PlaceLosses | None = None) -> list[Shape]:
    """A panel whose upper left corner is at `x` and `top`; beneath blocks, the outputs behind them."""
    rows, cells = _cells(panel)
    texts = [_row_text(row, panel.names) for row in rows]
    more = ["spread", *(["as output"] if output else [])]
    left = x + max(text_width(text, 7) for text in (*texts, *more)) + 0.08
    y = top - (0.62 if any(group for group, _ in panel.columns) else 0.42)
    shapes: list[Shape] = [Text(x, top - 0.08, panel.title, 9, align="left", bold=True)]
    frames: list[Shape] = []  # above all cells
    places = _across(panel, left)
    shapes += _headers(panel, places, y)
    for number, text in enumerate(texts):
        shapes.append(Text(left - 0.08, y - CELL * (number + 0.5), text, 7, align="right"))
    for column, place in enumerate(panel.places):
        for number, loss in enumerate(cells[column]):
            if loss is not None:
                shapes.append(cell_of(places[column], y - CELL * (number + 1), loss.nsr, scale))
        best = cells[column].index(min(filter(None, cells[column]), key=lambda loss: loss.nsr))
        frames.append(frame_of(places[column], y - CELL * (best + 1)))
        under = y - CELL * len(rows) - 0.12
        shapes.append(Text(places[column] + WIDTH / 2, under, small_number(place.spread), 6, FAINT_COLOUR))
    shapes.append(Text(left - 0.08, y - CELL * len(rows) - 0.12, "spread", 7, FAINT_COLOUR, "right"))
    if output is not None:
        shapes += _outputs(panel, places, left, y - CELL * len(rows) - 0.34, output, scale)
    return shapes + frames


def _outputs(
    panel: _Panel, places: Sequence[float], left: float, top: float, output: PlaceLosses, scale: float
) -> list[Shape]:
    """A row of what the outputs lose, each behind its block."""
    least = {name: loss.nsr for (name, _), loss in _by_row(output, "none").items()}
    shapes: list[Shape] = [Text(left - 0.08, top - CELL / 2, "as output", 7, align="right")]
    behind = {place.label: x for x, place in zip(places, panel.places, strict=True)}
    shapes += [cell_of(behind[label], top - CELL, nsr, scale) for label, nsr in least.items() if label in behind]
    return shapes + [frame_of(x, top - CELL) for label, x in behind.items() if label == output.best.candidate]


def _across(panel: _Panel, left: float) -> list[float]:
    """Where the columns begin."""
    lefts, x = [], left
    for index, (group, _) in enumerate(panel.columns):
        x += _GAP if index and group != panel.columns[index - 1][0] else 0.0
        lefts.append(x)
        x += WIDTH
    return lefts


def _headers(panel: _Panel, places: Sequence[float], y: float) -> list[Shape]:
    shapes: list[Shape] = []
    for x, (_, number) in zip(places, panel.columns, strict=True):
        shapes.append(Text(x + WIDTH / 2, y + 0.1, number, 6, FAINT_COLOUR))
    for group, members in groupby(zip(places, panel.columns, strict=True), key=lambda column: column[1][0]):
        if group:
            edges = [x for x, _ in members]
            start, end = edges[0], edges[-1] + WIDTH
            shapes.append(Line(((start, y + 0.2), (end, y + 0.2)), FAINT_COLOUR, 0.6, head=False))
            shapes.append(Text((start + end) / 2, y + 0.31, group, 7))
    return shapes


def _cells(panel: _Panel) -> tuple[list[_Row], list[list[Loss | None]]]:
    """The rows of a panel, and by column the loss of each; None where a place has no such candidate.

    Where rows get too many, what is chosen elsewhere has none, and then nothing that is chosen beside; where a
    candidate loses least is shown.
    """
    for depth in ("all", "own", "none"):
        by_row = [_by_row(place, depth) for place in panel.places]
        rows = list(dict.fromkeys(row for column in by_row for row in column))
        if len(rows) <= _MOST_ROWS:
            break
    candidates = list(
        dict.fromkeys([*panel.names, *(loss.candidate for place in panel.places for loss in place.losses)])
    )
    beside = list(dict.fromkeys(row[1] for row in rows))
    rows.sort(key=lambda row: (candidates.index(row[0]), beside.index(row[1])))
    return rows, [[column.get(row) for row in rows] for column in by_row]


def _by_row(place: PlaceLosses, depth: str) -> dict[_Row, Loss]:
    """The losses of a place by row, which names what is chosen beside without the name of the place or its group."""
    least: dict[_Row, Loss] = {}
    group = place.label.partition("-")[0]
    for loss in place.losses:
        beside = [
            (label.removeprefix(f"{place.label}-").removeprefix(f"{group}-"), value)
            for label, value in loss.beside
            if depth == "all" or (depth == "own" and label.startswith(f"{group}-"))
        ]
        row = (loss.candidate, tuple(beside))
        if row not in least or loss.nsr < least[row].nsr:
            least[row] = loss
    return least


def _row_text(row: _Row, names: dict[str, str]) -> str:
    return ", ".join([names.get(row[0], row[0]), *(f"{label} {value}" for label, value in row[1])])


def _legend(x: float, y: float, scale: float) -> list[Shape]:
    """Samples of the colours, and of the frame."""
    shapes: list[Shape] = []
    for share in (0.0, 0.01, 0.04, 0.1, 0.2, 0.35, 0.6, 1.0):
        shapes.append(cell_of(x, y - CELL / 2, share * scale, scale))
        x += WIDTH
    shapes.append(frame_of(x + 0.2, y - CELL / 2))
    shapes.append(Text(x + 0.27 + WIDTH, y, "the best of its place", 7, align="left"))
    return shapes


def _notes(losses: dict[str, PlaceLosses], panels: Sequence[_Panel]) -> list[str]:
    notes = ["0 is the teacher, 1 no better than the mean; spread: from the best candidate of a place to its worst."]
    if OUTPUT in losses:
        notes.append("As output: what the features lose that leave behind the block.")
    rows = [{row for place in panel.places for row in _by_row(place, "all")} for panel in panels]
    if any(len(of_panel) > _MOST_ROWS for of_panel in rows) or any(
        ("layers", "1") in panel.columns for panel in panels
    ):
        notes.append("A cell shows the least over what is chosen elsewhere.")
    return notes
