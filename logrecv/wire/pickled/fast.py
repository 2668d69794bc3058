"""
Payloads of C{SocketHandler} and C{DatagramHandler} to records.

A stock handler of Python 3 writes the attributes of a record always in the same
order and the same few opcodes.  The short way reads just that, from the first
byte to the last.  It repairs nothing, resolves nothing and bounds nothing: what it
takes has nothing to repair or to resolve, and is no larger than its payload.  C{pickle}
reads the same of it and runs nothing, so it may be sent on as it is.
Where anything is different it gives up, and the pickle machine reads the payload
from the beginning.
"""

from __future__ import annotations

import sys
from struct import error as StructError
from typing import Final

from logrecv.record import JSONValue, Origin, Record
from logrecv.wire.attributes import STANDARD, makeRecord
from logrecv.wire.pickled.machine import loads
from logrecv.wire.pickled.scalars import readFloat
from logrecv.wire.timestamps import isoTime

# The opcodes that stock handlers write for what is no container; see
# L{logrecv.wire.pickled.machine}.
_BINFLOAT: Final = 0x47  # G
_INT: Final = 0x49  # I
_BININT: Final = 0x4A  # J
_BININT1: Final = 0x4B  # K
_LONG: Final = 0x4C  # L
_BININT2: Final = 0x4D  # M
_NONE: Final = 0x4E  # N
_BINUNICODE: Final = 0x58  # X
_BINPUT: Final = 0x71  # q
_SETITEMS: Final = 0x75  # u

_LINE_FEED: Final = 0x0A
_ZERO: Final = 0x30  # 0

#: Bytes of a BINUNICODE before its text: the opcode and a length.
_TEXT_HEAD: Final = 5

#: A decimal integer of so many digits is less than 2**63.
_FEW_DIGITS: Final = 18

# The floats that are numbers, and no infinities.
_GREATEST: Final = sys.float_info.max
_LEAST: Final = -_GREATEST


def _written(key: str) -> bytes:
    """
    @return: What a stock handler writes for a key, up to where it is in the memo.
    """
    return b"X" + len(key).to_bytes(4, "little") + key.encode() + b"q"


#: An EMPTY_DICT, the first entry of the memo, and a MARK.
_HEAD: Final = b"}q\x00("

_NAME: Final = _written("name")
_MSG: Final = _written("msg")
_ARGS: Final = _written("args")
_LEVELNAME: Final = _written("levelname")
_LEVELNO: Final = _written("levelno")
_PATHNAME: Final = _written("pathname")
_FILENAME: Final = _written("filename")
_MODULE: Final = _written("module")
_EXC_INFO: Final = _written("exc_info")
_EXC_TEXT: Final = _written("exc_text")
_STACK_INFO: Final = _written("stack_info")
_LINENO: Final = _written("lineno")
_FUNCNAME: Final = _written("funcName")
_CREATED: Final = _written("created")
_MSECS: Final = _written("msecs")
_RELATIVE: Final = _written("relativeCreated")
_THREAD: Final = _written("thread")
_THREADNAME: Final = _written("threadName")
_PROCESSNAME: Final = _written("processName")
_PROCESS: Final = _written("process")
_TASKNAME: Final = _written("taskName")

#: A SETITEMS and the STOP.
_TAIL: Final = b"u."

#: The texts that one record after the other often has in common, and that are
#: made once for all of them: name, levelname, pathname, filename, module,
#: funcName, threadName, processName, taskName.
_COMMON: Final = 9


class _NotStock(Exception):
    """
    This is not how a stock handler writes a record.
    """


