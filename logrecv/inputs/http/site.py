"""
C{HTTPHandler}, and JSON.

A form record is taken on every path, since a stock handler that was given a
wrong one would lose its records and never notice.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, ClassVar, Final, cast

from klein import Klein
from twisted.cred.error import LoginFailed
from twisted.internet.interfaces import IReactorTime, ITCPTransport, ITransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.guard import BasicCredentialFactory
from twisted.web.http import HTTPChannel
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from logrecv.dedup import isName
from logrecv.inputs.http import page
from logrecv.inputs.http.auth import Busy, PasswordFile
from logrecv.inputs.http.fast import HandlerRequests
from logrecv.inputs.limits.partial import PartialInputs
from logrecv.inputs.limits.timeouts import IdleTimeouts
from logrecv.inputs.peers import peerName
from logrecv.intake import Backpressure, Intake
from logrecv.reasons import (
    INCOMPLETE,
    MALFORMED,
    OVERLOAD,
    TOO_LONG,
    TOO_SLOW,
    UNAUTHORIZED,
)
from logrecv.web import HostGuard, QuietSite, answer
from logrecv.wire.errors import WireError

_FORM: Final = b"application/x-www-form-urlencoded"

#: The content types that JSON is sent under: RFC 8259, and the names in use for
#: an object a line.
_JSON: Final = (
    b"application/json",
    b"application/x-ndjson",
    b"application/ndjson",
    b"application/jsonl",
    b"application/x-jsonlines",
    b"text/plain",
)

_REALM: Final = b"logrecv"

#: Bytes of request line and headers beyond the record that a GET carries.
#: HTTPHandler sends some 200; credentials and proxies add theirs.
_HEADERS: Final = 16384

#: Seconds that a connection may be idle between two requests, as those of Twisted's
#: own sites.
IDLE: Final = 60.0

#: Header fields of one request.  HTTPHandler sends 5.
_HEADER_FIELDS: Final = 100


def _contentType(request: IRequest) -> bytes:
    value: bytes = request.getHeader(b"content-type") or b""
    return value.partition(b";")[0].strip().lower()


def _peer(request: IRequest) -> str:
    return peerName(request.getClientAddress(), request.getHost())


def _via(request: IRequest) -> str:
    return "json" if b"/".join(request.postpath) == b"records" else "http"


def _later(request: IRequest, error: Backpressure) -> bytes:
    request.setHeader(b"retry-after", b"1")
    return answer(request, 503, str(error))


def _noContent(request: IRequest) -> bytes:
    request.setResponseCode(204)
    return b""


class RecordPages:
    """
    The addresses that are taken otherwise than by form records.
    """

    router: ClassVar[Klein] = Klein()

    def __init__(self, intake: Intake) -> None:
        """
        @param intake: Takes what is sent.
        """
        self._intake = intake

    @router.route("/", methods=["GET", "HEAD"])
    def front(self, request: IRequest) -> bytes:
        """
        Tell a person what this is.
        """
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        host = request.getHeader(b"host") or b"localhost"
        scheme = "https" if request.isSecure() else "http"
        return page.render(scheme, host.decode("ascii", "replace"))

    @router.route("/records", methods=["POST"])
    def records(self, request: IRequest) -> bytes:
        """
        Take JSON.
        """
        encoding = request.getHeader(b"content-encoding") or b"identity"
        if encoding.strip().lower() != b"identity":
            self._intake.reject("json", MALFORMED)
            return answer(request, 415, "send the body without a content-encoding")
        batch = request.getHeader(b"logrecv-batch")
        name = None if batch is None else batch.decode("latin-1")
        if name is not None and not isName(name):
            self._intake.reject("json", MALFORMED)
            return answer(
                request, 400, "Logrecv-Batch: up to 200 visible ASCII characters"
            )
        try:
            self._intake.jsonReceived(request.content.read(), _peer(request), name)
        except WireError as error:
            return answer(request, 400, f"{error}; nothing of this request was taken")
        except Backpressure as error:
            return _later(request, error)
        return _noContent(request)


class _RecordPagesResource(HostGuard):
    """
    Those pages, where every record that is refused is counted.
    """

    def __init__(self, intake: Intake) -> None:
        super().__init__(RecordPages(intake).router.resource())
        self._intake = intake

    def renderBadHost(self, request: IRequest) -> bytes:
        if _via(request) == "json":
            self._intake.reject("json", MALFORMED)
        return super().renderBadHost(request)


class RecordResource(Resource):
    """
    Receives from C{HTTPHandler}s, and JSON under C{records}.  It can be mounted
    anywhere in a site.
    """

    isLeaf = True

    def __init__(
        self,
        intake: Intake,
        maxRecord: int = 1048576,
        passwords: PasswordFile | None = None,
    ) -> None:
        """
        @param intake: Takes what is sent.
        @param maxRecord: The largest body or query taken, in bytes.
        @param passwords: Who may send; L{None} for everybody.
        """
        super().__init__()
        self._intake = intake
        self._passwords = passwords
        self._maxRecord = maxRecord
        self._pages = _RecordPagesResource(intake)

    def render(self, request: IRequest) -> bytes | int:
        """
        Take a form record, or answer as its page does, to who may send.
        """
        if self._passwords is None:
            return self._render(request)
        header = request.getHeader(b"authorization") or b""
        scheme, _, encoded = header.partition(b" ")
        if scheme.lower() != b"basic":
            return self._unauthorized(request)
        try:
            given = BasicCredentialFactory(_REALM).decode(encoded, request)
            checked = self._passwords.check(given.username, given.password)
        except LoginFailed:
            return self._unauthorized(request)
        except Busy:
            self._intake.reject(_via(request), OVERLOAD)
            return answer(request, 503, "too many passwords are being checked")
        gone: list[object] = []
        cast(Request, request).notifyFinish().addBoth(gone.append)

        def proceed(correct: bool) -> None:
            # A record that has come whole is taken, even if its sender has not
            # waited for the answer.
            result = self._render(request) if correct else self._unauthorized(request)
            if isinstance(result, bytes) and not gone:
                request.write(result)
                request.finish()

        checked.addCallback(proceed).addErrback(cast(Request, request).processingFailed)
        return NOT_DONE_YET

    def _unauthorized(self, request: IRequest) -> bytes:
        self._intake.reject(_via(request), UNAUTHORIZED)
        request.setHeader(b"www-authenticate", b'Basic realm="%s"' % (_REALM,))
        return answer(request, 401, "a user and password are needed")

    def _render(self, request: IRequest) -> bytes | int:
        method: bytes = request.method
        path = b"/" + b"/".join(request.postpath)
        _, _, query = request.uri.partition(b"?")
        if method == b"GET" and query:
            return self._takeForm(request, query)
        if method == b"POST" and self._isForm(request, path):
            return self._takeForm(request, request.content.read())
        if method == b"POST" and path == b"/records":
            return self._takeJSON(request)
        if method in (b"GET", b"HEAD") and path == b"/":
            return self._pages.render(request)
        return self._refuse(request, method, path)

    def _isForm(self, request: IRequest, path: bytes) -> bool:
        contentType = _contentType(request)
        if path != b"/records":
            return contentType in (b"", _FORM)
        # curl -d sends JSON under the type of forms; no form begins like it.
        beginning = request.content.read(64).lstrip()[:1]
        request.content.seek(0)
        return contentType == _FORM and beginning not in (b"{", b"[")

    def _takeForm(self, request: IRequest, body: bytes) -> bytes:
        if len(body) > self._maxRecord:
            self._intake.reject("http", TOO_LONG)
            return answer(request, 413, self._tooLong())
        try:
            self._intake.formReceived(body, _peer(request))
        except WireError as error:
            return answer(request, 400, str(error))
        except Backpressure as error:
            return _later(request, error)
        return _noContent(request)

    def _takeJSON(self, request: IRequest) -> bytes | int:
        contentType = _contentType(request)
        if contentType not in (b"", _FORM, *_JSON):
            self._intake.reject("json", MALFORMED)
            return answer(
                request,
                415,
                "send records as application/json or application/x-ndjson",
            )
        length = request.content.seek(0, 2)
        request.content.seek(0)
        if length > self._maxRecord:
            self._intake.reject("json", TOO_LONG)
            return answer(request, 413, self._tooLong())
        return self._pages.render(request)

    def _tooLong(self) -> str:
        return f"a request may hold {self._maxRecord} bytes; send less at once"

    def _refuse(self, request: IRequest, method: bytes, path: bytes) -> bytes:
        if method == b"POST":
            self._intake.reject("http", MALFORMED)
            return answer(
                request,
                415,
                "send a form as application/x-www-form-urlencoded, or JSON to /records",
            )
        if method in (b"GET", b"HEAD") and path != b"/records":
            return answer(request, 404, "nothing is here; records are sent, not read")
        allowed = b"POST" if path == b"/records" else b"GET, POST"
        request.setHeader(b"allow", allowed)
        return answer(request, 405, f"the method must be {allowed.decode('ascii')}")


class _BoundedRequest(Request):
    """
    A request that is refused before its body is read if that is too long, and
    never written to disk.

    @ivar refused: Whether it has been counted as rejected.
    """

    channel: _RecordChannel
    refused = False
    _complete = False
    _size = 0

    @property
    def held(self) -> int:
        """
        Bytes of the body that are kept while it is not complete.
        """
        return 0 if self.refused or self._complete else self._size

    def gotLength(self, length: int | None) -> None:
        """
        Make room for the body, or refuse it.
        """
        self.content = BytesIO()
        if length is not None and length > self.channel.site.maxRecord:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """
        Keep a piece of the body, unless the request is refused.
        """
        self._size += len(data)
        if self.refused:
            return
        if self._size > self.channel.site.maxRecord:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        Handle the request, now that all of it has come.
        """
        self._complete = True
        if self.refused:
            self.channel.loseConnection()
            return
        # Not as the class above us does it: that would take the query apart,
        # which may be as large as a record, and at semicolons too.
        assert self.content is not None
        self.content.seek(0)
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.args = {}
        self.process()

    def connectionLost(self, reason: Failure) -> None:
        """
        Count a request that was cut off.
        """
        self.abandon(INCOMPLETE)
        super().connectionLost(reason)

    def abandon(self, reason: str) -> None:
        """
        Count the request as rejected, unless it is complete or has been, and
        keep nothing of it.
        """
        if not self._complete and not self.refused:
            self.refused = True
            self.content = BytesIO()
            self.channel.reject(reason)

    def _refuse(self) -> None:
        # The body is read on and thrown away until the deadline: closing at
        # once would reset the connection, and the client would never read why.
        self.abandon(TOO_LONG)
        self.channel.refuse(
            b"413 Content Too Large",
            b"a request may hold %d bytes; send less at once\n"
            % (self.channel.site.maxRecord,),
        )


