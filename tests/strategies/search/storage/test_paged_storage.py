"""Trials of a database, read a page at a time: the same trials as Optuna's own storage reads at once."""

from collections.abc import Container
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from lighttrack_nas.strategies.search.storage import paged_storage
from lighttrack_nas.strategies.search.storage.paged_storage import PagedStorage
from lighttrack_nas.strategies.search.storage.storage import connect, quiet_optuna

KERNEL = CategoricalDistribution(["k3", "k5", "k7"])


def two_searches(url: str, trials: int) -> list[str]:
    """Two studies whose trials alternate, of every state that a trial may have."""
    names = ["search", "another"]
    with quiet_optuna():
        studies = [optuna.create_study(study_name=name, storage=url, directions=["maximize"] * 2) for name in names]
    for number in range(trials):
        for study in studies:
            trial = study.ask({"kernel": KERNEL})
            trial.set_user_attr("number", number)
            match number % 4:
                case 0 | 1:
                    study.tell(trial, [number, -number])
                case 2:
                    study.tell(trial, state=TrialState.FAIL)
    return names


def parts(trial: FrozenTrial) -> tuple[object, ...]:
    return (trial, trial.number, trial.state, trial.values, trial.params, trial.distributions, trial.user_attrs)


@pytest.mark.parametrize("trials", [0, 1, 4, 5, 8, 11])
def test_pages_hold_what_the_database_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trials: int) -> None:
    monkeypatch.setattr(paged_storage, "PAGE", 4)
    url = f"sqlite:///{tmp_path / 'search.db'}"
    names = two_searches(url, trials)
    at_once: list[int] = []

    class Counting(RDBStorage):
        def _get_trials(
            self, study_id: int, states: Container[TrialState] | None, included_trial_ids: set[int], above: int
        ) -> list[FrozenTrial]:
            read = super()._get_trials(study_id, states, included_trial_ids, above)
            at_once.append(len(read))
            return read

    class Paged(PagedStorage, Counting):
        pass

    ours, optunas = Paged(url), RDBStorage(url)
    for name in names:
        study_id = ours.get_study_id_from_name(name)
        assert [*map(parts, ours.get_all_trials(study_id))] == [*map(parts, optunas.get_all_trials(study_id))]
    assert max(at_once) <= 4
    assert sum(at_once) == 2 * trials


def test_later_reads_see_what_is_new_and_what_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paged_storage, "PAGE", 4)
    url = f"sqlite:///{tmp_path / 'search.db'}"
    two_searches(url, 11)
    reader = optuna.load_study(study_name="search", storage=connect(url))
    writer = optuna.load_study(study_name="search", storage=url)
    assert [trial.number for trial in reader.get_trials() if trial.state == TrialState.RUNNING] == [3, 7]
    writer.tell(3, [0.25, 0.5])
    writer.tell(writer.ask({"kernel": KERNEL}), [1, 2])
    assert [*map(parts, reader.get_trials())] == [*map(parts, writer.get_trials())]


def test_what_the_trials_have_in_common_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paged_storage, "PAGE", 4)
    url = f"sqlite:///{tmp_path / 'search.db'}"
    two_searches(url, 11)
    trials = PagedStorage(url).get_all_trials(1, deepcopy=False)
    assert len({id(trial.distributions) for trial in trials if trial.state.is_finished()}) == 1
