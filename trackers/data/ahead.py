"""Reading ahead: what will be asked for next is read by threads meanwhile."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from lighttrack_nas.trackers.data.frames import quiet_opencv

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_ahead(
    read: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Generator[tuple[Item, Callable[[], Result]], None, None]:
    """Read items in their order, some of them before they are asked for.

    OpenCV lets go of Python's lock while it decodes, so that threads decode while the caller computes.

    Args:
        read: Reads an item, in any thread.
        items: What will be asked for.
        threads: That read; two items for each wait at most. 0 reads what is asked for when it is.

    Yields:
        Each item, with what gives its content, or raises what reading it raised. Close the generator where it may not
        come to its end.
    """
    if threads < 1:
        for item in items:
            yield item, partial(read, item)
        return
    waiting: deque[tuple[Item, Callable[[], Result]]] = deque()
    # OpenCV's log has one level for all threads: two that set it and put it back would leave the other's.
    with quiet_opencv():
        pool = ThreadPoolExecutor(threads, thread_name_prefix="frames")
        try:
            for item in items:
                waiting.append((item, pool.submit(read, item).result))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            pool.shutdown(cancel_futures=True)
