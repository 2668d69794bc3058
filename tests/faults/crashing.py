"""
C{logrecv}, killed as if by C{kill -9} at a named point of its file output:

    python crashing.py POINT WHEN COUNT [options of logrecv]

POINT is one of L{POINTS}; WHEN is before, middle (of an append) or after it;
COUNT says which time.  At that moment the page of the console's metrics is put
into the file C{crash.metrics}.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from mmap import mmap
from typing import Any

from prometheus_client import generate_latest

from logrecv.__main__ import main
from logrecv.console import app as console
from logrecv.console.app import TallyCollector
from logrecv.outputs.files import appending, archive, rotation, syncing

#: The module and the function of C{os} that each point is.
POINTS: dict[str, tuple[Any, str]] = {
    "append": (appending, "write"),
    "sync": (syncing, "fsync"),
    "rotate": (rotation, "rename"),
    "create": (appending, "fchmod"),
    "begin compressing": (archive, "fchmod"),
    "compress": (archive, "utime"),
    "finish compressing": (archive, "rename"),
    "remove": (archive, "unlink"),
}

_collectors: list[TallyCollector] = []

#: Bytes that the metrics may have.
_ROOM = 1 << 16

#: The file that the metrics go to, as memory: what is in it survives the
#: process, and no other thread runs while it is written.
with open("crash.metrics", "wb+") as _file:
    _file.truncate(_ROOM)
    _memory = mmap(_file.fileno(), _ROOM)


class KeptCollector(TallyCollector):
    """
    A collector that can be found.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        _collectors.append(self)


def die() -> None:
    """
    Write the metrics down and die.
    """
    # From the second line on no other thread runs: the figures are those of the
    # moment of death.
    sys.setswitchinterval(1000)
    time.sleep(0.02)
    page = generate_latest(_collectors[0])
    _memory[: len(page)] = page
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


class Crashing:
    """
    The module C{os}, with one function that kills.
    """

    def __init__(self, name: str, when: str, count: int) -> None:
        """
        @param name: The name of the function.
        """
        self._function: Callable[..., Any] = getattr(os, name)
        self._when = when
        self._left = count
        setattr(self, name, self._call)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _call(self, *arguments: Any, **keywords: Any) -> Any:
        self._left -= 1
        if self._left == 0 and self._when == "middle":
            descriptor, data = arguments
            self._function(descriptor, data[: len(data) // 2])
        if self._left == 0 and self._when != "after":
            die()
        result = self._function(*arguments, **keywords)
        if self._left == 0:
            die()
        return result


if __name__ == "__main__":
    _point, _when, _count, *_options = sys.argv[1:]
    _module, _name = POINTS[_point]
    _module.os = Crashing(_name, _when, int(_count))
    console.TallyCollector = KeptCollector  # type: ignore[assignment,misc]
    main(_options)
