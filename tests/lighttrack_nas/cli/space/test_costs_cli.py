"""`costs`: of one architecture at another size, and of a whole space."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lighttrack_nas as ltn
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.latency.fingerprint import take_fingerprint
from lighttrack_nas.benchmarks.latency.latency_pieces import LATENCY_PARTS, find_pieces
from lighttrack_nas.benchmarks.latency.latency_table import Check, Correction, LatencyTable
from lighttrack_nas.costing.cost_analysis import space_costs
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.runtimes.program import Options

Run = Callable[..., Any]


SPACE = ("costs", "--space", "lighttrack-tiny", "--sample", 2000)


@pytest.mark.slow
def test_one_architecture_at_another_size(run: Run, mobile_code: str) -> None:
    small, large = (json.loads(run("costs", mobile_code, "--search-size", size, "--json").out) for size in (256, 288))
    assert small == json.loads(run("costs", mobile_code, "--json").out)
    assert large["search_size"] == 288
    assert large["params"] == small["params"]
    assert large["macs"] > 1.2 * small["macs"]
    assert "MACs at search 288" in run("costs", mobile_code, "--search-size", 288).out


def test_a_space_in_words(run: Run) -> None:
    shown = run(*SPACE, "--where", "Mobile", "--where", "macs<=40M")
    assert shown.code == 0, shown.err
    for text in (
        "space lighttrack-tiny (",
        "2,000 architectures, every label combination equally likely (seed 0)",
        "median",
        "macs <= 600M  100.00%",
        "all of them",
        "cheapest in macs: 16.7 M MACs, 0.036 M parameters",
        "dearest in params: 78.0 M MACs, 0.296 M parameters",
        "stage1: k3e2 k3e2",
    ):
        assert text in shown.out
    assert all(line == line.rstrip() for line in shown.out.splitlines())


def test_official_codes_stand_for_choices(run: Run) -> None:
    shown = run("costs", "--space", "lighttrack", "--sample", 10).out
    (code,) = {line.strip() for line in shown.split("dearest in macs")[1].splitlines()[1:2]}
    assert json.loads(run("costs", code, "--json").out)["macs"] == 783_154_432


def test_a_space_for_machines(run: Run, tmp_path: Path) -> None:
    shown = run(*SPACE, "--seed", 3, "--where", "macs <= 40M", "--where", "params >= 100K", "--json")
    found = json.loads(shown.out)
    space = load_space("lighttrack-tiny")
    assert found["space_hash"] == space.hash
    assert (found["sample"], found["seed"], found["search_size"]) == (2000, 3, 128)
    assert {"torch", "fvcore"} <= found["versions"].keys()
    assert sum(found["histograms"]["macs"]["counts"]) == 2000
    assert found["quantiles"]["macs"]["0"] <= found["quantiles"]["macs"]["0.5"] <= found["quantiles"]["macs"]["1"]
    for name, ends in found["extremes"].items():
        for end in ends.values():
            assert ltn.measure_costs(space.architecture(end["choices"])).to_dict()[name] == end[name]
    both = found["constraints"][2]
    assert both["constraint"] == "all of them"
    assert 0 < both["low"] < both["share"] < both["high"] < 1
    assert found["files"] == []
    assert not list(tmp_path.iterdir())
    assert json.loads(run(*SPACE, "--seed", 3, "--json").out)["quantiles"] == found["quantiles"]
    assert json.loads(run(*SPACE, "--seed", 4, "--json").out)["quantiles"] != found["quantiles"]


def test_costs_of_a_space_are_written_as_table_figure_and_json(run: Run, tmp_path: Path) -> None:
    shown = run(*SPACE, "--output", "out", "--where", "macs <= 40M")
    assert shown.out.splitlines()[-3:] == ["out/costs.csv", "out/costs.png", "out/costs.json"]
    sample = pd.read_csv(tmp_path / "out/costs.csv", dtype=str)
    space = load_space("lighttrack-tiny")
    assert list(sample.columns) == ["macs", "params", "macs_template", *space.labels]
    assert len(sample) == 2000
    table = CostTable(space)
    for row in sample.head(20).to_dict("records"):
        architecture = space.architecture({label: row[label] for label in space.labels})
        assert table.costs(architecture)["macs"] == int(row["macs"])
    assert (tmp_path / "out/costs.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "out/costs.json").read_text())["constraints"][0]["constraint"] == "macs <= 40M"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("costs", "--space", "lighttrack-tiny"), "or --sample N to draw from the space"),
        (("costs", "--sample", 5), "--sample draws from a space: add --space"),
        (
            ("costs", "lighttrack-tiny-generated", "--sample", 5),
            "'lighttrack-tiny-generated' and --sample: give an architecture, or",
        ),
        (
            ("costs", "lighttrack-tiny-generated", "--seed", 1, "--where", "Mobile"),
            "--seed, --where: about a space, not about one",
        ),
        (("costs", "lighttrack-tiny-generated", "--output", "o"), "--output: about a space"),
        ((*SPACE, "--where", "ao >= 0.5"), "'ao' is no cost; macs, params can be bounded here"),
        ((*SPACE, "--where", "latency_ms <= 5"), "latency is not known without a latency table"),
        ((*SPACE, "--where", "macs < 5"), "expected a measurement, <= or >="),
        ((*SPACE, "--where", "Mobil"), "did you mean 'Mobile'"),
        ((*SPACE, "--search-size", 8), "16 to 2048 expected, got 8"),
        (("costs", "--space", "lighttrak", "--sample", 5), "did you mean 'lighttrack'"),
        (("costs", "--space", "lighttrack-tiny", "--sample", 0), "--sample"),
    ],
)
def test_senseless_calls_are_refused_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[Any, ...], said: str
) -> None:
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", "off")  # else a table that is there hides one counted too early
    refused = run(*arguments)
    assert refused.code in (1, 2)
    assert said in refused.err
    assert refused.code == 2 or len(refused.err.strip().splitlines()) == 1
    assert not refused.out


def test_output_is_checked_before_the_work(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = run(*SPACE, "--output", "file")
    assert refused.code == 1
    assert "'file' cannot hold results" in refused.err


@pytest.mark.slow
def test_a_damaged_cache_is_told_of(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIGHTTRACK_NAS_CACHE", str(tmp_path / "cache"))
    small = ("costs", "--space", "lighttrack-table", "--sample", 20)
    first = run(*small)
    assert "counting costs: " in first.err
    (file,) = (tmp_path / "cache/cost-tables").iterdir()
    file.write_text("{")
    second = run(*small)
    assert second.err.startswith(f"note: cost table '{file}' is no whole JSON file; its space is counted again\n")
    third = run(*small)
    assert not third.err
    assert first.out == second.out == third.out


@pytest.fixture
def latency_table() -> LatencyTable:
    """A table of this machine with made-up times: a microsecond for each character of a piece's name."""
    pieces = find_pieces(load_space("lighttrack-tiny"))
    return LatencyTable(
        pieces,
        take_fingerprint("torch", Options(threads=1)),
        {name: len(name) / 1000 for name in pieces.pieces},
        Correction(0.1, dict.fromkeys(LATENCY_PARTS, 1.0), dict.fromkeys(LATENCY_PARTS, 0.0)),
        Check(10, 0.012, 0.1, 0.9, 0.01, 0.99, (1.0,)),
        {},
    )


