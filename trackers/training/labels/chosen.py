"""Videos and images by their names: those that a person asks for, and those to leave out."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short


class Chosen:
    """Tells by names what is wanted.

    A name may be whole, such as ``train/a/video``, its end, ``video``, or that of a folder above, ``a``.

    Args:
        only: Names to take; none takes all.
        without: Names to leave out.
    """

    def __init__(self, only: Collection[str] = (), without: Collection[str] = ()) -> None:
        # By what is compared: the name as it was given.
        self._only, self._without = ({name.strip("/"): name for name in names} for names in (only, without))
        self._unmet = self._only | self._without
        self._lengths = {name.count("/") + 1 for name in self._unmet}

    def __call__(self, name: str) -> bool:
        """Whether something of this name is wanted."""
        parts = name.split("/")
        inside = [
            "/".join(parts[start : start + length])
            for length in self._lengths
            for start in range(len(parts) - length + 1)
        ]
        for part in inside:
            self._unmet.pop(part, None)
        only = not self._only or any(part in self._only for part in inside)
        return only and not any(part in self._without for part in inside)

    def check(self, where: str, known: Iterable[str]) -> None:
        """Check that each name was met.

        Args:
            where: What to call the source.
            known: Some names that there are, for the message.

        Raises:
            InputError: A name is that of nothing there.
        """
        for name in self._unmet.values():
            names = list(known)
            close = difflib.get_close_matches(name, names, n=1, cutoff=0.5) or names[:1]
            hint = f"; there is '{close[0]}'" if close else ""
            raise InputError(f"{where} holds nothing of the name {short(name)}{hint}")
