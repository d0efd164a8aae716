"""Names that a person typed, against the names there are."""

import difflib
from collections.abc import Iterable

from lighttrack_nas.trackers.base.errors import InputError
from lighttrack_nas.trackers.base.parsing import short


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
    raise InputError(unknown_name(name, names, what) + (otherwise and f"; {otherwise}"))


def unknown_name(name: object, known: Iterable[str], what: str) -> str:
    """What to say of a name that is none of the known ones: ``unknown WHAT 'name'; did you mean 'close'? known: ...``.

    Args:
        name: What was given, a name or something else.
        known: The names there are.
        what: What is being named.
    """
    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ";"
    given = f"'{name}'" if isinstance(name, str) else short(name)
    return f"unknown {what} {given}{hint} known: {', '.join(names)}"
