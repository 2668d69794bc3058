"""
The short way of HTTP.

Nearly all requests are a stock C{HTTPHandler}'s, and the only one of their
connection.  They need neither a channel nor a request nor a resource, which would
cost more than their records do.  Whatever else comes goes the long way: see
L{logrecv.inputs.http.site}.
"""

from __future__ import annotations

import re
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

from logrecv.inputs.limits.partial import PartialInputs
from logrecv.inputs.limits.timeouts import IdleTimeouts
from logrecv.inputs.peers import senderName
from logrecv.inputs.streams import Connection
from logrecv.intake import Backpressure, Intake
from logrecv.reasons import INCOMPLETE
from logrecv.wire.errors import WireError

#: Header fields of a stock handler that say nothing about how its request is to
#: be read.
_OTHER_FIELDS: Final = rb"(?:(?:Host|Accept-Encoding|Authorization): [ -~]*\r\n){0,4}"

#: The head of a request as C{HTTPHandler} writes it, with the whole record where
#: that is a query.
_STOCK: Final = re.compile(
    rb"(?:POST (?P<path>/[\w./~-]*)|GET /[\w./~-]*\?(?P<query>[\w.~%+&=-]+))"
    rb" HTTP/1\.1\r\n"
    + _OTHER_FIELDS
    + rb"(?:Content-type: application/x-www-form-urlencoded\r\n"
    rb"Content-length: (?P<length>[0-9]{1,9})\r\n" + _OTHER_FIELDS + rb")?\r\n"
)

#: The longest head that is looked at here, without a query, in bytes.  C{HTTPHandler}
#: sends some 200; how long others may be is for the channel to say.
_HEAD: Final = 4096

#: Writes a time, in seconds since the epoch; most often the one it wrote last.
_date: Final = lru_cache(1)(datetimeToString)


class IStockSite(Protocol):
    """
    What is to be known of the site that is asked.

    @ivar intake: Takes what is sent.
    @ivar maxRecord: The largest body or query taken, in bytes.
    @ivar reactor: Tells the time.
    @ivar idle: Closes connections on which nothing comes.
    @ivar partials: Keeps account of requests that are under way.
    """

    intake: Intake
    maxRecord: int
    reactor: IReactorTime
    idle: IdleTimeouts
    partials: PartialInputs

    def buildChannel(self, addr: IAddress | None) -> IProtocol:
        """
        Make what goes the long way.
        """


def _stockForm(data: bytes) -> tuple[bytes, int] | None:
    """
    Find the form in a request that C{HTTPHandler} sent.

    @param data: What has come of a connection.
    @return: What has come of the form, and how long all of it is; L{None} if this is
        anything else than one request, or could be.
    """
    head = _STOCK.match(data)
    if head is None:
        return None
    path, query, length = head.groups()
    if head.end() - len(query or b"") > _HEAD:
        return None
    form = data[head.end() :]
    if query is not None:
        return (query, len(query)) if length is None and not form else None
    # To there JSON is sent as well, and under the type of forms too.
    if length is None or path == b"/records" or len(form) > int(length):
        return None
    return form, int(length)


def _sendNow(transport: object, data: bytes) -> int:
    """
    Send without asking the reactor first when there is room, which costs more
    than to send.  Nothing that was written before may be waiting.

    @param transport: What a client is connected to.
    @return: How many bytes were sent.
    """
    if isinstance(transport, Connection):
        transport = transport.transport
    # Not what encrypts, nor what only passes on attributes of one of these.
    if not isinstance(transport, TCPConnection) or transport.TLS:
        return 0
    if not transport.connected:
        return 0
    sent = transport.writeSomeData(data)
    # Not a number if the connection is lost, of which the reactor will tell.
    return sent if isinstance(sent, int) else 0


class HandlerRequests(ConnectionProtocol):
    """
    An HTTP connection on which nothing has come yet but stock requests, the answers
    to which were sent at once.  It becomes that of a channel as soon as something
    else comes, or an answer has to wait.
    """

    #: For L{PartialInputs}: as long as this answers, the client is read.
    paused = False
    _channel: IProtocol | None = None
    #: How long the request is that has begun; 0 if none has.
    _length: int = 0
    #: What has come of it.
    _begun: bytearray

    def __init__(self, site: IStockSite, address: IAddress | None) -> None:
        """
        @param address: Where the client is.
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
        # Not loseConnection, which would wait until all answers are read.
        cast(ITCPTransport, self.transport).abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """
        Take a stock request, or leave what has come to the channel.
        """
        if self._length:
            self._begun += data
            if len(self._begun) < self._length:
                self._site.partials.received(self, len(self._begun))
                return
            data = bytes(self._begun)
            self._forget()
        if self._channel is None:
            found = _stockForm(data)
            if found is not None and found[1] <= self._site.maxRecord:
                form, length = found
                if len(form) == length:
                    self._take(form)
                else:
                    self._hold(data, len(data) - len(form) + length)
                return
        self._goLong().dataReceived(data)

    def _hold(self, data: bytes, length: int) -> None:
        """
        Wait for the rest: C{HTTPHandler} sends the head and the form apart.

        @param data: The beginning of a request.
        @param length: How long all of it is.
        """
        self._begun, self._length = bytearray(data), length
        self._site.idle.cancel(self)
        self._site.partials.started(self, len(data))

    def _forget(self) -> None:
        """
        Hold nothing any more.
        """
        self._length = 0
        del self._begun
        self._site.partials.finished(self)

    def abandon(self, reason: str) -> None:
        """
        See L{logrecv.inputs.limits.partial.IPartialInput.abandon}.
        """
        self._forget()
        self._site.intake.reject("http", reason)
        cast(ITCPTransport, self.transport).abortConnection()

    def _take(self, form: bytes) -> None:
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
        Answer a request as its resource would.

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
        answer = answer[_sendNow(self.transport, answer) :]
        if answer:
            # What comes next has to wait for it, and a channel knows how to.
            self._goLong()
            cast(ITransport, self.transport).write(answer)
        else:
            self._site.idle.start(self)

    def _goLong(self) -> IProtocol:
        """
        Give the channel, which there is from now on.
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
            self._forget()
            self._site.intake.reject("http", INCOMPLETE)
