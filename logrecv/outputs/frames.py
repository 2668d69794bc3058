"""
Frames: the records of an output C{forward}, as C{SocketHandler} sends them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from pickle import Pickler
from typing import Final

from logrecv.batch import Batch
from logrecv.record import JSONValue, Record
from logrecv.wire.framing import frame
from logrecv.wire.pickled.encode import FrameEncoder

#: The pickle protocol of C{SocketHandler.makePickle}.
PICKLE_PROTOCOL: Final = 1

#: The attribute for extras that have the name of a standard attribute.
EXTRA: Final = "extra"


def makeAttributes(record: Record) -> dict[str, object]:
    """
    Make the attributes that C{SocketHandler} would send of a record: those of a
    C{LogRecord} whose message is rendered.

    An attribute that the record does not have is C{None}, except for numbers
    without which the stock C{Handler} and C{Formatter} fail: C{created} and
    C{msecs} are then the time of reception, and C{levelno} and C{lineno} are 0.

    Extras are attributes like the others.  An extra that has the name of a
    standard attribute is sent in a dictionary, as the attribute C{extra}.
    """
    created = record.created
    if created is None:
        created = datetime.fromisoformat(record.time).timestamp()
    msecs = record.msecs
    if msecs is None:
        msecs = float(int(created * 1000) % 1000)
    attributes: dict[str, object] = {
        "name": record.name,
        "msg": record.message,
        "args": None,
        "levelname": record.levelname,
        "levelno": record.levelno or 0,
        "pathname": record.pathname,
        "filename": record.filename,
        "module": record.module,
        "exc_info": None,
        "exc_text": record.exc_text,
        "stack_info": record.stack_info,
        "lineno": record.lineno or 0,
        "funcName": record.funcName,
        "created": created,
        "msecs": msecs,
        "relativeCreated": record.relativeCreated,
        "thread": record.thread,
        "threadName": record.threadName,
        "processName": record.processName,
        "process": record.process,
        "taskName": record.taskName,
    }
    if record.extra:
        _addExtra(attributes, {**record.extra})
    return attributes


def _addExtra(attributes: dict[str, object], extra: dict[str, JSONValue]) -> None:
    reserved = attributes.keys() | {"message", "asctime"}
    if not reserved.isdisjoint(extra):
        reserved.add(EXTRA)
        attributes[EXTRA] = {
            name: extra.pop(name) for name in list(extra) if name in reserved
        }
    attributes.update(extra)


def encodeFrames(batch: Sequence[Record]) -> bytes:
    """
    Make the frames that C{SocketHandler} would send of some records.  Payloads
    that can be sent on as they came are sent on as they came.
    """
    if isinstance(batch, Batch) and batch.payloads is not None:
        return b"".join(map(frame, batch.payloads))
    encode = FrameEncoder().encode
    return b"".join([encode(record) or _pickledFrame(record) for record in batch])


def _pickledFrame(record: Record) -> bytes:
    """
    Make the frame of any record.
    """
    buffer = BytesIO()
    pickler = Pickler(buffer, PICKLE_PROTOCOL)
    # Without a memo: nothing in a record refers to another part of the record.
    pickler.fast = True
    pickler.dump(makeAttributes(record))
    return frame(buffer.getvalue())
