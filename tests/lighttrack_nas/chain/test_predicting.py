"""The predictor's step of a chain, predicted fronts by the command line, and searches that start from them."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.score_predictor import ScorePredictor
from lighttrack_nas.benchmarks.scoring.supernet_evaluator import SupernetEvaluator
from lighttrack_nas.chain import predicting
from lighttrack_nas.chain.predicting import networks_to_measure, run_scores
from lighttrack_nas.cli.search import run_chain as commands
from lighttrack_nas.cli.search.predict import predict
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.place_tables.predicted_fronts import predicted_front
from lighttrack_nas.search_spaces.loading.loading import load_space, parse_space
from tests.lighttrack_nas.place_tables.test_predicted_fronts import fitted

TINY = load_space("lighttrack-tiny")
TABLE = CostTable(TINY)
TRAINING = {"batch_size": 2, "workers": 0, "warmup_steps": 0, "checkpoint_steps": 2, "log_steps": 2}


@pytest.fixture(scope="module")
def configuration(
    tmp_path_factory: pytest.TempPathFactory,
    write_sequences: Callable[[Path], Path],
    made_up_scores: Callable[..., PlaceScores],
) -> Path:
    """A chain whose supernet is barely trained, with a table of places beside it."""
    folder = tmp_path_factory.mktemp("chain")
    content = {
        "output": str(folder / "run"),
        "threads": 1,
        "validation": {"path": str(write_sequences(folder / "sequences"))},
        "supernet": {"training": TRAINING | {"steps": 2}},
        "predictor": {"networks": 10},
        "search": {"trials": 4, "population": 3, "calibration_batches": 1, "batch_size": 4, "quick_pairs": 8},
    }
    path = folder / "chain.yaml"
    path.write_text(yaml.safe_dump(content))
    commands.train_supernet(path, [])
    made_up_scores(TABLE).save(folder / "run" / "supernet")
    return path


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, made_up_scores: Callable[..., PlaceScores]) -> list[ltn.Architecture]:
    """What is measured; it takes no time, and the table of places tells all."""
    asked: list[ltn.Architecture] = []
    scores = made_up_scores(TABLE)

    def measure(_: Any, architecture: ltn.Architecture, names: tuple[str, ...]) -> dict[str, float]:
        asked.append(architecture)
        return dict.fromkeys(names, 0.9 - 0.3 * scores.score(architecture))

    monkeypatch.setattr(SupernetEvaluator, "measure", measure)
    return asked


def test_networks_to_measure() -> None:
    drawn = networks_to_measure(TABLE, 20, seed=3)
    assert len({each.canonical() for each in drawn}) == 20
    assert all(each == each.path() for each in drawn)
    assert drawn == networks_to_measure(TABLE, 20, seed=3) != networks_to_measure(TABLE, 20, seed=4)
    spread, uniform = TABLE.bulk(drawn[:10])["macs"], TABLE.bulk(drawn[10:])["macs"]
    assert spread.std() > uniform.std()


def test_a_space_of_too_few_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicting, "_TRIES", 2)
    content = TINY.description.model_dump(mode="json") | {"name": "small"}
    for stage in content["stages"]:
        stage["operations"] = stage["operations"][:1]
    layer = {"operations": [content["towers"]["cls"]["layers"][0]["operations"][0]]}
    content["towers"] = {branch: {"widths": [24], "layers": [layer]} for branch in ("cls", "reg")}
    space = parse_space(content, "small")
    most = len(space.labels["output"])
    with pytest.raises(ltn.InputError, match=f"was not seen to hold more than {most}; ask for fewer"):
        networks_to_measure(CostTable(space), 40, seed=0)


@pytest.mark.slow
def test_predict_goes_on_after_a_kill(
    configuration: Path,
    counted: list[ltn.Architecture],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path(load_config(configuration).output) / "predictor"
    whole = SupernetEvaluator.measure

    def stopped(self: Any, architecture: ltn.Architecture, names: tuple[str, ...]) -> dict[str, float]:
        if len(counted) == 4:
            raise KeyboardInterrupt
        return whole(self, architecture, names)

    with monkeypatch.context() as patch:
        patch.setattr(SupernetEvaluator, "measure", stopped)
        with pytest.raises(KeyboardInterrupt):
            predict(configuration, [], as_json=False)
    assert len((folder / "measured.csv").read_text().splitlines()) == 5
    assert not (folder / "predictor.json").exists()
    capsys.readouterr()
    predict(configuration, [], as_json=False)
    shown, told = capsys.readouterr()
    assert len(counted) == len(set(counted)) == 10
    assert "measured again" not in told
    assert "10 networks, measured with the supernet's weights: overlap" in shown
    assert "Kendall's tau of networks that were held out" in shown
    assert "cls_head" in shown
    assert str(folder) in shown
    found = ScorePredictor.load(folder, PlaceScores.load(folder.parent / "supernet"))
    assert found.networks == 10
    assert found.seed == load_config(configuration).seed
    predict(configuration, [], as_json=True)
    assert json.loads(capsys.readouterr().out) == found.to_dict()
    assert len(counted) == 10
    # Another measurement is measured anew, and so are networks of another supernet.
    predict(configuration, ["predictor.measurement=ao", "predictor.networks=11"], as_json=False)
    shown, told = capsys.readouterr()
    assert len(counted) == 21
    assert "measured again" in told
    assert "measured with the supernet's weights: ao" in shown


@pytest.mark.slow
def test_predict_measures_in_earnest(configuration: Path, tmp_path: Path) -> None:
    """With the evaluator itself; a supernet of two steps may have nothing to say."""
    config = load_config(configuration)
    (tmp_path / "supernet").symlink_to(config.folder("supernet"))
    with suppress(ltn.InputError):  # all networks may reach the same
        predict(configuration, [f"output={tmp_path}"], as_json=True)
    assert len((tmp_path / "predictor" / "measured.csv").read_text().splitlines()) == 11


def test_without_a_table_of_places(configuration: Path, tmp_path: Path) -> None:
    with pytest.raises(ltn.InputError, match=r"places\.json' does not exist: only the one-shot strategy blockwise"):
        predict(configuration, [f"output={tmp_path}"], as_json=False)
    with pytest.raises(ltn.InputError, match=r"search\.enqueue_predicted: .*or set it to 0"):
        commands.search(configuration, [f"output={tmp_path}", "search.enqueue_predicted=2"])
    with pytest.raises(ltn.InputError, match="holds no table of places"):
        run_scores(tmp_path)


@pytest.fixture
def chain(tmp_path: Path, made_up_scores: Callable[..., PlaceScores]) -> Path:
    """A chain's folder with a table of places alone."""
    made_up_scores(TABLE).save(tmp_path / "chain" / "supernet")
    return tmp_path / "chain"


