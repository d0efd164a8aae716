"""What a configuration's values say together, without looking at data: each check finds one mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from typing import Any

from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_data import GeneratedSource, Videos
from lighttrack_nas.config.config_training import set_otherwise
from lighttrack_nas.strategies.search.goals.objectives import Constraint, parse_constraints, parse_objectives
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.runtimes.program import Options
from lighttrack_nas.trackers.runtimes.runtime_registry import checked_runtime
from lighttrack_nas.trackers.tracking.hyper_parameters import load_hyper_parameters
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.generator.sets import GENERATED_SETS
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings, pair_settings

Check = Callable[[], object]
"""Raises `InputError` with a sentence that begins with the key."""


def config_checks(config: Config) -> Iterator[Check]:
    """The checks of a configuration, in the order of the chain's steps."""
    for name in ("pretraining", "supernet", "retrain", "ranking"):
        part = getattr(config, name)
        if part is not None:
            yield _training(config, part.training, f"{name}.training")
    if config.retrain.pretraining is not None:
        yield _training(config, config.retrain.pretraining.training, "retrain.pretraining.training")
    yield _training(config, config.supernet.teacher_training, "supernet.teacher_training")
    yield keyed("search.objectives", lambda: parse_objectives(config.search.objectives))
    yield keyed("search.constraints", lambda: parse_constraints(config.search.constraints))
    yield lambda: config.search.search_strategy(config.seed)
    yield lambda: _score(config)
    yield from _data_checks(config)
    yield config.supernet.one_shot_strategy
    yield lambda: _one_start(config)
    for ranked in config.ranking.strategies:
        yield config.supernet.model_copy(update={"strategy": ranked.strategy}).one_shot_strategy
        if ranked.training:
            training = set_otherwise(config.supernet.training, ranked.training)
            yield _training(config, training, f"ranking.strategies, {ranked.name}: training")
    yield lambda: load_hyper_parameters(config.search.hyper_parameters)
    for kind in config.search.calibrate_on:
        yield keyed("search.calibrate_on", partial(_known_kind, config, kind))
    yield lambda: _latency(config)
    yield lambda: _retraining(config)
    for videos in (config.validation, *(source for source in config.data.sources if isinstance(source, Videos))):
        if videos.path.startswith("generated-"):
            yield _generated(videos.path)


def wanted(config: Config) -> frozenset[str]:
    """What the search asks for; nothing where an objective or a constraint is malformed, which is said of it."""
    try:
        return config.search.wanted
    except InputError:
        return frozenset()


def parse_point(text: str) -> Constraint:
    """Read which point of a front is meant: a measurement and the value to be near to, such as "macs=30M".

    Raises:
        InputError: Malformed, or no measurement.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"retrain.choose: expected 'best' or a measurement such as 'macs=30M', got '{text}'")
    return Constraint.parse(f"{name}<={value}")


def keyed(key: str, check: Check) -> Check:
    """The same check, whose sentence begins with the key."""

    def with_key() -> None:
        try:
            check()
        except InputError as error:
            raise InputError(f"{key}: {error}") from None

    return with_key


def _training(config: Config, training: dict[str, object], where: str) -> Check:
    return lambda: config.training(training, where)


def _generated(path: str) -> Check:
    return lambda: checked_name(path, GENERATED_SETS, "generated set")


def _data_checks(config: Config) -> Iterator[Check]:
    """Checks of the settings of pairs, scenes, targets and losses, which stand as open mappings."""
    data = config.data
    sizes = ("template_size", "search_size")
    known = [field.name for field in fields(PairSettings) if field.name not in sizes]
    for name in data.pairs:
        yield _known(name, known, "setting of pairs")
    yield lambda: pair_settings(data.recipe, 64, 128, **data.pairs)
    scenes = [source.scenes for source in data.sources if isinstance(source, GeneratedSource)]
    parts: list[tuple[type, dict[str, Any], str]] = [(SceneSettings, given, "setting of scenes") for given in scenes]
    if data.targets or data.losses:  # their modules import torch
        from lighttrack_nas.trackers.training.losses import LossSettings
        from lighttrack_nas.trackers.training.targets import TargetSettings

        parts += [(TargetSettings, data.targets, "data.targets"), (LossSettings, data.losses, "data.losses")]
    for cls, given, what in parts:
        yield _made(cls, given, what)


def _known(name: str, known: list[str], what: str) -> Check:
    return lambda: checked_name(name, known, what)


def _known_kind(config: Config, kind: str) -> None:
    checked_name(kind, sorted({source.kind for source in config.data.sources}), "kind of data.sources,")


def _made(cls: type, given: dict[str, Any], what: str) -> Check:
    def made() -> None:
        for name in given:
            checked_name(name, [field.name for field in fields(cls)], what)
        cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})

    return made


def _one_start(config: Config) -> None:
    starts = {
        "supernet.start_from": config.supernet.start_from,
        "pretraining": config.pretraining,
        "supernet.backbone": config.supernet.backbone,
    }
    named = [name for name, start in starts.items() if start]
    if named and config.supernet.path is not None:
        raise InputError(f"supernet.path: a finished supernet starts from nothing: leave out {' and '.join(named)}")
    if len(named) > 1:
        raise InputError(f"{' and '.join(named)}: the supernet can start from one of them only")


def _score(config: Config) -> None:
    from lighttrack_nas.benchmarks.scoring.network_scorer import checked_weights

    checked_weights(config.search.score)
    if not config.search.score and "score" in wanted(config):
        raise InputError(
            "search.score: the measurement 'score' is a weighted sum: give its weights, {ao: 0.5, sr50: 0.5}"
        )


def _latency(config: Config) -> None:
    if "latency_ms" in wanted(config):
        part = config.search.latency
        Options(part.threads, precision=part.precision)
        checked_runtime(part.runtime, writing=True)


def _retraining(config: Config) -> None:
    part = config.retrain
    if part.code is not None and part.teacher is None:
        raise InputError(f"retrain.code: '{part.code}' is a teacher's: give retrain.teacher, its checkpoint")
    if part.pretraining is not None and part.teacher is not None:
        raise InputError(
            "retrain.pretraining: a network that learns from a teacher starts from it: leave out pretraining or teacher"
        )
    if part.choose != "best":
        parse_point(part.choose)
