"""Memory that a process keeps for itself."""

import ctypes

# Parameters of glibc's mallopt(3).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_AT_THE_TOP = 1 << 30
_LARGEST_FROM_THE_HEAP = 32 << 20  # glibc takes no more


def keep_freed_memory() -> bool:
    """Let the allocator keep freed memory, up to a GiB, instead of handing it back to the system.

    A network frees megabytes of activations in every step. By default glibc returns them to the system and asks for
    them again in the next step, page by page: at batch 1 that was seen to be a third of LightTrack-Mobile's time on a
    CPU. It holds for the whole process, so programs call it, not libraries; the command line does.

    Returns:
        Whether the setting was taken; False where the C library is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_FROM_THE_HEAP) and mallopt(_TRIM_THRESHOLD, _KEPT_AT_THE_TOP))
