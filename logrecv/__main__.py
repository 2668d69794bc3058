"""
The C{logrecv} command.  C{logrecv} runs the service in the foreground, with its own log
on standard error, so that standard output carries records alone.  C{logrecv replay}
sends quarantined payloads again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from twisted.logger import globalLogBeginner, textFileLogObserver

from logrecv.process import ProcessService
from logrecv.tap import Options, makeService


def run(reactor: Any, service: ProcessService) -> int:
    """
    Run a service until the reactor is stopped.

    @return: The exit status: 0, or 1 if the stop lost records.
    """
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
    return 1 if service.service.lost else 0


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run C{logrecv}.

    @param arguments: The command line without the command; L{None} for the arguments
        of this process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["replay"]:
        # Not imported by the service, which is to start fast.
        from logrecv.replay import command

        raise SystemExit(command.main(arguments[1:]))
    options = Options()
    options.parseOptions(arguments)
    service = makeService(options)
    globalLogBeginner.beginLoggingTo(
        [textFileLogObserver(sys.stderr)], redirectStandardIO=False
    )
    raise SystemExit(run(options["reactor"], service))


if __name__ == "__main__":
    main()
