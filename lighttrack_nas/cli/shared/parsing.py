"""Options in words of the command line, turned into those of the package."""

from lighttrack_nas.trackers.base.names import checked_name
from lighttrack_nas.trackers.data.readers.choosing import ON_BAD


def parse_on_bad(text: str) -> str:
    """What --on-bad says, as one of `ON_BAD`.

    Raises:
        InputError: It is none.
    """
    words = {words.replace(" ", "-"): words for words in ON_BAD}
    return words[checked_name(text.replace(" ", "-"), words, "value of --on-bad")]
