"""A search in a process of its own, which tests start and kill; its settings are JSON on the command line."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from conftest import FromPool, LoggingEvaluator

from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.strategies.search.run import run_search
from lighttrack_nas.trackers.base.errors import InputError


def main() -> None:
    """Search, telling on standard output what is told."""
    settings = json.loads(sys.argv[1])
    evaluator = LoggingEvaluator(Path(settings["log"]), settings["seconds"])
    common = {
        "evaluator": evaluator,
        "strategy": FromPool(settings["pool"]),
        "objectives": ["ao", "macs"],
        "n_trials": settings["n_trials"],
        "progress": lambda done, total, text: print(f"{done}/{total} {text}", flush=True),
        "say": lambda sentence: print(sentence, flush=True),
    }
    if "workers" in settings:
        from lighttrack_nas.chain.searching import search
    print("started", flush=True)
    while not Path(settings["go"]).exists():  # so that processes that start at different times search together
        time.sleep(0.01)
    try:
        if "workers" in settings:
            search(
                load_space("lighttrack-tiny"),
                output=settings["output"],
                workers=settings["workers"],
                storage=settings.get("storage"),
                **common,
            )
        else:
            run_search(
                load_space("lighttrack-tiny"),
                storage=settings["storage"],
                patience=settings.get("patience", 60),
                **common,
            )
    except InputError as error:
        print(f"error: {error}", flush=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
