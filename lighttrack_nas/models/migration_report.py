"""What a migration of shared weights takes from one space into another: counted from keys and shapes alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from lighttrack_nas.benchmarks.evaluation.result_files import to_json
from lighttrack_nas.reporting.text_tables import text_table
from lighttrack_nas.search_spaces.addresses import Address, address
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.search_spaces.weight_matching import plan, same_operations

TAKEN, FRESH, LEFT, DIFFERS = "taken", "fresh", "left_behind", "shape_differs"
OUTCOMES = (TAKEN, FRESH, LEFT, DIFFERS)
"""Of a tensor: in both spaces; only in the target; only in the source; in both, but its layer is of another shape."""
_GROUPS = ("stem", "backbone", "neck", "fusion", "cls", "reg", "shared", "other")
_SHOWN = 8


class TensorShape(NamedTuple):
    """What is known of a tensor without its numbers.

    Attributes:
        shape: Its sizes.
        learnt: Whether it is a parameter; statistics of a norm are not.
    """

    shape: tuple[int, ...]
    learnt: bool

    @property
    def parameters(self) -> int:
        """How many parameters it holds."""
        return math.prod(self.shape) if self.learnt else 0


@dataclass(frozen=True)
class Count:
    """How much there is of something.

    Attributes:
        tensors: Parameters' and statistics'.
        parameters: Numbers that are learnt.
    """

    tensors: int = 0
    parameters: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.tensors + other.tensors, self.parameters + other.parameters)


@dataclass(frozen=True)
class LabelCounts:
    """What became of one place's tensors.

    Attributes:
        part: Of the network: stem, backbone, neck, fusion, cls, reg, shared, or other.
        label: The place; a label of the space where one decides there.
        counts: By outcome, one of `OUTCOMES`.
        new: The target's candidates that the source has not, such as "k9e4" or "width 128".
        gone: The source's candidates that the target has not.
    """

    part: str
    label: str
    counts: Mapping[str, Count]
    new: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def share(self) -> float | None:
        """The fraction of the place's parameters in the target that was taken; None where it has none."""
        return _share(self.counts)


class ShapeDifference(NamedTuple):
    """A tensor that both spaces have, in other shapes.

    Attributes:
        key: In the target.
        shape: In the target.
        source_key: In the source.
        source_shape: In the source.
    """

    key: str
    shape: tuple[int, ...]
    source_key: str
    source_shape: tuple[int, ...]


