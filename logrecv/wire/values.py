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
from logrecv.wire.effort import (
    ATTRIBUTE_EFFORT,
    BASE64_EFFORT,
    BYTES_EFFORT,
    CALL_EFFORT,
    CHARACTERS_PER_EFFORT,
    CLASS_EFFORT,
    CONTAINER_EFFORT,
    DIGITS_PER_EFFORT,
    ESCAPE_EFFORT,
    ESCAPES_PER_EFFORT,
    KEY_EFFORT,
    KNOWN_CALL_EFFORT,
    LONG_EFFORT,
    SURROGATES_EFFORT,
    TEXT_EFFORT,
    argumentsEffort,
    effortOf,
)
from logrecv.wire.numbers import digitsEffort, integerText
from logrecv.wire.pickled.placeholders import Call, Global
from logrecv.wire.reconstruct import unfold

#: The greatest depth of a converted value, in containers.  Each level takes
#: three Python frames here and one level of every JSON reader after logrecv.
#: Readers in other languages often stop at 100.
DEPTH: Final = 64

#: The bytes of JSON that one record may take, by the bytes of its payload.  An
#: object of a few pickled bytes is written with the whole name of its class, and
#: a NUL as six characters.
RENDERED_PER_BYTE: Final = 16
RENDERED_FLOOR: Final = 8192

#: The most bytes of JSON that one character takes: an escape.
BYTES_PER_CHARACTER: Final = 6

#: The longest payload with so much room, in bytes.  For longer payloads this much of
#: the room grows no more: 2 MiB beyond the bytes that the characters of the payload
#: can take where each is written once.  Every output writes and keeps these bytes.
MAX_RENDERED_SIZE: Final = 2 * 1024 * 1024 // (RENDERED_PER_BYTE - BYTES_PER_CHARACTER)

#: The integers that a record keeps: 64 bits, with or without a sign.  Readers of
#: JSON can be expected to take these.
SMALLEST_INTEGER: Final = -(2**63)
LARGEST_INTEGER: Final = 2**64 - 1

#: The marks in place of a part that contains itself, that lies deeper than
#: L{DEPTH}, or for which no room was left.
CYCLE: Final = "<cycle>"
TOO_DEEP: Final = "<too deep>"
TOO_LARGE: Final = "<too large>"


def renderedSize(size: int) -> int:
    """
    Tell how many bytes of JSON one record may take.

    @param size: The length of the record's payload, in bytes.
    """
    if size <= MAX_RENDERED_SIZE:
        return RENDERED_PER_BYTE * size + RENDERED_FLOOR
    beyond = (RENDERED_PER_BYTE - BYTES_PER_CHARACTER) * MAX_RENDERED_SIZE
    return BYTES_PER_CHARACTER * size + beyond + RENDERED_FLOOR


