"""`describe`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.cli.nni_spaces import describe_nni_space
from lighttrack_nas.cli.printing import print_json, print_table
from lighttrack_nas.places import other_choices
from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.labels import CORRELATION, OUTPUT, layer_label, width_label
from lighttrack_nas.search_spaces.loading import load_space
from lighttrack_nas.search_spaces.nni_space import NniSpace
from lighttrack_nas.search_spaces.space import Space

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.cost_table import CostTable


def describe(name: str | None, architecture: str | None, costs: bool, drawing: Path | None, as_json: bool) -> None:
    """Print a space, or one architecture; draw it."""
    if drawing is not None:
        from lighttrack_nas.drawings.figures import checked_figure_path

        checked_figure_path(drawing)  # before the work
    if architecture is not None:
        from lighttrack_nas.cli.architectures import describe_architecture

        describe_architecture(architecture, name, costs, drawing, as_json)
        return
    space = load_space(name or "lighttrack")
    if isinstance(space, NniSpace):
        describe_nni_space(space, costs, drawing, as_json)
        return
    table = None
    if costs:
        from lighttrack_nas.cost_analysis import load_cost_table

        table = load_cost_table(space)
    if as_json:
        print_json(_space_record(space, table))
    else:
        _print_space(space, table)
    if drawing is not None:
        from lighttrack_nas.drawings.figures import save_figure
        from lighttrack_nas.drawings.spaces import draw_space

        save_figure(draw_space(space, table), drawing)
        if not as_json:
            print(drawing)


def _print_space(space: Space, table: CostTable | None) -> None:
    description = space.description
    print(f"{space.name} ({space.hash})")
    if description.summary:
        print(description.summary)
    searched = " or ".join(str(size) for size in description.search_sizes)
    print(f"template {description.template_size}, search {searched} pixels\n")
    print_table(("part", "channels", "stride", "candidates", "labels"), _rows(space))
    if table is not None:
        print()
        _print_costs(table)
    print(f"\nlabel combinations: {space.size.labels:,} ({space.size.labels:.3g})")
    print(f"distinct networks:  {space.size.networks:,} ({space.size.networks:.3g})")


def _print_costs(table: CostTable) -> None:
    """A row a place, neighbours of one cost together, then whole networks."""
    from lighttrack_nas.place_costs import place_costs, span_text, whole_costs

    rows = []
    for (part, macs, params), places in groupby(place_costs(table), key=lambda place: (place.part, *place[2:])):
        names = [place.name for place in places]
        each = f"{part}, each of {len(names)}" if len(names) > 1 else part
        rows.append((_span(names), each, span_text(macs, 1e6), span_text(params, 1e3)))
    whole = whole_costs(table)
    rows.append(("a whole network", "", span_text(whole["macs"], 1e6), span_text(whole["params"], 1e3)))
    print_table(("place", "part", "MACs (M)", "parameters (K)"), rows, right=(2, 3))
    print(f"MACs of a tracked frame at search {table.search_size} pixels, cheapest to dearest candidate")


def _rows(space: Space) -> list[tuple[str, ...]]:
    description = space.description
    stem = description.stem
    rows: list[tuple[str, ...]] = []
    if stem:
        rows.append(("stem", str(stem.channels), str(stem.stride), f"convolution {stem.kernel}", ""))
    for index, stage in enumerate(description.stages):
        blocks = description.stage_blocks(index)
        rows.append(
            (
                f"{stage.name} x {stage.blocks}",
                str(stage.channels),
                str(stage.stride),
                " ".join(stage.operations) + (" (or skip, but for the first)" if stage.skip else ""),
                _span([block.name for block in blocks]) if len(stage.operations) > 1 or stage.skip else "fixed",
            )
        )
    rows += _exit_rows(space)
    compared = " or ".join(f"{name} correlation" for name in description.correlation)
    attention = f"self-attention of {description.neck_attention} heads, " if description.neck_attention else ""
    label = CORRELATION if CORRELATION in space.labels else "fixed"
    rows.append(("fusion", str(description.fused_channels), "", f"{attention}{compared}, channel attention", label))
    for branch in BRANCHES:
        tower = space.tower(branch)
        label = width_label(branch)
        widths = " ".join(str(width) for width in tower.widths)
        rows.append((f"{branch} width", widths, "1", "", label if label in space.labels else "fixed"))
        first = 0
        for layer in tower.layers:
            labels = [layer_label(branch, first + i) for i in range(layer.repeat)]
            named = _span(labels) if len(layer.operations) > 1 else "fixed"
            rows.append((f"{branch} layer x {layer.repeat}", "width", "1", " ".join(layer.operations), named))
            first += layer.repeat
    return rows + [
        ("choice", "", "", " ".join(values), label if len(values) > 1 else f"{label} (fixed)")
        for label, values in other_choices(space).items()
        if label != CORRELATION
    ]


def _exit_rows(space: Space) -> list[tuple[str, ...]]:
    """A row a stage that has exits; the stride is the whole one, of the output map."""
    description = space.description
    rows: list[tuple[str, ...]] = []
    for index, stage in enumerate(description.stages):
        exits = [block for block in description.stage_blocks(index) if block in description.exits]
        numbers = " ".join(block.name.partition("-block")[2] for block in exits)
        if exits:
            label = OUTPUT if OUTPUT in space.labels else "fixed"
            where = f"{stage.name} block {numbers}, stride {exits[0].total_stride} in all"
            rows.append((OUTPUT, str(stage.channels), "", where, label))
    return rows


def _span(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} .. {names[-1]}"


def _space_record(space: Space, table: CostTable | None) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": space.name,
        "hash": space.hash,
        "size": {"labels": space.size.labels, "networks": space.size.networks},
        "labels": {label: list(values) for label, values in space.labels.items()},
        "description": space.description.model_dump(mode="json"),
    }
    if table is not None:
        from lighttrack_nas.place_costs import place_costs, whole_costs

        record["costs"] = {
            "search_size": table.search_size,
            "network": {name: list(span) for name, span in whole_costs(table).items()},
            "places": [
                {"place": place.name, "part": place.part, "macs": list(place.macs), "params": list(place.params)}
                for place in place_costs(table)
            ],
        }
    return record
