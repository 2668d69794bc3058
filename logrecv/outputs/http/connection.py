"""
Connections to receivers that may be hostile: an answer has a limited size, and
nothing about an answer reaches the log of the operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IDelayedCall,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web._newclient import HTTP11ClientProtocol, ParseError, Request
from twisted.web.client import _HTTP11ClientFactory
from twisted.web.iweb import IBodyProducer, IResponse
from zope.interface import implementer

from logrecv.formats.safe import oneLine
from logrecv.outputs.silence import SILENT

#: Bytes of an answer before its body, at most, with all the C{1xx} answers before it:
#: as many as C{twisted.web} and nginx take of a request.
HEAD_SIZE: Final = 16 * 1024

#: Bytes of an answer from its body on, at most.  Only the first line is of use.
BODY_SIZE: Final = 64 * 1024

#: Seconds that the body of an answer may take, after its head.
BODY_TIMEOUT: Final = 5.0

#: Seconds that a connection is kept open for the next batch.  Servers close idle
#: connections after a while, usually 60 s or more; a request that meets the close has
#: to be sent again.
IDLE_TIMEOUT: Final = 20

#: Seconds that a receiver has to agree to the end of a connection.
CLOSE_TIMEOUT: Final = 0.5

#: Characters of an answer that is not HTTP that are shown.
_SHOWN_SIZE: Final = 60


class BadAnswer(Exception):
    """
    The receiver breaks a limit, or does not speak HTTP.
    """


class NotRead(Exception):
    """
    The receiver has not read the request before this one, which it answered.
    """


@implementer(IBodyProducer)
@define(eq=False)
class Body:
    """
    The body of a request, in memory.  The body is written in one go, so there is
    nothing to pause or to stop.

    @ivar data: The bytes.
    @ivar isFollowing: C{True} if the connection has carried a request before.  The
        body fails then with L{NotRead} while the transport still holds that request:
        it would hold more and more for a receiver that answers and never reads.
    """

    data: bytes
    isFollowing: bool = field(default=False, init=False)
    _paused: bool = field(default=False, init=False)

    @property
    def length(self) -> int:
        return len(self.data)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        # A transport with much to send pauses its producer at each write.
        consumer.write(self.data[:1])
        if self._paused and self.isFollowing:
            return fail(NotRead())
        consumer.write(self.data[1:])
        return succeed(None)

    def stopProducing(self) -> None:
        pass

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        pass


class Connection(HTTP11ClientProtocol):
    """
    A connection to a receiver.

    A receiver that breaks a limit before the body of its answer fails the request
    with L{BadAnswer}.  From the body on the answer is known, and a limit only ends the
    body.  A connection that is closed is gone after L{CLOSE_TIMEOUT}, even if the
    receiver reads nothing.
    """

    def __init__(
        self, whenIdle: Callable[[HTTP11ClientProtocol], None], clock: IReactorTime
    ) -> None:
        """
        @param whenIdle: Called with the connection when it can carry a request again.
        @param clock: The clock of the limits.
        """
        super().__init__(self._rest)
        self._whenIdle = whenIdle
        self._clock = clock
        self._deadline: IDelayedCall | None = None
        self._isUsed = False
        #: Bytes that the receiver may send until the head, or the body, has to end.
        self._left = 0
        #: C{True} if the receiver has sent more than it was asked for.
        self._hasMore = False

    def request(self, request: Request) -> Deferred[IResponse]:
        self._setDeadline(None)
        if isinstance(request.bodyProducer, Body):
            request.bodyProducer.isFollowing = self._isUsed
        self._isUsed = True
        self._left = HEAD_SIZE
        answered = super().request(request)
        if self._parser is not None:
            self._parser._log = SILENT
        return answered.addCallback(self._startBody)

    def dataReceived(self, data: bytes) -> None:
        """
        Read as much of an answer as an answer may have.
        """
        while data:
            if self.state != "WAITING":
                # The receiver was asked for nothing.
                self._abort()
                return
            if not self._left:
                problem = f"the answer has more than {HEAD_SIZE} bytes before its body"
                self._giveUp(Failure(BadAnswer(problem)))
                return
            part, data = data[: self._left], data[self._left :]
            self._left -= len(part)
            self._hasMore = bool(data)
            super().dataReceived(part)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._setDeadline(None)
        super().connectionLost(reason)

    def abort(self) -> Deferred[None]:
        """
        Close the connection, and fail a request.
        """
        closed: Deferred[None] = super().abort()
        if not closed.called:
            self._setDeadline(CLOSE_TIMEOUT)
        return closed

    def _startBody(self, response: IResponse) -> IResponse:
        if self.state == "WAITING":
            self._left = BODY_SIZE
            self._setDeadline(BODY_TIMEOUT)
        return response

    def _finishResponse(self, rest: bytes) -> None:
        self._hasMore = self._hasMore or bool(rest)
        super()._finishResponse(rest)

    def _rest(self, connection: HTTP11ClientProtocol) -> None:
        """
        Wait for the next request, unless an answer to it might be here already.
        """
        if self._hasMore:
            self._abort()
        else:
            self._setDeadline(IDLE_TIMEOUT + CLOSE_TIMEOUT)
            self._whenIdle(self)

    def _giveUp(self, reason: Failure) -> None:
        """
        Close the connection at the end of an answer, or because of the answer.
        """
        if reason.check(ConnectionDone):
            self._setDeadline(CLOSE_TIMEOUT)
        else:
            self._abort()
            if not reason.check(BadAnswer):
                reason = Failure(BadAnswer(_describe(reason.value)))
        super()._giveUp(reason)

    def _setDeadline(self, seconds: float | None) -> None:
        """
        @param seconds: The seconds after which the connection is aborted; L{None} if
            the connection may live on.
        """
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if seconds is not None:
            self._deadline = self._clock.callLater(seconds, self._expire)

    def _expire(self) -> None:
        self._deadline = None
        if self.state == "WAITING":
            self._giveUp(Failure(BadAnswer("the answer does not end")))
        else:
            self._abort()

    def _abort(self) -> None:
        cast(ITCPTransport, self.transport).abortConnection()


def _describe(error: BaseException | None) -> str:
    """
    Describe an answer that cannot be parsed.
    """
    problem = "the answer is not HTTP"
    if isinstance(error, ParseError):
        start = error.data[:_SHOWN_SIZE].decode("utf-8", "replace")
        problem += f": {oneLine(start)}"
    return problem


class ConnectionFactory(_HTTP11ClientFactory):
    """
    Makes connections without a line in the log for each.
    """

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        whenIdle: Callable[[HTTP11ClientProtocol], None],
        metadata: str,
    ) -> None:
        super().__init__(whenIdle, metadata)
        self._clock = clock

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        return Connection(self._quiescentCallback, self._clock)
