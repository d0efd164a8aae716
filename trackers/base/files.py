"""Files that are either whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.part_folders import part_file


def make_folder(path: Path) -> None:
    """Make a folder for results, with its parents, and see that a file can be made in it.

    Raises:
        InputError: Something that is no folder stands there, or it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"'{path}' cannot hold results: it, or a part of it, is a file") from None
    except OSError as error:
        raise InputError(f"folder '{path}' cannot be made: {error.strerror}") from None
    except ValueError as error:  # no name of a folder: NUL, or half a character
        raise InputError(f"folder {str(path)!r} cannot be made: {error}") from None
    # By trying: some places that the rights allow take no files, such as /proc.
    try:
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        raise InputError(f"folder '{path}' takes no files: {error.strerror}") from None


def require_utf8(path: str | Path, what: str) -> None:
    """Check that a name is text in UTF-8: OpenCV ends the process over others; FFmpeg and most runtimes take none.

    Args:
        path: A file's name, or an address.
        what: What it is, for the message: `image`.

    Raises:
        InputError: It is in another encoding.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(f"{what} '{path}' has a name that is no UTF-8, which few libraries open: rename it") from None


def checked_output_file(path: Path, *endings: str) -> Path:
    """Check, before any work, that a file can be written to a path; missing folders are made.

    Args:
        path: Where the file shall be; one that is there will be replaced.
        *endings: That its name may have, such as ".json"; none takes any name.

    Returns:
        The path.

    Raises:
        InputError: Another ending; a folder or something else that is no file stands there; or its folder cannot be
            made or written to.
    """
    expected = f"expected a file that ends in {' or '.join(endings)}" if endings else "expected a file"
    if endings and path.suffix not in endings:
        raise InputError(f"'{path}': {expected}")
    if path.exists() and not path.is_file():
        raise InputError(f"'{path}' is {'a folder' if path.is_dir() else 'no plain file'}: {expected}")
    with naming_output(path):
        make_folder(path.parent)
    return path


@contextmanager
def naming_output(path: Path) -> Iterator[None]:
    """Say of a folder that will not do what was to be written there."""
    try:
        yield
    except InputError as error:
        raise InputError(f"'{path}' cannot be written: {error}") from None


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader, or a kill at any moment, sees the old content or the new, never a part.

    The content goes to a temporary file in the same folder, is synced to the disk and renamed. Missing folders are
    made. A kill that nobody can catch leaves the hidden file ``.NAME.….part``, which the next writing removes.

    Args:
        path: The file to write.
        content: Text (written as UTF-8; what is no character, as in the name of a file of another encoding, as its
            number) or bytes.

    Raises:
        OSError: The folder cannot be written, or the disk is full; an older file at `path` is untouched.
    """
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    make_folder(path.parent)
    try:
        with part_file(path) as part:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(part, 0o644)
            os.replace(part, path)
    except OSError as error:
        # A full disk is noticed without a name.
        raise OSError(error.errno, error.strerror, str(path)) from None
