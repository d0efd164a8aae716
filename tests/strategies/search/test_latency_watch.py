"""A search that times its latencies watches their noise: one network again and again, on a scripted machine."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

import lighttrack_nas as ltn
from lighttrack_nas.strategies.search.latency_watch import EVERY
from lighttrack_nas.strategies.search.storage.trials import (
    LATENCY_REFERENCE,
    REFERENCE_SECONDS,
    latency_references,
    load_search,
)

TINY = ltn.load_space("lighttrack-tiny")


class Timed:
    """Networks that take as long as their digests say, on a machine whose load is a script of factors."""

    measurements = ("ao", "macs", "latency_ms")
    inherits_weights = False

    def __init__(self, load: Sequence[float], again: float = 1.0) -> None:
        self.load, self.again, self.calls = list(load), again, 0

    def record(self) -> dict[str, Any]:
        return {}

    def latency_record(self) -> dict[str, Any]:
        return {"source": "measured"}

    def true_ms(self, architecture: ltn.Architecture) -> float:
        return 2 + sum(map(len, architecture.canonical().values)) % 40 / 10

    def costs(self, architecture: ltn.Architecture) -> dict[str, float]:
        return {"macs": 1e6 * self.true_ms(architecture)}

    def measure(self, architecture: ltn.Architecture, names: Collection[str]) -> dict[str, float]:
        true = self.true_ms(architecture)
        return {"ao": true / 10, "latency_ms": true * self._factor()}

    def reference_latency(self) -> float:
        return 5.0 * self._factor()

    def latencies_again(self, architectures: Sequence[ltn.Architecture], progress: Any = None) -> list[float]:
        return [self.true_ms(architecture) * self.again for architecture in architectures]

    def _factor(self) -> float:
        self.calls += 1
        return self.load[self.calls % len(self.load)]


def searched(evaluator: Any, folder: Path, trials: int = 16, **settings: Any) -> tuple[ltn.Result, list[str]]:
    told: list[str] = []
    result = ltn.search(
        TINY,
        evaluator=evaluator,
        strategy="random",
        objectives=["ao", "latency_ms"],
        n_trials=trials,
        output=folder,
        progress=lambda _done, _all, text: told.append(text),
        **settings,
    )
    return result, told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "reliable", "words"),
    [((1.0,), True, "timed 4 times, 5 to 5 ms"), ((1.0, 2.6, 1.1, 1.9, 3.0), False, " to 1")],
    ids=["calm", "loaded"],
)
def test_the_trial_lines_and_the_verdict_say_how_noisy_latencies_are(
    tmp_path: Path, load: tuple, reliable: bool, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    result, told = searched(Timed(load), tmp_path)
    assert "the same network" not in told[0]
    assert f"; the same network, timed {1 + 15 // EVERY} times" in told[-1]
    assert words in told[-1]
    study = load_search(tmp_path / "journal.log")
    assert len(latency_references(study)) == 1 + 15 // EVERY
    timed = [LATENCY_REFERENCE in trial.user_attrs for trial in study.trials]
    assert [trial.user_attrs.get(REFERENCE_SECONDS, 0.0) > 0 for trial in study.trials] == timed
    verdict = result.front().latency_verdict
    assert verdict is not None
    assert (verdict.reliable, verdict.repeats) == (reliable, 4)
    # What is read later says the same, and so does the page.
    front = ltn.Result.load(tmp_path).front()
    assert front.latency_verdict == verdict
    assert ("NOT reliable" in (tmp_path / "front.html").read_text()) != reliable


def test_a_search_that_goes_on_keeps_what_was_seen(tmp_path: Path) -> None:
    searched(Timed((1.0,)), tmp_path, trials=8)
    _, told = searched(Timed((3.0,)), tmp_path, trials=10)
    assert "timed 3 times, 5 to 15 ms" in told[-1]


@pytest.mark.slow
def test_predicted_latencies_are_not_watched(tmp_path: Path) -> None:
    class Predicted(Timed):
        def reference_latency(self) -> None:
            return None

    result, told = searched(Predicted((1.0,)), tmp_path)
    assert not any("the same network" in text for text in told)
    verdict = result.front().latency_verdict
    assert verdict is not None
    assert verdict.repeats == 0
