"""Names that a person typed, against the names there are."""

import difflib
from collections.abc import Iterable

from lighttrack_nas.trackers.errors import InputError


def checked_name(name: str, known: Iterable[str], what: str, otherwise: str = "") -> str:
    """Check that a name is one of the known ones.

    Args:
        name: What was given.
        known: The names there are.
        what: What is being named, for the message: `layout`, `baseline`.
        otherwise: What else could have been given, for the end of the message.

    Returns:
        The name.

    Raises:
        InputError: It is unknown; the message offers the closest name and lists all.

    Example:
        >>> checked_name("otb", ["got10k", "otb"], "layout")
        'otb'
    """
    names = list(known)
    if name in names:
        return name
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ";"
    raise InputError(f"unknown {what} '{name}'{hint} known: {', '.join(names)}" + (otherwise and f"; {otherwise}"))
