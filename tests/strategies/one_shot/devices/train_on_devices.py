"""Trains by some strategies, one after the other: in a test's own process, or as a program in each of several.

As a program: a folder for what comes out, `TrainingSettings` as JSON, and for each training the strategy as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[4]))

from lighttrack_nas.search_spaces.loading.loading import parse_space
from lighttrack_nas.strategies.one_shot.devices.device_processes import FurtherProcessEnds, going_on_together
from lighttrack_nas.strategies.one_shot.training.fit import fit
from lighttrack_nas.trackers.base.errors import InputError
from tests.strategies.one_shot.strategies.test_one_shot_contract import SPACE, fresh, planned, settings, task


def trained(folder: Path, name: str, chosen: dict[str, Any], save: Path | None = None, **changes: Any) -> Any:
    """A supernet that was trained by a strategy; saved under a name for each process where `save` is given."""
    space, how = parse_space(SPACE, where="test"), settings(**changes)
    plan = planned(space, name, how, **chosen)
    model = fresh(space, plan)

    def keep(rank: int) -> None:
        if save is not None:
            part = save.with_suffix(f".{rank}.part")
            torch.save(model.state_dict(), part)
            part.rename(save.with_suffix(f".{rank}"))

    try:
        fit(model, model.network.backbone, task(), how, folder, plan=plan)
    except FurtherProcessEnds:
        keep(1)
        raise
    keep(0)
    return model


def main() -> None:
    """Train as the arguments say."""
    folder, changes = Path(sys.argv[1]), json.loads(sys.argv[2])
    for number, text in enumerate(sys.argv[3:]):
        chosen = json.loads(text)
        save = folder / str(number)
        if save.with_suffix(".0").exists():  # as the chain does
            continue
        with going_on_together(save.with_suffix(".0")):
            trained(folder / f"run{number}", chosen.pop("name"), chosen, save, **changes)
            print("trained", number, flush=True)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
