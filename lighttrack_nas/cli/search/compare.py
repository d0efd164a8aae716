"""`compare`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lighttrack_nas.cli.search.run_chain import resumable, say
from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.comparisons.comparing import compare as run
from lighttrack_nas.comparisons.comparisons import Comparison
from lighttrack_nas.config.comparison_config import load_comparison
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.strategies.search.goals.objectives import short_number

_SIGNIFICANT = 0.05


def compare(path: Path, overrides: Sequence[str], json: bool) -> None:
    """Compare strategies, and show who did how well."""
    config = load_comparison(path, overrides)
    count = len(config.strategies) * config.seeds
    with resumable(), progress("compare", count, "runs") as advance:
        comparison = run(config, say, advance)
    if json:
        print_json(
            {
                "scale": comparison.scale.to_dict(),
                "summary": _records(comparison.summary()),
                "significance": _records(comparison.significance()),
            }
        )
        return
    show(comparison, config.trials)
    print(f"\nraw data, tables and figures: {config.output}")


def show(comparison: Comparison, trials: int) -> None:
    """Print a comparison."""
    scale = comparison.scale.to_dict()
    first = comparison.scale.objectives[0].name
    worst = ", ".join(f"{name} {short_number(value)}" for name, value in scale["reference"].items())
    front = "true front" if comparison.scale.known else "best known front"
    print(f"medians over seeds at the end of {trials} trials; hypervolume up to {worst}, as a share of the {front}'s\n")
    best = f"best {first}" + (f" ({comparison.under})" if comparison.under else "")
    reach = f"to {comparison.share:.0%}"
    header = (
        *("strategy", "seeds", "hypervolume", "quartiles", "distance"),
        *(best, f"evaluations {reach}", "runs there", "ms a trial"),
    )
    rows = [
        (
            str(row["strategy"]),
            str(row["seeds"]),
            f"{row['hypervolume']:.4f}",
            f"{row['hypervolume_low']:.4f} to {row['hypervolume_high']:.4f}",
            f"{row['distance']:.4f}",
            _number(row["best"], ".4f", "none"),
            _number(row["evaluations_to_share"], ".0f", "never"),
            str(row["reached"]),
            f"{row['overhead_ms']:.1f}",
        )
        for row in _records(comparison.summary())
    ]
    print_table(header, rows, right=range(1, len(header)))
    pairs = comparison.significance()
    clear = pairs[pairs["p_holm"] < _SIGNIFICANT]
    end = ":" if len(clear) else ""
    print(f"\n{len(clear)} of {len(pairs)} pairs differ in hypervolume (Mann-Whitney U, Holm, p < {_SIGNIFICANT}){end}")
    for row in _records(clear):
        better, worse, chance = row["first"], row["second"], row["first_better"]
        if chance < 0.5:
            better, worse, chance = worse, better, 1 - chance
        print(f"  {better} over {worse}: p {row['p_holm']:.2g}, better in {chance:.0%} of the pairs of runs")


def _number(value: float | None, form: str, absent: str) -> str:
    return absent if value is None else format(value, form)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON can say them: NaN becomes None."""
    return [
        {str(key): None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
        for row in table.to_dict("records")
    ]
