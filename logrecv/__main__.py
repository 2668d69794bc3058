"""
The C{logrecv} command: the service in the foreground, its own log on standard
error, so that standard output carries records alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from twisted.application.service import IService
from twisted.logger import globalLogBeginner, textFileLogObserver

from logrecv.tap import Options, makeService


def run(reactor: Any, service: IService) -> None:
    """
    Run a service until the reactor is stopped.
    """
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run C{logrecv}.

    @param arguments: The command line without the command; L{None} for that of
        the process.
    """
    options = Options()
    options.parseOptions(sys.argv[1:] if arguments is None else arguments)
    service = makeService(options)
    globalLogBeginner.beginLoggingTo(
        [textFileLogObserver(sys.stderr)], redirectStandardIO=False
    )
    run(options["reactor"], service)


if __name__ == "__main__":
    main()
