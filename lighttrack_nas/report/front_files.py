"""The files of a front: table, figures, page, and its architectures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lighttrack_nas.report.front_report import front_page
from lighttrack_nas.reporting.figure_files import figure_bytes
from lighttrack_nas.results.front_plots import draw_front
from lighttrack_nas.results.pair_plots import draw_pairs, draw_parallel
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically

if TYPE_CHECKING:
    from lighttrack_nas.results.fronts import Front

_FILES = ("front.csv", "front.png", "front.svg", "front.html")
_MORE_FIGURES = {"pairs": draw_pairs, "parallel": draw_parallel}
_KINDS = ("png", "svg")
_ARCHITECTURE = re.compile(r"[0-9a-f]{16}\.json")


def save_front(front: Front, folder: Path | str, x: str | None = None) -> list[Path]:
    """Write front.csv, front.png, front.svg, front.html and `architectures/DIGEST.json`, a file a network.

    With three objectives or more also every pair of them and parallel coordinates, `pairs` and `parallel` (.png, .svg).
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
    if len(front.objectives) > 2:
        for name, draw in _MORE_FIGURES.items():
            figure = draw(front)
            for kind in _KINDS:
                plots.append(folder / f"{name}.{kind}")
                write_atomically(plots[-1], figure_bytes(figure, kind))
    return [table, *plots, architectures]


def save_front_plot(front: Front, path: Path | str, x: str | None = None, y: str | None = None) -> None:
    """Write a front's figure (.png, .svg) or page (.html), by the file's name.

    The page, of about 5 MB, needs no network: its points lead to their architecture, and tables stand below.

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
        write_atomically(path, figure_bytes(draw_front(front, x, y), path.suffix[1:]))
    else:
        raise InputError(f"'{path}': expected a file that ends in .png, .svg or .html")
