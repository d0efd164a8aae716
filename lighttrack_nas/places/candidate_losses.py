"""What each place of a space loses against the teacher, from its best candidate to its worst."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from lighttrack_nas.benchmarks.sums.elimination import Factor, minimum
from lighttrack_nas.places.shown_places import SHARED

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores, ScoredPlace
    from lighttrack_nas.search_spaces.space import Space


class Loss(NamedTuple):
    """What a candidate loses.

    Attributes:
        candidate: What stands at the place.
        beside: Other choices that make a difference to it, each with the value that it has here.
        nsr: Its noise-to-signal ratio: 0 is the teacher, 1 is no better than the mean.
    """

    candidate: str
    beside: tuple[tuple[str, str], ...]
    nsr: float

    @property
    def name(self) -> str:
        """The candidate, with what is chosen beside it: "k5 (cls-width 128)"."""
        beside = ", ".join(f"{label} {value}" for label, value in self.beside)
        return f"{self.candidate} ({beside})" if beside else self.candidate


class PlaceLosses(NamedTuple):
    """What may stand at a place loses there.

    Attributes:
        part: "backbone", "output", "cls_head" or "reg_head"; "shared_head" where both branches always have one tower.
        label: As in `Space.candidates`.
        losses: Of every candidate, in the space's order, in all circumstances that make a difference.
    """

    part: str
    label: str
    losses: tuple[Loss, ...]

    @property
    def best(self) -> Loss:
        """The least, the first of equals."""
        return min(self.losses, key=lambda loss: loss.nsr)

    @property
    def worst(self) -> Loss:
        """The greatest, the first of equals."""
        return max(self.losses, key=lambda loss: loss.nsr)

    @property
    def spread(self) -> float:
        """What choosing badly costs: from the best to the worst."""
        return self.worst.nsr - self.best.nsr


def place_losses(scores: PlaceScores) -> list[PlaceLosses]:
    """What candidates lose at every place of a space, in the networks that have the place.

    Args:
        scores: The table of places.
    """
    is_shared = scores.space.description.towers.sharing == (SHARED,)
    return [
        PlaceLosses(
            f"{SHARED}_head" if is_shared and place.part == "reg_head" else place.part,
            place.label,
            _losses(scores.space, place),
        )
        for place in scores.places
    ]


def loss_range(scores: PlaceScores) -> tuple[float, float]:
    """The least and the greatest sum over the places of a network, exactly.

    Args:
        scores: The table of places.
    """
    return _least(scores, 1), _least(scores, -1)


def nsr_text(nsr: float) -> str:
    """Write a noise-to-signal ratio."""
    return f"{nsr:.4f}"


def _least(scores: PlaceScores, sign: int) -> float:
    """The sum that is least times a sign."""
    numbers = minimum([Factor(place.labels, sign * place.scores) for place in scores.places])
    chosen = {label: values[numbers.get(label, 0)] for label, values in scores.space.labels.items()}
    return scores.score(scores.space.architecture(chosen))


def _losses(space: Space, place: ScoredPlace) -> tuple[Loss, ...]:
    """A loss for each candidate in the networks that have the place, and each of other choices that change any."""
    needed = space.conditions.get(place.label, {})
    nsr = place.scores
    values = []
    for axis, label in enumerate(place.labels):
        allowed = [i for i, value in enumerate(space.labels[label]) if value in needed.get(label, (value,))]
        nsr = nsr.take(allowed, axis)
        if label != place.label and (nsr == nsr.take([0], axis)).all():
            nsr, allowed = nsr.take([0], axis), allowed[:1]
        values.append([space.labels[label][index] for index in allowed])
    losses = []
    for indices in product(*map(range, nsr.shape)):
        chosen = {
            label: values[axis][index] for axis, (label, index) in enumerate(zip(place.labels, indices, strict=True))
        }
        candidate = chosen.get(place.label, space.candidates[place.label][0])
        beside = [
            (label, value)
            for axis, (label, value) in enumerate(chosen.items())
            if label != place.label and nsr.shape[axis] > 1
        ]
        losses.append(Loss(candidate, tuple(beside), float(nsr[indices])))
    return tuple(sorted(losses, key=lambda loss: space.candidates[place.label].index(loss.candidate)))
