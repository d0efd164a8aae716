"""A tracked frame on every runtime: the whole step (frame in, box out), its network alone, and the process's memory.

    python benchmarks/scripts/runtimes.py MODEL [MODEL ...] [--sequence FOLDER] [--calibration FOLDER]
        [--baseline opencv-nano:FOLDER opencv-vit:FILE.onnx opencv-mil] [--only openvino] [--threads 2]
        [--steps 200] [--rounds 3]

Every row is measured in a process of its own, which imports torch only where torch runs, so that thread pools do not
disturb each other; network and whole step are timed in turn. All rows are measured once a round, and the quietest round
of each is shown. Frames are decoded before; without a sequence they are 480 x 360 pixels of moving noise.

    runtime    weights are stored in / the program computes in; torch is the model file as it is, and the ratios' one
    network    median and quartiles, ms, for one search crop
    step       the same for `SiameseTracker.update`
    MB, peak   resident memory at the end, and at the most (opening a network takes more than running it)
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from runtime_row import Job

from lighttrack_nas.models.models import load_model
from lighttrack_nas.reporting.environment import cpu_name
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.data.readers.reader_registry import read_sequences
from lighttrack_nas.trackers.runtimes.program import quantise_graph, write_graph
from lighttrack_nas.trackers.runtimes.runtime_registry import checked_runtime, runtime_versions
from lighttrack_nas.trackers.tracking.crops import network_input, raw_input

ROWS = (
    ("torch", "float32", "float32"),
    ("torch-compiled", "float32", "float32"),
    ("torch-export", "float32", "float32"),
    ("onnxruntime", "float32", "float32"),
    ("onnxruntime", "float16", "float32"),
    ("onnxruntime", "int8", "float32"),
    ("opencv", "float32", "float32"),
    ("openvino", "float32", "float32"),
    ("openvino", "float16", "float32"),
    ("openvino", "float16", "bfloat16"),
    ("openvino", "int8", "float32"),
    ("openvino", "int8", "bfloat16"),
    ("ncnn", "float32", "float32"),
    ("ncnn", "float16", "float32"),
    ("ncnn", "float16", "bfloat16"),
)
"""Runtime, precision of the stored weights, precision of the computation."""


def labels(models: Sequence[Path]) -> dict[Path, str]:
    """What each model is called in the table: its file's name, with as many folders as tell it from the others."""
    named = {}
    for model in models:
        tails = ["-".join(model.with_suffix("").parts[-count:]) for count in range(1, len(model.parts) + 1)]
        others = [other.with_suffix("").parts for other in models if other != model]
        taken = ["-".join(parts[-count:]) for parts in others for count in range(1, len(parts) + 1)]
        named[model] = next((tail for tail in tails if tail not in taken), str(model))
    return named


def jobs(model: Path, label: str, folder: Path, arguments: argparse.Namespace) -> Iterator[Job]:
    """Write a model's graphs for every runtime; those that are not installed are named and left out."""
    loaded = load_model(model)
    geometry = loaded.network.geometry
    common = {
        "hyper_parameters": loaded.hyper_parameters.to_dict(),
        "sizes": (geometry.template_size, loaded.network.stride, *geometry.search_sizes),
        "sequence": str(arguments.sequence or ""),
        "threads": arguments.threads,
        "steps": arguments.steps,
    }
    examples: dict[int, list[tuple[np.ndarray, ...]]] = {}
    for runtime, stored, computed in ROWS:
        if arguments.only and runtime not in arguments.only:
            continue
        name = f"{label}, {runtime}" + ("" if stored == computed == "float32" else f" {stored}/{computed}")
        try:
            needs_files = checked_runtime(runtime, writing=True).suffixes
            target = folder / f"{label}-{runtime}-{stored}{'-raw' if arguments.raw else ''}"
            if needs_files and not target.exists():
                if stored == "int8" and not examples:
                    examples = int8_examples(loaded, arguments.calibration)
                write(loaded, runtime, stored, target, examples, arguments.raw)
        except InputError as error:
            print(f"{name}: left out: {error}", flush=True)
            continue
        source = str(target if needs_files else model)
        yield Job(name, runtime, source, computed, bool(needs_files and arguments.raw), **common)


def write(model: Any, runtime: str, stored: str, folder: Path, examples: dict[int, Any], raw: bool) -> None:
    """Write the template graph and a track graph for each search size."""
    from lighttrack_nas.trackers.runtimes.graphs import template_graph, track_graph

    graphs = {"template": template_graph(model.network, raw=raw)}
    graphs |= {
        f"track-{size}": track_graph(model.network, size, raw=raw) for size in model.network.geometry.search_sizes
    }
    prepare = raw_input if raw else network_input
    for name, graph in graphs.items():
        print(f"writing {folder.name}/{name}", file=sys.stderr, flush=True)
        if stored != "int8":
            write_graph(runtime, graph, folder / name, stored)
            continue
        size = int(name.rpartition("-")[2]) if name != "template" else 0
        shown = examples[size]
        quantise_graph(runtime, graph, folder / name, [(*arrays[:-1], prepare(arrays[-1])) for arrays in shown])


