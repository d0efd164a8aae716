"""Findings as text: the cells of their table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from lighttrack_nas.results.networks import records

if TYPE_CHECKING:
    from lighttrack_nas.results.findings import Findings

FINDINGS_HEADER = ("property", "value", "measure", "front", "interval", "space", "p", "front has")
FINDINGS_NUMBERS = (3, 4, 5, 6)
"""Columns of `findings_cells` that are aligned at the right."""


def findings_cells(findings: Findings) -> list[list[str]]:
    """A row a figure, under `FINDINGS_HEADER`; `counts.counter.LEGEND` says what they mean."""
    return [
        [
            row["property"],
            row["value"],
            row["measure"],
            f"{row['front']:.3f}",
            "too few" if pd.isna(row["low"]) else f"{row['low']:.3f} to {row['high']:.3f}",
            f"{row['space']:.3f}",
            "" if pd.isna(row["p_corrected"]) else f"{row['p_corrected']:.2g}",
            row["differs"],
        ]
        for row in records(findings.table)
    ]
