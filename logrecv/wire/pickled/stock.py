"""
Payloads as stock handlers of Python 3 write the attributes of a record: the same few
opcodes, read from the first byte to the last.
"""

from __future__ import annotations

import sys
from typing import Final

from logrecv.record import JSONValue
from logrecv.schema import STANDARD
from logrecv.wire.pickled.scalars import readFloat

# The opcodes that stock handlers write for plain values; see
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

# The smallest and the greatest float that are no infinities.
_GREATEST: Final = sys.float_info.max
_LEAST: Final = -_GREATEST

#: A SETITEMS and the STOP.
_TAIL: Final = b"u."

#: The number of attributes with a common text: name, levelname, pathname, filename,
#: module, funcName, threadName, processName, taskName.
_COMMON: Final = 9


class NotStock(Exception):
    """
    A payload differs from the payloads of stock handlers.
    """


def writtenKey(key: str) -> bytes:
    """
    @return: The bytes that a stock handler writes for a key, up to the number of the
        memo entry.
    """
    return b"X" + len(key).to_bytes(4, "little") + key.encode() + b"q"


class StockPayload:
    """
    The bytes of a payload, read from the first to the last.

    Each method reads the value at C{position} and moves the position behind the
    value.  It raises L{NotStock} if there is another value, or a value that no stock
    handler writes, and L{LookupError} if the payload ends early.  An attribute is a
    key and a value::

        levelno = payload.key(writtenKey("levelno")).integer()

    @ivar data: The payload.
    @ivar position: The position of the next byte to read.
    """

    __slots__ = ("_texts", "_writtenTexts", "data", "position")

    def __init__(self) -> None:
        self.data: bytes = b""
        self.position: int = 0
        #: The last value of each common text, and the bytes that were written for
        #: the value.  Both are kept from one payload to the next.
        self._texts: list[str] = [""] * _COMMON
        self._writtenTexts: list[bytes] = [writtenKey("")] * _COMMON

    def key(self, key: bytes) -> StockPayload:
        """
        Read a key, with its entry in the memo.

        @param key: The key, as L{writtenKey} gives it.
        @return: This payload, to read the value.
        """
        if not self.data.startswith(key, self.position):
            raise NotStock
        self.position += len(key) + 1
        return self

    def none(self) -> None:
        """
        Read a value that must be L{None}.
        """
        if self.data[self.position] != _NONE:
            raise NotStock
        self.position += 1

    def text(self) -> str:
        """
        Read a text, with its entry in the memo.

        @raise UnicodeDecodeError: The text is not strictly UTF-8.
        """
        start = self.position + _TEXT_HEAD
        end = start + self._length()
        text = self.data[start:end].decode()
        self.position = end + 2
        return text

    def textOrNone(self) -> str | None:
        """
        Read a text or L{None}.
        """
        if self.data[self.position] == _NONE:
            self.position += 1
            return None
        return self.text()

    def _length(self) -> int:
        """
        Read the length of the next text, in bytes.  The position stays.
        """
        data = self.data
        at = self.position
        if data[at] != _BINUNICODE:
            raise NotStock
        # The slow path takes texts of 16 MiB and more.
        length = data[at + 1] | data[at + 2] << 8 | data[at + 3] << 16
        if data[at + 4] or data[at + _TEXT_HEAD + length] != _BINPUT:
            raise NotStock
        return length

    def commonText(self, index: int) -> str:
        """
        Read a text that is often the same as in the record before.  No new object is
        made of the same text.

        @param index: The number of this common text, below L{_COMMON}.
        """
        start = self.position
        written = self._writtenTexts[index]
        if self.data.startswith(written, start):
            self.position = start + len(written) + 1
            return self._texts[index]
        text = self.text()
        self._texts[index] = text
        self._writtenTexts[index] = self.data[start : self.position - 1]
        return text

    def commonTextOrNone(self, index: int) -> str | None:
        """
        Read a common text or L{None}.
        """
        if self.data[self.position] == _NONE:
            self.position += 1
            return None
        return self.commonText(index)

    def integer(self) -> int:
        """
        Read an integer of 64 bits.
        """
        data = self.data
        code = data[self.position]
        at = self.position + 1
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
            # There must be a digit, and no further digit: a longer number may be
            # too large.
            if at == self.position + 1 or data[at] != _LONG:
                raise NotStock
            # pickle reads no number that begins with a zero.
            if data[self.position + 1] == _ZERO:
                raise NotStock
            if data[at + 1] != _LINE_FEED:
                raise NotStock
            at += 2
        else:
            raise NotStock
        self.position = at
        return number

    def integerOrNone(self) -> int | None:
        """
        Read an integer of 64 bits or L{None}.
        """
        if self.data[self.position] == _NONE:
            self.position += 1
            return None
        return self.integer()

    def finite(self) -> float:
        """
        Read a float that is neither infinite nor NaN.
        """
        if self.data[self.position] != _BINFLOAT:
            raise NotStock
        number = readFloat(self.data, self.position + 1)
        if not _LEAST <= number <= _GREATEST:
            raise NotStock
        self.position += 9
        return number

    def extra(self) -> dict[str, JSONValue] | None:
        """
        Read all further attributes, up to the SETITEMS.  The value of each must be
        plain: a text, a number or a constant.
        """
        if self.data[self.position] == _SETITEMS:
            return None
        extra: dict[str, JSONValue] = {}
        while self.data[self.position] != _SETITEMS:
            key = self.text()
            if key in STANDARD or key in extra:
                raise NotStock
            extra[key] = self._plainValue()
        return extra

    def _plainValue(self) -> JSONValue:
        code = self.data[self.position]
        if code == _BINUNICODE:
            return self.text()
        if code == _NONE:
            self.position += 1
            return None
        if code == _BINFLOAT:
            return self.finite()
        if code == _INT:
            return self._boolean()
        return self.integer()

    def _boolean(self) -> bool:
        isTrue = self.data.startswith(b"I01\n", self.position)
        if not isTrue and not self.data.startswith(b"I00\n", self.position):
            raise NotStock
        self.position += 4
        return isTrue

    def end(self) -> None:
        """
        Read a SETITEMS and the STOP, which must be the last bytes.
        """
        size = self.position + len(_TAIL)
        if size != len(self.data) or not self.data.startswith(_TAIL, self.position):
            raise NotStock
