"""One supernet, many searches: a finished supernet of another run, and searches with names beside each other."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

import lighttrack_nas as ltn
from lighttrack_nas.chain.choosing import search_runs
from lighttrack_nas.checks.chain_checks import chain_mistakes, require_checked
from lighttrack_nas.cli.search import run_chain as commands
from lighttrack_nas.cli.search.show_fronts import findings, front
from lighttrack_nas.cli.search.show_overlay import show_overlay
from lighttrack_nas.comparisons.comparing import compare
from lighttrack_nas.config.comparison_config import load_comparison
from lighttrack_nas.config.config_files import load_config
from tests.lighttrack_nas.made_studies import by_hand, study

SPACE = ltn.load_space("lighttrack-tiny")


@pytest.fixture(scope="module")
def supernet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a supernet's training, as far as a search looks at it."""
    folder = tmp_path_factory.mktemp("elsewhere") / "supernet"
    folder.mkdir()
    ltn.save_supernet(ltn.Supernet(SPACE), folder / "supernet.safetensors")
    return folder


@pytest.fixture(scope="module")
def configuration(
    tmp_path_factory: pytest.TempPathFactory, write_sequences: Callable[[Path], Path], supernet: Path
) -> Path:
    folder = tmp_path_factory.mktemp("many")
    training = {"batch_size": 2, "workers": 0, "warmup_steps": 0, "steps": 2}
    content = {
        "output": str(folder / "run"),
        "threads": 1,
        "validation": {"path": str(write_sequences(folder / "sequences"))},
        "data": {"sources": [{"kind": "sequences", "path": str(folder / "sequences")}]},
        "supernet": {"path": str(supernet)},
        "search": {
            "objectives": ["maximize overlap", "minimize macs"],
            "strategy": "random",
            "trials": 3,
            "calibration_batches": 1,
            "batch_size": 2,
            "quick_pairs": 2,
        },
        "retrain": {"training": training},
    }
    path = folder / "chain.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.slow