def fit(chain: Path, noise: float = 0.0) -> ScorePredictor:
    made = fitted(PlaceScores.load(chain / "supernet"), noise)
    made.save(chain / "predictor" / "predictor.json")
    return made


@pytest.mark.slow
def test_front_of_the_plain_sum(run: Callable[..., Any], chain: Path, tmp_path: Path) -> None:
    expected = predicted_front(PlaceScores.load(chain / "supernet"))
    for place in (chain, chain / "supernet", chain / "supernet" / "places.json"):
        shown = run("front", "--predicted", place, "--nearest", "macs=30M", "--output", tmp_path / "out")
        assert shown.code == 0, shown.err
        assert f"{TINY.size.networks:,} networks, all considered in" in shown.out
        assert "predicted front of minimize nsr, minimize macs\nwhere anything goes" in shown.out
        assert "nearest to macs=30M: network" in shown.out
        assert all(network in shown.out for network in expected.table["network"])
        assert "nothing here was measured" in shown.err
        assert "hypervolume" not in shown.out
        assert (tmp_path / "out" / "front.html").exists()


def test_front_as_json(run: Callable[..., Any], chain: Path) -> None:
    fit(chain)
    options = ["--where", "macs<=30M", "--where", "params<=80K", "--nearest", "macs=25M", "--json"]
    shown = json.loads(run("front", "--predicted", chain, *options).out)
    assert shown["objectives"] == ["maximize overlap", "minimize macs"]
    assert shown["constraints"] == ["macs <= 30M", "params <= 80K"]
    assert shown["networks"] == TINY.size.networks
    assert shown["nearest"]["macs=25M"] in shown["front"]
    assert all(row["macs"] <= 30e6 and row["params"] <= 80e3 for row in shown["front"])
    assert "trials" not in shown["front"][0]
    plain = json.loads(run("front", "--predicted", chain, "--by", "nsr", "--json").out)
    assert plain["objectives"] == ["minimize nsr", "minimize macs"]
    assert "overlap" not in plain["front"][0]
    wanted = ["--objectives", "nsr", "--objectives", "minimize params", "--tolerance", "0.2", "--json"]
    thin = json.loads(run("front", "--predicted", chain, *wanted).out)
    assert thin["objectives"] == ["minimize nsr", "minimize params"]
    assert len(thin["front"]) < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--objectives", "latency_ms"], "latencies need a latency table"),
        (["--by", "ao"], "unknown --by 'ao'"),
        (["other"], "expected one run or table of places, got 2"),
        (["--nearest", "macs"], "expected a measurement and a number"),
        (["--where", "macs<=1K"], "the least of all is"),
        ([], "no guide"),
    ],
)
def test_impossible_questions_are_refused(run: Callable[..., Any], chain: Path, options: list[str], said: str) -> None:
    fit(chain, noise=100)
    shown = run("front", "--predicted", chain, *([] if options == [] else ["--by", "nsr"]), *options)
    assert shown.code == 1
    assert said in shown.err


