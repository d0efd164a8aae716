"""A chain that makes its own teacher: which network that is, when it is trained, what is refused before."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.chain.chain import run_supernet
from lighttrack_nas.chain.own_teacher import dearest_architecture
from lighttrack_nas.chain.trainings import training
from lighttrack_nas.cli.search import run_chain as commands
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.config.config_search import RankedStrategy
from lighttrack_nas.costing.cost_analysis import load_cost_table
from lighttrack_nas.models.teachers import load_teacher
from lighttrack_nas.ranking.ranking_jobs import SupernetJob
from lighttrack_nas.search_spaces.enumeration import paths
from lighttrack_nas.strategies.search.goals.objectives import parse_constraints
from lighttrack_nas.trackers.training.pairs.sequences import SequencePairs
from lighttrack_nas.trackers.weights.weights import read_header

TABLE = ltn.load_space("lighttrack-table")
TRAINING = {"batch_size": 2, "workers": 0, "warmup_steps": 0, "checkpoint_steps": 1, "log_steps": 2}
OWN = "no teacher is named: the supernet learns from one of its own, "


@pytest.fixture(scope="module")
def table() -> CostTable:
    return load_cost_table(TABLE)


@pytest.fixture(scope="module")
def costs(table: CostTable) -> list[tuple[ltn.Architecture, dict[str, int]]]:
    return [(architecture, table.costs(architecture)) for architecture in paths(TABLE)]


@pytest.mark.parametrize(
    "limits", [(), ("macs <= 15M",), ("params <= 70K",), ("macs <= 14M", "params <= 75K"), ("macs >= 1M",)], ids=str
)
def test_the_dearest_of_all_paths(
    table: CostTable, costs: list[tuple[ltn.Architecture, dict[str, int]]], limits: tuple[str, ...]
) -> None:
    constraints = parse_constraints(limits)
    found = dearest_architecture(table, constraints)
    kept = [(each, cost) for each, cost in costs if not any(limit.violation(cost) for limit in constraints)]
    last = [cost["macs"] for each, cost in kept if each.choices["output"] == TABLE.labels["output"][-1]]
    assert kept
    assert table.costs(found)["macs"] == max(last)
    assert found.choices["output"] == TABLE.labels["output"][-1]


def test_limits_that_only_earlier_outputs_keep(
    table: CostTable, costs: list[tuple[ltn.Architecture, dict[str, int]]]
) -> None:
    cheapest = min(cost["macs"] for each, cost in costs if each.choices["output"] == TABLE.labels["output"][-1])
    found = dearest_architecture(table, parse_constraints(f"macs <= {cheapest - 1}"))
    assert found.choices["output"] == TABLE.labels["output"][-2]
    assert table.costs(found)["macs"] < cheapest
    with pytest.raises(ltn.InputError, match=r"'lighttrack-table' keeps macs <= 1K and params <= 1M, so that none can"):
        dearest_architecture(table, parse_constraints(["macs <= 1K", "params <= 1M"]))


@pytest.fixture
def content(tmp_path: Path, write_sequences: Callable[..., Path]) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        picture = cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), (160, 120))
        cv2.imwrite(str(tmp_path / "pictures" / f"{number}.jpg"), picture)
    return {
        "space": "lighttrack-table",
        "output": str(tmp_path / "run"),
        "threads": 1,
        "validation": {"path": str(write_sequences(tmp_path / "sequences"))},
        "data": {"sources": [{"kind": "generated"}, {"kind": "images", "path": str(tmp_path / "pictures")}]},
        "supernet": {
            "strategy": "blockwise",
            "training": TRAINING | {"steps": 2},
            "teacher_training": TRAINING | {"steps": 3},
        },
        "search": {"constraints": ["macs <= 15M"], "calibration_batches": 1, "batch_size": 4, "quick_pairs": 4},
    }


@pytest.mark.slow
def test_the_chain_trains_a_teacher_then_learns_from_it(
    content: dict[str, Any], table: CostTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "chain.yaml").write_text(yaml.safe_dump(content))
    commands.train_supernet(tmp_path / "chain.yaml", [])
    run = tmp_path / "run"
    teacher = ltn.load_model(run / "teacher" / "model.safetensors")
    expected = dearest_architecture(table, parse_constraints("macs <= 15M"))
    assert teacher.architecture == expected
    assert teacher.provenance["steps"] == 3
    # Pictures have no labels, from which it could learn.
    assert [source["kind"] for source in teacher.provenance["data"]["sources"]] == ["generated"]
    header = read_header(run / "supernet" / "supernet.safetensors")
    assert header["provenance"]["teacher"]["name"] == str(run / "teacher" / "model.safetensors")
    shown = capsys.readouterr()
    macs = table.costs(expected)["macs"] / 1e6
    assert OWN + f"a network of {macs:,.1f}M multiply-adds that is trained alone first, 3 steps, in '" in shown.err
    assert shown.out.splitlines() == [
        str(run / "supernet" / "supernet.safetensors"),
        f"what each candidate loses at its place: {run / 'supernet' / 'places.csv'}",
    ]
    # Nothing is trained twice.
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*.safetensors")}
    commands.train_supernet(tmp_path / "chain.yaml", [])
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*.safetensors")} == before
    assert OWN + f"'{run / 'teacher' / 'model.safetensors'}'" in capsys.readouterr().err
    with pytest.raises(ltn.InputError, match=r"teacher' holds results of another run: architecture\."):
        commands.train_supernet(tmp_path / "chain.yaml", ["search.constraints=[]"])


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `train_supernet` is given; it is not run."""
    options: dict[str, Any] = {}
    monkeypatch.setattr(training, "train_supernet", lambda *_, **given: options.update(given))
    return options


