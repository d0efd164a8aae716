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

from lighttrack_nas.search_spaces.description import BRANCHES
from lighttrack_nas.search_spaces.labels import OUTPUT, layer_label, width_label
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.trackers.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.fronts import Front
    from lighttrack_nas.search_spaces.architecture import Architecture

FEWEST_NETWORKS = 6
"""With fewer, not even unanimous networks decide at 95 %: 2 / 2^5 is more than 0.05, 2 / 2^6 less."""
_RESAMPLES = 2_000
_Z = 1.959964  # 97.5 % of the normal distribution
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

    Kernels and expansions are counted over the blocks of the backbone that leave a choice and stand before the output.
    A depth is the number of a tower's layers that are no skip. Shares of networks have Wilson's interval; shares of
    blocks and means have a bootstrap over networks (2,000 resamples), because the blocks of one network are not
    independent. The space's own figures are exact, every candidate of every label being equally likely.

    Args:
        architectures: Networks of one space, each once.
        seed: Of the bootstrap.

    Raises:
        InputError: There is none.
    """
    if not architectures:
        raise InputError("there is no network to look at: the front is empty")
    space = architectures[0].space
    counter = _Counter([_features(architecture) for architecture in architectures], np.random.default_rng(seed))
    for name in ("kernel", "expansion"):
        for value, prior in _block_shares(space, name).items():
            counter.of_blocks(name, value, prior)
    exits = space.candidates[OUTPUT]
    for index, name in enumerate(exits):
        from_the_end = len(exits) - index
        position = _ORDINALS.get(from_the_end, f"{from_the_end}th from the end")
        counter.of_networks("output", f"{name} ({position})", partial(_leaves_at, name), 1 / len(exits))
    depths = {branch: _depths(space, branch) for branch in BRANCHES}
    means = {branch: float(odds @ np.arange(len(odds))) for branch, odds in depths.items()}
    for branch in BRANCHES:
        counter.mean(f"{branch} depth", "", partial(_depth, branch), means[branch])
        widths = space.candidates[width_label(branch)]
        for width in widths:
            counter.of_networks(f"{branch} width", width, partial(_has_width, branch, width), 1 / len(widths))
    counter.mean("reg depth - cls depth", "", _difference, means["reg"] - means["cls"])
    shallower = sum(odds * depths["reg"][depth + 1 :].sum() for depth, odds in enumerate(depths["cls"]))
    counter.of_networks("cls depth < reg depth", "", lambda f: _difference(f) > 0, float(shallower))
    return Findings(len(architectures), pd.DataFrame(counter.rows), _claims(counter.rows, space, len(architectures)))


def wilson(successes: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; never of zero width.

    Args:
        successes: How many.
        total: Of how many, at least 1.
    """
    share, z2 = successes / total, _Z**2 / total
    centre = (share + z2 / 2) / (1 + z2)
    half = _Z * np.sqrt(share * (1 - share) / total + z2 / (4 * total)) / (1 + z2)
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


class _Features(NamedTuple):
    """What is counted of one architecture."""

    kernel: list[float]
    expansion: list[float]
    output: str
    depths: dict[str, int]
    widths: dict[str, str]


def _features(architecture: Architecture) -> _Features:
    space, chosen = architecture.space, architecture.space.chosen(architecture)
    operations = space.description.operations
    blocks = [operations[chosen[name]] for name in space.blocks_up_to(chosen[OUTPUT]) if name in space.labels]
    depths = {
        branch: sum(
            operations[chosen[layer_label(branch, layer)]].kind != "skip"
            for layer in range(len(space.tower(branch).candidates))
        )
        for branch in BRANCHES
    }
    return _Features(
        kernel=[block.kernel for block in blocks if hasattr(block, "kernel")],
        expansion=[block.expansion for block in blocks if hasattr(block, "expansion")],
        output=chosen[OUTPUT],
        depths=depths,
        widths={branch: chosen[width_label(branch)] for branch in BRANCHES},
    )


def _leaves_at(output: str, features: _Features) -> bool:
    return features.output == output


def _depth(branch: str, features: _Features) -> float:
    return features.depths[branch]


def _has_width(branch: str, width: str, features: _Features) -> bool:
    return features.widths[branch] == width


def _difference(features: _Features) -> float:
    return features.depths["reg"] - features.depths["cls"]


