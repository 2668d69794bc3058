"""
SIGHUP, which opens files again: from the first moment of the program on, it no longer
ends the process.  A SIGHUP that comes before the service is ready is held until then.

This module imports nothing but C{signal}, so that little time passes before L{hold}.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

#: The signals that are held.
_held: list[int] = []


def hold() -> None:
    """
    Hold each SIGHUP from now on, until L{release}.

    Children do not inherit this: a program that is started has the system's default
    again.
    """
    signal.signal(signal.SIGHUP, lambda number, frame: _held.append(number))


def release(function: Callable[[], object]) -> None:
    """
    Call a function at each SIGHUP from now on, and now if a SIGHUP was held.

    @param function: The function, which is called between any two steps of the main
        thread.
    """
    signal.signal(signal.SIGHUP, lambda number, frame: function())
    if _held:
        _held.clear()
        function()
