"""
For tests: sinks that can be looked into, records, and the bytes that the stock
handlers send.

The bytes are made by the handlers of the C{logging.handlers} of the Python that
runs the test, so they are what a client of that version sends.
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
    Keeps the records it takes.

    @ivar records: The records, in the order in which they came.
    @ivar batches: The same, in the batches in which they came.
    @ivar started: How often it was started.
    @ivar flushed: How often it was flushed.
    @ivar stopped: How often it was stopped.
    """

    records: list[Record] = field(factory=list, init=False)
    batches: list[list[Record]] = field(factory=list, init=False)
    started: int = field(default=0, init=False)
    flushed: int = field(default=0, init=False)
    stopped: int = field(default=0, init=False)

    def start(self) -> None:
        """
        See L{IRecordSink.start}.
        """
        self.started += 1

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        """
        See L{IRecordSink.deliver}.
        """
        self.batches.append(list(batch))
        self.records.extend(batch)
        return None

    def flush(self) -> Deferred[None]:
        """
        See L{IRecordSink.flush}.
        """
        self.flushed += 1
        return succeed(None)

    def stop(self) -> Deferred[None]:
        """
        See L{IRecordSink.stop}.
        """
        self.stopped += 1
        return succeed(None)


@implementer(IRecordSink)
@define(eq=False)
class FailingSink(MemorySink):
    """
    Fails at whatever it is asked to do, which a sink must not: for tests of
    what is in front of it.

    @ivar error: What is raised.
    @ivar lost: How many records it was given.
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
    Takes records and is under pressure until it is told otherwise.

    @ivar waiting: What callers of L{deliver} were given and has not fired.
    """

    waiting: list[Deferred[None]] = field(factory=list, init=False)
    _pressed: bool = field(default=True, init=False)

    def deliver(self, batch: Sequence[Record]) -> Deferred[None] | None:
        """
        See L{IRecordSink.deliver}.
        """
        super().deliver(batch)
        if not self._pressed:
            return None
        ready: Deferred[None] = Deferred()
        self.waiting.append(ready)
        return ready

    def press(self) -> None:
        """
        Be under pressure again.
        """
        self._pressed = True

    def release(self) -> None:
        """
        Be under pressure no longer, and tell everybody who waits for it.
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
    Make the record of a client.

    @param msg: The message, with C{%} directives for C{args}.
    @param attributes: Attributes of the C{LogRecord} that matter to the test,
        and extra ones, as C{extra=} would add them.
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
    Make what C{SocketHandler} writes to its connection for one record, and
    C{DatagramHandler} sends as one datagram: the length, then the pickle.

    @param record: The record; made of C{attributes} if it is left out.
    @param attributes: As L{makeLogRecord} takes them, C{msg} among them.
    """
    return SocketHandler("", None).makePickle(record or makeLogRecord(**attributes))


#: What C{DatagramHandler} sends for one record.
makeDatagram = makeFrame


def makePickle(record: logging.LogRecord | None = None, **attributes: Any) -> bytes:
    """
    Make the pickle in a frame: the frame without its length.

    The parameters are those of L{makeFrame}.
    """
    return makeFrame(record, **attributes)[4:]


def makeForm(record: logging.LogRecord | None = None, **attributes: Any) -> bytes:
    """
    Make what C{HTTPHandler} sends for one record: the query string of a GET
    request, or the body of a POST.

    The parameters are those of L{makeFrame}.
    """
    handler = HTTPHandler("localhost", "/")
    return urlencode(
        handler.mapLogRecord(record or makeLogRecord(**attributes))
    ).encode("ascii")
