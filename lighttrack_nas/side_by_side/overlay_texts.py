"""Runs beside each other as text: the cells of the tables of their hypervolumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from lighttrack_nas.results.networks import records
from lighttrack_nas.side_by_side.overlay_files import group_volumes, volume_table
from lighttrack_nas.strategies.search.goals.objectives import short_number

if TYPE_CHECKING:
    from lighttrack_nas.side_by_side.overlays import Overlay

VOLUME_HEADER = ("run", "group", "trials", "networks", "on the front", "keeps its limits", "hypervolume")
VOLUME_NUMBERS = (2, 3, 4, 6)
"""Columns of `volume_cells` that are aligned at the right."""
GROUP_HEADER = ("group", "runs", "median hypervolume", "lower quartile", "upper quartile")
GROUP_NUMBERS = (1, 2, 3, 4)
"""Columns of `group_cells` that are aligned at the right."""


def volume_cells(overlay: Overlay) -> list[list[str]]:
    """A row a run, under `VOLUME_HEADER`; "" for what is not known."""
    return [
        [
            overlay.labels[row["run"]],
            row["group"],
            str(row["trials"]),
            str(row["networks"]),
            str(row["front"]),
            _yes_or_no(row["keeps_limits"]),
            "" if pd.isna(row["hypervolume"]) else short_number(row["hypervolume"]),
        ]
        for row in records(volume_table(overlay))
    ]


def group_cells(overlay: Overlay) -> list[list[str]]:
    """A row a group of several runs, under `GROUP_HEADER`."""
    return [
        [row["group"], str(row["runs"]), *(short_number(row[key]) for key in ("median", "low", "high"))]
        for row in records(group_volumes(overlay))
    ]


def _yes_or_no(answer: Any) -> str:
    return "" if answer is None else "yes" if answer else "no"
