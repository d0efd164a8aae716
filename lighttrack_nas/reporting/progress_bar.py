"""Progress of long work: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from lighttrack_nas.trackers.base.progress import Progress

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress(title: str, total: int | None, unit: str, stream: TextIO | None = None) -> Iterator[Progress]:
    """Show progress on standard error, with rate and time left.

    Args:
        title: What is done.
        total: How many units there are; None when nobody knows.
        unit: What is counted, such as "frames".
        stream: Where to write; None means standard error.

    Yields:
        A function to call with the units done since its last call, and a few words on where the work is.
    """
    out = stream or sys.stderr
    if not out.isatty():
        yield _plain_lines(title, total, unit, out)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[where]}"),
    )
    with Bar(*columns, console=Console(file=out)) as bar:
        task = bar.add_task(title, total=total, where="", rate="")
        clock = _Clock()

        def advance(amount: int, where: str) -> None:
            rate = clock.rate(amount)
            if rate is None:
                bar.reset(task, completed=amount, where=where)  # starts rich's own clock, of the time left
            else:
                bar.update(task, advance=amount, where=where, rate=f"{rate:.1f}/s")

        yield advance


def _plain_lines(title: str, total: int | None, unit: str, out: TextIO) -> Progress:
    last, clock = time.monotonic(), _Clock()
    done = 0

    def advance(amount: int, where: str) -> None:
        nonlocal done, last
        done += amount
        rate, now = clock.rate(amount), time.monotonic()
        # Each step beyond a total that is wrong says nothing new; who adds none has something to say of the whole.
        finished = total is not None and done >= total and (amount == 0 or done - amount < total)
        if now - last < _SECONDS_BETWEEN_LINES and not finished:
            return
        last = now
        count = f"{done}/{total}" if total else str(done)
        speed = f", {rate:.1f}/s" if rate is not None else ""
        left = f", {(total - done) / rate:.0f} s left" if total and rate and not finished else ""
        print(f"{title}: {count} {unit}{speed}{left} {where}".rstrip(), file=out, flush=True)

    return advance


class _Clock:
    """Units a second since the first call, whose units do not count."""

    def __init__(self) -> None:
        self._start: float | None = None
        self._done = 0

    def rate(self, amount: int) -> float | None:
        """Count units; None at the first call."""
        now = time.monotonic()
        if self._start is None:
            self._start = now
            return None
        self._done += amount
        return self._done / max(now - self._start, 1e-9)
