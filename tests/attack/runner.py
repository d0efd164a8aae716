"""Attacks the product with changed inputs, and keeps what ends otherwise than in a result or a sentence.

Each attack is a function of the seed and of its number: a stopped run goes on, and a failure can be made again.

    python tests/attack/runner.py --minutes 30 --output runs/attack
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from mutations import mutate, seal_anew
from seeds import make_seeds
from targets import NEVER_READ, TARGETS, Call, Target

SECONDS = 600.0
"""After which a process is given up that waits for something; one that computes ends itself, see `worker.SECONDS`."""
_QUIET = {"OMP_NUM_THREADS": "1", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
FELL = "fell"
"""Outcome of a file that another's library reads, which took the process with it; see `Target.reseals`."""
KEPT = 2
"""Reproductions of one kind of failure."""


class Worker:
    """A process of `worker.py`, started anew when it dies or hangs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[str] | None = None

    def attack(self, call: list[str]) -> dict[str, Any]:
        """Make one attack; see `worker.attack`."""
        process = self._process or self._started()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps({"call": call, "folder": str(self.folder)}) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self._line(process, SECONDS)
        if line:
            return dict(json.loads(line))
        self.end()
        died = "hang" if line is None or process.returncode == -signal.SIGPROF else f"death by {-process.returncode}"
        return {"outcome": died, "kind": f"{died}: {call[0]}", "said": ""}

    def end(self) -> None:
        """Kill the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("worker.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | _QUIET | {"XDG_CACHE_HOME": str(self.folder.parent / "cache")},
        )  # fmt: skip
        self._process = process
        if not self._line(process, 300):
            raise SystemExit("a worker does not start: run tests/attack/worker.py by hand to see why")
        return process

    @staticmethod
    def _line(process: subprocess.Popen[str], seconds: float) -> str | None:
        """A line; "" where the process has died, None where it takes too long."""
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], seconds)
        if not ready:
            return None
        line = process.stdout.readline()
        if not line:
            process.wait()
        return line


