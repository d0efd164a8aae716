"""What `track` writes: boxes, scores and times as they come, beside those of earlier runs."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.tracking.presence import Tracked

_KINDS = ("boxes", "scores", "presence")
_SECONDS_BETWEEN_WRITES = 1.0


def set_aside(output: Path, names: Sequence[str], kept: Path | None) -> Path | None:
    """Move what an earlier run left in a folder into one of its own, ``earlier-1`` and so on.

    Without a `track.json` there was no earlier run; then only files are moved that would be written over.

    Args:
        output: The folder.
        names: Of the new run's targets.
        kept: A file that stays, as it is the new run's input.

    Returns:
        Where they are now; None where nothing was moved.
    """
    places = ["times.txt", "track.json", "video.mp4"]
    if (output / "track.json").exists():
        places += [f"{kind}{ending}" for kind in _KINDS for ending in ("", ".txt")]
    else:
        places += [_place(kind, name) for kind in _KINDS for name in names]
    stays = kept.resolve() if kept is not None else None
    older = [place for place in places if (path := output / place).exists() and path.resolve() != stays]
    if not older:
        return None
    numbered = (output / f"earlier-{n}" for n in itertools.count(1))
    folder = next(path for path in numbered if not path.exists())
    for place in older:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (output / place).rename(folder / place)
    return folder


def _place(kind: str, name: str) -> str:
    """Of a target's boxes, scores or presence; a single target without a name needs no folder."""
    return f"{kind}/{name}.txt" if name else f"{kind}.txt"


class TrackFiles:
    """The files of a run under way: at any moment, also of a kill, they hold all but its last second.

    Args:
        output: The folder, which holds no results of another run.
        record: Of what decides the results, JSON-able.
        names: Of the targets; "" is a single one without a name.

    Attributes:
        frames: How many were added.
        seconds: What all of them but the first took.
    """

    def __init__(self, output: Path, record: dict[str, Any], names: Sequence[str]) -> None:
        self.frames, self.seconds = 0, 0.0
        self._output, self._record = output, record
        self._lines = {kind: [_Lines(output / _place(kind, name)) for name in names] for kind in _KINDS}
        self._times = _Lines(output / "times.txt")
        self._written = -math.inf

    def add(self, tracked: Sequence[Tracked], seconds: float) -> None:
        """Add a frame: each target's box, and the seconds that all took together."""
        self.frames += 1
        self.seconds += seconds if self.frames > 1 else 0.0
        self._times.add(f"{seconds:.6f}")
        # The first frame's boxes were given; from the second on it shows whether the tracker states presence.
        if self.frames == 2 and all(target.presence is None for target in tracked):
            del self._lines["presence"]
        for kind, files in self._lines.items():
            for file, target in zip(files, tracked, strict=True):
                file.add(_LINE[kind](target))
        if self.frames > 1 and monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
            self.write("running")

    def write(self, state: str, **more: Any) -> None:
        """Write what was added.

        Args:
            state: "running", "stopped" or "finished".
            **more: For the record.
        """
        if self.frames == 1:
            self._lines.pop("presence", None)
        for file in itertools.chain(*self._lines.values(), [self._times]):
            file.write(synced=state != "running")
        record = self._record | {"frames": self.frames, "state": state} | more
        write_atomically(self._output / "track.json", json.dumps(record, indent=2) + "\n")
        self._written = monotonic()


def _presence_line(target: Tracked) -> str:
    return f"{math.nan if target.presence is None else target.presence:.6f},{target.lost:d}"


_LINE = {
    "boxes": lambda target: ",".join(f"{value:.4f}" for value in target.box),
    "scores": lambda target: f"{target.score:.6f}",
    "presence": _presence_line,
}


class _Lines:
    """A text file that grows by whole lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._waiting: list[str] = []

    def add(self, line: str) -> None:
        self._waiting.append(line + "\n")

    def write(self, synced: bool) -> None:
        content = "".join(self._waiting).encode()
        try:
            self._path.parent.mkdir(exist_ok=True)
            with self._path.open("ab") as file:
                # Away with what a disk that was full took of lines which now come again.
                file.truncate(self._size)
                file.write(content)
                file.flush()
                if synced:
                    os.fsync(file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from None
        self._size += len(content)
        self._waiting = []
