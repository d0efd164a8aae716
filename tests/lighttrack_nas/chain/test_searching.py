"""`search`: what is taken as a strategy, and what a stop from the keyboard leaves."""

from pathlib import Path
from typing import Any

import pytest
from optuna.samplers import RandomSampler

import lighttrack_nas as ltn

TINY = ltn.load_space("lighttrack-tiny")


class _Stopped:
    """An evaluator during which somebody presses Ctrl-C after some trials."""

    measurements = ("ao", "macs")
    inherits_weights = True

    def __init__(self, trials: int) -> None:
        self._left = trials

    def record(self) -> dict[str, Any]:
        return {}

    def costs(self, architecture: ltn.Architecture) -> dict[str, float]:
        return {"macs": 1.0}

    def measure(self, architecture: ltn.Architecture, names: Any) -> dict[str, float]:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return {"ao": 0.5}


@pytest.mark.parametrize("trials", [0, 3])
def test_stopping_keeps_what_was_measured(tmp_path: Path, trials: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        ltn.search(TINY, evaluator=_Stopped(trials), n_trials=8, strategy="random", output=tmp_path)
    table = tmp_path / "trials.csv"
    assert (len(table.read_text().splitlines()) - 1 if table.exists() else 0) == trials


def test_stopping_before_there_is_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lighttrack_nas.processes.search_processes.run_workers", stopped)
    with pytest.raises(KeyboardInterrupt):
        ltn.search(TINY, evaluator=_Stopped(1), n_trials=8, strategy="random", workers=2, output=tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_sampler_of_optunas_is_a_strategy(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"evaluator": _Stopped(5), "n_trials": 3, "objectives": "ao", "output": tmp_path}
    result = ltn.search(TINY, strategy=RandomSampler(seed=0), **settings)
    assert len(result.trials) == 3
    with pytest.raises(ltn.InputError, match="expected a search strategy, its name, or a sampler of Optuna's, got 3"):
        ltn.search(TINY, strategy=3, **settings)


def test_an_evaluator_of_another_space_is_refused(tmp_path: Path) -> None:
    table = ltn.load_table("lighttrack-table")
    settings: dict[str, Any] = {"n_trials": 3, "strategy": "random", "output": tmp_path}
    words = "measures networks of space 'lighttrack-table' .*, and the search is of 'lighttrack-tiny'"
    with pytest.raises(ltn.InputError, match=words):
        ltn.search(TINY, evaluator=ltn.TableEvaluator(table), **settings)
    with pytest.raises(ltn.InputError, match=r"table: expected a table, such as load_table"):
        ltn.TableEvaluator("lighttrack-table")


def test_what_macs_leave_out_is_kept_and_said(tmp_path: Path) -> None:
    class Counting(_Stopped):
        uncounted = ("aten::fft_rfft2",)

    front = ltn.search(TINY, evaluator=Counting(3), n_trials=3, strategy="random", output=tmp_path).front()
    assert front.uncounted == ltn.Result.load(tmp_path).front().uncounted == ("aten::fft_rfft2",)
    assert "macs leave out what fvcore cannot count: aten::fft_rfft2" in front.notes
    assert "aten::fft_rfft2" in (tmp_path / "front.html").read_text()
