"""
C{logrecv}, killed as if by C{kill -9} at a named point of its spool:

    python crashing_spool.py POINT WHEN COUNT [options of logrecv]

POINT is one of L{POINTS}; WHEN is before, middle (half a millisecond after the
beginning, whatever is done by then) or after it; COUNT says which time it is
reached.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from logrecv.__main__ import main
from logrecv.outputs.spool import database
from logrecv.outputs.spool.database import SpoolFile
from logrecv.outputs.spool.spool import Spool

#: The owner and the name of the function that each point is.
POINTS: dict[str, tuple[Any, str]] = {
    "append": (SpoolFile, "append"),
    "mark": (SpoolFile, "markInFlight"),
    "acknowledge": (Spool, "done"),
    "delete": (SpoolFile, "delete"),
    "checkpoint": (database, "checkpoint"),
}

#: The size of a log, in bytes, at which the log is emptied: small, so that a
#: checkpoint comes soon.
CHECKPOINT_SIZE = 200_000


def die() -> None:
    """
    Die.
    """
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def dieSoon() -> None:
    """
    Die while something else happens.
    """
    time.sleep(0.0005)
    die()


def crash(function: Callable[..., Any], when: str, count: int) -> Callable[..., Any]:
    """
    Make of a function one that kills.
    """
    left = count

    def call(*arguments: Any, **keywords: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and when == "before":
            die()
        if left == 0 and when == "middle":
            threading.Thread(target=dieSoon).start()
        result = function(*arguments, **keywords)
        if left == 0 and when == "after":
            die()
        return result

    return call


if __name__ == "__main__":
    _point, _when, _count, *_options = sys.argv[1:]
    _owner, _name = POINTS[_point]
    setattr(_owner, _name, crash(getattr(_owner, _name), _when, int(_count)))
    _open = Spool.open

    def _openSmall(self: Any) -> None:
        self._flusher.checkpointSize = CHECKPOINT_SIZE
        _open(self)

    Spool.open = _openSmall  # type: ignore[method-assign]
    main(_options)
