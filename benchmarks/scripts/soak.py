"""A long search under kills: whether each trial takes as long and as much memory at its end as at its beginning.

    python benchmarks/scripts/soak.py [--storage postgresql://me@server/name] [--trials 10000] [--kill-every 30]

Workers of one search evaluate hashes, which takes no time to speak of. One of them, drawn at random, is killed with
SIGKILL every so many seconds, and another joins in its place. Without a storage: a journal in a temporary folder. At
the end nothing may be lost, and no network measured twice; printed are, by trials, the seconds of 1,000 trials, the
processor time of a trial (of all workers together; what they need to start is left out) and the workers' memory. Exit
code 1 where a trial is missing or in excess, or a figure of a trial differs from its network's.
"""

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from lighttrack_nas.reporting.environment import cpu_name, versions
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Architecture
from lighttrack_nas.strategies.search.run import run_search
from lighttrack_nas.strategies.search.samplers.nsga2 import NSGA2
from lighttrack_nas.strategies.search.storage.trials import completed_trials, load_search

SPACE = "lighttrack"


class HashEvaluator:
    """Says at once numbers that hang on every choice with a say, as a network that is drawn again is not measured."""

    measurements = ("ao", "macs")
    inherits_weights = True

    def costs(self, architecture: Architecture) -> Mapping[str, float]:
        """See `Evaluator.costs`."""
        return {"macs": _hashed("macs", architecture)}

    def measure(self, architecture: Architecture, names: Collection[str]) -> Mapping[str, float]:
        """See `Evaluator.measure`."""
        return {"ao": _hashed("ao", architecture)}

    def record(self) -> dict[str, Any]:
        """See `Evaluator.record`."""
        return {"kind": "hash"}


def _hashed(name: str, architecture: Architecture) -> float:
    hashes = [zlib.crc32(f"{name} {label} {value}".encode()) for label, value in enumerate(architecture.path().values)]
    return sum(hashes) / 2**32 / len(hashes)


def work(storage: str, trials: int, notes: Path) -> None:
    """Search until all trials are there; note for each the time, how many there are, memory and processor's time."""

    def note(done: int, total: int, text: str) -> None:
        print(time.time(), done, _peak_memory(), time.process_time(), file=file, flush=True)

    with notes.open("a") as file:
        run_search(
            load_space(SPACE),
            evaluator=HashEvaluator(),
            strategy=NSGA2(population_size=48),
            objectives=["ao", "macs"],
            n_trials=trials,
            storage=storage,
            progress=note,
        )


def _peak_memory() -> int:
    """Of this process, in KiB, as Linux counts it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def soak(storage: str, trials: int, workers: int, kill_every: float, folder: Path, seed: int) -> int:
    """Start workers, kill some and start others, until the search is done; give how many were killed."""
    rng, killed, started = random.Random(seed), 0, 0

    def start() -> subprocess.Popen[bytes]:
        nonlocal started
        notes, started = folder / f"worker{started}.txt", started + 1
        command = [sys.executable, __file__, "--storage", storage, "--trials", str(trials), "--worker", str(notes)]
        return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})

    running = [start() for _ in range(workers)]
    next_kill = time.monotonic() + kill_every
    try:
        while running:
            time.sleep(0.2)
            for process in [process for process in running if process.poll() is not None]:
                running.remove(process)
                if process.returncode:
                    raise SystemExit(f"a worker that nobody killed ended with {process.returncode}")
            if running and time.monotonic() > next_kill:
                victim = running.pop(rng.randrange(len(running)))
                victim.send_signal(signal.SIGKILL)
                victim.wait()
                running.append(start())
                killed, next_kill = killed + 1, time.monotonic() + kill_every
    finally:  # also where one ends in an error: the others have no journal any more
        for process in running:
            process.kill()
    return killed


def report(folder: Path, trials: int) -> None:
    """Print the seconds, the processor's time and the memory of every tenth of the search."""
    notes = [np.loadtxt(file, ndmin=2) for file in folder.glob("worker*.txt") if file.stat().st_size]
    times, counts, memory, _ = np.concatenate(notes).T
    # From one note of a worker to the next; what comes before its first is its start.
    worked_at, work_of = np.concatenate([np.c_[note[1:, 1], np.diff(note[:, 3])] for note in notes]).T
    print("trials   s a 1,000 trials   processor's ms a trial   MiB a worker (median of peaks)")
    step = max(trials // 10, 1)
    for end in range(step, trials + 1, step):
        inside = (counts > end - step) & (counts <= end)
        if inside.any():
            seconds = (times[inside].max() - times[inside].min()) * 1000 / step
            work = work_of[(worked_at > end - step) & (worked_at <= end)].sum() * 1000 / step
            print(f"{end:6d}   {seconds:16.1f}   {work:22.1f}   {np.median(memory[inside]) / 1024:30.0f}")


def check(storage: str, trials: int) -> list[str]:
    """What is wrong with the search's trials, in sentences."""
    evaluator, records = HashEvaluator(), completed_trials(load_search(storage))
    wrong = [] if len(records) == trials else [f"{len(records)} trials are complete, not {trials}"]
    for record in records:
        expected = {**evaluator.costs(record.architecture), **evaluator.measure(record.architecture, ["ao"])}
        if record.measurements != expected:
            wrong.append(f"trial {record.number} holds {record.measurements}, its network has {expected}")
    measured = [record.architecture.path() for record in records if record.copied_from is None]
    print(f"{len(records)} trials; {len(measured)} measured, of {len(set(measured))} networks")
    return wrong


def main() -> None:
    """Search, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", help="a URL of an empty PostgreSQL database; a journal without it")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kill-every", type=float, default=30.0, help="seconds")
    parser.add_argument("--seed", type=int, default=0, help="of who is killed")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if arguments.worker:
        return work(arguments.storage, arguments.trials, arguments.worker)
    print(f"{cpu_name()}; optuna {versions()['optuna']}; {arguments.workers} workers, seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as folder:
        storage, begin = arguments.storage or f"{folder}/journal.log", time.monotonic()
        killed = soak(storage, arguments.trials, arguments.workers, arguments.kill_every, Path(folder), arguments.seed)
        print(f"{'PostgreSQL' if arguments.storage else 'journal'}: {time.monotonic() - begin:.0f} s, {killed} killed")
        report(Path(folder), arguments.trials)
        if wrong := check(storage, arguments.trials):
            sys.exit("\n".join(wrong[:20]))


if __name__ == "__main__":
    main()