def test_latency_is_predicted_for_each(latency_table: LatencyTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prediction sees the drawn architectures, in their order."""
    table = CostTable(load_space("lighttrack-tiny"))

    def predict(architectures: list[Architecture]) -> np.ndarray:
        return table.bulk(architectures)["macs"] / 1e7

    monkeypatch.setattr(latency_table, "predict", predict)
    found = space_costs(table, 500, constraints=["latency_ms <= 4", "macs >= 1M"], latency=latency_table)
    assert (found.samples["latency_ms"] == found.samples["macs"] / 1e7).all()
    assert found.measurements == ["macs", "params", "latency_ms"]
    assert found.shares[0].share == (found.samples["macs"] <= 4e7).mean()
    assert found.limits("latency_ms") == (found.samples["latency_ms"].min(), found.samples["latency_ms"].max())
    assert len(ltn.draw_costs(found).axes) == 3


@pytest.mark.slow
def test_latency_from_a_file(run: Run, latency_table: LatencyTable) -> None:
    latency_table.save("table.json")
    shown = run(*SPACE, "--latency-table", "table.json", "--where", "latency_ms <= 1", "--output", "out")
    assert shown.code == 0, shown.err
    assert "latency predicted for torch (" in shown.out
    assert "median error of the prediction 1.2%" in shown.out
    assert "latency of a tracked frame (ms)" in shown.out
    assert "latency_ms <= 1" in shown.out
    machine = json.loads(Path("out/costs.json").read_text())
    assert machine["latency"]["fingerprint"] == latency_table.fingerprint.to_dict()
    assert machine["latency"]["digest"] == latency_table.digest
    assert pd.read_csv("out/costs.csv")["latency_ms"].between(0.1, 10).all()
    refused = run(*SPACE, "--latency-table", "table.json", "--search-size", 160)
    assert "latency tables are of the space's smaller search size, 128" in refused.err
    refused = run("costs", "--space", "lighttrack", "--sample", 5, "--latency-table", "table.json")
    assert "is of space 'lighttrack-tiny'" in refused.err
    assert run(*SPACE, "--latency-table", "none.json").code == 1


def test_draws_are_uniform_over_label_combinations() -> None:
    """The share of a constraint that half of the architectures keep lies in its interval."""
    table = CostTable(load_space("lighttrack-tiny"))
    middle = float(np.median(space_costs(table, 20_000, seed=1).samples["macs"]))
    (share,) = space_costs(table, 4_000, constraints=f"macs <= {middle:.0f}").shares
    assert share.low < 0.5 < share.high
    rng = np.random.default_rng(0)
    drawn = [table.costs(table.space.sample(rng))["macs"] for _ in range(4_000)]
    assert share.low < np.mean(np.array(drawn) <= middle) < share.high


def test_a_sample_of_none_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1 architecture expected, got 0"):
        space_costs(CostTable(load_space("lighttrack-tiny")), 0)
