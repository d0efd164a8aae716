"""From a model space that was written against NNI alone to a tracker: in Python, and by the commands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.costs.measured_costs import MeasuredCosts, costing
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.report.page import unpacked
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.training.pairs.pair import Pair

ROOT = Path(__file__).resolve().parent.parent
SMALL, LAYERS = (f"{ROOT / 'tests/model_spaces'}/{name}" for name in ("small.py:Small", "layers.py:Layers"))
EXAMPLE = ROOT / "examples/spaces/nni_model_space/space.py"


class Squares:
    """A red square on noise."""

    def pair(self, rng: np.random.Generator) -> Pair:
        template, search = (rng.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (64, 128))
        x, y = (int(v) for v in rng.integers(10, 80, 2))
        template[16:48, 16:48] = search[y : y + 32, x : x + 32] = (0, 0, 255)
        return Pair(template, search, np.array([x, y, 32, 32], np.float32), True)


def settings(**changes: Any) -> ltn.TrainingSettings:
    given = {"steps": 2, "batch_size": 2, "workers": 0, "warmup_steps": 0, "checkpoint_steps": 1}
    return ltn.TrainingSettings(**(given | changes))


@pytest.fixture(scope="module")
def small() -> ltn.Space:
    return ltn.load_space(SMALL)


@pytest.fixture(scope="module")
def supernet(small: ltn.Space, tmp_path_factory: pytest.TempPathFactory) -> ltn.Supernet:
    return ltn.train_supernet(small, Squares(), settings=settings(), output=tmp_path_factory.mktemp("supernet"))


def test_training_repeats_and_reads_back(small: ltn.Space, supernet: ltn.Supernet, tmp_path: Path) -> None:
    torch.manual_seed(99)
    again = ltn.train_supernet(small, Squares(), settings=settings(), output=tmp_path)
    read = ltn.load_supernet(tmp_path / "supernet.safetensors", small)
    fresh = ltn.Supernet(small).state_dict()
    for key, tensor in supernet.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[key])
        assert torch.equal(tensor, read.state_dict()[key])
    assert fresh.keys() == supernet.state_dict().keys()
    assert json.loads((tmp_path / "run.json").read_text())["space_hash"] == small.hash


def test_a_stopped_training_goes_on_bit_for_bit(small: ltn.Space, supernet: ltn.Supernet, tmp_path: Path) -> None:
    def stop(steps: int, losses: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ltn.train_supernet(small, Squares(), settings=settings(), output=tmp_path, progress=stop)
    resumed = ltn.train_supernet(small, Squares(), settings=settings(), output=tmp_path)
    assert all(torch.equal(v, resumed.state_dict()[k]) for k, v in supernet.state_dict().items())


@pytest.mark.parametrize("strategy", ["darts", "gumbel-darts", "proxyless"])
def test_choices_of_layers_are_learnt_by_gradients(strategy: str, tmp_path: Path) -> None:
    layers = ltn.load_space(LAYERS)
    trained = ltn.train_supernet(layers, Squares(), settings=settings(), output=tmp_path, strategy=strategy)
    text = (tmp_path / "distribution.json").read_text()
    learnt = ltn.Distribution.from_json(text, layers)
    assert len(learnt.probabilities) == 2
    assert trained.extract(learnt.mode()).stride == 16


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("fair", "'fair' cannot give all candidates equal turns: take 'spos'"),
        ("sandwich", "'sandwich' cannot draw by them: take 'spos'"),
        ("macs-uniform", "'sandwich' cannot draw by them: take 'spos'"),
        ("darts", r"choices of values \(depth, width\), which one-shot strategy 'darts' does not mix: take 'spos'"),
        ("proxyless", "does not mix: take 'spos'"),
    ],
)
def test_other_strategies_are_refused_before_anything_is_written(
    small: ltn.Space, strategy: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        ltn.train_supernet(small, Squares(), settings=settings(), output=tmp_path / "run", strategy=strategy)
    assert not (tmp_path / "run").exists()


def test_a_backbone_is_treated_apart_where_there_is_one(small: ltn.Space, tmp_path: Path) -> None:
    frozen = settings(backbone_frozen=1.0)
    trained = ltn.train_supernet(small, Squares(), settings=frozen, output=tmp_path / "small").state_dict()
    with torch.random.fork_rng():
        torch.manual_seed(frozen.seed)
        start = ltn.build_model_space(small).state_dict()
    stems = {"model_space." + key for key in start if ".backbone.stem." in key and key.endswith("weight")}
    assert stems
    assert all(torch.equal(trained[key], start[key.removeprefix("model_space.")]) for key in stems)
    assert not torch.equal(trained["model_space.network.own.head.weight"], start["network.own.head.weight"])
    layers = ltn.load_space(LAYERS)
    with pytest.raises(
        InputError, match="'Layers' does not say which part is its backbone, and training has backbone_"
    ):
        ltn.train_supernet(layers, Squares(), settings=frozen, output=tmp_path / "layers")
    assert not (tmp_path / "layers").exists()


def test_costs_are_counted_once(small: ltn.Space, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", str(tmp_path))
    drawn = [small.sample(np.random.default_rng(seed)) for seed in range(3)]
    found = [costing(small).costs(architecture) for architecture in drawn]
    for architecture, costs in zip(drawn, found, strict=True):
        counted = ltn.measure_costs(ltn.build_network(architecture))
        assert costs == {"macs": counted.macs, "params": counted.params, "macs_template": counted.macs_template}
        assert counted.params == sum(p.numel() for p in ltn.build_network(architecture).parameters())
        assert set(counted.parts) == {"backbone", "way", "fused", "norm", "head"}
        assert sum(part["params"] for part in counted.parts.values()) == counted.params
        assert sum(part["macs"] for part in counted.parts.values()) <= counted.macs

    def never(*_: Any) -> Any:
        raise AssertionError("counted again")

    assert isinstance(small, ltn.NniSpace)
    larger = MeasuredCosts(small, 160).costs(drawn[0])
    assert larger["macs"] > found[0]["macs"]
    monkeypatch.setattr("lighttrack_nas.benchmarks.costs.measured_costs.measure_costs", never)
    table = MeasuredCosts(small)
    assert [table.costs(architecture) for architecture in drawn] == found
    assert table.bulk(drawn)["macs"].tolist() == [costs["macs"] for costs in found]
    (file,) = tmp_path.rglob(f"{small.hash}-128-*.json")
    file.write_text(file.read_text()[:-9])
    with pytest.raises(AssertionError, match="counted again"):
        MeasuredCosts(small).costs(drawn[0])
    with pytest.raises(InputError, match="the architecture is of space"):
        table.costs(ltn.load_space("lighttrack-tiny").sample(np.random.default_rng(0)))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["nsga2", "lighttrack", "tpe", "regularized-evolution", "local-search"])
def test_every_search_finds_networks(small: ltn.Space, supernet: ltn.Supernet, strategy: str, tmp_path: Path) -> None:
    evaluator = ltn.SupernetEvaluator(supernet, quick_pairs=Squares(), quick_pairs_count=2, calibration_pairs=Squares())
    from lighttrack_nas.strategies.search.search_registry import named_strategy

    made = named_strategy(strategy, where="test", seed=0, population_size=2)
    goals = ["maximize overlap"] + (["minimize macs"] if strategy != "regularized-evolution" else [])
    result = ltn.search(
        small,
        evaluator=evaluator,
        n_trials=5,
        output=tmp_path,
        strategy=made,
        objectives=goals,
        constraints="macs <= 9M",
    )
    assert len(result.trials) == 5
    read = ltn.Result.load(tmp_path)
    assert read.space == small
    chosen = read.front().architectures[0]
    assert set(chosen.choices) == set(small.labels)
    shown = unpacked((tmp_path / "front.html").read_text())["networks"][0]
    assert any(line.startswith("first: k") for line in shown["lines"])


def test_a_found_network_is_trained_saved_and_tracks(
    small: ltn.Space, supernet: ltn.Supernet, write_sequences: Any, tmp_path: Path
) -> None:
    architecture = small.sample(np.random.default_rng(4))
    model = ltn.retrain(architecture, Squares(), settings=settings(), output=tmp_path, supernet=supernet)
    file = tmp_path / "model.safetensors"
    read = ltn.load_model(file)
    assert read.architecture == architecture
    for one, other in zip(model.network.parameters(), read.network.parameters(), strict=True):
        assert torch.equal(one, other)
    tracker = ltn.build_tracker(architecture, file)
    frames = np.random.default_rng(0).integers(0, 255, (2, 120, 160, 3), np.uint8)
    tracker.init(frames[0], (40, 30, 24, 30))
    box, score = tracker.update(frames[1])
    assert np.isfinite(box).all()
    assert 0 <= score <= 1
    other = next(iter(ltn.neighbours(architecture))).architecture
    with pytest.raises(InputError, match="holds weights of another architecture: at 'width' it has"):
        ltn.build_tracker(other, file)


@pytest.mark.slow
def test_it_is_exported(small: ltn.Space, tmp_path: Path) -> None:
    architecture = small.sample(np.random.default_rng(4))
    ltn.save_model(ltn.build_network(architecture), architecture, tmp_path / "model.safetensors")
    export = ltn.export_model(tmp_path / "model.safetensors", tmp_path / "out", format="torch-export")
    assert export is not None
    assert ltn.load_tracker(tmp_path / "out").network.stride == 16


def test_a_configuration_names_a_class_beside_it(tmp_path: Path) -> None:
    (tmp_path / "chain.yaml").write_text("space: mine.py:My\n")
    assert load_config(tmp_path / "chain.yaml").space == f"{tmp_path}/mine.py:My"


@pytest.mark.slow
def test_commands_in_a_plainer_form(run: Callable[..., Any], tmp_path: Path) -> None:
    shown = run("describe", SMALL).out
    assert "second  0, 1, 2" in shown
    assert "label combinations: 48" in shown
    assert json.loads(run("describe", SMALL, "--json").out)["size"]["networks"] == 48
    (header, *_) = run("random", SMALL, "--number", "3").out.splitlines()
    assert header.replace("  ", "") == "network MACs (M)parameters (M)"
    lines = run("random", SMALL, "--number", "3", "--json").out.splitlines()
    assert {json.loads(line)["output"] for line in lines} == {None}
    assert len({json.loads(line)["network"] for line in lines}) == 3
    (tmp_path / "one.json").write_text(lines[0])
    (tmp_path / "two.json").write_text(lines[1])
    assert "one tracked frame" in run("costs", "one.json", "--space", SMALL).out
    sampled = run("costs", "--space", SMALL, "--sample", "3", "--where", "macs <= 1M")
    assert sampled.code == 0
    assert "exactly, of the whole space" not in sampled.out
    assert "M MACs a tracked frame" in run("describe", SMALL, "--architecture", "one.json", "--costs").out
    for words in ((SMALL,), (SMALL, "--architecture", "one.json")):
        assert run("describe", *words, "--svg", "drawn.svg").out.endswith("drawn.svg\n")
        drawn = (tmp_path / "drawn.svg").read_text()
        assert "<svg" in drawn
        (tmp_path / "drawn.svg").unlink()
    assert "first: k" in run("mutate", "one.json", "--space", SMALL, "--all").out
    assert "first" in run("diff", "one.json", "two.json", "--space", SMALL, "--all").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("describe", SMALL, "--costs"), "see `lighttrack-nas random` and `costs --sample N`"),
        (("random", SMALL, "--macs-uniform"), "need a declared space; leave out macs-uniform"),
        (("diff", SMALL, "lighttrack-tiny"), "with it work train-supernet"),
        (("latency-table", "--space", SMALL, "--runtime", "torch"), "with it work train-supernet"),
        (("costs", "back_0", "--space", SMALL), "has no official codes"),
    ],
)
def test_commands_that_refuse(words: tuple[str, ...], message: str, run: Callable[..., Any]) -> None:
    done = run(*words)
    assert done.code != 0
    assert message in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_the_example_goes_from_a_class_to_a_front(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = EXAMPLE.read_text().splitlines()
    assert len(lines) <= 60
    assert not any("import lighttrack_nas" in line for line in lines)
    changes = [
        "space=nni_model_space/space.py:Small",
        "output=run",
        "supernet.training.steps=3",
        "supernet.training.batch_size=4",
        "search.trials=6",
        "search.workers=2",
        "search.strategy.population_size=2",
        "search.quick_pairs=16",
        "retrain.training={steps: 2, batch_size: 4, workers: 0}",
        "tuning.trials=1",
    ]
    sets = [word for change in changes for word in ("--set", change)]
    for command in ("train-supernet", "search", "retrain", "tune-tracker"):
        done = run(command, EXAMPLE.parent.parent / "chain.yaml", *sets)
        assert done.code == 0, done.err
    assert (tmp_path / "run/search/front.csv").is_file()
    monkeypatch.setenv("LIGHTTRACK_NAS_PLUGINS", str(EXAMPLE))
    done = run("costs", "run/retrain/model.safetensors")
    assert done.code == 0, done.err
    assert "one tracked frame" in done.out