def make_case(target: Target, call: Call, seeds: Path, folder: Path, change: Callable[[bytes], bytes]) -> list[str]:
    """Write one changed input into a folder, and give the call that reads it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if target.is_argument:
        text = (
            change(target.file.replace("SEEDS", str(seeds)).encode())
            .decode("utf-8", "replace")
            .replace("\0", "")[:20_000]
        )
        return [part.replace("TEXT", text).replace("SEEDS", str(seeds)) for part in call]
    top = Path(target.file).parts[0]
    shutil.copytree(seeds / top, folder / top)
    (file,) = folder.glob(target.file)
    for record in folder.glob("*/out/*.json"):  # results name the folder of their sequences
        record.write_text(record.read_text().replace(str(seeds), str(folder)))
    file.write_bytes(change(file.read_bytes()))
    if target.reseals:
        _reseal(file)
    places = {"FILE": str(file), "FOLDER": str(folder / top), "SEEDS": str(seeds)}
    return [_replaced(part, places) for part in call]


def _reseal(file: Path) -> None:
    """Let the manifest beside a file have its hash, as anybody can write it."""
    manifest = file.with_name("manifest.json")
    content = json.loads(manifest.read_text())
    content["files"][file.name] = sha256(file.read_bytes()).hexdigest()
    seal_anew(content, dict(content))
    manifest.write_text(json.dumps(content))


def _replaced(text: str, places: dict[str, str]) -> str:
    for name, place in places.items():
        text = text.replace(name, place)
    return text


def check_seeds(seeds: Path, folder: Path) -> None:
    """Read every input as it is: what is refused unchanged shows nothing when it is changed."""
    worker = Worker(folder)
    refused = []
    for target in TARGETS:
        for call in target.calls:
            answer = worker.attack(words := make_case(target, call, seeds, folder, lambda content: content))
            if answer["outcome"] != "success" and (target.name, call[0]) not in NEVER_READ:
                refused.append(f"{target.name}: {' '.join(words)}: {answer['outcome']}: {answer['said'][-300:]}")
    worker.end()
    if refused:
        raise SystemExit("these inputs are not read as they are:\n" + "\n".join(refused))


class Run:
    """All attacks of one output folder; what is done and found is kept there."""

    def __init__(self, output: Path, seed: int, only: Sequence[str] = ()) -> None:
        self.output, self.seed = output, seed
        self._lock = threading.Lock()
        self._state = output / "state.json"
        known = json.loads(self._state.read_text()) if self._state.is_file() else {}
        if known.get("seed", seed) != seed:
            raise SystemExit(f"'{output}' is of seed {known['seed']}: give that, or another folder")
        self.next = known.get("next", 0)
        self.outcomes = Counter({tuple(key.split("\t")): count for key, count in known.get("outcomes", {}).items()})
        self.failures = Counter(known.get("failures", {}))
        known_names = {target.name for target in TARGETS}
        if unknown := {*only} - known_names:
            raise SystemExit(f"no inputs {', '.join(unknown)}; there are {', '.join(sorted(known_names))}")
        targets = [target for target in TARGETS if not only or target.name in only]
        self._chosen = [target for target in targets for _ in range(target.weight)]

    def work(self, number: int, until: float) -> None:
        """Attack with one process until a moment."""
        folder = self.output / f"worker-{number}" / "case"
        worker = Worker(folder)
        try:
            while time.monotonic() < until:
                with self._lock:
                    index, self.next = self.next, self.next + 1
                rng = Random(f"{self.seed}-{index}")
                target = rng.choice(self._chosen)
                change = partial(mutate, kind=target.kind, rng=rng)
                call = make_case(target, rng.choice(target.calls), self.output / "seeds", folder, change)
                self._take_in(index, target, call, worker.attack(call), folder)
        finally:
            worker.end()

    def _take_in(self, index: int, target: Target, call: list[str], answer: dict[str, Any], folder: Path) -> None:
        if target.reseals and answer["outcome"].startswith("death by"):
            answer = answer | {"outcome": FELL}
        with self._lock:
            self.outcomes[target.name, answer["outcome"]] += 1
            if answer["outcome"] not in ("success", "refused", FELL):
                self.failures[answer["kind"]] += 1
                if self.failures[answer["kind"]] <= KEPT:
                    self._keep(index, call, answer, folder)
                    print(f"attack {index}: {target.name}: {answer['kind']}", flush=True)
            if index % 50 == 0:
                self.save()

    def _keep(self, index: int, call: list[str], answer: dict[str, Any], folder: Path) -> None:
        kept = self.output / "failures" / f"{index:06d}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder, kept)
        words = [part.replace(str(folder), ".") for part in call]
        quoted = json.dumps(words)
        (kept / "call.txt").write_text(f"{quoted}\n{answer['kind']}\n\n{answer['said']}\n", "utf-8", "backslashreplace")

    def save(self) -> None:
        """Write how far it is."""
        content = {
            "seed": self.seed,
            "next": self.next,
            "outcomes": {"\t".join(key): count for key, count in sorted(self.outcomes.items())},
            "failures": dict(self.failures.most_common()),
        }
        part = self._state.with_suffix(".part")
        part.write_text(json.dumps(content, indent=1))
        part.replace(self._state)

    def table(self) -> str:
        """Counts by class of input, then of failures by kind."""
        names = sorted({name for name, _ in self.outcomes})
        columns = {"attacks": 9, "read": 8, "refused": 9, FELL: 6, "failed": 8}
        lines = [f"{'input':<26}" + "".join(f"{name:>{width}}" for name, width in columns.items())]
        for name in [*names, "all"]:
            counts = Counter[str]()
            for (of, outcome), count in self.outcomes.items():
                counts[outcome] += count if name in (of, "all") else 0
            every, read, refused, fell = counts.total(), counts["success"], counts["refused"], counts[FELL]
            row = (every, read, refused, fell, every - read - refused - fell)
            lines.append(
                f"{name:<26}" + "".join(f"{n:>{width}}" for n, width in zip(row, columns.values(), strict=True))
            )
        return "\n".join([*lines, "", *(f"{count:>6} {kind}" for kind, count in self.failures.most_common())])


def main() -> int:
    """Attack for some minutes; 1 where something failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("runs/attack"))
    parser.add_argument("--only", action="append", default=[], metavar="INPUT", help="as in the table; may be repeated")
    given = parser.parse_args()
    output = given.output.absolute()
    output.mkdir(parents=True, exist_ok=True)
    if not (output / "seeds" / "done").is_file():
        shutil.rmtree(output / "seeds", ignore_errors=True)
        os.environ.update(_QUIET)  # threads that wait for each other take most of the time
        make_seeds(output / "seeds")
        check_seeds(output / "seeds", output / "check" / "case")
        (output / "seeds" / "done").touch()
    run = Run(output, given.seed, given.only)
    until = time.monotonic() + 60 * given.minutes
    threads = [threading.Thread(target=run.work, args=(number, until)) for number in range(given.workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.save()
    print(run.table())
    return 1 if run.failures else 0


if __name__ == "__main__":
    sys.exit(main())
