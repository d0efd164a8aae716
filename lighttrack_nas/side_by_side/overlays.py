"""Fronts of several runs over each other: a front a run, none of them mixed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lighttrack_nas.results.fronts import choose_axes, shared_measurements
from lighttrack_nas.results.results import Result
from lighttrack_nas.results.runs import Run, different_keys, latency_problem, read_run
from lighttrack_nas.side_by_side.attainment import Attainment, attainment
from lighttrack_nas.side_by_side.run_groups import run_names, seed_groups
from lighttrack_nas.strategies.search.goals.objectives import parse_constraints, parse_objectives
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.results.fronts import Front, Hypervolume
    from lighttrack_nas.strategies.search.goals.objectives import Constraint, Objective


@dataclass(frozen=True, eq=False)
class Overlay:
    """Several runs beside each other; `overlay` makes it, `draw_overlay` draws it, `save_overlay` writes it.

    Attributes:
        results: Each run's own, by name.
        fronts: Each run's own, of the objectives that all have in common.
        labels: What legends call the runs: the name, and the space and the latencies' device where these differ.
        groups: Names of runs that differ by their seed alone, by group.
        reference: The worst values that count in every hypervolume, by objective: unless given, the worst of all
            networks of all runs that keep their limits. Empty where there are none to compare.
        notes: What a reader must know, a sentence each; the latencies' verdicts are the fronts'.
    """

    results: Mapping[str, Result]
    fronts: Mapping[str, Front]
    labels: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]]
    reference: Mapping[str, float]
    notes: tuple[str, ...]

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """Of every front."""
        return next(iter(self.fronts.values())).objectives

    @property
    def measured(self) -> dict[str, Front]:
        """The fronts that have networks: not those of searches that have only begun."""
        return {name: front for name, front in self.fronts.items() if len(front.table)}

    @property
    def table(self) -> pd.DataFrame:
        """The fronts' tables below each other, `run` the first column."""
        shown = self.measured or dict([next(iter(self.fronts.items()))])
        rows = pd.concat([front.table.assign(run=name) for name, front in shown.items()], ignore_index=True)
        rows.insert(0, "run", rows.pop("run"))
        return rows

    @property
    def hypervolumes(self) -> dict[str, Hypervolume]:
        """What each run's front covers up to `reference`; empty where no reference can be common."""
        return {name: front.hypervolume(self.reference) for name, front in self.fronts.items() if self.reference}

    def group_of(self, run: str) -> str:
        """The group that a run belongs to."""
        return next(group for group, names in self.groups.items() if run in names)

    def axes(self, x: str | None, y: str | None) -> tuple[str, str]:
        """Choose the axes that were left open, among what all runs measured that have measured anything.

        Raises:
            InputError: A run has no such measurement.
        """
        x, y = choose_axes(self.objectives, shared_measurements(self.fronts.values()), x, y)
        for front in self.measured.values():
            for name in (x, y):
                front.require(name)
        return x, y

    def attainments(self, x: str, y: str) -> dict[str, Attainment]:
        """What the runs of each group of two or more attain in two measurements.

        Args:
            x: A measurement.
            y: Another.
        """
        attainments = {}
        for group, names in self.groups.items():
            if len(names) > 1:
                fronts = [self.fronts[name] for name in names]
                points = [_feasible_points(front, x, y) for front in fronts]
                signs = np.array([fronts[0].sign(x), fronts[0].sign(y)])
                attainments[group] = attainment(points, signs)
        return attainments

    def drawn_attainments(self, x: str, y: str) -> dict[str, Attainment]:
        """`attainments`, with every surface drawn out to the worst `x` of all fronts."""
        sign = next(iter(self.fronts.values())).sign(x)
        ends = [sign * float(value) for front in self.measured.values() for value in front.table[x].dropna()]
        far = sign * max(ends, default=0.0)
        return {group: attained.reaching(far, sign) for group, attained in self.attainments(x, y).items()}


def overlay(
    folders: Sequence[Path | str],
    where: str | Constraint | Iterable[str | Constraint] | None = None,
    objectives: str | Objective | Iterable[str | Objective] | None = None,
    reference: Mapping[str, float] | None = None,
    by_strategy: bool = False,
) -> Overlay:
    """Read several runs, each with a front of its own.

    They may be of different spaces, strategies, seeds and machines: latencies of two machines stand side by side and
    are never compared.

    Args:
        folders: Of searches or chains, finished or still running.
        where: Limits besides the runs' own, as in `Result.front`.
        objectives: Instead of those that all runs have in common.
        reference: Worst values that count in hypervolumes, by objective; None takes the worst over all runs.
        by_strategy: Take runs of one strategy as one group even where more than their seed differs.

    Raises:
        InputError: A folder holds no search or was given twice, or the runs have no objective in common.
    """
    paths = [Path(folder) for folder in folders]
    if not paths:
        raise InputError("no folder was given: expected folders of searches")
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError(f"a folder was given twice in {', '.join(map(str, paths))}: it would lie over itself")
    runs = [read_run(path, name) for path, name in zip(paths, run_names(paths), strict=True)]
    return overlay_of(runs, where, objectives, reference, by_strategy)


