"""The table of places: what each candidate loses at its place, against the teacher that it learnt from.

A candidate's score is its noise-to-signal ratio: the mean over channels of the squared error over the variance of what
the teacher has there (DONNA, ICCV 2021, section 3.2). 0 is the teacher, 1 is no better than the mean. An architecture's
score is the sum over its places, so that questions about a whole space have exact answers (`exact_fronts.py`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lighttrack_nas.benchmarks.sums.elimination import Factor
from lighttrack_nas.benchmarks.sums.place_sums import PlaceSums
from lighttrack_nas.search_spaces.base.labels import layer_label, width_label
from lighttrack_nas.search_spaces.building.tower_tasks import tower_task
from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.parsing import in_form, parse_json, read_text

PLACES_FILE, PLACES_CSV = "places.json", "places.csv"
"""The table in the folder of a supernet's training: for programs, and for people."""

_FORMAT = 1
_DIGITS = 5


class ScoredPlace(NamedTuple):
    """A place of the network, and what its candidates lose there.

    Attributes:
        part: "backbone", "output", "cls_head", "reg_head" or "shared_head".
        label: Its label in `Space.candidates`.
        labels: The choices on which the score depends, in the space's order, its own among them.
        scores: Noise-to-signal ratios, an axis for each of `labels`; 0 where the network has no such place, and where
            a stage of free depth leaves a block out, what it loses by that.
    """

    part: str
    label: str
    labels: tuple[str, ...]
    scores: np.ndarray


class TowerScores(NamedTuple):
    """What the layers of a tower lose, whose candidates have weights by task (`search_spaces.building.tower_tasks`).

    Attributes:
        branch: "cls" or "reg".
        teacher_layers: How many layers the teacher's tower has.
        widths: By width of the tower, operation and task: the score of a layer.
    """

    branch: str
    teacher_layers: int
    widths: Mapping[str, Mapping[str, Mapping[str, float]]]

    def place(self, space: Space) -> ScoredPlace:
        """The whole tower as one place: the score of every word of operations in every width."""
        label, candidates = width_label(self.branch), space.tower(self.branch).candidates
        layers = [layer_label(self.branch, index) for index in range(len(candidates))]
        values = [space.candidates[label], *candidates]
        skips = space.description.skips
        scores = np.zeros([len(axis_values) for axis_values in values])
        for index, (width, *names) in zip(np.ndindex(scores.shape), product(*values), strict=True):
            word = [name for name in names if name not in skips]
            scores[index] = sum(
                self.widths[width][name][tower_task(number, len(word), self.teacher_layers)]
                for number, name in enumerate(word)
            )
        labels = tuple(choice for choice in (label, *layers) if choice in space.labels)
        shape = tuple(len(space.labels[choice]) for choice in labels)
        order = sorted(range(len(labels)), key=lambda axis: list(space.labels).index(labels[axis]))
        ordered = scores.reshape(shape).transpose(order)
        return ScoredPlace(f"{self.branch}_head", label, tuple(labels[axis] for axis in order), ordered)


@dataclass(frozen=True)
class _Place:
    part: str
    label: str
    labels: tuple[str, ...]
    scores: Any


@dataclass(frozen=True)
class _File:
    """What is taken from a table's file beside its space."""

    places: tuple[_Place, ...]
    towers: tuple[TowerScores, ...]


