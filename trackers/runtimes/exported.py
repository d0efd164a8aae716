"""Exported trackers: a folder with a network's graphs and a manifest, which runs without torch.

The folder holds the template graph, the track graph (one for each search size, or one for any), and ``manifest.json``:
what the graphs are, how they are fed, what they were made of, and how well they agree with the original. The manifest
holds the hash of every file, and its own: a folder is used as it was written or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lighttrack_nas.trackers.base.errors import InputError, is_out_of_memory
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.parsing import parse_json, read_text, short
from lighttrack_nas.trackers.runtimes.manifest_checks import check_hashes, check_manifest
from lighttrack_nas.trackers.runtimes.program import Options, Program, first_line, open_program
from lighttrack_nas.trackers.runtimes.runtime_registry import RUNTIMES, checked_runtime, with_the_same_files
from lighttrack_nas.trackers.tracking.crops import network_input, raw_input

FORMAT = "lighttrack-nas-export-1"
MANIFEST = "manifest.json"
TEMPLATE_GRAPH = "template"
_SEAL = "seal"
_MOST_THREADS = 4


@dataclass(frozen=True)
class Manifest:
    """What an exported folder says of itself.

    Attributes:
        runtime: That the graphs were written for.
        precision: Of the stored weights: "float32", "float16" or "int8".
        template_size: Side of the template crop, pixels.
        search_sizes: One or two sides of the search crop, ascending.
        stride: Search pixels per step of the output map.
        raw: Whether the graphs take crops as they are, BGR uint8, and normalise for themselves.
        track_graphs: Search size -> the graph's name; the files have it, with the runtime's suffixes.
        hyper_parameters: To track with.
        files: File name -> SHA-256.
        content: All of it, JSON-able: architecture, space, checks, versions and so on besides.
        seal: SHA-256 of the content.
    """

    runtime: str
    precision: str
    template_size: int
    search_sizes: tuple[int, ...]
    stride: int
    raw: bool
    track_graphs: Mapping[int, str]
    hyper_parameters: Mapping[str, Any]
    files: Mapping[str, str]
    content: Mapping[str, Any]
    seal: str


def track_graph_name(search_size: int, dynamic: bool) -> str:
    """The name of the track graph that serves a search size."""
    return "track" if dynamic else f"track-{search_size}"


def manifest_text(content: Mapping[str, Any]) -> str:
    """Write a manifest's content with its format and seal, as ``manifest.json`` holds them."""
    whole = {"format": FORMAT, **content}
    return json.dumps(whole | {_SEAL: _seal(whole)}, indent=2, allow_nan=False) + "\n"


def is_export(folder: Path) -> bool:
    """Whether a folder is, or was meant to be, an exported tracker of any version."""
    try:
        content = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and str(content.get("format")).startswith("lighttrack-nas-export-")


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest; its files are not looked at.

    Raises:
        InputError: No exported folder, or one of another version; torn, changed after it was written, or one whose
            values cannot be run by.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(
            f"'{folder}' is no exported tracker: it has no {MANIFEST}; `lighttrack-nas export` writes such folders"
        )
    content = parse_json(read_text(path, "manifest"), f"'{path}'")
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        written = short(content.get("format")) if isinstance(content, dict) else "no object"
        raise InputError(
            f"'{path}': format {written}, expected '{FORMAT}': it is no exported tracker, or one of another version; "
            "export the model again"
        )
    seal = content.pop(_SEAL, None)
    if seal != _seal(content):
        raise InputError(
            f"'{path}' was changed after it was written: export the model again (`--hyper-parameters` sets those of "
            "a run)"
        )
    check_manifest(content, path)
    track_graphs = {size: track_graph_name(size, content["dynamic"]) for size in content["search_sizes"]}
    graphs = [TEMPLATE_GRAPH, *sorted(set(track_graphs.values()))]
    check_hashes(content["files"], graphs, content["runtime"], path)
    return Manifest(
        runtime=content["runtime"],
        precision=content["precision"],
        template_size=content["template_size"],
        search_sizes=tuple(content["search_sizes"]),
        stride=content["stride"],
        raw=content["input"]["raw"],
        track_graphs=track_graphs,
        hyper_parameters=content["hyper_parameters"],
        files=content["files"],
        content=content,
        seal=str(seal),
    )


def chosen_runtime(folder: Path, manifest: Manifest, runtime: str | None) -> str:
    """The runtime that shall run an exported folder: its own, or another that ran the same files when it was written.

    Args:
        folder: For the message.
        manifest: Of the folder.
        runtime: One of `RUNTIMES`; None takes the folder's own.

    Raises:
        InputError: An unknown name, a runtime of other files, or one that did not give the original's answers then.
    """
    if runtime is None or checked_name(runtime, RUNTIMES, "runtime") == manifest.runtime:
        return manifest.runtime
    if runtime not in with_the_same_files(manifest.runtime):
        raise InputError(
            f"'{folder}' is exported for {manifest.runtime} alone: leave out --runtime, or export it again"
        )
    check = manifest.content.get("checks", {}).get("also", {}).get(runtime)
    if check is None:
        raise InputError(f"'{folder}' was not checked on {runtime} when it was exported: export the model again")
    if check["refused"] is not None:
        raise InputError(f"'{folder}' does not run on {runtime}, as its export found: {check['refused']}")
    return runtime


