"""Disturbs a PostgreSQL server under the workers of a search, and looks at what they leave.

    python -m tests.attack.server_faults --rounds 20

In every round three workers search together, each on a machine of its own for all they know. The server restarts,
crashes, stays away or hangs for some seconds, or connections are cut off; workers are killed, and others start, also
while the server is away. In the end all trials must be there, none running, no network measured twice that nobody
disturbed, and no worker may have ended in anything but its search's end. A round is a function of the seed and of its
number, but for the moments at which processes run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from optuna.trial import TrialState

from lighttrack_nas.strategies.search.storage.trials import load_search
from lighttrack_nas.trackers.base.errors import InputError
from tests.postgres_server import PostgresServer, postgres_binary

WORKER = Path(__file__).parents[1] / "strategies" / "search" / "search_process.py"
FAULTS = ("restart", "crash", "away", "cut all", "cut some", "hang", "kill", "start while away")
WORKERS, TRIALS = 3, 120
LONGEST = 240.0


class Round:
    """One search under faults.

    Args:
        server: Running.
        folder: Empty, for logs.
        rng: Decides on the faults.
    """

    def __init__(self, server: PostgresServer, folder: Path, rng: Random) -> None:
        self.server, self.folder, self.rng = server, folder, rng
        self.url = server.url()
        self.faults: list[str] = []
        self.workers: list[tuple[subprocess.Popen[bytes], Path]] = []
        self.killed: list[subprocess.Popen[bytes]] = []
        (folder / "go").touch()

    def start(self) -> None:
        """Start a worker."""
        settings = {"storage": self.url, "pool": 400, "seconds": 0.1, "n_trials": TRIALS}
        settings |= {"log": str(self.folder / "measured.txt"), "go": str(self.folder / "go")}
        said = self.folder / f"worker{len(self.workers)}.txt"
        with said.open("wb") as file:
            command = [sys.executable, str(WORKER), json.dumps(settings)]
            process = subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | {"OMP_NUM_THREADS": "1"})
        self.workers.append((process, said))

    def run(self, faults: int) -> None:
        """Search, with so many faults, until all workers have ended or the time is over."""
        for _ in range(WORKERS):
            self.start()
        begin = time.monotonic()
        # The first ones may meet workers that start.
        times = sorted(begin + self.rng.uniform(1, 25) for _ in range(faults))
        while any(process.poll() is None for process, _ in self.workers):
            time.sleep(0.1)
            if times and time.monotonic() > times[0]:
                times.pop(0)
                self.disturb(self.rng.choice(FAULTS))
            if time.monotonic() > begin + LONGEST:
                for process, _ in self.workers:
                    process.kill()

    def disturb(self, fault: str) -> None:
        """Do one thing to the server or to a worker."""
        seconds = self.rng.uniform(1, 6)
        self.faults.append(fault)
        if fault in ("restart", "away", "start while away"):
            self.server.stop(fast=self.rng.random() < 0.5)
            if fault == "start while away":
                self.start()
            time.sleep(0 if fault == "restart" else seconds)
            self.server.start()
        elif fault == "hang":
            with self.server.hanging():
                time.sleep(seconds)
        elif fault == "crash":
            self.server.crash()
            time.sleep(1)
        elif fault.startswith("cut"):
            self.server.cut_connections(1.0 if fault == "cut all" else 0.5)
        elif alive := [process for process, _ in self.workers if process.poll() is None]:
            victim = self.rng.choice(alive)
            victim.send_signal(signal.SIGKILL)
            self.killed.append(victim)
            self.start()

    def wrong(self) -> list[str]:
        """What the round left that it should not, in sentences."""
        sentences = []
        for process, said in self.workers:
            text = said.read_text(errors="replace")
            if process not in self.killed and (process.returncode or "Traceback" in text):
                last = text.strip().splitlines()[-1:]
                sentences.append(f"{said.name} ended with {process.returncode}: {' '.join(last)[:300]}")
        try:
            trials = load_search(self.url).get_trials(deepcopy=False)
        except InputError as error:
            return [*sentences, str(error)]
        states = Counter(trial.state.name for trial in trials)
        if states["COMPLETE"] != TRIALS or states["RUNNING"] or states["WAITING"]:
            sentences.append(f"trials: {dict(states)}, of {TRIALS} that were wanted")
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        kept = Counter(t.user_attrs["path"] for t in complete if "copied_from" not in t.user_attrs)
        sentences += [f"{count} complete trials measured {path}" for path, count in kept.items() if count > 1]
        given_up = Counter(t.user_attrs.get("path") for t in trials if t.state == TrialState.FAIL)
        for path, count in Counter((self.folder / "measured.txt").read_text().split()).items():
            if count > kept[path] + given_up[path]:
                sentences.append(f"{path} was measured {count} times, and not disturbed in that")
        return sentences


def main() -> None:
    """Disturb, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if postgres_binary("initdb") is None:
        print("there is no PostgreSQL server to disturb: no initdb on the path or in /usr/lib/postgresql")
        return
    server, fell, faults = PostgresServer(), 0, Counter[str]()
    try:
        for number in range(arguments.first, arguments.first + arguments.rounds):
            rng, begin = Random(f"{arguments.seed} {number}"), time.monotonic()
            folder = Path(tempfile.mkdtemp(prefix="server-faults-"))
            one = Round(server, folder, rng)
            one.run(rng.randint(1, 4))
            wrong = one.wrong()
            faults.update(one.faults)
            print(f"{number}: {', '.join(one.faults) or 'undisturbed'}; {time.monotonic() - begin:.0f} s", flush=True)
            for sentence in wrong:
                print(f"    {sentence} ({folder})", flush=True)
            fell += bool(wrong)
            if not wrong:
                shutil.rmtree(folder)
    finally:
        server.remove()
    print(f"{arguments.rounds} rounds, {fell} fell; " + ", ".join(f"{name} {count}" for name, count in faults.items()))
    sys.exit(bool(fell))


if __name__ == "__main__":
    main()
