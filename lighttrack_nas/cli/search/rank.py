"""`rank-correlation`."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from lighttrack_nas.benchmarks.evaluation.result_files import jsonable
from lighttrack_nas.benchmarks.scoring.rank_intervals import STATISTICS, Estimate
from lighttrack_nas.cli.search.run_chain import resumable, say
from lighttrack_nas.cli.shared.printing import print_json, print_table
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.ranking.rank_correlation import run_rank_correlation
from lighttrack_nas.ranking.ranking_plots import TITLES
from lighttrack_nas.ranking.ranking_result import CEILING, MEAN, RankingResult, ranking_name
from lighttrack_nas.results.networks import records


def rank_correlation(path: Path, overrides: Sequence[str], as_json: bool) -> None:
    """Train, rank, and show how well the supernets rank."""
    config = load_config(path, overrides)
    with resumable():
        result = run_rank_correlation(config, say)
    if as_json:
        print_json(jsonable(result.to_dict()))
        return
    for note in result.notes:
        print(f"warning: {note}", file=sys.stderr)
    _print(result)
    print(f"\nfigures, tables and networks: {config.folder('ranking')}")


def _print(result: RankingResult) -> None:
    record, macs = result.record, result.networks["macs"] / 1e6
    count, seeds = int(result.whole.sum()), len(result.alone(result.measurements[0]))
    print(f"space {record['space']} ({record['space_hash']})")
    print(f"{count} networks of {macs.min():.1f} to {macs.max():.1f} M MACs, ", end="")
    print(f"trained alone for {record['training']['steps']} steps with {seeds} seed{'s' if seeds > 1 else ''}")
    for measurement in result.measurements:
        print(f"\nrank correlation by {measurement} with the trainings alone (95 % interval over networks)\n")
        rows = []
        for ranking, weights in result.rankings(measurement):
            figures = [_cell(result.estimate(measurement, ranking, weights, statistic)) for statistic in STATISTICS]
            mean = result.estimate(measurement, ranking, weights, "kendall", MEAN)
            rows.append((ranking_name(ranking, weights), *figures, "" if ranking == CEILING else _cell(mean)))
        header = ("ranking", *(TITLES[statistic] for statistic in STATISTICS), "tau with the seeds' mean")
        print_table(header, rows)
        print("\npaired differences of Kendall's tau\n")
        table = result.differences
        table = table[(table["measurement"] == measurement) & (table["statistic"] == "kendall")]
        differences = [
            (
                row["first"],
                row["second"],
                _cell(Estimate(row["value"], row["low"], row["high"]), "+"),
                row["differs"] and f"the {row['differs']} is better",
            )
            for row in records(table)
        ]
        print_table(("first", "second", "first minus second", ""), differences)
    print(
        "\nceiling: one seed's training alone against another's; MACs: the more, the better. Intervals are over"
        "\nnetworks: a supernet trained with another seed may rank otherwise."
    )


def _cell(figure: Estimate, sign: str = "") -> str:
    if math.isnan(figure.value):
        return "NaN"
    return f"{figure.value:{sign}.3f} ({figure.low:{sign}.3f} to {figure.high:{sign}.3f})"