def _block_shares(space: Space, name: str) -> dict[float, float]:
    """The kernels or expansions that the backbone's choices offer, ascending, with the share of each in uniform draws.

    The share is that of the expected numbers: of blocks with the value, and of blocks before the output.
    """
    exits = space.candidates[OUTPUT]
    expected: dict[float, float] = {}
    for block in space.description.blocks:
        if len(block.operations) > 1:
            alive = sum(block.name in space.blocks_up_to(output) for output in exits) / len(exits)
            for operation in block.operations:
                value = getattr(space.description.operations[operation], name, None)
                if value is not None:
                    expected[value] = expected.get(value, 0.0) + alive / len(block.operations)
    total = sum(expected.values()) or 1.0
    return {value: expected[value] / total for value in sorted(expected)}


def _depths(space: Space, branch: str) -> np.ndarray:
    """Odds of a tower's depths 0, 1, 2 ... in uniform draws."""
    odds = np.ones(1)
    for names in space.tower(branch).candidates:
        skipped = sum(space.description.operations[name].kind == "skip" for name in names) / len(names)
        odds = np.convolve(odds, [skipped, 1 - skipped])
    return odds


class _Counter:
    """Makes the table's rows, each for the front and for the space."""

    def __init__(self, front: list[_Features], rng: np.random.Generator) -> None:
        self._front = front
        # The same resamples for every row, so that a row does not depend on the rows before it.
        self._resamples = rng.integers(len(front), size=(_RESAMPLES, len(front)))
        self.rows: list[dict[str, Any]] = []

    def of_blocks(self, name: str, value: float, prior: float) -> None:
        """Share of the blocks whose kernel or expansion is `value`."""
        listed = [getattr(features, name) for features in self._front]
        hits = np.array([values.count(value) for values in listed])
        totals = np.array([len(values) for values in listed])
        sums = totals[self._resamples].sum(1)
        if not totals.sum():
            return
        shares = hits[self._resamples].sum(1)[sums > 0] / sums[sums > 0]
        low, high = np.quantile(shares, (0.025, 0.975))
        self._add(name, f"{value:g}", "share of blocks", hits.sum() / totals.sum(), low, high, prior)

    def of_networks(self, name: str, value: str, test: Callable[[_Features], bool], prior: float) -> None:
        """Share of the networks that pass a test."""
        hits, total = sum(map(test, self._front)), len(self._front)
        self._add(name, value, "share of networks", hits / total, *wilson(hits, total), prior)

    def mean(self, name: str, value: str, number: Callable[[_Features], float], prior: float) -> None:
        """Mean of a number over the networks."""
        numbers = np.array([number(features) for features in self._front], float)
        low, high = np.quantile(numbers[self._resamples].mean(1), (0.025, 0.975))
        self._add(name, value, "mean layers", numbers.mean(), low, high, prior)

    def _add(self, name: str, value: str, measure: str, front: float, low: float, high: float, prior: float) -> None:
        differs = "more" if prior < low else "less" if prior > high else ""
        row = {"property": name, "value": value, "measure": measure}
        numbers = {"front": float(front), "low": float(low), "high": float(high), "space": float(prior)}
        self.rows.append(row | numbers | {"differs": differs})


def _claims(rows: list[dict[str, Any]], space: Space, networks: int) -> tuple[Claim, ...]:
    exits, kernels = space.candidates[OUTPUT], list(_block_shares(space, "kernel"))
    claims: list[Claim] = []

    def claim(text: str, name: str, value: str, threshold: float) -> None:
        row = next((r for r in rows if r["property"] == name and r["value"].partition(" (")[0] == value), None)
        if row is None:
            return
        answer = "yes" if row["low"] > threshold else "no" if row["high"] < threshold else "undecided"
        reason = f"{row['measure']} {row['front']:.2f}, interval {row['low']:.2f} to {row['high']:.2f}"
        if networks < FEWEST_NETWORKS:
            answer, reason = "undecided", f"{reason}; {networks} networks are too few to decide"
        claims.append(Claim(text, answer, reason))

    if kernels:
        wanted = 7 if 7 in kernels else kernels[-1]
        claim(f"over half of the backbone's blocks have kernel {wanted:g}", "kernel", f"{wanted:g}", 0.5)
    if len(exits) > 1:
        claim("the second-last block is the output of most networks", "output", exits[-2], 0.5)
    claim(
        "the classification tower is on average shallower than the regression tower", "reg depth - cls depth", "", 0.0
    )
    return tuple(claims)
