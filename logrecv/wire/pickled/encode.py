"""
Records to frames, as a stock C{SocketHandler} writes frames.

The fast path of a receiver reads such frames: see L{logrecv.wire.pickled.fast}.
Writing a frame takes half the time of a general pickler, because all records have the
same attributes, and most values are the same from record to record.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError
from typing import Any, Final, cast

from logrecv.record import JSONValue, Record
from logrecv.schema import ATTRIBUTES, RESERVED, Attribute, Kind
from logrecv.wire.framing import frame

_TEXT: Final = Struct("<cL")
_BYTE: Final = Struct("<cB")
_SHORT: Final = Struct("<cH")
_INTEGER: Final = Struct("<ci")
_FLOAT: Final = Struct(">cd")


def _hasMemoizedText(attribute: Attribute) -> bool:
    # Few records have a text there.
    return (
        attribute.kind in (Kind.TEXT, Kind.MESSAGE) and attribute.name != "stack_info"
    )


def _writeKeys() -> dict[str, bytes]:
    """
    Write the key of each attribute, with the number that it gets in the memo.
    """
    keys: dict[str, bytes] = {}
    memo = 1
    for attribute in ATTRIBUTES:
        name = attribute.name
        keys[name] = _TEXT.pack(b"X", len(name)) + name.encode() + b"q" + bytes([memo])
        memo += 2 if _hasMemoizedText(attribute) else 1
    return keys


#: The memo entry of every text that is a value.  Nothing refers to such an entry, so
#: all have the same number.
_MEMO: Final = b"q\xff"

_KEYS: Final = _writeKeys()

# The bytes between one value and the next.

#: Begins with an EMPTY_DICT, the first entry of the memo, and a MARK.
_NAME: Final = b"}q\x00(" + _KEYS["name"]
_MSG: Final = _KEYS["msg"]
_LEVELNAME: Final = _KEYS["args"] + b"N" + _KEYS["levelname"]
_LEVELNO: Final = _KEYS["levelno"]
_PATHNAME: Final = _KEYS["pathname"]
_FILENAME: Final = _KEYS["filename"]
_MODULE: Final = _KEYS["module"]
_EXC_TEXT: Final = _KEYS["exc_info"] + b"N" + _KEYS["exc_text"]
_STACK_INFO: Final = _KEYS["stack_info"]
_NO_TEXTS: Final = _EXC_TEXT + b"N" + _STACK_INFO + b"N"
_LINENO: Final = _KEYS["lineno"]
_FUNCNAME: Final = _KEYS["funcName"]
_CREATED: Final = _KEYS["created"] + b"G"
_MSECS: Final = _KEYS["msecs"] + b"G"
_RELATIVE: Final = _KEYS["relativeCreated"]
_THREAD: Final = _KEYS["thread"]
_THREADNAME: Final = _KEYS["threadName"]
_PROCESSNAME: Final = _KEYS["processName"]
_PROCESS: Final = _KEYS["process"]
_TASKNAME: Final = _KEYS["taskName"]

_TIMES: Final = Struct(f">{len(_CREATED)}sd{len(_MSECS)}sd")

#: A SETITEMS and the STOP.
_TAIL: Final = b"u."

#: The most items of an C{extra}: from a thousand attributes on a pickler makes more
#: than one SETITEMS.
_MAX_EXTRA: Final = 900

#: The errors of writing a value that no stock handler sends.
_NOT_STOCK: Final = (
    ArithmeticError,
    AttributeError,
    TypeError,
    ValueError,
    StructError,
)


class FrameEncoder:
    """
    Makes frames of the records of a batch::

        encoder = FrameEncoder()
        frames = [encoder.encode(record) for record in batch]
    """

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        #: The bytes that a function wrote for values which records have in common:
        #: by the function and the values.
        self._parts: dict[tuple[Any, ...], bytes] = {}

    def encode(self, record: Record) -> bytes | None:
        """
        Make a frame.

        @param record: The record, of which every field has its type.
        @return: The length and the pickle; L{None} if no stock handler writes such a
            record.
        """
        try:
            return self._encode(record)
        except _NOT_STOCK:
            return None

    def _encode(self, record: Record) -> bytes | None:
        name = (_name, record.name)
        place = (
            _place,
            record.levelname,
            record.levelno,
            record.pathname,
            record.filename,
            record.module,
        )
        task = (
            _task,
            record.thread,
            record.threadName,
            record.processName,
            record.process,
            record.taskName,
        )
        texts = _NO_TEXTS
        if record.exc_text is not None or record.stack_info is not None:
            texts = _EXC_TEXT + _textOrNone(record.exc_text)
            texts += _STACK_INFO + _textOrNone(record.stack_info)
        parts = self._parts
        pieces: list[bytes] = [
            parts.get(name) or self._write(name),
            _MSG,
            _text(record.message),
            parts.get(place) or self._write(place),
            texts,
            _LINENO,
            _integer(record.lineno or 0),
            _FUNCNAME,
            _textOrNone(record.funcName),
            _TIMES.pack(_CREATED, record.created, _MSECS, record.msecs),
            _RELATIVE,
            _number(record.relativeCreated),
            parts.get(task) or self._write(task),
        ]
        if record.extra is not None and not _addExtra(pieces, record.extra):
            return None
        pieces.append(_TAIL)
        return frame(b"".join(pieces))

    def _write(self, key: tuple[Any, ...]) -> bytes:
        """
        Write values for the first time, and remember the bytes.

        @param key: The function that writes the values, and the values.
        """
        write, *values = key
        self._parts[key] = part = write(*values)
        return cast(bytes, part)


def _name(name: str | None) -> bytes:
    return _NAME + _textOrNone(name)


def _place(
    levelname: str | None,
    levelno: int | None,
    pathname: str | None,
    filename: str | None,
    module: str | None,
) -> bytes:
    """
    Write the values that the records of one level and file have in common.
    """
    return (
        _LEVELNAME
        + _textOrNone(levelname)
        + _LEVELNO
        + _integer(levelno or 0)
        + _PATHNAME
        + _textOrNone(pathname)
        + _FILENAME
        + _textOrNone(filename)
        + _MODULE
        + _textOrNone(module)
    )


def _task(
    thread: int | None,
    threadName: str | None,
    processName: str | None,
    process: int | None,
    taskName: str | None,
) -> bytes:
    """
    Write the values that the records of one thread have in common.
    """
    return (
        _THREAD
        + _number(thread)
        + _THREADNAME
        + _textOrNone(threadName)
        + _PROCESSNAME
        + _textOrNone(processName)
        + _PROCESS
        + _number(process)
        + _TASKNAME
        + _textOrNone(taskName)
    )


def _text(text: str) -> bytes:
    data = text.encode()
    return _TEXT.pack(b"X", len(data)) + data + _MEMO


def _textOrNone(text: str | None) -> bytes:
    return b"N" if text is None else _text(text)


def _integer(number: int) -> bytes:
    if 0 <= number < 0x100:
        return _BYTE.pack(b"K", number)
    if 0 <= number < 0x10000:
        return _SHORT.pack(b"M", number)
    if -0x80000000 <= number < 0x80000000:
        return _INTEGER.pack(b"J", number)
    return b"L%dL\n" % (number,)


def _number(number: float | int | None) -> bytes:
    if number is None:
        return b"N"
    if isinstance(number, float):
        return _FLOAT.pack(b"G", number)
    return _integer(number)


def _addExtra(pieces: list[bytes], extra: dict[str, JSONValue]) -> bool:
    """
    Write the further attributes.

    @return: C{False} if a name is taken or a value is not plain.
    """
    if len(extra) > _MAX_EXTRA:
        return False
    for name, value in extra.items():
        if name in RESERVED:
            return False
        pieces.append(_text(name))
        if isinstance(value, str):
            pieces.append(_text(value))
        elif isinstance(value, bool):
            pieces.append(b"I01\n" if value else b"I00\n")
        elif value is None or isinstance(value, (int, float)):
            pieces.append(_number(value))
        else:
            return False
    return True