def test_named_searches_stand_beside_each_other(
    configuration: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(load_config(configuration).output)
    small = ["search.name=small", "search.objectives=[overlap, params]"]
    for overrides in ([], small):
        assert chain_mistakes(load_config(configuration, overrides)) == []
        commands.search(configuration, overrides)
    assert {path.name for path in run.iterdir() if path.name.startswith("search")} == {"search", "search-small"}
    assert not (run / "supernet").exists()
    capsys.readouterr()
    front([configuration], [], None, [], None, as_json=False, overrides=["search.name=small"])
    assert "front of maximize overlap, minimize params" in capsys.readouterr().out
    front([configuration], [], None, [], None, as_json=False)
    assert "front of maximize overlap, minimize macs" in capsys.readouterr().out
    findings(configuration, False, ["search.name=small"])
    assert "front of lighttrack-tiny" in capsys.readouterr().out
    # Folders and configurations together: the objective in common.
    both = ltn.Result.load([run / "search", run / "search-small"])
    assert [str(goal) for goal in both.objectives] == ["maximize overlap"]
    # What is made of a named search's networks does not replace what was made of another's.
    commands.retrain(configuration, small)
    assert (run / "retrain-small" / "model.safetensors").is_file()
    assert not (run / "retrain").exists()
    with pytest.raises(ltn.InputError, match=r"--set goes with a chain's configuration"):
        front([run / "search"], [], None, [], None, as_json=False, overrides=["search.name=small"])


@pytest.mark.slow
def test_searches_with_names_share_a_storage(configuration: Path, tmp_path: Path) -> None:
    overrides = [f"search.storage=sqlite:///{tmp_path / 'all.db'}", f"output={tmp_path / 'run'}", "search.trials=2"]
    for name in ("one", "two"):
        commands.search(configuration, [*overrides, f"search.name={name}"])
        front([configuration], [], None, [], None, as_json=True, overrides=[*overrides, f"search.name={name}"])
    with pytest.raises(ltn.InputError, match=r"no study 'search-three'; there is search-one, search-two"):
        front([configuration], [], None, [], None, as_json=False, overrides=[*overrides, "search.name=three"])


def test_several_configurations_are_read_from_a_storage_as_one_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a front of all and for fronts over each other; beside them a search in a folder."""
    storage = f"sqlite:///{tmp_path / 'all.db'}"
    configurations = [tmp_path / f"{name}.yaml" for name in ("one", "two")]
    for path in configurations:
        trials = by_hand()[:2] if path.stem == "one" else by_hand()[2:]
        study(trials, name=f"search-{path.stem}", storage=storage)
        search = {"storage": storage, "name": path.stem}
        path.write_text(yaml.safe_dump({"output": str(tmp_path / "run"), "search": search}))
    study(by_hand()[:1], folder=tmp_path / "run/search-three")
    runs = [*configurations, tmp_path / "run/search-three"]
    assert [(run.name, len(run.trials)) for run in search_runs(runs)] == [
        ("search-one", 2),
        ("search-two", 2),
        ("search-three", 1),
    ]
    front(runs, [], None, [], None, as_json=True)
    assert len(json.loads(capsys.readouterr().out)["front"]) == 3
    for some in (runs, configurations[:1]):
        show_overlay(some, [], None, [], [], False, None, as_json=True)
        shown = json.loads(capsys.readouterr().out)["runs"]
        assert list(shown) == ["search-one", "search-two", "search-three"][: len(some)]
    with pytest.raises(ltn.InputError, match="a search was given twice"):
        search_runs([configurations[0], configurations[0]])


def test_a_chain_and_its_search_are_one_search(tmp_path: Path) -> None:
    (tmp_path / "run/search").mkdir(parents=True)
    (tmp_path / "run/search/journal.log").touch()
    with pytest.raises(ltn.InputError, match="a search was given twice"):
        search_runs([tmp_path / "run", tmp_path / "run/search"])


def test_searches_of_one_folder_in_two_storages_are_told_apart(tmp_path: Path) -> None:
    configurations = [tmp_path / f"{name}.yaml" for name in ("one", "two")]
    for path in configurations:
        storage = f"sqlite:///{tmp_path / path.stem}.db"
        study(by_hand(), storage=storage)
        path.write_text(yaml.safe_dump({"output": str(tmp_path / "run"), "search": {"storage": storage}}))
    assert [run.name for run in search_runs(configurations)] == list(map(str, configurations))


def test_where_all_searches_have_names_they_are_listed(tmp_path: Path) -> None:
    (tmp_path / "search-small").mkdir()
    (tmp_path / "search-small" / "journal.log").write_text("")
    with pytest.raises(ltn.InputError, match=r"its searches have names: .*search-small"):
        ltn.Result.load(tmp_path)


@pytest.mark.parametrize("given", ["{folder}", "{folder}/supernet.safetensors", "{folder}/.."])
def test_a_finished_supernet_is_named_by_its_file_or_a_folder(
    configuration: Path, supernet: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lighttrack_nas.chain.evaluators import supernet_of

    config = load_config(configuration, [f"supernet.path={given.format(folder=supernet)}"])
    assert supernet_of(config).samefile(supernet / "supernet.safetensors")
    monkeypatch.setenv("TRAINED", str(supernet))
    assert supernet_of(load_config(configuration, ["supernet.path=$TRAINED"])).parent.samefile(supernet)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["supernet.path=/nowhere"], "supernet.path: '/nowhere' does not exist"),
        (["space=lighttrack-table"], r"supernet.path: supernet '.*' is of space 'lighttrack-tiny' .*, not of"),
        (["search.enqueue_predicted=3"], r"search.enqueue_predicted: the supernet's training has left no '.*places"),
        (["search.name=a/b"], "search.name"),
        (["search.name=.."], "search.name"),
        (["supernet.start_from=/"], "supernet.path: a finished supernet starts from nothing: leave out supernet.start"),
    ],
)
def test_mistakes_about_finished_supernets_are_named(configuration: Path, overrides: list[str], words: str) -> None:
    with pytest.raises(ltn.InputError, match=words):
        require_checked(load_config(configuration, overrides))


def test_a_finished_supernet_is_not_trained(configuration: Path) -> None:
    with pytest.raises(ltn.InputError, match=r"is a finished supernet.*start_from to go on from it"):
        commands.train_supernet(configuration, [])


@pytest.mark.slow
def test_a_comparison_measures_with_a_finished_supernet(configuration: Path, tmp_path: Path) -> None:
    content = {
        "chain": str(configuration),
        "strategies": {"random": "random", "local-search": "local-search"},
        "seeds": 2,
        "trials": 3,
        "workers": 1,
        "objectives": ["overlap", "macs"],
        "output": str(tmp_path / "out"),
    }
    (tmp_path / "compare.yaml").write_text(yaml.safe_dump(content))
    comparison = compare(load_comparison(tmp_path / "compare.yaml"), lambda _: None)
    assert len(comparison.raw) == 2 * 2 * 3
    assert np.isfinite(comparison.raw["overlap"]).all()