@pytest.mark.slow
def test_a_stopped_teacher_goes_on(
    content: dict[str, Any], given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config.model_validate(content)
    run_supernet(config, lambda _: None)
    first = load_teacher(given.pop("strategy").teacher)
    other = config.model_copy(update={"output": str(tmp_path / "other")})

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "save_model", killed)
        with pytest.raises(KeyboardInterrupt):
            run_supernet(other, lambda _: None)
    assert (tmp_path / "other" / "teacher" / "last.ckpt").exists()
    assert "strategy" not in given
    run_supernet(other, lambda _: None)
    assert load_teacher(given["strategy"].teacher).digest == first.digest


def test_a_given_teacher_architecture(content: dict[str, Any], given: dict[str, Any], tmp_path: Path) -> None:
    wanted = TABLE.sample(np.random.default_rng(3))
    (tmp_path / "one.json").write_text(wanted.to_json())
    content["supernet"]["teacher_architecture"] = str(tmp_path / "one.json")
    run_supernet(Config.model_validate(content), lambda _: None)
    assert ltn.load_model(given["strategy"].teacher).architecture == wanted


def test_places_are_measured_on_validation(
    content: dict[str, Any], given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEACHER", "lighttrack-tiny-generated")
    content["supernet"]["strategy"] = {"name": "blockwise", "teacher": "$TEACHER"}
    run_supernet(Config.model_validate(content), lambda _: None)
    assert isinstance(given["held_out"], SequencePairs)
    assert given["strategy"].teacher == "lighttrack-tiny-generated"
    content["data"]["sources"] = [{"kind": "generated"}]
    content["supernet"]["strategy"] = "spos"
    run_supernet(Config.model_validate(content), lambda _: None)
    assert given["held_out"] is None


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["supernet.start_from=x"], "a supernet that learns from a teacher starts from it: leave out pretraining"),
        (["supernet.backbone=x.pth"], "a supernet that learns from a teacher starts from it: leave out pretraining"),
        (
            ["supernet.strategy={name: blockwise, code: back_0}"],
            "code 'back_0' is a teacher's, and none is named: name",
        ),
        (
            ["supernet.training.devices=2", "supernet.training.paths=own"],
            "norms keep the statistics .*got 'auto' and 'own'",
        ),
        (["search.constraints=[macs <= 1K]"], "no network of 'lighttrack-table' keeps macs <= 1K: they have"),
        (["supernet.teacher_architecture=back_0"], "'lighttrack-table'"),
        (["supernet.teacher_training={stepps: 3}"], "supernet.teacher_training: .*stepps"),
        (["supernet.strategy={name: blockwise, teacher: $NO_SUCH_THING}"], "set the environment variable"),
    ],
)
def test_what_cannot_work_is_refused_before_any_training(
    content: dict[str, Any], tmp_path: Path, overrides: list[str], message: str
) -> None:
    (tmp_path / "chain.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ltn.InputError, match=message):
        commands.train_supernet(tmp_path / "chain.yaml", overrides)
    assert not (tmp_path / "run" / "teacher").exists()


def test_pictures_alone_train_no_teacher(content: dict[str, Any]) -> None:
    content["data"]["sources"] = content["data"]["sources"][1:]
    with pytest.raises(ltn.InputError, match=r"no source of data\.sources has labels: name one, such as"):
        run_supernet(Config.model_validate(content), lambda _: None)


def test_spaces_of_nni_are_refused(content: dict[str, Any]) -> None:
    content["space"] = str(Path(__file__).parents[2] / "model_spaces" / "layers.py") + ":Layers"
    with pytest.raises(ltn.InputError, match=r"is NNI's, .*'blockwise' cannot teach them: take 'spos'"):
        run_supernet(Config.model_validate(content), lambda _: None)


@pytest.mark.slow
def test_a_ranked_supernet_trains_its_teacher_too(content: dict[str, Any], tmp_path: Path) -> None:
    content["data"]["sources"] = [{"kind": "generated"}]
    config = Config.model_validate(content)
    architecture = TABLE.sample(np.random.default_rng(0)).to_json()
    ranked = RankedStrategy(strategy={"name": "blockwise", "blocks": 1})
    job = SupernetJob(config, ranked, (architecture,))
    assert job.steps == 5
    assert job.record()["teacher"] == {
        "architecture": None,
        "limits": ["macs <= 15M"],
        "training": content["supernet"]["teacher_training"],
    }
    told: list[tuple[int, str]] = []
    job(lambda steps, text: told.append((steps, text)))
    assert job.done()
    assert sum(steps for steps, _ in told) == 5
    assert told[0][1].startswith("supernet blockwise, its teacher: loss ")
    assert (job.folder / "teacher" / "model.safetensors").exists()
    named = SupernetJob(config, RankedStrategy(strategy={"name": "blockwise", "teacher": "x"}), (architecture,))
    assert named.steps == 2
    assert named.record().keys() == {"strategy", "training"}


def test_other_limits_are_another_ranked_supernet(content: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "chain.yaml").write_text(json.dumps(content))
    records = [
        SupernetJob(load_config(tmp_path / "chain.yaml", overrides), RankedStrategy(strategy="blockwise"), ()).record()
        for overrides in ([], ["search.constraints=[]"], ["supernet.teacher_architecture=one.json"])
    ]
    assert [record["teacher"]["limits"] for record in records] == [["macs <= 15M"], [], None]
