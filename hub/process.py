"""What a hub tells its own process: which memory to look at again, and how to keep little of it."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

#: M_ARENA_MAX of glibc's malloc.h.
_ARENA_MAX: Final = -8
_ARENAS: Final = 2


def tune_collector() -> None:
    """What is there by now stays: the collector need not look at it again (20-50 % of CPU)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def tune_allocator() -> None:
    """Memory that one thread gives back serves the others. To be called before threads start.

    glibc gives up to eight arenas a core to threads that allocate at the same time, and each keeps
    the most it ever needed (30 MB of a hub under load); one thread runs Python at a time anyway.
    Does nothing with another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, _ARENAS)
