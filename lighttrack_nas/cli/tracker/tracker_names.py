"""What people call trackers: NAME=MODEL, or a name that the model's own says, and which kind of tracker it names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from lighttrack_nas.models.shipped_models import is_shipped
from lighttrack_nas.trackers.base.errors import InputError


def named_trackers(texts: Sequence[str]) -> dict[str, str]:
    """Take the names and models that a person gave.

    Args:
        texts: Each ``MODEL`` or ``NAME=MODEL``.

    Returns:
        Name -> model, in the order given.

    Raises:
        InputError: Two of one name, or a name that cannot name a folder.
    """
    trackers: dict[str, str] = {}
    for text in texts:
        name, model = split_name(text)
        name = name or short_name(model)
        if name in trackers:
            refuse_twice(name, trackers[name], model)
        trackers[name] = model
    return trackers


def split_name(text: str) -> tuple[str, str]:
    """Split ``NAME=WHAT``; the name is empty where none is given.

    Raises:
        InputError: The name cannot name a folder.
    """
    name, sign, what = text.partition("=")
    # A path may hold a "=" of its own.
    if not sign or Path(text).exists() or "/" in name:
        return "", text
    if name.strip() in ("", ".", "..") or not set(name).isdisjoint("\\:") or not what:
        raise InputError(f"'{text}': expected NAME=MODEL, with a plain name, such as mine=model.safetensors")
    return name, what


def short_name(model: str) -> str:
    """The name of a tracker that has none: a file's or folder's, and of ``model.safetensors`` its folder's."""
    if is_baseline(model):
        return model.partition(":")[0]
    path = Path(model)
    if path.is_dir():
        return path.resolve().name
    if path.suffix != ".safetensors":
        return path.name
    return path.stem if path.stem != "model" else path.resolve().parent.name or path.stem


def refuse_twice(name: str, first: object, second: object) -> NoReturn:
    """Say that two trackers have one name.

    Raises:
        InputError: Always.
    """
    raise InputError(
        f"two trackers are called '{name}', '{first}' and '{second}': give them names, such as first={first} "
        f"second={second}"
    )


def is_baseline(model: str) -> bool:
    """Whether a name is a baseline's, such as `opencv-mil` or `opencv-nano:FOLDER`."""
    from lighttrack_nas.trackers.tracking.baselines import BASELINES

    return model.partition(":")[0] in {name.partition(":")[0] for name in BASELINES}


def is_exported(model: str) -> bool:
    """Whether a name is that of an exported folder, or of some other folder, which then turns out to be none."""
    return Path(model).is_dir() and not is_baseline(model) and not is_shipped(model)
