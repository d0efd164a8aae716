"""The configuration of a comparison: which strategies, on what, with which budget."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from lighttrack_nas.config.config_files import read_with_overrides
from lighttrack_nas.config.config_parts import ConfigPart, Named, OutputFolder, checked
from lighttrack_nas.strategies.search.goals.objectives import Constraint, Objective, parse_constraints, parse_objectives
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name

if TYPE_CHECKING:
    from lighttrack_nas.strategies.search.search_problem import SearchStrategy


class ComparisonConfig(ConfigPart):
    """Strategies times seeds on one evaluator with one budget.

    Attributes:
        table: What answers: a table that ships, a file of `build-table`, or a table of places (.json).
        chain: In place of a table: the configuration of a chain, whose supernet and search settings measure.
        chain_set: Values to set otherwise in it, such as "output=runs/real".
        strategies: The name in tables and figures -> a search strategy, by name or as a mapping with settings.
        seeds: How many seeds of each strategy, from 0 on.
        trials: Completed trials of each run.
        objectives: As of a search.
        constraints: As of a search.
        under: A constraint under which the best value of the first objective is shown, such as "macs <= 12M".
        reference: The worst value that counts in the hypervolume, by objective. Those left out are the worst of the
            table (or a limit on them), or of all runs.
        share: The share of the best known front's hypervolume that runs are timed to.
        workers: Processes, each with one torch thread.
        output: Folder for everything.
    """

    table: str | None = None
    chain: str | None = None
    chain_set: tuple[str, ...] = ()
    strategies: dict[str, Named] = Field(min_length=1)
    seeds: int = Field(default=10, ge=1, le=1000)
    trials: int = Field(default=300, ge=2)
    objectives: tuple[str, ...] = ("maximize ao", "minimize macs")
    constraints: tuple[str, ...] = ()
    under: str | None = None
    reference: dict[str, float] = {}
    share: float = Field(default=0.99, gt=0, le=1)
    workers: int = Field(default=2, ge=1, le=256)
    output: OutputFolder = "runs/compare"

    @property
    def goals(self) -> tuple[Objective, ...]:
        """The objectives, parsed."""
        return parse_objectives(self.objectives)

    def strategy(self, name: str, seed: int) -> SearchStrategy:
        """Make one of the strategies.

        Args:
            name: Of `strategies`.
            seed: Of the strategy, unless its settings give one.

        Raises:
            InputError: No such strategy or setting, or an impossible value.
        """
        from lighttrack_nas.strategies.search.search_registry import named_strategy

        where = f"strategies.{name}"
        try:
            return named_strategy(self.strategies[name], where=where, seed=seed)
        except InputError as error:
            raise InputError(f"{where}: {str(error).removeprefix(where + ': ')}") from None

    @property
    def bounds(self) -> tuple[Constraint, ...]:
        """The constraints, parsed."""
        return parse_constraints(self.constraints)


def load_comparison(path: str | Path, overrides: Sequence[str] = ()) -> ComparisonConfig:
    """Read a comparison's file, and set single values otherwise.

    Args:
        path: A YAML file. Files that it names are found relative to it.
        overrides: Such as "trials=100" or "strategies.nsga2.population_size=20".

    Raises:
        InputError: Unreadable file, unknown key, strategy or setting, or impossible value; it says where.
    """
    where = f"comparison '{path}'"
    content = read_with_overrides(path, overrides, where, "table, strategies, seeds, trials")
    for name in ("table", "chain"):
        value = content.get(name)
        if isinstance(value, str) and value.endswith((".zip", ".json", ".yaml", ".yml")):
            content[name] = str(Path(path).parent / value)
    comparison: ComparisonConfig = checked(ComparisonConfig, content, where)
    try:
        _check(comparison)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return comparison


def _check(comparison: ComparisonConfig) -> None:
    from lighttrack_nas.strategies.search.search_problem import require_budget

    if (comparison.table is None) == (comparison.chain is None):
        raise InputError("give one of 'table' (such as lighttrack-table) and 'chain' (a chain's configuration)")
    names = [goal.name for goal in comparison.goals]
    for name in comparison.reference:
        checked_name(name, names, "objective in 'reference',")
    if comparison.under is not None and len(parse_constraints(comparison.under)) != 1:
        raise InputError(f"under: expected one constraint such as 'macs <= 12M', got '{comparison.under}'")
    for name in comparison.strategies:
        if not name or "/" in name or name.startswith("."):
            raise InputError(f"strategies: {name!r} cannot name a file; use letters, digits, '-' and spaces")
        require_budget(comparison.strategy(name, 0), comparison.trials)
