"""The folder of an export, which appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.files import make_folder, naming_output
from lighttrack_nas.trackers.runtimes.exported import is_export


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
    nothing reads; between the two renames that replace an earlier export, that one lies in ``.NAME.….old``.

    Args:
        output: See `check_export_folder`.
        check: Asked again before the folder takes its name.

    Raises:
        InputError: The folder above cannot be made or written to, or something else has come to be there.
    """
    parent = output.absolute().parent
    with naming_output(output):
        make_folder(parent)
    part = Path(tempfile.mkdtemp(dir=parent, prefix=f".{output.name}.", suffix=".part"))
    try:
        yield part
        part.chmod(0o755)
        check(output)
        _rename_over(part, output)
    except OSError as error:
        # A full disk is noticed without a name.
        raise OSError(error.errno, error.strerror or str(error), error.filename or str(output)) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _rename_over(part: Path, output: Path) -> None:
    if not is_export(output):
        os.rename(part, output)  # also over an empty folder
        return
    old = part.with_suffix(".old")
    os.rename(output, old)
    try:
        os.rename(part, output)
    except BaseException:
        os.rename(old, output)
        raise
    shutil.rmtree(old, ignore_errors=True)
