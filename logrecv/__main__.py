"""
The C{logrecv} command.  C{logrecv} runs the service in the foreground:
L{logrecv.foreground}.  C{logrecv replay} sends quarantined payloads again:
L{logrecv.replay.command}.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

from logrecv import hangup


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run C{logrecv}.

    @param arguments: The command line without the command; L{None} for the arguments
        of this process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments[:1] == ["replay"]:
        from logrecv.replay import command

        raise SystemExit(command.main(arguments[1:]))
    hangup.hold()
    # A start leaves no garbage; the service that is ready collects again.
    gc.disable()
    # To import Twisted takes longer than to hold SIGHUP, by a thousand times.
    from logrecv import foreground

    raise SystemExit(foreground.serve(arguments))


if __name__ == "__main__":
    main()
