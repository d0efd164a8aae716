"""What a comparison makes of runs: scale, indicators, summaries, tests; against scipy and cases by hand."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import mannwhitneyu, rankdata

from lighttrack_nas.cli.search.compare import _records, show
from lighttrack_nas.cli.shared.printing import print_json
from lighttrack_nas.comparisons.comparing import save
from lighttrack_nas.comparisons.comparison_plots import comparison_figure, ranks_figure
from lighttrack_nas.comparisons.comparisons import Comparison
from lighttrack_nas.comparisons.run_files import kept_run
from lighttrack_nas.comparisons.scales import Scale
from lighttrack_nas.config.comparison_config import load_comparison
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.search.goals.objectives import Constraint, parse_objectives
from lighttrack_nas.strategies.search.search_problem import SearchProblem
from lighttrack_nas.trackers.base.errors import InputError

GOALS = parse_objectives(["maximize ao", "minimize macs"])
# The whole space: a front of three, and a network that is worst in both.
ALL = np.array([[-0.9, 100.0], [-0.6, 60.0], [-0.5, 20.0], [-0.1, 120.0]])


def run(
    strategy: str, seed: int, points: list[tuple[float, float]], feasible: list[bool] | None = None
) -> pd.DataFrame:
    count = len(points)
    return pd.DataFrame(
        {
            "strategy": strategy,
            "seed": seed,
            "trial": range(count),
            "evaluations": range(1, count + 1),
            "seconds": np.arange(1, count + 1) * 2.0,
            "ao": [ao for ao, _ in points],
            "macs": [macs for _, macs in points],
            "feasible": feasible or [True] * count,
        }
    )


def compared(*runs: pd.DataFrame, share: float = 0.99, under: Constraint | None = None) -> Comparison:
    return Comparison(pd.concat(runs, ignore_index=True), Scale.of(GOALS, ALL, known=True), share, under)


def test_the_scale_spans_worst_to_best_and_measures_volumes() -> None:
    scale = Scale.of(GOALS, ALL, known=True)
    assert scale.to_dict()["reference"] == {"ao": 0.1, "macs": 120.0}
    assert scale.to_dict()["ideal"] == {"ao": 0.9, "macs": 20.0}
    np.testing.assert_allclose(scale.scaled(ALL)[0], [0, 0.8])
    # Of the unit square: 1 * .2 under the first, (1 - .375) * .4 under the second, .5 * .4 under the third.
    assert scale.volume == pytest.approx(0.2 + 0.625 * 0.4 + 0.5 * 0.4)
    given_one = Scale.of(GOALS, ALL, known=True, reference={"macs": 200.0})
    assert given_one.to_dict()["reference"] == {"ao": 0.1, "macs": 200.0}


def test_scale_of_equal_values_and_of_none() -> None:
    assert Scale.of(GOALS, np.array([[-0.5, 3.0]]), known=False).volume == pytest.approx(1.0)
    assert Scale.of(GOALS, np.empty((0, 2)), known=False).volume == 0.0


def test_indicators_of_a_run() -> None:
    whole = [(0.1, 120.0), (0.9, 100.0), (0.6, 60.0), (0.5, 20.0)]
    raw = compared(run("a", 0, whole)).raw
    volume = 0.2 + 0.25 + 0.2
    np.testing.assert_allclose(raw["hypervolume"], [0, 0.2 / volume, 0.45 / volume, 1.0])
    assert raw["distance"].iloc[-1] == 0
    assert raw["best"].tolist() == [0.1, 0.9, 0.9, 0.9]


def test_what_breaks_a_limit_counts_for_nothing() -> None:
    points = [(0.9, 100.0), (0.6, 60.0), (0.5, 20.0)]
    raw = compared(run("a", 0, points, feasible=[False, True, True]), under=Constraint("macs", 50.0)).raw
    assert raw["hypervolume"].iloc[0] == 0
    assert np.isinf(raw["distance"].iloc[0])
    assert np.isnan(raw["best"].iloc[1])  # feasible, but above 50
    assert raw["best"].iloc[2] == 0.5


def test_the_summary_says_of_how_many_runs_the_best_is() -> None:
    points = [(0.9, 100.0), (0.6, 60.0), (0.5, 20.0)]
    summary = compared(
        run("a", 0, points, feasible=[False, False, False]), run("a", 1, points), under=Constraint("macs", 70.0)
    ).summary()
    assert summary[["seeds", "best", "runs_with_best"]].iloc[0].tolist() == [2, 0.6, 1]


def test_the_summary_gives_medians_over_seeds_best_strategy_first() -> None:
    quick = [(0.9, 100.0), (0.6, 60.0), (0.5, 20.0), (0.1, 120.0)]
    slow = [(0.1, 120.0), (0.9, 100.0), (0.6, 60.0), (0.5, 20.0)]
    never = [(0.1, 120.0), (0.9, 100.0), (0.9, 100.0), (0.1, 120.0)]
    comparison = compared(
        run("b", 0, never), run("b", 1, slow), run("b", 2, never), run("a", 0, quick), run("a", 1, slow)
    )
    summary = comparison.summary().set_index("strategy")
    assert list(summary.index) == ["a", "b"]
    assert summary.loc["a", "hypervolume"] == pytest.approx(1)
    assert summary.loc["a", "evaluations_to_share"] == 3.5
    assert summary.loc["a", "seconds_to_share"] == 7.0
    assert summary.loc["a", "reached"] == 2
    assert summary.loc["b", "reached"] == 1
    assert np.isnan(summary.loc["b", "evaluations_to_share"])  # two of three never came there


def test_curve_is_the_median_over_seeds() -> None:
    one = [(0.1, 120.0), (0.9, 100.0), (0.6, 60.0)]
    other = [(0.9, 100.0), (0.6, 60.0)]
    comparison = compared(run("a", 0, one), run("a", 1, other))
    curve = comparison.curve("a", "hypervolume")
    assert curve["x"].tolist() == [1, 2, 3]  # the one that ended keeps its last value
    volume = 0.65
    np.testing.assert_allclose(curve["median"], [0.1 / volume, 0.325 / volume, (0.45 + 0.45) / 2 / volume])
    assert (curve["low"] <= curve["median"]).all()
    assert comparison.curve("a", "hypervolume", "seconds")["x"].iloc[-1] == 6.0
    for indicator in ("hypervolume", "distance"):
        for axis in ("evaluations", "seconds"):
            end = comparison.curve("a", indicator, axis)["median"].iloc[-1]
            assert end == pytest.approx(comparison.summary()[indicator].iloc[0])


def test_significance_is_scipys() -> None:
    rng = np.random.default_rng(0)

    def runs(name: str, top: float) -> list[pd.DataFrame]:
        return [run(name, seed, [(float(rng.uniform(0.1, top)), 20.0)]) for seed in range(10)]

    comparison = compared(*runs("a", 0.9), *runs("b", 0.5), *runs("c", 0.5))
    final = {name: group["hypervolume"] for name, group in comparison.final().groupby("strategy")}
    table = comparison.significance().set_index(["first", "second"])
    for first, second in (("a", "b"), ("a", "c"), ("b", "c")):
        row = table.loc[(first, second)]
        assert row["p"] == pytest.approx(mannwhitneyu(final[first], final[second]).pvalue)
        better = np.mean([(x > y) + 0.5 * (x == y) for x in final[first] for y in final[second]])
        assert row["a12"] == pytest.approx(better)
    assert (table["p_holm"] >= table["p"]).all()


def constant(name: str, ends: list[float]) -> list[pd.DataFrame]:
    """A run a seed, of one trial that gets there."""
    return [run(name, seed, [(end, 20.0)]) for seed, end in enumerate(ends)]


def test_three_seeds_tell_nothing_and_five_tell_what_is_clear() -> None:
    few = compared(*constant("a", [0.7, 0.8, 0.9]), *constant("b", [0.2, 0.3, 0.4]))
    assert few.significance()["verdict"].tolist() == ["too few seeds to tell"]
    assert few.significance()["seeds_needed"].tolist() == [4]
    assert not few.power.can_tell
    ends = np.linspace(0.5, 0.9, 5)
    many = compared(*constant("a", [*ends]), *constant("b", [*ends - 0.35]), *constant("c", [*ends - 0.4]))
    table = many.significance().set_index(["first", "second"])
    assert table.loc[("a", "c"), "verdict"] == "differ"
    assert np.isnan(table.loc[("a", "c"), "seeds_needed"])
    assert table.loc[("b", "c"), "verdict"] == "not told apart"
    assert table.loc[("b", "c"), "seeds_needed"] > 5
    assert many.not_told_apart() == [["b", "c"]] or table.loc[("a", "b"), "verdict"] != "differ"


def test_ranks_are_those_of_runs_drawn_one_of_each() -> None:
    ends = {"a": [0.2, 0.5, 0.9], "b": [0.3, 0.4, 0.5], "c": [0.1, 0.2, 0.9]}
    comparison = compared(*(each for name, values in ends.items() for each in constant(name, values)))
    drawn = [rankdata([-end for end in one]) for one in product(*ends.values())]
    assert comparison.ranks().to_dict() == pytest.approx(dict(zip(ends, np.mean(drawn, axis=0), strict=True)))
    assert comparison.summary().set_index("strategy")["rank"].to_dict() == pytest.approx(comparison.ranks().to_dict())


def test_one_strategy_is_summed_up_without_tests() -> None:
    comparison = compared(*constant("a", [0.7, 0.8]))
    assert comparison.summary()["rank"].tolist() == [1]
    assert comparison.significance().empty
    with pytest.raises(ValueError, match="compared with nothing"):
        _ = comparison.power


@pytest.mark.parametrize("axis", ["evaluations", "seconds"])
def test_figures_are_drawn(axis: str) -> None:
    comparison = compared(
        *constant("a", [0.7, 0.8, 0.9]), *constant("b", [0.2, 0.3]), run("c", 0, [(0.9, 100.0)], [False])
    )
    assert len(comparison_figure(comparison, axis).axes) == 3
    words = [text.get_text() for text in ranks_figure(comparison).axes[0].texts]
    assert sorted(word.strip("0123456789. ") for word in words) == ["a", "b", "c"]


@pytest.mark.slow
@pytest.mark.parametrize("found_by", [0, 1], ids=["no run", "one of three"])
def test_a_comparison_whose_median_runs_broke_the_limits_is_saved_and_shown(
    found_by: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [(0.9, 100.0), (0.6, 60.0)]
    runs = [
        run(name, seed, points, [False, seed < found_by]).assign(overhead=0.1) for name in "ab" for seed in range(3)
    ]
    comparison = compared(*runs)
    save(comparison, tmp_path)
    names = [
        *(f"{name}.{kind}" for name in ("evaluations", "seconds", "ranks") for kind in ("png", "svg")),
        "power.json",
    ]
    assert all((tmp_path / name).stat().st_size for name in names)
    growth, distance, _ = comparison_figure(comparison).axes
    assert [text.get_text() for text in distance.texts] == ["no median run kept the limits"]
    assert distance.get_xlim() == growth.get_xlim()
    show(comparison, 2)
    shown = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("a "))
    assert shown.split()[6:8] == ["1.50", "none"]
    print_json(_records(comparison.summary()))
    assert json.loads(capsys.readouterr().out)[0]["distance"] is None


@pytest.mark.slow
def test_the_same_comparison_gives_the_same_files(tmp_path: Path) -> None:
    comparison = compared(*constant("a", [0.7, 0.8]), *constant("b", [0.2, 0.3]))
    for name in ("once", "again"):
        save(comparison, tmp_path / name)
    contents = [{file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("once", "again")]
    assert contents[0] == contents[1]


WHOLE = "trial,evaluations,seconds,overhead,ao,macs,feasible\n0,1,2.0,0.1,0.5,10,True\n1,2,4.0,0.1,0.6,20,False\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (WHOLE[:-30], "it has 1 rows, and the run 2 trials"),
        (WHOLE[:-6], "it has 2 rows|feasible"),
        (WHOLE.replace("0.6", "o.6"), "column 'ao', line 3: expected a number, got 'o.6'"),
        (WHOLE.replace("0.6", ""), "column 'ao', line 3: expected a number, got 'nan'"),
        (WHOLE.replace("False", "perhaps"), "column 'feasible': expected True or False"),
        (WHOLE.replace("4.0", "1.0"), "seconds fall"),
        (WHOLE.replace("macs", "params"), "column 'macs' is missing"),
        ("", "it is no table"),
        ("nonsense\n1\n", "column 'trial' is missing"),
    ],
)
def test_a_damaged_run_is_told_and_counts_as_missing(text: str, words: str, tmp_path: Path) -> None:
    path, said = tmp_path / "000.csv", []
    path.write_text(WHOLE)
    kept = kept_run(path, ("a", 0), 2, ["ao", "macs"], said.append)
    assert kept is not None
    assert len(kept) == 2
    assert said == []
    path.write_text(text)
    assert kept_run(path, ("a", 0), 2, ["ao", "macs"], said.append) is None
    assert len(said) == 1
    assert re.search(f"'{path}' is damaged, and the run is done again: .*({words})", said[0])
    assert kept_run(tmp_path / "001.csv", ("a", 1), 2, ["ao", "macs"], said.append) is None
    assert len(said) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"strategies": {"r": "random"}}, "give one of 'table' .* and 'chain'"),
        ({"table": "lighttrack-table", "chain": "c.yaml", "strategies": {"r": "random"}}, "give one of"),
        ({"table": "lighttrack-table"}, "strategies: Field required"),
        ({"table": "lighttrack-table", "strategies": {}}, "strategies"),
        ({"table": "lighttrack-table", "strategies": {"r": "randon"}}, "strategies.r: .*did you mean 'random'"),
        ({"table": "lighttrack-table", "strategies": {"n": {"name": "nsga2", "seeed": 1}}}, "did you mean 'seed'"),
        ({"table": "lighttrack-table", "strategies": {"n": {}}}, "strategies.n: expected a name"),
        ({"table": "lighttrack-table", "strategies": {"a/b": "random"}}, "'a/b' cannot name a file"),
        (
            {"table": "lighttrack-table", "strategies": {"n": "nsga2"}, "trials": 20},
            "fewer than the population_size of 48",
        ),
        (
            {"table": "lighttrack-table", "strategies": {"r": "random"}, "reference": {"params": 1}},
            "objective in 'reference'",
        ),
        ({"table": "lighttrack-table", "strategies": {"r": "random"}, "under": "Mobile"}, "expected one constraint"),
        ({"table": "lighttrack-table", "strategies": {"r": "random"}, "sedes": 3}, "did you mean 'seeds'"),
        ([1], "expected a mapping of keys"),
    ],
)
def test_a_wrong_comparison_is_refused_when_it_is_read(content: object, words: str, tmp_path: Path) -> None:
    path = tmp_path / "compare.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=words):
        load_comparison(path)


def test_values_set_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "compare.yaml"
    path.write_text("table: mine.zip\nstrategies: {r: random}\n")
    config = load_comparison(path, ["seeds=3", "strategies.n={name: nsga2, population_size: 10}"])
    assert config.seeds == 3
    assert config.table == str(tmp_path / "mine.zip")
    assert config.strategy("n", 7).seed == 7


@pytest.mark.parametrize("name", ["compare", "full_space"])
def test_examples_are_configurations(name: str) -> None:
    config = load_comparison(Path(__file__).parents[3] / f"examples/comparison/{name}.yaml")
    assert len(config.strategies) == 8
    for strategy in config.strategies:
        problem = SearchProblem(
            space=load_space("lighttrack"), objectives=config.goals, constraints=config.bounds, trials=config.trials
        )
        config.strategy(strategy, 0).sampler(problem)


def test_files_are_found_beside_the_comparison(tmp_path: Path) -> None:
    path = tmp_path / "compare.yaml"
    for written, table in (
        ("supernet/places.json", str(tmp_path / "supernet/places.json")),
        ("lighttrack-places", "lighttrack-places"),
    ):
        path.write_text(f"table: {written}\nstrategies: {{r: random}}\n")
        assert load_comparison(path).table == table
