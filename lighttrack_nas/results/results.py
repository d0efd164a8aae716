"""What searches found: the trials of one or several runs as a table, and the front of their networks.

A run's journal is only read, so a search may still be writing it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lighttrack_nas.benchmarks.scoring.latency_verdict import LatencyVerdict, judge_latencies
from lighttrack_nas.reporting.architecture_texts import choices_json, official_codes
from lighttrack_nas.results.fronts import LATENCY_AGAIN_COLUMN, Front
from lighttrack_nas.results.networks import front_rows, judge, network_table, require_measured
from lighttrack_nas.results.runs import Run, latency_problem, notes_on, read_run, run_of, search_folder
from lighttrack_nas.strategies.search.goals.objectives import (
    MEASUREMENTS,
    Constraint,
    Objective,
    parse_constraints,
    parse_objectives,
)
from lighttrack_nas.strategies.search.storage.trials import digest, labels_without_say
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.names import checked_name

if TYPE_CHECKING:
    from optuna import Study

    from lighttrack_nas.search_spaces.space import Architecture

_SHORTEST_DIGEST = 4
_COLUMNS = (
    "run",
    "trial",
    *MEASUREMENTS,
    "feasible",
    "violation",
    "seconds",
    "copied_from",
    "path",
    "network",
    "code",
    "choices",
    "without_say",
)


class Result:
    """The trials of one or several runs of one space. Immutable: load again to see what a running search adds.

    Several runs are treated as one search: their objectives are those that all have in common, and every constraint of
    any of them holds. What such a union may hide is said in `notes`.

    Attributes:
        space: The space searched.
        objectives: What the runs searched for.
        constraints: What the runs kept to.
        record: By run: strategy, evaluator, versions, objectives, constraints.
        notes: What a reader must know: failed trials, runs that differ.
        trials: A row a finished trial: `run`, `trial`, the measurements as present (`ao`, `loss`, `macs`, `params`,
            `latency_ms`), `feasible`, `violation`, `seconds`, `copied_from` (the trial whose measurements it has),
            `path` and `network` (digests), `code` (official, of spaces that have one), `choices` (JSON, every choice as
            proposed), `without_say` (those of them without a say in the trial's network, joined by spaces).

    Args:
        runs: One or more, of different names.

    Raises:
        InputError: The runs are of different spaces, or have no objective in common.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        first = runs[0]
        for run in runs[1:]:
            if run.space.hash != first.space.hash:
                raise InputError(
                    f"run '{run.name}' searched space '{run.space.name}' ({run.space.hash}), run '{first.name}' "
                    f"'{first.space.name}' ({first.space.hash}): only runs of one space have a front together"
                )
        self._runs = {run.name: run for run in runs}
        self.space = first.space
        self.objectives = tuple(o for o in first.objectives if all(o in run.objectives for run in runs))
        if not self.objectives:
            raise InputError(f"the runs {', '.join(self._runs)} have no objective in common: look at each alone")
        self.constraints = tuple(dict.fromkeys(constraint for run in runs for constraint in run.constraints))
        self.record = {run.name: run.record for run in runs}
        networks = [[trial.architecture.canonical() for trial in run.trials] for run in runs]
        self._networks = {digest(network): network for of_run in networks for network in of_run}
        self.trials = _trial_table(runs, networks, self.constraints)
        self.notes = tuple(notes_on(runs))

    @classmethod
    def load(cls, folders: Path | str | Iterable[Path | str]) -> Result:
        """Read the runs in one or several folders.

        Args:
            folders: Output folders of searches, finished or still running.

        Raises:
            InputError: A folder holds no search, its journal is damaged, or the runs do not belong together.
        """
        paths = [Path(folders)] if isinstance(folders, (str, Path)) else [Path(folder) for folder in folders]
        if not paths:
            raise InputError("no folder was given: expected one or more folders of searches")
        whole = [search_folder(path).resolve() for path in paths]
        if len(set(whole)) < len(whole):
            raise InputError(f"a folder was given twice in {', '.join(map(str, paths))}: its trials would count twice")
        names = [path.name for path in whole]
        if len(set(names)) < len(names):
            names = [str(path) for path in whole]
        return cls([read_run(path, name) for path, name in zip(paths, names, strict=True)])

    @classmethod
    def from_study(cls, study: Study) -> Result:
        """Read a study, as a search returns it.

        Raises:
            InputError: It is not of a search.
        """
        return cls([run_of(study, study.study_name)])

    def architecture(self, which: str | int, run: str | None = None) -> Architecture:
        """The architecture of a network or of a trial.

        Args:
            which: A network's digest or its first digits (at least 4) gives the canonical form; a trial's number
                the very path that was measured.
            run: Of which run the trial is, where there are several.

        Raises:
            InputError: There is none, or more than one.
        """
        if isinstance(which, int):
            if run is None and len(self._runs) > 1:
                raise InputError(f"trial {which} of which run? Known: {', '.join(self._runs)}")
            name = checked_name(run or next(iter(self._runs)), self._runs, "run")
            architectures = [trial.architecture for trial in self._runs[name].trials if trial.number == which]
            if not architectures:
                raise InputError(f"run '{name}' has no completed trial {which}")
            return architectures[0]
        networks = [network for network in self._networks if network.startswith(which)]
        if len(networks) != 1 or len(which) < _SHORTEST_DIGEST:
            raise InputError(
                f"'{which}' is the start of {len(networks)} networks' digests; expected a trial's number, or "
                f"{_SHORTEST_DIGEST} to 16 digits of one network, as in the table of trials"
            )
        return self._networks[networks[0]]

    def front(
        self,
        where: str | Constraint | Iterable[str | Constraint] | None = None,
        objectives: str | Objective | Iterable[str | Objective] | None = None,
    ) -> Front:
        """Find the networks that no other network beats in every objective.

        Each network counts once, by the mean over its paths.

        Args:
            where: Constraints such as "macs<=600M", besides the runs' own; a limit on the same side of the same
                measurement takes the place of the runs'.
            objectives: Instead of the runs' own.

        Returns:
            The front. Where no network keeps the constraints, it lists those that break them least, and says so.

        Raises:
            InputError: Malformed text, something that was not measured, or latencies that cannot be compared.
        """
        wanted = parse_objectives(objectives) if objectives is not None else self.objectives
        limits = parse_constraints(where) if where is not None else ()
        replaced = {(limit.name, limit.sense) for limit in limits}
        constraints = (*(c for c in self.constraints if (c.name, c.sense) not in replaced), *limits)
        problem = latency_problem(list(self._runs.values()))
        trials = self.trials.drop(columns="latency_ms", errors="ignore") if problem else self.trials
        networks = network_table(trials, constraints)
        measured = tuple(name for name in MEASUREMENTS if name in trials)
        for name in [*(objective.name for objective in wanted), *(limit.name for limit in constraints)]:
            require_measured(name, measured, problem)
        table, note = front_rows(networks, wanted, constraints)
        architectures = tuple(self._networks[network] for network in table["network"])
        table["code"] = official_codes(architectures)
        table["choices"] = [choices_json(architecture) for architecture in architectures]
        verdict = None if problem else self._add_latency_again(table)
        uncounted = dict.fromkeys(name for run in self._runs.values() for name in run.uncounted)
        return Front(
            self.space,
            wanted,
            constraints,
            table,
            networks,
            architectures,
            note,
            problem,
            verdict,
            uncounted=tuple(uncounted),
            known=self._networks,
        )

    def _add_latency_again(self, table: pd.DataFrame) -> LatencyVerdict | None:
        """Put what was measured again beside the latencies of a front; say how well the two agree."""
        again = {network: value for run in self._runs.values() for network, value in run.latency_again.items()}
        if "latency_ms" not in table or not again.keys() & set(table["network"]):
            return None
        values = table["network"].map(again).astype(float)
        table.insert(list(table.columns).index("latency_ms") + 1, LATENCY_AGAIN_COLUMN, values)
        both = table.dropna(subset=["latency_ms", LATENCY_AGAIN_COLUMN])
        if both.empty:
            return None
        references = [ms for run in self._runs.values() for ms in run.latency_references]
        return judge_latencies(
            both["latency_ms"].to_numpy(float), both[LATENCY_AGAIN_COLUMN].to_numpy(float), references
        )

    def save(self, folder: Path | str) -> Path:
        """Write trials.csv; returns the file."""
        path = Path(folder) / "trials.csv"
        write_atomically(path, self.trials.to_csv(index=False, lineterminator="\n"))
        return path


def _trial_table(
    runs: Sequence[Run], networks: Sequence[Sequence[Architecture]], constraints: Sequence[Constraint]
) -> pd.DataFrame:
    """A row a trial, whose canonical networks are given.

    A measurement that no run has and no objective asks for gets no column.
    """
    rows: list[dict[str, Any]] = []
    for run, of_run in zip(runs, networks, strict=True):
        codes = official_codes([trial.architecture for trial in run.trials])
        for trial, network, code in zip(run.trials, of_run, codes, strict=True):
            feasible, violation = judge(constraints, trial.measurements)
            rows.append(
                {"run": run.name, "trial": trial.number}
                | {name: trial.measurements.get(name) for name in MEASUREMENTS}
                | {
                    "feasible": feasible,
                    "violation": violation,
                    "seconds": trial.seconds,
                    "copied_from": trial.copied_from,
                    "path": digest(trial.architecture.path()),
                    "network": digest(network),
                    "code": code,
                    "choices": choices_json(trial.architecture),
                    "without_say": " ".join(labels_without_say(trial.architecture)),
                }
            )
    table = pd.DataFrame(rows, columns=_COLUMNS)
    wanted = {objective.name for run in runs for objective in run.objectives}
    absent = [name for name in MEASUREMENTS if table[name].isna().all() and name not in wanted]
    types = {"copied_from": "Int64"} | {name: float for name in MEASUREMENTS}
    return table.drop(columns=absent).astype({k: v for k, v in types.items() if k not in absent})
