"""Latency: what is set, restored, refused and repeated. No test says how fast anything is."""

import json

import numpy as np
import pytest
import torch

from lighttrack_nas.benchmarks.latency.fingerprint import take_fingerprint
from lighttrack_nas.benchmarks.latency.latency_measuring import (
    Latency,
    measure_apart,
    measure_in_turns,
    measure_latency,
)
from lighttrack_nas.search_spaces.building.builder import build_network
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.network.network import SiameseNetwork
from lighttrack_nas.trackers.runtimes.program import Options
from lighttrack_nas.trackers.runtimes.runtime_registry import checked_runtime

TINY = load_space("lighttrack-tiny")
ARCHITECTURE = TINY.sample(np.random.default_rng(0))


@pytest.mark.parametrize(("branch", "size"), [("track", 128), ("template", 64)])
def test_a_measurement_says_what_it_was_made_on(branch: str, size: int) -> None:
    found = measure_latency(ARCHITECTURE, branch=branch, warmup=0, repeats=3)
    assert 0 < found.low_ms <= found.median_ms <= found.high_ms
    record = found.to_dict()
    assert record["fingerprint"] == take_fingerprint("torch", Options()).to_dict()
    assert (record["branch"], record["input_size"], record["repeats"]) == (branch, size, 3)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["torch-export", "onnxruntime", "openvino", "ncnn"])
def test_every_runtime_is_timed(runtime: str) -> None:
    try:
        checked_runtime(runtime, writing=True)
    except InputError as error:
        pytest.skip(str(error))
    found = measure_latency(ARCHITECTURE, runtime=runtime, branch="template", warmup=0, repeats=2)
    assert found.median_ms > 0
    assert found.fingerprint == take_fingerprint(runtime, Options())
    assert found.input_size == 64


def test_networks_are_timed_in_turns() -> None:
    told: list[int] = []
    others = [ARCHITECTURE, build_network(TINY.sample(np.random.default_rng(1)))]
    found = measure_in_turns(others, rounds=3, progress=lambda amount, _where: told.append(amount))
    assert sum(told) == 5
    assert [latency.repeats for latency in found] == [3, 3]
    assert all(0 < latency.least_ms <= latency.low_ms <= latency.median_ms <= latency.high_ms for latency in found)
    assert measure_in_turns([]) == []


@pytest.mark.slow
def test_runtimes_are_timed_apart() -> None:
    """In processes of their own, as if each were alone; threads here stay as they were."""
    before = torch.get_num_threads()
    found = list(measure_apart(ARCHITECTURE, ["torch", "torch-export"], repeats=2, threads=2))
    assert [latency.fingerprint.runtime for latency in found] == ["torch", "torch-export"]
    assert {latency.fingerprint.threads for latency in found} == {2}
    assert torch.get_num_threads() == before
    with pytest.raises(InputError, match="unknown branch"):
        list(measure_apart(ARCHITECTURE, ["torch"], branch="back"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"high_ms": 15.0}, "quartiles 50% apart"),
        ({"drift": 0.2, "waited": 0.3}, "waited 30% of the time, halves 20% apart"),
    ],
)
def test_disturbed_measurements_say_so(change: dict, words: str) -> None:
    values = {"least_ms": 10.0, "low_ms": 10.0, "median_ms": 10.0, "high_ms": 10.5, "drift": 0.0, "waited": 0.0}
    found = Latency(
        **(values | change),
        repeats=3,
        attempts=1,
        branch="track",
        input_size=128,
        fingerprint=take_fingerprint("torch", Options()),
    )
    assert found.disturbance.endswith(words)
    assert bool(found.disturbance) == bool(words)
    assert json.loads(json.dumps(found.to_dict()))["disturbance"] == found.disturbance


def test_threads_are_set_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    before, seen = torch.get_num_threads(), []
    track = SiameseNetwork.track
    monkeypatch.setattr(
        SiameseNetwork, "track", lambda *inputs: (seen.append(torch.get_num_threads()), track(*inputs))[1]
    )
    assert measure_latency(ARCHITECTURE, threads=2, warmup=0, repeats=2).fingerprint.threads == 2
    assert set(seen) == {2}
    assert torch.get_num_threads() == before
    monkeypatch.setattr(SiameseNetwork, "track", lambda *inputs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        measure_latency(ARCHITECTURE, threads=2)
    assert torch.get_num_threads() == before


def test_the_network_is_left_as_it_was() -> None:
    network = build_network(ARCHITECTURE).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    generator = torch.get_rng_state()
    measure_latency(network, warmup=0, repeats=2)
    measure_latency(ARCHITECTURE, warmup=0, repeats=2)
    assert all(module.training for module in network.modules())
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"runtime": "onnx"}, "unknown runtime 'onnx'.*torch"),
        ({"precision": "int8"}, "'int8'.*needs calibration"),
        ({"precision": "float8"}, "unknown precision 'float8'"),
        ({"runtime": "openvino", "device": "warp"}, "warp"),
        ({"branch": "tracks"}, "unknown branch 'tracks'.*did you mean 'track'"),
        ({"device": "warp"}, "device 'warp'"),
        ({"threads": 0}, "threads: at least 1"),
        ({"repeats": 0}, "repeats: at least 1"),
        ({"warmup": -1}, "warmup: at least 0"),
    ],
)
def test_impossible_settings_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        measure_latency(ARCHITECTURE, **settings)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_the_gpu() -> None:
    found = measure_latency(ARCHITECTURE, device="cuda", repeats=5)
    assert found.fingerprint.device == "cuda"
    assert found.fingerprint.processor == torch.cuda.get_device_name()
