"""
A process: its signals, the failures of its start, its limits and its use of memory and
processors.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver
from twisted.python.components import Componentized
from zope.interface import Attribute, Interface

from logrecv import hangup
from logrecv.ownlog import OwnLog

#: The number of open files that is assumed where the system sets no limit.
_UNLIMITED_FILES: Final = 1 << 20


class IProcessService(Interface):
    """
    The service of a whole process: L{logrecv.service.ReceiverService}, which receives
    in the process itself, or L{logrecv.workers.supervisor.Supervisor}, whose workers
    receive.
    """

    lost: int = Attribute(
        "The number of records that were lost since the start, known at the end."
    )

    def privilegedStartService() -> None:
        """
        Listen on all ports, while the process may have privileges.

        @raise CannotListenError: A port cannot be listened on.
        """

    def startService() -> None:
        """
        Start to receive.

        @raise CannotListenError: A port cannot be listened on.
        @raise OSError: An output cannot be opened, or a worker cannot start.
        """

    def stopService() -> Deferred[None]:
        """
        Stop listening, read everything that clients had sent, and write the records
        that the outputs hold.

        @return: A L{Deferred} that fires when all of this is done.
        """

    def reopen() -> None:
        """
        Open the files of the outputs again, which may have been moved away.
        """

    def stopNow() -> None:
        """
        Cut short a stop that is under way, without waiting for clients and outputs.
        """


class CannotStart(SystemExit, Exception):
    """
    Ends the program with status 1.

    This is an L{Exception} too, because twistd catches that class to remove its pid
    file and to report to the process that waits for the daemon.  With a bare
    L{SystemExit}, that process would wait for ever.
    """

    def __init__(self, reason: str) -> None:
        """
        @param reason: The reason, in one line.
        """
        super().__init__(reason)
        self.code = 1


@define(eq=False, slots=False)
class ProcessService(Service):
    """
    Runs the service of a process.  SIGHUP opens files again, once the service has
    started.  A second signal to stop cuts the stop short.  A failure of the start ends
    the program with one line on standard error.

    @ivar service: The service of the process.
    @ivar reactor: The reactor of the process.
    @ivar log: The log of the process.
    """

    service: IProcessService
    reactor: Any
    log: OwnLog = field(factory=OwnLog)

    def setServiceParent(self, parent: Any) -> None:
        """
        Become part of an application, and have C{twistd} use the log of the process.
        """
        super().setServiceParent(parent)
        if self.log.observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.log.observer)

    def privilegedStartService(self) -> None:
        """
        Listen on all ports.

        @raise CannotStart: A port cannot be listened on.
        """
        super().privilegedStartService()
        self._orExit(self.service.privilegedStartService)

    def startService(self) -> None:
        """
        Start the service.

        @raise CannotStart: The service cannot start.
        """
        super().startService()
        self._orExit(self.service.startService)
        # Collections of garbage no longer look at the modules and at the service.
        gc.freeze()
        gc.enable()
        self.reactor.addSystemEventTrigger("after", "shutdown", self.log.end)
        hangup.release(lambda: self.reactor.callFromThread(self.service.reopen))

    def stopService(self) -> Deferred[None]:
        """
        Stop the service.  From now on, a signal to stop cuts the stop short.

        @return: A L{Deferred} that fires when the service has stopped.
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
            self.log.fail(f"logrecv: {line}")
            raise CannotStart(line) from None

    def _onSignal(self, number: signal.Signals, function: Callable[[], None]) -> None:
        signal.signal(
            number, lambda number, frame: self.reactor.callFromThread(function)
        )


def fileLimit() -> int:
    """
    Return the number of files that this process may have open when it raises its own
    limit.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return hard if hard != resource.RLIM_INFINITY else _UNLIMITED_FILES


def raiseFileLimit() -> int:
    """
    Raise the number of files that this process may have open, as far as the system
    allows.

    @return: The new limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else _UNLIMITED_FILES


def memory() -> int:
    """
    Return the resident memory of this process, in bytes; 0 where the system does not
    tell.
    """
    with suppress(OSError, ValueError, IndexError), open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def processorTime() -> float:
    """
    Return the processor time that this process has used, in seconds.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
