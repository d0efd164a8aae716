"""`describe`."""

from __future__ import annotations

from typing import Any

from lighttrack_nas.cli.printing import print_json, print_table
from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.loading import load_space
from lighttrack_nas.search_spaces.space import OUTPUT, Space, layer_label, width_label


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
