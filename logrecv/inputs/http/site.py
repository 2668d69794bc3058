"""
The site of the HTTP input.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from logrecv.inputs.http.app import viaOf
from logrecv.inputs.http.auth import PasswordFile
from logrecv.inputs.http.channel import HEAD_SIZE, BoundedChannel
from logrecv.inputs.http.fast import HandlerRequests
from logrecv.inputs.http.lingering import DiscardPace
from logrecv.inputs.http.request import BoundedRequest
from logrecv.inputs.http.resource import RecordResource
from logrecv.inputs.limits import MAX_RECORD_SIZE
from logrecv.inputs.limits.fairness import FairScheduler
from logrecv.inputs.limits.partial import PartialInputs
from logrecv.inputs.limits.timeouts import IdleTimeouts
from logrecv.inputs.peers import firstBytes, senderHost
from logrecv.intake import Intake
from logrecv.web import QuietSite

#: Seconds that a connection may be idle between two requests, as those of Twisted's
#: own sites.
IDLE_TIMEOUT: Final = 60.0


class RecordSite(QuietSite):
    """
    The site of the HTTP input, with limits that hold before a resource is asked::

        >>> from twisted.internet import reactor
        >>> from twisted.internet.endpoints import serverFromString
        >>> from logrecv.testing import MemorySink
        >>> site = RecordSite(Intake(MemorySink(), reactor), reactor)
        >>> endpoint = serverFromString(reactor, "tcp:9022:interface=127.0.0.1")

    C{endpoint.listen(site)} begins to listen.

    @ivar intake: Takes the records.
    @ivar maxRecord: The largest body or query taken, in bytes.
    @ivar idle: Closes idle connections on which only stock requests have come.
    @ivar partials: Keeps account of requests that are not complete.
    @ivar discards: The pace at which refused clients are read.
    """

    protocol = BoundedChannel  # type: ignore[assignment]
    requestFactory = BoundedRequest

    def __init__(
        self,
        intake: Intake,
        reactor: IReactorTime,
        maxRecord: int = MAX_RECORD_SIZE,
        partials: PartialInputs | None = None,
        passwords: PasswordFile | None = None,
        scheduler: FairScheduler | None = None,
    ) -> None:
        """
        @param reactor: Tells when connections time out.
        @param partials: Keeps account of requests that are not complete, for other
            inputs too; L{None} for an account of this site alone.
        @param passwords: The users who may send; L{None} for everybody.
        @param scheduler: Divides the time among hosts, for other inputs too; L{None}
            for a scheduler of this site alone.
        """
        super().__init__(
            RecordResource(intake, maxRecord, passwords, scheduler),
            timeout=IDLE_TIMEOUT,
            reactor=reactor,
            parsePOSTFormSubmission=False,
        )
        self.intake = intake
        self.maxRecord = maxRecord
        self._restricted = passwords is not None
        self.idle = IdleTimeouts(reactor, IDLE_TIMEOUT)
        self.partials = partials or PartialInputs(reactor)
        self.discards = DiscardPace(reactor)

    def reject(self, path: bytes, reason: str, transport: object) -> None:
        """
        Count a request that never reached the resource.
        """
        host, sample = senderHost(transport), firstBytes(transport)
        self.intake.reject(viaOf(path), reason, 1, host, sample)

    def buildProtocol(self, addr: Any) -> Any:
        """
        Make the protocol of one connection.
        """
        if self._restricted:
            return self.buildChannel(addr)
        return HandlerRequests(self, addr)

    def buildChannel(self, addr: Any) -> Any:
        """
        Make a channel, which takes the slow path, for any requests.
        """
        channel = super().buildProtocol(addr)
        channel.MAX_LENGTH = channel.totalHeadersSize = self.maxRecord + HEAD_SIZE
        return channel
