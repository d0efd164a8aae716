"""`compare`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lighttrack_nas.cli.search.run_chain import resumable, say
from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.comparisons.comparing import compare as run
from lighttrack_nas.comparisons.comparisons import DIFFER, TOO_FEW_SEEDS, Comparison
from lighttrack_nas.comparisons.power import ALPHA, MOST_SEEDS
from lighttrack_nas.config.comparison_config import load_comparison
from lighttrack_nas.reporting.progress_bar import progress
from lighttrack_nas.strategies.search.goals.objectives import short_number


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
                "power": comparison.power.to_dict() if len(comparison.strategies) > 1 else None,
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
        *("strategy", "seeds", "hypervolume", "quartiles", "rank", "distance"),
        *(best, f"evaluations {reach}", "runs there", "ms a trial"),
    )
    rows = [
        (
            str(row["strategy"]),
            str(row["seeds"]),
            f"{row['hypervolume']:.4f}",
            f"{row['hypervolume_low']:.4f} to {row['hypervolume_high']:.4f}",
            f"{row['rank']:.2f}",
            _number(row["distance"], ".4f", "none"),
            _best(row),
            _number(row["evaluations_to_share"], ".0f", "never"),
            str(row["reached"]),
            f"{row['overhead_ms']:.1f}",
        )
        for row in _records(comparison.summary())
    ]
    print_table(header, rows, right=range(1, len(header)))
    if len(comparison.strategies) > 1:
        _show_pairs(comparison)


def _best(row: Mapping[str, Any]) -> str:
    """The median of the best values, and of how many runs it is where some kept no limit."""
    of = "" if row["runs_with_best"] in (0, row["seeds"]) else f" ({row['runs_with_best']} of {row['seeds']} runs)"
    return _number(row["best"], ".4f", "none") + of


def _show_pairs(comparison: Comparison) -> None:
    pairs = comparison.significance()
    rows = []
    for row in sorted(_records(pairs), key=lambda row: (row["p_holm"], -abs(row["a12"] - 0.5))):
        better, other, a12, low, high = (row[name] for name in ("first", "second", "a12", "a12_low", "a12_high"))
        if a12 < 0.5:
            better, other, a12, low, high = other, better, 1 - a12, 1 - high, 1 - low
        verdict = row["verdict"]
        if verdict != DIFFER:
            needed = f"{row['seeds_needed']:.0f}" if row["seeds_needed"] is not None else f"more than {MOST_SEEDS:,}"
            verdict += f"; takes {needed}" if verdict == TOO_FEW_SEEDS else f"; takes {needed} seeds"
        rows.append((better, other, f"{a12:.2f}", f"{low:.2f} to {high:.2f}", f"{row['p_holm']:.2g}", verdict))
    print("\npairs by hypervolume, the better first\n")
    print_table(("strategy", "against", "A12", "interval", "p", "verdict"), rows, right=(2, 3, 4))
    print(
        "\nA12: how often a run of the one beats one of the other (.5 is chance), with the 95 % interval of this pair."
    )
    print(f"p: Mann-Whitney U, two-sided, corrected for all pairs (Holm). Pairs with p < {ALPHA} differ.")
    print("Seeds it takes: to find a difference as large as the one seen, in four of five comparisons.")
    print(comparison.power.found())


def _number(value: float | None, form: str, absent: str) -> str:
    return absent if value is None else format(value, form)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON can say them: NaN and infinities, such as the distance of a run that found nothing, become None."""
    return [
        {
            str(key): None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in row.items()
        }
        for row in table.to_dict("records")
    ]
