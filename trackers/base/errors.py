"""The one error for what a user got wrong."""

_NO_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "insufficient memory",
    "bad_alloc",
    "failed to map segment",
    "could not create a primitive",
    "can't start new thread",
)


class InputError(ValueError):
    """A mistake in what the user gave: a file, a value, a name.

    The message is complete for a person: what is wrong, where (file, path, value) and what would be right. The command
    line prints it alone, without a traceback.
    """


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left, in the words of Python, C++, torch, oneDNN or OpenCV."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY)
