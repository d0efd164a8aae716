"""`quickstart`: the whole chain on generated video, from a random supernet to a video of the found tracker."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from importlib import resources
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

from lighttrack_nas import chain
from lighttrack_nas.cli.chain import resumable, say, show_retrained
from lighttrack_nas.cli.fronts import print_front
from lighttrack_nas.cli.printing import print_table
from lighttrack_nas.cli.tracking import resolve_tracker, track
from lighttrack_nas.config import Config
from lighttrack_nas.config_files import load_config
from lighttrack_nas.environment import cpu_name, versions
from lighttrack_nas.trackers.files import write_atomically

TEST_SET = "generated-test-v1"
"""Sequences that nothing was trained, chosen or tuned on."""
_BASELINES = {"never-moves": "box that never moves", "opencv-mil": "OpenCV's MIL"}


def quickstart(output: Path, seed: int) -> None:
    """Run the chain and show what came out; a stopped run goes on when it is called again."""
    with resumable():
        _quickstart(output, seed)


def _quickstart(output: Path, seed: int) -> None:
    start = perf_counter()
    config = quickstart_config(output, seed)
    test = config.folder("generated") / TEST_SET
    _step("generated sequences for validation and test")
    _make_sets(config)
    # The baselines need one core, and no training.
    with ProcessPoolExecutor(len(_BASELINES), mp_context=get_context("spawn")) as pool:
        baselines = {name: pool.submit(average_overlap, name, test, output / "test" / name) for name in _BASELINES}
        _step("supernet: one network that holds all others")
        chain.run_supernet(config, say)
        _step("search: which of them are worth their multiply-adds")
        result = chain.run_search(config, say)
        _step("retraining: the chosen one alone")
        found = show_retrained(config)
        _step("tuning: how it is tracked with")
        chain.run_tuning(config, say)
        _step(f"test: {TEST_SET}, unseen so far")
        ao = {"found tracker": average_overlap(str(found.file), test, output / "test" / "found")}
        ao |= {_BASELINES[name]: future.result() for name, future in baselines.items()}
    track(
        str(found.file),
        str(test / _first_sequence(test)),
        output / "video",
        box=_first_box(test),
        save_video=True,
        max_frames=None,
        hyper_parameters=None,
        device="cpu",
        threads=None,
    )
    print("\nthe front\n")
    print_front(result, result.front())
    print("\naverage overlap on 20 unseen generated sequences\n")
    print_table(("tracker", "AO"), [(name, f"{value:.3f}") for name, value in ao.items()], right=(1,))
    print(f"\nfront: {config.folder('search') / 'front.png'}")
    print(f"model: {found.file}")
    print(f"video: {output / 'video' / 'video.mp4'}")
    seconds = perf_counter() - start
    print(f"{seconds:.0f} s in all")
    summary = {"ao": ao, "test": TEST_SET, "seed": seed, "seconds": round(seconds, 1), "versions": versions()}
    write_atomically(output / "summary.json", json.dumps(summary | {"processor": cpu_name()}, indent=2) + "\n")


def quickstart_config(output: Path, seed: int) -> Config:
    """The configuration that ships with the package, for a folder and a seed."""
    path = resources.files("lighttrack_nas").joinpath("quickstart.yaml")
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
    from lighttrack_nas.benchmarks.evaluation import evaluate
    from lighttrack_nas.trackers.readers import read_sequences

    tracker, about = resolve_tracker(model, None, "cpu", None)
    record = about | {"sequences": str(sequences.resolve()), "versions": versions()}
    result = evaluate(tracker, read_sequences(sequences, "got10k"), output, record)
    result.save(output)
    return result.overall["ao"]


def _make_sets(config: Config) -> None:
    from lighttrack_nas.trackers.generator.sets import generated_sequences

    for name in (config.validation.path, TEST_SET):
        generated_sequences(name, config.folder("generated") / name)


def _first_sequence(test: Path) -> str:
    return (test / "list.txt").read_text().split()[0]


def _first_box(test: Path) -> str:
    return (test / _first_sequence(test) / "groundtruth.txt").read_text().splitlines()[0]


def _step(title: str) -> None:
    print(f"\n-- {title}", flush=True)
