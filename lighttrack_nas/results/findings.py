"""What the networks of a front have in common, against the space they were chosen from.

LightTrack's authors report what their search found: over half of the backbone's blocks with kernel 7, the second-last
block as the output, a classification tower shallower than the regression tower. Here the same is counted for any front,
with an interval, so that a handful of networks is not taken for a law.
Networks of one search descend from each other; intervals and tests take them as independent, and are too sure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.evaluation.result_files import to_json
from lighttrack_nas.counts.counter import FEWEST_NETWORKS, Counter
from lighttrack_nas.counts.network_features import (
    BLOCK_FIGURES,
    Features,
    block_shares,
    depth_odds,
    features_of,
    possible_towers,
)
from lighttrack_nas.counts.share_figure import shares_figure
from lighttrack_nas.places.shown_places import ShownTower
from lighttrack_nas.reporting.figure_files import figure_bytes
from lighttrack_nas.search_spaces.base.labels import (
    CORRELATION,
    OUTPUT,
    TEMPLATE_SIZE,
    TOWERS,
    depth_label,
    stage_width_label,
    width_label,
)
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lighttrack_nas.results.fronts import Front
    from lighttrack_nas.search_spaces.space import Architecture

_ORDINALS = {1: "last", 2: "second-last", 3: "third-last"}


class Claim(NamedTuple):
    """A finding of LightTrack's authors, asked of a front: "yes", "no" or "undecided", and the figure that decides."""

    text: str
    answer: str
    reason: str


@dataclass(frozen=True, eq=False)
class Findings:
    """What was counted.

    Attributes:
        space: The space's name.
        networks: How many networks were looked at.
        table: A row a figure: `property`, `value`, `measure` (what is counted), `front`, `low`, `high` (its 95 %
            interval; NaN where networks are too few), `space` (the same figure of uniformly drawn architectures), `p`
            (of the front's figure, were its networks drawn so), `p_corrected` (for all figures of the table, after
            Benjamini and Hochberg 1995) and `differs`: "more" or "less" where the corrected p is below .05, "perhaps
            more" or "perhaps less" where only the interval leaves the space's figure out, else "".
        shares: What `draw_findings` draws, a row a bar: `property` (kernel, expansion, operation, output or depth),
            `place` (a stage, a tower, or "" for the output), `value`, and its share on the `front` and in the `space`.
        claims: The authors' findings with the answers of this front.
    """

    space: str
    networks: int
    table: pd.DataFrame
    shares: pd.DataFrame
    claims: tuple[Claim, ...]

    def text(self) -> str:
        """All of it in words, a line a figure."""
        lines = [f"{self.networks} networks; intervals of 95 %"]
        for row in self.table.to_dict("records"):
            interval = f"[{row['low']:.2f}, {row['high']:.2f}]" if row["low"] == row["low"] else "[too few networks]"
            lines.append(
                f"{row['property']} {row['value']}".strip() + f": {row['measure']} {row['front']:.2f} "
                f"{interval}, in the space {row['space']:.2f}" + (f": {row['differs']}" if row["differs"] else "")
            )
        lines += [f"{claim.text}: {claim.answer} ({claim.reason})" for claim in self.claims]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """All of it, JSON-able."""
        return {
            "space": self.space,
            "networks": self.networks,
            "correction": "Benjamini-Hochberg",
            "table": [
                {key: None if value != value else value for key, value in row.items()}
                for row in self.table.to_dict("records")
            ],
            "shares": self.shares.to_dict("records"),
            "claims": [claim._asdict() for claim in self.claims],
        }


def draw_findings(findings: Findings) -> Figure:
    """Draw kernels and expansions by stage, outputs, and depths of towers, beside uniform draws of the space."""
    return shares_figure(findings.shares, findings.networks, findings.space)