def file_hashes(folder: Path, runtime: str, graphs: list[str]) -> dict[str, str]:
    """SHA-256 of the files of some graphs, by file name."""
    names = [graph + suffix for graph in graphs for suffix in RUNTIMES[runtime].suffixes]
    return {name: _file_hash(folder / name) for name in names}


def default_threads() -> int:
    """One a core that this process may use, four at most: a frame is too little work for more."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST_THREADS)


class ExportedNetwork:
    """The network of an exported folder for the tracker; see `ArrayNetwork`. Without torch, but for torch's own format.

    The graphs are of batch 1: larger batches run one by one.

    Args:
        folder: What `lighttrack-nas export` wrote.
        threads: On the CPU; None takes `default_threads`.
        device: "cpu", or what the runtime calls its accelerator, such as "cuda".
        compute_precision: In which the graphs compute, see `Options`; what the weights are stored in is the folder's.
        runtime: See `chosen_runtime`.

    Attributes:
        manifest: What the folder says of itself.
        runtime: That runs the graphs.
        options: How the graphs run.

    Raises:
        InputError: No exported folder, a file that is missing or not the one that was written, a runtime that is not
            installed, or a device or precision that it does not have.
    """

    def __init__(
        self,
        folder: str | Path,
        threads: int | None = None,
        device: str = "cpu",
        compute_precision: str = "float32",
        runtime: str | None = None,
    ) -> None:
        self._folder = folder = Path(folder)
        self.manifest = manifest = read_manifest(folder)
        self.options = options = Options(default_threads() if threads is None else threads, device, compute_precision)
        self.template_size, self.search_sizes = manifest.template_size, manifest.search_sizes
        self.stride = manifest.stride
        self.runtime = chosen_runtime(folder, manifest, runtime)
        checked_runtime(self.runtime)
        _check_files(folder, manifest)
        self._template = open_program(self.runtime, folder / TEMPLATE_GRAPH, options)
        graphs = {
            name: open_program(self.runtime, folder / name, options)
            for name in sorted(set(manifest.track_graphs.values()))
        }
        self._track = {size: graphs[name] for size, name in manifest.track_graphs.items()}

    def prepare(self, crop: np.ndarray) -> np.ndarray:
        """Turn a crop, ``(side, side, 3)`` BGR uint8, into the graphs' input; see `ArrayNetwork`."""
        return raw_input(crop) if self.manifest.raw else network_input(crop)

    def template(self, image: np.ndarray) -> np.ndarray:
        """See `ArrayNetwork.template`."""
        return _joined([self._run(self._template, 1, one)[0] for one in _ones(image)])

    def track(self, features: np.ndarray, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `ArrayNetwork.track`."""
        program = self._track[image.shape[2]]  # of both layouts, the third axis is a side
        answers = [self._run(program, 2, *pair) for pair in zip(_ones(features), _ones(image), strict=True)]
        logits, distances = (_joined(list(outputs)) for outputs in zip(*answers, strict=True))
        cells = round(image.shape[2] / self.stride)
        for maps, channels in ((logits, 1), (distances, 4)):
            if maps.shape != (len(image), channels, cells, cells):
                raise InputError(
                    f"'{self._folder}': a graph gives maps of {maps.shape[1:]} where its manifest says "
                    f"{(channels, cells, cells)}: export the model again"
                )
        return logits, distances

    def _run(self, program: Program, outputs: int, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Run a graph, which may be another than its manifest says.

        Raises:
            InputError: It refuses its inputs, or gives another number of outputs.
        """
        try:
            answer = program.run(*arrays)
        except MemoryError:
            raise
        except Exception as error:  # runtimes have no errors in common
            if is_out_of_memory(error):
                raise
            raise InputError(
                f"'{self._folder}': a graph does not run as its manifest says ({first_line(error)}): export the model "
                "again"
            ) from None
        if len(answer) != outputs:
            raise InputError(f"'{self._folder}': a graph gives {len(answer)} outputs, expected {outputs}: export again")
        return answer


def _ones(batch: np.ndarray) -> list[np.ndarray]:
    return [batch[index : index + 1] for index in range(len(batch))]


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _check_files(folder: Path, manifest: Manifest) -> None:
    for name, digest in manifest.files.items():
        if not (folder / name).is_file():
            raise InputError(f"'{folder / name}' is missing: export the model again")
        if _file_hash(folder / name) != digest:
            raise InputError(f"'{folder / name}' is not the file that was exported (its SHA-256 differs): export again")


def _file_hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from None


def _seal(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
