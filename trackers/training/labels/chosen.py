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
        self._only, self._without = _matching(only), _matching(without)

    def __call__(self, name: str) -> bool:
        """Whether something of this name is wanted."""
        without = any([each(name) for each in self._without.values()])  # no short cut: each remembers what it met
        only = any([each(name) for each in self._only.values()])
        return (only or not self._only) and not without

    def check(self, where: str, known: Iterable[str]) -> None:
        """Check that each name was met.

        Args:
            where: What to call the source.
            known: Some names that there are, for the message.

        Raises:
            InputError: A name is that of nothing there.
        """
        for name, matches in (self._only | self._without).items():
            if not matches.met:
                names = list(known)
                close = difflib.get_close_matches(name, names, n=1, cutoff=0.5) or names[:1]
                hint = f"; there is '{close[0]}'" if close else ""
                raise InputError(f"{where} holds nothing of the name {short(name)}{hint}")


class _Matches:
    def __init__(self, name: str) -> None:
        self._inside, self.met = f"/{name.strip('/')}/", False

    def __call__(self, name: str) -> bool:
        found = self._inside in f"/{name}/"
        self.met = self.met or found
        return found


def _matching(names: Collection[str]) -> dict[str, _Matches]:
    return {name: _Matches(name) for name in names}
