"""The files of a look at supernets' rankings: tables, the record, and the figures."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from lighttrack_nas.benchmarks.evaluation.result_files import to_json
from lighttrack_nas.ranking.ranking_plots import correlations_figure, scatter_figure
from lighttrack_nas.trackers.base.files import write_atomically

if TYPE_CHECKING:
    from lighttrack_nas.ranking.ranking_result import RankingResult


def save_ranking(result: RankingResult, folder: Path) -> list[Path]:
    """Write the tables (CSV), everything as JSON, and the figures (PNG and SVG).

    Args:
        result: What to write.
        folder: Made if missing.

    Returns:
        The files.
    """
    tables = {"scores": result.score_table(), "correlations": result.correlations, "differences": result.differences}
    content: dict[str, str | bytes] = {
        f"{name}.csv": table.to_csv(index=False, lineterminator="\n") for name, table in tables.items()
    }
    content["rank_correlation.json"] = to_json(result.to_dict())
    for measurement in result.measurements:
        figures = {f"{measurement}-correlations": correlations_figure(result, measurement)}
        figures |= {f"{measurement}-{name}": scatter_figure(result, name, measurement) for name in result.supernets}
        for name, figure in figures.items():
            for kind in ("png", "svg"):
                drawn = BytesIO()
                figure.savefig(drawn, format=kind, dpi=150)
                content[f"{name}.{kind}"] = drawn.getvalue()
    for name, text in content.items():
        write_atomically(folder / name, text)
    return [folder / name for name in content]
