"""What the networks of a front have in common, against the space they were chosen from.

LightTrack's authors report what their search found: over half of the backbone's blocks with kernel 7, the second-last
block as the output, a classification tower shallower than the regression tower. Here the same is counted for any front,
with an interval, so that a handful of networks is not taken for a law.

Networks of one search descend from each other. The intervals take them as independent, so they are rather too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from lighttrack_nas.places.shown_places import ShownTower
from lighttrack_nas.reporting.intervals import share_interval
from lighttrack_nas.results.network_features import (
    BLOCK_FIGURES,
    Features,
    block_shares,
    depth_odds,
    features_of,
    possible_towers,
)
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

if TYPE_CHECKING:
    from lighttrack_nas.results.fronts import Front
    from lighttrack_nas.search_spaces.space import Architecture

FEWEST_NETWORKS = 6
"""With fewer, not even unanimous networks decide at 95 %: 2 / 2^5 is more than 0.05, 2 / 2^6 less."""
_RESAMPLES = 2_000
_ORDINALS = {1: "last", 2: "second-last", 3: "third-last"}


class Claim(NamedTuple):
    """A finding of LightTrack's authors, asked of a front.

    Attributes:
        text: The claim.
        answer: "yes", "no" or "undecided".
        reason: The figure that decides, with its interval.
    """

    text: str
    answer: str
    reason: str


@dataclass(frozen=True, eq=False)
class Findings:
    """What was counted.

    Attributes:
        networks: How many networks were looked at.
        table: A row a figure: `property`, `value`, `measure` (what is counted), `front`, `low`, `high` (its 95 %
            interval), `space` (the same figure of uniformly drawn architectures), `differs` ("more" or "less" where the
            space's figure lies outside the interval, else "").
        claims: The authors' findings with the answers of this front.
    """

    networks: int
    table: pd.DataFrame
    claims: tuple[Claim, ...]

    def text(self) -> str:
        """All of it in words, a line a figure."""
        lines = [f"{self.networks} networks; intervals of 95 %"]
        for row in self.table.to_dict("records"):
            lines.append(
                f"{row['property']} {row['value']}".strip() + f": {row['measure']} {row['front']:.2f} "
                f"[{row['low']:.2f}, {row['high']:.2f}], in the space {row['space']:.2f}"
            )
        lines += [f"{claim.text}: {claim.answer} ({claim.reason})" for claim in self.claims]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """All of it, JSON-able."""
        return {
            "networks": self.networks,
            "table": self.table.to_dict("records"),
            "claims": [claim._asdict() for claim in self.claims],
        }


def findings(front: Front, seed: int = 0) -> Findings:
    """Count over the networks of a front; see `count_architectures`."""
    return count_architectures(front.architectures, seed)


def count_architectures(architectures: Sequence[Architecture], seed: int = 0) -> Findings:
    """Count kernels, expansions, output, depths and widths of architectures, against their space.

    Kernels and expansions are counted over the blocks of the backbone that leave a choice and that the network has, as
    are the kinds of operations in stages that mix them. Widths and depths of stages are counted over the networks that
    have the stage, either branch's tower over those in which the branches share none. A depth of a tower is the number
    of its layers that are no skip. Shares of networks have Wilson's interval; shares of blocks and means have a
    bootstrap over networks (2,000 resamples), because the blocks of one network are not independent. The space's own
    figures are exact, every candidate of every label being equally likely.

    Args:
        architectures: Networks of one space, each once.
        seed: Of the bootstrap.

    Raises:
        InputError: There is none.
    """
    if not architectures:
        raise InputError("there is no network to look at: the front is empty")
    space = architectures[0].space
    counter = _Counter([features_of(architecture) for architecture in architectures], np.random.default_rng(seed))
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
    return Findings(len(architectures), pd.DataFrame(counter.rows), _claims(counter, space))


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


class _Counter:
    """Makes the table's rows, each for the front and for the space."""

    def __init__(self, front: list[Features], rng: np.random.Generator) -> None:
        self._front = front
        # The same resamples for every row, so that a row does not depend on the rows before it.
        self._resamples = rng.integers(len(front), size=(_RESAMPLES, len(front)))
        self.rows: list[dict[str, Any]] = []
        self.networks: dict[tuple[str, str], int] = {}
        """Over how many networks each row was counted, by its property and value."""

    def of_blocks(self, name: str, value: float | str, prior: float) -> None:
        """Share of the blocks whose kernel, expansion or operation is `value`."""
        shown = value if isinstance(value, str) else f"{value:g}"
        listed = [features.blocks[name] for features in self._front]
        self._of_listed(name, shown, "share of blocks", listed, value, prior)

    def of_layers(self, tower: str, width: str, prior: float) -> None:
        """Share of a tower's layers that have a width of their own."""
        listed = [features.layer_widths.get(tower, []) for features in self._front]
        self._of_listed(f"{tower} width", width, "share of layers", listed, width, prior)

    def of_networks(self, name: str, value: str, test: Callable[[Features], bool | None], prior: float) -> None:
        """Share of the networks that pass a test, among those of which it can be asked."""
        answers = [answer for answer in map(test, self._front) if answer is not None]
        if answers:
            hits, total = sum(answers), len(answers)
            self._add(name, value, "share of networks", hits / total, *share_interval(hits, total), prior, total)

    def mean(self, name: str, value: str, number: Callable[[Features], float | None], prior: float) -> None:
        """Mean of a number over the networks that have it."""
        found = [number(features) for features in self._front]
        there = np.array([each is not None for each in found])
        if not there.any():
            return
        numbers = np.array([0.0 if each is None else each for each in found])
        totals = there[self._resamples].sum(1)
        means = numbers[self._resamples].sum(1)[totals > 0] / totals[totals > 0]
        low, high = np.quantile(means, (0.025, 0.975))
        total = int(there.sum())
        self._add(name, value, "mean layers", numbers.sum() / total, low, high, prior, total)

    def _of_listed(
        self, name: str, shown: str, measure: str, listed: list[Any], value: float | str, prior: float
    ) -> None:
        hits = np.array([values.count(value) for values in listed])
        totals = np.array([len(values) for values in listed])
        sums = totals[self._resamples].sum(1)
        if not totals.sum():
            return
        shares = hits[self._resamples].sum(1)[sums > 0] / sums[sums > 0]
        low, high = np.quantile(shares, (0.025, 0.975))
        networks = int((totals > 0).sum())
        self._add(name, shown, measure, hits.sum() / totals.sum(), low, high, prior, networks)

    def _add(
        self, name: str, value: str, measure: str, front: float, low: float, high: float, prior: float, networks: int
    ) -> None:
        self.networks[name, value] = networks
        # Resamples of a few networks that agree vary too little.
        decided = len(self._front) >= FEWEST_NETWORKS
        differs = "more" if decided and prior < low else "less" if decided and prior > high else ""
        row = {"property": name, "value": value, "measure": measure}
        numbers = {"front": float(front), "low": float(low), "high": float(high), "space": float(prior)}
        self.rows.append(row | numbers | {"differs": differs})


def _claims(counter: _Counter, space: Space) -> tuple[Claim, ...]:
    """LightTrack's findings, answered by the intervals of this front; those that the space cannot show are left out."""
    exits = space.candidates[OUTPUT]
    kernels = [kernel for kernel in block_shares(space, "kernel") if not isinstance(kernel, str)]
    claims: list[Claim] = []

    def claim(text: str, name: str, value: str, threshold: float) -> None:
        row = next((r for r in counter.rows if r["property"] == name and r["value"].partition(" (")[0] == value), None)
        if row is None:
            return
        answer = "yes" if row["low"] > threshold else "no" if row["high"] < threshold else "undecided"
        reason = f"{row['measure']} {row['front']:.2f}, interval {row['low']:.2f} to {row['high']:.2f}"
        networks = counter.networks[row["property"], row["value"]]
        if networks < FEWEST_NETWORKS:
            answer, reason = "undecided", f"{reason}; {networks} networks are too few to decide"
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
