"""`quickstart`: the whole chain on generated video, from a random supernet to a video of the found tracker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from lighttrack_nas.chain import chain
from lighttrack_nas.chain.predicting import run_predictor
from lighttrack_nas.cli.search.run_chain import resumable, say, show_retrained
from lighttrack_nas.cli.search.show_fronts import print_front
from lighttrack_nas.cli.shared.printing import print_table
from lighttrack_nas.cli.tracker.track import resolve_tracker, track
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.models.models import load_model
from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.trackers.base.files import write_atomically
from lighttrack_nas.trackers.base.processes import fresh_process

TEST_SET = "generated-test-v1"
"""Sequences that nothing was trained, chosen or tuned on."""
_BASELINES = {"never-moves": "box that never moves", "opencv-mil": "OpenCV's MIL"}
_ROUNDS = 30  # of timing; the least counts


class _Costs(NamedTuple):
    """What a tracked frame costs."""

    macs: int
    latency_ms: float


def quickstart(output: Path, seed: int, without_teacher: bool = False) -> None:
    """Run the chain and show what came out; a stopped run goes on when it is called again."""
    with resumable():
        _quickstart(output, seed, without_teacher)


def _quickstart(output: Path, seed: int, without_teacher: bool) -> None:
    start = perf_counter()
    config = quickstart_config(output, seed, without_teacher)
    teacher = config.retrain.teacher
    test = config.folder("generated") / TEST_SET
    _step("generated sequences for validation and test")
    _make_sets(config)
    # The baselines need one core, and no training.
    trackers = dict(_BASELINES) | ({} if teacher is None else {teacher: "teacher"})
    with fresh_process() as pool:
        others = {name: pool.submit(average_overlap, name, test, output / "test" / name) for name in trackers}
        _step("supernet: one network that holds all others")
        chain.run_supernet(config, say)
        if teacher is not None:
            _step("predictor: what the places of a network say of it")
            run_predictor(config, say)
        _step("search: which of them are worth their multiply-adds")
        result = chain.run_search(config, say)
        _step("retraining: the chosen one alone")
        retrained = show_retrained(config)
        _step("tuning: how it is tracked with")
        chain.run_tuning(config, say)
        _step(f"test: {TEST_SET}, unseen so far")
        ao = {"found tracker": average_overlap(str(retrained.file), test, output / "test" / "found")}
        ao |= {trackers[name]: future.result() for name, future in others.items()}
    costs = _costs({"found tracker": str(retrained.file)} | ({} if teacher is None else {"teacher": teacher}))
    track(
        str(retrained.file),
        str(test / _first_sequence(test)),
        output / "video",
        box=_first_box(test),
        save_video=True,
        max_frames=None,
        hyper_parameters=None,
        device="cpu",
        threads=None,
    )
    front = result.front()
    print("\nthe front\n")
    print_front(result, front)
    print("\naverage overlap on 20 unseen generated sequences\n")
    rows = [
        (
            name,
            f"{value:.3f}",
            *((f"{of.macs / 1e6:.1f}", f"{of.latency_ms:.2f}") if (of := costs.get(name)) else ("", "")),
        )
        for name, value in ao.items()
    ]
    print_table(("tracker", "AO", "MACs (M)", "ms a frame"), rows, right=(1, 2, 3))
    print(f"\nfront: {config.folder('search') / 'front.png'}")
    print(f"model: {retrained.file}")
    print(f"video: {output / 'video' / 'video.mp4'}")
    seconds = perf_counter() - start
    print(f"{seconds:.0f} s in all")
    summary = {
        "ao": ao,
        "costs": {name: of._asdict() for name, of in costs.items()},
        "front": {"points": len(front.table), "best_ao": float(front.table["ao"].max())},
        "test": TEST_SET,
        "seed": seed,
        "seconds": round(seconds, 1),
        "versions": versions(),
    }
    write_atomically(output / "summary.json", json.dumps(summary | {"processor": cpu_name()}, indent=2) + "\n")


def _costs(models: Mapping[str, str]) -> dict[str, _Costs]:
    """MACs, and the least time of a frame's network on one thread, all timed in turns."""
    from lighttrack_nas.benchmarks.costs.network_costs import measure_costs
    from lighttrack_nas.benchmarks.latency.latency_measuring import measure_in_turns

    architectures = {name: load_model(source).architecture for name, source in models.items()}
    timed = measure_in_turns(list(architectures.values()), rounds=_ROUNDS)
    return {
        name: _Costs(measure_costs(architecture).macs, latency.least_ms)
        for (name, architecture), latency in zip(architectures.items(), timed, strict=True)
    }


def quickstart_config(output: Path, seed: int, without_teacher: bool = False) -> Config:
    """The configuration that ships with the package, for a folder and a seed."""
    name = "quickstart-without-teacher.yaml" if without_teacher else "quickstart.yaml"
    path = resources.files("lighttrack_nas").joinpath(name)
    with resources.as_file(path) as file:
        return load_config(file, [f"output={output}", f"seed={seed}"])


def average_overlap(model: str, sequences: Path, output: Path) -> float:
    """Track every sequence of a data set, and keep the results.

    Args:
        model: A model file or a baseline's name.
        sequences: Folder in the GOT-10k layout.
        output: Folder for boxes, times and figures; what it holds already is not tracked again.

    Returns:
        The average overlap, a fraction.
    """
    from lighttrack_nas.benchmarks.evaluation.one_pass import evaluate
    from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences

    tracker, about = resolve_tracker(model, None, "cpu", None)
    record = about | {"sequences": str(sequences.resolve()), "versions": versions()}
    result = evaluate(tracker, read_sequences(sequences, "got10k"), output, record)
    result.save(output)
    return result.overall["ao"]


def _make_sets(config: Config) -> None:
    from lighttrack_nas.trackers.training.generator.sets import generated_sequences

    for name in (config.validation.path, TEST_SET):
        generated_sequences(name, config.folder("generated") / name)


def _first_sequence(test: Path) -> str:
    return (test / "list.txt").read_text().split()[0]


def _first_box(test: Path) -> str:
    return (test / _first_sequence(test) / "groundtruth.txt").read_text().splitlines()[0]


def _step(title: str) -> None:
    print(f"\n-- {title}", flush=True)
