"""The files of a comparison's runs: a CSV each, kept where it is whole."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from lighttrack_nas.strategies.search.storage.journal import DamagedJournalError, place_aside
from lighttrack_nas.strategies.search.storage.storage import repair_journal
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import read_text
from lighttrack_nas.trackers.base.progress import Say

Run = tuple[str, int]
"""A strategy's name and a seed."""


def run_file(output: Path, run: Run) -> Path:
    """Where a run's trials are kept."""
    return output / "runs" / run[0] / f"{run[1]:03d}.csv"


def kept_run(path: Path, run: Run, trials: int, measurements: Sequence[str], say: Say) -> pd.DataFrame | None:
    """Read a finished run; None where there is none, or, with a sentence, where its file is damaged.

    Args:
        path: Of the file.
        run: Whose it is.
        trials: That a whole run has.
        measurements: Columns that it must have.
        say: Told what is wrong with a damaged file.
    """
    if not path.is_file():
        return None
    try:
        return read_run(read_text(path, "run"), run, trials, measurements)
    except InputError as error:
        say(f"'{path}' is damaged, and the run is done again: {error}")
        return None


def journal_file(output: Path, run: Run) -> Path:
    """Where a run on a supernet is kept while it goes on."""
    return run_file(output, run).with_suffix(".log")


def mend_journal(path: Path, say: Say) -> None:
    """Bring the damaged journal of a stopped run to its whole lines, with a sentence; as it was, it is kept beside it.

    Args:
        path: Of the journal; one that is whole or missing is left as it is.
        say: Told what was damaged, and where it is kept.

    Raises:
        InputError: Another process holds it.
    """
    if not path.is_file():
        return
    try:
        kept, goes_on = repair_journal(path), "goes on from the lines before the damage"
    except DamagedJournalError:  # no line is whole
        kept, goes_on = path.rename(place_aside(path)), "begins anew"
    if kept is not None:
        say(f"journal '{path}' is damaged, and kept as '{kept}'; the run {goes_on}")


def read_run(text: str, run: Run, trials: int, measurements: Sequence[str]) -> pd.DataFrame:
    """Read a run's trials, a row each, with `strategy` and `seed` before the other columns.

    Raises:
        InputError: A row or a column is missing, or something else than a number stands where one should.
    """
    try:
        table = pd.read_csv(io.StringIO(text))
    except ValueError as error:
        raise InputError(f"it is no table ({str(error).strip()})") from None
    numbers = ["trial", "evaluations", "seconds", "overhead", *dict.fromkeys(measurements)]
    for name in (*numbers, "feasible"):
        if name not in table:
            raise InputError(f"column '{name}' is missing")
    if len(table) != trials:
        raise InputError(f"it has {len(table)} rows, and the run {trials} trials")
    for name in numbers:
        values = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(f"column '{name}', line {row + 2}: expected a number, got '{table[name].iloc[row]}'")
    if table["feasible"].dtype != bool:
        raise InputError("column 'feasible': expected True or False everywhere")
    if (np.diff(table["evaluations"]) < 0).any() or (np.diff(table["seconds"]) < 0).any():
        raise InputError("evaluations or seconds fall from one trial to the next")
    table.insert(0, "strategy", run[0])
    table.insert(1, "seed", run[1])
    return table
