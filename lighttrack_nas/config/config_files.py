"""Reading configurations: YAML files, values set otherwise, and the mistakes that would show hours later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_data import GeneratedSource, Videos
from lighttrack_nas.config.config_parts import checked
from lighttrack_nas.search_spaces.nni_spaces.nni_files import is_nni_source
from lighttrack_nas.strategies.search.goals.objectives import Constraint, parse_constraints, parse_objectives
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.base.parsing import parse_yaml, read_text, short
from lighttrack_nas.trackers.runtimes.program import Options
from lighttrack_nas.trackers.runtimes.runtime_registry import checked_runtime
from lighttrack_nas.trackers.tracking.hyper_parameters import load_hyper_parameters
from lighttrack_nas.trackers.training.generator.generator_settings import SceneSettings
from lighttrack_nas.trackers.training.generator.sets import GENERATED_SETS
from lighttrack_nas.trackers.training.pairs.pair_settings import PairSettings, pair_settings


def load_config(path: str | Path | None, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration file, and set single values otherwise.

    Args:
        path: A YAML file; None starts from the defaults.
        overrides: Such as "supernet.training.steps=500" or "search.constraints=[macs<=40M]": a path of keys, and a
            value as YAML.

    Raises:
        InputError: Unreadable file, unknown key, or impossible value; it says where.
    """
    where = "configuration" if path is None else f"configuration '{path}'"
    content = read_with_overrides(path, overrides, where, "space, data, search")
    space = content.get("space")
    if path is not None and isinstance(space, str) and (space.endswith((".yaml", ".yml")) or is_nni_source(space)):
        # A space beside the configuration is found wherever the command is called from.
        content["space"] = str(Path(path).parent / space)
    config: Config = checked(Config, content, where)
    for name in ("supernet", "retrain", "pretraining", "ranking"):
        part = getattr(config, name)
        if part is not None:
            config.training(part.training, f"{where}: {name}.training")
    config.training(config.supernet.teacher_training, f"{where}: supernet.teacher_training")
    _check_later_steps(config, where)
    return config


def read_with_overrides(path: str | Path | None, overrides: Sequence[str], where: str, keys: str) -> dict[str, Any]:
    """Read a YAML file of keys, and set single values otherwise.

    Args:
        path: The file; None starts empty.
        overrides: Each a path of keys, "=", and a value as YAML.
        where: What to call the file in an error message.
        keys: Some that it may have, for the message.

    Raises:
        InputError: An unreadable file, something else than a mapping, or a malformed override.
    """
    content: Any = {} if path is None else parse_yaml(read_text(Path(path), "configuration"), where) or {}
    if not isinstance(content, dict):
        raise InputError(f"{where}: expected a mapping of keys such as {keys}; got {short(content)}")
    for override in overrides:
        _set(content, override)
    return content


def _check_later_steps(config: Config, where: str) -> None:
    """Find now what would stop a step that comes after hours of training."""
    try:
        parse_objectives(config.search.objectives)
        parse_constraints(config.search.constraints)
        config.search.search_strategy(config.seed)
        starts = {"pretraining": config.pretraining, "supernet.backbone": config.supernet.backbone}
        named = [name for name, start in {"supernet.start_from": config.supernet.start_from, **starts}.items() if start]
        if len(named) > 1:
            raise InputError(f"{' and '.join(named)}: the supernet can start from one of them only")
        for ranked in config.ranking.strategies:
            config.supernet.model_copy(update={"strategy": ranked.strategy}).one_shot_strategy()
            config.training(config.supernet.training | ranked.training, f"ranking.strategies, {ranked.name}: training")
        load_hyper_parameters(config.search.hyper_parameters)
        if config.search.wants_latency:
            part = config.search.latency
            Options(part.threads, precision=part.precision)
            checked_runtime(part.runtime, writing=True)
        if config.retrain.code is not None and config.retrain.teacher is None:
            raise InputError(
                f"retrain.code: '{config.retrain.code}' is a teacher's: give retrain.teacher, its checkpoint"
            )
        if config.retrain.choose != "best":
            parse_point(config.retrain.choose)
        _check_data(config)
        for videos in (config.validation, *(s for s in config.data.sources if isinstance(s, Videos))):
            if videos.path.startswith("generated-"):
                checked_name(videos.path, GENERATED_SETS, "generated set")
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _check_data(config: Config) -> None:
    """Check the settings of pairs, scenes, targets and losses, which stand as open mappings."""
    data = config.data
    sizes = ("template_size", "search_size")
    known = [field.name for field in fields(PairSettings) if field.name not in sizes]
    for name in data.pairs:
        checked_name(name, known, "setting of pairs")
    pair_settings(data.recipe, 64, 128, **data.pairs)
    scenes = [source.scenes for source in data.sources if isinstance(source, GeneratedSource)]
    parts: list[tuple[type, dict[str, Any], str]] = [(SceneSettings, given, "setting of scenes") for given in scenes]
    if data.targets or data.losses:  # their modules import torch
        from lighttrack_nas.trackers.training.losses import LossSettings
        from lighttrack_nas.trackers.training.targets import TargetSettings

        parts += [(TargetSettings, data.targets, "data.targets"), (LossSettings, data.losses, "data.losses")]
    for cls, given, what in parts:
        for name in given:
            checked_name(name, [field.name for field in fields(cls)], what)
        cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()})


def parse_point(text: str) -> Constraint:
    """Read which point of a front is meant: a measurement and the value to be near to, such as "macs=30M".

    Raises:
        InputError: Malformed, or no measurement.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"retrain.choose: expected 'best' or a measurement such as 'macs=30M', got '{text}'")
    return Constraint.parse(f"{name}<={value}")


def _set(content: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise InputError(f"'{override}': expected KEY=VALUE, such as supernet.training.steps=500")
    value = parse_yaml(text, f"the value of '{path.strip()}'")
    for number, key in enumerate(keys[:-1]):
        content = content.setdefault(key, {})
        if not isinstance(content, dict):
            raise InputError(f"'{override}': '{'.'.join(keys[: number + 1])}' is no mapping of keys")
    content[keys[-1]] = value