def int8_examples(model: Any, sequences: Path | None) -> dict[int, list[tuple[np.ndarray, ...]]]:
    """Inputs of the graphs (crops, not yet prepared) as the tracker meets them; those of the template under 0."""
    from lighttrack_nas.export.export_checks import collect_examples, generated_videos
    from lighttrack_nas.trackers.runtimes.torch_network import TorchNetwork

    network = TorchNetwork(model.network)
    videos: Any = read_sequences(sequences) if sequences else generated_videos(8, 17)
    inputs: dict[int, list[tuple[np.ndarray, ...]]] = {}
    for size in network.search_sizes:
        examples = collect_examples(
            network,
            videos,
            template_size=network.template_size,
            search_size=size,
            hyper_parameters=model.hyper_parameters,
            count=128,
        )
        inputs[size] = [(network.template(network_input(one.template)).numpy(), one.search) for one in examples]
        inputs[0] = [(one.template,) for one in examples]
    return inputs


def row(job: Job, width: int, measured: dict[str, Any], eager: dict[str, Any] | None) -> str:
    """A line of the table, its name padded to a width."""

    def times(seconds: list[float]) -> str:
        if not seconds:
            return f"{'':>6} {'':>15}"
        low, median, high = np.percentile(seconds, [25, 50, 75]) * 1e3
        return f"{median:6.2f} {f'({low:.2f}..{high:.2f})':>15}"

    def ratio(one: list[float], other: list[float]) -> str:
        return f"{np.median(one) / np.median(other):5.2f}" if one and other else f"{'':>5}"

    return (
        f"{job.name:<{width}} {times(measured['bare'])} {times(measured['whole'])}"
        f" {1 / np.median(measured['whole']):6.0f}"
        f" {ratio(measured['whole'], measured['bare'])} {ratio(eager['whole'], measured['whole']) if eager else '':>5}"
        f" {measured['resident']:6.0f} {measured['peak']:5.0f}{'  (torch)' if measured['torch'] else ''}"
    )


def child(job: Job) -> dict[str, Any] | None:
    """Measure in a process of its own; None, and its message on the screen, if it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": str(job.threads)}
    command = [sys.executable, str(Path(__file__).with_name("runtime_row.py")), json.dumps(asdict(job))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(f"{job.name}: failed: {done.stderr.strip().splitlines()[-1:]}", flush=True)
        return None
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="*", metavar="MODEL", help="a model file or a shipped model's name")
    parser.add_argument("--sequence", type=Path, help="one sequence's folder (GOT-10k layout)")
    parser.add_argument("--calibration", type=Path, help="sequences that calibrate int8; without, generated videos")
    parser.add_argument("--baseline", nargs="+", default=[], help="names as `evaluate` takes them")
    parser.add_argument("--only", nargs="+", default=[], help="runtimes; without, all that are installed")
    parser.add_argument("--raw", action="store_true", help="graphs that take crops as they are")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--graphs", type=Path, help="keep the written graphs there, and take those that are there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.graphs or Path(name)
        todo = [
            job for model, label in labels(arguments.models).items() for job in jobs(model, label, folder, arguments)
        ]
        todo += [
            Job(
                baseline.partition(":")[0],
                "baseline",
                baseline,
                "",
                False,
                {},
                (),
                str(arguments.sequence or ""),
                arguments.threads,
                arguments.steps,
            )
            for baseline in arguments.baseline
        ]
        best: dict[str, dict[str, Any]] = {}
        loads = []
        for turn in range(arguments.rounds):
            for job in todo:
                print(f"round {turn + 1}: {job.name}", file=sys.stderr, flush=True)
                figures = child(job)
                if figures and (
                    job.name not in best or np.median(figures["whole"]) < np.median(best[job.name]["whole"])
                ):
                    best[job.name] = figures
            loads.append(os.getloadavg()[0])
    shown = {runtime: runtime_versions(runtime) for runtime in {job.runtime for job in todo} - {"baseline"}}
    versions = {package: version for of_runtime in shown.values() for package, version in of_runtime.items()}
    print(
        f"{cpu_name()}; {arguments.threads} threads; frames {next(iter(best.values()))['shape'] if best else ''}; ",
        end="",
    )
    print(f"{arguments.steps} steps, quietest of {arguments.rounds} rounds; ", end="")
    print("load after each " + " ".join(f"{load:.1f}" for load in loads))
    print(", ".join(f"{package} {version}" for package, version in sorted(versions.items())))
    width = max((len(job.name) for job in todo), default=0)
    print(f"{'':<{width}} {'network alone, ms':^22} {'whole step, ms':^22}    fps  /net  gain     MB  peak")
    for job in todo:
        if job.name in best:
            eager = best.get(job.name.rpartition(", ")[0] + ", torch")
            print(row(job, width, best[job.name], eager))


if __name__ == "__main__":
    main()
