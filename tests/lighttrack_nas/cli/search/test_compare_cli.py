"""`compare` from the command line: on a table, stopped and gone on with, and what it refuses."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from lighttrack_nas.benchmarks.scoring.place_scores import PlaceScores
from lighttrack_nas.benchmarks.scoring.tabular_benchmark import BenchmarkTable
from lighttrack_nas.comparisons.problems import TabularProblem
from lighttrack_nas.search_spaces.enumeration import paths
from lighttrack_nas.search_spaces.loading.loading import load_space

SPACE = load_space("lighttrack-table")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of which large networks are good, by sums over their choices, and a comparison on it."""
    folder = tmp_path_factory.mktemp("compare")
    rng = np.random.default_rng(0)
    weights = {(label, value): rng.random() for label, values in SPACE.labels.items() for value in values}
    rows = list(paths(SPACE))
    macs = np.array([1e6 * sum(weights[choice] for choice in row.choices.items()) for row in rows])
    table = BenchmarkTable(
        SPACE,
        rows,
        {"ao": macs / 1e7 + 0.1 * rng.random(len(rows)), "macs": macs, "seconds": np.full(len(rows), 2.0)},
        {},
    )
    table.save(folder / "table.zip")
    content = {
        "table": "table.zip",
        "strategies": {"random": "random", "evolution": {"name": "nsga2", "population_size": 8}},
        "seeds": 2,
        "trials": 24,
        "output": str(folder / "run"),
    }
    (folder / "compare.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture
def call(warm: Any) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a folder."""
    return lambda folder, *words: warm.run(["-m", "lighttrack_nas", *words], cwd=folder)


@pytest.mark.slow
def test_compare_shows_and_writes_every_strategy_s_runs(folder: Path, call: Callable[..., Any]) -> None:
    done = call(folder, "compare", "compare.yaml")
    assert done.returncode == 0, done.stderr
    assert "as a share of the true front's" in done.stdout
    # Two seeds show nothing, and nothing is said to differ, or not to.
    assert "2 seeds are too few to tell any two strategies apart" in done.stderr
    assert "too few seeds to tell; takes" in done.stdout
    run = folder / "run"
    raw = pd.read_csv(run / "raw.csv")
    assert len(raw) == 2 * 2 * 24
    # The seconds are those of measuring, though nothing was measured.
    assert (
        raw.groupby(["strategy", "seed"])["seconds"].last()
        >= 2 * raw.groupby(["strategy", "seed"])["evaluations"].last()
    ).all()
    for name in (
        "summary.csv",
        "significance.csv",
        "scale.json",
        "power.json",
        "ranks.svg",
        "evaluations.png",
        "seconds.svg",
        "run.json",
    ):
        assert (run / name).stat().st_size > 0
    assert json.loads((run / "run.json").read_text())["evaluator"]["evaluator"] == "table"
    before = raw.drop(columns=["seconds", "overhead"])

    # A run that is missing is done again, and gives what it gave.
    (run / "runs" / "evolution" / "001.csv").unlink()
    kept = (run / "runs" / "random" / "000.csv").stat().st_mtime_ns
    again = call(folder, "compare", "compare.yaml", "--json")
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert {row["strategy"] for row in told["summary"]} == {"random", "evolution"}
    assert told["power"]["least_seeds"] == 4
    assert told["significance"][0]["verdict"] == "too few seeds to tell"
    assert (run / "runs" / "random" / "000.csv").stat().st_mtime_ns == kept
    pd.testing.assert_frame_equal(pd.read_csv(run / "raw.csv").drop(columns=["seconds", "overhead"]), before)

    other = call(folder, "compare", "compare.yaml", "--set", "trials=30")
    assert other.returncode == 1
    assert "holds results of another run: trials" in other.stderr
    assert "Traceback" not in other.stderr

    # Nor does a strategy of other settings take over the runs of its name.
    changed = call(folder, "compare", "compare.yaml", "--set", "strategies.evolution.population_size=6")
    assert changed.returncode == 1
    assert "holds results of another run: strategy.population_size was 8 and is now 6" in changed.stderr

    # Nor is a damaged file believed, nor the comparison lost with it.
    whole = (run / "runs" / "random" / "000.csv").read_text().splitlines(keepends=True)
    (run / "runs" / "random" / "000.csv").write_text("".join(whole[:9]))
    torn = call(folder, "compare", "compare.yaml")
    assert torn.returncode == 0, torn.stderr
    assert "is damaged, and the run is done again: it has 8 rows, and the run 24 trials" in torn.stderr
    pd.testing.assert_frame_equal(pd.read_csv(run / "raw.csv").drop(columns=["seconds", "overhead"]), before)


@pytest.mark.slow
def test_compare_on_a_table_of_places(
    folder: Path, call: Callable[..., Any], random_places: Callable[..., PlaceScores]
) -> None:
    scores = random_places(load_space("lighttrack"))
    scores.save(folder / "supernet")
    words = ("objectives=[minimize nsr, minimize macs]", "table=supernet/places.json", "output=places")
    words += ("under=macs <= 400M", "constraints=[params <= 3M]", "share=0.5", "workers=1")
    done = call(folder, "compare", "compare.yaml", *(each for word in words for each in ("--set", word)))
    assert done.returncode == 0, done.stderr
    assert "as a share of the true front's" in done.stdout
    run = folder / "places"
    raw = pd.read_csv(run / "raw.csv")
    assert len(raw) == 2 * 2 * 24
    assert (raw["hypervolume"] <= 1).all()
    assert raw["hypervolume"].max() > 0.4
    assert (raw["distance"] > 0).all()
    scale = json.loads((run / "scale.json").read_text())
    assert scale["best_known_front_is_true"]
    problem = TabularProblem(str(folder / "supernet/places.json"), ["nsr", "macs"], "params <= 3M")
    assert scale["best_known_front_points"] == len(problem.front())
    assert scale["reference"] == pytest.approx(problem.worst)
    record = json.loads((run / "run.json").read_text())["evaluator"]
    assert (record["evaluator"], record["table"]) == ("table of places", problem.table.digest)

    lacking = call(
        folder, "compare", "compare.yaml", "--set", "table=supernet/places.json", "--set", "output=places2"
    )  # fmt: skip
    assert lacking.returncode == 1
    assert "objective 'maximize ao': the evaluator measures nsr, macs, params only" in lacking.stderr
    assert "Traceback" not in lacking.stderr


@pytest.mark.slow
def test_what_does_not_fit(folder: Path, call: Callable[..., Any]) -> None:
    done = call(folder, "compare", "compare.yaml", "--set", "objectives=[loss]", "--set", "output=other")
    assert done.returncode == 1
    assert "objective 'minimize loss': the evaluator measures ao, macs only" in done.stderr
    single = call(
        folder, "compare", "compare.yaml", "--set", "output=third", "--set", "strategies={re: regularized-evolution}",
        "--set", "trials=120",
    )  # fmt: skip
    assert single.returncode == 1
    assert "strategies.re: search strategy 'regularized-evolution' follows one objective" in single.stderr
    assert not (folder / "third").exists()
    assert "Traceback" not in done.stderr + single.stderr
