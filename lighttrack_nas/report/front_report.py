"""The parts of the page that show fronts: the plot that leads to architectures, pairs, tables, findings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lighttrack_nas.counts.counter import LEGEND
from lighttrack_nas.report.network_data import (
    MOST_DRAWN,
    MOST_SHOWN,
    NO_CHAIN,
    ChainPlace,
    front_networks,
    measurement_columns,
    network_count,
)
from lighttrack_nas.report.page import Page, Section, Table, render
from lighttrack_nas.reporting.plot_style import run_colours
from lighttrack_nas.results.findings import findings as count_findings
from lighttrack_nas.results.findings_texts import FINDINGS_HEADER, FINDINGS_NUMBERS, findings_cells
from lighttrack_nas.results.front_plots import axis_label, front_label, front_title
from lighttrack_nas.results.front_texts import joined_cells, number_columns
from lighttrack_nas.results.fronts import shared_limits
from lighttrack_nas.results.published import CAUTION, HEADER, published_rows

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable
    from lighttrack_nas.results.fronts import Front
    from lighttrack_nas.search_spaces.space import Space

FINDINGS_LEGEND = LEGEND.replace("\n  ", " ").splitlines()
"""What the columns of all figures mean, a paragraph each."""
_KEYS = (
    "Click a point, grey ones too, or use the arrow keys in the plot: left and right go along the front, up and down "
    "through all networks, Enter goes to the network's details."
)


def front_page(front: Front, x: str, y: str) -> str:
    """Make the page of a front alone, which needs nothing else.

    Costs by part are shown where the space's costs were counted before on this machine.

    Args:
        front: What to show.
        x: Measurement on the horizontal axis at first.
        y: Measurement on the vertical axis at first.

    Returns:
        HTML, about 5 MB: the plotting script is in it.
    """
    data = front_data({front.space.name: front}, {}, x, y, {front.space.hash: counted_costs(front.space)})
    sections = [
        front_section({front.space.name: front}),
        *pair_sections(front),
        *findings_sections(front),
        published_section(),
    ]
    return render(
        Page(
            title=front_title(front),
            lead=f"Front of {', '.join(map(str, front.objectives))}.",
            warnings=[text[0].upper() + text[1:] + "." for text in front.notes],
            sections=[section for section in sections if section is not None],
            data=data,
        )
    )


def counted_costs(space: Space) -> CostTable | None:
    """The space's costs, where they were counted before on this machine; None otherwise, for counting takes seconds."""
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable

    if not space.is_declared:
        return None
    table = CostTable(space)
    return table if table.load() else None


def front_data(
    fronts: Mapping[str, Front],
    labels: Mapping[str, str],
    x: str,
    y: str,
    costs: Mapping[str, CostTable | None],
    places: Mapping[str, ChainPlace] | None = None,
) -> dict[str, Any]:
    """What the script draws fronts from.

    Args:
        fronts: By the run's name.
        labels: What the legend calls a run otherwise than by its name.
        x: Measurement on the horizontal axis at first.
        y: Measurement on the vertical axis at first.
        costs: By the space's hash.
        places: What commands say of chains, by the run's name.
    """
    first = next(iter(fronts.values()))
    colours = run_colours(list(fronts))
    networks = []
    for name, front in fronts.items():
        place = (places or {}).get(name, NO_CHAIN)
        networks += front_networks(front, name, costs.get(front.space.hash), place)
    return {
        "x": x,
        "y": y,
        "columns": [
            column | {"label": axis_label(first, column["name"])}
            for column in measurement_columns(list(fronts.values()))
        ],
        "limits": [
            {"name": limit.name, "value": limit.limit, "text": str(limit)} for limit in shared_limits(fronts.values())
        ],
        "runs": [
            {
                "name": name,
                "label": labels.get(name, name),
                "legend": labels.get(name, name) if len(fronts) > 1 else front_label(front, x, y),
                "colour": colours[name],
                "keeps": front.keeps_limits,
            }
            for name, front in fronts.items()
        ],
        "networks": networks,
    }


def front_section(fronts: Mapping[str, Front]) -> Section:
    """The plot, the chosen network's details, and the table.

    Args:
        fronts: By the run's name; the table of several has a column for it.
    """
    sentences = []
    for name, front in fronts.items():
        behind = len(front.networks) - len(front.table)
        if behind > MOST_DRAWN and front.known:
            where = f"{name}: " if len(fronts) > 1 else ""
            shown = f"the {MOST_SHOWN} nearest are shown, " if behind > MOST_SHOWN else ""
            sentences.append(
                f"{where}{behind} networks lie behind the front; {shown}the {MOST_DRAWN} nearest are drawn."
            )
    return Section("front", _front_title(fronts), [_KEYS, *sentences], ["front"], [("", _front_table(fronts))])


def _front_title(fronts: Mapping[str, Front]) -> str:
    """What the section is called: without a network within the limits there is no front."""
    measured = [front for front in fronts.values() if len(front.table)]
    if measured and not any(front.keeps_limits for front in measured):
        return "What breaks the limits least"
    return "The front" if len(fronts) == 1 else "The fronts"


def _front_table(fronts: Mapping[str, Front]) -> Table:
    """All fronts' networks below each other; that of one alone says nothing of runs."""
    header, rows = joined_cells(fronts)
    picks = [(run, network) for network, run, *_ in rows]
    if len(fronts) == 1:
        header, *rows = ([cells[0], *cells[2:]] for cells in (header, *rows))
    return Table(header, rows, frozenset(number_columns(header)), picks)


def pair_sections(front: Front) -> list[Section]:
    """All pairs of three objectives or more, and parallel coordinates; nothing of two."""
    if len(front.objectives) < 3:
        return []
    return [
        Section(
            "pairs",
            "Every pair of objectives",
            ["Lines run through the networks that are best in the two alone."],
            ["pairs"],
        ),
        Section(
            "parallel",
            "All objectives at once",
            ["Each line is a network of the front; the best of each objective is at the top."],
            ["parallel"],
        ),
    ]


def findings_sections(front: Front) -> list[Section]:
    """What a front's networks share, if it is of a space that declares its stages and not empty."""
    if not front.architectures or not front.space.is_declared:
        return []
    counted = count_findings(front)
    claims = Table(
        ("LightTrack's findings, asked of this front", "answer", "because"), [list(c) for c in counted.claims]
    )
    sentence = (
        f"What the {network_count(counted.networks)} of the front have in common, against uniform draws of the space; "
        "intervals of 95 %, taken one by one."
    )
    figures = Table(FINDINGS_HEADER, findings_cells(counted), frozenset(FINDINGS_NUMBERS))
    return [
        Section(
            "findings",
            "Findings",
            [sentence, *FINDINGS_LEGEND],
            tables=[("", claims)],
            folded=[("All figures", figures)],
        )
    ]


def published_section() -> Section:
    """Published figures of trackers, apart from everything else."""
    table = Table(HEADER, published_rows(), frozenset(range(1, len(HEADER) - 1)))
    return Section(
        "elsewhere", "Elsewhere", [CAUTION[0].upper() + CAUTION[1:] + "."], folded=[("Published trackers", table)]
    )
