"""Files that one process at a time holds, and that are gone afterwards."""

from __future__ import annotations

import fcntl
import os
import weakref
from pathlib import Path


class HeldFile:
    """A lock that is held; the kernel's locks end with their holder.

    A forked child, such as one that makes batches, lets go of it, or it would outlive us.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor
        mine = weakref.ref(self)

        def close() -> None:
            held = mine()
            if held is not None:
                held.close()

        os.register_at_fork(after_in_child=close)

    def close(self) -> None:
        """Close the file, which only ends the lock where no other process has it open."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def release(self) -> None:
        """Remove the file while nobody else can have locked it, and end the lock."""
        self._path.unlink(missing_ok=True)
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.close()


def lock_file(path: Path) -> HeldFile | None:
    """Make and lock a file; None where another process holds it.

    Raises:
        OSError: It cannot be made, or the file system has no locks.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            continue  # the last one to leave removed the folder in between
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == os.stat(path).st_ino:
                return HeldFile(path, descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except FileNotFoundError:
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its holder removed it in between: lock the next one
