"""How long a search waits for a storage that went away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from optuna.exceptions import StorageInternalError

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.progress import Say

PATIENCE = 60.0
"""Seconds for which a storage that went away is waited for."""
_LONGEST_PAUSE = 2.0

T = TypeVar("T")


class Patience:
    """Repeats what is done with a storage, with growing pauses, while the storage does not answer.

    Args:
        name: What the storage is called in sentences.
        seconds: After which the storage is given up.
        say: Told when the storage goes away.
    """

    def __init__(self, name: str, seconds: float = PATIENCE, say: Say | None = None) -> None:
        self._name = name
        self._seconds = seconds
        self._waited = 0.0
        self._say = say or (lambda sentence: None)

    def __call__(self, action: Callable[[], T]) -> T:
        """Do something that may be done twice.

        Raises:
            InputError: The storage has not answered for too long, or answers that something is wrong with it.
            Exception: What the action raises for another reason.
        """
        end, pause = 0.0, 0.1
        while True:
            try:
                return action()
            except Exception as error:
                if not went_away(error):
                    if isinstance(error, StorageInternalError):
                        raise InputError(f"{self._name} is damaged, or no longer as it was: {_reason(error)}") from None
                    raise
                reason, gone = _reason(error), error
            now = time.monotonic()
            if not end:
                end = now + self._seconds
                if self._seconds:
                    self._say(f"{self._name} does not answer ({reason}): trying again for {self._seconds:.0f} seconds")
            if now >= end:
                # Whoever cleans up after this does not wait once more.
                self._waited, self._seconds = max(self._waited, self._seconds), 0.0
                raise InputError(
                    f"{self._name} has not answered for {self._waited:.0f} seconds ({reason}); "
                    + (
                        "it is gone, and with it all that it held, unless it comes back: the same command goes on then"
                        if isinstance(gone, FileNotFoundError)
                        else "nothing that ended is lost: the same command goes on when it is back"
                    )
                )
            try:
                time.sleep(min(pause, end - now))
            except BaseException:
                self._seconds = 0.0
                raise
            pause = min(2 * pause, _LONGEST_PAUSE)


def went_away(error: BaseException) -> bool:
    """Whether an error may pass: the disk's, or the connection's to a database."""
    from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError

    if isinstance(error, StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    return isinstance(error, (OSError, OperationalError, InterfaceError, PendingRollbackError))


def _reason(error: BaseException) -> str:
    if isinstance(error, StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
