"""How likely each candidate of each choice is: what a differentiable strategy learns of a space."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_json, short

_LARGEST_ERROR = 1e-4


@dataclass(frozen=True)
class Distribution:
    """A distribution of architectures whose choices are independent of each other. `of` makes it, and checks it.

    Attributes:
        space: The space.
        probabilities: For every label in the order of `space.labels`, a probability for every candidate in theirs; each
            row adds up to 1.
    """

    space: Space
    probabilities: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, space: Space, probabilities: Mapping[str, Mapping[str, float]]) -> Distribution:
        """Check probabilities by label and candidate.

        Args:
            space: The space.
            probabilities: For every label, a probability for every candidate; what rounding leaves of 1 is shared out.

        Raises:
            InputError: A label or candidate is missing or unknown, or a row is no distribution.
        """
        _same(probabilities, space.labels, f"space '{space.name}', labels")
        rows = []
        for label, candidates in space.labels.items():
            where = f"space '{space.name}', label '{label}'"
            _same(probabilities[label], candidates, f"{where}, candidates")
            row = [probabilities[label][name] for name in candidates]
            if not all(type(p) in (int, float) and 0 <= p <= 1 for p in row):
                raise InputError(f"{where}: expected probabilities from 0 to 1, got {short(row)}")
            total = sum(row)
            if abs(total - 1) > _LARGEST_ERROR:
                raise InputError(f"{where}: the probabilities add up to {total:g}, not to 1")
            rows.append(tuple(p / total for p in row))
        return cls(space, tuple(rows))

    def mode(self) -> Architecture:
        """The most likely architecture: of every choice the likeliest candidate, the first of equals."""
        rows = zip(self.space.labels.values(), self.probabilities, strict=True)
        return Architecture(self.space, tuple(values[int(np.argmax(row))] for values, row in rows))

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw an architecture.

        Args:
            rng: The only source of chance.
        """
        rows = zip(self.space.labels.values(), self.probabilities, strict=True)
        return Architecture(self.space, tuple(values[rng.choice(len(values), p=row)] for values, row in rows))

    def distinct(self, count: int, rng: np.random.Generator) -> list[Architecture]:
        """The most likely architecture, then drawn ones, each on a path of its own.

        Args:
            count: How many at most: a distribution that has all but decided gives fewer.
            rng: The only source of chance.
        """
        paths = dict.fromkeys([self.mode().path()] if count > 0 else [])
        for _ in range(50 * count):
            if len(paths) >= count:
                break
            paths.setdefault(self.sample(rng).path())
        return list(paths)

    def to_json(self) -> str:
        """Write as JSON: the space's name and hash, and the probabilities by label and candidate."""
        rows = zip(self.space.labels.items(), self.probabilities, strict=True)
        content = {
            "space": self.space.name,
            "space_hash": self.space.hash,
            "probabilities": {label: dict(zip(values, row, strict=True)) for (label, values), row in rows},
        }
        return json.dumps(content, indent=2)

    @classmethod
    def from_json(cls, text: str, space: Space, where: str = "distribution") -> Distribution:
        """Read what `to_json` wrote.

        Args:
            text: JSON.
            space: The space that it must be of.
            where: What to call the source in an error message.

        Raises:
            InputError: Malformed, of another space, or no distribution.
        """
        content = parse_json(text, where)
        if not isinstance(content, dict) or not isinstance(content.get("probabilities"), dict):
            raise InputError(f"{where}: expected an object with the keys space, space_hash and probabilities")
        if content.get("space_hash") != space.hash:
            raise InputError(
                f"{where}: belongs to space '{content.get('space')}' ({content.get('space_hash')}), not to "
                f"'{space.name}' ({space.hash})"
            )
        for label, row in content["probabilities"].items():
            if not isinstance(row, dict):
                raise InputError(f"{where}: label '{label}': expected a probability by candidate, got {short(row)}")
        try:
            return cls.of(space, content["probabilities"])
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


def _same(given: Mapping[str, object], known: Mapping[str, object] | Sequence[str], where: str) -> None:
    missing = [name for name in known if name not in given]
    unknown = [str(name) for name in given if name not in known]
    if missing or unknown:
        parts = [f"{what} {', '.join(names)}" for what, names in (("missing", missing), ("unknown", unknown)) if names]
        raise InputError(f"{where}: {'; '.join(parts)}")