class PlaceScores:
    """What every candidate of a space loses at its place.

    Args:
        space: The space.
        places: Of its networks, from the stem to the towers.
        provenance: How the scores came about, JSON-able; "teacher" names the teacher.
        towers: Those whose layers have weights by task; each is one place behind the others.

    Raises:
        InputError: A place does not fit the space, or a score is negative or no finite number.

    Attributes:
        space: As given.
        places: As given, then a place a tower.
        provenance: As given.
        towers: As given.
    """

    def __init__(
        self,
        space: Space,
        places: Sequence[ScoredPlace],
        provenance: Mapping[str, Any],
        towers: Sequence[TowerScores] = (),
    ) -> None:
        self.space, self.provenance = space, dict(provenance)
        self.towers, self._own = tuple(towers), tuple(places)
        self.places = (*places, *(tower.place(space) for tower in towers))
        order = list(space.labels)
        for place in self.places:
            where = f"table of places of '{space.name}', '{place.label}'"
            if place.label not in space.candidates or any(label not in space.labels for label in place.labels):
                raise InputError(f"{where}: no place of the space, or it depends on choices that the space has not")
            shape = tuple(len(space.labels[label]) for label in place.labels)
            if place.scores.shape != shape or list(place.labels) != sorted(place.labels, key=order.index):
                raise InputError(f"{where}: expected scores of shape {shape}, got {place.scores.shape}")
            if not np.isfinite(place.scores).all() or (place.scores < 0).any():
                raise InputError(f"{where}: expected finite scores, 0 or more")

    @property
    def factors(self) -> list[Factor]:
        """A table a place, whose sum is an architecture's score."""
        return [Factor(place.labels, place.scores) for place in self.places]

    def score(self, architecture: Architecture) -> float:
        """The sum over an architecture's places.

        Raises:
            InputError: The architecture is of another space.
        """
        self.space.require(architecture)
        return float(self._sums.of(architecture.values))

    def by_place(self, architecture: Architecture) -> np.ndarray:
        """``(places,)`` What an architecture loses at each place.

        Raises:
            InputError: The architecture is of another space.
        """
        self.space.require(architecture)
        chosen = architecture.choices
        return np.array(
            [
                place.scores[tuple(self.space.labels[label].index(chosen[label]) for label in place.labels)]
                for place in self.places
            ],
            float,
        )

    @cached_property
    def _sums(self) -> PlaceSums:
        return PlaceSums(self.space, self.factors)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of the space's hash and all scores."""
        return sha256((self.space.hash + _digest(self._content())).encode()).hexdigest()[:16]

    def frame(self) -> pd.DataFrame:
        """A row a candidate and circumstance: `part`, `place`, `candidate`, `beside` (what else is chosen), `score`."""
        rows = [row for place in self._own for row in self._rows(place)]
        rows += [
            (f"{tower.branch}_head", width_label(tower.branch), name, f"width={width}, layers={task}", score)
            for tower in self.towers
            for width, operations in tower.widths.items()
            for name, tasks in operations.items()
            for task, score in tasks.items()
        ]
        return pd.DataFrame(rows, columns=["part", "place", "candidate", "beside", "score"])

    def _rows(self, place: ScoredPlace) -> Iterator[tuple[str, str, str, str, float]]:
        """Part, label, candidate, what is chosen beside it, and score, for every combination that the space allows."""
        values = [self.space.labels[label] for label in place.labels]
        needed = self.space.conditions.get(place.label, {})
        for indices in product(*(range(len(candidates)) for candidates in values)):
            chosen = {
                label: values[axis][index]
                for axis, (label, index) in enumerate(zip(place.labels, indices, strict=True))
            }
            if all(chosen.get(label) in (None, *allowed) for label, allowed in needed.items()):
                candidate = chosen.get(place.label, self.space.candidates[place.label][0])
                beside = ", ".join(f"{label}={value}" for label, value in chosen.items() if label != place.label)
                yield place.part, place.label, candidate, beside, float(place.scores[indices])

    def _content(self) -> dict[str, Any]:
        return {
            "places": [place._asdict() | {"scores": _rounded(place.scores).tolist()} for place in self._own],
            "towers": [tower._asdict() for tower in self.towers],
        }

    def save(self, folder: str | Path) -> list[Path]:
        """Write ``places.json``, which `load` reads, and ``places.csv``, a row a candidate.

        Returns:
            Both files.

        Raises:
            OSError: The folder cannot be written.
        """
        folder = Path(folder)
        content = self._content()
        whole = {
            "format": _FORMAT,
            "space": self.space.record(),
            "space_hash": self.space.hash,
            "sha256": _digest(content),
            "provenance": self.provenance,
            **content,
        }
        text = io.StringIO()
        self.frame().to_csv(text, index=False, lineterminator="\n", float_format=f"%.{_DIGITS}g")
        write_atomically(folder / PLACES_CSV, text.getvalue())
        write_atomically(folder / PLACES_FILE, json.dumps(whole) + "\n")
        return [folder / PLACES_FILE, folder / PLACES_CSV]

    @classmethod
    def load(cls, path: str | Path, space: Space | None = None) -> PlaceScores:
        """Read a table of places.

        Args:
            path: ``places.json``, or the folder that holds it.
            space: The space that it must be of; None takes the table's own.

        Raises:
            InputError: The file cannot be read, was changed, or is of another space or format.
        """
        path = Path(path)
        path = path / PLACES_FILE if path.is_dir() else path
        where = f"table of places '{path}'"
        content = parse_json(read_text(path, "table of places"), where)
        if not isinstance(content, dict) or not isinstance(content.get("places"), list):
            raise InputError(f"{where}: expected what a training with strategy 'blockwise' leaves as {PLACES_FILE}")
        if content.get("format") != _FORMAT:
            raise InputError(
                f"{where}: format {content.get('format')} is not known to this version: it reads {_FORMAT}"
            )
        if content.get("sha256") != _digest({key: content.get(key) for key in ("places", "towers")}):
            raise InputError(f"{where}: its scores were changed after it was written, or the file is damaged")
        own = parse_space(content.get("space"), where=f"{where}, space")
        if own.hash != content.get("space_hash"):
            raise InputError(f"{where}: was made by a version that reads its space otherwise, or with other operations")
        if space is not None and own != space:
            raise InputError(f"{where} is of space '{own.name}' ({own.hash}), not of '{space.name}' ({space.hash})")
        file: _File = in_form(content, _File, where, "places and towers as this version writes them expected")
        try:
            places = [
                ScoredPlace(place.part, place.label, place.labels, np.array(place.scores, float))
                for place in file.places
            ]
            if any(tower.branch not in own.description.towers.branches for tower in file.towers):
                raise ValueError("a tower that the space has not")
            provenance = content.get("provenance")
            return cls(space or own, places, provenance if isinstance(provenance, dict) else {}, file.towers)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{where}: places and towers as this version writes them expected ({error})") from None


def _rounded(scores: np.ndarray) -> np.ndarray:
    """Scores to so many significant digits, which keeps the file small; what is less than rounding errors is 0."""
    return np.array([round(float(f"{value:.{_DIGITS}g}"), 8) for value in scores.ravel()]).reshape(scores.shape)


def _digest(content: Any) -> str:
    return sha256(json.dumps(content).encode()).hexdigest()
