"""
Forwarding over HTTP: batches of JSON lines, each delivered when it is answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.http_headers import Headers
from zope.interface import implementer

from logrecv.backoff import Backoff
from logrecv.interfaces import IQuarantine
from logrecv.outputs.http.client import HTTPClient, Response
from logrecv.outputs.queue.store import Chunk
from logrecv.outputs.writers import IWriter, RetryLater
from logrecv.reasons import REFUSED
from logrecv.record import Origin

#: Bytes of one batch, unless a single record is more: half of what a receiver
#: takes by default.
BATCH_SIZE: Final = 512 * 1024

#: What a receiver answers that will never take what it was sent.
_REFUSING: Final = (400, 413)


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