class Converter:
    """
    A converter of the values of one record to JSON values that bounds the depth,
    the effort and the size of all of them together::

        >>> from logrecv.wire.values import Converter
        >>> Converter(size=100).convert({"n": (1, 2**64), "raw": b"\\xff"})
        ({'n': [1, '18446744073709551616'], 'raw': {'$bytes': '/w=='}}, True)

    Whatever the value, the JSON value can be encoded.  A value that cannot be kept
    as sent is reported as not exact.

    @ivar exhausted: True once there is no room left: every further value becomes
        L{TOO_LARGE}.
    """

    __slots__ = (
        "_ancestors",
        "_bytesLeft",
        "_effortLeft",
        "_exact",
        "_known",
        "exhausted",
    )

    def __init__(self, size: int) -> None:
        """
        @param size: The length of the record's payload, in bytes.
        """
        self._effortLeft = effortOf(size)
        self._bytesLeft = renderedSize(size)
        self.exhausted = False
        self._exact = True
        #: The calls that were converted exactly, by their identities, as a pickle may
        #: refer to one object any number of times: the JSON value, its bytes of JSON,
        #: and its depth.  Each entry has cost L{CALL_EFFORT}, so there are few.
        self._known: dict[int, tuple[JSONValue, int, int]] = {}
        #: The identities of the containers around the value at hand.
        self._ancestors: set[int] = set()

    def convert(self, value: object) -> tuple[JSONValue, bool]:
        """
        Make a JSON value.

        @param value: Anything.
        @return: The JSON value, and C{True} if it says all that C{value} does.
        """
        self._exact = True
        self._effortLeft -= ATTRIBUTE_EFFORT
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

    def escapedText(self, raw: bytes) -> str:
        """
        Make text of bytes that are no UTF-8.

        @return: The text, with an escape in place of each byte that is no part of a
            character, or with U+FFFD where the escapes would be too much effort.
        """
        # Of the error handlers these two are quick, whatever the bytes.
        valid = len(raw.decode("utf-8", "ignore").encode("utf-8"))
        effort = (len(raw) - valid) * ESCAPE_EFFORT
        if effort > self._effortLeft:
            self._exact = False
            return raw.decode("utf-8", "replace")
        self._effortLeft -= effort
        return raw.decode("utf-8", "backslashreplace")

    def _inexact(self, mark: str) -> str:
        self._exact = False
        return mark

    def _exhaust(self) -> str:
        """
        Convert every value from now on to L{TOO_LARGE}, so that no more effort is
        spent on the parts that would not fit either.
        """
        self.exhausted = True
        return self._inexact(TOO_LARGE)

    def _text(self, text: str) -> str:
        if self.exhausted or len(text) > self._bytesLeft:
            return self._exhaust()
        self._effortLeft -= TEXT_EFFORT
        if not text.isascii():
            text, exact = encodable(text)
            if not exact:
                self._exact = False
                self._effortLeft -= SURROGATES_EFFORT
        rendered = len(encode(text))
        self._bytesLeft -= rendered
        if rendered - len(text) > ESCAPES_PER_EFFORT:
            beyond = rendered - len(text.encode("utf-8"))
            self._effortLeft -= beyond // ESCAPES_PER_EFFORT
        return text if self._bytesLeft >= 0 else self._exhaust()

    def _value(self, value: object, depth: int) -> JSONValue:
        """
        @param depth: The number of containers around C{value}.
        """
        self._effortLeft -= 1
        if self.exhausted or self._effortLeft < 0 or self._bytesLeft < 0:
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
            self._effortLeft -= CLASS_EFFORT
            return {"$class": self._text(nameOf(value))}
        if kind is Call:
            known = self._known.get(id(value))
            # An exact value holds no part of itself, so it is the same wherever it
            # occurs; but deeper it may be too deep.
            if known is not None and depth <= known[2]:
                self._effortLeft -= KNOWN_CALL_EFFORT
                self._bytesLeft -= known[1]
                return known[0] if self._bytesLeft >= 0 else self._exhaust()
        return self._container(value, depth)

    def _integer(self, value: int) -> int | str:
        if -100 < value < 1000:
            return value
        if SMALLEST_INTEGER <= value <= LARGEST_INTEGER:
            self._bytesLeft -= 20
            return value
        self._effortLeft -= LONG_EFFORT + digitsEffort(value.bit_length())
        return self._text(integerText(value))

    def _float(self, value: float) -> float | str:
        self._bytesLeft -= 24
        return value if isfinite(value) else str(value)

    def _bytes(self, value: bytes | bytearray) -> JSONValue:
        self._effortLeft -= BYTES_EFFORT
        if len(value) > self._bytesLeft:
            return self._exhaust()
        try:
            return self._text(value.decode("utf-8"))
        except UnicodeDecodeError:
            self._effortLeft -= BASE64_EFFORT
            return {"$bytes": self._text(b64encode(value).decode("ascii"))}

    def _container(self, value: object, depth: int) -> JSONValue:
        if depth >= DEPTH:
            return self._inexact(TOO_DEEP)
        if id(value) in self._ancestors:
            return self._inexact(CYCLE)
        self._effortLeft -= CONTAINER_EFFORT
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
            if self.exhausted:
                break
        return result

    def _object(
        self, pairs: Iterable[tuple[object, object]], depth: int
    ) -> dict[str, JSONValue]:
        result: dict[str, JSONValue] = {}
        for key, item in pairs:
            self._effortLeft -= KEY_EFFORT
            name = self._text(key if type(key) is str else self._keyText(key))
            if name in result:
                self._exact = False
            result[name] = self._value(item, depth)
            if self.exhausted:
                break
        return result

    def _keyText(self, key: object) -> str:
        """
        Make the key of a dict text.
        """
        self._effortLeft -= LONG_EFFORT
        if isinstance(key, (bytes, bytearray)):
            self._effortLeft -= len(key) // CHARACTERS_PER_EFFORT
            try:
                return key.decode("utf-8")
            except UnicodeDecodeError:
                return self.escapedText(bytes(key))
        if type(key) is int:
            self._effortLeft -= digitsEffort(key.bit_length())
            return integerText(key)
        if key is None or type(key) in (bool, float):
            return str(key)
        return f"<{type(key).__name__}>"

    def _call(self, call: Call, depth: int) -> JSONValue:
        # Paid for beforehand, as the arguments may come to nothing.
        self._effortLeft -= CALL_EFFORT + argumentsEffort(call)
        if self._effortLeft < 0:
            return self._exhaust()
        wasExact, self._exact = self._exact, True
        bytesLeft = self._bytesLeft
        result = unfold(call)
        if type(result) is str:
            self._effortLeft -= len(result) // DIGITS_PER_EFFORT
        converted = self._value(result, depth)
        if self._exact:
            self._known[id(call)] = converted, bytesLeft - self._bytesLeft, depth - 1
            self._exact = wasExact
        return converted

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