def save_findings(findings: Findings, folder: Path) -> list[Path]:
    """Write ``findings.csv``, ``shares.csv``, ``findings.json`` (everything), ``findings.png`` and ``findings.svg``.

    Args:
        findings: What to write.
        folder: Made if missing.

    Returns:
        The files.

    Raises:
        OSError: The folder cannot be written.
    """
    content: dict[str, str | bytes] = {
        "findings.csv": findings.table.to_csv(index=False, lineterminator="\n"),
        "shares.csv": findings.shares.to_csv(index=False, lineterminator="\n"),
        "findings.json": to_json(findings.to_dict()),
    }
    figure = draw_findings(findings)
    content |= {f"findings.{kind}": figure_bytes(figure, kind) for kind in ("png", "svg")}
    for name, text in content.items():
        write_atomically(folder / name, text)
    return [folder / name for name in content]


def findings(front: Front) -> Findings:
    """Count over the networks of a front; see `count_architectures`."""
    return count_architectures(front.architectures)


def count_architectures(architectures: Sequence[Architecture]) -> Findings:
    """Count kernels, expansions, output, depths and widths of architectures, against their space.

    Kernels and expansions are counted over the blocks of the backbone that leave a choice and that the network has, as
    are the kinds of operations in stages that mix them. Widths and depths of stages are counted over the networks that
    have the stage, either branch's tower over those in which the branches share none. A depth of a tower is the number
    of its layers that are no skip. Shares of networks have the binomial distribution's mid-p interval; shares of blocks
    and means have Student's, over networks, because the blocks of one network are not independent. Each p is that of
    its interval. The space's own figures are exact, every candidate of every label being equally likely.

    Args:
        architectures: Networks of one space, each once.

    Raises:
        InputError: There is none.
    """
    if not architectures:
        raise InputError("there is no network to look at: the front is empty")
    space = architectures[0].space
    features = [features_of(architecture) for architecture in architectures]
    counter = Counter(features)
    for name in BLOCK_FIGURES:
        for value, prior in block_shares(space, name).items():
            counter.of_blocks(name, value, prior)
    exits = space.candidates[OUTPUT]
    for index, name in enumerate(exits):
        from_the_end = len(exits) - index
        position = _ORDINALS.get(from_the_end, f"{from_the_end}th from the end")
        shown = f"{_exit_name(space, name)} ({position})"
        counter.of_networks("output", shown, partial(_leaves_at, name), 1 / len(exits))
    for label in _own_choices(space):
        for value in space.labels[label]:
            test = partial(_has_chosen, label, value)
            counter.of_networks(label.replace("-", " "), value, test, 1 / len(space.labels[label]))
    odds = {tower.name: depth_odds(space, tower.branch) for tower in possible_towers(space)}
    means = {name: float(depths @ np.arange(len(depths))) for name, depths in odds.items()}
    for tower in possible_towers(space):
        counter.mean(f"{tower.name} depth", "", partial(_depth, tower.name), means[tower.name])
        for width in map(str, tower.widths):
            if tower.is_tied:
                test = partial(_has_width, tower, width)
                counter.of_networks(f"{tower.name} width", width, test, 1 / len(tower.widths))
            else:
                counter.of_layers(tower.name, width, 1 / len(tower.widths))
    if odds.keys() >= {"cls", "reg"}:
        counter.mean("reg depth - cls depth", "", _difference, means["reg"] - means["cls"])
        shallower = sum(share * odds["reg"][depth + 1 :].sum() for depth, share in enumerate(odds["cls"]))
        counter.of_networks("cls depth < reg depth", "", _is_shallower, float(shallower))
    return Findings(space.name, len(architectures), counter.table(), _shares(features, space), _claims(counter, space))


