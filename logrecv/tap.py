"""
The plugin for C{twistd} and C{twist}: its options, and the service that they describe.
"""

from __future__ import annotations

import atexit

from logrecv.group import spoolNumbers
from logrecv.options import Options
from logrecv.ownlog import OwnLog
from logrecv.process import IProcessService, ProcessService
from logrecv.receiver import makeReceiver

__all__ = ["Options", "makeService"]


def makeService(options: Options) -> ProcessService:
    """
    Make the service that the command line describes.

    @param options: The options, parsed.
    @raise SystemExit: The runner cannot run this service.
    """
    log = OwnLog()
    if options.parent is not None:
        # Not imported by the command, which is to start fast.
        from logrecv.runners import checkStandardOutput, ownLogUnder

        hasRecordsOut = options["outputs"].standardOutput.isTaken
        if hasRecordsOut:
            checkStandardOutput(options.parent)
        log = ownLogUnder(options.parent, options["reactor"], hasRecordsOut)
        atexit.register(log.end)
    # Only workers hand on the records that workers of an earlier run have left.
    isLeft = any(spoolNumbers(spool) for spool in options["outputs"].spools)
    service: IProcessService
    if options["workers"] > 1 or isLeft:
        # Not imported by a process that serves alone, which is to start fast.
        from logrecv.workers.build import makeSupervisor

        service = makeSupervisor(options)
    else:
        service = makeReceiver(options).service
    return ProcessService(service, options["reactor"], log)
