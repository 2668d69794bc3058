"""
A whole process: its signals, how its start can fail, and what it shows of
itself.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from attrs import define
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorFromThreads


def raiseFileLimit() -> int:
    """
    Let this process open as many files as the system lets it.

    @return: How many that are.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 20


class CannotStart(SystemExit, Exception):
    """
    Ends the program with status 1.

    It is an L{Exception} too, because that is what twistd catches to remove its
    pid file and to tell the process that waits for the daemon: on a bare
    L{SystemExit} that would wait for ever.
    """

    def __init__(self, reason: str) -> None:
        """
        @param reason: Why, in one line.
        """
        super().__init__(reason)
        self.code = 1


class IProcessService(Protocol):
    """
    All that a process does: L{logrecv.service.ReceiverService}, or
    L{logrecv.workers.supervisor.Supervisor}, which has others do it.

    @ivar lost: Records that its stop had to give up, by output.
    """

    @property
    def lost(self) -> Mapping[str, int]: ...

    def privilegedStartService(self) -> None: ...

    def startService(self) -> None: ...

    def stopService(self) -> Deferred[None]: ...

    def reopen(self) -> None:
        """
        Open files again.
        """

    def stopNow(self) -> None:
        """
        Wait no longer in a stop that is under way.
        """


@define(eq=False, slots=False)
class ProcessService(Service):
    """
    Runs the service of a process: SIGHUP opens files again, and what cannot be
    had at the start ends the program with one line that says so.

    @ivar service: The service.
    @ivar reactor: The reactor of the process.
    """

    service: IProcessService
    reactor: IReactorFromThreads

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise CannotStart: A port cannot be had.
        """
        super().privilegedStartService()
        self._orExit(self.service.privilegedStartService)

    def startService(self) -> None:
        """
        Start.

        @raise CannotStart: Something cannot be had.
        """
        super().startService()
        self._orExit(self.service.startService)
        self._onSignal(signal.SIGHUP, self.service.reopen)

    def stopService(self) -> Deferred[None]:
        """
        Stop; a second signal to do so is one to do so at once.
        """
        super().stopService()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._onSignal(number, self.service.stopNow)
        return self.service.stopService()

    def _orExit(self, start: Callable[[], None]) -> None:
        try:
            start()
        except (CannotListenError, OSError) as error:
            line = " ".join(str(error).split())
            # Runners have replaced sys.stderr by their log.
            print(f"logrecv: {line}", file=sys.__stderr__)
            raise CannotStart(line) from None

    def _onSignal(self, number: signal.Signals, function: Callable[[], None]) -> None:
        signal.signal(
            number, lambda number, frame: self.reactor.callFromThread(function)
        )


def memory() -> int:
    """
    Tell the memory of this process that is resident, in bytes; 0 where the
    system does not tell.
    """
    with suppress(OSError, ValueError, IndexError), open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def processorTime() -> float:
    """
    Tell the time that this process has used of processors, in seconds.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
