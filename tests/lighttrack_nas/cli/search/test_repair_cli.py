"""A damaged journal, as the command line speaks of it and repairs it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend


def test_a_damaged_journal_is_repaired_on_demand(run: Callable[..., Any], tmp_path: Path) -> None:
    """Both commands say the line; the search then wants what every search wants."""
    (tmp_path / "chain.yaml").write_text("output: run\n")
    journal = tmp_path / "run/search/journal.log"
    journal.parent.mkdir(parents=True)
    optuna.create_study(study_name="search", storage=JournalStorage(JournalFileBackend(str(journal))))
    whole = journal.read_bytes()
    journal.write_bytes(whole + b"{\n")
    shown = run("front", "run/search")
    assert shown.code == 1
    assert "is damaged at line 2" in shown.err
    assert "search CONFIG --repair" in shown.err
    search = ("search", "chain.yaml", "--repair", "--set", "validation.path=nowhere")
    repaired = run(*search)
    assert "the damaged journal is kept as 'run/search/journal.log.damaged-1'" in repaired.err
    assert repaired.code == 1
    assert journal.read_bytes() == whole
    assert "the journal is whole" in run(*search).err
    assert "--repair is for journals" in run(*search, "--set", "search.storage=sqlite:///x.db").err
