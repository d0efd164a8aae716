"""`describe` and `costs`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lighttrack_nas.cli.printing import print_json, print_table
from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.loading import load_space
from lighttrack_nas.search_spaces.space import OUTPUT, Space, layer_label, width_label

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs import Costs
    from lighttrack_nas.search_spaces.architecture import Architecture


def describe(name: str, as_json: bool) -> None:
    """Print a space."""
    space = load_space(name)
    if as_json:
        print_json(_space_record(space))
        return
    description = space.description
    print(f"{space.name} ({space.hash})")
    if description.summary:
        print(description.summary)
    searched = " or ".join(str(size) for size in description.search_sizes)
    print(f"template {description.template_size}, search {searched} pixels\n")
    print_table(("part", "channels", "stride", "candidates", "labels"), _rows(space))
    print(f"\nlabel combinations: {space.size.labels:,} ({space.size.labels:.3g})")
    print(f"distinct networks:  {space.size.networks:,} ({space.size.networks:.3g})")


def costs(source: str, space: str | None, as_json: bool) -> None:
    """Print an architecture's costs."""
    from lighttrack_nas.architectures import find_architecture
    from lighttrack_nas.benchmarks.costs import measure_costs

    architecture = find_architecture(source, space)
    measured = measure_costs(architecture)
    if as_json:
        record: dict[str, Any] = {"space": architecture.space.name, "space_hash": architecture.space.hash}
        print_json(record | measured.to_dict() | {"architecture": json.loads(architecture.to_json())["choices"]})
        return
    _print_costs(architecture, measured)


def _print_costs(architecture: Architecture, measured: Costs) -> None:
    print(f"space {architecture.space.name} ({architecture.space.hash})\n")
    rows = [
        (part, f"{values['params']:,}", f"{values['macs'] / 1e6:,.2f} M") for part, values in measured.parts.items()
    ]
    rows.append(("one tracked frame", f"{measured.params:,}", f"{measured.macs / 1e6:,.2f} M"))
    rows.append(("template, once", "", f"{measured.macs_template / 1e6:,.2f} M"))
    print_table(("part", "parameters", "MACs"), rows, right=(1, 2))
    print(f"\nMACs at search {measured.search_size}, template {measured.template_size} pixels; counted by")
    print(f"{measured.counter}: {measured.convention}")
    if measured.uncounted:
        print("not counted: " + ", ".join(f"{name} ({count} times)" for name, count in measured.uncounted.items()))


def _rows(space: Space) -> list[tuple[str, ...]]:
    description = space.description
    rows: list[tuple[str, ...]] = [
        (
            "stem",
            str(description.stem.channels),
            str(description.stem.stride),
            f"convolution {description.stem.kernel}",
            "",
        )
    ]
    for index, stage in enumerate(description.stages):
        blocks = description.stage_blocks(index)
        rows.append(
            (
                f"{stage.name} x {stage.blocks}",
                str(stage.channels),
                str(stage.stride),
                " ".join(stage.operations),
                _span([block.name for block in blocks]) if len(stage.operations) > 1 else "fixed",
            )
        )
    rows += _exit_rows(space)
    rows.append(("fusion", str(description.fused_channels), "", "pixel-wise correlation, channel attention", ""))
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
    return rows


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


def _space_record(space: Space) -> dict[str, Any]:
    return {
        "name": space.name,
        "hash": space.hash,
        "size": {"labels": space.size.labels, "networks": space.size.networks},
        "labels": {label: list(values) for label, values in space.labels.items()},
        "description": space.description.model_dump(mode="json"),
    }
