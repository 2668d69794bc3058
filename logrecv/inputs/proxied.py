"""
Connections behind a proxy: C{haproxy:}.

The proxy connects for its clients, and begins each connection with a PROXY header.
The client that the header names is the client of the connection in every respect: its
address decides whether it may send, is in the records, and is counted.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress, ITransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from logrecv.inputs.connection import Connection
from logrecv.inputs.proxyheader import (
    ProxyHeader,
    ProxyHeaderError,
    parseProxyHeader,
)
from logrecv.inputs.streams import Connections
from logrecv.reasons import PROXY_HEADER
from logrecv.sniffing import SAMPLE_SIZE


class ProxiedConnection(Connection):
    """
    A connection that begins with a PROXY header.

    @ivar header: The header, as soon as it has come whole.
    """

    header: ProxyHeader | None = None
    #: The bytes that have come of the header.
    _begun: bytes = b""

    def makeConnection(self, transport: ITransport) -> None:
        super().makeConnection(transport)
        self.factory.openings.start(self)

    def handshakeCompleted(self) -> None:
        super().handshakeCompleted()
        self.factory.openings.start(self)

    def isIdentified(self, transport: ITransport) -> bool:
        """
        Return C{False}: the socket is the proxy's.
        """
        return False

    def timedOut(self) -> None:
        """
        Refuse the connection, which has brought no header in time.
        """
        self.refuse(PROXY_HEADER)

    def dataReceived(self, data: bytes) -> None:
        """
        Read the header first, and then the client's bytes.
        """
        if self.header is not None:
            super().dataReceived(data)
            return
        if self.disconnecting:
            return
        self.reads += 1
        self._begun += data
        try:
            self.header = parseProxyHeader(self._begun)
        except ProxyHeaderError:
            self.first, self._begun = self._begun[:SAMPLE_SIZE], b""
            self.refuse(PROXY_HEADER)
        if self.header is not None:
            self.factory.openings.cancel(self)
            rest, self._begun = self._begun[self.header.size :], b""
            # Even if it is empty: the connection is the client's from now on.
            super().dataReceived(rest)

    def getPeer(self) -> Any:
        """
        Return the address of the client; of the proxy, if the header names no client.
        """
        return (self.header and self.header.source) or super().getPeer()

    def getHost(self) -> Any:
        """
        Return the address that the client has connected to.
        """
        return (self.header and self.header.destination) or super().getHost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Count a header that was cut off.  A connection without a byte is no more than
        the look of a load balancer if the service is there.
        """
        self.factory.openings.cancel(self)
        if self._begun and not self.disconnecting:
            self.countRefused(PROXY_HEADER)
        super().connectionLost(reason)


class ProxiedConnections(Connections):
    """
    The factory that keeps track of the connections of one input behind a proxy.  Use it
    in the place of L{Connections}, on the endpoint that the proxy connects to:

    >>> from logrecv.compose import Intake, RecordFactory
    >>> intake = Intake(sink, reactor)
    >>> tally = intake.tallies["tcp"]
    >>> connections = ProxiedConnections(RecordFactory(intake), tally, reactor)
    >>> protocol = connections.buildProtocol(None)
    >>> protocol.makeConnection(StringTransport())
    >>> protocol.dataReceived(b"PROXY TCP4 192.0.2.7 192.0.2.9 1234 9020\\r\\n")
    >>> protocol.getPeer().host
    '192.0.2.7'
    """

    protocol = ProxiedConnection

    def hostOf(self, addr: IAddress | None) -> None:
        """
        Return C{None}: the address of the proxy decides nothing.
        """
        return None
