"""Trials in memory: as a storage has them, without looking at ended ones again, and with one copy of what is common."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from lighttrack_nas.strategies.search.storage import journal
from lighttrack_nas.strategies.search.storage.journal import JournalFile
from lighttrack_nas.strategies.search.storage.kept_trials import Common, KeptTrials
from lighttrack_nas.strategies.search.storage.storage import open_shared

CHOICES: dict[str, Any] = {"a": CategoricalDistribution(["k3", "k5"]), "b": CategoricalDistribution(["k3", "skip"])}
STATES = [None, (TrialState.RUNNING,), (TrialState.WAITING, TrialState.RUNNING), (TrialState.COMPLETE,), ()]


def act(study: optuna.Study, rng: np.random.Generator) -> None:
    """Begin a trial, queue one, or end one, whoever began it."""
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    action = rng.integers(4)
    if action == 0:
        study.enqueue_trial({"a": "k5"})
    elif action == 1 or not running:
        study.ask(CHOICES).set_user_attr("measurements", {"macs": 1.5, "labels": ["a"]})
    else:
        state = TrialState.FAIL if action == 2 else TrialState.COMPLETE
        values = [1.0] if state == TrialState.COMPLETE else None
        study.tell(running[rng.integers(len(running))].number, values, state=state)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("singly", [True, False])
def test_trials_are_the_storages(tmp_path: Path, seed: int, singly: bool) -> None:
    rng = np.random.default_rng(seed)
    storages: list[BaseStorage] = [JournalFile(tmp_path / "journal.log").replay() for _ in range(2)]
    studies = [optuna.create_study(storage=storage, study_name="x", load_if_exists=True) for storage in storages]
    kept = KeptTrials(storages[0], singly=singly)
    for _ in range(40):
        act(studies[rng.integers(2)], rng)
        if rng.random() < 0.5:
            for states in STATES:
                assert kept.read(0, states) == storages[1].get_all_trials(0, states=states)
    with pytest.raises(KeyError):
        kept.read(1)


def test_ended_trials_are_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = InMemoryStorage()
    study = optuna.create_study(storage=storage)
    kept = KeptTrials(storage, singly=True)
    for _ in range(20):
        study.tell(study.ask(CHOICES), 1.0)
    study.ask(CHOICES)
    kept.read(0)
    asked: list[int] = []
    get_trial = storage.get_trial
    monkeypatch.setattr(storage, "get_trial", lambda number: asked.append(number) or get_trial(number))
    monkeypatch.setattr(storage, "get_all_trials", None)
    assert [trial.number for trial in kept.read(0, (TrialState.RUNNING,))] == [20]
    assert len(kept.read(0)) == 21
    assert asked == [20, 20]


@pytest.mark.parametrize("at_once", [1, 7, 50, 5000])
def test_a_replay_in_parts_is_a_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    path = tmp_path / "journal.log"
    writing, rng = JournalFile(path).replay(), np.random.default_rng(0)
    for name in ("gone", "x", "y"):
        study = optuna.create_study(storage=writing, study_name=name)
        for _ in range(30):
            act(study, rng)
    optuna.delete_study(study_name="gone", storage=writing)
    monkeypatch.setattr(journal, "_AT_ONCE", at_once)
    whole, parts = JournalStorage(JournalFileBackend(str(path))), JournalFile(path).replay()
    for number in (1, 2):
        assert parts.get_all_trials(number) == whole.get_all_trials(number)
    ended = [trial for trial in parts.get_all_trials(1, deepcopy=False) if trial.state.is_finished() and trial.params]
    if at_once < 50:
        assert len({id(trial.distributions) for trial in ended[:-3] if len(trial.params) == 2}) == 1
    # What is written from now on is read, whatever a part's length.
    study = optuna.load_study(study_name="x", storage=parts)
    study.tell(study.ask(CHOICES), 1.0)
    assert whole.get_all_trials(1) == parts.get_all_trials(1)


def test_what_is_shared_is_equal() -> None:
    common = Common()
    kinds: dict[str, Any] = {
        "a": CHOICES["a"],
        "number": CategoricalDistribution([1, 2]),
        "switch": CategoricalDistribution([True, False]),
        "rate": FloatDistribution(0.1, 1.0),
    }
    params = {"a": "k3", "number": 1, "switch": True, "rate": 0.5}
    trials = [
        create_trial(
            value=1.0, params=params, distributions=copy.deepcopy(kinds), user_attrs={"x": [1, True, {"y": "k"}]}
        )
        for _ in range(3)
    ]
    before = [repr(trial) for trial in trials]
    for trial in trials:
        common.share(trial)
    assert [repr(trial) for trial in trials] == before
    assert trials[0].distributions["a"] is trials[2].distributions["a"]
    assert trials[0].distributions["switch"].choices[0] is True


def test_others_write_while_a_journal_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of trials take longer to read than others wait for their turn."""
    path = tmp_path / "journal.log"
    study = optuna.create_study(storage=open_shared(path), study_name="x")
    monkeypatch.setattr(journal, "PATIENCE", 0.1)
    entry, told = JournalFile._entry, []

    def write_first(self: JournalFile, line: bytes) -> Any:
        if not told:
            told.append(study)
            study.tell(study.ask(), 1.0)
        return entry(self, line)

    monkeypatch.setattr(JournalFile, "_entry", write_first)
    assert len(open_shared(path).get_all_trials(0)) == 1
