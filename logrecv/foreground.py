"""
The service in the foreground, without a runner of Twisted.  The service's own log goes
to standard error, so that standard output carries records alone.
"""

from __future__ import annotations

import atexit
import signal
import sys
from collections.abc import Sequence
from typing import Any

from twisted.logger import Logger, LoggingFile, LogLevel, globalLogBeginner

from logrecv.ownlog import OwnLog
from logrecv.process import ProcessService
from logrecv.tap import Options, makeService


def serve(arguments: Sequence[str]) -> int:
    """
    Run the service that a command line describes, until a signal stops it.

    @param arguments: The command line without the command.
    @return: The exit status: 0, or 1 if records were lost since the start.
    """
    options = Options()
    options.parseOptions(arguments)
    service = makeService(options)
    service.log = log = OwnLog.toStandardError()
    assert log.observer is not None
    atexit.register(log.end)
    # Standard output stays: an output of the user's may print there.
    globalLogBeginner.beginLoggingTo([log.observer], redirectStandardIO=False)
    sys.stderr = LoggingFile(Logger("stderr"), LogLevel.error)
    return run(options["reactor"], service)


def run(reactor: Any, service: ProcessService) -> int:
    """
    Run a service until the reactor is stopped.

    @return: The exit status: 0, or 1 if records were lost since the start.
    """
    terminated: list[int] = []
    # The reactor has handlers of its own only when it runs.  A service that listens
    # has to stop in order before that, too.
    signal.signal(signal.SIGTERM, lambda number, frame: terminated.append(number))
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.callWhenRunning(lambda: reactor.stop() if terminated else None)
    reactor.run()
    return 1 if service.service.lost else 0
