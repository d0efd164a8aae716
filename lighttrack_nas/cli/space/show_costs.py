"""`costs`: of one architecture, or of a whole space."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lighttrack_nas.cli.shared.printing import print_json, print_note, print_table
from lighttrack_nas.costing.cost_files import save_costs
from lighttrack_nas.reporting.phrases import uncounted_text
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.benchmarks.costs.network_costs import Costs
    from lighttrack_nas.costing.cost_analysis import SpaceCosts
    from lighttrack_nas.search_spaces.space import Architecture

_BAR = 50


def costs(
    source: str | None,
    space: str | None,
    search_size: int | None,
    sample: int | None,
    seed: int | None,
    where: list[str],
    latency_table: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Print what an architecture costs, or with `sample` what a space's architectures cost."""
    of_space = {"--seed": seed, "--where": where, "--latency-table": latency_table, "--output": output}
    given = [name for name, value in of_space.items() if value not in (None, [])]
    if sample is not None:
        if source is not None:
            raise InputError(f"'{source}' and --sample: give an architecture, or --space and --sample, not both")
        if space is None:
            raise InputError("--sample draws from a space: add --space with a preset's name or a YAML file")
        _costs_of_space(space, search_size, sample, seed or 0, where, latency_table, output, as_json)
        return
    if source is None:
        what = "to draw from the space" if space else "with --space to draw from a space"
        raise InputError(f"give an architecture (a code or a file), or --sample N {what}")
    if given:
        raise InputError(f"{', '.join(given)}: about a space, not about one architecture; it goes with --sample")
    _costs_of_one(source, space, search_size, as_json)


def _costs_of_one(source: str, space: str | None, search_size: int | None, as_json: bool) -> None:
    from lighttrack_nas.benchmarks.costs.network_costs import measure_costs
    from lighttrack_nas.models.architecture_files import find_architecture

    architecture = find_architecture(source, space, print_note)
    measured = measure_costs(architecture, search_size)
    if as_json:
        record: dict[str, Any] = {"space": architecture.space.name, "space_hash": architecture.space.hash}
        print_json(record | measured.to_dict() | {"architecture": json.loads(architecture.to_json())["choices"]})
        return
    _print_costs(architecture, measured)


def _costs_of_space(
    name: str,
    search_size: int | None,
    sample: int,
    seed: int,
    where: list[str],
    latency_table: Path | None,
    output: Path | None,
    as_json: bool,
) -> None:
    from lighttrack_nas.costing.cost_analysis import cost_constraints, load_costing, space_costs
    from lighttrack_nas.search_spaces.loading.loading import load_space
    from lighttrack_nas.trackers.base.files import make_folder

    space = load_space(name)
    constraints = cost_constraints(where, with_latency=latency_table is not None)  # before the work
    latency = None
    if latency_table is not None:
        from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable

        latency = LatencyTable.load(latency_table, space)
    if output is not None:
        make_folder(output)  # before the work
    costs = space_costs(load_costing(space, search_size), sample, seed=seed, constraints=constraints, latency=latency)
    files = save_costs(costs, output) if output is not None else []
    if as_json:
        print_json(costs.to_dict() | {"files": [str(path) for path in files]})
        return
    _print_space(costs)
    for path in files:
        print(path)


def _print_costs(architecture: Architecture, measured: Costs) -> None:
    print(f"space {architecture.space.name} ({architecture.space.hash})\n")
    rows = [
        (part, f"{values['params']:,}", f"{values['macs'] / 1e6:,.2f} M") for part, values in measured.parts.items()
    ]
    rows.append(("one tracked frame", f"{measured.params:,}", f"{measured.macs / 1e6:,.2f} M"))
    rows.append(("template, once", "", f"{measured.macs_template / 1e6:,.2f} M"))
    print_table(("part", "parameters", "MACs"), rows, right=(1, 2))
    print(f"\nMACs at search {measured.search_size}, template {measured.template_size} pixels; counted by")
    print(f"{measured.counter}: {measured.convention}")
    if measured.uncounted:
        print("not counted: " + ", ".join(f"{name} ({count} times)" for name, count in measured.uncounted.items()))


def _print_space(costs: SpaceCosts) -> None:
    from lighttrack_nas.costing.cost_analysis import QUANTILES
    from lighttrack_nas.reporting.plot_style import axis_of

    space = costs.table.space
    print(f"space {space.name} ({space.hash}), search {' or '.join(map(str, costs.table.searched))} pixels")
    if text := uncounted_text(costs.table.uncounted):
        print(text)
    print(f"{len(costs.samples):,} architectures, every label combination equally likely (seed {costs.seed})")
    if costs.latency is not None:
        print(f"latency predicted for {costs.latency.fingerprint}")
        print(f"median error of the prediction {costs.latency.check.median_error:.1%}")
    print()
    names = {0.0: "least", 0.5: "median", 1.0: "greatest"}
    header = ["drawn", *(names.get(quantile, f"{quantile:.0%}") for quantile in QUANTILES)]
    rows = [
        [axis_of(name).label, *(_number(name, value) for value in values)]
        for name, *values in costs.quantiles.itertuples(name=None)
    ]
    print_table(header, rows, right=range(1, len(header)))
    for name in costs.measurements:
        print(f"\n{axis_of(name).label}")
        _print_histogram(costs, name)
    if costs.shares:
        print()
        cells = [
            (share.constraint, f"{share.share:.2%}", f"{share.low:.2%} to {share.high:.2%}") for share in costs.shares
        ]
        print_table(("constraint", "kept by", "95 % interval"), cells, right=(1, 2))
    _print_extremes(costs)


def _print_histogram(costs: SpaceCosts, name: str) -> None:
    counts, edges = costs.histogram(name)
    texts = [_number(name, edge) for edge in edges]
    width = max(map(len, texts))
    for count, low, high in zip(counts, texts, texts[1:], strict=False):
        # What is rare stays visible.
        bar = "#" * round(_BAR * count / counts.max()) or ("." if count else "")
        share = f"{count / len(costs.samples):.1%}"
        print(f"{low:>{width}} to {high:>{width}}  {share:>6}  {bar}".rstrip())


def _print_extremes(costs: SpaceCosts) -> None:
    from lighttrack_nas.reporting.architecture_texts import official_codes
    from lighttrack_nas.results.front_texts import architecture_lines

    if costs.extremes:
        print("\nexactly, of the whole space:")
    for name, ends in costs.extremes.items():
        for end, architecture in ends._asdict().items():
            values = costs.table.costs(architecture)
            print(f"{end} in {name}: {_number('macs', values['macs'])} M MACs, ", end="")
            print(f"{_number('params', values['params'])} M parameters")
            (code,) = official_codes([architecture])
            print("\n".join(f"  {line}" for line in ([code] if code else architecture_lines(architecture))))


def _number(name: str, value: float) -> str:
    from lighttrack_nas.reporting.plot_style import axis_of

    axis = axis_of(name)
    return f"{value / axis.divisor:,.{axis.digits}f}"
