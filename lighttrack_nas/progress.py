"""Progress of long work: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Advance = Callable[[int, str], None]
"""Called with how much was done since the last call, and a few words on where the work is."""

_SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def progress(title: str, total: int | None, unit: str, stream: TextIO | None = None) -> Iterator[Advance]:
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
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[where]}"),
    )
    with Progress(*columns, console=Console(file=out)) as bar:
        task = bar.add_task(title, total=total, where="", rate="")
        start, done = time.monotonic(), 0

        def advance(amount: int, where: str) -> None:
            nonlocal done
            done += amount
            rate = f"{done / max(time.monotonic() - start, 1e-9):.1f}/s"
            bar.update(task, advance=amount, where=where, rate=rate)

        yield advance


def _plain_lines(title: str, total: int | None, unit: str, out: TextIO) -> Advance:
    start = last = time.monotonic()
    done = 0

    def advance(amount: int, where: str) -> None:
        nonlocal done, last
        done += amount
        now = time.monotonic()
        finished = total is not None and done >= total
        if now - last < _SECONDS_BETWEEN_LINES and not finished:
            return
        last = now
        rate = done / max(now - start, 1e-9)
        count = f"{done}/{total}" if total else str(done)
        left = f", {(total - done) / rate:.0f} s left" if total and rate > 0 and not finished else ""
        print(f"{title}: {count} {unit}, {rate:.1f}/s{left} {where}".rstrip(), file=out, flush=True)

    return advance
