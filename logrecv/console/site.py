"""
The site of the console, and its connections.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Port as TCPPort
from twisted.web.resource import IResource
from twisted.web.server import Request

from logrecv.counters import InputTally
from logrecv.inputs.http.channel import BoundedChannel
from logrecv.inputs.http.lingering import DiscardPace
from logrecv.inputs.http.request import BoundedRequest
from logrecv.inputs.limits.admission import Admission
from logrecv.inputs.limits.partial import PartialInputs
from logrecv.inputs.listening import StreamInput
from logrecv.inputs.streams import Connections
from logrecv.reasons import TOO_MANY
from logrecv.web import QuietSite

#: The largest body that is read, in bytes.  No page of the console needs a body.
_BODY_SIZE: Final = 16384

#: Bytes of unfinished requests that are held for all clients of the console together.
_PARTIAL_SIZE: Final = 1024 * 1024

#: Seconds that a connection may be silent before its request.
_IDLE_TIMEOUT: Final = 60.0

#: Connections that are accepted in one turn of the reactor.
_ACCEPTED: Final = 8


class ConsoleChannel(BoundedChannel):
    """
    A connection to the console: one request, within the limits of the HTTP input.
    """

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """
        Close the connection after each answer.  Monitoring asks rarely, and pages cost
        more than connections do.
        """
        request.responseHeaders.setRawHeaders(b"connection", [b"close"])
        return False


class ConsoleSite(QuietSite):
    """
    The site of the console, with limits that hold before a resource is asked::

        >>> from twisted.internet import reactor
        >>> from logrecv.console.app import Console
        >>> site = ConsoleSite(Console([], []).resource(), reactor)

    @ivar tally: Counts the connections, open and refused.
    @ivar maxRecord: The largest body taken, in bytes.
    @ivar partials: Keeps account of requests that are not complete.
    @ivar discards: The pace at which refused clients are read.
    """

    protocol = ConsoleChannel  # type: ignore[assignment]
    requestFactory = BoundedRequest

    def __init__(
        self,
        resource: IResource,
        reactor: IReactorTime,
        tally: InputTally | None = None,
    ) -> None:
        """
        @param resource: The resource of the console.
        @param reactor: Tells when connections time out.
        @param tally: L{None} if nobody looks at the counts.
        """
        super().__init__(
            resource,
            timeout=_IDLE_TIMEOUT,
            reactor=reactor,
            parsePOSTFormSubmission=False,
        )
        self.tally = tally or InputTally("console")
        self.maxRecord = _BODY_SIZE
        self.partials = PartialInputs(reactor, limit=_PARTIAL_SIZE)
        self.discards = DiscardPace(reactor)

    def reject(self, path: bytes, reason: str, transport: object) -> None:
        """
        Count a request that never reached the resource.
        """
        self.tally.refuse(reason)


class ConsoleConnections(Connections):
    """
    The connections of the console.

    When half of the connections are open that there may be, a new connection takes the
    place of an old connection: clients that connect and stay cannot keep away the next
    client, which asks how the service is::

        connections = ConsoleConnections(site, reactor, most=64)
        service = ConsoleInput(endpoint, connections)
    """

    def __init__(self, site: ConsoleSite, clock: IReactorTime, most: int) -> None:
        """
        @param site: The site.
        @param clock: Tells the time.
        @param most: The number of connections that may be open.
        """
        admission = Admission(maxConnections=most, maxPerPeer=most)
        super().__init__(site, site.tally, clock, admission)
        # A connection is open until the turn of the reactor after its end.
        self._room = max(most // 2, 1)

    def buildProtocol(  # type: ignore[override]
        self, addr: IAddress | None
    ) -> Protocol:
        """
        Let a client in.
        """
        if self.tally.connections >= self._room:
            self._makeRoom()
        return super().buildProtocol(addr)

    def _makeRoom(self) -> None:
        """
        Close the oldest connection that has sent nothing, or else the oldest of all.
        """
        open = [each for each in self.protocols if not each.disconnecting]
        if open:
            self.tally.refuse(TOO_MANY)
            next((each for each in open if not each.reads), open[0]).abortConnection()


class ConsoleInput(StreamInput):
    """
    The service that listens on one endpoint for the console.

    The service accepts few connections in a turn of the reactor, so that each has been
    read before it can be the oldest.
    """

    def __init__(
        self, endpoint: IStreamServerEndpoint, connections: ConsoleConnections
    ) -> None:
        """
        @param endpoint: The endpoint to listen on.
        @param connections: The connections of the console.
        """
        super().__init__(endpoint, connections, restricted=True)

    def listens(self, port: IListeningPort) -> None:
        if isinstance(port, TCPPort):
            accept = port.doRead

            def acceptFew() -> None:
                # Twisted raises the number when so many have come.
                port.numberAccepts = _ACCEPTED
                accept()

            port.doRead = acceptFew  # type: ignore[method-assign]
        super().listens(port)
