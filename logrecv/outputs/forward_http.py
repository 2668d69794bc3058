"""
Forwarding over HTTP: batches of JSON lines, each delivered when it is answered.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.http_headers import Headers
from zope.interface import implementer

from logrecv.backoff import Backoff
from logrecv.descriptions import Description, DescriptionError, portNumber
from logrecv.formats.text import encodeJSON
from logrecv.interfaces import IQuarantine, IRecordSink
from logrecv.outputs.factory import COMMON_KEYWORDS, OutputContext
from logrecv.outputs.http.client import HTTPClient, Response
from logrecv.outputs.queue.sink import KEYWORDS, QueuedSink
from logrecv.outputs.queue.store import PART_RECORDS, Chunk
from logrecv.outputs.spool.spool import queueFromKeywords
from logrecv.outputs.writers import IWriter, RetryLater
from logrecv.quarantine.service import REFUSED
from logrecv.record import Origin

#: Bytes of one batch, unless a single record is more: half of what a receiver
#: takes by default.
BATCH_SIZE: Final = 512 * 1024

#: What a receiver answers that will never take what it was sent.
_REFUSING: Final = (400, 413)

#: The keywords that only this kind takes.
HTTP_KEYWORDS: Final = ("path", "ca", "cert", "key", "user", "password-file")


@frozen
class _Piece:
    """
    A batch, or a part of one.

    @ivar id: Its name.
    @ivar lines: Its records, each encoded on a line.
    """

    id: str
    lines: Sequence[bytes]

    def halves(self) -> list[_Piece]:
        """
        Divide it, each time in the same way.
        """
        middle = len(self.lines) // 2
        return [
            _Piece(f"{self.id}/0", self.lines[:middle]),
            _Piece(f"{self.id}/1", self.lines[middle:]),
        ]


@implementer(IWriter)
@define(eq=False)
class HTTPWriter:
    """
    Posts batches to a receiver, and to the next one where that fails.

    A batch has a name by which a receiver can know that it has taken it before.
    One that is refused is divided until the records that are refused are alone;
    they are set aside.

    @ivar client: Sends the requests.
    @ivar urls: Where to send them, each with the name of the receiver.
    @ivar patience: Tells when to try again.
    @ivar clock: Tells the time.
    @ivar quarantine: Keeps what is refused.
    """

    _log: ClassVar[Logger] = Logger()

    client: HTTPClient
    urls: Sequence[tuple[str, bytes]]
    patience: Backoff
    clock: IReactorTime
    quarantine: IQuarantine
    #: The receiver that is sent to.
    _current: int = field(default=0, init=False)
    #: Receivers that have failed since one has not.
    _failed: int = field(default=0, init=False)
    #: What is left of the chunk that is written.
    _chunk: str | None = field(default=None, init=False)
    _left: deque[_Piece] = field(factory=deque, init=False)
    _refused: int = field(default=0, init=False)
    _told: bool = field(default=False, init=False)
    _posting: Deferred[Response] | None = field(default=None, init=False)

    def open(self) -> None:
        """
        See L{IWriter.open}.
        """

    def write(self, chunk: Chunk) -> Deferred[int]:
        """
        See L{IWriter.write}.
        """
        if chunk.id != self._chunk:
            self._chunk, self._refused = chunk.id, 0
            self._left = deque([_Piece(chunk.id, chunk.data.splitlines(True))])
        return Deferred.fromCoroutine(self._write())

    async def _write(self) -> int:
        while self._left:
            piece = self._left[0]
            answer = await self._send(piece)
            self._left.popleft()
            if answer.status not in _REFUSING:
                continue
            if len(piece.lines) > 1:
                self._left.extendleft(reversed(piece.halves()))
            else:
                self._setAside(piece.lines[0], answer)
        self._chunk = None
        return self._refused

    async def _send(self, piece: _Piece) -> Response:
        """
        Send to one receiver after the other.

        @return: What the first one answered that took or refused it.
        @raise Later: None did.
        """
        while True:
            name, url = self.urls[self._current]
            headers = Headers(
                {
                    b"content-type": [b"application/x-ndjson"],
                    b"logrecv-batch": [piece.id.encode("ascii")],
                }
            )
            retryAfter = None
            try:
                self._posting = self.client.post(url, headers, b"".join(piece.lines))
                answer = await self._posting
            except Exception as error:
                problem = f"{name}: {_reason(error)}"
            else:
                if answer.status // 100 == 2 or answer.status in _REFUSING:
                    self._failed = 0
                    self.patience.reset()
                    return answer
                problem = f"{name} answered {answer.status} {answer.text}".rstrip()
                retryAfter = answer.retryAfter
            finally:
                self._posting = None
            self._current = (self._current + 1) % len(self.urls)
            self._failed += 1
            if self._failed % len(self.urls) == 0:
                raise RetryLater(problem, self.patience.nextDelay(retryAfter))

    def _setAside(self, line: bytes, answer: Response) -> None:
        """
        Give up a record.
        """
        name, _ = self.urls[self._current]
        self._refused += 1
        now = datetime.fromtimestamp(self.clock.seconds(), UTC)
        at = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
        self.quarantine.keep(line, REFUSED, Origin(at, "json", name))
        if not self._told:
            self._told = True
            self._log.error(
                "{name} refused a record ({status} {text}); such records are counted "
                "as dropped from now on",
                name=name,
                status=answer.status,
                text=answer.text,
            )

    def reopen(self) -> None:
        """
        See L{IWriter.reopen}.
        """

    def close(self) -> Deferred[None]:
        """
        See L{IWriter.close}.
        """
        if self._posting is not None:
            self._posting.cancel()
        return self.client.close()


def _reason(error: BaseException) -> str:
    """
    Say what went wrong, in one line.
    """
    # twisted.web packs what it knows.
    reasons = getattr(error, "reasons", None)
    if reasons:
        return _reason(reasons[0].value)
    return " ".join(str(error).split()) or type(error).__name__


def parseForwardHTTP(description: Description, context: OutputContext) -> IRecordSink:
    """
    Make the sink of
    C{forward:http:HOST:PORT[:HOST:PORT…][:path=/records][:user=NAME:password-file=FILE][:queue=SIZE][:full=drop|pause][:spool=DIR][:spool-limit=SIZE]},
    or of C{https} in the place of C{http}, with
    C{[:ca=FILE][:cert=FILE:key=FILE]}.

    @raise DescriptionError: The description cannot be used.
    """
    reactor = context.reactor
    scheme = description.takePositional("http", str)
    capacity, store = queueFromKeywords(description, context, full="drop")
    path = description.takeKeyword("path", _path, "/records")
    credentials = _takeCredentials(description)
    contextFactory = _takeTLS(description, scheme)
    places = [_takePlace(description, scheme)]
    while description.positional:
        places.append(_takePlace(description, scheme))
    description.finish((*KEYWORDS, *COMMON_KEYWORDS, *HTTP_KEYWORDS))
    urls = [(place, f"{scheme}://{place}{path}".encode("ascii")) for place in places]
    writer = HTTPWriter(
        HTTPClient.make(reactor, contextFactory, credentials),
        urls,
        Backoff(reactor),
        reactor,
        context.quarantine,
    )
    return QueuedSink(
        encodeJSON,
        writer,
        reactor,
        context.tally,
        capacity,
        store,
        writeSize=BATCH_SIZE,
        writeCount=PART_RECORDS,
        encoder=context.encoders.get(encodeJSON, BATCH_SIZE),
    )


def _takePlace(description: Description, scheme: str) -> str:
    """
    Take a host and a port.

    @return: Both, as they are in a URL.
    """
    missing = f"write forward:{scheme}:HOST:PORT"
    if len(description.positional) < 2 or "" in description.positional[:2]:
        raise DescriptionError(missing)
    host = description.takePositional("HOST", _host)
    return f"{host}:{description.takePositional('PORT', portNumber)}"


def _host(text: str) -> str:
    try:
        name = text.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not name or not set(name).isdisjoint("/?#@[] \t"):
        raise ValueError("a host is a name or an address")
    return f"[{name}]" if ":" in name else name


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isascii() or not text.isprintable():
        raise ValueError("a path begins with a slash and is ASCII, such as /records")
    return text


def _takeCredentials(description: Description) -> bytes | None:
    """
    @return: The value of the header C{Authorization}.
    """
    user = description.takeKeyword("user", str, None)
    password = description.takeKeyword("password-file", _read, None)
    if user is None and password is None:
        return None
    if user is None or password is None:
        raise DescriptionError("user= and password-file= go together; give both")
    secret = password.removesuffix(b"\n").removesuffix(b"\r")
    return b"Basic " + b64encode(user.encode("utf-8") + b":" + secret)


def _takeTLS(description: Description, scheme: str) -> Any:
    """
    @return: What an C{Agent} wants for the connections of C{https}.
    """
    ca = description.takeKeyword("ca", _existing, None)
    cert = description.takeKeyword("cert", _existing, None)
    key = description.takeKeyword("key", _existing, None)
    if scheme == "https":
        try:
            from logrecv.outputs.http.tls import TLSPolicy
        except ImportError:
            raise DescriptionError("https needs TLS; install logrecv[tls]") from None
        return TLSPolicy.fromFiles(ca, cert, key)
    if ca or cert or key:
        raise DescriptionError("ca=, cert= and key= are for forward:https")
    return None


def _existing(text: str) -> str:
    _read(text)
    return os.path.abspath(text)


def _read(text: str) -> bytes:
    try:
        with open(text, "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
