"""
Conversion of any decoded value to plain JSON values, at a bounded cost.

The decoders give plain data and, where a client pickled anything else,
placeholders: see L{logrecv.wire.pickled.machine}.  L{logrecv.wire.reconstruct}
tells the meaning of a placeholder.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from math import isfinite
from typing import Final

from msgspec.json import encode

from logrecv.record import JSONValue
from logrecv.wire.calls import Opaque, Pairs, nameOf
from logrecv.wire.numbers import integerText
from logrecv.wire.pickled.placeholders import Call, Global
from logrecv.wire.reconstruct import unfold

#: The greatest depth of a converted value, in containers.  Each level takes
#: three Python frames here and one level of every JSON reader after logrecv.
#: Readers in other languages often stop at 100.
DEPTH: Final = 64

#: The effort that the C{extra} of one record may take, by the bytes of its
#: payload.  The unit is the cost of a number or a constant (about 0.15 us).  A
#: value that costs more is also longer on the wire.  So only shared parts, which
#: are written out wherever they are referred to, can exceed this; the floor is
#: for small records that share parts.
EFFORT_PER_BYTE: Final = 1
EFFORT_FLOOR: Final = 1000

#: The effort of other values: a list without its items; the key of a dict; bytes,
#: which may be no text; and a L{Call} without its arguments and state.
CONTAINER_EFFORT: Final = 3
KEY_EFFORT: Final = 1
BYTES_EFFORT: Final = 5
CALL_EFFORT: Final = 6

#: The characters that are looked through at the effort of one number.
CHARACTERS_PER_EFFORT: Final = 64

#: The bytes of JSON that one record may take, by the bytes of its payload.  An
#: object of a few pickled bytes is written with the whole name of its class, and
#: a NUL as six characters.
RENDERED_PER_BYTE: Final = 16
RENDERED_FLOOR: Final = 8192

#: The most bytes of JSON that one character takes: an escape.
BYTES_PER_CHARACTER: Final = 6

#: The integers that a record keeps: 64 bits, with or without a sign.  Readers of
#: JSON can be expected to take these.
SMALLEST_INTEGER: Final = -(2**63)
LARGEST_INTEGER: Final = 2**64 - 1

#: The marks in place of a part that contains itself, that lies deeper than
#: L{DEPTH}, or for which no room was left.
CYCLE: Final = "<cycle>"
TOO_DEEP: Final = "<too deep>"
TOO_LARGE: Final = "<too large>"


class Converter:
    """
    A converter of the values of one record to JSON values that bounds the depth,
    the effort and the size of all of them together::

        >>> from logrecv.wire.values import Converter
        >>> Converter(size=100).convert({"n": (1, 2**64), "raw": b"\\xff"})
        ({'n': [1, '18446744073709551616'], 'raw': {'$bytes': '/w=='}}, True)

    Whatever the value, the JSON value can be encoded.  A value that cannot be kept
    as sent is reported as not exact.
    """

    __slots__ = ("_ancestors", "_bytesLeft", "_effortLeft", "_exact", "_exhausted")

    def __init__(self, size: int) -> None:
        """
        @param size: The length of the record's payload, in bytes.
        """
        self._effortLeft = size * EFFORT_PER_BYTE + EFFORT_FLOOR
        self._bytesLeft = size * RENDERED_PER_BYTE + RENDERED_FLOOR
        self._exhausted = False
        self._exact = True
        #: The identities of the containers around the value at hand.
        self._ancestors: set[int] = set()

    def convert(self, value: object) -> tuple[JSONValue, bool]:
        """
        Make a JSON value.

        @param value: Anything.
        @return: The JSON value, and C{True} if it says all that C{value} does.
        """
        self._exact = True
        converted = self._value(value, 0)
        return converted, self._exact

    def text(self, text: str) -> tuple[str, bool]:
        """
        Make text that can be encoded.

        @param text: Any text.
        @return: The text, with escapes in place of lone surrogates, and C{True}
            if the text is still the same.
        """
        self._exact = True
        valid = self._text(text)
        return valid, self._exact

    def _inexact(self, mark: str) -> str:
        self._exact = False
        return mark

    def _exhaust(self) -> str:
        """
        Convert every value from now on to L{TOO_LARGE}, so that no more effort is
        spent on the parts that would not fit either.
        """
        self._exhausted = True
        return self._inexact(TOO_LARGE)

    def _text(self, text: str) -> str:
        if self._exhausted or len(text) > self._bytesLeft:
            return self._exhaust()
        text, exact = encodable(text)
        if not exact:
            self._exact = False
        self._bytesLeft -= len(encode(text))
        return text if self._bytesLeft >= 0 else self._exhaust()

    def _value(self, value: object, depth: int) -> JSONValue:
        """
        @param depth: The number of containers around C{value}.
        """
        self._effortLeft -= 1
        if self._exhausted or self._effortLeft < 0 or self._bytesLeft < 0:
            return self._exhaust()
        self._bytesLeft -= 6  # null or false, and a comma
        kind = type(value)
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]
        if value is None or kind is bool:
            return value  # type: ignore[return-value]
        if kind is int:
            return self._integer(value)  # type: ignore[arg-type]
        if kind is float:
            return self._float(value)  # type: ignore[arg-type]
        if kind is bytes or kind is bytearray:
            return self._bytes(value)  # type: ignore[arg-type]
        if kind is Global:
            return {"$class": self._text(nameOf(value))}
        return self._container(value, depth)

    def _integer(self, value: int) -> int | str:
        if -100 < value < 1000:
            return value
        if SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            self._bytesLeft -= 20
            return value
        return self._text(integerText(value))

    def _float(self, value: float) -> float | str:
        self._bytesLeft -= 24
        return value if isfinite(value) else str(value)

    def _bytes(self, value: bytes | bytearray) -> JSONValue:
        self._effortLeft -= BYTES_EFFORT - 1
        if len(value) > self._bytesLeft:
            return self._exhaust()
        try:
            return self._text(value.decode("utf-8"))
        except UnicodeDecodeError:
            return {"$bytes": self._text(b64encode(value).decode("ascii"))}

    def _container(self, value: object, depth: int) -> JSONValue:
        if depth >= DEPTH:
            return self._inexact(TOO_DEEP)
        if id(value) in self._ancestors:
            return self._inexact(CYCLE)
        self._effortLeft -= CONTAINER_EFFORT - 1
        self._ancestors.add(id(value))
        try:
            return self._contents(value, depth + 1)
        finally:
            self._ancestors.discard(id(value))

    def _contents(self, value: object, depth: int) -> JSONValue:
        """
        @param depth: The depth of the parts of C{value}.
        """
        if isinstance(value, (list, tuple)):
            return self._array(value, depth)
        if isinstance(value, dict):
            return self._object(value.items(), depth)
        if isinstance(value, Pairs):
            return self._object(value.pairs, depth)
        if isinstance(value, Call):
            return self._call(value, depth)
        if isinstance(value, Opaque):
            return self._opaque(value, depth)
        kind = type(value)
        return {"$class": self._inexact(f"{kind.__module__}.{kind.__qualname__}")}

    def _array(self, items: Iterable[object], depth: int) -> list[JSONValue]:
        result: list[JSONValue] = []
        for item in items:
            result.append(self._value(item, depth))
            if self._exhausted:
                break
        return result

    def _object(
        self, pairs: Iterable[tuple[object, object]], depth: int
    ) -> dict[str, JSONValue]:
        result: dict[str, JSONValue] = {}
        for key, item in pairs:
            self._effortLeft -= KEY_EFFORT
            name = self._text(key if type(key) is str else _keyText(key))
            if name in result:
                self._exact = False
            result[name] = self._value(item, depth)
            if self._exhausted:
                break
        return result

    def _call(self, call: Call, depth: int) -> JSONValue:
        # Paid for beforehand, as the arguments may come to nothing.
        self._effortLeft -= CALL_EFFORT - CONTAINER_EFFORT + _argumentsEffort(call)
        if self._effortLeft < 0:
            return self._exhaust()
        return self._value(unfold(call), depth)

    def _opaque(self, opaque: Opaque, depth: int) -> dict[str, JSONValue]:
        result: dict[str, JSONValue] = {
            "$class": self._text(opaque.name),
            "args": self._array(opaque.args, depth),
        }
        self._bytesLeft -= 40  # the keys of this object
        if opaque.kwargs:
            result["kwargs"] = self._value(opaque.kwargs, depth)
        result["state"] = self._value(opaque.state, depth) if opaque.state else {}
        return result


def encodable(text: str) -> tuple[str, bool]:
    """
    Replace the lone surrogates of a text by their escapes.

    @param text: Any text.
    @return: The text, and C{True} if it is still the same.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode("utf-8"), False
    return text, True


def _argumentsEffort(call: Call) -> int:
    """
    Estimate the effort of L{unfold}: it looks at all arguments of a call, into
    the first few, and at the arguments of which these were made.
    """
    effort = len(call.args)
    for argument in call.args[:3]:
        if isinstance(argument, Call) and argument.args:
            argument = argument.args[0]
        if isinstance(argument, (list, tuple)):
            effort += len(argument)
        elif isinstance(argument, (str, bytes)):
            effort += len(argument) // CHARACTERS_PER_EFFORT
    return effort


def _keyText(key: object) -> str:
    """
    Make the key of a dict text.
    """
    if isinstance(key, (bytes, bytearray)):
        return key.decode("utf-8", "backslashreplace")
    if type(key) is int:
        return integerText(key)
    if key is None or type(key) in (bool, float):
        return str(key)
    return f"<{type(key).__name__}>"
