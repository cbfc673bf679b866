"""Keeps the memory of one batch for the next.

A hook's results live until the batch is given back, and then all go at once. glibc hands such memory back to the system, and the next batch
faults it in again page by page: measured, 230 page faults per 256 messages and half of the time of a hook on single messages.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT = 16 << 20
_MAPPED_FROM = 4 << 20


def keep_freed_memory() -> None:
    """Let the process keep up to 16 MiB of freed memory per arena. For the whole process: only a program that owns its process may call this.

    Where the C library is not glibc, nothing happens.
    """
    with suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT)
        # Setting the one ends that glibc raises the other by itself.
        library.mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM)
