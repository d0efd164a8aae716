"""The folder of an export, which appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder, naming_output
from lighttrack_nas.trackers.base.part_folders import held, hidden_beside, part_folder
from lighttrack_nas.trackers.runtimes.exported import is_export

_OLD = ".old"


def check_export_folder(output: Path) -> None:
    """Check that an exported folder may be written there: it is missing or empty, or an earlier export.

    Raises:
        InputError: Something else is there.
    """
    if output.is_dir() and (is_export(output) or not any(output.iterdir())):
        return
    if output.exists() or output.is_symlink():
        raise InputError(
            f"'{output}' exists and is no exported tracker, so it is left alone: give a folder that is missing or empty"
        )


@contextmanager
def folder_at_once(output: Path, check: Callable[[Path], None] = check_export_folder) -> Iterator[Path]:
    """Give a hidden folder to write to, beside the output; it takes the output's name if all goes well.

    After an error nothing is left. A kill that nobody can catch leaves the hidden folder ``.NAME.….part``, which
    nothing reads; between the two renames that replace an earlier export, that one lies in ``.NAME.….old``. The next
    call for the same output removes the one, and puts back the other, unless a living process holds them.

    Args:
        output: See `check_export_folder`.
        check: Asked again before the folder takes its name.

    Raises:
        InputError: The folder above cannot be made or written to, or something else has come to be there.
    """
    parent = output.absolute().parent
    with naming_output(output):
        make_folder(parent)
    _tidy_old(output.absolute())
    with part_folder(output.absolute()) as part:
        yield part
        part.chmod(0o755)
        check(output)
        _rename_over(part, output)


def _tidy_old(output: Path) -> None:
    """Put back an earlier export that a kill left between the two renames; where its successor is there, remove it."""
    for old in hidden_beside(output, _OLD):
        with suppress(OSError), held(old):
            if output.exists():
                shutil.rmtree(old, ignore_errors=True)
            else:
                os.rename(old, output)


def _rename_over(part: Path, output: Path) -> None:
    if not is_export(output):
        os.rename(part, output)  # also over an empty folder
        return
    old = part.with_suffix(_OLD)
    with held(output):
        os.rename(output, old)
        try:
            os.rename(part, output)
        except BaseException:
            os.rename(old, output)
            raise
        shutil.rmtree(old, ignore_errors=True)
