"""The files of what a space's architectures cost: the sample, the figure, the record."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lighttrack_nas.costing.cost_plots import draw_costs
from lighttrack_nas.trackers.base.files import write_atomically

if TYPE_CHECKING:
    from lighttrack_nas.costing.cost_analysis import SpaceCosts


def save_costs(costs: SpaceCosts, folder: Path | str) -> list[Path]:
    """Write costs.csv (the sample with all its choices), costs.png and costs.json.

    Args:
        costs: What to write.
        folder: Made if missing.

    Returns:
        The files.
    """
    choices = {
        label: pd.Categorical.from_codes(costs.indices[:, column], categories=pd.Index(values))
        for column, (label, values) in enumerate(costs.table.space.labels.items())
    }
    content = BytesIO()
    draw_costs(costs).savefig(content, format="png", dpi=150)
    csv, png, record = (Path(folder) / f"costs.{ending}" for ending in ("csv", "png", "json"))
    write_atomically(csv, costs.samples.assign(**choices).to_csv(index=False, lineterminator="\n"))
    write_atomically(png, content.getvalue())
    write_atomically(record, json.dumps(costs.to_dict(), indent=2, allow_nan=False) + "\n")
    return [csv, png, record]
