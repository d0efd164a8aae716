"""What is left out of annotations: how many of each kind, and where the first stood."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A reason to leave something out.

    Attributes:
        noun: What is left out, one of it: `box`.
        what: The reason, as it goes on after the noun, one or many: `with a side below a pixel`.
    """

    noun: str
    what: str


CROWD = Kind("box", "of crowds")
NO_AREA = Kind("box", "with a side below a pixel")
NO_BOX = Kind("image", "without a usable box")
SHORT = Kind("track", "with fewer than two annotated frames")


class LeftOut:
    """Counts what is left out, kind by kind, and keeps an example of each."""

    def __init__(self) -> None:
        self._counts: dict[Kind, int] = {}
        self._examples: dict[Kind, str] = {}

    def __getitem__(self, kind: Kind) -> int:
        return self._counts.get(kind, 0)

    def add(self, kind: Kind, example: str = "", count: int = 1) -> None:
        """Count something.

        Args:
            kind: Why it is left out.
            example: Which one; the first of a kind is said.
            count: How many.
        """
        if count > 0:
            self._counts[kind] = self[kind] + count
            self._examples.setdefault(kind, example)

    def sentences(self) -> list[str]:
        """Say what was left out, a sentence for each kind; empty if nothing."""
        sentences = []
        for kind, count in self._counts.items():
            example = self._examples[kind]
            sentences.append(
                f"{counted(count, kind.noun)} {kind.what} left out" + (f", as {example}" if example else "")
            )
        return sentences

    def __str__(self) -> str:
        return "; ".join(self.sentences())


def counted(count: int, noun: str) -> str:
    """Write a number with its noun: `1 box`, `3 boxes`."""
    plural = f"{noun}es" if noun.endswith("x") else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"