class _RecordChannel(HTTPChannel):
    """
    An HTTP connection with the limits of a receiver of records.
    """

    site: RecordSite
    maxHeaders = _HEADER_FIELDS
    #: What holds a client up here is only that it does not read its answers.
    paused = False
    #: Whether a request has begun and is not complete.
    _begun = False
    #: Whether nothing that may yet come is looked at.
    _ended = False
    #: Whether the read that is being handled completed a request.
    _completed = False
    #: Bytes of whole lines of the request that has begun, and of its headers.
    _head = 0
    _fields = 0

    def __init__(self) -> None:
        super().__init__()
        #: The beginning of a line.  LineReceiver would copy it at each read.
        self._line = bytearray()

    def resetTimeout(self) -> None:
        """
        Do nothing: a timeout that every byte puts off stops no slow client.
        """

    def timeoutConnection(self) -> None:
        """
        Close the connection of a client that is late or has gone quiet.
        """
        if self._begun:
            self.abandon(TOO_SLOW)
        else:
            # Not loseConnection, which waits until all answers are read.
            cast(ITCPTransport, self.transport).abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """
        Read on, and keep account of what is unfinished.
        """
        if self._ended:
            return
        if self._busyReceiving:
            super().dataReceived(data)
            return
        self._completed = False
        if self._waitingForTransport:
            self._buffer += data
        elif self.line_mode and not self._buffer and not self._endsLine(data):
            self._line += data
        else:
            data = bytes(self._line) + data
            self._line = bytearray()
            super().dataReceived(data)
            if self._waitingForTransport:
                # HTTPChannel does not while it handles a request.
                self._networkProducer.pauseProducing()
            elif self.line_mode:
                self._line += self._buffer
                self._buffer = b""
        self._account()

    def _endsLine(self, data: bytes) -> bool:
        """
        Whether there is a whole line now, or one that is too long.
        """
        return (
            b"\r\n" in data
            or (data.startswith(b"\n") and self._line.endswith(b"\r"))
            or len(self._line) + len(data) > self.MAX_LENGTH
        )

    def _account(self) -> None:
        """
        Tell how much is held of what is unfinished.
        """
        held = self._head + len(self._line) + len(self._buffer)
        if self.requests:
            held += self.requests[-1].held
        partials = self.site.partials
        if self._ended or not held:
            partials.finished(self)
        elif self._completed:
            partials.started(self, held)
        else:
            partials.received(self, held)

    def lineReceived(self, line: bytes) -> bool:
        """
        Take a line of the head of a request.

        @return: Whether no more can be read for now: the client has to read its
            answers first.
        """
        if line and not self._begun:
            self._begun = True
            self.setTimeout(self.site.partials.deadline)
        if self._begun:
            self._head += len(line)
        if hasattr(self, "_version"):
            self._fields += len(line)
            if self._fields > _HEADERS:
                self.lineLengthExceeded(line)
                return True
            if line.startswith((b" ", b"\t")):
                # RFC 9112, 5.2: a header that goes on in a second line.
                self._respondToBadRequestAndDisconnect()
                return True
        super().lineReceived(line)
        if hasattr(self, "_version"):
            self.MAX_LENGTH = _HEADERS
        return self._ended or self._waitingForTransport

    def rawDataReceived(self, data: bytes) -> bool:  # type: ignore[override]
        """
        Take a piece of the body of a request.

        @return: As L{lineReceived}.
        """
        super().rawDataReceived(data)
        return self._ended or self._waitingForTransport

    def headerReceived(self, line: bytes) -> bool:
        """
        Take a header.
        """
        try:
            return super().headerReceived(line)
        except ValueError:
            # A Content-Length with more digits than Python reads.
            self._respondToBadRequestAndDisconnect()
            return False

    def allContentReceived(self) -> None:
        """
        Handle a request that is complete, and be ready for the next.
        """
        self._begun = False
        self._completed = True
        self._head = self._fields = 0
        self.MAX_LENGTH = self.totalHeadersSize
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:
        """
        Go on with the next request, save after a page: it is what costs most,
        and a person asks for it once.
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
        See L{logrecv.inputs.limits.partial.IPartialInput.abandon}.
        """
        self._end(reason)
        cast(ITCPTransport, self.transport).abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Count a request that was cut off.
        """
        self.site.partials.finished(self)
        if not self._ended:
            self._end(INCOMPLETE)
        super().connectionLost(reason)

    def lineLengthExceeded(self, line: bytes) -> None:
        """
        Say that a request line or header is too long.
        """
        if hasattr(self, "_version"):
            status = b"431 Request Header Fields Too Large"
        else:
            status = b"414 URI Too Long"
        self._begun = True
        self._end(TOO_LONG)
        self.refuse(status, b"the request line or a header is too long\n")
        self.loseConnection()

    def _respondToBadRequestAndDisconnect(self) -> None:
        if not self._ended:
            self._begun = True
            self._end(MALFORMED)
            super()._respondToBadRequestAndDisconnect()

    def _send100Continue(self) -> None:
        if self.requests[-1].refused:
            # This client waits with its body, and has been told to keep it.
            self._end(TOO_LONG)
            self.loseConnection()
        else:
            super()._send100Continue()

    def _end(self, reason: str) -> None:
        """
        Look at nothing any more, and count what is unfinished.
        """
        self._ended = True
        rest = self._line + self.clearLineBuffer()
        self._line = bytearray()
        if self._begun and self.requests:
            self.requests[-1].abandon(reason)
        elif self._begun or (self.persistent and rest.strip()):
            self.reject(reason)

    def reject(self, reason: str) -> None:
        """
        Count a request that never reached the resource.
        """
        path = getattr(self, "_path", b"").partition(b"?")[0]
        via = "json" if path == b"/records" else "http"
        self.site.intake.reject(via, reason)

    def refuse(self, status: bytes, text: bytes) -> None:
        """
        Answer without waiting for the request.
        """
        cast(ITransport, self.transport).write(
            b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n\r\n%s"
            % (status, len(text), text)
        )


class RecordSite(QuietSite):
    """
    The site of the HTTP input, with limits that hold before a resource is
    asked.

    @ivar intake: Takes what is sent.
    @ivar maxRecord: The largest body or query taken, in bytes.
    @ivar idle: Closes connections on which nothing has come but stock requests.
    """

    protocol = _RecordChannel  # type: ignore[assignment]
    requestFactory = _BoundedRequest

    def __init__(
        self,
        intake: Intake,
        reactor: IReactorTime,
        maxRecord: int = 1048576,
        partials: PartialInputs | None = None,
        passwords: PasswordFile | None = None,
    ) -> None:
        """
        @param reactor: Times connections out.
        @param passwords: Who may send; L{None} for everybody.
        @param partials: Keeps account of requests that are under way, where
            that is shared with other inputs.
        """
        super().__init__(
            RecordResource(intake, maxRecord, passwords),
            timeout=IDLE,
            reactor=reactor,
            parsePOSTFormSubmission=False,
        )
        self.intake = intake
        self.maxRecord = maxRecord
        self._restricted = passwords is not None
        self.idle = IdleTimeouts(reactor, IDLE)
        self.partials = partials or PartialInputs(reactor)

    def buildProtocol(self, addr: Any) -> Any:
        """
        Make the protocol of one connection.
        """
        return (
            self.buildChannel(addr) if self._restricted else HandlerRequests(self, addr)
        )

    def buildChannel(self, addr: Any) -> Any:
        """
        Make a channel for any requests.
        """
        channel = super().buildProtocol(addr)
        channel.MAX_LENGTH = channel.totalHeadersSize = self.maxRecord + _HEADERS
        return channel