def overlay_of(
    runs: Sequence[Run],
    where: str | Constraint | Iterable[str | Constraint] | None = None,
    objectives: str | Objective | Iterable[str | Objective] | None = None,
    reference: Mapping[str, float] | None = None,
    by_strategy: bool = False,
) -> Overlay:
    """Lay runs that were read over each other; see `overlay`."""
    results = {run.name: Result([run]) for run in runs}
    wanted = parse_objectives(objectives) if objectives is not None else _common(runs)
    limits = parse_constraints(where) if where is not None else None
    fronts = {name: result.front(limits, wanted) for name, result in results.items()}
    several = latency_problem(runs)
    names = [goal.name for goal in next(iter(fronts.values())).objectives]
    apart = bool(several) and "latency_ms" in names
    if apart and reference is not None:
        raise InputError(f"{several}: they have no reference in common")
    common = {} if apart else dict(reference) if reference is not None else _worst(fronts)
    return Overlay(
        results,
        fronts,
        _labels(runs, fronts, bool(several)),
        seed_groups(runs, by_strategy),
        common,
        (*_notes(runs, fronts, apart, several), *(note for result in results.values() for note in result.notes)),
    )


def _common(runs: Sequence[Run]) -> tuple[Objective, ...]:
    """The objectives that all runs have."""
    wanted = tuple(goal for goal in runs[0].objectives if all(goal in run.objectives for run in runs))
    if not wanted:
        names = ", ".join(run.name for run in runs)
        raise InputError(f"the runs {names} have no objective in common: name some with objectives")
    return wanted


def _feasible_points(front: Front, x: str, y: str) -> np.ndarray:
    """The best values in two measurements of a front's networks that keep its limits, ``(networks, 2)``."""
    if front.table.empty:  # may lack the very columns
        return np.empty((0, 2))
    kept = replace(front, table=front.table[front.table["feasible"].astype(bool)])
    return kept.best_of(x, y)[[x, y]].to_numpy(float)


def _worst(fronts: Mapping[str, Front]) -> dict[str, float]:
    """The worst of all networks that keep their run's limits, by objective."""
    worst: dict[str, float] = {}
    for front in fronts.values():
        if front.networks["feasible"].any():
            for goal in front.objectives:
                value = front.hypervolume().reference[goal.name]
                worst[goal.name] = goal.sign * max(goal.sign * value, goal.sign * worst.get(goal.name, value))
    return worst


def _labels(runs: Sequence[Run], fronts: Mapping[str, Front], several_devices: bool) -> dict[str, str]:
    spaces = {run.space.hash for run in runs}
    labels = {}
    for run in runs:
        told = [run.space.name] if len(spaces) > 1 else []
        told += [device_text(run)] if several_devices else []
        told += [] if fronts[run.name].keeps_limits else ["breaks limits"]
        labels[run.name] = run.name + (f" ({', '.join(told)})" if any(told) else "")
    return labels


def device_text(run: Run) -> str:
    """On what a run's latencies were measured, in a few words; "" where it says nothing."""
    ground = run.record.get("latency") or run.record.get("evaluator") or {}
    ground = {**ground, **dict(ground.get("fingerprint") or {})}
    named = ground.get("processor") or ground.get("device")
    return " ".join(str(part) for part in (named, ground.get("runtime")) if part)


def _notes(runs: Sequence[Run], fronts: Mapping[str, Front], apart: bool, several: str) -> list[str]:
    notes = [f"run '{name}': {note}" for name, front in fronts.items() for note in front.warnings]
    for run in runs[1:]:
        keys = different_keys(runs[0].record.get("evaluator") or {}, run.record.get("evaluator") or {})
        keys = [key for key in keys if key != "seed"]
        if keys:
            pair = f"runs '{runs[0].name}' and '{run.name}'"
            notes.append(f"{pair} measured differently ({', '.join(keys)}): their scores may not be of one scale")
    if len({frozenset(front.constraints) for front in fronts.values()}) > 1:
        told = "; ".join(f"{name}: {', '.join(map(str, one.constraints)) or 'none'}" for name, one in fronts.items())
        notes.append(f"the runs have different limits ({told}): each keeps its own, drawn are those of all")
    if several:
        notes.append(
            "latencies were measured on different ground: each front stands for its own device, and none is compared"
            + (" by hypervolume" if apart else "")
        )
    return notes
