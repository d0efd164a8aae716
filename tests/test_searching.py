"""`search`: what a stop from the keyboard leaves."""

from pathlib import Path
from typing import Any

import pytest

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

    monkeypatch.setattr("lighttrack_nas.worker_processes.run_workers", stopped)
    with pytest.raises(KeyboardInterrupt):
        ltn.search(TINY, evaluator=_Stopped(1), n_trials=8, strategy="random", workers=2, output=tmp_path)
    assert not any(tmp_path.iterdir())
