"""Disturbs every command that works long, and compares what it leaves in the end with what it leaves undisturbed.

    python tests/attack/faults.py --minutes 30 --output runs/faults

A command is killed, asked to end or stopped for a while at a random moment, or finds a full disk or closed streams;
then the same command is called again until it ends well. Its results must be those of an undisturbed call, and nothing
hidden may be left. Each fault is a function of the seed and of its number; a stopped run goes on.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from jobs import JOBS, Job, prepare

COMMAND = (sys.executable, "-m", "lighttrack_nas")
FAULTS = ("kill", "kill", "terminate", "interrupt", "stop", "full disk", "no streams", "full streams")
LONGEST = 400.0
_HANGS = 1000
CALLS = 8
"""Until a command must have ended well."""
_MEASURED = ("seconds", "fps", "time", "latency_ms", "overhead")


def call(
    job: Job,
    folder: Path,
    disturb: Callable[[subprocess.Popen[bytes]], None] = lambda process: None,
    setup: Callable[[], None] | None = None,
    streams: str = "",
) -> int:
    """Call a job's command in a folder; give its exit code, below 0 of a signal."""
    arguments = [*COMMAND, *job.call]
    if streams:
        arguments = ["sh", "-c", f'exec "$@" {streams}', "sh", *arguments]
    process = subprocess.Popen(
        arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=setup, start_new_session=True, env=os.environ | {"OMP_NUM_THREADS": "1", "DISPLAY": ""},
    )  # fmt: skip
    said, code = b"", _HANGS
    try:
        disturb(process)
        said, _ = process.communicate(timeout=LONGEST)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
    with (folder / "log.txt").open("ab") as log:
        log.write(f"\n$ {' '.join(job.call)} {streams}\n".encode() + said + f"\nexit code {code}\n".encode())
    return code


def disturbed(job: Job, folder: Path, fault: str, seconds: float, rng: Random) -> int:
    """Call a job's command with a fault."""
    moment = seconds * rng.random()
    numbers = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM, "interrupt": signal.SIGINT, "stop": signal.SIGSTOP}

    def disturb(process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(numbers[fault])
            if fault == "stop":
                time.sleep(1 + 4 * rng.random())
                process.send_signal(signal.SIGCONT)

    def full() -> None:
        # A file that reaches the limit fails as on a full disk, only with another number of the error.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = int(2 ** (8 + 12 * rng.random()))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    if fault in numbers:
        return call(job, folder, disturb)
    if fault == "full disk":
        return call(job, folder, setup=full)
    return call(job, folder, streams="<&- >&- 2>&-" if fault == "no streams" else ">/dev/full 2>/dev/full")


def found(job: Job, folder: Path) -> dict[str, str]:
    """What the results are, by file: a digest, of tables without what a clock measured."""
    files = sorted(file for pattern in job.results for file in folder.glob(pattern))
    return {str(file.relative_to(folder)): _digest(file) if job.equal else "there" for file in files}


def left_over(folder: Path) -> list[str]:
    """Hidden files and folders that nothing will read again."""
    return sorted(
        str(path.relative_to(folder)) for path in (folder / "run").rglob(".*") if path.suffix in (".part", ".old")
    )


def _digest(file: Path) -> str:
    content = file.read_bytes()
    if file.suffix == ".safetensors":  # the tensors alone: the header says how long the training took
        content = content[8 + int.from_bytes(content[:8], "little") :]
    if file.suffix == ".csv":
        rows = list(csv.DictReader(content.decode().splitlines()))
        kept = [
            {key: value for key, value in row.items() if not any(word in str(key) for word in _MEASURED)}
            for row in rows
        ]
        content = json.dumps(kept).encode()
    return hashlib.sha256(content).hexdigest()[:16]


class Run:
    """All faults of one output folder."""

    def __init__(self, output: Path, seed: int) -> None:
        self.output, self.seed = output, seed
        self._state = output / "state.json"
        known = json.loads(self._state.read_text()) if self._state.is_file() else {}
        self.next = known.get("next", 0)
        self.counts = Counter({tuple(key.split("\t")): count for key, count in known.get("counts", {}).items()})
        self.failures: list[str] = known.get("failures", [])
        self.references: dict[str, dict[str, object]] = known.get("references", {})

    def reference(self, job: Job) -> tuple[dict[str, str], float]:
        """What a job gives undisturbed in the folder of references, and how long it takes."""
        if job.name not in self.references:
            for needed in job.needs:
                self.reference(next(other for other in JOBS if other.name == needed))
            start = time.monotonic()
            code = call(job, self.output / "reference")
            if code or not found(job, self.output / "reference"):
                raise SystemExit(
                    f"{job.name} ends with {code} undisturbed: see {self.output / 'reference' / 'log.txt'}"
                )
            seconds = time.monotonic() - start
            self.references[job.name] = {"found": found(job, self.output / "reference"), "seconds": seconds}
            self.save()
        reference = self.references[job.name]
        return reference["found"], reference["seconds"]  # type: ignore[return-value]

    def fault(self, index: int, jobs: Sequence[Job]) -> None:
        """Make one fault, and see what comes of it."""
        rng = Random(f"{self.seed}-{index}")
        job, fault = jobs[index % len(jobs)], rng.choice(FAULTS)
        wanted, seconds = self.reference(job)
        folder = self.output / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        prepare(folder)
        for needed in job.needs:
            for part in {result.split("/*")[0] for other in JOBS if other.name == needed for result in other.results}:
                source = self.output / "reference" / Path(part).parent
                shutil.copytree(source, folder / Path(part).parent, dirs_exist_ok=True)
        codes = [disturbed(job, folder, fault, seconds, rng)]
        while codes[-1] != 0 or len(codes) == 1:
            codes.append(call(job, folder))
            if len(codes) > CALLS or codes[-1] == _HANGS:
                break
        problems = []
        if codes[-1]:
            problems.append(f"never ends well: exit codes {codes}")
        elif found(job, folder) != wanted:
            problems.append(f"other results: {found(job, folder)}, undisturbed {wanted}")
        if "Traceback" in (folder / "log.txt").read_text(errors="replace"):
            problems.append("a traceback")
        if left := left_over(folder):
            problems.append(f"left over: {left[:4]}")
        self.counts[job.name, fault, "failed" if problems else "well"] += 1
        print(f"{index}: {job.name}, {fault}, exit codes {codes}: {'; '.join(problems) or 'well'}", flush=True)
        if problems:
            self.failures.append(f"{index}: {job.name}, {fault}: {'; '.join(problems)}")
            shutil.copytree(folder, self.output / "failures" / f"{index:04d}-{job.name}", dirs_exist_ok=True)

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


def main() -> int:
    """Disturb for some minutes; 1 where something was lost or differs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", default=[], choices=[job.name for job in JOBS])
    parser.add_argument("--output", type=Path, default=Path("runs/faults"))
    given = parser.parse_args()
    output = given.output.absolute()
    if not (output / "reference").is_dir():
        (output / "reference").mkdir(parents=True)
        prepare(output / "reference")
    run = Run(output, given.seed)
    jobs = [job for job in JOBS if not given.only or job.name in given.only]
    until = time.monotonic() + 60 * given.minutes
    while time.monotonic() < until:
        run.fault(run.next, jobs)
        run.next += 1
        run.save()
    for (job, fault, outcome), count in sorted(run.counts.items()):
        print(f"{job:<20}{fault:<16}{outcome:<8}{count:>5}")
    print("\n".join(run.failures) or "nothing lost, nothing twice, results equal")
    return 1 if run.failures else 0


if __name__ == "__main__":
    sys.exit(main())
