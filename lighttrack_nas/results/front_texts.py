"""Fronts and architectures as text: a table's cells, and a network in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pandas as pd

from lighttrack_nas.drawings.shown_networks import ChosenPlace, shown_network
from lighttrack_nas.reporting.plot_style import axis_of
from lighttrack_nas.results.fronts import LATENCY_AGAIN_COLUMN
from lighttrack_nas.results.networks import records
from lighttrack_nas.search_spaces.base.labels import CORRELATION, TEMPLATE_SIZE

if TYPE_CHECKING:
    from lighttrack_nas.results.fronts import Front
    from lighttrack_nas.search_spaces.space import Architecture


def front_cells(front: Front) -> tuple[list[str], list[list[str]]]:
    """A front's table as text: a header and a row a network, in the units of the plots.

    Where paths of a network differ, the least and the greatest score stand behind the mean.
    """
    names = [*front.measurements]
    if LATENCY_AGAIN_COLUMN in front.table:
        names.insert(names.index("latency_ms") + 1, LATENCY_AGAIN_COLUMN)
    header = ["network", *(f"{name} (M)" if axis_of(name).divisor == 1e6 else name for name in names)]
    header += [] if front.predicted else ["paths"]
    coded = any(front.table.get("code", ()))
    header += ["code"] if coded else []
    rows = []
    for row in records(front.table):
        cells = [measurement_text(row, name) for name in names]
        cells += [] if front.predicted else [str(row["paths"])]
        rows.append([row["network"], *cells, *([row["code"]] if coded else [])])
    return header, rows


def joined_cells(fronts: Mapping[str, Front]) -> tuple[list[str], list[list[str]]]:
    """The tables of several fronts below each other, the run the second column; what a run does not have is empty.

    Args:
        fronts: By the run's name.
    """
    tables = {name: front_cells(front) for name, front in fronts.items()}
    header = list(dict.fromkeys(title for titles, _ in tables.values() for title in titles))
    rows = []
    for name, (titles, cells) in tables.items():
        for row in cells:
            known = dict(zip(titles, row, strict=True))
            network, *rest = (known.get(title, "") for title in header)
            rows.append([network, name, *rest])
    return [header[0], "run", *header[1:]], rows


def number_columns(header: Sequence[str]) -> list[int]:
    """The columns of a front's table that are aligned at the right: all but names."""
    return [place for place, title in enumerate(header) if title not in ("network", "run", "code")]


def architecture_lines(architecture: Architecture) -> list[str]:
    """Describe an architecture in a few lines: the blocks of each stage up to the output, then the towers.

    Of a space without stages, a line a choice.
    """
    if not architecture.space.is_declared:
        return [f"{label}: {value}" for label, value in architecture.space.chosen(architecture).items()]
    network = shown_network(architecture)
    lines = []
    for stage, members in groupby(network.blocks, key=lambda block: block.place.group):
        blocks = list(members)
        width = f" width {blocks[0].channels}:" if len(blocks[0].place.widths) > 1 else ""
        lines.append(f"{stage}:{width} " + " ".join(_operation_text(block) for block in blocks))
    lines.append(f"output: {network.output.place.label}")
    for tower in network.towers:
        width = f" width {tower.width}:" if tower.width is not None else ""
        layers = [
            _operation_text(layer) + (f" ({layer.channels})" if tower.width is None else "") for layer in tower.layers
        ]
        lines.append(f"{tower.of.name}:{width} " + " ".join(layers))
    if CORRELATION in architecture.space.labels:
        lines.append(f"correlation: {network.correlation}")
    if TEMPLATE_SIZE in architecture.space.labels:
        searched = " or ".join(map(str, network.search_sizes))
        lines.append(f"template {network.template_size}, search {searched} pixels")
    return lines


def _operation_text(here: ChosenPlace) -> str:
    return here.operation if here.expansion is None else f"{here.operation} /{here.expansion:g}"


def measurement_text(row: dict[str, Any], name: str) -> str:
    """A measurement with its spread, in the unit of the plots; "" where there is none."""
    if pd.isna(row[name]):
        return ""
    axis = axis_of(name)

    def number(value: float) -> str:
        return f"{value / axis.divisor:,.{axis.digits}f}"

    low, high = (number(row.get(f"{name}_{end}", row[name])) for end in ("low", "high"))
    return number(row[name]) + (f" ({low} to {high})" if low != high else "")
