"""Results of searches: trials, networks, fronts by hand, several runs, plots."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState, create_trial

from lighttrack_nas.report.front_files import save_front, save_front_plot
from lighttrack_nas.report.page import unpacked
from lighttrack_nas.results.front_plots import draw_front
from lighttrack_nas.results.front_texts import architecture_lines
from lighttrack_nas.results.networks import front_rows, network_table
from lighttrack_nas.results.results import Result
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.search.goals.objectives import parse_constraints, parse_objectives
from lighttrack_nas.strategies.search.storage.trials import digest
from lighttrack_nas.trackers.base.errors import InputError
from tests.lighttrack_nas.made_studies import (
    OBJECTIVES,
    TINY,
    Trial,
    architecture,
    by_hand,
    digests,
    others,
    study,
    wanted,
)


def test_a_result_has_a_row_a_trial_with_feasibility() -> None:
    trials = by_hand()
    a = trials[0][0]
    result = Result.from_study(study([*trials, (a, trials[0][1], 0)], constraints=["macs <= 25M"]))
    assert list(result.trials.columns) == [
        *("run", "trial", "ao", "macs", "params", "feasible", "violation", "seconds", "copied_from", "path", "network"),
        *("code", "choices", "without_say"),
    ]
    assert result.trials["ao"].tolist() == [0.5, 0.6, 0.55, 0.7, 0.5]
    assert result.trials["feasible"].tolist() == [True, True, False, False, True]
    assert result.trials["violation"].tolist() == pytest.approx([0, 0, 0.2, 0.6, 0])
    assert result.trials["copied_from"].isna().tolist() == [True] * 4 + [False]
    assert json.loads(result.trials["choices"][0]) == dict(a.choices)
    assert result.trials["code"].tolist() == [""] * 5
    assert result.space == TINY
    assert [str(goal) for goal in result.objectives] == list(OBJECTIVES)
    assert [str(limit) for limit in result.constraints] == ["macs <= 25M"]
    assert result.record["search"]["evaluator"] == {"evaluator": "made up"}
    assert result.notes == ()


def test_front_by_hand() -> None:
    trials = by_hand()
    front = Result.from_study(study(trials)).front()
    assert front.table["network"].tolist() == digests(trials, 0, 1, 3)
    assert front.table["ao"].tolist() == [0.5, 0.6, 0.7]
    assert front.table["paths"].tolist() == [1, 1, 1]
    assert front.table["trials"].tolist() == ["search#0", "search#1", "search#3"]
    assert [digest(found) for found in front.architectures] == digests(trials, 0, 1, 3)
    assert len(front.networks) == 4
    assert front.note == ""
    best = Result.from_study(study(trials)).front(objectives="ao")
    assert best.table["network"].tolist() == digests(trials, 3)


def test_a_network_stands_once_with_the_spread_of_its_paths() -> None:
    early = architecture(cls_layer1="k5", cls_layer2="skip", cls_layer3="skip")
    late = architecture(cls_layer1="skip", cls_layer2="skip", cls_layer3="k5")
    # A gene behind the output makes no other path.
    behind = architecture(cls_layer1="skip", cls_layer2="skip", cls_layer3="k5", stage3_block1="k7e4")
    other = others(1)[0]
    assert digest(early.canonical()) == digest(late.canonical())
    costs = {"macs": 10e6, "params": 1e5}
    trials: list[Trial] = [
        (early, {"ao": 0.4, **costs}),
        (late, {"ao": 0.6, **costs}),
        (behind, {"ao": 0.6, **costs}, 1),
        (other, {"ao": 0.55, "macs": 9e6, "params": 1e5}),
    ]
    result = Result.from_study(study(trials))
    # On their means the other network dominates, although one path was better.
    assert result.front().table["network"].tolist() == [digest(other.canonical())]
    row = result.front().networks.set_index("network").loc[digest(early.canonical())]
    assert (row["ao"], row["ao_low"], row["ao_high"], row["paths"]) == (pytest.approx(0.5), 0.4, 0.6, 2)
    assert row["trials"] == "search#0, search#1, search#2"
    assert row["macs"] == 10e6
    # The way back: the digest gives the network, the number the path.
    assert result.architecture(digest(early.canonical())) == early.canonical()
    assert result.architecture(1) == late


def test_where_replaces_the_limit_of_the_same_measurement_alone() -> None:
    trials = by_hand()
    result = Result.from_study(study(trials, constraints=["macs <= 15M", "params <= 0.35M"]))
    assert result.front().table["network"].tolist() == digests(trials, 0)
    wider = result.front(where="macs <= 40M")
    assert [str(limit) for limit in wider.constraints] == ["params <= 350K", "macs <= 40M"]
    assert wider.table["network"].tolist() == digests(trials, 0, 1)
    several = result.front(where=["macs<=1G", "params<=1M", "ao >= 0.6"])
    assert several.table["network"].tolist() == digests(trials, 1, 3)


def test_least_violating_where_none_is_feasible() -> None:
    trials = by_hand()
    front = Result.from_study(study(trials)).front(where=["macs <= 8M", "params <= 1M"])
    assert front.table["network"].tolist() == digests(trials, 0)
    assert front.table["feasible"].tolist() == [False]
    assert front.note == (
        "no network found keeps macs <= 8M and params <= 1M; the nearest has macs 10M, 25.0% above the limit"
    )
    assert not front.keeps_limits
    # A unit that was forgotten reads as what it is.
    forgotten = Result.from_study(study(trials)).front(where="macs <= 20")
    assert forgotten.note == "no network found keeps macs <= 20; the nearest has macs 10M, 500K times the limit"
    assert front.hypervolume().value == 0


def test_hypervolume_by_hand() -> None:
    front = Result.from_study(study(by_hand())).front()
    # Reference: the worst of all four networks, ao 0.5 and 40M. The second covers 0.1 x 20M; the first and the last lie
    # on the reference's own lines and cover nothing.
    covered = front.hypervolume()
    assert dict(covered.reference) == {"ao": 0.5, "macs": 40e6}
    assert covered.value == pytest.approx(0.1 * 20e6)
    # Strips of ao: 0.4 to 0.5 from 10M, 0.5 to 0.6 from 20M, 0.6 to 0.7 from 40M, all to 50M.
    given_reference = front.hypervolume({"macs": 50e6, "ao": 0.4})
    assert given_reference.value == pytest.approx(0.1 * (40e6 + 30e6 + 10e6))
    with pytest.raises(InputError, match="the reference names ao, the objectives are ao, macs"):
        front.hypervolume({"ao": 0.4})


def test_hypervolume_of_three_objectives() -> None:
    a, b = others(2)
    trials: list[Trial] = [
        (a, {"ao": 0.6, "macs": 2.0, "params": 1.0, "latency_ms": 3.0}),
        (b, {"ao": 0.5, "macs": 1.0, "params": 1.0, "latency_ms": 2.0}),
    ]
    front = Result.from_study(study(trials, objectives=[*OBJECTIVES, "minimize latency_ms"])).front()
    assert len(front.table) == 2
    # Boxes 0.2 x 2 x 2 and 0.1 x 3 x 3, which share 0.1 x 2 x 2.
    covered = front.hypervolume({"ao": 0.4, "macs": 4.0, "latency_ms": 5.0})
    assert covered.value == pytest.approx(0.8 + 0.9 - 0.4)


def test_the_nearest_point_goes_by_relative_differences() -> None:
    trials = by_hand()
    front = Result.from_study(study(trials)).front()
    point = front.nearest(macs=22e6)
    assert point.network == digests(trials, 1)[0]
    assert point.architecture == trials[1][0].canonical()
    assert point.measurements == {"ao": 0.6, "macs": 20e6, "params": 2e5}
    assert front.nearest(params=1).network == digests(trials, 0)[0]
    # Relative differences count: 34M alone is near 40M, but with few parameters wanted the smallest network wins.
    assert front.nearest(macs=34e6).network == digests(trials, 3)[0]
    assert front.nearest(macs=34e6, params=1e5).network == digests(trials, 0)[0]


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({}, "nearest to what"),
        ({"macs": 0}, "expected a number above 0"),
        ({"latency_ms": 5}, "'latency_ms' was not measured here; measured are ao, macs, params"),
    ],
)
def test_the_nearest_to_nothing_is_refused(wish: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Result.from_study(study(by_hand())).front().nearest(**wish)


def test_codes_of_the_space_that_has_them(mobile_code: str) -> None:
    space = load_space("lighttrack")
    published = space.decode(mobile_code)
    trials: list[Trial] = [(published, {"ao": 0.6, "macs": 530e6, "params": 2e6})]
    result = Result.from_study(study(trials, space=space))
    found = result.front().nearest(macs=530e6)
    assert space.decode(found.code).canonical() == published.canonical()
    # The code of the trial keeps what was proposed, dead genes and all (stage 5 apart, which is no gene here).
    assert result.trials["code"][0] == mobile_code[:20] + "0000" + mobile_code[24:]


def test_several_runs_have_one_front_of_means(tmp_path: Path) -> None:
    trials = by_hand()
    study(trials[:2], folder=tmp_path / "first")
    study([*trials[2:], (trials[1][0], {"ao": 0.5, "macs": 20e6, "params": 2e5})], folder=tmp_path / "second")
    result = Result.load([tmp_path / "first", tmp_path / "second"])
    assert result.trials["run"].tolist() == ["first"] * 2 + ["second"] * 3
    front = result.front()
    # One path measured twice is one path, at the mean.
    row = front.networks.set_index("network").loc[digests(trials, 1)[0]]
    assert (row["ao"], row["paths"], row["trials"]) == (pytest.approx(0.55), 1, "first#1, second#2")
    assert front.table["network"].tolist() == digests(trials, 0, 1, 3)
    assert result.notes == ()
    assert result.architecture(1, run="second") == trials[3][0]
    with pytest.raises(InputError, match=r"trial 1 of which run\? Known: first, second"):
        result.architecture(1)
    with pytest.raises(InputError, match="a folder was given twice"):
        Result.load([tmp_path / "first", tmp_path / "second/../first"])


@pytest.mark.parametrize("key", ["evaluator", "latency", "versions", "latency_again", "uncounted"])
def test_a_study_with_odd_records_is_damaged(key: str) -> None:
    odd = study(by_hand())
    odd.set_user_attr(key, "x")
    with pytest.raises(InputError, match=f"is damaged: {key} cannot be 'x'"):
        Result.from_study(odd)


def test_runs_that_differ(tmp_path: Path) -> None:
    measured = {"ao": 0.5, "macs": 1e6, "params": 1e5, "latency_ms": 3.0}
    chosen = others(2)
    study([(chosen[0], measured)], evaluator={"supernet": "aa", "device": "cpu"}, folder=tmp_path / "a")
    study(
        [(chosen[1], measured | {"ao": 0.6})],
        evaluator={"supernet": "bb", "device": "cuda"},
        constraints=["macs<=2M"],
        objectives=["ao", "macs", "latency_ms"],
        folder=tmp_path / "b",
    )
    result = Result.load([tmp_path / "a", tmp_path / "b"])
    assert len(result.notes) == 3
    assert "measured differently (device, supernet)" in result.notes[0]
    assert [str(goal) for goal in result.objectives] == list(OBJECTIVES)
    assert [str(limit) for limit in result.constraints] == ["macs <= 2M"]
    # Latencies of two devices are on no axis, in no table and in no constraint.
    front = result.front()
    assert "latency_ms" not in front.table
    for ask in (
        lambda: draw_front(front, x="latency_ms"),
        lambda: front.nearest(latency_ms=3),
        lambda: result.front(where="latency_ms<=5"),
        lambda: result.front(objectives=["ao", "latency_ms"]),
    ):
        with pytest.raises(InputError, match=r"different ground \(device 'cpu' and 'cuda'\)"):
            ask()
    assert "latency_ms" in Result.load(tmp_path / "a").front().table


def test_latencies_of_two_fingerprints_never_mix(tmp_path: Path) -> None:
    measured = {"ao": 0.5, "macs": 1e6, "params": 1e5, "latency_ms": 3.0}
    goals = ["ao", "macs", "latency_ms"]
    for number, (name, threads) in enumerate({"a": 1, "b": 2, "c": 1}.items()):
        trials = [(others(3)[number], measured)]
        made = study(trials, objectives=goals, folder=tmp_path / name)
        made.set_user_attr("latency", {"source": "measured", "processor": "p", "threads": threads})
    study([(others(3)[0], {**measured, "ao": 0.6})], objectives=goals, folder=tmp_path / "old")
    no_latency = {name: value for name, value in measured.items() if name != "latency_ms"}
    study([(others(3)[0], no_latency)], objectives=["ao", "macs"], folder=tmp_path / "untimed")

    assert "latency_ms" in Result.load([tmp_path / "a", tmp_path / "c"]).front().table
    mixed = Result.load([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(InputError, match=r"runs 'a' and 'b' .*different ground \(threads 1 and 2\)"):
        mixed.front()
    # A journal of version 0.2 does not say on what it measured.
    with pytest.raises(InputError, match=r"runs 'a' and 'old' .*different ground"):
        Result.load([tmp_path / "a", tmp_path / "old"]).front()
    assert "latency_ms" in Result.load(tmp_path / "old").front().table
    # A run that measured no latencies mixes none in.
    assert Result.load([tmp_path / "b", tmp_path / "untimed"]).front().latency_problem == ""


def test_latencies_measured_again_stand_beside_the_first(tmp_path: Path) -> None:
    chosen = others(3)
    trials = [
        (a, {"ao": ao, "macs": 1e6, "params": 1e5, "latency_ms": ms})
        for a, ao, ms in zip(chosen, (0.5, 0.6, 0.7), (2.0, 3.0, 4.0), strict=True)
    ]
    made = study(trials, objectives=["ao", "latency_ms"], folder=tmp_path / "run")
    plain = Result.load(tmp_path / "run").front()
    assert "latency_ms_again" not in plain.table
    assert plain.latency_verdict is None
    again = dict(zip(digests(trials, 0, 1, 2), (2.1, 3.6, 4.2), strict=True))
    made.set_user_attr("latency_again", again)
    front = Result.load(tmp_path / "run").front()
    columns = list(front.table.columns)
    assert columns[columns.index("latency_ms") + 1] == "latency_ms_again"
    assert front.table["latency_ms_again"].tolist() == [2.1, 3.6, 4.2]
    verdict = front.latency_verdict
    assert verdict is not None
    assert "3 networks differ by 5.0% in the median, Kendall's tau of the two orders 1.00" in str(verdict)
    assert (verdict.reliable, verdict.repeats) == (True, 0)
    save_front(front, tmp_path / "front")
    assert "latency_ms_again" in (tmp_path / "front" / "front.csv").read_text().splitlines()[0]
    page = (tmp_path / "front" / "front.html").read_text()
    assert '<th class="right">latency_ms_again</th>' in page
    assert '<td class="right">3.60</td>' in page
    assert "Kendall" in page


def test_runs_of_two_spaces_are_refused(tmp_path: Path) -> None:
    study(by_hand(), folder=tmp_path / "tiny")
    full = load_space("lighttrack")
    study([(full.sample(np.random.default_rng(0)), by_hand()[0][1])], space=full, folder=tmp_path / "full")
    with pytest.raises(InputError, match=f"run 'full' searched space 'lighttrack' .{full.hash}., run 'tiny'"):
        Result.load([tmp_path / "tiny", tmp_path / "full"])


def test_no_objective_in_common(tmp_path: Path) -> None:
    study(by_hand(), objectives=["ao"], folder=tmp_path / "a")
    study(by_hand(), objectives=["macs"], folder=tmp_path / "b")
    with pytest.raises(InputError, match="no objective in common"):
        Result.load([tmp_path / "a", tmp_path / "b"])


def test_loading_only_reads(tmp_path: Path) -> None:
    """Also while a search writes: a trial that runs and a line that is half written are not there yet."""
    run = tmp_path / "run"
    made = study(by_hand(), folder=run)
    made.ask(wanted(TINY))
    with (run / "journal.log").open("a") as journal:
        journal.write('{"op_code":9,"wor')
    before = (run / "journal.log").read_bytes()
    assert len(Result.load(run).trials) == 4
    assert (run / "journal.log").read_bytes() == before
    assert [path.name for path in run.iterdir()] == ["journal.log"]


def test_what_is_no_search_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no folder of a search: there is no journal\.log in it"):
        Result.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no folder was given"):
        Result.load([])
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged/journal.log").write_text("hello\nworld\n")
    with pytest.raises(InputError, match="is no journal of Optuna"):
        Result.load(tmp_path / "damaged")
    with pytest.raises(InputError, match="is no architecture search"):
        Result.from_study(optuna.create_study(study_name="other"))


def test_failed_trials_are_left_out_and_said() -> None:
    made = study(by_hand())
    trial = made.ask(wanted(TINY))
    trial.set_user_attr("failure", "the network's answers are not finite")
    made.tell(trial, state=TrialState.FAIL)
    result = Result.from_study(made)
    assert len(result.trials) == 4
    assert result.notes == (
        "run 'search': 1 architecture could not be measured; the last one: the network's answers are not finite",
    )
    with pytest.raises(InputError, match="run 'search' has no completed trial 4"):
        result.architecture(4)


def test_nothing_measured_yet(tmp_path: Path) -> None:
    result = Result.from_study(study([], constraints=["macs <= 600M"]))
    front = result.front()
    assert front.table.empty
    assert front.note == "no network has been measured yet"
    assert front.hypervolume().value == 0
    with pytest.raises(InputError, match="the front is empty"):
        front.nearest(macs=1)
    save_front(front, tmp_path)
    assert (tmp_path / "front.png").is_file()


@pytest.mark.parametrize("which", ["0000", "abc", "", "x" * 16])
def test_an_unknown_network_or_trial_is_refused(which: str) -> None:
    with pytest.raises(InputError, match="expected a trial's number, or 4 to 16 digits"):
        Result.from_study(study(by_hand())).architecture(which)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """Files of a result with everything in it: spread, limits, networks outside them, latencies."""
    rng = np.random.default_rng(1)
    trials: list[Trial] = []
    for chosen in others(40):
        macs, params = float(rng.integers(10, 60) * 1e6), float(rng.integers(1, 5) * 1e5)
        for moved in (chosen, chosen.canonical()):
            ao = 0.3 + macs / 3e8 + float(rng.normal(0, 0.03))
            trials.append((moved, {"ao": ao, "macs": macs, "params": params, "latency_ms": macs / 4e6}))
    result = Result.from_study(study(trials, constraints=["macs <= 50M", "ao >= 0.34"]))
    folder = tmp_path_factory.mktemp("saved")
    (folder / "architectures").mkdir()
    (folder / "architectures/0123456789abcdef.json").write_text("of an earlier front")
    (folder / "architectures/mine.json").write_text("somebody's")
    save_front(result.front(), folder)
    result.save(folder)
    return result, folder


def test_saved_tables_and_architectures_are_the_front_s(saved: tuple[Result, Path]) -> None:
    result, folder = saved
    assert len(pd.read_csv(folder / "trials.csv")) == len(result.trials)
    table = pd.read_csv(folder / "front.csv", dtype={"network": str})
    front = result.front()
    assert table["network"].tolist() == front.table["network"].tolist()
    assert (table["paths"] > 1).any()
    files = {path.name for path in (folder / "architectures").iterdir()}
    assert files == {f"{network}.json" for network in table["network"]} | {"mine.json"}
    for network, expected in zip(table["network"], front.architectures, strict=True):
        assert TINY.from_json((folder / f"architectures/{network}.json").read_text()) == expected
        assert digest(expected) == network


def test_plots_are_saved_for_every_axis_that_was_measured(saved: tuple[Result, Path], tmp_path: Path) -> None:
    result, folder = saved
    front = result.front()
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
    columns = unpacked((folder / "front.html").read_text())["columns"]
    assert [column["name"] for column in columns] == ["ao", "macs", "params", "latency_ms"]
    assert columns[1]["label"] == "MACs of a tracked frame (M)"
    for x in ("macs", "params", "latency_ms"):
        save_front_plot(front, tmp_path / f"{x}.png", x=x)
        assert (tmp_path / f"{x}.png").stat().st_size > 10_000
    with pytest.raises(InputError, match=r"expected a file that ends in \.png, \.svg or \.html"):
        save_front_plot(front, tmp_path / "front.pdf")
    with pytest.raises(InputError, match="'loss' was not measured here"):
        save_front_plot(front, tmp_path / "front.html", x="loss")


def test_page_needs_nothing_else(saved: tuple[Result, Path]) -> None:
    result, folder = saved
    page = (folder / "front.html").read_text()
    tags = re.findall(r"<(?:script|link|img|iframe)[^>]*>", page)
    assert not [tag for tag in tags if "src=" in tag or "href=" in tag]
    front = result.front()
    assert all(network in page for network in front.table["network"])
    assert "macs &lt;= 50M" in page
    networks = {network["id"]: network for network in unpacked(page)["networks"]}
    # Grey ones too lead to their architecture.
    assert networks.keys() == set(front.networks["network"])
    for network, shown in networks.items():
        architecture = TINY.from_json(shown["json"])
        assert digest(architecture) == network
        assert shown["lines"] == architecture_lines(architecture)
        assert shown["svg"].startswith("<svg")
        assert shown["front"] == (network in set(front.table["network"]))
    # The published figures stand below, apart.
    assert page.index("not comparable with the above") > page.index('id="plot-front"')


def test_files_are_the_same_each_time(saved: tuple[Result, Path], tmp_path: Path) -> None:
    result, folder = saved
    save_front(result.front(), tmp_path)
    for name in ("front.csv", "front.png", "front.svg", "front.html"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_axes_left_open() -> None:
    front = Result.from_study(study(by_hand())).front()
    assert front.axes(None, None) == ("macs", "ao")
    assert front.axes("params", None) == ("params", "ao")
    assert front.axes(None, "macs") == ("ao", "macs")
    assert front.axes("ao", None) == ("ao", "macs")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 2), st.integers(0, 4), st.integers(1, 4)), min_size=1, max_size=14
    )
)
def test_front_is_what_nothing_feasible_dominates(drawn: list[tuple[int, int, int, int]]) -> None:
    """Against the definition, on networks of several paths; costs belong to the network."""
    macs = {network: cost for network, _, _, cost in drawn}
    trials = pd.DataFrame(
        {
            "run": "r",
            "trial": range(len(drawn)),
            "ao": [ao / 4 for _, _, ao, _ in drawn],
            "macs": [float(macs[network]) for network, *_ in drawn],
            "copied_from": pd.array([pd.NA] * len(drawn), dtype="Int64"),
            "network": [f"n{network}" for network, *_ in drawn],
            "path": [f"n{network}p{path}" for network, path, *_ in drawn],
        }
    )
    limits = parse_constraints("macs <= 3")
    networks = network_table(trials, limits)
    rows, note = front_rows(networks, parse_objectives(OBJECTIVES), limits)
    points = networks.set_index("network")[["ao", "macs"]]
    feasible = points[points["macs"] <= 3]
    if feasible.empty:
        assert note
        return
    expected = {
        name
        for name, (ao, cost) in feasible.iterrows()
        if not (
            (feasible["ao"] >= ao) & (feasible["macs"] <= cost) & ((feasible["ao"] > ao) | (feasible["macs"] < cost))
        ).any()
    }
    assert set(rows["network"]) == expected
    assert rows["network"].is_unique
    assert (networks["ao_low"] <= networks["ao"] + 1e-12).all()
    assert (networks["ao"] <= networks["ao_high"] + 1e-12).all()


@pytest.mark.parametrize("value", ["x", None, True, float("nan"), float("inf"), [1.0], 10**400])
@pytest.mark.parametrize("name", ["macs", "ao", "latency_ms"])
def test_a_measurement_that_is_no_number_is_named(value: Any, name: str) -> None:
    trials = by_hand()
    made = study(trials)
    broken = {**trials[0][1], name: value}
    made.add_trial(
        create_trial(
            values=[0.5, 1e6],
            params=dict(trials[0][0].choices),
            distributions=wanted(TINY),
            user_attrs={"measurements": broken},
        )
    )
    with pytest.raises(InputError, match=f"trial 4: measurement '{name}': expected a finite number, got"):
        Result.from_study(made)
