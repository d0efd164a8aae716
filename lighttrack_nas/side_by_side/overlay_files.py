"""The files of runs beside each other: a table with a column for the run, hypervolumes, surfaces, figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lighttrack_nas.reporting.figure_files import figure_bytes
from lighttrack_nas.side_by_side.overlay_plots import draw_overlay
from lighttrack_nas.trackers.base.files import write_atomically

if TYPE_CHECKING:
    from lighttrack_nas.side_by_side.overlays import Overlay


def save_overlay(
    overlay: Overlay, folder: Path | str, x: str | None = None, attainment: bool | None = None
) -> list[Path]:
    """Write overlay.csv, hypervolumes.csv, overlay.png and .svg, and with surfaces attainment.csv, .png and .svg.

    Args:
        overlay: What to write.
        folder: Made if missing.
        x: Measurement on the plots' horizontal axis, as in `draw_overlay`.
        attainment: Whether to write surfaces; None does where a group has several runs.

    Returns:
        The files.

    Raises:
        InputError: A run has no such measurement.
    """
    folder = Path(folder)
    x, y = overlay.axes(x, None)
    content: dict[str, str | bytes] = {
        "overlay.csv": overlay.table.to_csv(index=False, lineterminator="\n"),
        "hypervolumes.csv": volume_table(overlay).to_csv(index=False, lineterminator="\n"),
    }
    kinds = ("png", "svg")
    figures = {"overlay": draw_overlay(overlay, x, y, attainment=False)}
    surfaces = {} if attainment is False else overlay.attainments(x, y)
    if surfaces:
        rows = [
            (group, attained.runs, share, *corner)
            for group, attained in surfaces.items()
            for share, surface in attained.surfaces.items()
            for corner in surface.tolist()
        ]
        table = pd.DataFrame(rows, columns=["group", "runs", "percent", x, y])
        content["attainment.csv"] = table.to_csv(index=False, lineterminator="\n")
        figures["attainment"] = draw_overlay(overlay, x, y, attainment=True)
    for name, figure in figures.items():
        content |= {f"{name}.{kind}": figure_bytes(figure, kind) for kind in kinds}
    for name, text in content.items():
        write_atomically(folder / name, text)
    return [folder / name for name in content]


def volume_table(overlay: Overlay) -> pd.DataFrame:
    """A row a run: group, trials, networks, how many its front has, whether it keeps its limits, hypervolume.

    Of a run that has measured nothing the last two are not known: None and NaN. NaN too where no reference is common.
    """
    volumes = {name: volume.value for name, volume in overlay.hypervolumes.items() if name in overlay.measured}
    rows = [
        {
            "run": name,
            "group": overlay.group_of(name),
            "trials": len(overlay.results[name].trials),
            "networks": len(front.networks),
            "front": len(front.table),
            "keeps_limits": front.keeps_limits if name in overlay.measured else None,
            "hypervolume": volumes.get(name, float("nan")),
        }
        for name, front in overlay.fronts.items()
    ]
    return pd.DataFrame(rows)


def group_volumes(overlay: Overlay, quantiles: Sequence[float] = (0.25, 0.5, 0.75)) -> pd.DataFrame:
    """A row a group of several runs that have a hypervolume: how many, and its quartiles."""
    table = volume_table(overlay).dropna(subset="hypervolume")
    rows = []
    for group, runs in table.groupby("group", sort=False):
        if len(runs) > 1:
            low, median, high = (float(runs["hypervolume"].quantile(share)) for share in quantiles)
            rows.append({"group": group, "runs": len(runs), "low": low, "median": median, "high": high})
    return pd.DataFrame(rows, columns=["group", "runs", "low", "median", "high"])
