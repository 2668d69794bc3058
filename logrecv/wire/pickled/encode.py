"""
Records to frames, as a stock C{SocketHandler} writes them.

That is what the short way of a receiver reads: see L{logrecv.wire.pickled.fast}.  It is
written in half the time that a general pickler takes, since records always have the
same attributes, and most of their values in common.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError
from typing import Any, Final, cast

from logrecv.record import JSONValue, Record
from logrecv.wire.attributes import STANDARD
from logrecv.wire.framing import frame

_TEXT: Final = Struct("<cL")
_BYTE: Final = Struct("<cB")
_SHORT: Final = Struct("<cH")
_INTEGER: Final = Struct("<ci")
_FLOAT: Final = Struct(">cd")


def _key(name: str, memo: int) -> bytes:
    """
    @param memo: The number that it gets in the memo.
    """
    return _TEXT.pack(b"X", len(name)) + name.encode() + b"q" + bytes([memo])


#: What stands behind a value that is a text: its number in the memo.  Nothing refers
#: to it, so all have the same.
_MEMO: Final = b"q\xff"


# An EMPTY_DICT, the first entry of the memo, and a MARK.
_NAME: Final = b"}q\x00(" + _key("name", 1)
_MSG: Final = _key("msg", 3)
_LEVELNAME: Final = _key("args", 5) + b"N" + _key("levelname", 6)
_LEVELNO: Final = _key("levelno", 8)
_PATHNAME: Final = _key("pathname", 9)
_FILENAME: Final = _key("filename", 11)
_MODULE: Final = _key("module", 13)
_EXC_TEXT: Final = _key("exc_info", 15) + b"N" + _key("exc_text", 16)
_STACK_INFO: Final = _key("stack_info", 17)
_NO_TEXTS: Final = _EXC_TEXT + b"N" + _STACK_INFO + b"N"
_LINENO: Final = _key("lineno", 18)
_FUNCNAME: Final = _key("funcName", 19)
_CREATED: Final = _key("created", 21) + b"G"
_MSECS: Final = _key("msecs", 22) + b"G"
_RELATIVE: Final = _key("relativeCreated", 23)
_THREAD: Final = _key("thread", 24)
_THREADNAME: Final = _key("threadName", 25)
_PROCESSNAME: Final = _key("processName", 27)
_PROCESS: Final = _key("process", 29)
_TASKNAME: Final = _key("taskName", 30)

_TIMES: Final = Struct(f">{len(_CREATED)}sd{len(_MSECS)}sd")

#: A SETITEMS and the STOP.
_TAIL: Final = b"u."

#: The most attributes of a program that are written: a pickler makes more than one
#: SETITEMS of a thousand in all.
_EXTRA: Final = 900

#: What a value raises that is none of those that a handler sends.
_ODD: Final = (ArithmeticError, AttributeError, TypeError, ValueError, StructError)


class FrameEncoder:
    """
    Makes frames of the records of a batch.
    """

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        #: What was written of values that records have in common: by the function
        #: that did, and the values.
        self._parts: dict[tuple[Any, ...], bytes] = {}

    def encode(self, record: Record) -> bytes | None:
        """
        Make a frame.

        @param record: The record, of which every field has its type.
        @return: The length and the pickle; L{None} if there is something about the
            record that no stock handler writes.
        """
        try:
            return self._encode(record)
        except _ODD:
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
        parts = self._parts
        pieces: list[bytes] = [
            parts.get(name) or self._write(name),
            _MSG,
            _text(record.message),
            parts.get(place) or self._write(place),
            _NO_TEXTS,
            _LINENO,
            _integer(record.lineno or 0),
            _FUNCNAME,
            _textOrNone(record.funcName),
            _TIMES.pack(_CREATED, record.created, _MSECS, record.msecs),
            _RELATIVE,
            _number(record.relativeCreated),
            parts.get(task) or self._write(task),
        ]
        if record.exc_text is not None or record.stack_info is not None:
            pieces[4] = _EXC_TEXT + _textOrNone(record.exc_text)
            pieces[4] += _STACK_INFO + _textOrNone(record.stack_info)
        if record.extra is not None and not _addExtra(pieces, record.extra):
            return None
        pieces.append(_TAIL)
        return frame(b"".join(pieces))

    def _write(self, key: tuple[Any, ...]) -> bytes:
        """
        Write values for the first time.

        @param key: What does, and the values.
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
    Write what the records of one level and file have in common.
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
    Write what the records of one thread have in common.
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
    @return: Whether all of it is as plain as a text or a number.
    """
    if len(extra) > _EXTRA:
        return False
    for name, value in extra.items():
        if name in STANDARD or name == "asctime":
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
