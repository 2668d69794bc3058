"""
Attributes as a client sent them, read one by one as the types that a record has.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from msgspec.json import encode

from logrecv.record import JSONValue
from logrecv.wire.numbers import readNumber
from logrecv.wire.pickled.placeholders import Call
from logrecv.wire.reconstruct import underlying
from logrecv.wire.values import LARGEST_INTEGER, SMALLEST_INTEGER, Converter


class AttributeReader:
    """
    A reader of the attributes of one record, which notes the repairs::

        >>> from logrecv.wire.repairs import AttributeReader
        >>> reader = AttributeReader({"lineno": "7", "name": b"app"}, size=100)
        >>> reader.integer("lineno"), reader.text("name"), reader.text("module")
        (7, 'app', None)
        >>> reader.repaired()
        ['lineno']

    An attribute that is missing or L{None} is read as L{None}.  An attribute
    that cannot be kept as it was sent is repaired, or read as L{None}, and noted.

    @ivar converter: The converter of all values of the record.
    """

    __slots__ = ("_attributes", "_repaired", "converter")

    def __init__(self, attributes: Mapping[str, object], size: int) -> None:
        """
        @param attributes: The attributes by name.
        @param size: The length of the payload that they came in, in bytes.
        """
        self._attributes = attributes
        self.converter = Converter(size)
        # A dict, because it keeps the order.
        self._repaired: dict[str, None] = {}

    def repair(self, field: str) -> None:
        """
        Note that a field was not kept as sent.
        """
        self._repaired[field] = None

    def repaired(self) -> list[str] | None:
        """
        @return: The fields that were not kept as sent, in order; L{None} if all
            were kept.
        """
        return list(self._repaired) or None

    def sent(self, name: str) -> object:
        """
        @return: The attribute as it was sent, but for the wrapping that a pickle
            gives to texts and numbers.
        """
        sent = self._attributes.get(name)
        return underlying(sent) if isinstance(sent, Call) else sent

    def text(self, name: str) -> str | None:
        """
        Read an attribute as text.
        """
        sent = self.sent(name)
        return None if sent is None else self.asText(name, sent)

    def integer(self, name: str) -> int | None:
        """
        Read an attribute as an integer of 64 bits.
        """
        sent = self.sent(name)
        if sent is None:
            return None
        if type(sent) is not int:
            self.repair(name)
        number = _asNumber(sent)
        if isinstance(number, float):
            number = int(number) if number.is_integer() else None
        if number is None or not SMALLEST_INTEGER <= number <= LARGEST_INTEGER:
            self.repair(name)
            return None
        return number

    def finite(self, name: str) -> float | None:
        """
        Read an attribute as a finite float.
        """
        sent = self.sent(name)
        if sent is None:
            return None
        if type(sent) not in (float, int):
            self.repair(name)
        number = _asNumber(sent)
        try:
            if number is not None and isfinite(number):
                return float(number)
        except OverflowError:
            # An integer that is larger than any float.
            pass
        self.repair(name)
        return None

    def asText(self, field: str, sent: object) -> str:
        """
        Make text of a value.

        @param field: The field to note if C{sent} is not kept as it is.
        """
        if isinstance(sent, bytes):
            # A text of Python 2.
            sent = self._decoded(field, sent)
        if isinstance(sent, str):
            text, exact = self.converter.text(sent)
            if not exact:
                self.repair(field)
            return text
        self.repair(field)
        converted, _ = self.converter.convert(sent)
        return converted if isinstance(converted, str) else _written(converted)

    def asJSONText(self, sent: object) -> str:
        """
        Write any value as JSON.  No repair is noted.
        """
        return _written(self.converter.convert(sent)[0])

    def _decoded(self, field: str, sent: bytes) -> str:
        try:
            return sent.decode("utf-8")
        except UnicodeDecodeError:
            self.repair(field)
            return self.converter.escapedText(sent)


def _written(value: JSONValue) -> str:
    return encode(value).decode("utf-8")


def _asNumber(sent: object) -> int | float | None:
    """
    Read a number.

    @param sent: A number, the text of a number, or the call of a class with
        either as its only argument, such as a member of an enumeration.
    @return: The number; L{None} if C{sent} is anything else.
    """
    if isinstance(sent, Call) and len(sent.args) == 1:
        sent = sent.args[0]
    if type(sent) is int or type(sent) is float:
        return sent
    if isinstance(sent, bytes):
        sent = sent.decode("latin-1")
    return readNumber(sent) if isinstance(sent, str) else None
