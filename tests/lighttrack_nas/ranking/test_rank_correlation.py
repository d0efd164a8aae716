"""The comparison of rankings: what is trained, what is left out, what comes out; trainings are played, mostly."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from lighttrack_nas.benchmarks.evaluation.result_files import to_json
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.ranking import rank_correlation as module
from lighttrack_nas.ranking.rank_correlation import run_rank_correlation
from lighttrack_nas.ranking.ranking_jobs import INHERITED, RECALIBRATED, AloneJob, SupernetJob
from lighttrack_nas.ranking.ranking_plots import correlations_figure, scatter_figure
from lighttrack_nas.ranking.ranking_result import CEILING, EACH_SEED, MACS, MEAN, RankingResult, ScoreColumn
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import write_atomically

COUNT = 6
SPOS, FAIR = {"strategy": "spos"}, {"strategy": "fair", "training": {"steps": 2}}


@pytest.fixture
def config(tmp_path: Path, write_sequences: Callable[..., Path]) -> Callable[..., Config]:
    sequences = write_sequences(tmp_path / "sequences")

    def make(**ranking: object) -> Config:
        content = {
            "space": "lighttrack-table",
            "output": str(tmp_path / "run"),
            "validation": {"path": str(sequences)},
            "ranking": {"strategies": [SPOS, FAIR], "architectures": COUNT, "resamples": 200} | ranking,
        }
        path = tmp_path / "chain.yaml"
        path.write_text(yaml.safe_dump(content))
        return load_config(path)

    return make


class Played:
    """In place of `run_jobs`: writes scores without any training.

    Attributes:
        fail: Job's name -> why it fails.
        without: Names of the jobs whose first network's scores are not finite.
        flat: Whether all scores are equal.
        done: Names of the jobs that ran.
    """

    def __init__(self) -> None:
        self.fail: dict[str, str] = {}
        self.without: Sequence[str] = ()
        self.flat = False
        self.done: list[str] = []

    def __call__(self, jobs: Sequence, workers: int, told: Callable, gpus: Sequence[str]) -> dict[str, str]:
        for name, job in jobs:
            self.done.append(name)
            if name not in self.fail:
                write_atomically(job.folder / "scores.json", to_json(self._scores(job)))
        return {name: reason for name, reason in self.fail.items() if name in [job.name for job in jobs]}

    def _scores(self, job: SupernetJob | AloneJob) -> dict:
        names, rng = job.config.ranking.measurements, np.random.default_rng(len(job.name))
        if isinstance(job, AloneJob):
            lucky = np.random.default_rng([job.number, job.attempt]).normal()
            return {name: self._score(job.number, 0.4 * lucky, job.name) for name in names}
        return {
            weights: [
                dict.fromkeys(names, self._score(number, rng.normal() * noise, job.name))
                for number in range(len(job.architectures))
            ]
            for weights, noise in ((INHERITED, 3.0), (RECALIBRATED, 0.5))
        }

    def _score(self, number: int, luck: float, name: str) -> float | None:
        if name in self.without and number in (0, 2):
            return None
        return 0.5 if self.flat else number + luck


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> Played:
    playing = Played()
    monkeypatch.setattr(module, "run_jobs", playing)
    return playing


@pytest.fixture
def played(saved: Played, monkeypatch: pytest.MonkeyPatch) -> Played:
    """Without the figures, which take longer than all the rest."""
    monkeypatch.setattr(module, "save_ranking", lambda *_: [])
    return saved


def said(sentence: str) -> None:
    raise AssertionError(sentence)


def test_networks_are_spread_and_every_one_is_trained_with_every_seed(config: Callable, played: Played) -> None:
    result = run_rank_correlation(config(), said)
    assert played.done == [
        *("supernet spos", "supernet fair"),
        *(f"network {number} alone, seed {seed}" for seed in (1, 2) for number in range(1, COUNT + 1)),
    ]
    assert result.networks["network"].nunique() == COUNT
    assert result.networks["macs"].is_monotonic_increasing
    assert result.notes == ()
    # Parts of the range of MACs: the first and the last network lie in the first and the last of six.
    macs = result.networks["macs"]
    assert macs.iloc[-1] > 1.6 * macs.iloc[0]


@pytest.mark.slow
def test_figures_are_scipy_s(config: Callable, played: Played) -> None:
    result = run_rank_correlation(config(), said)
    seeds = [result.scores[ScoreColumn("alone", f"seed {seed}", "overlap")] for seed in (1, 2)]
    fair = result.scores[ScoreColumn("fair", RECALIBRATED, "overlap")]
    taus = [stats.kendalltau(fair, seed).statistic for seed in seeds]
    assert result.estimate("overlap", "fair", RECALIBRATED, "kendall").value == pytest.approx(np.mean(taus))
    against_mean = result.estimate("overlap", "fair", RECALIBRATED, "weighted", MEAN).value
    assert against_mean == pytest.approx(stats.weightedtau(fair, np.mean(seeds, axis=0)).statistic)
    ceiling = result.estimate("overlap", CEILING, "", "spearman")
    assert ceiling.value == pytest.approx(stats.spearmanr(*seeds).statistic)
    assert ceiling.low < ceiling.value <= ceiling.high
    macs = [stats.kendalltau(result.networks["macs"], seed).statistic for seed in seeds]
    assert result.estimate("overlap", MACS, "", "kendall").value == pytest.approx(np.mean(macs))
    rows = result.differences.query("statistic == 'kendall' and first == 'fair, recalibrated'")
    assert rows["second"].tolist() == ["fair, inherited", "spos, recalibrated", "MACs", "ceiling"]
    before = result.estimate("overlap", "fair", INHERITED, "kendall").value
    assert rows["value"].iloc[0] == pytest.approx(np.mean(taus) - before)
    assert (rows["low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["high"]).all()


@pytest.mark.slow
def test_a_small_loss_is_good(config: Callable, played: Played) -> None:
    """The same numbers as overlap and as loss: alone and inherited turn round together, MACs do not."""
    result = run_rank_correlation(config(measurements=["overlap", "loss"]), said)
    for statistic in ("kendall", "spearman"):
        overlap, loss = (
            [result.estimate(name, ranking, weights, statistic).value for ranking, weights in result.rankings(name)]
            for name in ("overlap", "loss")
        )
        assert result.rankings("loss")[:2] == [(CEILING, ""), (MACS, "")]
        assert loss[0] == pytest.approx(overlap[0])
        assert loss[1] == pytest.approx(-overlap[1])
        assert loss[2:] == pytest.approx(overlap[2:])


def test_one_seed_has_no_ceiling(config: Callable, played: Played) -> None:
    result = run_rank_correlation(config(seeds=1), said)
    assert CEILING not in result.correlations["ranking"].tolist()
    assert math.isnan(result.estimate("overlap", CEILING, "", "kendall").value)
    assert "ceiling" not in result.differences["second"].tolist()


def test_a_failed_training_is_named_and_the_others_count(config: Callable, played: Played) -> None:
    played.fail = {"network 2 alone, seed 2": "its process was killed", "supernet fair": "the loss was not finite"}
    result = run_rank_correlation(config(), said)
    assert result.notes == (
        "network 2 alone, seed 2: left out, its process was killed",
        "supernet fair: left out, the loss was not finite",
        "figures are of the 5 of 6 networks with all scores",
    )
    assert result.whole.tolist() == [True, False, True, True, True, True]
    assert result.supernets == ["spos"]
    assert (result.correlations["networks"] == 5).all()
    # What failed is tried again, and nothing else.
    played.done, played.fail = [], {}
    result = run_rank_correlation(config(), said)
    assert played.done == ["supernet fair", "network 2 alone, seed 2"]
    assert result.notes == ()
    assert result.whole.all()


def test_networks_without_a_score_are_named(config: Callable, played: Played) -> None:
    played.without = ["supernet spos"]
    notes = run_rank_correlation(config(), said).notes
    assert "network 1 has no score in 'spos, recalibrated: overlap': its answers are not finite" in notes
    assert notes[-1] == "figures are of the 4 of 6 networks with all scores"
    played.without = ["supernet fair"]
    with pytest.raises(InputError, match="only 4 networks have all scores, and at least 5"):
        module.checked_result(run_rank_correlation(config(), said), 5)


@pytest.mark.parametrize(
    ("fail", "message"),
    [
        (
            [f"network {number} alone, seed 1" for number in (1, 3, 5)],
            "only 3 networks have all scores, and at least 4",
        ),
        (["supernet spos", "supernet fair"], "no supernet was trained: supernet spos: left out, broken"),
    ],
)
def test_too_much_that_failed_ends_it(config: Callable, played: Played, fail: list[str], message: str) -> None:
    played.fail = dict.fromkeys(fail, "broken")
    with pytest.raises(InputError, match=message):
        run_rank_correlation(config(), said)


def test_equal_scores_rank_nothing_and_are_named(config: Callable, played: Played) -> None:
    played.flat = True
    result = run_rank_correlation(config(), said)
    assert "spos, inherited: overlap: all networks score 0.5, so that nothing is ranked (NaN)" in result.notes
    assert result.correlations["value"].isna().all()
    assert {row["value"] for row in json.loads(to_json(result.to_dict()))["correlations"]} == {None}


def test_more_may_join_and_only_that_is_trained(config: Callable, played: Played) -> None:
    run_rank_correlation(config(strategies=[SPOS], seeds=1), said)
    played.done = []
    run_rank_correlation(config(seeds=2), said)
    assert played.done == ["supernet fair", *(f"network {number} alone, seed 2" for number in range(1, COUNT + 1))]
    played.done = []
    run_rank_correlation(config(workers=4, resamples=300), said)
    assert played.done == []


@pytest.mark.parametrize(
    ("ranking", "message"),
    [
        ({"architectures": 7}, "holds results of another run: architectures was 6 and is now 7"),
        ({"training": {"steps": 5}}, "another run: training.steps was 1000 and is now 5"),
        ({"strategies": [SPOS, FAIR | {"training": {"steps": 3}}]}, "another run: training.steps was 2 and is now 3"),
        ({"strategies": [FAIR | {"label": "spos"}]}, 'another run: strategy was "spos" and is now "fair"'),
    ],
)
def test_a_folder_of_another_run_is_refused(config: Callable, played: Played, ranking: dict, message: str) -> None:
    run_rank_correlation(config(), said)
    with pytest.raises(InputError, match=message):
        run_rank_correlation(config(**ranking), said)


@pytest.mark.parametrize(
    ("ranking", "message"),
    [
        ({"architectures": 3}, r"ranking.architectures: .*greater than or equal to 4, got 3"),
        ({"strategies": ["spoz"]}, "unknown one-shot strategy 'spoz'; did you mean 'spos'"),
        ({"strategies": []}, "ranking.strategies"),
        ({"strategies": ["spos", {"strategy": "spos"}]}, "two are called 'spos'; give each a label of its own"),
        ({"strategies": [{"label": "a/b"}]}, "ranking.strategies.*label"),
        ({"strategies": [{"strategy": "spos", "training": {"lr": 1}}]}, "spos: training: unknown key 'lr'"),
        ({"measurements": ["macs"]}, "ranking.measurements"),
        ({"training": {"batch_size": 4}}, "ranking.training: .*steps"),
        ({"network": 3}, "unknown key 'ranking.network'"),
    ],
)
def test_mistakes_are_named(config: Callable, ranking: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        config(**ranking)


@pytest.mark.slow
def test_more_networks_than_the_space_has(config: Callable, played: Played) -> None:
    with pytest.raises(InputError, match="was not seen to hold more than"):
        run_rank_correlation(config(architectures=5000), said)


def test_damaged_scores_are_named(config: Callable, played: Played) -> None:
    run_rank_correlation(config(), said)
    file = Path(config().output) / "ranking" / "alone" / "003-seed1" / "scores.json"
    file.write_text("[1")
    with pytest.raises(InputError, match=r"003-seed1/scores.json' is no valid JSON"):
        run_rank_correlation(config(), said)


def test_scores_of_another_form_are_named(config: Callable, played: Played) -> None:
    run_rank_correlation(config(), said)
    for job, content in (
        ("alone/003-seed1", []),
        ("alone/003-seed1", {"overlap": "0.5"}),
        ("alone/003-seed1", {"overlap": [0.5]}),
        ("alone/003-seed1", {"overlap": 10**400}),
        ("supernets/*", {"inherited": 0.5}),
        ("supernets/*", {"inherited": [0.5]}),
        ("supernets/*", {"inherited": None, "recalibrated": []}),
        ("supernets/*", {"inherited": [{"overlap": 0.5}] * 99}),
    ):
        file = next((Path(config().output) / "ranking").glob(f"{job}/scores.json"))
        whole = file.read_text()
        file.write_text(json.dumps(content))
        with pytest.raises(InputError, match=r"scores.json'.*remove it, and the same command makes it again"):
            run_rank_correlation(config(), said)
        file.write_text(whole)


@pytest.mark.slow
def test_files_and_figures(config: Callable, saved: Played) -> None:
    result = run_rank_correlation(config(), said)
    folder = Path(config().output) / "ranking"
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        *("run.json", "rank_correlation.json", "scores.csv", "correlations.csv", "differences.csv"),
        *(f"overlap-{name}.{kind}" for name in ("spos", "fair", "correlations") for kind in ("png", "svg")),
    }
    assert cv2.imread(str(folder / "overlap-spos.png")).shape[1] == 1380
    table = pd.read_csv(folder / "correlations.csv")
    # Three statistics: the ceiling against seeds alone, MACs and four supernets' rankings against both.
    assert len(table) == 3 * (1 + 2 * 5)
    assert set(table["against"]) == {EACH_SEED, MEAN}
    written = json.loads((folder / "rank_correlation.json").read_text())
    assert written["record"]["versions"]["nni"] == "3.0"
    assert written["record"]["machine"]
    assert written["networks"][0]["choices"]["output"]
    assert (
        written["networks"][0]["spos, inherited: overlap"]
        == result.scores[ScoreColumn("spos", INHERITED, "overlap")][0]
    )
    before, after, colours = scatter_figure(result, "spos", "overlap").axes
    assert "as inherited: tau" in before.get_title()
    assert "recalibrated: tau" in after.get_title()
    assert "MACs" in colours.get_ylabel()
    panels = correlations_figure(result, "overlap").axes
    assert [panel.get_title() for panel in panels] == ["Kendall's tau", "Spearman's rho", "weighted tau"]
    assert [text.get_text() for text in panels[0].get_yticklabels()][::-1] == [
        *("ceiling: another seed alone", "by MACs alone"),
        *("spos, inherited", "spos, recalibrated", "fair, inherited", "fair, recalibrated"),
    ]


def test_scores_of_one_network_lie_in_its_row(config: Callable, played: Played) -> None:
    table = run_rank_correlation(config(), said).score_table()
    assert table.columns.tolist()[:3] == ["network", "macs", "params"]
    assert table["alone, seed 1: overlap"].notna().all()
    assert json.loads(table["choices"][0]).keys() == json.loads(table["choices"][1]).keys()


def processes_of(session: int) -> list[str]:
    """The processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            state, _, _, own = path.read_text().rpartition(")")[2].split()[:4]
            found += [path.parent.name] if int(own) == session and state != "Z" else []
    return found


