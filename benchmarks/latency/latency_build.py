"""Makes latency tables: times every piece of a space and some whole networks in turns, and fits one to the other."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from lighttrack_nas.benchmarks.costs.cost_cache import cache_folder
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.costs.macs_sampler import MacsSampler
from lighttrack_nas.benchmarks.latency.fingerprint import Fingerprint, take_fingerprint
from lighttrack_nas.benchmarks.latency.latency_correction import check_predictions, fit_correction
from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
from lighttrack_nas.benchmarks.latency.latency_pieces import Pieces, find_pieces
from lighttrack_nas.benchmarks.latency.latency_programs import (
    branch_graph,
    checked_options,
    fixed_threads,
    network_of,
)
from lighttrack_nas.benchmarks.latency.latency_table import FORMAT, Check, LatencyTable
from lighttrack_nas.benchmarks.latency.latency_timing import Step, time_in_turns
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.processes import begin_child
from lighttrack_nas.trackers.base.progress import Progress
from lighttrack_nas.trackers.runtimes.folding import fold_into_convolutions
from lighttrack_nas.trackers.runtimes.graphs import Graph
from lighttrack_nas.trackers.runtimes.program import Options, make_program, open_program, write_graph
from lighttrack_nas.trackers.runtimes.runtime_registry import RUNTIMES, checked_runtime

NETWORKS = 50
ROUNDS = 12

_WRITTEN_BY_A_PROCESS = 16
_VERSIONS = ("lighttrack-nas", "torch")


def latency_steps(space: Space, networks: int = NETWORKS, rounds: int = ROUNDS) -> int:
    """How many steps `build_latency_table` tells of."""
    return len(find_pieces(space).pieces) + 2 * networks + rounds


def build_latency_table(
    space: Space,
    *,
    runtime: str,
    threads: int = 1,
    device: str = "cpu",
    precision: str = "float32",
    networks: int = NETWORKS,
    rounds: int = ROUNDS,
    seed: int = 0,
    drafts: Path | None = None,
    progress: Progress | None = None,
) -> LatencyTable:
    """Time the pieces of a space on a runtime, fit the correction on whole networks, and check it on others.

    Both kinds of networks are drawn uniformly over MACs, none twice. Everything is open at the same time, some tens of
    megabytes a network, and timed in turns; what counts is the least time, so that a machine with other work gives a
    table too, of itself without that work.

    Args:
        space: The space.
        runtime: See `measure_latency`; so are the next three.
        threads: On the CPU.
        device: "cpu", or what the runtime calls its accelerator.
        precision: In which the program computes.
        networks: To fit the correction on, and as many to check it on; 10 or more.
        rounds: Turns of each piece and network, 2 or more.
        seed: Of the networks.
        drafts: Folder for converted pieces and networks, see `drafts_folder`, so that a build that was stopped goes on;
            whoever gives it removes it. None keeps none.
        progress: Told of `latency_steps` steps.

    Raises:
        InputError: As `measure_latency`; too few networks or rounds; or the space has fewer networks.
    """
    for name, value, least in (("networks", networks, 10), ("rounds", rounds, 2), ("seed", seed, 0)):
        if value < least:
            raise InputError(f"{name}: at least {least} expected, got {value}")
    tell = progress or (lambda _amount, _where: None)
    options = checked_options(threads, device, precision)
    checked_runtime(runtime, writing=True)
    pieces = _pieces_of(space)
    drawn = _draw(space, 2 * networks, seed)
    steps: dict[str | int, Step] = {}
    with fixed_threads(threads), _Maker(runtime, options, drafts) as maker:
        for name in pieces.pieces:
            steps[name] = maker.step(f"piece {name}", partial(_piece_graph, space, name, runtime))
            tell(1, "pieces are made")
        for number, architecture in enumerate(drawn):
            steps[number] = maker.step(
                f"network {' '.join(architecture.values)}",
                partial(_network_graph, architecture, runtime),
            )
            tell(1, "networks are made")
    with fixed_threads(threads):
        turns = time_in_turns(steps, rounds, progress=tell)
    times_ms = {name: float(turns[name].min()) for name in pieces.pieces}
    used = [pieces.of(architecture) for architecture in drawn]
    measured = np.array([turns[number] for number in range(len(drawn))])
    correction = fit_correction(used[:networks], times_ms, measured[:networks].min(axis=1))
    made = {
        "networks": networks,
        "rounds": rounds,
        "seed": seed,
        "versions": {package: metadata.version(package) for package in _VERSIONS},
    }
    blank = Check(0, 0.0, 0.0, 0.0, 0.0, 0.0, ())
    fitted = LatencyTable(pieces, take_fingerprint(runtime, options), times_ms, correction, blank, made)
    check = check_predictions(fitted.predict(drawn[networks:]), measured[networks:], _slowdown(turns))
    return fitted.checked(check)


def table_file(space: Space, fingerprint: Fingerprint) -> Path | None:
    """Where this machine's table of a space is kept; None where the cache is switched off."""
    costs = cache_folder()
    if costs is None:
        return None
    device = hashlib.sha256(f"{FORMAT} {sorted(fingerprint.to_dict().items())}".encode()).hexdigest()[:12]
    return costs.parent / "latency-tables" / f"{space.hash}-{fingerprint.runtime}-{device}.json"


