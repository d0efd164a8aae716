"""One process that makes attacks, a line of JSON each on standard input, and answers in a line on standard output.

It imports the product once. What an attack does to the process itself ends with the process: the runner starts another.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MEMORY = 12 << 30
FILE = 1 << 30
SECONDS = 30.0
"""Of the processor's time, after which an attack hangs."""
LONGEST = 2000
"""Characters that a sentence may have."""


def attack(call: list[str], folder: Path) -> dict[str, Any]:
    """Make one call.

    Args:
        call: A command's arguments, or "call:NAME" and the one argument of a function.
        folder: To work in.

    Returns:
        outcome: "success", "refused", or what went wrong; kind: of a failure, the same for the same fault; said: its
        details.
    """
    out, err = io.StringIO(), io.StringIO()
    keep = sys.stdout, sys.stderr, sys.argv
    os.chdir(folder)
    sys.stdout, sys.stderr = out, err
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # whose end nobody catches: it ends the process
    start = time.monotonic()
    try:
        code = _function(call) if call[0].startswith("call:") else _command(call)
    except BaseException as error:
        return {"outcome": "traceback", "kind": kind_of(error), "said": traceback.format_exc()[-4000:]}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout, sys.stderr, sys.argv = keep
    seconds = time.monotonic() - start
    said = err.getvalue()
    found = _fault(code, said)
    if found:
        return {"outcome": found, "kind": f"{found}: {call[0]}", "said": said[-4000:]}
    return {"outcome": "success" if code == 0 else "refused", "kind": "", "said": said[-300:], "seconds": seconds}


def _command(call: list[str]) -> int:
    from lighttrack_nas.cli import main

    sys.argv = ["lighttrack-nas", *call]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 3
    return 0


def _function(call: list[str]) -> int:
    from readers import OF_TEXTS, functions

    from lighttrack_nas.cli.shared.printing import print_note
    from lighttrack_nas.trackers.base.errors import InputError

    function = functions()[call[0].removeprefix("call:")]
    argument = call[1] if call[0] in OF_TEXTS else Path(call[1])
    try:
        function(argument)
    except InputError as error:
        print_note(f"error: {error}")
        return 1
    return 0


def _fault(code: int, said: str) -> str:
    if code not in (0, 1, 2):
        return f"exit code {code}"
    if "Traceback" in said:
        return "traceback in the output"
    if code == 1 and not any(line.startswith("error: ") for line in said.splitlines()):
        return "no sentence"
    if max(map(len, said.splitlines()), default=0) > LONGEST:
        return "endless sentence"
    return ""


def kind_of(error: BaseException) -> str:
    """An exception's type, and the last place in the product that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).parent != HERE and "site-packages" not in frame.filename]
    last = ours[-1] if ours else frames[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.name}"


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE, FILE))
    warnings.simplefilter("ignore")
    from readers import functions

    functions()
    answers.write("ready\n")
    for line in sys.stdin:
        task = json.loads(line)
        answer = attack(task["call"], Path(task["folder"]))
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
