"""The page of a front: it needs nothing else, and shows the architecture behind every point."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lighttrack_nas.drawings.shown_networks import ChosenPlace, shown_network
from lighttrack_nas.reporting.plot_style import FRONT_COLOUR, LIMIT_COLOUR, Axis, axis_of
from lighttrack_nas.results.front_plots import axis_label, front_label, front_title, spread
from lighttrack_nas.results.fronts import LATENCY_AGAIN_COLUMN
from lighttrack_nas.results.networks import records
from lighttrack_nas.results.published import CAUTION, HEADER, published_rows
from lighttrack_nas.search_spaces.base.labels import CORRELATION, TEMPLATE_SIZE

if TYPE_CHECKING:
    from lighttrack_nas.results.fronts import Front
    from lighttrack_nas.search_spaces.space import Architecture

_STYLE = (
    "body{font-family:sans-serif;margin:1.5em;color:#222}h1{font-size:1.2em}h2{font-size:1em;margin-top:2em}"
    "table{border-collapse:collapse;font-size:.85em}"
    "td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ddd}"
)


def front_page(front: Front, x: str, y: str) -> str:
    """Make a page that needs nothing else: the plot, with architectures on hovering, and tables below it.

    Args:
        front: What to show.
        x: Measurement on the horizontal axis.
        y: Measurement on the vertical axis.

    Returns:
        HTML, about 5 MB: the plotting script is in it.
    """
    import plotly.graph_objects as go

    across, up = axis_of(x), axis_of(y)
    networks, table = front.networks, front.table
    figure = go.Figure()
    feasible = networks["feasible"].astype(bool)
    for shown, symbol, name in ((feasible, "circle", "other networks"), (~feasible, "x", "outside the constraints")):
        points = networks[shown & ~networks["network"].isin(table["network"])]
        figure.add_scatter(
            x=(points[x] / across.divisor).tolist(),
            y=(points[y] / up.divisor).tolist(),
            mode="markers",
            name=name,
            marker={"color": "#b8b8b8", "size": 6, "symbol": symbol},
            hoverinfo="text",
            hovertext=[_hover(front, row) for row in records(points)],
            showlegend=len(points) > 0,
        )
    line = front.best_of(x, y)
    figure.add_scatter(
        x=(line[x] / across.divisor).tolist(),
        y=(line[y] / up.divisor).tolist(),
        mode="lines",
        hoverinfo="skip",
        line={"color": FRONT_COLOUR, "width": 1.5, "shape": "hv" if front.sign(x) > 0 else "vh"},
        name="best in these two",
        showlegend=len(front.objectives) > 2,
    )
    figure.add_scatter(
        x=(table[x] / across.divisor).tolist(),
        y=(table[y] / up.divisor).tolist(),
        mode="markers",
        name=front_label(front, x, y),
        marker={"color": FRONT_COLOUR, "size": 10, "line": {"color": "white", "width": 1}},
        hoverinfo="text",
        error_x=_bars(table, x, across),
        error_y=_bars(table, y, up),
        hovertext=[
            _hover(front, row) + "<br><br>" + "<br>".join(architecture_lines(architecture))
            for row, architecture in zip(records(table), front.architectures, strict=True)
        ],
    )
    for constraint in front.constraints:
        draw = {x: figure.add_vline, y: figure.add_hline}.get(constraint.name)
        if draw:
            limit = constraint.limit / axis_of(constraint.name).divisor
            draw(
                limit,
                line={"color": LIMIT_COLOUR, "dash": "dash", "width": 1.5},
                annotation_text=html.escape(str(constraint)),
            )
    figure.update_layout(
        template="simple_white",
        height=620,
        margin={"t": 30},
        xaxis_title=axis_label(front, x),
        yaxis_title=axis_label(front, y),
        hoverlabel={"align": "left", "font": {"family": "monospace", "size": 11}, "bgcolor": "white"},
        xaxis={"showgrid": True},
        yaxis={"showgrid": True},
    )
    plot = figure.to_html(full_html=False, include_plotlyjs=True, div_id="front", config={"displaylogo": False})
    note = "".join(f"<p>{html.escape(text)}</p>" for text in front.notes)
    header, rows = front_cells(front)
    header = [*header, "architecture"]
    rows = [[*row, ", ".join(architecture_lines(a))] for row, a in zip(rows, front.architectures, strict=True)]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(front_title(front))}</title>\n<style>{_STYLE}</style></head><body>\n"
        f"<h1>{html.escape(front_title(front))}</h1>{note}\n{plot}\n{_html_table(header, rows)}\n"
        f"<h2>Elsewhere</h2><p>{html.escape(CAUTION)}</p>\n{_html_table(HEADER, published_rows())}\n</body></html>\n"
    )


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
        cells = [_text(row, name) for name in names]
        cells += [] if front.predicted else [str(row["paths"])]
        rows.append([row["network"], *cells, *([row["code"]] if coded else [])])
    return header, rows


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


def _bars(table: pd.DataFrame, name: str, axis: Axis) -> dict[str, Any] | None:
    reach = spread(table, name, axis)
    if reach is None:
        return None
    below, above = np.nan_to_num(reach)
    return {"type": "data", "symmetric": False, "array": above.tolist(), "arrayminus": below.tolist(), "thickness": 1}


def _text(row: dict[str, Any], name: str) -> str:
    """A measurement with its spread, in the unit of the plots; "" where there is none."""
    if pd.isna(row[name]):
        return ""
    axis = axis_of(name)

    def number(value: float) -> str:
        return f"{value / axis.divisor:,.{axis.digits}f}"

    low, high = (number(row.get(f"{name}_{end}", row[name])) for end in ("low", "high"))
    return number(row[name]) + (f" ({low} to {high})" if low != high else "")


def _hover(front: Front, row: dict[str, Any]) -> str:
    """What the page shows of a network beside its architecture; `row` is one of the front's or of its networks."""
    lines = [f"network {row['network']}"]
    for name in (*front.measurements, *({LATENCY_AGAIN_COLUMN} & row.keys())):
        unit = " M" if axis_of(name).divisor == 1e6 else ""
        lines.append(f"{name} {_text(row, name)}{unit}")
    if not front.predicted:
        lines.append(f"paths measured: {row['paths']}; trials {html.escape(str(row['trials']))}")
    return "<br>".join([*lines, row["code"]] if row.get("code") else lines)


def _html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + "\n".join([line(header, "th"), *(line(row, "td") for row in rows)]) + "</table>"
