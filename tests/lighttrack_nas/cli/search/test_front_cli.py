"""`front` and `findings` as the command line calls them."""

import json
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import create_trial

from lighttrack_nas.cli.search.show_fronts import findings, front
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.search.storage.trials import digest
from lighttrack_nas.trackers.base.errors import InputError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Eight networks of the full space: the more MACs, the better."""
    space = load_space("lighttrack")
    folder = tmp_path / "run"
    folder.mkdir()
    storage = JournalStorage(JournalFileBackend(str(folder / "journal.log")))
    study = optuna.create_study(study_name="search", storage=storage, directions=["maximize", "minimize"])
    for name, value in {
        "space": space.description.model_dump(mode="json"),
        "space_hash": space.hash,
        "objectives": ["maximize ao", "minimize macs"],
        "constraints": ["macs <= 600M"],
        "evaluator": {},
    }.items():
        study.set_user_attr(name, value)
    rng = np.random.default_rng(0)
    for index in range(8):
        drawn = space.sample(rng)
        measured = {"ao": 0.4 + index / 100, "macs": (200 + 50 * index) * 1e6, "params": 1e6 + 1e5 * index}
        about = {"measurements": measured, "path": digest(drawn.path()), "network": digest(drawn.canonical())}
        choices = {label: CategoricalDistribution(values) for label, values in space.labels.items()}
        values = [measured["ao"], measured["macs"]]
        study.add_trial(
            create_trial(values=values, params=dict(drawn.choices), distributions=choices, user_attrs=about)
        )
    return folder


def test_front_shows_the_networks_within_the_limits(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    front([run], ["macs<=400M"], "macs", ["macs=290M"], tmp_path / "out", as_json=False)
    shown, warned = capsys.readouterr()
    assert "8 trials, 8 networks" in shown
    assert "front of maximize ao, minimize macs\nwhere macs <= 400M" in shown
    rows = [line.split() for line in shown.splitlines() if "back_" in line]
    assert [row[1] for row in rows] == ["0.4000", "0.4100", "0.4200", "0.4300", "0.4400"]
    assert [row[2] for row in rows] == ["200.0", "250.0", "300.0", "350.0", "400.0"]
    assert "nearest to macs=290M: network" in shown
    assert "ao 0.4200, macs 300M, params 1.2M" in shown
    # Strips of 0.01 from 250M, 300M, 350M and 400M, up to the worst, ao 0.4 and 400M.
    assert "hypervolume 3M (ao x macs), up to the reference point ao 0.4000, macs 400M" in shown
    for name in ("trials.csv", "front.csv", "front.png", "front.svg", "front.html", "architectures"):
        assert str(tmp_path / "out" / name) in shown
        assert (tmp_path / "out" / name).exists()
    # The published figures come last, in a table of their own.
    assert shown.index("not comparable") < shown.index("LightTrack-Mobile")
    assert max(shown.index(row[0]) for row in rows) < shown.index("not comparable")
    assert warned == ""


def test_front_as_json_names_the_nearest(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    front([run], [], "macs", ["params=1M"], None, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert len(shown["front"]) == 8
    assert shown["front"][0]["ao_low"] == 0.4
    assert shown["front"][0]["choices"].keys() == load_space("lighttrack").labels.keys()
    assert shown["nearest"]["params=1M"] == shown["front"][0]
    assert shown["hypervolume"]["reference"] == {"ao": 0.4, "macs": 550e6}
    assert shown["constraints"] == ["macs <= 600M"]
    assert shown["files"] == []
    assert shown["published"]["trackers"][0]["macs"] == 530e6


def test_front_where_none_is_feasible(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    front([run], ["macs<=160M"], "macs", [], None, as_json=False)
    shown, warned = capsys.readouterr()
    assert "warning: no network found keeps macs <= 160M; the nearest has macs 200M, 25.0% above the limit" in warned
    assert "NO front of maximize ao" in shown
    assert "hypervolume" not in shown
    front([run], ["macs<=160M"], "macs", [], None, as_json=True)
    machine = json.loads(capsys.readouterr().out)
    assert machine["hypervolume"] is None
    assert machine["front"][0]["feasible"] is False
    assert "25.0% above the limit" in machine["notes"][0]
    assert machine["keeps_limits"] is False


@pytest.mark.parametrize(
    ("where", "x", "nearest", "said"),
    [
        (["macs=600M"], "macs", [], "constraint 'macs=600M': expected a measurement"),
        (["macs<=300"], "macs", [], "they have 155.2M to 783.2M macs; did you mean macs <= 300M?"),
        (["latency_ms<=20"], "macs", [], "'latency_ms' was not measured here; measured are ao, macs, params"),
        ([], "latency_ms", [], "'latency_ms' was not measured here"),
        ([], "macs", ["530M"], "--nearest '530M': expected a measurement and a number, such as macs=530M"),
        ([], "macs", ["macs=many"], "--nearest 'macs=many'"),
        ([], "macs", ["loss=1"], "'loss' was not measured here"),
    ],
)
def test_a_senseless_front_is_refused_and_nothing_written(
    run: Path, where: list[str], x: str, nearest: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as refused:
        front([run], where, x, nearest, tmp_path / "out", as_json=False)
    assert said in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_findings_are_printed_for_people_and_machines(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    findings(run, as_json=False)
    shown = capsys.readouterr().out
    assert "front of lighttrack: 8 networks" in shown
    assert "over half of the backbone's blocks have kernel 7: no" in shown
    findings(run, as_json=True)
    machine = json.loads(capsys.readouterr().out)
    assert machine["networks"] == 8
    assert machine["claims"][0]["answer"] == "no"
    assert {"property", "value", "front", "low", "high", "space", "differs"} <= machine["table"][0].keys()