def test_options_of_predictions_alone(run: Callable[..., Any], chain: Path) -> None:
    for options in (["--by", "nsr"], ["--tolerance", "0.1"], ["--latency-table", "t.json"]):
        shown = run("front", chain, *options)
        assert shown.code == 1
        assert f"{options[0]} goes with --predicted" in shown.err


def test_a_search_starts_from_the_predicted_front(
    configuration: Path, counted: list[ltn.Architecture], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load_config(configuration)
    (tmp_path / "supernet").symlink_to(config.folder("supernet"))
    commands.search(
        configuration,
        [f"output={tmp_path}", "search.enqueue_predicted=3", "search.constraints=[macs<=30M, overlap>=0.01]"],
    )
    front = predicted_front(PlaceScores.load(tmp_path / "supernet"), constraints="macs <= 30M")
    first = ltn.Result.load(tmp_path / "search").trials[:3]
    assert set(first["network"]) <= set(front.table["network"])
    macs = front.table["macs"]
    assert sorted(first["macs"])[::2] == [macs.min(), macs.max()]
    # The very paths that are predicted, not only their networks.
    assert set(front.architectures) >= {each.path() for each in counted[:3]}


@pytest.mark.slow
def test_a_predictor_that_is_no_guide_leaves_the_plain_sum(
    configuration: Path, counted: list[ltn.Architecture], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = load_config(configuration)
    (tmp_path / "supernet").symlink_to(config.folder("supernet"))
    fit(tmp_path, noise=100)
    commands.search(configuration, [f"output={tmp_path}", "search.enqueue_predicted=1"])
    assert "the search starts from the plain sum over places" in capsys.readouterr().err
    assert counted


@pytest.mark.parametrize(
    ("value", "believed"), [("0.5", True), ("0", True), ("1.5", False), ("-1", False), ("1_0", False)]
)
def test_measured_fractions_of_another_kind_are_measured_again(tmp_path: Path, value: str, believed: bool) -> None:
    file = tmp_path / predicting.MEASURED_FILE
    file.write_text(f"path,overlap,measured_with\na,0.25,x\nb,{value},x\nc,7,y\n")
    assert predicting._measured(file, "overlap", "x") == ({"a": 0.25, "b": float(value)} if believed else {})
