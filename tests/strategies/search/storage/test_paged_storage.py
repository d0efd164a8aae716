"""Trials of a database, read a page at a time: the same trials as Optuna's own storage reads at once."""

import shutil
import sqlite3
from collections.abc import Container
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.testing.pytest_storages import StorageTestCase
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import OperationalError

from lighttrack_nas.strategies.search.storage import paged_storage
from lighttrack_nas.strategies.search.storage.paged_storage import PagedStorage
from lighttrack_nas.strategies.search.storage.storage import connect, quiet_optuna
from lighttrack_nas.strategies.search.storage.trials import load_search, trials_with_values
from lighttrack_nas.trackers.base.errors import InputError

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


@pytest.fixture(scope="module")
def whole_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of one trial."""
    file = tmp_path_factory.mktemp("whole") / "search.db"
    study = optuna.create_study(storage=f"sqlite:///{file}", study_name="search", directions=["maximize", "minimize"])
    trial = study.ask({"kernel": KERNEL})
    trial.set_user_attr("b", [1])
    study._storage.set_trial_system_attr(trial._trial_id, "constraints:c", 0.5)
    study._storage.set_study_system_attr(study._study_id, "nsga2:generation", 0)
    study.set_user_attr("space", "x")
    study.tell(trial, [0.5, 1.0])
    return file


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE trials SET state = 'x'", "holds what cannot be read: LookupError"),
        ("UPDATE trials SET datetime_start = 'x'", "holds what cannot be read: ValueError"),
        ("UPDATE trial_values SET objective = objective + 9", "holds what cannot be read: IndexError"),
        ("UPDATE trial_values SET value = 'x'", "trial 0: values: expected numbers, got"),
        ("UPDATE trials SET number = 7", "the trials' numbers: expected all from 0 to 0, in their order"),
        ("UPDATE trials SET number = 1e308", "the trials' numbers"),
        ("UPDATE trial_user_attributes SET key = 'path'", r"trial 0: path: \[1\] cannot stand there"),
        ("UPDATE trial_params SET param_value = 9e999", "holds what cannot be read: OverflowError"),
        ("UPDATE trial_params SET distribution_json = 'x'", "holds what cannot be read: JSONDecodeError"),
        ("UPDATE trial_params SET distribution_json = CAST(X'FF' AS TEXT)", "holds what cannot be read"),
        ("UPDATE trial_user_attributes SET value_json = '['", "holds what cannot be read: JSONDecodeError"),
        ("UPDATE studies SET study_name = X'FF'", "database"),
        ("UPDATE study_directions SET direction = 'x'", "is no database of Optuna, or a damaged one: LookupError"),
        ("UPDATE trial_system_attributes SET value_json = '[[1]]'", "constraints:c.*cannot stand there"),
        ("UPDATE trial_system_attributes SET key = 'nsga2:generation'", "generation.*cannot stand there"),
        ("UPDATE trial_system_attributes SET key = NULL", "None: 0.5 cannot stand there"),
    ],
)
def test_a_damaged_database_is_a_sentence(change: str, said: str, whole_database: Path, tmp_path: Path) -> None:
    shutil.copy(whole_database, tmp_path / "search.db")
    with closing(sqlite3.connect(tmp_path / "search.db")) as database:
        database.execute(change)
        database.commit()
    with pytest.raises(InputError, match=said):
        load_search(f"sqlite:///{tmp_path / 'search.db'}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "UPDATE study_system_attributes SET value_json = '-1'",
            "the study: 'nsga2:generation': -1 cannot stand there",
        ),
        ("UPDATE study_user_attributes SET value_json = 'x'", "JSONDecodeError"),
        (f"UPDATE study_user_attributes SET value_json = '{'[' * 200}{']' * 200}'", "the study: more than 100 lists"),
        (f"UPDATE trial_user_attributes SET value_json = '{'[' * 200}{']' * 200}'", "trial 0: more than 100 lists"),
        (f"UPDATE trial_user_attributes SET value_json = '{'[' * 9000}'", "Error: "),
    ],
)
def test_damaged_attributes_are_a_sentence(change: str, said: str, whole_database: Path, tmp_path: Path) -> None:
    shutil.copy(whole_database, tmp_path / "search.db")
    with closing(sqlite3.connect(tmp_path / "search.db")) as database:
        database.execute(change)
        database.commit()
    storage = connect(f"sqlite:///{tmp_path / 'search.db'}")
    with pytest.raises(InputError, match=f"holds what cannot be read: .*{said}.*; take an earlier copy of it"):
        (storage.get_study_system_attrs(1), storage.get_study_user_attrs(1), storage.get_all_trials(1))


def test_a_server_that_is_away_is_no_damage_whatever_its_name(
    whole_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = PagedStorage(f"sqlite:///{whole_database}")

    def away(*_: object) -> None:
        raise StorageInternalError from OperationalError("SELECT", {}, Exception("no route to host decoder1"))

    monkeypatch.setattr(RDBStorage, "_get_trials", away)
    with pytest.raises(StorageInternalError):
        storage.get_all_trials(1)


class TestOptunasOwn(StorageTestCase):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> optuna.storages.BaseStorage:
        return PagedStorage(f"sqlite:///{tmp_path / 'search.db'}")


def test_a_trial_with_another_number_of_values_is_named() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    trial = study.ask({"a": optuna.distributions.CategoricalDistribution(["x", "y"])})
    study.tell(trial, [0.5, 1.0])
    assert trials_with_values(study) == study.trials
    study._storage.get_all_trials(study._study_id, deepcopy=False)[0].values = [0.5]
    with pytest.raises(InputError, match=r"trial 0: expected a value for each of 2 objectives, got \[0.5\]"):
        trials_with_values(study)
