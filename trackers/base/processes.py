"""What a process does first that was started by another one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from types import FrameType


def begin_child(on_terminate: Callable[[int, FrameType | None], object] | None = None) -> None:
    """Leave Ctrl-C to the process that started this one, and end when it has ended, however it did.

    Ctrl-C reaches every process of a terminal; whoever started this one ends it.

    Args:
        on_terminate: Handles SIGTERM, which this process sends itself when the other one has ended. None: both end it
            at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, on_terminate or signal.SIG_DFL)
    end_with_parent(at_once=on_terminate is None)


def fresh_process() -> ProcessPoolExecutor:
    """A pool of one process that shares nothing with this one, and ends with it. Ctrl-C ends both."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=end_with_parent)


def end_with_parent(at_once: bool = True) -> None:
    """End this process when the one that started it has ended, however it did.

    Args:
        at_once: Else by a SIGTERM to itself, which somebody handles.
    """
    threading.Thread(target=_end_with_parent, args=(at_once,), daemon=True).start()


def _end_with_parent(at_once: bool) -> None:
    # Not the process that this one was split off from, which may be another and live on.
    parent = parent_process()
    assert parent is not None
    parent.join()
    if at_once:
        os._exit(1)
    os.kill(os.getpid(), signal.SIGTERM)
