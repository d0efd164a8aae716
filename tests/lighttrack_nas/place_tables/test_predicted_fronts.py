"""Predicted fronts: what they are of, what they say of themselves, and what they refuse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.latency.fingerprint import take_fingerprint
from lighttrack_nas.benchmarks.latency.latency_pieces import LATENCY_PARTS, find_pieces
from lighttrack_nas.benchmarks.latency.latency_table import Check, Correction, LatencyTable
from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.score_predictor import ScorePredictor, fit_predictor
from lighttrack_nas.place_tables.predicted_fronts import TOLERANCE, evenly_along, predicted_front
from lighttrack_nas.report.front_files import save_front
from lighttrack_nas.results.front_plots import axis_label, front_title
from lighttrack_nas.results.front_texts import front_cells
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.search.storage.trials import digest
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.program import Options

TINY = load_space("lighttrack-tiny")
TABLE = CostTable(TINY)
ENDS = {name: TABLE.extremes(name) for name in ("macs", "params")}


@pytest.fixture(scope="module")
def scores(made_up_scores: Callable[..., PlaceScores]) -> PlaceScores:
    return made_up_scores(TABLE)


def fitted(scores: PlaceScores, noise: float = 0.0) -> ScorePredictor:
    rng = np.random.default_rng(0)
    networks = [TINY.sample(rng) for _ in range(30)]
    reached = [0.8 - 0.2 * scores.score(each) for each in networks] + noise * rng.normal(size=30)
    return fit_predictor(scores, networks, reached, TABLE.bulk(networks)["macs"])


def test_the_front_of_the_plain_sum(scores: PlaceScores, tmp_path: Path) -> None:
    found = predicted_front(scores)
    assert [str(goal) for goal in found.objectives] == ["minimize nsr", "minimize macs"]
    assert found.measurements == ("nsr", "macs", "params")
    table = found.table
    assert len(table) > 5
    assert table["macs"].is_monotonic_increasing
    assert table["nsr"].is_monotonic_decreasing
    assert table["macs"][0] == TABLE.costs(TABLE.extremes("macs").cheapest)["macs"]
    for network, nsr, macs, architecture in zip(
        table["network"], table["nsr"], table["macs"], found.architectures, strict=True
    ):
        assert architecture == architecture.path()
        assert network == digest(architecture.canonical())
        assert scores.score(architecture) == pytest.approx(nsr, abs=1e-9)
        assert TABLE.costs(architecture)["macs"] == macs
    rng = np.random.default_rng(0)
    for drawn in (TINY.sample(rng) for _ in range(300)):
        own = scores.score(drawn), TABLE.costs(drawn)["macs"]
        assert ((table["nsr"] <= own[0] + 1e-9) & (table["macs"] <= own[1])).any()
    assert found.note == ""
    assert "nothing here was measured" in found.predicted
    assert "exactly" in found.predicted
    point = found.nearest(macs=float(table["macs"][2]))
    assert point.network == table["network"][2]
    with pytest.raises(InputError, match="'ao' is not predicted here; there are nsr, macs, params"):
        found.nearest(ao=0.5)


def test_nothing_pretends_to_be_measured(scores: PlaceScores, tmp_path: Path) -> None:
    found = predicted_front(scores, fitted(scores), constraints="macs <= 30M")
    assert front_title(found).startswith("Predicted front of lighttrack-tiny: ")
    assert front_title(found).endswith("networks, macs <= 30M")
    assert axis_label(found, "overlap") == "predicted overlap on fixed pairs"
    assert axis_label(found, "macs") == "MACs of a tracked frame (M)"
    header, rows = front_cells(found)
    assert header[:5] == ["network", "overlap", "nsr", "macs (M)", "params (M)"]
    assert all(len(row) == len(header) for row in rows)
    files = save_front(found, tmp_path)
    assert all(file.exists() for file in files)
    page = (tmp_path / "front.html").read_text()
    assert "Nothing here was measured" in page
    assert "paths measured" not in page
    assert "trials" not in (tmp_path / "front.csv").read_text().splitlines()[0]
    assert len(list((tmp_path / "architectures").iterdir())) == len(found.table)


def test_the_front_of_a_prediction(scores: PlaceScores) -> None:
    predictor = fitted(scores)
    found = predicted_front(scores, predictor)
    assert [str(goal) for goal in found.objectives] == ["maximize overlap", "minimize macs"]
    assert found.table["overlap"].is_monotonic_increasing
    assert [predictor.predict(each) for each in found.architectures] == pytest.approx(found.table["overlap"].tolist())
    assert f"Kendall's tau {predictor.tau.value:.2f}" in found.predicted
    limited = predicted_front(scores, predictor, constraints=["overlap >= 0.7", "macs <= 30M"])
    assert limited.table["overlap"].min() >= 0.7
    assert limited.table["macs"].max() <= 30e6
    kept = found.table[(found.table["overlap"] >= 0.7) & (found.table["macs"] <= 30e6)]
    assert limited.table["network"].tolist() == kept["network"].tolist()


def test_other_objectives_and_tolerances(scores: PlaceScores) -> None:
    three = predicted_front(scores, objectives=["nsr", "minimize macs", "params"])
    assert f"within {TOLERANCE:.2%}" in three.predicted
    exact = predicted_front(scores, objectives=["nsr", "macs", "params"], tolerance=0)
    assert len(three.table) <= len(exact.table)
    names = ["nsr", "macs", "params"]
    least = predicted_front(scores, objectives="nsr").table["nsr"][0]
    ranges = [TABLE.costs(ends.dearest)[name] - TABLE.costs(ends.cheapest)[name] for name, ends in ENDS.items()]
    room = TOLERANCE * np.array([predicted_front(scores, objectives="maximize nsr").table["nsr"][0] - least, *ranges])
    for values in exact.table[names].to_numpy(float):
        assert (three.table[names].to_numpy(float) <= values + room).all(axis=1).any()
    dearest = predicted_front(scores, objectives="maximize macs")
    assert dearest.table["macs"].tolist() == [TABLE.costs(TABLE.extremes("macs").dearest)["macs"]]
    both = predicted_front(scores, objectives="nsr", constraints=["macs >= 20M", "macs <= 30M", "params <= 80K"])
    assert 20e6 <= both.table["macs"][0] <= 30e6
    assert both.table["params"][0] <= 8e4


def test_latencies_of_a_table(scores: PlaceScores) -> None:
    pieces = find_pieces(TINY)
    times = {name: 0.01 * (1 + index % 7) for index, name in enumerate(pieces.pieces)}
    correction = Correction(0.5, {"backbone": 1.1, "fusion": 1.0, "towers": 0.9}, dict.fromkeys(LATENCY_PARTS, 0.01))
    check = Check(10, 0.01, 0.02, 0.95, 0.01, 0.96, (1.0, 1.5))
    latency = LatencyTable(pieces, take_fingerprint("torch", Options()), times, correction, check, {})
    found = predicted_front(scores, None, ["nsr", "latency_ms"], "params <= 80K", latency)
    assert found.table["latency_ms"].tolist() == latency.predict(found.architectures).tolist()
    assert found.table["params"].max() <= 80e3
    assert axis_label(found, "latency_ms") == "predicted latency of a tracked frame (ms)"
    assert "median error 1.0%" in found.predicted
    values = found.table[["nsr", "latency_ms"]].to_numpy(float)
    rng = np.random.default_rng(0)
    drawn = [each for each in (TINY.sample(rng) for _ in range(500)) if TABLE.costs(each)["params"] <= 80e3]
    assert len(drawn) > 50
    for each in drawn:
        own = [scores.score(each), latency.latency_ms(each)]
        assert (values <= np.add(own, 1e-7)).all(axis=1).any()
    limited = predicted_front(scores, None, "nsr", f"latency_ms <= {np.median(values[:, 1])}", latency)
    assert limited.table["latency_ms"][0] <= np.median(values[:, 1]) + 1e-7
    others = find_pieces(load_space("lighttrack-table"))
    other = LatencyTable(others, latency.fingerprint, dict.fromkeys(others.pieces, 0.0), correction, check, {})
    with pytest.raises(InputError, match="the latency table is of space 'lighttrack-table'"):
        predicted_front(scores, latency_table=other)


def test_a_predictor_that_is_no_guide(scores: PlaceScores) -> None:
    blind = fitted(scores, noise=100)
    assert not blind.guides
    with pytest.raises(InputError, match=r"no guide.*tau is .*MACs alone .*--by nsr"):
        predicted_front(scores, blind)
    assert len(predicted_front(scores, blind, objectives=["nsr", "macs"]).table)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"objectives": "loss"}, "'minimize loss': 'loss' is not predicted here; there are nsr, macs, params"),
        ({"objectives": ["nsr", "latency_ms"]}, "latencies need a latency table"),
        ({"constraints": "ao >= 0.5"}, "'ao' is not predicted here"),
        ({"constraints": "macs <= 1K"}, "keeps macs <= 1K: the least of all is"),
        ({"constraints": "macs >= 1G"}, "keeps macs >= 1G: the most of all is"),
        ({"constraints": ["nsr <= 1000", "macs <= 1"]}, "keeps macs <= 1"),
        ({"tolerance": 2}, "tolerance: 0 to 1"),
    ],
)
def test_impossible_questions_are_refused(scores: PlaceScores, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        predicted_front(scores, **given)


def test_limits_that_nobody_keeps_together(scores: PlaceScores) -> None:
    front = predicted_front(scores).table
    limits = [f"nsr <= {front['nsr'].min() + 1e-6:.6f}", f"macs <= {front['macs'].min()}"]
    with pytest.raises(InputError, match="together, though each alone can be kept"):
        predicted_front(scores, constraints=limits)


def test_tables_of_other_places_are_refused(scores: PlaceScores, made_up_scores: Callable[..., PlaceScores]) -> None:
    with pytest.raises(InputError, match="the predictor is of another table of places"):
        predicted_front(made_up_scores(TABLE, 9), fitted(scores))


def test_points_evenly_along_a_front(scores: PlaceScores) -> None:
    found = predicted_front(scores)
    macs = found.table["macs"].to_numpy(float)

    def costs(count: int) -> list[int]:
        return [TABLE.costs(each)["macs"] for each in evenly_along(found, "macs", count)]

    assert costs(2) == [macs[0], macs[-1]]
    assert len(set(costs(5))) == 5
    assert costs(5) == sorted(costs(5))
    assert np.ptp(np.diff(costs(5))) < np.ptp(macs) / 3
    assert macs[0] < costs(1)[0] < macs[-1]
    assert costs(10_000) == macs.tolist()


def test_names_of_the_package() -> None:
    assert ltn.predicted_front is predicted_front
    assert ltn.PlaceScores is PlaceScores
    assert ltn.ScorePredictor is ScorePredictor
