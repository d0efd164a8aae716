"""The one error for what a user got wrong."""


class InputError(ValueError):
    """A mistake in what the user gave: a file, a value, a name.

    The message is complete for a person: what is wrong, where (file, path, value) and what would be right. The command
    line prints it alone, without a traceback.
    """
