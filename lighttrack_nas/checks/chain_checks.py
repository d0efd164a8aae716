"""A chain's configuration against what is there: files, data sets, devices, what the space can and the limits ask."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from lighttrack_nas.benchmarks.costs.cost_cache import cache_folder
from lighttrack_nas.benchmarks.latency.latency_programs import checked_device
from lighttrack_nas.benchmarks.scoring.place_scores import PLACES_FILE
from lighttrack_nas.benchmarks.scoring.supernet_evaluator import MEASUREMENTS
from lighttrack_nas.chain.data import read_videos, require_chosen, require_labels
from lighttrack_nas.chain.evaluators import supernet_folder, supernet_of, table_to_build
from lighttrack_nas.chain.own_teacher import check_start, labelled_only, lacks_teacher, learns_from_teacher
from lighttrack_nas.chain.pair_sources import expanded
from lighttrack_nas.chain.trainings.training import DISTRIBUTION_FILE
from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_checks import Check, keyed, parse_point, wanted
from lighttrack_nas.costing.latency_tables import NOWHERE
from lighttrack_nas.costing.limits import require_near, require_reachable, space_ends
from lighttrack_nas.models.architecture_files import find_architecture
from lighttrack_nas.models.shipped_models import SHIPPED, is_shipped
from lighttrack_nas.models.supernets import require_supernet_space
from lighttrack_nas.search_spaces.loading.loading import load_space
from lighttrack_nas.search_spaces.space import Space
from lighttrack_nas.strategies.one_shot.images.image_folders import read_classes, require_same_classes
from lighttrack_nas.strategies.one_shot.strategies.differentiable import Differentiable
from lighttrack_nas.strategies.search.goals.objectives import parse_constraints
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.training.generator.sets import GENERATED_SETS


def chain_mistakes(config: Config) -> list[str]:
    """Find what would stop a step of the chain that is still to come.

    Nothing is trained or decoded; annotations of the validation sequences are read, since candidates are scored on them
    after the supernet's hours of training.

    Args:
        config: Of a chain whose values are right by themselves, see `load_config`.

    Returns:
        A sentence for each mistake, which begins with its key.
    """
    said: list[str] = []
    space = _tried(lambda: load_space(config.space), said)
    for check in _checks(config):
        _tried(check, said)
    for check in _space_checks(config, space) if space is not None else ():
        _tried(check, said)
    return list(dict.fromkeys(said))


def require_checked(config: Config) -> None:
    """Check the whole chain before its first long step.

    Raises:
        InputError: There are mistakes; it says all.
    """
    said = chain_mistakes(config)
    if said:
        head = "" if len(said) == 1 else f"{len(said)} mistakes would stop a later step:\n  "
        raise InputError(head + "\n  ".join(said))


def comes_later(path: str, folder: Path) -> bool:
    """Whether a file is not there yet, but may be once the step of the chain that works in a folder is done."""
    place = os.path.abspath(os.path.expandvars(path))
    return not os.path.exists(place) and Path(place).is_relative_to(os.path.abspath(folder))


def _tried(check: Check, said: list[str]) -> Any:
    try:
        return check()
    except InputError as error:
        said.append(str(error))
        return None


def _checks(config: Config) -> Iterator[Check]:
    """Checks that need no space."""
    yield keyed("device", lambda: checked_device(config.device))
    yield lambda: _output(config)
    for number, source in enumerate(config.data.sources):
        for key in ("path", "images", "frames", "annotations"):
            if isinstance(path := getattr(source, key, None), str):
                yield _path_check(path, f"data.sources.{number}.{key}")
    yield lambda: _validation(config)
    for key, part in (("pretraining", config.pretraining), ("retrain.pretraining", config.retrain.pretraining)):
        if part is not None:
            yield keyed(f"{key}.images", partial(_classes, part.images))
        if part is not None and part.held_out is not None:
            yield keyed(f"{key}.held_out", partial(_held_out, part.images, part.held_out))
    for name in ("start_from", "backbone"):
        if given := getattr(config.supernet, name):
            yield _path_check(given, f"supernet.{name}")
    yield lambda: _strategy(config)
    yield lambda: _retrain_teacher(config)
    if config.search.latency.table is not None:
        yield _path_check(config.search.latency.table, "search.latency.table")
    yield lambda: _measurable(config)
    yield lambda: _chosen_point(config)


def _space_checks(config: Config, space: Space) -> Iterator[Check]:
    """Checks of what the space can."""
    if config.supernet.path is not None:
        yield keyed("supernet.path", lambda: _supernet_space(config, space))
    yield lambda: _limits(config, space)
    yield lambda: _kept_table(config, space)
    yield lambda: _near_point(config, space)
    named = {f"search.enqueue.{number}": source for number, source in enumerate(config.search.enqueue)}
    if config.retrain.architecture and not comes_later(config.retrain.architecture, config.folder("search")):
        named["retrain.architecture"] = config.retrain.architecture
    named["supernet.teacher_architecture"] = config.supernet.teacher_architecture or ""
    for key, source in named.items():
        if source:
            yield _architecture_check(config, source, key)


def _kept_table(config: Config, space: Space) -> None:
    if cache_folder() is None and table_to_build(config, space) is not None:
        raise InputError(NOWHERE)


def _architecture_check(config: Config, source: str, key: str) -> Check:
    return keyed(key, lambda: find_architecture(source, config.space))


def _classes(folder: str) -> list[str]:
    if not Path(expanded(folder)).exists():
        raise InputError(f"'{expanded(folder)}' does not exist")
    return read_classes(expanded(folder))


def _held_out(images: str, folder: str) -> None:
    held_out = _classes(folder)
    try:
        classes = _classes(images)
    except InputError:
        return  # which is said of it
    require_same_classes(classes, held_out)


def _path_check(path: str, key: str) -> Check:
    def check() -> None:
        if path not in GENERATED_SETS and not Path(expanded(path)).exists():
            raise InputError(f"'{expanded(path)}' does not exist")

    return keyed(key, check)


def _teacher_check(source: str, key: str) -> Check:
    def check() -> None:
        if not is_shipped(expanded(source)) and not Path(expanded(source)).exists():
            raise InputError(
                f"'{expanded(source)}' does not exist; a teacher is a model file, a folder of `lighttrack-nas export`, "
                f"a released checkpoint (.pth), or a model that ships ({', '.join(SHIPPED)})"
            )

    return keyed(key, check)


def _retrain_teacher(config: Config) -> None:
    teacher = config.retrain.teacher
    own = config.supernet.path is None and lacks_teacher(config.supernet.one_shot_strategy())
    if teacher is None:
        # Where the chain trains a teacher, that may be named once it is there.
        require_labels(config, "retraining without a teacher", not own)
    elif not (own and comes_later(teacher, config.folder("teacher"))):
        _teacher_check(teacher, "retrain.teacher")()


def _strategy(config: Config) -> None:
    """What the supernet's strategy learns from, and what it leaves for the search."""
    strategy, part = config.supernet.one_shot_strategy(), config.search
    if config.supernet.path is not None:
        _left_beside(config)
        return
    require_labels(config, "the supernet's strategy", getattr(strategy, "needs_labels", True))
    if learns_from_teacher(strategy):
        check_start(config, strategy)
        if strategy.teacher is None:
            labelled_only(config)
        else:
            _teacher_check(strategy.teacher, "supernet.strategy.teacher")()
    elif part.enqueue_predicted:
        raise InputError("search.enqueue_predicted: only the one-shot strategy blockwise leaves a table of places")
    if part.enqueue_from_distribution and not isinstance(strategy, Differentiable):
        raise InputError(
            "search.enqueue_from_distribution: only the one-shot strategies darts, gumbel-darts and proxyless learn a "
            "distribution"
        )


