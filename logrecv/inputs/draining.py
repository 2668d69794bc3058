"""
The end of an input: its clients are read to the end of what they had sent.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.task import deferLater
from twisted.protocols.policies import ProtocolWrapper

from logrecv.inputs.streams import Connections

#: Seconds without a byte after which a stopping service has read a connection to the
#: end.  Bytes that are on their way between two processes of one machine or one site
#: take far less.
QUIET_TIMEOUT: Final = 0.1

#: The number of looks after which a connection counts as quiet, one look a turn of
#: the reactor at the most.  A turn in which other connections were read can take
#: longer than L{QUIET_TIMEOUT}.
_QUIET_LOOKS: Final = 4

#: Seconds between two looks.
LOOK_DELAY: Final = QUIET_TIMEOUT / _QUIET_LOOKS

#: Seconds that a stopping input reads clients that are never quiet.
INPUT_DRAIN_TIMEOUT: Final = 8.0


async def drain(connections: Connections, timeout: float = INPUT_DRAIN_TIMEOUT) -> None:
    """
    Read each connection to the end, and close it.

    @param timeout: Seconds after which all connections are closed at once, as they
        are if this coroutine is cancelled.
    """
    clock, scheduler = connections.clock, connections.scheduler
    deadline = clock.seconds() + timeout
    #: For each connection the number of its reads at the last look, and the number of
    #: looks since then.
    looks: dict[ProtocolWrapper, tuple[int, int]] = {}
    try:
        # A body that came whole is taken, even if its client is gone.
        while (
            connections.protocols or scheduler.isBusy
        ) and clock.seconds() < deadline:
            for each in list(connections.protocols):
                reads, quiet = looks.get(each, (-1, 0))
                if each.paused or each.waiting or each.reads != reads:
                    quiet = 0
                elif quiet == _QUIET_LOOKS:
                    each.loseConnection()
                looks[each] = each.reads, quiet + 1
            await deferLater(clock, LOOK_DELAY)
    finally:
        if clock.seconds() >= deadline:
            scheduler.abandon()
        for each in list(connections.protocols):
            each.abortConnection()