@dataclass(frozen=True)
class MigrationReport:
    """What is taken, and what is not. `str` gives a table for people, `to_json` everything for machines.

    Attributes:
        source: Name and hash of the space that weights come from.
        target: Name and hash of the space that they go to.
        labels: Place by place, in the order of the network.
        differences: Tensors of other shapes, in the target's order.
        renamed: What the target calls an operation, and what the source called it, where the names differ.
        taken: The source's key by the target's, of what is taken.
    """

    source: tuple[str, str]
    target: tuple[str, str]
    labels: tuple[LabelCounts, ...]
    differences: tuple[ShapeDifference, ...]
    renamed: Mapping[str, str]
    taken: Mapping[str, str] = field(repr=False)

    @property
    def total(self) -> dict[str, Count]:
        """All places together, by outcome."""
        return {name: sum((row.counts[name] for row in self.labels), Count()) for name in OUTCOMES}

    @property
    def share(self) -> float:
        """The fraction of the target's parameters that was taken."""
        return _share(self.total) or 0.0

    def summary(self) -> dict[str, Any]:
        """The totals, JSON-able: counts by outcome, and the share."""
        return {name: asdict(count) for name, count in self.total.items()} | {"share": self.share}

    def to_json(self) -> str:
        """Write as JSON."""
        return to_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Everything but the keys of what was taken, JSON-able."""
        return {
            "source": dict(zip(("space", "space_hash"), self.source, strict=True)),
            "target": dict(zip(("space", "space_hash"), self.target, strict=True)),
            "total": self.summary(),
            "renamed": dict(self.renamed),
            "labels": [
                {"part": row.part, "label": row.label}
                | {name: asdict(count) for name, count in row.counts.items()}
                | {"share": row.share, "new": list(row.new), "gone": list(row.gone)}
                for row in self.labels
            ],
            "differences": [difference._asdict() for difference in self.differences],
        }

    def __str__(self) -> str:
        rows = [[row.part, row.label, *_cells(row.counts), _percent(row.share), _note(row)] for row in self.labels]
        rows.append(["all", "", *_cells(self.total), _percent(self.share), ""])
        header = ["part", "label", *(name.replace("_", " ") for name in OUTCOMES), "share", "candidates"]
        (name, hash_), (to, to_hash) = self.source, self.target
        lines = [
            f"from {name} ({hash_}) to {to} ({to_hash}): {self.share:.1%} of the parameters are taken",
            "parameters by what becomes of them, with the number of tensors\n",
            text_table(header, rows, right=range(2, len(header) - 1)),
        ]
        if self.renamed:
            lines.append(f"\nother names: {', '.join(f'{new} was {old}' for new, old in self.renamed.items())}")
        if self.differences:
            lines.append("\nother shapes:")
            lines += [f"  {d.key}: {_sizes(d.shape)}, was {_sizes(d.source_shape)}" for d in self.differences[:_SHOWN]]
            more = len(self.differences) - _SHOWN
            lines += [f"  and {more} more"] if more > 0 else []
        return "\n".join(lines)


def migration_report(
    source: Space, source_tensors: Mapping[str, TensorShape], target: Space, target_tensors: Mapping[str, TensorShape]
) -> MigrationReport:
    """Say what can be taken.

    The tensors of a layer come together or not at all: a norm's counter, or a bias, is of no use to weights of another
    shape.

    Args:
        source: The space whose weights there are.
        source_tensors: By key of its model space's state dict.
        target: The space that is to start from them.
        target_tensors: By key of its model space's state dict.
    """
    planned = plan(source, source_tensors, target, target_tensors)
    differences = tuple(
        ShapeDifference(key, target_tensors[key].shape, other, source_tensors[other].shape)
        for key, other in planned.items()
        if target_tensors[key].shape != source_tensors[other].shape
    )
    torn = {_layer(difference.key) for difference in differences}
    outcomes = {
        key: FRESH if key not in planned else DIFFERS if _layer(key) in torn else TAKEN for key in target_tensors
    }
    tensors = [(address(target, key), target_tensors[key], outcomes[key]) for key in target_tensors]
    used = set(planned.values())
    tensors += [(address(source, key), tensor, LEFT) for key, tensor in source_tensors.items() if key not in used]
    places: dict[tuple[str, str], list[tuple[Address, TensorShape, str]]] = {}
    for address_, tensor, outcome in tensors:
        places.setdefault((address_.part, address_.label), []).append((address_, tensor, outcome))
    ordered = sorted(places, key=lambda place: (_GROUPS.index(place[0]), place[1].endswith("prediction")))
    return MigrationReport(
        source=(source.name, source.hash),
        target=(target.name, target.hash),
        labels=tuple(_label_counts(*place, places[place]) for place in ordered),
        differences=differences,
        renamed={new: old for new, old in same_operations(source, target).items() if new != old},
        taken={key: planned[key] for key, outcome in outcomes.items() if outcome == TAKEN},
    )


def _label_counts(part: str, label: str, tensors: list[tuple[Address, TensorShape, str]]) -> LabelCounts:
    counts = dict.fromkeys(OUTCOMES, Count())
    for _, tensor, outcome in tensors:
        counts[outcome] += Count(1, tensor.parameters)

    return LabelCounts(part, label, counts, new=_wholly(FRESH, tensors), gone=_wholly(LEFT, tensors))


def _wholly(outcome: str, tensors: list[tuple[Address, TensorShape, str]]) -> tuple[str, ...]:
    """Widths and operations all of whose tensors have an outcome; operations in the other widths."""

    def names(of: list[tuple[str, str]]) -> list[str]:
        other = {name for name, out in of if out != outcome}
        return [name for name in dict.fromkeys(name for name, _ in of) if name and name not in other]

    widths = names([(where.width, out) for where, _, out in tensors])
    return tuple(
        [f"width {width}" for width in widths]
        + names([(where.operation, out) for where, _, out in tensors if where.width not in widths])
    )


def _layer(key: str) -> str:
    return key.rpartition(".")[0]


def _share(counts: Mapping[str, Count]) -> float | None:
    there = sum(counts[name].parameters for name in (TAKEN, FRESH, DIFFERS))
    return counts[TAKEN].parameters / there if there else None


def _cells(counts: Mapping[str, Count]) -> list[str]:
    return [f"{count.parameters:,} ({count.tensors})" if count.tensors else "-" for count in counts.values()]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _note(row: LabelCounts) -> str:
    there = [name for name, count in row.counts.items() if count.tensors]
    if there in ([FRESH], [LEFT]):
        return "a new place" if there == [FRESH] else "a place that is gone"
    notes = [f"{title}: {', '.join(names)}" for title, names in (("new", row.new), ("gone", row.gone)) if names]
    return "; ".join(notes)


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