def _left_beside(config: Config) -> None:
    """What a finished supernet's training must have left for the search."""
    folder, part = supernet_folder(config), config.search
    for key, count, file in (
        ("enqueue_predicted", part.enqueue_predicted, PLACES_FILE),
        ("enqueue_from_distribution", part.enqueue_from_distribution, DISTRIBUTION_FILE),
    ):
        if count and not (folder / file).exists():
            raise InputError(f"search.{key}: the supernet's training has left no '{folder / file}'; set it to 0")


def _supernet_space(config: Config, space: Space) -> None:
    try:
        file = supernet_of(config)
    except InputError:
        return  # which is said of it
    require_supernet_space(file, space)


def _limits(config: Config, space: Space) -> None:
    try:
        limits = parse_constraints(config.search.constraints)
    except InputError:
        return  # which is said of it
    if any(limit.name in ("macs", "params") for limit in limits):
        keyed("search.constraints", lambda: require_reachable(limits, space_ends(space, limits), space.name))()


def _near_point(config: Config, space: Space) -> None:
    part = config.retrain
    if part.architecture is not None or part.choose == "best":
        return
    try:
        point = parse_point(part.choose)
    except InputError:
        return  # which is said of it
    keyed("retrain.choose", lambda: require_near(point, space_ends(space, [point]), space.name))()


def _output(config: Config) -> None:
    """The nearest folder that exists must be a folder, and take files."""
    folder = Path(config.output).absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise InputError(f"output: '{folder}' is a file; give a folder for the run")


def _validation(config: Config) -> None:
    path = config.validation.path
    generated = GENERATED_SETS.get(path)

    def check() -> None:
        if generated is not None:  # which is not made yet
            require_chosen(config.validation)
            absences = generated.departures
        else:
            sequences = read_videos(config.validation, config.folder("generated"))
            if not any(sequence.has_boxes_to_score for sequence in sequences):
                raise InputError(
                    f"'{path}': none of its {len(sequences)} sequences has a box after the first frame, so that there "
                    "is no overlap to measure: give sequences with all their boxes, as training splits have"
                )
            absences = any(sequence.absent[1:].any() for sequence in sequences)
        if not absences and "presence" in {*wanted(config), *config.search.score}:
            raise InputError(
                f"'{path}': in no frame the target is labelled absent, so that there is no presence to measure: give "
                "other sequences, such as generated-absent-val-v1"
            )

    keyed("validation", check)()


def _measurable(config: Config) -> None:
    """What the search asks for must be what a supernet's evaluator measures."""
    for name in sorted(wanted(config)):
        checked_name(name, MEASUREMENTS, "measurement of a chain's search,")


def _chosen_point(config: Config) -> None:
    """The point of the front that is retrained must be told by something that the search measures."""
    part = config.retrain
    if part.architecture is not None or part.choose == "best":
        return
    measured = sorted({"macs", "params", *wanted(config)})
    checked_name(parse_point(part.choose).name, measured, "retrain.choose: measurement of this search,")
