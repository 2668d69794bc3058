"""
Memory that is given back to the system.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


@cache
def _trimmer() -> Callable[[int], object] | None:
    """
    Find the function of the C library that gives back memory: glibc has one.
    """
    try:
        trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return trim


def giveBackMemory() -> None:
    """
    Give the free memory of this process back to the system.  The C library keeps
    memory that a thread has freed, and finds it again for few sizes only.  Takes some
    milliseconds, in which other Python threads run.
    """
    trim = _trimmer()
    if trim is not None:
        trim(0)
