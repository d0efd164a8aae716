"""Disturbs every command that works long, and compares what it leaves in the end with what it leaves undisturbed.

    python tests/attack/faults.py --minutes 30 --output runs/faults

A fault (see `disturbing.FAULTS`) befalls a command; then the same command is called again until it ends well. Its
results must be those of an undisturbed call, nothing hidden may be left, no network may be measured twice, and what the
disturbed call said must be a sentence. Every pair of a command and a fault comes once before one comes twice. Each
fault is a function of the seed and of its number; a stopped run goes on.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from random import Random

from disturbing import FAULTS, HANGS, Case, Ended, call, measured, possible
from jobs import JOBS, Job, prepare

CALLS = 8
"""Until a command must have ended well."""
_MEASURED = ("seconds", "fps", "time", "latency_ms", "overhead")


def results_of(job: Job, folder: Path) -> dict[str, str]:
    """What the results are, by file: a digest, of tables without what a clock measured."""
    files = sorted(file for pattern in job.results for file in folder.glob(pattern))
    return {str(file.relative_to(folder)): _digest(file) if job.equal else "there" for file in files}


def left_over(folder: Path) -> list[str]:
    """Hidden files and folders among the results, and temporary ones: nothing will read them again."""
    # Torch keeps what it compiled for other processes, and ONNX Runtime a number of itself.
    kept = [path for path in (folder / "tmp").iterdir() if not path.name.startswith(("torchinductor", ".ses"))]
    left = [*(folder / "run").rglob(".*"), *kept]
    return sorted(str(path.relative_to(folder)) for path in left)


def twice(table: Path) -> list[str]:
    """Paths of a supernet that a search measured more than once."""
    if not table.is_file():
        return []
    with table.open(newline="") as file:
        paths = Counter(row["path"] for row in csv.DictReader(file) if row["ao"] and not row["copied_from"])
    return sorted(path for path, count in paths.items() if count > 1)


def _digest(file: Path) -> str:
    content = file.read_bytes()
    if file.suffix == ".safetensors":  # the tensors alone: the header says how long the training took
        content = content[8 + int.from_bytes(content[:8], "little") :]
    if file.suffix == ".csv":
        content = json.dumps([_without_times(row) for row in csv.DictReader(content.decode().splitlines())]).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def _without_times(row: Mapping[str, str]) -> dict[str, str]:
    # A trial that a full disk left without a beginning keeps its number, so that those after it have other ones.
    left_out = (*_MEASURED, "trial")
    return {key: value for key, value in row.items() if not any(word in key for word in left_out)}


class Run:
    """All faults of one output folder."""

    def __init__(self, output: Path, seed: int, jobs: Sequence[Job], faults: Sequence[str]) -> None:
        self.output, self.seed = output, seed
        pairs = list(product(jobs, faults))
        Random(seed).shuffle(pairs)
        self._pairs = pairs
        self._state = output / "state.json"
        known = json.loads(self._state.read_text()) if self._state.is_file() else {}
        self.next = known.get("next", 0)
        self.counts = Counter({tuple(key.split("\t")): count for key, count in known.get("counts", {}).items()})
        self.failures: list[str] = known.get("failures", [])
        self.references: dict[str, dict[str, object]] = known.get("references", {})

    def reference(self, job: Job) -> dict[str, object]:
        """What a job gives undisturbed in the folder of references, how long it takes and how large it is."""
        if job.name not in self.references:
            folder = self.output / "reference"
            for needed in job.needs:
                self.reference(next(other for other in JOBS if other.name == needed))
            ended, seconds, memory = measured(job, folder)
            results = results_of(job, folder)
            if ended.code or not results:
                raise SystemExit(f"{job.name} ends with {ended.code} undisturbed: see {folder / 'log.txt'}")
            self.references[job.name] = {"results": results, "seconds": seconds, "memory": memory}
            self.save()
        return self.references[job.name]

    def fault(self, index: int) -> None:
        """Make one fault, and see what comes of it."""
        rng = Random(f"{self.seed}-{index}")
        job, fault = self._pairs[index % len(self._pairs)]
        reference = self.reference(job)
        folder = self.output / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        prepare(folder)
        for other in JOBS:
            if other.name in job.needs:
                shutil.copytree(self.output / "reference" / other.output, folder / other.output)
        case = Case(job, folder, reference["seconds"], reference["memory"], rng)
        calls = FAULTS[fault](case)
        problems = [problem for ended in calls for problem in ended.problems]
        again = self._until_well(job, folder)
        problems += [f"afterwards {problem}" for ended in again for problem in ended.problems]
        codes = [ended.code for ended in (*calls, *again)]
        if codes[-1]:
            problems.append(f"never ends well: exit codes {codes}")
        elif not _same(results_of(job, folder), reference["results"], fault):
            problems.append(f"other results: {results_of(job, folder)}, undisturbed {reference['results']}")
        if paths := twice(folder / job.output / "trials.csv"):
            problems.append(f"measured twice: {paths[:4]}")
        if left := left_over(folder):
            problems.append(f"left over: {left[:4]}")
        self.counts[job.name, fault, "failed" if problems else "well"] += 1
        print(f"{index}: {job.name}, {fault}, exit codes {codes}: {'; '.join(problems) or 'well'}", flush=True)
        if problems:
            self.failures.append(f"{index}: {job.name}, {fault}: {'; '.join(problems)}")
            kept = self.output / "failures" / f"{index:04d}-{job.name}"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(folder, kept)

    def _until_well(self, job: Job, folder: Path) -> list[Ended]:
        calls = [call(job, folder)]
        while calls[-1].code not in (0, HANGS) and len(calls) < CALLS:
            calls.append(call(job, folder))
        return calls

    def save(self) -> None:
        """Write how far it is."""
        content = {
            "next": self.next,
            "counts": {"\t".join(key): count for key, count in sorted(self.counts.items())},
            "failures": self.failures,
            "references": self.references,
        }
        part = self._state.with_suffix(".part")
        part.write_text(json.dumps(content, indent=1))
        part.replace(self._state)


def _same(results: Mapping[str, str], wanted: object, fault: str) -> bool:
    """Whether results are those of an undisturbed call; two searches in one study ask in another order than one."""
    if fault == "two at once" and any(name.endswith("trials.csv") for name in results):
        return isinstance(wanted, dict) and results.keys() == wanted.keys()
    return results == wanted


def table(counts: Mapping[tuple[str, ...], int], faults: Sequence[str]) -> list[str]:
    """Faults by command and kind in Markdown: how many, and how many of them failed."""
    rows = [f"| | {' | '.join(faults)} |", f"|---|{'---|' * len(faults)}"]
    for job in sorted({key[0] for key in counts}):
        cells = []
        for fault in faults:
            failed, well = counts.get((job, fault, "failed"), 0), counts.get((job, fault, "well"), 0)
            cells.append(f"{failed + well}, {failed} failed" if failed else str(well or ""))
        rows.append(f"| {job} | {' | '.join(cells)} |")
    return rows


def main() -> int:
    """Disturb for some minutes; 1 where something was lost or differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", default=[], choices=[job.name for job in JOBS])
    parser.add_argument("--fault", action="append", default=[], choices=list(FAULTS))
    parser.add_argument("--output", type=Path, default=Path("runs/faults"))
    given = parser.parse_args()
    output = given.output.absolute()
    if not (output / "reference").is_dir():
        (output / "reference").mkdir(parents=True)
        prepare(output / "reference")
    jobs = [job for job in JOBS if not given.only or job.name in given.only]
    faults = [name for name in possible() if not given.fault or name in given.fault]
    run = Run(output, given.seed, jobs, faults)
    until = time.monotonic() + 60 * given.minutes
    while time.monotonic() < until:
        run.fault(run.next)
        run.next += 1
        run.save()
    print("\n".join(table(run.counts, faults)))
    print("\n".join(run.failures) or "nothing lost, nothing twice, results equal")
    return 1 if run.failures else 0


if __name__ == "__main__":
    sys.exit(main())
