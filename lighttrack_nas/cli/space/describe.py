"""`describe`."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.cli.space.describe_nni import describe_nni_space
from lighttrack_nas.places.condition_texts import condition_text
from lighttrack_nas.places.shown_places import (
    SHARED,
    ShownTower,
    alternatives,
    either,
    input_sizes,
    other_choices,
    towers,
)
from lighttrack_nas.search_spaces.base.labels import (
    CORRELATION,
    OUTPUT,
    TOWERS,
    depth_label,
    expansion_label,
    layer_label,
    layer_width_label,
    stage_width_label,
    width_label,
)
from lighttrack_nas.search_spaces.description.space_parts import StageDescription
from lighttrack_nas.search_spaces.enumeration import count_paths, has_countable_paths
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.cost_table import CostTable
    from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores


def describe(
    name: str | None,
    architecture: str | None,
    costs: bool,
    losses: str | None,
    drawing: Path | None,
    as_json: bool,
) -> None:
    """Print a space, or one architecture; draw it."""
    if drawing is not None:
        from lighttrack_nas.drawings.figures import checked_figure_path

        checked_figure_path(drawing)  # before the work
    if architecture is not None:
        from lighttrack_nas.cli.space.show_architecture import describe_architecture

        describe_architecture(architecture, name, costs, losses, drawing, as_json)
        return
    scores = None
    if losses is not None:
        from lighttrack_nas.tables import load_places

        scores = load_places(losses, load_space(name) if name else None)
    space = scores.space if scores is not None else load_space(name or "lighttrack")
    table = None
    if costs and space.is_declared:
        from lighttrack_nas.costing.cost_analysis import load_cost_table

        table = load_cost_table(space)
    if not space.is_declared:
        describe_nni_space(space, costs, as_json)
    elif as_json:
        print_json(_space_record(space, table, scores))
    else:
        _print_space(space, table, scores)
    if drawing is not None:
        for path in _draw(space, table, scores, drawing):
            if not as_json:
                print(path)


def _draw(space: Space, table: CostTable | None, scores: PlaceScores | None, path: Path) -> list[Path]:
    """Draw a space; its losses in a figure of their own beside it."""
    from lighttrack_nas.drawings.figures import save_figure
    from lighttrack_nas.drawings.space_drawing import draw_space

    paths = [save_figure(draw_space(space, table), path)]
    if scores is not None:
        from lighttrack_nas.drawings.loss_drawing import draw_losses

        paths.append(save_figure(draw_losses(scores), path.with_stem(f"{path.stem}-losses")))
    return paths


def _print_space(space: Space, table: CostTable | None, scores: PlaceScores | None) -> None:
    description = space.description
    print(f"{space.name} ({space.hash})")
    if description.summary:
        print(description.summary)
    for template, searched in input_sizes(space):
        print(f"template {template}, search {' or '.join(map(str, searched))} pixels")
    print()
    print_table(("part", "channels", "stride", "candidates", "labels"), _rows(space))
    conditional = _condition_rows(space)
    if conditional:
        print()
        print_table(("choice", "has a say where"), conditional)
    if table is not None or scores is not None:
        from lighttrack_nas.cli.space.describe_places import print_places

        print()
        print_places(table, scores)
    print()
    for name, count, meaning in _counts(space):
        print(f"{name:<19} {count:,} ({count:.3g}): {meaning}")


def _counts(space: Space) -> list[tuple[str, int, str]]:
    """How much there is of what in a space, and what each count is of."""
    counts = [("label combinations:", space.size.labels, "a value for every label")]
    if has_countable_paths(space):
        counts.append(("paths:", count_paths(space), "alike but for labels without a say count once"))
    return [
        *counts,
        (
            "distinct networks:",
            space.size.networks,
            "alike but for labels without a say and for where skips stand count once",
        ),
    ]


def _rows(space: Space) -> list[tuple[str, ...]]:
    """A row for each part of a space, from the stem to the towers: name, channels, stride, candidates and label."""
    description = space.description
    stem = description.stem
    rows: list[tuple[str, ...]] = []
    if stem:
        rows.append(("stem", str(stem.channels), str(stem.stride), f"convolution {stem.kernel}", ""))
    for index, stage in enumerate(description.stages):
        blocks = description.stage_blocks(index)
        rows.append(
            (
                f"{stage.name} x {either(stage.all_depths)}",
                alternatives(stage.all_widths),
                str(stage.stride),
                " ".join(stage.operations) + (" (or skip, but for the first)" if stage.skip else ""),
                _span([block.name for block in blocks]) if len(stage.operations) > 1 or stage.skip else "fixed",
            )
        )
        rows += _stage_choices(space, stage, [block.name for block in blocks])
    rows += _exit_rows(space)
    compared = " or ".join(f"{name} correlation" for name in description.correlation)
    attention = f"self-attention of {description.neck_attention} heads, " if description.neck_attention else ""
    label = CORRELATION if CORRELATION in space.labels else "fixed"
    rows.append(("fusion", str(description.fused_channels), "", f"{attention}{compared}, channel attention", label))
    if TOWERS in space.candidates:
        label = TOWERS if TOWERS in space.labels else "fixed"
        whose = ""
        if TOWERS in space.labels:
            whose = " (shared: reg's for both)"
        elif description.towers.sharing == (SHARED,) and space.tower("cls") != space.tower("reg"):
            whose = " (reg's for both: what is declared of cls counts for nothing)"
        rows.append(("towers", "", "", " ".join(space.candidates[TOWERS]) + whose, label))
    for tower in towers(space):
        rows += _tower_rows(space, tower)
    return rows + [
        ("choice", "", "", " ".join(values), label if len(values) > 1 else f"{label} (fixed)")
        for label, values in other_choices(space).items()
        if label != CORRELATION
    ]


def _stage_choices(space: Space, stage: StageDescription, blocks: list[str]) -> list[tuple[str, ...]]:
    """A row for each thing besides operations that a stage leaves open; one for an expansion that it sets."""
    rows: list[tuple[str, ...]] = []
    width, depth = stage_width_label(stage.name), depth_label(stage.name)
    if width in space.labels:
        rows.append((f"{stage.name} width", alternatives(space.labels[width]), "", "", width))
    if depth in space.labels:
        rows.append((f"{stage.name} depth", "", "", f"{' '.join(space.labels[depth])} blocks", depth))
    if stage.expansions:
        labels = [label for label in map(expansion_label, blocks) if label in space.labels]
        values = " ".join(f"{expansion:g}" for expansion in stage.expansions)
        rows.append((f"{stage.name} expansion", "", "", values, _span(labels) if labels else "fixed"))
    return rows


def _tower_rows(space: Space, tower: ShownTower) -> list[tuple[str, ...]]:
    """A tower's rows: one for its widths, and one for each run of layers that are declared alike."""
    branch, label = tower.branch, width_label(tower.branch)
    widths = " ".join(map(str, tower.widths))
    by_layer = [layer_width_label(branch, index) for index in range(len(tower.places))]
    labels = [name for name in ([label] if tower.is_tied else by_layer) if name in space.labels]
    what = "width" if tower.is_tied else "widths, each"
    rows: list[tuple[str, ...]] = [(f"{tower.name} {what}", widths, "1", "", _span(labels) if labels else "fixed")]
    first, given = 0, "width" if tower.is_tied else "its own"
    for layer in space.tower(branch).layers:
        labels = [layer_label(branch, first + i) for i in range(layer.repeat)]
        named = _span(labels) if len(layer.operations) > 1 else "fixed"
        rows.append((f"{tower.name} layer x {layer.repeat}", given, "1", " ".join(layer.operations), named))
        first += layer.repeat
    return rows