def drafts_folder(file: Path, space: Space, settings: LatencySettings, networks: int, seed: int) -> Path:
    """Where a build that will end in a file keeps what it has converted; another's for everything that decides it."""
    decides = [space.hash, networks, seed, settings.fingerprint().to_dict(), *map(metadata.version, _VERSIONS)]
    return file.with_name(f".{file.name}-{hashlib.sha256(str(decides).encode()).hexdigest()[:12]}.drafts")


class _Maker:
    """Makes programs of graphs; keeps their files, and opens those that are there.

    Files are written in processes that end after some of them: the exporters never give back what they take, some 20 MB
    a network.

    Args:
        runtime: That runs the programs.
        options: How.
        drafts: Folder for the files; None takes a temporary one.
    """

    def __init__(self, runtime: str, options: Options, drafts: Path | None) -> None:
        self._runtime, self._options = runtime, options
        self._open = ExitStack()
        self._drafts = drafts

    def __enter__(self) -> _Maker:
        if RUNTIMES[self._runtime].suffixes:
            if self._drafts is None:
                self._drafts = Path(self._open.enter_context(TemporaryDirectory()))
            self._writer = self._open.enter_context(
                ProcessPoolExecutor(
                    1,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_begin_writing,
                    initargs=(self._options.threads,),
                    max_tasks_per_child=_WRITTEN_BY_A_PROCESS,
                )
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def step(self, name: str, make: Callable[[], Graph]) -> Step:
        """A call that runs a graph once."""
        if not RUNTIMES[self._runtime].suffixes:
            graph = make()
            arrays = [tensor.numpy() for tensor in graph.inputs]
            program = make_program(self._runtime, graph, self._options)
        else:
            assert self._drafts is not None
            path = self._drafts / hashlib.sha256(name.encode()).hexdigest()[:24]
            arrays = self._writer.submit(_write, self._runtime, make, path).result()
            program = open_program(self._runtime, path, self._options)
        return lambda: program.run(*arrays)


def _begin_writing(threads: int) -> None:
    begin_child()
    torch.set_num_threads(threads)


def _write(runtime: str, make: Callable[[], Graph], path: Path) -> list[np.ndarray]:
    """Write a graph's files unless they are there, and give its inputs."""
    graph = make()
    if not all(path.with_suffix(suffix).is_file() for suffix in RUNTIMES[runtime].suffixes):
        write_graph(runtime, graph, path)
    return [tensor.numpy() for tensor in graph.inputs]


@lru_cache(maxsize=1)
def _pieces_of(space: Space) -> Pieces:
    """Of the space at hand; processes that write are told of a piece by its name, for its weights would travel far."""
    return find_pieces(space)


def _piece_graph(space: Space, name: str, runtime: str) -> Graph:
    piece = _pieces_of(space).pieces[name]
    generator = torch.Generator().manual_seed(0)
    inputs = tuple(torch.randn(shape, generator=generator) for shape in piece.inputs)
    module = piece.module.requires_grad_(False)
    names = tuple(f"input{number}" for number in range(len(inputs)))
    graph = Graph(module, inputs, names, ("output",))
    return graph if runtime == "torch" else replace(graph, module=fold_into_convolutions(module))


def _network_graph(architecture: Architecture, runtime: str) -> Graph:
    return branch_graph(network_of(architecture), "track", runtime)


def _draw(space: Space, count: int, seed: int) -> list[Architecture]:
    """Architectures uniform over MACs, a network each, none twice."""
    sampler, rng = MacsSampler(CostTable(space)), np.random.default_rng(seed)
    found: dict[Architecture, None] = {}
    for _ in range(20 * count):
        found.setdefault(sampler.sample(rng).canonical())
        if len(found) == count:
            return list(found)
    raise InputError(
        f"space '{space.name}' has {space.size.networks:,} networks, and {count} different ones are needed, half of "
        "them to fit and half to check: measure each network instead"
    )


def _slowdown(turns: Mapping[str | int, np.ndarray]) -> np.ndarray:
    total = np.array(list(turns.values()))
    return total.sum(axis=0) / total.min(axis=1).sum()
