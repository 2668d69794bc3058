"""
The writer that forwards over HTTP: batches of JSON lines, each delivered when it is
answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import ClassVar, Final

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.http_headers import Headers
from zope.interface import implementer

from logrecv.backoff import Backoff
from logrecv.formats.safe import oneLine
from logrecv.interfaces import IQuarantine
from logrecv.outputs.chunk import Chunk
from logrecv.outputs.http.client import HTTPClient, Response
from logrecv.outputs.writers import IWriter, RetryLater
from logrecv.reasons import REFUSED
from logrecv.record import Origin
from logrecv.wire.timestamps import isoTime

#: Bytes of one batch, unless a single record is larger: half of the request that a
#: receiver takes by default.
BATCH_SIZE: Final = 512 * 1024

#: Characters of an error that are shown.
_SHOWN_SIZE: Final = 300

#: The statuses by which a receiver refuses a batch for good.
_REFUSALS: Final = (400, 413)


@frozen
class _Piece:
    """
    A batch, or a part of a batch.

    @ivar id: The name of the piece.
    @ivar lines: The records, each encoded as a line.
    """

    id: str
    lines: Sequence[bytes]

    def halves(self) -> list[_Piece]:
        """
        Divide the piece, each time in the same way.
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
    Posts batches to a receiver, and to the next receiver when that fails.

    A batch has a name, by which a receiver can know that it has taken the batch
    before.  A refused batch is divided until the refused records are alone; these go
    to the quarantine.

    @ivar client: Sends the requests.
    @ivar urls: The receivers, each a name and a URL.
    @ivar backoff: Gives the delays after which all receivers are tried again.
    @ivar clock: Tells the time.
    @ivar quarantine: Keeps the refused records.
    """

    _log: ClassVar[Logger] = Logger()

    client: HTTPClient
    urls: Sequence[tuple[str, bytes]]
    backoff: Backoff
    clock: IReactorTime
    quarantine: IQuarantine
    #: The index of the present receiver in C{urls}.
    _current: int = field(default=0, init=False)
    #: Requests that failed since the last answer that took or refused a piece.
    _failures: int = field(default=0, init=False)
    #: The chunk that is being written, by its name, and the pieces that are left.
    _chunk: str | None = field(default=None, init=False)
    _pieces: deque[_Piece] = field(factory=deque, init=False)
    #: Records of this chunk that were refused.
    _refused: int = field(default=0, init=False)
    _hasLogged: bool = field(default=False, init=False)
    _posting: Deferred[Response] | None = field(default=None, init=False)

    def open(self) -> None:
        """
        Do nothing: a request opens its connection.
        """

    def write(self, chunk: Chunk) -> Deferred[int]:
        """
        Post a chunk, or the pieces of it that an earlier attempt has left.
        """
        if chunk.id != self._chunk:
            self._chunk, self._refused = chunk.id, 0
            self._pieces = deque([_Piece(chunk.id, chunk.data.splitlines(True))])
        return Deferred.fromCoroutine(self._write())

    async def _write(self) -> int:
        while self._pieces:
            piece = self._pieces[0]
            answer = await self._send(piece)
            self._pieces.popleft()
            if answer.status not in _REFUSALS:
                continue
            if len(piece.lines) > 1:
                self._pieces.extendleft(reversed(piece.halves()))
            else:
                self._setAside(piece.lines[0], answer)
        self._chunk = None
        return self._refused

    async def _send(self, piece: _Piece) -> Response:
        """
        Send a piece to one receiver after the other, until one takes or refuses it.

        @return: The answer.
        @raise RetryLater: No receiver took or refused the piece.
        """
        while True:
            name, url = self.urls[self._current]
            headers = Headers(
                {
                    b"content-type": [b"application/x-ndjson"],
                    b"logrecv-batch": [piece.id.encode("ascii")],
                }
            )
            retryAfter = 0.0
            try:
                self._posting = self.client.post(url, headers, b"".join(piece.lines))
                answer = await self._posting
            except Exception as error:
                problem = f"{name}: {_describe(error)}"
            else:
                if answer.status // 100 == 2 or answer.status in _REFUSALS:
                    self._failures = 0
                    self.backoff.reset()
                    return answer
                problem = f"{name} answered {answer.status} {answer.text}".rstrip()
                retryAfter = answer.retryAfter
            finally:
                self._posting = None
            self._current = (self._current + 1) % len(self.urls)
            self._failures += 1
            if self._failures % len(self.urls) == 0:
                raise RetryLater(problem, max(self.backoff.nextDelay(), retryAfter))

    def _setAside(self, line: bytes, answer: Response) -> None:
        """
        Give up a refused record: count it, and give it to the quarantine.
        """
        name, _ = self.urls[self._current]
        self._refused += 1
        now = isoTime(self.clock.seconds())
        assert now is not None
        self.quarantine.keep(line, REFUSED, Origin(now, "json", name))
        if not self._hasLogged:
            self._hasLogged = True
            self._log.error(
                "{name} refused a record ({status} {text}); refused records are "
                "counted as dropped from now on, without a line in the log",
                name=name,
                status=answer.status,
                text=answer.text,
            )

    def reopen(self) -> None:
        """
        Do nothing: there is no file.
        """

    def close(self) -> Deferred[None]:
        """
        Cancel the request that is under way, and close the connections.
        """
        if self._posting is not None:
            self._posting.cancel()
        return self.client.close()


def _describe(error: BaseException) -> str:
    """
    Describe an error in one line.
    """
    # twisted.web wraps the errors of connections.
    reasons = getattr(error, "reasons", None)
    if reasons:
        return _describe(reasons[0].value)
    text = " ".join(str(error).split()) or type(error).__name__
    return oneLine(text)[:_SHOWN_SIZE]
