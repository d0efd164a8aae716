"""Packages of others that are missing, or that cannot be imported, in a sentence."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata

from lighttrack_nas.trackers.base.errors import InputError, is_out_of_memory

_OURS = "lighttrack_nas"
# What pip calls packages whose name there belongs to somebody else.
_DISTRIBUTIONS = {"trax": "vot-trax"}


@contextmanager
def naming_packages() -> Iterator[None]:
    """Say of imports that fail which package is to be installed, or installed again.

    Raises:
        InputError: A package of others is missing, or fails while it is imported.
    """
    try:
        yield
    except ImportError as error:
        package, missing = _guilty(error)
        if package is None:
            raise
        if is_out_of_memory(error):
            raise InputError(f"out of memory: package '{package}' cannot be loaded ({_said(error)})") from None
        command = "pip install" if missing else "pip install --force-reinstall"
        what = "is not installed here" if missing else f"is installed but cannot be imported ({_said(error)})"
        raise InputError(f"package '{package}' {what}: {command} {_distribution(package)}") from None


def _guilty(error: ImportError) -> tuple[str | None, bool]:
    """The package that failed, None if it is ours or Python's own; and whether it is not there at all.

    What our code imports may import others when it is called, as torch does: the innermost is the one that failed.
    """
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    tops = [module.partition(".")[0] for module in modules]
    others = [top for top in tops if top not in sys.stdlib_module_names]
    if others and others[-1] != _OURS:
        return others[-1], False
    name = (error.name or _OURS).partition(".")[0]
    known = name == _OURS or name in sys.stdlib_module_names
    return None if known else name, isinstance(error, ModuleNotFoundError) and error.name == name


def _said(error: ImportError) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]


def _distribution(package: str) -> str:
    """What pip calls a package."""
    if package in _DISTRIBUTIONS:
        return _DISTRIBUTIONS[package]
    return next(iter(metadata.packages_distributions().get(package, ())), package)
