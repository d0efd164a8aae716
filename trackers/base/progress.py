"""How long work tells what it has done."""

from typing import Protocol


class Progress(Protocol):
    """Called now and then while something long is done.

    The first call starts the clock: what it counts took set-up time too, or was done by an earlier, interrupted run.
    """

    def __call__(self, amount: int, words: str, /) -> None:
        """Take note.

        Args:
            amount: How much was done since the last call.
            words: A few, on where the work is.
        """
