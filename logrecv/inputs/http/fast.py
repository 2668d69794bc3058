"""
The fast path of HTTP.

Nearly all requests are from a stock C{HTTPHandler}, and each is the only request of
its connection.  Such a request needs neither a channel nor a request object nor a
resource, which would cost more than its record does.  All other requests take the
slow path: see L{logrecv.inputs.http.channel} and L{logrecv.inputs.http.app}.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Protocol, cast

from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IReactorTime,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import Protocol as ConnectionProtocol
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Connection as TCPConnection
from twisted.python.failure import Failure
from twisted.web.http import datetimeToString
from twisted.web.server import version as SERVER

from logrecv.inputs.connection import Connection
from logrecv.inputs.http.app import viaOf
from logrecv.inputs.http.channel import IBoundedSite
from logrecv.inputs.limits.timeouts import IdleTimeouts
from logrecv.inputs.peers import firstBytes, senderHost, senderName
from logrecv.intake import Backpressure, Intake
from logrecv.reasons import INCOMPLETE
from logrecv.wire.errors import WireError
from logrecv.wire.forms.request import StockRequest, parseRequest

#: Writes a time, in seconds since the epoch; most often the one it wrote last.
_date: Final = lru_cache(1)(datetimeToString)


class IHandlerSite(IBoundedSite, Protocol):
    """
    The site of a connection that may take the fast path.

    @ivar intake: Takes the records.
    @ivar reactor: Tells the time.
    @ivar idle: Closes idle connections.
    """

    intake: Intake
    reactor: IReactorTime
    idle: IdleTimeouts

    def buildChannel(self, addr: IAddress | None) -> IProtocol:
        """
        Make the protocol of the slow path.
        """


def _sendNow(transport: object, data: bytes) -> int:
    """
    Send without asking the reactor first if there is room, since to ask costs more
    than to send.  Nothing that was written before may be waiting.

    @param transport: The transport of a connection.
    @return: The number of bytes that were sent.
    """
    if isinstance(transport, Connection):
        transport = transport.transport
    # No transport that encrypts, and no wrapper that only passes on attributes.
    if not isinstance(transport, TCPConnection) or transport.TLS:
        return 0
    if not transport.connected:
        return 0
    sent = transport.writeSomeData(data)
    # Not a number if the connection is lost, of which the reactor will tell.
    return sent if isinstance(sent, int) else 0


class HandlerRequests(ConnectionProtocol):
    """
    An HTTP connection on the fast path: only stock requests have come, and the
    answers were sent at once.

    The connection takes the slow path for good, which is that of a channel, as soon
    as anything else comes or an answer has to wait.
    """

    #: For L{PartialInputs}: a client on the fast path is always read.
    paused = False
    #: The slow path, once the connection takes it.
    _channel: IProtocol | None = None
    #: The length of the request that has begun, in bytes; 0 if none has.
    _length: int = 0
    #: The bytes that have come of that request.
    _held: bytearray

    def __init__(self, site: IHandlerSite, address: IAddress | None) -> None:
        """
        @param site: The site that is asked.
        @param address: The address of the client.
        """
        self._site = site
        self._address = address

    def connectionMade(self) -> None:
        """
        Wait for a request.
        """
        self._site.idle.start(self)

    def timedOut(self) -> None:
        """
        Close the connection.
        """
        # Not loseConnection, which waits until the client has read its answers.
        cast(ITCPTransport, self.transport).abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """
        Take a stock request, or leave all bytes to the slow path.
        """
        if self._length:
            self._held += data
            if len(self._held) < self._length:
                self._site.partials.received(self, len(self._held))
                return
            data = bytes(self._held)
            self._release()
        if self._channel is None:
            request = parseRequest(data)
            if request is not None and self._isForm(request):
                missing = request.length - len(request.form)
                if missing:
                    self._hold(data, len(data) + missing)
                else:
                    self._take(request.form)
                return
        self._takeSlowPath().dataReceived(data)

    def _isForm(self, request: StockRequest) -> bool:
        """
        Return C{True} if a request is a form record that is not too long.
        """
        if request.path is not None and viaOf(request.path) == "json":
            # There JSON is sent too, and under the type of forms.
            return False
        return request.length <= self._site.maxRecord

    def _hold(self, data: bytes, length: int) -> None:
        """
        Hold a request until its form comes: C{HTTPHandler} sends the head first.

        @param data: The beginning of the request.
        @param length: The length of the whole request, in bytes.
        """
        self._held, self._length = bytearray(data), length
        self._site.idle.cancel(self)
        self._site.partials.started(self, len(data))

    def _release(self) -> None:
        """
        Hold no request any more.
        """
        self._length = 0
        del self._held
        self._site.partials.finished(self)

    def abandon(self, reason: str) -> None:
        """
        Count the request that is held as rejected, and close the connection.
        """
        self._release()
        self._reject(reason)
        cast(ITCPTransport, self.transport).abortConnection()

    def _reject(self, reason: str) -> None:
        host = senderHost(self.transport)
        self._site.intake.reject("http", reason, 1, host, firstBytes(self.transport))

    def _take(self, form: bytes) -> None:
        """
        Take a form record, and answer as L{logrecv.inputs.http.app} does.
        """
        try:
            self._site.intake.formReceived(form, senderName(self.transport))
        except WireError as error:
            self._answer(b"400 Bad Request", str(error))
        except Backpressure as error:
            self._answer(b"503 Service Unavailable", str(error), b"Retry-After: 1\r\n")
        else:
            self._answer(b"204 No Content")

    def _answer(self, status: bytes, text: str = "", fields: bytes = b"") -> None:
        """
        Answer a request.

        @param status: The status and its phrase.
        @param text: The line of the body, without its end; empty for no body.
        @param fields: Further header fields.
        """
        body = b""
        if text:
            body = text.encode("utf-8") + b"\n"
            fields += b"Content-Type: text/plain; charset=utf-8\r\n"
        date = _date(int(self._site.reactor.seconds()))
        answer = (
            b"HTTP/1.1 %s\r\nServer: %s\r\nDate: %s\r\n%sContent-Length: %d\r\n\r\n%s"
            % (status, SERVER, date, fields, len(body), body)
        )
        rest = answer[_sendNow(self.transport, answer) :]
        if rest:
            # The next request has to wait for this answer, and a channel can wait.
            self._takeSlowPath()
            cast(ITransport, self.transport).write(rest)
        else:
            self._site.idle.start(self)

    def _takeSlowPath(self) -> IProtocol:
        """
        Return the channel, which receives all bytes from now on.
        """
        if self._channel is None:
            self._site.idle.cancel(self)
            self._channel = self._site.buildChannel(self._address)
            self._channel.makeConnection(cast(ITransport, self.transport))
        return self._channel

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Count a request that was cut off.
        """
        if self._channel is not None:
            self._channel.connectionLost(reason)
            return
        self._site.idle.cancel(self)
        if self._length:
            self._release()
            self._reject(INCOMPLETE)
