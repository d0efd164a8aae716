"""`describe --architecture`, `random` and `mutate`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.cli.space.describe_nni import describe_nni_architecture
from lighttrack_nas.cli.space.describe_places import network_losses_record, print_network_losses
from lighttrack_nas.drawings.shown_networks import ChosenPlace, ChosenTower, shown_network
from lighttrack_nas.models.architecture_files import find_architecture
from lighttrack_nas.places.shown_places import map_side, other_choices
from lighttrack_nas.search_spaces.base.labels import TEMPLATE_SIZE
from lighttrack_nas.search_spaces.neighbours import neighbours
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.network_costs import Costs


def describe_architecture(
    source: str, space: str | None, costs: bool, losses: str | None, drawing: Path | None, as_json: bool
) -> None:
    """Print an architecture's network as a table; draw it."""
    architecture = find_architecture(source, space)
    scores = None
    if losses is not None:
        from lighttrack_nas.tables import load_places

        scores = load_places(losses, architecture.space)
    measured = None
    if costs:
        from lighttrack_nas.benchmarks.costs.network_costs import measure_costs

        measured = measure_costs(architecture)
    code = _code(architecture)
    if not architecture.space.is_declared:
        describe_nni_architecture(architecture, measured, as_json)
    elif as_json:
        lost = {"losses": network_losses_record(architecture, scores)} if scores else {}
        print_json(_record(architecture) | ({"code": code} if code else {}) | _cost_record(measured) | lost)
    else:
        _print_architecture(architecture, code, measured)
        if scores is not None:
            print()
            print_network_losses(architecture, scores)
    if drawing is not None:
        from lighttrack_nas.drawings.architecture_drawing import architecture_drawing
        from lighttrack_nas.drawings.figures import figure_of, save_figure

        whole = {"macs": measured.macs, "params": measured.params} if measured else None
        save_figure(figure_of(architecture_drawing(architecture, whole, code)), drawing)
        if not as_json:
            print(drawing)


def random(space: str, number: int, seed: int, macs_uniform: bool, constraints: Sequence[str], as_json: bool) -> None:
    """List random networks of a space."""
    from lighttrack_nas.costing.cost_analysis import cost_constraints, load_costing
    from lighttrack_nas.costing.samples import random_networks
    from lighttrack_nas.search_spaces.loading.loading import load_space

    loaded_space = load_space(space)
    cost_constraints(constraints, with_latency=False)  # before the work
    table = load_costing(loaded_space)
    drawn = random_networks(table, number, seed=seed, macs_uniform=macs_uniform, constraints=constraints)
    _list([(architecture, table.costs(architecture), {}) for architecture in drawn], as_json)


def mutate(source: str, space: str | None, number: int | None, seed: int, everyone: bool, as_json: bool) -> None:
    """List networks one choice away from an architecture's."""
    if everyone and number is not None:
        raise InputError("--number and --all: give a number of neighbours, or all, not both")
    architecture = find_architecture(source, space)
    around = neighbours(architecture)
    wanted = len(around) if everyone else min(10, len(around)) if number is None else number
    if wanted > len(around):
        raise InputError(f"--number {wanted}: '{source}' has {len(around)} neighbours; ask for fewer, or --all")
    picked = sorted(np.random.default_rng(seed).permutation(len(around))[:wanted].tolist())
    from lighttrack_nas.costing.cost_analysis import load_costing

    table = load_costing(architecture.space)
    rows = [around[index] for index in picked]
    _list(
        [
            (n.architecture, table.costs(n.architecture), {"label": n.label, "before": n.before, "after": n.after})
            for n in rows
        ],
        as_json,
    )


def _list(rows: Iterable[tuple[Architecture, Mapping[str, int], Mapping[str, str]]], as_json: bool) -> None:
    """Print a row an architecture, or a line of JSON, which is an architecture file with more keys."""
    from lighttrack_nas.strategies.search.storage.trials import digest

    cells: list[dict[str, str]] = []
    for architecture, costs, change in rows:
        network, code, output = digest(architecture.canonical()), _code(architecture), _output(architecture)
        if as_json:
            more = {"network": network, "code": code or None, "macs": costs["macs"], "params": costs["params"]}
            print(json.dumps(json.loads(architecture.to_json()) | more | {"output": output or None} | change))
            continue
        changed = {"change": f"{change['label']}: {change['before']} to {change['after']}"} if change else {}
        measured = {"MACs (M)": f"{costs['macs'] / 1e6:,.1f}", "parameters (M)": f"{costs['params'] / 1e6:,.3f}"}
        cells.append({"network": network, **changed, **measured, "output": output, "code": code})
    if not cells:
        return
    # Spaces of one's own have no codes, those of NNI's classes no outputs.
    header = [name for name in cells[0] if any(row[name] for row in cells)]
    first = header.index("MACs (M)")
    print_table(header, [tuple(row[name] for name in header) for row in cells], right=(first, first + 1))


