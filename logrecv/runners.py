"""
The runners of Twisted, C{twistd} and C{twist}: their options, as far as they matter to
the service, and the log that they write.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, MutableMapping, Sequence
from functools import partial
from typing import Any, Final, cast

from attrs import frozen
from twisted.logger import (
    ILogObserver,
    LegacyLogObserverWrapper,
    LogEvent,
    eventAsText,
)
from twisted.python.logfile import LogFile
from twisted.python.usage import UsageError
from zope.interface import implementer

from logrecv.ownlog import LogThread, OwnLog, ThreadedFile, unbuffered
from logrecv.usage import exitFor

#: The keys of an event that an observer for syslog uses, beside the text.
_PLAIN_KEYS: Final[Sequence[str]] = (
    "log_time",
    "log_level",
    "log_namespace",
    "log_system",
    "isError",
    "syslogPriority",
    "syslogFacility",
)


def ownLogUnder(
    runner: MutableMapping[str, Any], reactor: Any, hasRecordsOut: bool
) -> OwnLog:
    """
    Make the log of a service: where the runner would write it, except that it goes to
    standard error where records go to standard output, and through a thread.

    @param runner: The options of the runner.
    @param reactor: The reactor.
    @param hasRecordsOut: C{True} if records go to standard output.
    """
    if "nodaemon" in runner:
        return _underTwistd(runner, reactor, hasRecordsOut)
    if "fileLogObserverFactory" in runner:
        return _underTwist(runner, hasRecordsOut)
    return OwnLog()


def checkStandardOutput(runner: MutableMapping[str, Any]) -> None:
    """
    Refuse to write records to standard output where the runner goes into the
    background: C{twistd} connects standard output to C{/dev/null} there.

    @param runner: The options of the runner.
    @raise SystemExit: The records would be lost.
    """
    # twistd alone has this option; twist stays in the foreground.
    if not runner.get("nodaemon", True):
        raise exitFor(
            UsageError(
                "--output stdout: in the background, twistd has no standard output; "
                "write to file:PATH, or give twistd -n"
            )
        )


def _underTwist(runner: MutableMapping[str, Any], hasRecordsOut: bool) -> OwnLog:
    """
    Change the options of C{twist}, which starts its log later.
    """
    log = OwnLog()
    file = runner["logFile"]
    if file in (sys.stdout, sys.stderr):
        # twist leaves the choice between the two to sys.stdout.
        file = unbuffered(sys.stderr if hasRecordsOut else file)
    runner["logFile"] = ThreadedFile(log.thread, file)
    return log


def _underTwistd(
    runner: MutableMapping[str, Any], reactor: Any, hasRecordsOut: bool
) -> OwnLog:
    """
    Make the observer that C{twistd} would make, with a thread.
    """
    name = runner.get("logfile")
    if runner.get("logger"):
        # An observer of the user's.
        return OwnLog()
    if runner.get("syslog"):
        return _toSyslog(runner.get("prefix", ""))
    if runner["nodaemon"] and name in (None, "", "-"):
        return OwnLog.toFile(unbuffered(sys.stderr if hasRecordsOut else sys.stdout))
    if name == "-":
        # twistd refuses that.
        return OwnLog()
    file: Any = LogFile.fromFullPath(name or "twistd.log")
    log = OwnLog.toFile(file)
    if not signal.getsignal(signal.SIGUSR1):
        rotate = partial(log.thread.put, file.rotate, 0)
        signal.signal(
            signal.SIGUSR1, lambda number, frame: reactor.callFromThread(rotate)
        )
    return log


def _toSyslog(prefix: str) -> OwnLog:
    # Not there on every system.
    from twisted.python.syslog import SyslogObserver

    thread = LogThread()
    emit = LegacyLogObserverWrapper(cast(Any, SyslogObserver(prefix).emit))
    return OwnLog(thread, ThreadedObserver(thread, emit))


@implementer(ILogObserver)
@frozen(eq=False)
class ThreadedObserver:
    """
    Hands events to an observer in a thread.

    @ivar thread: The thread.
    @ivar observer: The observer, which may block.
    """

    thread: LogThread
    observer: Callable[[LogEvent], None]

    def __call__(self, event: LogEvent) -> None:
        """
        Take an event.  It is formatted at once, since its objects may change.
        """
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        formatted: LogEvent = {key: event[key] for key in _PLAIN_KEYS if key in event}
        formatted.update(log_format="{log_text}", log_text=text)
        self.thread.put(partial(self.observer, formatted), len(text))
