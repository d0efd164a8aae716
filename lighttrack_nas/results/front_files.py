"""The files of a front: table, figures, page, and its architectures."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from lighttrack_nas.results.front_page import front_page
from lighttrack_nas.results.front_plots import draw_front
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically

if TYPE_CHECKING:
    from lighttrack_nas.results.fronts import Front

_FILES = ("front.csv", "front.png", "front.svg", "front.html")
_ARCHITECTURE = re.compile(r"[0-9a-f]{16}\.json")


def save_front(front: Front, folder: Path | str, x: str | None = None) -> list[Path]:
    """Write front.csv, front.png, front.svg, front.html and `architectures/DIGEST.json`, a file a network.

    Files of an earlier front in `architectures` are removed.

    Args:
        front: What to write.
        folder: Made if missing.
        x: Measurement on the plots' horizontal axis, as in `draw_front`.

    Returns:
        The files, the architectures' folder last.

    Raises:
        InputError: No such measurement.
    """
    folder = Path(folder)
    architectures = folder / "architectures"
    for network, architecture in zip(front.table["network"], front.architectures, strict=True):
        write_atomically(architectures / f"{network}.json", architecture.to_json() + "\n")
    for path in sorted(architectures.glob("*.json")):
        if _ARCHITECTURE.fullmatch(path.name) and path.stem not in set(front.table["network"]):
            path.unlink(missing_ok=True)
    table, *plots = (folder / name for name in _FILES)
    write_atomically(table, front.table.to_csv(index=False, lineterminator="\n"))
    for plot in plots:
        save_front_plot(front, plot, x)
    return [table, *plots, architectures]


def save_front_plot(front: Front, path: Path | str, x: str | None = None, y: str | None = None) -> None:
    """Write a front's figure (.png, .svg) or page (.html), by the file's name.

    The page, of about 5 MB, needs no network: its points show their architecture, and tables stand below.

    Args:
        front: What to draw.
        path: The file.
        x: Measurement on the horizontal axis, as in `draw_front`.
        y: Measurement on the vertical axis, as in `draw_front`.

    Raises:
        InputError: Another ending, or no such measurement.
    """
    path = Path(path)
    if path.suffix == ".html":
        write_atomically(path, front_page(front, *front.axes(x, y)))
    elif path.suffix in (".png", ".svg"):
        write_atomically(path, _drawn(front, path.suffix[1:], x, y))
    else:
        raise InputError(f"'{path}': expected a file that ends in .png, .svg or .html")


def _drawn(front: Front, kind: str, x: str | None, y: str | None) -> bytes:
    """The figure as a file. It has no date and no random names inside: the same front gives the same file."""
    import matplotlib

    content = BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "front"}):
        metadata = {"Date": None} if kind == "svg" else None
        draw_front(front, x, y).savefig(content, format=kind, dpi=150, metadata=metadata)
    return content.getvalue()