def _condition_rows(space: Space) -> list[tuple[str, str]]:
    """Choices that have a say only where others are made so, neighbours of one condition together."""
    words = [(label, condition_text(space, label)) for label in space.labels if label in space.conditions]
    return [
        (", ".join(here) if len(here) < 3 else _span(here), text)
        for text, members in groupby(words, key=itemgetter(1))
        for here in [[label for label, _ in members]]
    ]


def _exit_rows(space: Space) -> list[tuple[str, ...]]:
    """A row a stage that has exits; the stride is the whole one, of the output map."""
    description = space.description
    rows: list[tuple[str, ...]] = []
    for index, stage in enumerate(description.stages):
        exits = [block for block in description.stage_blocks(index) if block in description.exits]
        numbers = " ".join(block.name.partition("-block")[2] for block in exits)
        at = f"end, called {exits[0].name}" if exits and len(stage.all_depths) > 1 else f"block {numbers}"
        if exits:
            label = OUTPUT if OUTPUT in space.labels else "fixed"
            where = f"{stage.name} {at}, stride {exits[0].total_stride} in all"
            rows.append((OUTPUT, alternatives(stage.all_widths), "", where, label))
    return rows


def _span(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} .. {names[-1]}"


def _space_record(space: Space, table: CostTable | None, scores: PlaceScores | None) -> dict[str, Any]:
    record: dict[str, Any] = {
        "name": space.name,
        "hash": space.hash,
        "size": {"labels": space.size.labels, "networks": space.size.networks},
        "labels": {label: list(values) for label, values in space.labels.items()},
        "conditions": {
            label: {
                "text": condition_text(space, label),
                "given": {
                    given: [value for value in space.candidates[given] if value in values]
                    for given, values in space.conditions[label].items()
                },
            }
            for label in space.labels
            if label in space.conditions
        },
        "description": space.description.model_dump(mode="json"),
    }
    if table is not None:
        from lighttrack_nas.cli.space.describe_places import costs_record

        record["costs"] = costs_record(table)
    if scores is not None:
        from lighttrack_nas.cli.space.describe_places import losses_record

        record["losses"] = losses_record(scores)
    return record
