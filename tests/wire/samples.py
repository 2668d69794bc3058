"""
Values to send in tests, and the records and JSON values that are made of them.
"""

from __future__ import annotations

import collections
import datetime
import enum
import pickle
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from logrecv.record import JSONValue, Origin, Record
from logrecv.wire.attributes import makeRecord
from logrecv.wire.pickled import machine as pickles
from logrecv.wire.pickled.placeholders import Call, Global
from logrecv.wire.values import Converter

#: The length of the payload that the tests' values come in, in bytes, unless
#: they say otherwise.
SIZE = 1000

ORIGIN = Origin("2026-11-22T10:30:00.000000Z", "tcp", "192.0.2.1:5000")

#: The attributes that a stock handler sends.
STOCK: dict[str, object] = {
    "name": "app.module",
    "msg": "hello",
    "args": None,
    "levelname": "INFO",
    "levelno": 20,
    "pathname": "/srv/app/module.py",
    "filename": "module.py",
    "module": "module",
    "exc_info": None,
    "exc_text": None,
    "stack_info": None,
    "lineno": 123,
    "funcName": "login",
    "created": 1795340750.25,
    "msecs": 250.0,
    "relativeCreated": 44.5,
    "thread": 140346917493632,
    "threadName": "MainThread",
    "processName": "MainProcess",
    "process": 30741,
    "taskName": None,
}


class Text(str):
    """
    A subclass of a built-in class.
    """


class Whole(int):
    """
    A subclass of a built-in class.
    """


class Items(list[object]):
    """
    A subclass of a built-in class.
    """


class Keys(dict[str, object]):
    """
    A subclass of a built-in class.
    """


class Ordered(collections.OrderedDict[str, object]):
    """
    A subclass of a subclass of a built-in class.
    """


class Point(NamedTuple):
    """
    A named tuple.
    """

    x: int
    y: int


class Colour(enum.Enum):
    """
    An enumeration.
    """

    RED = 1


class Plain:
    """
    A class of the client's own.
    """

    def __init__(self) -> None:
        self.user = "alice"


class Odd(Exception):
    """
    An exception with an attribute.
    """


class HalfSlots:
    """
    A class the state of which comes in two halves.
    """

    __slots__ = ("__dict__", "slot")

    def __init__(self) -> None:
        self.slot = 1
        self.other = 2


class Zone(datetime.tzinfo):
    """
    A time zone of the client's own.
    """

    def utcoffset(self, moment: datetime.datetime | None, /) -> None:
        """
        Not known.
        """

    dst = tzname = utcoffset


def odd() -> Odd:
    """
    Make an exception with an attribute.
    """
    error = Odd("what", 3)
    error.code = 7  # type: ignore[attr-defined]
    return error


def sent(value: object, protocol: int = 1) -> object:
    """
    Send a value as a client does.

    @param protocol: The pickle protocol; that of the stock handlers is 1.
    @return: The value as it arrives.
    """
    return pickles.loads(pickle.dumps({"value": value}, protocol))["value"]


def converted(value: object, size: int = SIZE) -> JSONValue:
    """
    Convert a value that must be converted without loss.
    """
    result, exact = Converter(size).convert(value)
    assert exact, result
    return result


def shown(name: str, *args: object, **state: object) -> dict[str, object]:
    """
    Make the JSON form of an instance of a class of this module.
    """
    return {"$class": f"{__name__}.{name}", "args": list(args), "state": state}


def make(**attributes: object) -> Record:
    """
    Make a record of some attributes, and check that it can be written.
    """
    record = makeRecord(attributes, ORIGIN, SIZE)
    written = msgspec.json.encode(record)
    assert b"\n" not in written
    assert msgspec.json.decode(written)["message"] == record.message
    return record


def subclassed(base: str, value: object) -> Call:
    """
    Make the placeholder of an instance of a subclass of a built-in class.
    """
    function = Global("copy_reg", "_reconstructor")
    return Call(function, (Global("app", "Sub"), Global("__builtin__", base), value))


class FormsTestCase(SynchronousTestCase):
    """
    A test of the forms of sent values.
    """

    def assertForms(self, table: Mapping[str, tuple[object, object]]) -> None:
        """
        Check the JSON values of values that a client sends.
        """
        for what, (value, form) in table.items():
            result = converted(sent(value))
            self.assertEqual(result, form, what)
            self.assertIs(type(result), type(form), what)


class FieldTestCase(SynchronousTestCase):
    """
    A test of the fields of records.
    """

    def assertField(
        self, name: str, sent: object, kept: object, repaired: bool
    ) -> Record:
        """
        Check the field of an attribute, in a stock record and in a small one.
        """
        for others in (STOCK, {"msg": "a", "args": None}):
            record = make(**{**others, name: sent})
            value = getattr(record, name)
            self.assertEqual((value, type(value)), (kept, type(kept)), (name, sent))
            expected = [name] if repaired else None
            self.assertEqual(record.repaired, expected, (name, sent))
            self.assertIsNone(record.extra)
        return record
