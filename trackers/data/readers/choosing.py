"""Which of a data set's sequences are taken: by name, before any is opened, and without those that cannot be read."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from lighttrack_nas.trackers.base.boxes import checked_box
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.data.ahead import read_ahead
from lighttrack_nas.trackers.data.readers.common import Listed
from lighttrack_nas.trackers.data.sequence import Sequence as Video

ON_BAD = ("refuse", "leave out")
"""What may be done with a sequence that cannot be read."""
_SHOWN = 20  # names in a message


@dataclass(frozen=True)
class Choice:
    """The sequences that were taken.

    Attributes:
        sequences: In the data set's order.
        left_out: Name of a sequence that cannot be read -> why, one line.
    """

    sequences: list[Video]
    left_out: dict[str, str] = field(default_factory=dict)

    def report(self) -> list[str]:
        """Say what was left out, a sentence each; empty if nothing."""
        if not self.left_out:
            return []
        count = len(self.left_out) + len(self.sequences)
        return [
            *(f"sequence '{name}' is left out: {reason}" for name, reason in self.left_out.items()),
            f"{len(self.left_out)} of {count} sequences left out: {shown_names(self.left_out)}",
        ]


def read_chosen(
    listed: Sequence[Listed], where: object, only: Collection[str], without: Collection[str], on_bad: str = "refuse"
) -> Choice:
    """Choose sequences by name, and read those.

    Args:
        listed: What there is.
        where: The data set, for messages.
        only: Names to take; empty takes all.
        without: Names to leave out.
        on_bad: One of `ON_BAD`.

    Raises:
        InputError: An unknown name, two sequences of one name, none left, or one that cannot be read and is not to be
            left out.
    """
    checked_name(on_bad, ON_BAD, "way with bad sequences")
    chosen = choose(listed, where, only, without)
    sequences: list[Video] = []
    left_out: dict[str, str] = {}
    for sequence in chosen:
        try:
            sequences.append(sequence.read())
        except InputError as error:
            if on_bad == "refuse":
                hint = f"; without '{sequence.name}' leaves it out, on_bad 'leave out' all that cannot be read"
                raise InputError(f"{error}{hint if len(chosen) > 1 else ''}") from None
            left_out[sequence.name] = " ".join(str(error).split()).removeprefix(f"sequence '{sequence.name}': ")
    if not sequences:
        name, reason = next(iter(left_out.items()))
        raise InputError(f"'{where}': none of {len(chosen)} sequences can be read; the first, '{name}': {reason}")
    return Choice(sequences, left_out)


def with_whole_frames(choice: Choice, threads: int = 0) -> Choice:
    """Leave out the sequences, too, that a tracker could not be started on or could not follow to the end.

    Every frame is decoded once, so that hours of work on the sequences do not end at one.

    Args:
        choice: Of sequences.
        threads: That decode, each a sequence; 0 decodes in the caller's.

    Raises:
        InputError: None is left.
    """
    sequences: list[Video] = []
    left_out = dict(choice.left_out)
    with closing(read_ahead(_check_frames, choice.sequences, threads)) as checks:
        for sequence, check in checks:
            try:
                check()
                sequences.append(sequence)
            except InputError as error:
                left_out[sequence.name] = " ".join(str(error).split())
    if not sequences:
        name, reason = next(iter(left_out.items()))
        raise InputError(f"none of {len(left_out)} sequences can be tracked; the first, '{name}': {reason}")
    return Choice(sequences, left_out)


def _check_frames(sequence: Video) -> None:
    checked_box(sequence.boxes[0], sequence.frame(0).shape, "first box")
    for _ in sequence.frames():
        pass


def choose(listed: Sequence[Listed], where: object, only: Collection[str], without: Collection[str]) -> list[Listed]:
    """Choose sequences by name; nothing is read.

    Raises:
        InputError: An unknown name, two sequences of one name, or none left.
    """
    names = Counter(sequence.name for sequence in listed)
    for name in (*only, *without):
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean '{close[0]}'?" if close else ";"
            raise InputError(f"unknown sequence of '{where}', '{name}'{hint} known: {shown_names(names)}")
    wanted, unwanted = frozenset(only or names), frozenset(without)
    chosen = [sequence for sequence in listed if sequence.name in wanted and sequence.name not in unwanted]
    if not chosen:
        raise InputError(f"'{where}': no sequence is left of {len(listed)}")
    name, count = Counter(sequence.name for sequence in chosen).most_common(1)[0]
    if count > 1:
        # Results are kept by name: the second would overwrite the first.
        raise InputError(f"'{where}' holds {count} sequences named '{name}'")
    return chosen


def shown_names(names: Collection[str]) -> str:
    """Join names, of many the first ones and how many there are."""
    shown = ", ".join(list(names)[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