def _shares(front: Sequence[Features], space: Space) -> pd.DataFrame:
    """Shares of values by stage, of outputs, and of the towers' depths; see `Findings.shares`."""
    rows: list[tuple[str, str, str, float, float]] = []

    def add(name: str, place: str, values: Sequence[Any], expected: Mapping[Any, float]) -> None:
        for value, prior in expected.items():
            shown = value if isinstance(value, str) else f"{value:g}"
            rows.append((name, place, shown, values.count(value) / len(values) if values else 0.0, float(prior)))

    for name in BLOCK_FIGURES:
        for stage in space.description.stages:
            if expected := block_shares(space, name, stage.name):
                values = [value for one in front for value in one.blocks[name].get(stage.name, [])]
                add(name, stage.name, values, expected)
    exits = space.candidates[OUTPUT]
    if len(exits) > 1:
        # By the names that are shown.
        values = [_exit_name(space, one.output) for one in front]
        add("output", "", values, {_exit_name(space, name): 1 / len(exits) for name in exits})
    for tower in possible_towers(space):
        values = [one.depths[tower.name] for one in front if tower.name in one.depths]
        odds = enumerate(depth_odds(space, tower.branch))
        add("depth", tower.name, values, {depth: share for depth, share in odds if share > 0})
    return pd.DataFrame(rows, columns=["property", "place", "value", "front", "space"])


def _exit_name(space: Space, output: str) -> str:
    """What an exit is called: a stage of free depth is left at its end, which is no certain block."""
    stage = next(exit_.stage for exit_ in space.description.exits if exit_.name == output)
    return f"end of {stage}" if depth_label(stage) in space.labels else output


def _own_choices(space: Space) -> list[str]:
    """Choices that are counted as they are: widths and depths of stages, and those of the network as a whole."""
    stages = [stage.name for stage in space.description.stages]
    listed = [label for stage in stages for label in (stage_width_label(stage), depth_label(stage))]
    return [label for label in (*listed, CORRELATION, TEMPLATE_SIZE, TOWERS) if label in space.labels]


def _leaves_at(output: str, features: Features) -> bool:
    return features.output == output


def _has_chosen(label: str, value: str, features: Features) -> bool | None:
    return features.choices[label] == value if label in features.choices else None


def _depth(tower: str, features: Features) -> float | None:
    return features.depths.get(tower)


def _has_width(tower: ShownTower, width: str, features: Features) -> bool | None:
    label = width_label(tower.branch)
    return features.choices.get(label) == width if tower.name in features.depths else None


def _difference(features: Features) -> float | None:
    return features.depths["reg"] - features.depths["cls"] if "cls" in features.depths else None


def _is_shallower(features: Features) -> bool | None:
    difference = _difference(features)
    return None if difference is None else difference > 0


def _claims(counter: Counter, space: Space) -> tuple[Claim, ...]:
    """LightTrack's findings, answered by the intervals of this front; those that the space cannot show are left out."""
    exits = space.candidates[OUTPUT]
    kernels = [kernel for kernel in block_shares(space, "kernel") if not isinstance(kernel, str)]
    claims: list[Claim] = []

    def claim(text: str, name: str, value: str, threshold: float) -> None:
        row = next((r for r in counter.rows if r["property"] == name and r["value"].partition(" (")[0] == value), None)
        if row is None:
            return
        answer = "yes" if row["low"] > threshold else "no" if row["high"] < threshold else "undecided"
        reason = f"{row['measure']} {row['front']:.2f}, "
        if np.isnan(row["low"]):
            reason += f"fewer than {FEWEST_NETWORKS} networks, too few for an interval"
        else:
            reason += f"interval {row['low']:.2f} to {row['high']:.2f}"
        claims.append(Claim(text, answer, reason))

    if kernels:
        wanted = 7 if 7 in kernels else kernels[-1]
        claim(f"over half of the backbone's blocks have kernel {wanted:g}", "kernel", f"{wanted:g}", 0.5)
    # A stage of free depth is left at its end: of such outputs none is a block that stands second-last.
    if len(exits) > 1 and all(_exit_name(space, name) == name for name in exits):
        claim("the second-last block is the output of most networks", "output", exits[-2], 0.5)
    claim(
        "the classification tower is on average shallower than the regression tower", "reg depth - cls depth", "", 0.0
    )
    return tuple(claims)
