"""
Connections: the part of an input over a stream that is the same for every protocol.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import (
    IAddress,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection as TCPConnection
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure

from logrecv.counters import InputTally
from logrecv.inputs.connection import Connection
from logrecv.inputs.limits.admission import Admission, hostOf
from logrecv.inputs.limits.fairness import FairScheduler
from logrecv.inputs.limits.partial import PARTIAL_TIMEOUT
from logrecv.inputs.limits.timeouts import IdleTimeouts
from logrecv.rejections import Rejections


class _Refused(Protocol):
    """
    The protocol of a refused client: it closes the connection.
    """

    def connectionMade(self) -> None:
        """
        Close the connection, and its socket with it.  A transport would close the
        socket in the next turn of the reactor.  Until then, the sockets of refused
        clients could use up all files that the process may have open.
        """
        layer: Any = self.transport
        layer.abortConnection()
        while isinstance(layer, ProtocolWrapper):
            layer = layer.transport
        if isinstance(layer, TCPConnection):
            layer.connectionLost(Failure(ConnectionAborted()))


class Connections(WrappingFactory):
    """
    The factory that keeps track of the connections of one input:

    >>> from logrecv.compose import Intake, RecordFactory
    >>> intake = Intake(sink, reactor)
    >>> tally = intake.tallies["tcp"]
    >>> connections = Connections(RecordFactory(intake), tally, reactor)
    >>> connections.buildProtocol(None).makeConnection(StringTransport())
    >>> tally.connections
    1

    @ivar tally: Counts open and refused connections.
    @ivar clock: Tells the time.
    @ivar admission: Decides which clients may connect.
    @ivar scheduler: Divides the time among the clients.
    """

    noisy = False
    protocol: type[Connection] = Connection

    def __init__(
        self,
        wrapped: IProtocolFactory,
        tally: InputTally,
        clock: IReactorTime,
        admission: Admission | None = None,
        scheduler: FairScheduler | None = None,
        rejections: Rejections | None = None,
    ) -> None:
        """
        @param wrapped: Makes the protocol of each connection.
        @param admission: L{None} for any client, within the usual limits.
        @param scheduler: L{None} if no other input shares the scheduler.
        @param rejections: L{None} if no other input shares the lines in the log.
        """
        super().__init__(wrapped)
        self.tally = tally
        self.clock = clock
        self.admission = admission or Admission()
        self.scheduler = scheduler or FairScheduler(clock)
        self.rejections = rejections or Rejections(clock)
        #: The time in which new clients have to make themselves known.
        self.openings = IdleTimeouts(clock, PARTIAL_TIMEOUT)

    def buildProtocol(  # type: ignore[override]
        self, addr: IAddress | None
    ) -> Protocol:
        """
        Let a client in, or refuse it.
        """
        host = self.hostOf(addr)
        refusal = self.admission.refusal(host)
        if refusal is not None:
            self.countRefused(refusal, hostOf(addr) or "a UNIX socket")
            # Not None: TLS and haproxy put wrappers around this that expect a
            # protocol.
            return _Refused()
        connection = cast(Connection, super().buildProtocol(addr))
        connection.host = host
        return connection

    def countRefused(
        self, reason: str, host: str, sample: bytes = b"", detail: str = ""
    ) -> None:
        """
        Count a connection that is refused, and log who it is from.  The parameters are
        those of L{Rejections.refused}.
        """
        self.tally.refuse(reason)
        self.rejections.refused(self.tally.via, reason, host, sample, detail)

    def hostOf(self, addr: IAddress | None) -> str | None:
        """
        Return the host that a new connection is counted for, as far as it is known.

        @param addr: The address of the other end.
        """
        return hostOf(addr)
