"""Standard streams that the caller closed, or that take nothing: notes are dropped, and results are missed by name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def take_streams() -> None:
    """Make this process's standard streams safe to use, for as long as it lives.

    A closed one is opened on the null device: the next file would take its number otherwise, and be written what was
    meant for the stream; and Python prints to standard output what a missing standard error cannot take. What standard
    error refuses is dropped, so that no work ends for a note about it. What standard output refuses is an `OSError`
    that names it.
    """
    _open_closed()
    for number, (name, mode) in enumerate(_MODES.items()):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
    sys.stdout = cast(TextIO, _Stream(sys.stdout, _name_it))
    sys.stderr = cast(TextIO, _Stream(sys.stderr, lambda error: None))


def silence_output() -> None:
    """Send to the null device what standard output still holds, and all that follows."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_closed() -> None:
    """Give the numbers 0, 1 and 2, where they are free, to the null device, in this process and its children."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _name_it(error: OSError) -> None:
    raise OSError(error.errno, error.strerror, "standard output") from None


class _Stream:
    """A text stream, and what is done about what it refuses; otherwise the stream that it is given."""

    def __init__(self, stream: TextIO, refused: Callable[[OSError], None]) -> None:
        self._stream = stream
        self._refused = refused

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            self._refused(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._refused(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
