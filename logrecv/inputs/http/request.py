"""
HTTP requests with a limit on their bodies.
"""

from __future__ import annotations

from io import BytesIO
from typing import Protocol

from twisted.python.failure import Failure
from twisted.web.server import Request

from logrecv.reasons import INCOMPLETE, TOO_LONG


class IBoundedChannel(Protocol):
    """
    A connection as its requests see it.

    @ivar maxRecord: The largest body taken, in bytes.
    """

    @property
    def maxRecord(self) -> int: ...

    def reject(self, reason: str) -> None:
        """
        Count a request that never reached the resource.

        @param reason: A constant of L{logrecv.reasons}.
        """

    def refuse(self, status: bytes, text: bytes, reason: str) -> None:
        """
        Answer before the request is complete, count the request as rejected, and
        close the connection soon.

        @param status: The status and its phrase.
        @param text: The body of the answer.
        @param reason: A constant of L{logrecv.reasons}.
        """


class BoundedRequest(Request):
    """
    A request that is refused before its body is read if that is too long, and
    never written to disk.

    @ivar refused: C{True} once the request has been counted as rejected.
    """

    channel: IBoundedChannel  # type: ignore[assignment]
    refused = False
    _complete = False
    #: Bytes of the body that have come.
    _size = 0

    @property
    def held(self) -> int:
        """
        The bytes of the body that are kept while the body is not complete.
        """
        return 0 if self.refused or self._complete else self._size

    def gotLength(self, length: int | None) -> None:
        """
        Make room for the body, or refuse the request.
        """
        self.content = BytesIO()
        if length is not None and length > self.channel.maxRecord:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """
        Keep a piece of the body, unless the request is refused.
        """
        self._size += len(data)
        if self.refused:
            return
        if self._size > self.channel.maxRecord:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        Handle the request, now that all of it has come.
        """
        self._complete = True
        # Request.requestReceived would take the query apart, which may be as large
        # as a record, and would take it apart at semicolons too.
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
        Count the request as rejected and keep nothing of it, unless the request is
        complete or has been counted.

        @param reason: A constant of L{logrecv.reasons}.
        """
        if not self._complete and not self.refused:
            self.refused = True
            self.content = BytesIO()
            self.channel.reject(reason)

    def _refuse(self) -> None:
        self.channel.refuse(
            b"413 Content Too Large",
            b"a request may hold %d bytes; send less at once\n"
            % (self.channel.maxRecord,),
            TOO_LONG,
        )
