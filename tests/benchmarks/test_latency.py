"""Latency: what is set, restored, refused and repeated. No test says how fast anything is."""

from collections.abc import Iterator
from itertools import chain

import numpy as np
import pytest
import torch

from lighttrack_nas.benchmarks import latency
from lighttrack_nas.benchmarks.latency import measure_latency
from lighttrack_nas.search_spaces.loading import load_space
from lighttrack_nas.trackers.errors import InputError
from lighttrack_nas.trackers.network import SiameseNetwork

TINY = load_space("lighttrack-tiny")
ARCHITECTURE = TINY.sample(np.random.default_rng(0))


class Clock:
    """Says times between which the given numbers of milliseconds pass, every second reading ending a run."""

    def __init__(self, milliseconds: Iterator[float]) -> None:
        self.milliseconds = milliseconds
        self.now = 0.0
        self.running = False

    def __call__(self) -> float:
        if self.running:
            self.now += next(self.milliseconds) / 1e3
        self.running = not self.running
        return self.now


def scripted(monkeypatch: pytest.MonkeyPatch, attempts: list[list[float]]) -> latency.Latency:
    monkeypatch.setattr(latency, "perf_counter", Clock(chain.from_iterable(attempts)))
    return measure_latency(ARCHITECTURE, warmup=1, repeats=4)


@pytest.mark.parametrize(("branch", "size"), [("track", 128), ("template", 64)])
def test_record(branch: str, size: int) -> None:
    found = measure_latency(ARCHITECTURE, branch=branch, warmup=0, repeats=3)
    assert 0 < found.low_ms <= found.median_ms <= found.high_ms
    record = found.to_dict()
    assert (record["runtime"], record["device"], record["dtype"]) == ("torch-eager", "cpu", "float32")
    assert (record["branch"], record["input_size"], record["repeats"], record["threads"]) == (branch, size, 3, 1)
    assert record["processor"]
    assert record["torch"] == torch.__version__


def test_median_and_quartiles_without_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found = scripted(monkeypatch, [[10, 10, 11, 12]])
    assert (found.low_ms, found.median_ms, found.high_ms) == pytest.approx((10, 10.5, 11.25))
    assert found.attempts == 1
    assert found.spread == pytest.approx(1.25 / 10.5)


def test_a_disturbed_measurement_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = scripted(monkeypatch, [[10, 10, 20, 20], [10, 10, 10, 11]])
    assert found.attempts == 2
    assert found.median_ms == pytest.approx(10)


def test_on_a_busy_machine_the_quietest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = scripted(monkeypatch, [[10, 10, 30, 30], [10, 10, 20, 20], [5, 5, 40, 40]])
    assert found.attempts == 3
    assert found.median_ms == pytest.approx(15)
    assert found.spread > 0.25


def test_threads_are_set_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    before, seen = torch.get_num_threads(), []
    track = SiameseNetwork.track
    monkeypatch.setattr(
        SiameseNetwork, "track", lambda *inputs: (seen.append(torch.get_num_threads()), track(*inputs))[1]
    )
    assert measure_latency(ARCHITECTURE, threads=2, warmup=0, repeats=2).threads == 2
    assert set(seen) == {2}
    assert torch.get_num_threads() == before
    monkeypatch.setattr(SiameseNetwork, "track", lambda *inputs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        measure_latency(ARCHITECTURE, threads=2)
    assert torch.get_num_threads() == before


def test_the_network_is_left_as_it_was() -> None:
    network = TINY.network(ARCHITECTURE).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    generator = torch.get_rng_state()
    measure_latency(network, warmup=0, repeats=2)
    measure_latency(ARCHITECTURE, warmup=0, repeats=2)
    assert all(module.training for module in network.modules())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"runtime": "onnx"}, "unknown runtime 'onnx'.*torch"),
        ({"branch": "tracks"}, "unknown branch 'tracks'.*did you mean 'track'"),
        ({"device": "warp"}, "device 'warp'"),
        ({"threads": 0}, "threads: at least 1"),
        ({"repeats": 0}, "repeats: at least 1"),
        ({"warmup": -1}, "warmup: at least 0"),
    ],
)
def test_mistakes(settings: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        measure_latency(ARCHITECTURE, **settings)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_the_gpu() -> None:
    found = measure_latency(ARCHITECTURE, device="cuda", repeats=5)
    assert found.device == "cuda:0"
    assert found.processor == torch.cuda.get_device_name()
