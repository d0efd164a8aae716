"""Files that are either whole or not there."""

import os
import tempfile
from pathlib import Path

from lighttrack_nas.trackers.errors import InputError


def make_folder(path: Path) -> None:
    """Make a folder for results, with its parents, or see that it can be written to.

    Raises:
        InputError: Something that is no folder stands there, or it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"'{path}' cannot hold results: it, or a part of it, is a file") from None
    except OSError as error:
        raise InputError(f"folder '{path}' cannot be made: {error.strerror}") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise InputError(f"folder '{path}' cannot be written to: permission denied")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader, or a kill at any moment, sees the old content or the new, never a part.

    The content goes to a temporary file in the same folder, is synced to the disk and renamed. Missing folders are
    made.

    Args:
        path: The file to write.
        content: Text (written as UTF-8) or bytes.

    Raises:
        OSError: The folder cannot be written, or the disk is full; an older file at `path` is untouched.
    """
    data = content.encode() if isinstance(content, str) else content
    make_folder(path.parent)
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        # A full disk is noticed without a name.
        raise OSError(error.errno, error.strerror, str(path)) from None
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
