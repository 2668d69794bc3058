"""
What a supervisor starts: C{python -m logrecv.workers DESCRIPTOR SOCKETS}, with
the descriptor of the socket that leads to the supervisor, and the number of
sockets that systemd handed to that.
"""

from __future__ import annotations

import os
import sys

#: The first socket that systemd hands over (SD_LISTEN_FDS_START).
_FIRST = 3


def standIn(count: int) -> None:
    """
    Let descriptions of C{systemd:} be read in a process that inherited its
    sockets in another way: what they look at says that there are some, and what
    is closed when one of them is listened on is there.

    @param count: How many sockets systemd handed to the supervisor.
    """
    if count:
        os.environ["LISTEN_PID"] = str(os.getpid())
    for descriptor in range(_FIRST, _FIRST + count):
        nothing = os.open(os.devnull, os.O_RDONLY)
        if nothing != descriptor:
            os.dup2(nothing, descriptor, inheritable=False)
            os.close(nothing)


if __name__ == "__main__":
    # Twisted looks when it is imported.
    standIn(int(sys.argv[2]))

    from logrecv.workers.worker import main

    main(int(sys.argv[1]))
