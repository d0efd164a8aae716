"""Scores on inherited weights: the same for the same, whatever came before, and the supernet as it was."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.latency.latency_build import build_latency_table
from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
from lighttrack_nas.benchmarks.latency.latency_table import LatencyTable
from lighttrack_nas.benchmarks.scoring import network_scorer
from lighttrack_nas.benchmarks.scoring.supernet_evaluator import SupernetEvaluator, fingerprint
from lighttrack_nas.search_spaces.base.labels import OUTPUT
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.building.supernet import Supernet
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.goals import objectives
from lighttrack_nas.strategies.search.goals.evaluator import LatencyEvaluator
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.sequence import Sequence
from lighttrack_nas.trackers.training.pairs.pair import Pair

# One supernet and one latency table serve them all.
pytestmark = pytest.mark.xdist_group("supernet evaluator")

TINY = load_space("lighttrack-tiny")
SCORES = ("ao", "overlap", "loss")
WITHOUT_ABSENCES = tuple(name for name in network_scorer.TRACKED if name != "presence")


class NoisePairs:
    """Pairs of noise; counts what is drawn."""

    def __init__(self) -> None:
        self.drawn = 0

    def pair(self, rng: np.random.Generator) -> Pair:
        self.drawn += 1
        template, search = (rng.integers(0, 256, (size, size, 3), np.uint8) for size in (64, 128))
        box = np.concatenate([rng.uniform(20, 60, 2), rng.uniform(20, 50, 2)]).astype(np.float32)
        return Pair(template, search, box, bool(rng.random() > 0.2))


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Supernet(TINY).eval()


@pytest.fixture
def make(supernet: Supernet, make_sequence: Callable[..., Sequence]) -> Callable[..., SupernetEvaluator]:
    """An evaluator of everything, on a video of six frames and a dozen pairs."""
    video = make_sequence(np.tile([20.0, 15.0, 16.0, 12.0], (6, 1)))

    def evaluator(**settings: Any) -> SupernetEvaluator:
        usual = {
            "sequences": [video],
            "calibration_pairs": NoisePairs(),
            "quick_pairs": NoisePairs(),
            "calibration_batches": 2,
            "batch_size": 4,
            "quick_pairs_count": 6,
        }
        return SupernetEvaluator(settings.pop("supernet", supernet), **{**usual, **settings})

    return evaluator


def samples(count: int, seed: int = 0) -> list[Architecture]:
    rng = np.random.default_rng(seed)
    return [TINY.sample(rng) for _ in range(count)]


@pytest.mark.slow
def test_the_same_in_any_order_and_any_company(make: Callable[..., SupernetEvaluator]) -> None:
    architectures = samples(3)
    forward, backward = make(), make()
    found = [forward.measure(architecture, SCORES) for architecture in architectures]
    assert forward.measure(architectures[0], SCORES) == found[0]
    assert [backward.measure(architecture, SCORES) for architecture in architectures[::-1]] == found[::-1]
    assert make().measure(architectures[1], ["loss"]) == {"loss": found[1]["loss"]}
    assert len({scores["loss"] for scores in found}) == 3
    for scores in found:
        assert tuple(scores) == SCORES
        assert 0 <= scores["ao"] <= 1
        assert scores["loss"] > 0


@pytest.mark.slow
def test_the_supernet_stays_as_it_is(make: Callable[..., SupernetEvaluator], supernet: Supernet) -> None:
    before = {key: value.clone() for key, value in supernet.state_dict().items()}
    modes = [module.training for module in supernet.modules()]
    generator, threads = torch.get_rng_state(), torch.get_num_threads()
    evaluator = make()
    for architecture in samples(10):
        evaluator.measure(architecture, ("loss", "ao"))
    evaluator.measure(architecture, ["latency_ms"])
    for key, value in supernet.state_dict().items():
        assert torch.equal(before[key], value), key
    assert all(parameter.grad is None for parameter in supernet.parameters())
    assert [module.training for module in supernet.modules()] == modes
    assert torch.equal(torch.get_rng_state(), generator)
    assert torch.get_num_threads() == threads


def test_equal_paths_score_alike(make: Callable[..., SupernetEvaluator]) -> None:
    evaluator = make(sequences=())
    first = TINY.candidates[OUTPUT][0]
    architecture = TINY.architecture({**samples(1)[0].choices, OUTPUT: first, "stage3-block1": "k7e4"})
    assert architecture != architecture.path()
    assert evaluator.inherits_weights
    assert evaluator.measure(architecture, ["loss"]) == evaluator.measure(architecture.path(), ["loss"])


def test_calibration_replaces_the_supernets_statistics(make: Callable[..., SupernetEvaluator]) -> None:
    (architecture,) = samples(1)
    calibrated = make().measure(architecture, ["loss"])
    assert make(calibration_pairs=None).measure(architecture, ["loss"]) != calibrated
    assert make(seed=1).measure(architecture, ["loss"]) != calibrated
    network = make(calibration_pairs=None).extract(architecture)
    assert int(network.backbone.stem.norm.num_batches_tracked) == 0
    assert int(make().extract(architecture).backbone.stem.norm.num_batches_tracked) == 4
    assert int(make().extract(architecture, recalibrated=False).backbone.stem.norm.num_batches_tracked) == 0


def test_networks_with_folded_norms_keep_their_statistics(make: Callable[..., SupernetEvaluator]) -> None:
    """Path by path: one candidate of a place is folded, and only networks that have it stay as they are."""
    supernet = Supernet(TINY).eval()
    label = "stage2-block0"
    place = supernet.model_space.network.backbone.blocks[label]
    first, second = TINY.candidates[label][:2]
    for norm in (module for module in place[first].modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
    evaluator = make(supernet=supernet)
    assert evaluator.keeps_folded
    assert evaluator.record()["recalibrated"] == "networks without folded norms"
    for candidate, seen in ((first, 0), (second, 4)):
        network = evaluator.extract(TINY.architecture({**samples(1)[0].choices, label: candidate}))
        assert int(network.backbone.stem.norm.num_batches_tracked) == seen
    assert evaluator.measure(TINY.architecture({**samples(1)[0].choices, label: first}), ["loss"])["loss"] > 0
    assert not make(supernet=supernet, calibration_pairs=None).keeps_folded
    assert "recalibrated" not in make().record()


def test_pairs_and_frames_are_read_once(make: Callable[..., SupernetEvaluator]) -> None:
    source, quick = NoisePairs(), NoisePairs()
    evaluator = make(calibration_pairs=source, quick_pairs=quick)
    assert source.drawn == quick.drawn == 0
    for architecture in samples(2):
        evaluator.measure(architecture, SCORES)
        assert (source.drawn, quick.drawn) == (8, 6)
        for path in evaluator.sequences[0].frame_paths:
            path.unlink(missing_ok=True)


def test_one_source_gives_no_pair_to_both_uses(make: Callable[..., SupernetEvaluator]) -> None:
    seen: list[tuple] = []

    class Recorded(NoisePairs):
        def pair(self, rng: np.random.Generator) -> Pair:
            pair = super().pair(rng)
            seen.append(tuple(pair.box))
            return pair

    source = Recorded()
    make(calibration_pairs=source, quick_pairs=source).measure(samples(1)[0], ["loss"])
    assert len(set(seen)) == len(seen) == 14


def test_costs_are_those_of_the_cost_table(make: Callable[..., SupernetEvaluator]) -> None:
    evaluator, table = make(), CostTable(TINY)
    for architecture in samples(3):
        assert evaluator.costs(architecture) == table.costs(architecture)
        assert evaluator.measure(architecture, ["params", "macs"]) == {
            name: table.costs(architecture)[name] for name in ("params", "macs")
        }


def test_latency_is_measured_where_it_is_asked_for(make: Callable[..., SupernetEvaluator]) -> None:
    assert make().measure(samples(1)[0], ["latency_ms", "macs"])["latency_ms"] > 0


@pytest.fixture(scope="module")
def latency_table() -> LatencyTable:
    return build_latency_table(TINY, runtime="torch", networks=10, rounds=2)


@pytest.mark.slow
def test_latency_from_a_table_is_a_cost(make: Callable[..., SupernetEvaluator], latency_table: LatencyTable) -> None:
    evaluator = make(latency=latency_table)
    (architecture,) = samples(1)
    expected = float(latency_table.predict([architecture])[0])
    assert evaluator.costs(architecture) == make().costs(architecture) | {"latency_ms": expected}
    assert evaluator.measure(architecture, ["latency_ms"]) == {"latency_ms": expected}
    with pytest.raises(InputError, match="the latency table is of space 'lighttrack-tiny'"):
        SupernetEvaluator(Supernet(load_space("lighttrack-table")), latency=latency_table)


def test_latencies_are_recorded_with_their_device(
    make: Callable[..., SupernetEvaluator], latency_table: LatencyTable
) -> None:
    measured, table = make(), make(latency=latency_table)
    here = LatencySettings().fingerprint().to_dict()
    assert measured.latency_record() == {"source": "measured", "statistic": "least"} | here
    assert table.latency_record() == {"source": "table", "table": latency_table.digest} | here
    assert make(latency=LatencySettings(threads=2)).latency_record() != measured.latency_record()
    # Journals of version 0.2 go on where latency is measured as it was.
    assert measured.record()["latency_threads"] == 1
    assert "latency" not in measured.record()
    assert "latency_threads" not in table.record()
    assert table.record()["latency"]["source"] == "table"
    assert isinstance(measured, LatencyEvaluator)


def test_latencies_are_measured_again_network_by_network(make: Callable[..., SupernetEvaluator]) -> None:
    found = make().latencies_again(samples(2))
    assert len(found) == 2
    assert min(found) > 0


@pytest.mark.parametrize(
    ("settings", "measurements", "words"),
    [
        (
            {},
            (*WITHOUT_ABSENCES, "overlap", "loss", "macs", "params", "latency_ms"),
            "'presence': the evaluator was given no sequences with frames that are labelled as without the target",
        ),
        (
            {"sequences": ()},
            ("overlap", "loss", "macs", "params", "latency_ms"),
            "'ao': the evaluator was given no sequences",
        ),
        (
            {"quick_pairs": None},
            (*WITHOUT_ABSENCES, "macs", "params", "latency_ms"),
            "'overlap': the evaluator was given no quick_pairs",
        ),
    ],
)
def test_what_can_be_measured_depends_on_the_data(
    make: Callable[..., SupernetEvaluator], settings: dict, measurements: tuple[str, ...], words: str
) -> None:
    evaluator = make(**settings)
    assert evaluator.measurements == measurements
    with pytest.raises(InputError, match=words):
        evaluator.measure(samples(1)[0], [words.split("'")[1]])


def test_foreign_architectures_and_measurements_are_refused(make: Callable[..., SupernetEvaluator]) -> None:
    foreign = load_space("lighttrack").sample(np.random.default_rng(0))
    for call in (make().costs, make().extract, lambda architecture: make().measure(architecture, ["loss"])):
        with pytest.raises(InputError, match="of space 'lighttrack'"):
            call(foreign)
    with pytest.raises(InputError, match="unknown measurement 'los'; did you mean 'loss'"):
        make().measure(samples(1)[0], ["los"])
    with pytest.raises(InputError, match="batch_size: at least 1"):
        make(batch_size=0)
    with pytest.raises(InputError, match="hyper-parameters"):
        make(hyper_parameters="best")
    with pytest.raises(InputError, match="device 'warp'"):
        make(device="warp")


def test_sequences_without_ground_truth(
    make: Callable[..., SupernetEvaluator], make_sequence: Callable[..., Sequence]
) -> None:
    boxes = np.full((3, 4), np.nan)
    boxes[0] = [20, 15, 16, 12]
    with pytest.raises(InputError, match="none has a box after its first frame"):
        make(sequences=[make_sequence(boxes, "test")])


def test_the_record_says_what_scores_depend_on(make: Callable[..., SupernetEvaluator], supernet: Supernet) -> None:
    record = make(data={"sequences": "somewhere"}, seed=3, hyper_parameters="vot2019").record()
    assert json.loads(json.dumps(record)) == record
    assert record["sequences"] == {"video": 6}
    assert record["data"] == {"sequences": "somewhere"}
    assert (record["space_hash"], record["supernet"]) == (TINY.hash, fingerprint(supernet))
    assert (record["seed"], record["calibration_batches"], record["quick_pairs_count"]) == (3, 2, 6)
    assert record["hyper_parameters"]["penalty_k"] == 0.007
    assert record["pairs"] == {"calibration": "NoisePairs", "quick": "NoisePairs"}
    assert (record["device"], record["runtime"], record["threads"]) == ("cpu", "torch-eager", torch.get_num_threads())


def test_fingerprint_sees_every_bit() -> None:
    network = build_network(samples(1)[0])
    before = fingerprint(network)
    assert fingerprint(network) == before
    assert len(before) == 16
    network.backbone.stem.norm.num_batches_tracked += 1
    assert fingerprint(network) != before
    network.backbone.stem.norm.num_batches_tracked -= 1
    assert fingerprint(network) == before
    with torch.no_grad():
        network.cls_head.prediction.bias[0] += 1e-6
    assert fingerprint(network) != before


def test_a_score_is_the_weighted_sum_of_the_scores_that_it_names(make: Callable[..., SupernetEvaluator]) -> None:
    """LightTrack's fitness, (AO + SR.5) / 2, and one of both kinds of scores."""
    (architecture,) = samples(1)
    parts = make().measure(architecture, ("ao", "sr50", "loss"))
    fitness = make(score={"ao": 0.5, "sr50": 0.5}).measure(architecture, ("score", "ao"))
    assert fitness == {"score": pytest.approx((parts["ao"] + parts["sr50"]) / 2), "ao": parts["ao"]}
    mixed = make(score={"ao": 2, "loss": -0.1}).measure(architecture, ("score",))
    assert mixed["score"] == pytest.approx(2 * parts["ao"] - 0.1 * parts["loss"])


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ({"sr5": 1}, "unknown score to weigh 'sr5'"),
        ({"score": 1}, "unknown score to weigh 'score'"),
        ({"macs": 1}, "unknown score to weigh 'macs'"),
        ({"ao": float("nan")}, "the weight of 'ao' must be a number other than 0, got nan"),
        ({"ao": 0}, "the weight of 'ao' must be a number other than 0, got 0"),
        ({"ao": True}, "the weight of 'ao' must be a number other than 0, got True"),
    ],
)
def test_impossible_weights_are_refused(
    make: Callable[..., SupernetEvaluator], score: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make(score=score)


def test_a_score_needs_what_it_weighs(make: Callable[..., SupernetEvaluator]) -> None:
    (architecture,) = samples(1)
    for settings, lacking in (
        ({}, "weights of a score"),
        ({"score": {"ao": 1}, "sequences": []}, "sequences to track"),
    ):
        evaluator = make(**settings)
        assert "score" not in evaluator.measurements
        with pytest.raises(InputError, match=f"measurement 'score': the evaluator was given no {lacking}"):
            evaluator.measure(architecture, ("score",))


def test_searches_and_evaluators_know_the_same_figures_of_tracks() -> None:
    """The two folders import nothing of each other."""
    assert network_scorer.TRACKED == objectives.TRACKED
    assert {*network_scorer.SCORES} <= {*objectives.MEASUREMENTS}