@pytest.mark.slow
def test_the_command_goes_on_after_a_kill_and_gives_what_it_would_have_given(
    tmp_path: Path, write_sequences: Callable[..., Path], warm: Any
) -> None:
    training = {"steps": 4, "batch_size": 2, "workers": 0, "warmup_steps": 0, "checkpoint_steps": 1}
    content = {
        "space": "lighttrack-table",
        "validation": {"path": str(write_sequences(tmp_path / "sequences"))},
        "supernet": {"training": training},
        "search": {"calibration_batches": 1, "batch_size": 4, "quick_pairs": 8},
        "ranking": {
            "strategies": [SPOS, FAIR],
            "architectures": 4,
            "training": training,
            "measurements": ["loss"],
            "resamples": 100,
        },
    }
    (tmp_path / "chain.yaml").write_text(yaml.safe_dump(content))
    command = ["-m", "lighttrack_nas", "rank-correlation", str(tmp_path / "chain.yaml")]
    results = []
    for name in ("alone", "killed"):
        folder = tmp_path / name
        here = [*command, "--set", f"output={folder}"]
        if name == "killed":
            process = subprocess.Popen([sys.executable, *here], stderr=subprocess.DEVNULL, start_new_session=True)
            while len(list(folder.glob("ranking/*/*/scores.json"))) < 4:
                assert process.poll() is None
                time.sleep(0.05)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            while processes_of(process.pid):  # its trainings end with it
                time.sleep(0.05)
            assert len(list(folder.glob("ranking/*/*/scores.json"))) < 10
        done = warm.run([*here, "--json"])
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
    assert "10 of 10 trainings" in done.stderr
    assert len(results[0]["correlations"]) == 3 * (1 + 2 * 5)
    for key in ("networks", "correlations", "differences", "notes"):
        assert results[0][key] == results[1][key]
    # Finished: the same call trains nothing, and shows the table.
    shown = warm.run(here)
    assert shown.returncode == 0, shown.stderr
    assert "steps" not in shown.stderr
    assert "fair, recalibrated" in shown.stdout
    assert "paired differences of Kendall's tau" in shown.stdout


def test_a_result_needs_no_training_to_be_looked_at() -> None:
    """As somebody with scores of another origin would make it."""
    scores = {
        ScoreColumn("alone", "seed 1", "ao"): np.array([0.1, 0.2, 0.3, 0.4]),
        ScoreColumn("other", INHERITED, "ao"): np.array([0.4, 0.3, 0.2, 0.1]),
        ScoreColumn("other", RECALIBRATED, "ao"): np.array([0.1, 0.2, 0.3, 0.5]),
    }
    networks = pd.DataFrame({"network": list("abcd"), "macs": [1, 2, 3, 4], "params": 1, "choices": "{}"})
    result = RankingResult(networks, scores, {"space": "theirs"}, 100, 0, ())
    assert result.estimate("ao", "other", INHERITED, "kendall").value == -1
    assert result.estimate("ao", "other", RECALIBRATED, "weighted") == pytest.approx((1, 1, 1))
    (first,) = result.differences.query("statistic == 'spearman' and second == 'other, inherited'")["value"]
    assert first == 2
