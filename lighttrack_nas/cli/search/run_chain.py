"""`pretrain-backbone`, `train-supernet`, `search`, `pretrain-network`, `retrain` and `tune-tracker`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lighttrack_nas.benchmarks.scoring.place_scores import PLACES_CSV
from lighttrack_nas.chain import chain, image_steps
from lighttrack_nas.checks.chain_checks import require_checked
from lighttrack_nas.cli.search.show_fronts import print_front
from lighttrack_nas.cli.shared.parsing import parse_on_bad
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_files import load_config
from lighttrack_nas.models.supernets import SUPERNET_FILE
from lighttrack_nas.results.front_texts import architecture_lines
from lighttrack_nas.results.runs import JOURNAL
from lighttrack_nas.strategies.one_shot.devices.device_processes import is_first_process, only_first_goes_on
from lighttrack_nas.strategies.search.storage.storage import journal_path, repair_journal, shown_storage
from lighttrack_nas.trackers.base.errors import InputError

if TYPE_CHECKING:
    from lighttrack_nas.chain.tuning import Tuning


def pretrain_backbone(path: Path, overrides: Sequence[str]) -> None:
    """Train the backbone."""
    config = load_config(path, overrides)
    require_checked(config)
    with resumable():
        file = image_steps.run_pretraining(config, say)
    only_first_goes_on()
    print(file)


def pretrain_network(path: Path, overrides: Sequence[str]) -> None:
    """Train the chosen network's backbone."""
    config = load_config(path, overrides)
    require_checked(config)
    with resumable():
        pretrained = image_steps.run_network_pretraining(config, say)
    only_first_goes_on()
    if pretrained.held_out_accuracy is not None:
        print(f"right answers on images held out: {pretrained.held_out_accuracy:.3f}")
    print(pretrained.file)


def train_supernet(path: Path, overrides: Sequence[str]) -> None:
    """Train the supernet."""
    config = load_config(path, overrides)
    require_checked(config)
    with resumable():
        chain.run_supernet(config, say)
    only_first_goes_on()
    print(config.folder("supernet") / SUPERNET_FILE)
    if (table := config.folder("supernet") / PLACES_CSV).exists():
        print(f"what each candidate loses at its place: {table}")


def search(path: Path, overrides: Sequence[str], repair: bool = False) -> None:
    """Search, and show the front; of a damaged journal go on from what is whole, if asked to."""
    config = load_config(path, overrides)
    if repair:
        _repair(config)
    with resumable():
        result = chain.run_search(config, say)
    print_front(result, result.front())
    print(f"\nfigures, tables and architectures: {config.folder('search')}")


def _repair(config: Config) -> None:
    if config.search.storage is not None and journal_path(config.search.storage) is None:
        raise InputError(f"--repair is for journals: {shown_storage(config.search.storage)} is none")
    copy = repair_journal(Path(config.search.storage or config.folder("search") / JOURNAL))
    say("the journal is whole" if copy is None else f"the damaged journal is kept as '{copy}'")


def retrain(path: Path, overrides: Sequence[str]) -> None:
    """Train the chosen architecture."""
    with resumable():
        show_retrained(load_config(path, overrides))


@contextmanager
def resumable() -> Iterator[None]:
    """Say of work that the user stops that it is not lost."""
    try:
        yield
    except KeyboardInterrupt:
        print("stopped: the same command goes on from the last checkpoint or trial", file=sys.stderr)
        raise


def show_retrained(config: Config) -> chain.Retrained:
    """Train the chosen architecture, and say which."""
    retrained = chain.run_retraining(config, say)
    only_first_goes_on()
    print("\n".join(["architecture", *(f"  {line}" for line in architecture_lines(retrained.model.architecture))]))
    print(retrained.file)
    return retrained


def tune_tracker(
    path: Path,
    overrides: Sequence[str],
    only: Sequence[str] = (),
    without: Sequence[str] = (),
    on_bad: str | None = None,
) -> None:
    """Tune the tracker, on other validation sequences than the configuration's if some are named."""
    chosen: dict[str, object] = {key: tuple(names) for key, names in (("only", only), ("without", without)) if names}
    if on_bad is not None:
        chosen["on_bad"] = parse_on_bad(on_bad)
    config = load_config(path, overrides)
    config = config.model_copy(update={"validation": config.validation.model_copy(update=chosen)})
    with resumable():
        tuned = chain.run_tuning(config, say)
    values = ", ".join(
        f"{name} {getattr(tuned.hyper_parameters, name):.3f}" for name in ("penalty_k", "window_influence", "lr")
    )
    print(f"AO on validation: {tuned.ao_before:.3f} before, {tuned.ao:.3f} after {tuned.trials} sets: {values}")
    print_presence(tuned)
    print(config.folder("tuning") / "hyper_parameters.json")


def print_presence(tuned: Tuning) -> None:
    """Say what was fitted of presence, or why not."""
    if tuned.presence is None:
        say(tuned.without_presence)
        return
    before, after = tuned.presence.before, tuned.presence.figures
    print(
        f"presence on validation: area under the curve {before['presence']:.3f}, calibration error "
        f"{before['calibration_error']:.3f}; F-score {before['f_score']:.3f} without a rule for lost targets, "
        f"{after['f_score']:.3f} with the best of those tried"
    )


def say(sentence: str) -> None:
    """Tell the user something on standard error; the processes of further devices keep quiet."""
    if is_first_process():
        print(sentence, file=sys.stderr)