def _output(architecture: Architecture) -> str:
    """The block behind which the features leave; "" where the space has no blocks."""
    return shown_network(architecture).output.place.label if architecture.space.is_declared else ""


def _code(architecture: Architecture) -> str:
    """The official code; "" where the space has none."""
    try:
        return architecture.space.encode(architecture)
    except InputError:
        return ""


def _print_architecture(architecture: Architecture, code: str, measured: Costs | None) -> None:
    space, network = architecture.space, shown_network(architecture)
    print(f"architecture of {space.name} ({space.hash})")
    if code:
        print(code)
    if TEMPLATE_SIZE in space.labels:
        searched = " or ".join(map(str, network.search_sizes))
        print(f"template {network.template_size}, search {searched} pixels")
    print()
    header = ("place", "operation", "", "channels", "stride", f"map of {network.search_sizes[0]}", "")
    print_table(header, _rows(architecture), right=(3, 4))
    for tower in network.towers:
        print(f"{tower.of.name} tower: {tower.text}")
    chosen, dead = space.chosen(architecture), space.dead_labels(architecture)
    for label in other_choices(space):
        if label not in dead:
            print(f"{label}: {chosen[label]}")
    if measured is not None:
        print()
        rows = [
            (part, f"{values['macs'] / 1e6:,.2f}", f"{values['params']:,}") for part, values in measured.parts.items()
        ]
        rows.append(("one tracked frame", f"{measured.macs / 1e6:,.2f}", f"{measured.params:,}"))
        print_table(("part", "MACs (M)", "parameters"), rows, right=(1, 2))


def _rows(architecture: Architecture) -> list[tuple[str, ...]]:
    description, network = architecture.space.description, shown_network(architecture)

    def map_(total_stride: int) -> str:
        side = map_side(network.search_sizes[0], total_stride)
        return f"{side} x {side}"

    def row(here: ChosenPlace, total_stride: int) -> tuple[str, ...]:
        notes = {
            "output": here is network.output,
            f"expansion {here.expansion or 0:g}": here.expansion is not None,
            "fixed": here.place.is_fixed,
        }
        return (
            here.place.label,
            here.operation,
            here.name if here.name != here.operation else "",
            str(here.channels),
            str(here.place.stride),
            map_(total_stride),
            ", ".join(text for text, holds in notes.items() if holds),
        )

    stem = description.stem
    rows: list[tuple[str, ...]] = []
    if stem:
        conv = f"conv {stem.kernel}x{stem.kernel}"
        rows.append(("stem", conv, "", str(stem.channels), str(stem.stride), map_(stem.stride), "fixed"))
    rows += [row(here, here.place.total_stride or 1) for here in network.blocks]
    rows.append(("correlation", "", "", str(description.fused_channels), "", map_(network.total_stride), ""))
    for tower in network.towers:
        rows += [row(here, network.total_stride) for here in tower.layers]
    return rows


def _record(architecture: Architecture) -> dict[str, Any]:
    """The network, JSON-able; itself an architecture file."""
    space, network = architecture.space, shown_network(architecture)
    chosen = space.chosen(architecture)
    return json.loads(architecture.to_json()) | {
        "template_size": network.template_size,
        "search_sizes": list(network.search_sizes),
        "output": network.output.place.label,
        "backbone": [
            {
                "place": here.place.label,
                "operation": here.operation,
                **_expansion(here),
                "channels": here.channels,
                "stride": here.place.stride,
                "total_stride": here.place.total_stride,
            }
            for here in network.blocks
        ],
        "towers": {tower.of.name: _tower_record(tower) for tower in network.towers},
        "other_choices": {label: chosen[label] for label in other_choices(space) if label in chosen},
    }


def _tower_record(tower: ChosenTower) -> dict[str, Any]:
    return {
        "width": None if tower.width is None else str(tower.width),
        "layers": [
            {"place": here.place.label, "operation": here.operation, "channels": here.channels} for here in tower.layers
        ],
    }


def _expansion(here: ChosenPlace) -> dict[str, float]:
    return {} if here.expansion is None else {"expansion": here.expansion}


def _cost_record(measured: Costs | None) -> dict[str, Any]:
    return {"costs": measured.to_dict()} if measured else {}
