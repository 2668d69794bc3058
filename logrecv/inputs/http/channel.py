"""
HTTP connections with the limits of a receiver of records.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, Protocol, cast

from twisted.internet.interfaces import ITCPTransport, ITransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from logrecv.inputs.http.app import PATH_SIZE
from logrecv.inputs.http.lingering import DiscardPace, Lingering
from logrecv.inputs.limits.partial import PartialInputs
from logrecv.reasons import INCOMPLETE, MALFORMED, TOO_LONG, TOO_SLOW

#: Bytes of request line and header fields beyond the record that a GET carries.
#: HTTPHandler sends some 200; credentials and proxies add theirs.
HEAD_SIZE: Final = 16384

#: Bytes of a request line before the query: the method, the path and the version.
_TARGET_SIZE: Final = PATH_SIZE + 32

#: Header fields of one request.  HTTPHandler sends 5.
_HEADER_FIELDS: Final = 100


class IBoundedSite(Protocol):
    """
    The site of a connection.

    @ivar maxRecord: The largest body or query taken, in bytes.
    @ivar partials: Keeps account of requests that are not complete.
    @ivar discards: The pace at which refused clients are read.
    """

    maxRecord: int
    partials: PartialInputs
    discards: DiscardPace

    def reject(self, path: bytes, reason: str, transport: object) -> None:
        """
        Count a request that never reached the resource.

        @param path: The path, as far as it is known.
        @param reason: A constant of L{logrecv.reasons}.
        @param transport: The transport of the client.
        """


def _hasLongPath(line: bytes | bytearray) -> bool:
    """
    Return C{True} if the path in a request line, or in its beginning, is too long.
    """
    return len(line) > _TARGET_SIZE and b"?" not in line[: _TARGET_SIZE + 1]


class _State(Enum):
    """
    How far the next request of a connection has come.
    """

    #: No line of the request has come, but perhaps the beginning of its first.
    WAITING = "waiting"
    #: The request line has come, and is being read.
    REQUEST_LINE = "request line"
    #: The request line has been read; header fields or a body are to come.
    HEADERS = "headers"
    #: All bytes that come are thrown away.
    ENDED = "ended"


class BoundedChannel(HTTPChannel):
    """
    An HTTP connection that holds a bounded part of a request for a bounded time.

    @ivar site: The site of the connection.
    """

    site: IBoundedSite
    maxHeaders = _HEADER_FIELDS
    #: For L{PartialInputs}: a client that is not read has not read its answers, and
    #: its time runs on.
    paused = False
    _state: _State = _State.WAITING
    #: Bytes of whole lines of the request that has begun, and of its header fields.
    _headSize = 0
    _fieldsSize = 0
    #: The end of the connection, when the client was refused.
    _lingering: Lingering | None = None

    def __init__(self) -> None:
        super().__init__()
        #: The beginning of a line, which LineReceiver would copy at each read.
        self._line = bytearray()

    @property
    def maxRecord(self) -> int:
        """
        The largest body taken, in bytes.
        """
        return self.site.maxRecord

    def pauseReading(self) -> None:
        """
        Read nothing until the request at hand is done.
        """
        self._networkProducer.pauseProducing()

    def resetTimeout(self) -> None:
        """
        Do nothing: a timeout that every byte puts off stops no slow client.
        """

    def timeoutConnection(self) -> None:
        """
        Close the connection of a client that is late or sends nothing.
        """
        if self._state is _State.WAITING:
            # Not loseConnection, which waits until the client has read its answers.
            cast(ITCPTransport, self.transport).abortConnection()
        else:
            self.abandon(TOO_SLOW)

    def dataReceived(self, data: bytes) -> None:
        """
        Read on, and keep account of the request that is not complete.
        """
        if self._state is _State.ENDED:
            if self._lingering is not None:
                self._lingering.discard(data)
            return
        if self._busyReceiving:
            super().dataReceived(data)
            return
        if self._waitingForTransport:
            self._buffer += data
        elif self.line_mode and not self._buffer and not self._endsLine(data):
            self._line += data
            if self._state is _State.WAITING and _hasLongPath(self._line):
                self.lineLengthExceeded(bytes(self._line))
        else:
            data = bytes(self._line) + data
            self._line = bytearray()
            super().dataReceived(data)
            if self._waitingForTransport:
                # HTTPChannel does not pause while it handles a request.
                self._networkProducer.pauseProducing()
            elif self.line_mode:
                self._line += self._buffer
                self._buffer = b""
        self._account()

    def _endsLine(self, data: bytes) -> bool:
        """
        Return C{True} if a line is whole with new data, or too long.
        """
        return (
            b"\r\n" in data
            or (data.startswith(b"\n") and self._line.endswith(b"\r"))
            or len(self._line) + len(data) > self.MAX_LENGTH
        )

    def _account(self) -> None:
        """
        Tell how many bytes are held of a request that is not complete.
        """
        held = self._headSize + len(self._line) + len(self._buffer)
        if self.requests:
            held += self.requests[-1].held
        if self._state is _State.ENDED or not held:
            self.site.partials.finished(self)
        else:
            self.site.partials.received(self, held)

    def lineReceived(self, line: bytes) -> bool:
        """
        Take a line of the head of a request.

        @return: C{True} if no more can be read for now: the client has to read its
            answers first.
        """
        if line and self._state is _State.WAITING:
            self._state = _State.REQUEST_LINE
            self.setTimeout(self.site.partials.deadline)
        if self._state is _State.REQUEST_LINE and _hasLongPath(line):
            self.lineLengthExceeded(line)
            return True
        if self._state is not _State.WAITING:
            self._headSize += len(line)
        if self._state is _State.HEADERS:
            self._fieldsSize += len(line)
            if self._fieldsSize > HEAD_SIZE:
                self.lineLengthExceeded(line)
                return True
            if line.startswith((b" ", b"\t")):
                # RFC 9112, 5.2: a header field that goes on in a second line.
                self._respondToBadRequestAndDisconnect()
                return True
        super().lineReceived(line)
        if self._state is _State.REQUEST_LINE:
            self._state = _State.HEADERS
            self.MAX_LENGTH = HEAD_SIZE
        return self._cannotRead()

    def rawDataReceived(self, data: bytes) -> bool:  # type: ignore[override]
        """
        Take a piece of the body of a request.

        @return: As L{lineReceived}.
        """
        super().rawDataReceived(data)
        return self._cannotRead()

    def _cannotRead(self) -> bool:
        return self._state is _State.ENDED or bool(self._waitingForTransport)

    def headerReceived(self, line: bytes) -> bool:
        """
        Take a header field.
        """
        try:
            return super().headerReceived(line)
        except ValueError:
            # A Content-Length with more digits than Python reads.
            self._respondToBadRequestAndDisconnect()
            return False

    def allContentReceived(self) -> None:
        """
        Handle a request that is complete, and be ready for the next request.
        """
        if self._state is _State.ENDED:
            return
        self._state = _State.WAITING
        self._headSize = self._fieldsSize = 0
        self.MAX_LENGTH = self.totalHeadersSize
        # The time of the next request runs from the bytes that have come of it.
        self.site.partials.finished(self)
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """
        Go on with the next request, but not after a page: a page costs most, and a
        person asks for a page once.
        """
        if request.code == 200:
            self.persistent = False
        super().requestDone(request)

    def resumeProducing(self) -> None:
        """
        Read on, now that the client has read its answers.
        """
        super().resumeProducing()
        if self._buffer and not self._busyReceiving:
            self.dataReceived(b"")

    def abandon(self, reason: str) -> None:
        """
        Count the request that is not complete as rejected, and close the connection.
        """
        self._end(reason)
        cast(ITCPTransport, self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Count a request that was cut off.
        """
        self.site.partials.finished(self)
        self._end(INCOMPLETE)
        if self._lingering is not None:
            self._lingering.stop()
        super().connectionLost(reason)

    def lineLengthExceeded(self, line: bytes) -> None:
        """
        Say that a request line or a header field is too long.
        """
        if self._state is _State.HEADERS:
            status = b"431 Request Header Fields Too Large"
        else:
            status = b"414 URI Too Long"
        self.refuse(status, b"the request line or a header is too long\n", TOO_LONG)

    def _respondToBadRequestAndDisconnect(self) -> None:
        self.refuse(b"400 Bad Request", b"this is no HTTP request\n", MALFORMED)

    def _send100Continue(self) -> None:
        # A client that was refused waits with its body, and keeps the body.
        if self._state is not _State.ENDED:
            super()._send100Continue()

    def _end(self, reason: str) -> None:
        """
        Throw away all bytes that come, and count the unfinished request, once.
        """
        state, self._state = self._state, _State.ENDED
        rest = self._line + self.clearLineBuffer()
        self._line = bytearray()
        if state is _State.ENDED:
            return
        if state is _State.WAITING:
            if self.persistent and rest.strip():
                self.reject(reason)
        elif self.requests:
            self.requests[-1].abandon(reason)
        else:
            self.reject(reason)

    def reject(self, reason: str) -> None:
        """
        Count a request that never reached the resource.
        """
        path = getattr(self, "_path", b"").partition(b"?")[0]
        self.site.reject(path, reason, self.transport)

    def refuse(self, status: bytes, text: bytes, reason: str) -> None:
        """
        Answer before the request is complete, and close the connection soon.

        To close at once would reset the connection, and a client that is still
        sending would never read the answer.
        """
        if self._state is _State.ENDED:
            return
        if self._state is _State.WAITING:
            # The line that cannot be read is the first of a request.
            self._state = _State.REQUEST_LINE
        self._end(reason)
        cast(ITransport, self.transport).write(
            b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (status, len(text), text)
        )
        cast(Any, self._networkProducer).unregisterProducer()
        self.setTimeout(None)
        self._lingering = Lingering(self.transport, self.site.discards)
        self._lingering.start()
