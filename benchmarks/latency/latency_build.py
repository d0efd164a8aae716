"""Makes latency tables: times every piece of a space and some whole networks in turns, and fits one to the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from importlib import metadata
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from lighttrack_nas.benchmarks.costs.cost_cache import cache_folder
from lighttrack_nas.benchmarks.costs.cost_table import CostTable
from lighttrack_nas.benchmarks.costs.macs_sampler import MacsSampler
from lighttrack_nas.benchmarks.latency.fingerprint import Fingerprint, take_fingerprint
from lighttrack_nas.benchmarks.latency.latency_correction import NO_CORRECTION, check_predictions, fit_correction
from lighttrack_nas.benchmarks.latency.latency_measuring import LatencySettings
from lighttrack_nas.benchmarks.latency.latency_pieces import Pieces, find_pieces
from lighttrack_nas.benchmarks.latency.latency_programs import (
    branch_graph,
    checked_options,
    fixed_threads,
    network_of,
)
from lighttrack_nas.benchmarks.latency.latency_table import FORMAT, Check, LatencyTable
from lighttrack_nas.benchmarks.latency.latency_timing import Step, time_in_turns, turn_seconds
from lighttrack_nas.benchmarks.latency.step_maker import WRITTEN_BY_A_PROCESS, StepMaker
from lighttrack_nas.search_spaces.space import Architecture, Space
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Progress
from lighttrack_nas.trackers.runtimes.folding import fold_into_convolutions
from lighttrack_nas.trackers.runtimes.graphs import Graph
from lighttrack_nas.trackers.runtimes.runtime_registry import checked_runtime

NETWORKS = 50
ROUNDS = 12

_PROBES = 4
"""Pieces, and as many networks, that tell how long the others will take."""
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
    estimated: Callable[[float], None] | None = None,
) -> LatencyTable:
    """Time the pieces of a space on a runtime, fit the correction on whole networks, and check it on others.

    Both kinds of networks are drawn uniformly over MACs, none twice. Everything is open at the same time, some tens of
    megabytes a network, and timed in turns; what counts is the least time, so that a machine with other work gives a
    table too, of itself without that work. A correction by which some network would take no time is left out, and the
    check then says how far off the pieces' own times are.

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
        estimated: Told once, after the first few steps, how many seconds all of it will take.

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
    with fixed_threads(threads), StepMaker(runtime, options, drafts) as maker:
        makes = _makes(space, pieces, drawn, runtime, maker, tell)
        made_first, seconds = _probe(makes, rounds)
        if estimated is not None:
            estimated(seconds)
        steps = {key: made_first[key] if key in made_first else make() for key, make in makes.items()}
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
    table = partial(LatencyTable, pieces, take_fingerprint(runtime, options), times_ms, check=blank, made=made)
    fitted = table(correction=correction)
    # Few networks, timed beside other work, fit anything, also that some take less than no time.
    fitted = fitted if fitted.ends[0] > 0 else table(correction=NO_CORRECTION)
    check = check_predictions(fitted.predict(drawn[networks:]), measured[networks:], _slowdown(turns))
    return fitted.checked(check)


def estimate_build(
    space: Space, settings: LatencySettings, networks: int = NETWORKS, rounds: int = ROUNDS, seed: int = 0
) -> float:
    """How long `build_latency_table` would take, seconds, from a few pieces and networks that are made and timed.

    Args:
        space: The space.
        settings: What the table would be of.
        networks: See `build_latency_table`; so are the next two.
        rounds: See there.
        seed: See there.

    Raises:
        InputError: As `build_latency_table`.
    """
    options = checked_options(settings.threads, settings.device, settings.precision)
    drawn, pieces = _draw(space, 2 * networks, seed), _pieces_of(space)
    with fixed_threads(settings.threads), StepMaker(settings.runtime, options, None) as maker:
        makes = _makes(space, pieces, drawn, settings.runtime, maker, lambda _amount, _where: None)
        return _probe(makes, rounds)[1]


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


Makes = Mapping[str | int, Callable[[], Step]]
"""What makes the step of a piece, by its name, or of a network, by its number."""


def _makes(
    space: Space, pieces: Pieces, drawn: Sequence[Architecture], runtime: str, maker: StepMaker, tell: Progress
) -> Makes:
    def make(name: str, graph: Callable[[], Graph], words: str) -> Step:
        step = maker.step(name, graph)
        tell(1, words)
        return step

    of_pieces: dict[str | int, Callable[[], Step]] = {
        name: partial(make, f"piece {name}", partial(_piece_graph, space, name, runtime), "pieces are made")
        for name in pieces.pieces
    }
    of_networks = {
        number: partial(
            make, f"network {' '.join(one.values)}", partial(_network_graph, one, runtime), "networks are made"
        )
        for number, one in enumerate(drawn)
    }
    return of_pieces | of_networks


def _probe(makes: Makes, rounds: int) -> tuple[dict[str | int, Step], float]:
    """Make and time a few of all steps; give these, and the seconds that all of them will take.

    Of each kind the first one made pays for the start of processes, which come anew after some files.
    """
    steps: dict[str | int, Step] = {}
    seconds = 0.0
    for kind in (str, int):
        keys = [key for key in makes if isinstance(key, kind)]
        chosen = [keys[index] for index in np.linspace(0, len(keys) - 1, min(_PROBES, len(keys))).astype(int)]
        made, called = [], []
        for key in dict.fromkeys(chosen):
            begun = perf_counter()
            steps[key] = makes[key]()
            made.append(perf_counter() - begun)
            steps[key]()
            begun = perf_counter()
            steps[key]()
            called.append(perf_counter() - begun)
        start = max(0.0, made[0] - min(made))
        making_seconds = float(np.mean(made[1:] or made)) + start / WRITTEN_BY_A_PROCESS
        seconds += start + len(keys) * (
            making_seconds + rounds * float(np.mean([turn_seconds(call) for call in called]))
        )
    return steps, seconds


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
    architectures: dict[Architecture, None] = {}
    for _ in range(20 * count):
        architectures.setdefault(sampler.sample(rng).canonical())
        if len(architectures) == count:
            return list(architectures)
    raise InputError(
        f"space '{space.name}' has {space.size.networks:,} networks, and {count} different ones are needed, half of "
        "them to fit and half to check: measure each network instead"
    )


def _slowdown(turns: Mapping[str | int, np.ndarray]) -> np.ndarray:
    total = np.array(list(turns.values()))
    return total.sum(axis=0) / total.min(axis=1).sum()
