"""Reading configurations: YAML files, values set otherwise, and the mistakes that would show hours later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lighttrack_nas.config.config import Config
from lighttrack_nas.config.config_checks import config_checks
from lighttrack_nas.config.config_parts import checked
from lighttrack_nas.search_spaces.base.mistakes import KeyPath, mistakes_of
from lighttrack_nas.search_spaces.nni_spaces.nni_files import is_nni_source
from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import parse_yaml, read_text, short


def load_config(path: str | Path | None, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration file, and set single values otherwise.

    Args:
        path: A YAML file; None starts from the defaults.
        overrides: Such as "supernet.training.steps=500" or "search.constraints=[macs<=40M]": a path of keys, and a
            value as YAML.

    Raises:
        InputError: Unreadable file, unknown key, or impossible value; it says where.
    """
    where, content = _read(path, overrides)
    config: Config = checked(Config, content, where)
    for check in config_checks(config):
        try:
            check()
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    return config


def load_config_with_mistakes(path: str | Path | None, overrides: Sequence[str] = ()) -> tuple[Config, list[str]]:
    """Read a configuration file as far as it can be read, and find all mistakes that `load_config` would stop at.

    Args:
        path: See `load_config`.
        overrides: See `load_config`.

    Returns:
        The configuration, with defaults in place of keys that are wrong, and a sentence for each mistake, without the
        file's name.

    Raises:
        InputError: The file cannot be read, or is no mapping of keys; or an override is malformed.
    """
    where, content = _read(path, overrides)
    said: list[str] = []
    while True:
        try:
            config = Config.model_validate(content)
            break
        except ValidationError as error:
            mistakes = mistakes_of(error, Config)
            said += map(str, mistakes)
            # All of them, from the last, so that what goes from a list moves none that is still to go.
            if not any([_leave_out(content, mistake.place) for mistake in reversed(mistakes)]):
                raise InputError(f"{where}: {said[-1]}") from None
    for check in config_checks(config):
        try:
            check()
        except InputError as error:
            said.append(str(error))
    return config, list(dict.fromkeys(said))


def _read(path: str | Path | None, overrides: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """What to call a configuration, and its content."""
    where = "configuration" if path is None else f"configuration '{path}'"
    content = read_with_overrides(path, overrides, where, "space, data, search")
    space = content.get("space")
    if path is not None and isinstance(space, str) and (space.endswith((".yaml", ".yml")) or is_nni_source(space)):
        # A space beside the configuration is found wherever the command is called from.
        content["space"] = str(Path(path).parent / space)
    return where, content


def _leave_out(content: dict[str, Any], place: KeyPath) -> bool:
    """Take out of a content what stands at a place, or else what should hold it; say whether there was anything."""
    inside: Any = content
    holders: list[tuple[Any, Any]] = []
    for key in place:
        if isinstance(inside, dict):
            # Keys that are no texts may be told of as texts.
            there = [own for own in inside if str(own) == str(key)]
        else:
            there = [key] if isinstance(inside, list) and isinstance(key, int) and key < len(inside) else []
        if there:
            holders.append((inside, there[0]))
            inside = inside[there[0]]
        # Other parts of a place are names of kinds, which stand nowhere.
    left_out = bool(holders)
    while holders:
        inside, key = holders.pop()
        del inside[key]
        if inside:
            break  # and what is empty now goes too
    return left_out


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
