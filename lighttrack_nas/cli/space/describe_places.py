"""What `describe` says of places: what the candidates of a space, or those of a network, cost and lose there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from lighttrack_nas.cli.shared.printing import print_table
from lighttrack_nas.places.candidate_losses import Loss, PlaceLosses, loss_range, nsr_text, place_losses
from lighttrack_nas.places.place_costs import PlaceCosts, place_costs, span_text, whole_costs
from lighttrack_nas.places.shown_places import input_sizes

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable
    from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
    from lighttrack_nas.search_spaces.space import Architecture


_MEANING = "NSR: noise-to-signal ratio; 0 is the teacher, 1 no better than the mean"


class _Row(NamedTuple):
    """A place, with what is known of it."""

    name: str
    part: str
    costs: PlaceCosts | None
    losses: PlaceLosses | None


def print_places(table: CostTable | None, scores: PlaceScores | None) -> None:
    """Print a row a place, neighbours that are alike together, then whole networks.

    Args:
        table: The space's costs; None leaves them out.
        scores: What its candidates lose; None leaves that out.
    """
    rows = []
    known = _rows(place_costs(table) if table else [], place_losses(scores) if scores else [])
    for (part, cells), members in groupby(known, key=lambda row: (row.part, _cells(row, table, scores))):
        names = [row.name for row in members]
        shown_part = f"{part}, each of {len(names)}" if len(names) > 1 else part
        rows.append((names[0] if len(names) == 1 else f"{names[0]} .. {names[-1]}", shown_part, *cells))
    whole: list[str] = []
    if table is not None:
        costs = whole_costs(table)
        whole += [span_text(costs["macs"], 1e6), span_text(costs["params"], 1e3)]
    if scores is not None:
        whole += [_range(*loss_range(scores)), "", ""]
    rows.append(("a whole network", "", *whole))
    header = [*(("MACs (M)", "parameters (K)") if table else ()), *(("NSR", "best", "worst") if scores else ())]
    right = [index + 2 for index, title in enumerate(header) if title not in ("best", "worst")]
    print_table(("place", "part", *header), rows, right=right)
    if table is not None:
        sizes = dict.fromkeys(searched[0] for _, searched in input_sizes(table.space))
        print(f"MACs of a tracked frame at search {' or '.join(map(str, sizes))} pixels, cheapest to dearest candidate")
    if scores is not None:
        print(_MEANING)


def costs_record(table: CostTable) -> dict[str, Any]:
    """The costs of places and of whole networks, JSON-able."""
    return {
        "search_size": table.search_size,
        "network": {name: list(span) for name, span in whole_costs(table).items()},
        "places": [
            {"place": place.name, "part": place.part, "macs": list(place.macs), "params": list(place.params)}
            for place in place_costs(table)
        ],
    }


def losses_record(scores: PlaceScores) -> dict[str, Any]:
    """The losses of places and of whole networks, JSON-able."""
    return {
        "table": scores.digest,
        "provenance": scores.provenance,
        "network": {"nsr": list(loss_range(scores))},
        "places": [
            {
                "place": place.label,
                "part": place.part,
                "nsr": [place.best.nsr, place.worst.nsr],
                "best": _loss_record(place.best),
                "worst": _loss_record(place.worst),
                "candidates": [_loss_record(loss) for loss in place.losses],
            }
            for place in place_losses(scores)
        ],
    }


def print_network_losses(architecture: Architecture, scores: PlaceScores) -> None:
    """Print what a network loses at each of its places, beside the best candidate there; then the sum.

    Args:
        architecture: Of the table's space.
        scores: The table of places.
    """
    known = {place.label: place for place in place_losses(scores)}
    rows = [
        (place, known[place].part, chosen, nsr_text(nsr), known[place].best.name, nsr_text(known[place].best.nsr))
        for place, chosen, nsr in _network_losses(architecture, scores)
    ]
    rows.append(("the network", "", "", nsr_text(scores.score(architecture)), "", nsr_text(loss_range(scores)[0])))
    print_table(("place", "part", "chosen", "NSR", "best", "its NSR"), rows, right=(3, 5))
    print(_MEANING)


def network_losses_record(architecture: Architecture, scores: PlaceScores) -> dict[str, Any]:
    """What a network loses at each of its places, JSON-able."""
    return {
        "table": scores.digest,
        "nsr": scores.score(architecture),
        "places": [
            {"place": place, "candidate": chosen, "nsr": nsr}
            for place, chosen, nsr in _network_losses(architecture, scores)
        ],
    }


def _network_losses(architecture: Architecture, scores: PlaceScores) -> list[tuple[str, str, float]]:
    """Place, candidate and loss, of the places that the network has."""
    chosen, dead = scores.space.chosen(architecture), scores.space.dead_labels(architecture)
    return [
        (place.label, chosen[place.label], float(nsr))
        for place, nsr in zip(scores.places, scores.by_place(architecture), strict=True)
        if place.label not in dead
    ]


def _loss_record(loss: Loss) -> dict[str, Any]:
    return {"candidate": loss.candidate, "beside": dict(loss.beside), "nsr": loss.nsr}


def _rows(costs: Sequence[PlaceCosts], losses: Sequence[PlaceLosses]) -> list[_Row]:
    """The places of both, in the order of the costs; one without costs stands where it does among the losses."""
    losses_by_label = {place.label: place for place in losses}
    rows = [_Row(place.name, place.part, place, losses_by_label.get(place.label)) for place in costs]
    position = 0
    for place in losses:
        names = [row.name for row in rows]
        if place.label in names:
            position = names.index(place.label) + 1
        else:
            rows.insert(position, _Row(place.label, place.part, None, place))
            position += 1
    return rows


def _cells(row: _Row, table: CostTable | None, scores: PlaceScores | None) -> tuple[str, ...]:
    cells: list[str] = []
    if table is not None:
        cells += [span_text(row.costs.macs, 1e6), span_text(row.costs.params, 1e3)] if row.costs else ["", ""]
    if scores is not None and row.losses is None:
        cells += ["", "", ""]
    elif scores is not None and row.losses is not None:
        best, worst = row.losses.best, row.losses.worst
        cells += [_range(best.nsr, worst.nsr), best.name, worst.name]
    return tuple(cells)


def _range(least: float, greatest: float) -> str:
    return nsr_text(least) if least == greatest else f"{nsr_text(least)} to {nsr_text(greatest)}"
