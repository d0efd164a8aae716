"""The predictor: what it finds again, what it refuses, files, and factors."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.score_predictor import ScorePredictor, fit_predictor, groups_of
from lighttrack_nas.benchmarks.sums.exact_fronts import Criterion, exact_front
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError

TINY = load_space("lighttrack-tiny")
TABLE = CostTable(TINY)


@pytest.fixture(scope="module")
def scores(made_up_scores: Callable[..., PlaceScores]) -> PlaceScores:
    return made_up_scores(TABLE, 3)


def drawn(count: int, seed: int = 0) -> list[Architecture]:
    rng = np.random.default_rng(seed)
    return [TINY.sample(rng) for _ in range(count)]


def macs(architectures: list[Architecture]) -> np.ndarray:
    return TABLE.bulk(architectures)["macs"]


def losses(scores: PlaceScores, architectures: list[Architecture], weights: dict[str, float]) -> np.ndarray:
    """What networks lose by the weights of parts: `backbone`, `cls_head`, `reg_head`, `output`."""
    parts = np.array([weights.get(place.part, 0.0) for place in scores.places])
    return np.array([scores.by_place(architecture) @ parts for architecture in architectures])


def test_groups_are_stages_output_and_towers(scores: PlaceScores) -> None:
    groups = groups_of(scores)
    stages = [stage.name for stage in TINY.description.stages]
    assert [group for group in groups if group in stages] == [stage for stage in stages if stage in groups]
    assert {"cls_head", "reg_head"} <= set(groups)
    assert set(groups) <= {*stages, "output", "cls_head", "reg_head"}


def test_what_was_made_is_found_again(scores: PlaceScores) -> None:
    """Without noise the weights come back, though not of what never varied; those of no importance are 0."""
    networks = drawn(40)
    reached = 0.8 - losses(scores, networks, {"backbone": 0.5, "cls_head": 0.25})
    found = fit_predictor(scores, networks, reached, macs(networks))
    assert found.weights["cls_head"] == pytest.approx(0.25, rel=0.02)
    assert found.weights["reg_head"] == pytest.approx(0, abs=0.02)
    assert found.tau.value > 0.9
    assert found.tau.low > 0.8
    assert found.guides
    others = drawn(50, seed=1)
    expected = 0.8 - losses(scores, others, {"backbone": 0.5, "cls_head": 0.25})
    assert [found.predict(each) for each in others] == pytest.approx(expected, abs=0.01)


def test_more_noise_is_never_better(scores: PlaceScores) -> None:
    networks = drawn(30)
    found = fit_predictor(scores, networks, 0.5 + losses(scores, networks, {"reg_head": 1}), macs(networks))
    assert min(found.weights.values()) >= 0
    assert found.weights["reg_head"] == 0
    assert not found.guides


@pytest.mark.slow
def test_chance_does_not_guide(scores: PlaceScores) -> None:
    networks = drawn(30)
    guiding = 0
    for seed in range(5):
        reached = np.random.default_rng(seed).random(30)
        found = fit_predictor(scores, networks, reached, macs(networks), seed=seed)
        assert found.macs_tau == pytest.approx(kendalltau(macs(networks), reached).statistic)
        assert np.isnan(found.tau.value) or found.tau.low <= found.tau.value <= found.tau.high
        guiding += found.guides
    assert guiding == 0


def test_what_macs_alone_tell_does_not_guide(scores: PlaceScores) -> None:
    networks = drawn(30)
    found = fit_predictor(scores, networks, macs(networks) / 1e9, macs(networks))
    assert found.macs_tau == pytest.approx(1)
    assert not found.guides


def test_the_same_seed_fits_the_same_predictor(scores: PlaceScores) -> None:
    networks = drawn(20)
    reached = 0.7 - losses(scores, networks, {"backbone": 1}) + np.random.default_rng(1).normal(0, 0.02, 20)
    first, again, other = (fit_predictor(scores, networks, reached, macs(networks), "ao", seed) for seed in (1, 1, 2))
    assert first.to_dict() == again.to_dict() != other.to_dict()
    assert first.measurement == "ao"


def test_factors_are_minus_the_prediction(scores: PlaceScores) -> None:
    networks = drawn(20)
    reached = 0.7 - losses(scores, networks, {"backbone": 1, "reg_head": 0.5})
    found = fit_predictor(scores, networks, reached, macs(networks))
    (best,) = exact_front(TINY, [Criterion(found.factors)]).architectures
    values = exact_front(TINY, [Criterion(found.factors)]).values
    assert -values[0, 0] == pytest.approx(found.predict(best), abs=1e-7)
    assert all(found.predict(each) <= found.predict(best) + 1e-7 for each in drawn(300, seed=5))


def test_a_predictor_s_file_reads_back(
    scores: PlaceScores, made_up_scores: Callable[..., PlaceScores], tmp_path: Path
) -> None:
    networks = drawn(20)
    reached = 0.7 - losses(scores, networks, {"backbone": 1})
    made = fit_predictor(scores, networks, reached, [5e6] * 20)
    file = tmp_path / "predictor.json"
    made.save(file)
    for place in (file, tmp_path):
        read = ScorePredictor.load(place, scores)
        assert read.to_dict() == made.to_dict()
        assert np.isnan(read.macs_tau)
        assert [read.predict(each) for each in networks] == [made.predict(each) for each in networks]
    content = json.loads(file.read_text())
    assert set(content["versions"]) == {"lighttrack-nas", "numpy", "scipy"}
    with pytest.raises(InputError, match="of another table of places"):
        ScorePredictor.load(file, made_up_scores(TABLE, 4))
    for wrong, said in (
        ([], "expected what `lighttrack-nas predict`"),
        (content | {"format": 2}, "expected what `lighttrack-nas predict`"),
        (content | {"weights": {"stage1": 1}}, "damaged"),
        (content | {"weights": {group: -1 for group in content["weights"]}}, "damaged"),
        (content | {"tau": [1]}, "damaged"),
        (content | {"intercept": 10**400}, "damaged"),
        (content | {"networks": "20"}, "damaged"),
        (content | {"measurement": "x"}, "damaged"),
        ({key: value for key, value in content.items() if key != "intercept"}, "damaged"),
    ):
        file.write_text(json.dumps(wrong))
        with pytest.raises(InputError, match=said):
            ScorePredictor.load(file, scores)
    with pytest.raises(InputError, match=r"predictor\.json"):
        ScorePredictor.load(tmp_path / "nowhere" / "predictor.json", scores)


def test_impossible_fits_are_refused(scores: PlaceScores) -> None:
    networks = drawn(12)
    reached = list(np.linspace(0.1, 0.5, 12))
    cases = [
        (networks[:9], reached[:9], [1.0] * 9, "overlap", "needs 10 measured networks or more, got 9"),
        (networks, reached[:11], [1.0] * 12, "overlap", "as many finite measurements"),
        (networks, [*reached[:11], np.nan], [1.0] * 12, "overlap", "as many finite measurements"),
        (networks, [0.5] * 12, [1.0] * 12, "overlap", "nothing can be learnt"),
        (networks, reached, [1.0] * 12, "loss", "unknown measurement"),
    ]
    for architectures, values, costs, measurement, said in cases:
        with pytest.raises(InputError, match=said):
            fit_predictor(scores, architectures, values, costs, measurement)
    foreign = load_space("lighttrack-table")
    with pytest.raises(InputError, match="of space 'lighttrack-table'"):
        fit_predictor(scores, [foreign.sample(np.random.default_rng(0))] * 12, reached, [1.0] * 12)
