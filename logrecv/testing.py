"""
Helpers for tests: sinks that keep what they get, records, and the bytes that the
stock handlers send.

The bytes are made by the C{logging.handlers} of the Python that runs the test, so
they are the bytes that a client of that version sends.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from logging.handlers import HTTPHandler, SocketHandler
from typing import Any, Final
from urllib.parse import urlencode

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from logrecv.interfaces import IRecordSink
from logrecv.record import Origin, Record

#: 2023-11-14 22:13:20.250 UTC, in seconds since the epoch.
CREATED: Final = 1700000000.25


@implementer(IRecordSink)
@define(eq=False)
class MemorySink:
    """
    Keeps the records that it gets::

        >>> from logrecv.testing import MemorySink, makeRecord
        >>> sink = MemorySink()
        >>> sink.deliver([makeRecord("a"), makeRecord("b")])
        >>> [record.message for record in sink.records]
        ['a', 'b']

    @ivar records: The records, in order.
    @ivar batches: The records, in the batches that they came in.
    @ivar started: The number of calls of C{start}.
    @ivar flushed: The number of calls of C{flush}.
    @ivar stopped: The number of calls of C{stop}.
    """

    records: list[Record] = field(factory=list, init=False)
    batches: list[list[Record]] = field(factory=list, init=False)
    started: int = field(default=0, init=False)
    flushed: int = field(default=0, init=False)
    stopped: int = field(default=0, init=False)

    def start(self) -> None:
        self.started += 1

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        self.batches.append(list(batch))
        self.records.extend(batch)
        return None

    def flush(self) -> Deferred[None]:
        self.flushed += 1
        return succeed(None)

    def stop(self) -> Deferred[None]:
        self.stopped += 1
        return succeed(None)


@implementer(IRecordSink)
@define(eq=False)
class FailingSink(MemorySink):
    """
    Raises in every method, which a sink must not do.  For tests of the code in
    front of a sink.

    @ivar error: The exception to raise.
    @ivar lost: The number of records that it got.
    """

    error: Exception = field(factory=lambda: RuntimeError("this sink always fails"))
    lost: int = field(default=0, init=False)

    def start(self) -> None:
        """
        Raise.
        """
        super().start()
        raise self.error

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        """
        Raise, and keep nothing.
        """
        self.lost += len(batch)
        raise self.error

    def flush(self) -> Deferred[None]:
        """
        Raise.
        """
        super().flush()
        raise self.error

    def stop(self) -> Deferred[None]:
        """
        Raise.
        """
        super().stop()
        raise self.error


@implementer(IRecordSink)
@define(eq=False)
class BackpressureSink(MemorySink):
    """
    Keeps the records that it gets, and is under back-pressure until
    L{release}::

        >>> from logrecv.testing import BackpressureSink, makeRecord
        >>> sink = BackpressureSink()
        >>> ready = sink.deliver([makeRecord("a")])
        >>> ready.called
        False
        >>> sink.release()
        >>> ready.called
        True

    @ivar waiting: The Deferreds that C{deliver} has returned and that have not
        fired.
    """

    waiting: list[Deferred[None]] = field(factory=list, init=False)
    _pressed: bool = field(default=True, init=False)

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        super().deliver(batch)
        if not self._pressed:
            return None
        ready: Deferred[None] = Deferred()
        self.waiting.append(ready)
        return ready

    def press(self) -> None:
        """
        Be under back-pressure again.
        """
        self._pressed = True

    def release(self) -> None:
        """
        Be under back-pressure no longer, and fire the Deferreds.
        """
        self._pressed = False
        waiting, self.waiting = self.waiting, []
        for ready in waiting:
            ready.callback(None)


def makeRecord(message: str = "hello", **fields: Any) -> Record:
    """
    Make a record, as an input would hand it on.

    @param fields: Fields of L{Record} that matter to the test.
    """
    values: dict[str, Any] = {
        "time": "2023-11-14T22:13:20.250000Z",
        "created": CREATED,
        "name": "app",
        "levelname": "INFO",
        "levelno": logging.INFO,
        "received": Origin("2023-11-14T22:13:21.000000Z", "tcp", "127.0.0.1:50000"),
    }
    return Record(message=message, **{**values, **fields})


def makeLogRecord(
    msg: object = "hello", *args: object, **attributes: object
) -> logging.LogRecord:
    """
    Make a C{LogRecord}, as a client has it.

    @param msg: The message, with C{%} directives for C{args}.
    @param attributes: Attributes of the C{LogRecord} that matter to the test,
        and extras, as C{extra=} would add them.
    """
    record = logging.LogRecord(
        "app", logging.INFO, "/srv/app/main.py", 7, msg, args, None, "main"
    )
    record.__dict__.update(attributes)
    if "levelno" in attributes and "levelname" not in attributes:
        record.levelname = logging.getLevelName(record.levelno)
    return record


def makeFrame(record: logging.LogRecord | None = None, **attributes: Any) -> bytes:
    """
    Make the frame of one record: the length, then the pickle.
    C{SocketHandler} writes it to its connection, and C{DatagramHandler} sends it
    as one datagram.

    @param record: The record; made of C{attributes} if it is left out.
    @param attributes: The arguments of L{makeLogRecord}, C{msg} among them.
    """
    return SocketHandler("", None).makePickle(record or makeLogRecord(**attributes))


#: Makes the datagram that C{DatagramHandler} sends for one record.
makeDatagram = makeFrame


def makePickle(record: logging.LogRecord | None = None, **attributes: Any) -> bytes:
    """
    Make the pickle of one record: its frame without the length.

    The parameters are those of L{makeFrame}.
    """
    return makeFrame(record, **attributes)[4:]


def makeForm(record: logging.LogRecord | None = None, **attributes: Any) -> bytes:
    """
    Make the form of one record: the query string of a GET request of
    C{HTTPHandler}, or the body of a POST request.

    The parameters are those of L{makeFrame}.
    """
    handler = HTTPHandler("localhost", "/")
    return urlencode(
        handler.mapLogRecord(record or makeLogRecord(**attributes))
    ).encode("ascii")