class PayloadReader:
    """
    Makes records of the payloads that came together.

    @ivar others: How many did not go the short way.
    """

    __slots__ = ("_data", "_origin", "_position", "_texts", "_writtenTexts", "others")

    def __init__(self, origin: Origin) -> None:
        """
        @param origin: Where they came from.
        """
        self.others: int = 0
        self._origin: Origin = origin
        self._data: bytes = b""
        self._position: int = 0
        #: Each of the texts in common as it was last, and what was written for
        #: it.
        self._texts: list[str] = [""] * _COMMON
        self._writtenTexts: list[bytes] = [_written("")] * _COMMON

    def read(self, payload: bytes) -> Record:
        """
        Make a record.

        @param payload: What was sent, without the length before it.
        @return: As L{makeRecord} of what L{loads} gives.
        @raise WireError: No record can be made of it.
        """
        if payload.startswith(_HEAD):
            self._data = payload
            self._position = len(_HEAD)
            try:
                return self._stockRecord()
            except (_NotStock, LookupError, StructError, UnicodeDecodeError):
                pass
        self.others += 1
        return makeRecord(loads(payload), self._origin, len(payload))

    def _stockRecord(self) -> Record:
        """
        Read the attributes, in the order in which they are written.

        @raise LookupError: The payload ends early.
        """
        self._key(_NAME)
        name = self._commonText(0)
        self._key(_MSG)
        message = self._text()
        self._key(_ARGS)
        self._nothing()
        self._key(_LEVELNAME)
        levelname = self._commonText(1)
        self._key(_LEVELNO)
        levelno = self._integer()
        self._key(_PATHNAME)
        pathname = self._commonText(2)
        self._key(_FILENAME)
        filename = self._commonText(3)
        self._key(_MODULE)
        module = self._commonText(4)
        self._key(_EXC_INFO)
        self._nothing()
        self._key(_EXC_TEXT)
        exceptionText = None if self._isNone() else self._text()
        self._key(_STACK_INFO)
        stackInfo = None if self._isNone() else self._text()
        self._key(_LINENO)
        lineno = self._integer()
        self._key(_FUNCNAME)
        funcName = None if self._isNone() else self._commonText(5)
        self._key(_CREATED)
        created = self._finite()
        time = isoTime(created)
        if time is None:
            raise _NotStock
        self._key(_MSECS)
        msecs = self._finite()
        self._key(_RELATIVE)
        relativeCreated = self._finite()
        self._key(_THREAD)
        thread = None if self._isNone() else self._integer()
        self._key(_THREADNAME)
        threadName = None if self._isNone() else self._commonText(6)
        self._key(_PROCESSNAME)
        processName = None if self._isNone() else self._commonText(7)
        self._key(_PROCESS)
        process = None if self._isNone() else self._integer()
        taskName = None
        # Since Python 3.12.
        if self._data.startswith(_TASKNAME, self._position):
            self._key(_TASKNAME)
            taskName = None if self._isNone() else self._commonText(8)
        extra = None
        if self._data[self._position] != _SETITEMS:
            extra = self._extra()
        if self._data[self._position :] != _TAIL:
            raise _NotStock
        # By position, in half the time: these are the fields in their order.
        return Record(
            time,
            created,
            msecs,
            relativeCreated,
            name,
            levelname,
            levelno,
            message,
            None,  # msg
            None,  # args
            pathname,
            filename,
            module,
            lineno,
            funcName,
            process,
            processName,
            thread,
            threadName,
            taskName,
            exceptionText,
            stackInfo,
            extra,
            self._origin,
        )

    def _key(self, written: bytes) -> None:
        """
        Pass over a key and its entry in the memo.
        """
        if not self._data.startswith(written, self._position):
            raise _NotStock
        self._position += len(written) + 1

    def _isNone(self) -> bool:
        """
        @return: Whether the value is L{None}, which is passed over then.
        """
        if self._data[self._position] != _NONE:
            return False
        self._position += 1
        return True

    def _nothing(self) -> None:
        if not self._isNone():
            raise _NotStock

    def _text(self) -> str:
        """
        Read a text, and pass over its entry in the memo.

        @raise UnicodeDecodeError: It is not strictly UTF-8.
        """
        start = self._position + _TEXT_HEAD
        end = start + self._length()
        text = self._data[start:end].decode()
        self._position = end + 2
        return text

    def _length(self) -> int:
        """
        @return: The length of the text that is next, in bytes.
        @raise LookupError: It ends behind the end of the payload.
        """
        data = self._data
        at = self._position
        if data[at] != _BINUNICODE:
            raise _NotStock
        # One of 16 MiB and more is nothing for a short way.
        length = data[at + 1] | data[at + 2] << 8 | data[at + 3] << 16
        if data[at + 4] or data[at + _TEXT_HEAD + length] != _BINPUT:
            raise _NotStock
        return length

    def _commonText(self, which: int) -> str:
        """
        Read a text that is often the same as in the record before.

        @param which: Its number among those.
        """
        start = self._position
        written = self._writtenTexts[which]
        if self._data.startswith(written, start):
            self._position = start + len(written) + 1
            return self._texts[which]
        text = self._text()
        self._texts[which] = text
        self._writtenTexts[which] = self._data[start : self._position - 1]
        return text

    def _integer(self) -> int:
        data = self._data
        code = data[self._position]
        at = self._position + 1
        if code == _BININT1:
            number = data[at]
            at += 1
        elif code == _BININT2:
            number = data[at] + (data[at + 1] << 8)
            at += 2
        elif code == _BININT:
            number = data[at] + (data[at + 1] << 8) + (data[at + 2] << 16)
            number += (data[at + 3] - ((data[at + 3] & 0x80) << 1)) * 0x1000000
            at += 4
        elif code == _LONG:
            number = 0
            end = at + _FEW_DIGITS
            while at < end and 48 <= data[at] <= 57:
                number = number * 10 + data[at] - 48
                at += 1
            # Without digits it is no number, and a number after as many as
            # these may be larger than what is kept.
            if at == self._position + 1 or data[at] != _LONG:
                raise _NotStock
            # Others than us do not read that, and it may be sent on.
            if data[self._position + 1] == _ZERO:
                raise _NotStock
            if data[at + 1] != _LINE_FEED:
                raise _NotStock
            at += 2
        else:
            raise _NotStock
        self._position = at
        return number

    def _finite(self) -> float:
        if self._data[self._position] != _BINFLOAT:
            raise _NotStock
        number = readFloat(self._data, self._position + 1)
        if not _LEAST <= number <= _GREATEST:
            raise _NotStock
        self._position += 9
        return number

    def _extra(self) -> dict[str, JSONValue]:
        """
        Read all attributes that are left, up to the SETITEMS, where each is as
        plain as JSON.
        """
        extra: dict[str, JSONValue] = {}
        while self._data[self._position] != _SETITEMS:
            key = self._text()
            if key in STANDARD or key in extra:
                raise _NotStock
            extra[key] = self._plainValue()
        return extra

    def _plainValue(self) -> JSONValue:
        code = self._data[self._position]
        if code == _BINUNICODE:
            return self._text()
        if code == _NONE:
            self._position += 1
            return None
        if code == _BINFLOAT:
            return self._finite()
        if code == _INT:
            return self._boolean()
        return self._integer()

    def _boolean(self) -> bool:
        isTrue = self._data.startswith(b"I01\n", self._position)
        if not isTrue and not self._data.startswith(b"I00\n", self._position):
            raise _NotStock
        self._position += 4
        return isTrue
