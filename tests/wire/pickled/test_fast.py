"""
Tests for L{logrecv.wire.pickled.fast}: whatever the short way takes comes to the same
as the long one.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Sequence
from io import BytesIO
from logging.handlers import SocketHandler
from typing import Any, NoReturn

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.formats.json import encodeJSON
from logrecv.record import Origin
from logrecv.testing import makePickle
from logrecv.wire.attributes import makeRecord
from logrecv.wire.errors import WireError
from logrecv.wire.pickled.fast import PayloadReader
from logrecv.wire.pickled.machine import loads
from tests.wire.pickled.test_attributes_fast import STOCK
from tests.wire.pickled.test_machine import CAPTURES, Hostile

ORIGIN = Origin("2026-11-22T10:30:00.000000Z", "tcp", "192.0.2.1:5000")


def stockPickle(others: dict[str, object] | None = None, protocol: int = 1) -> bytes:
    """
    Pickle attributes as a handler does, whose texts are no two the same object.
    """
    attributes = {
        name: "".join(list(value)) if isinstance(value, str) else value
        for name, value in {**STOCK, **(others or {})}.items()
    }
    return pickle.dumps(attributes, protocol)


def outcome(read: Any, payload: bytes) -> object:
    """
    Tell what becomes of a payload: the bytes of its record, or why there is none.
    """
    try:
        return encodeJSON([read(payload)])
    except WireError as error:
        return error.reason


class Harmless(pickle.Unpickler):
    """
    The unpickler of other receivers, but for what makes it dangerous.
    """

    def find_class(self, module: str, name: str) -> NoReturn:
        """
        Find none.
        """
        raise AssertionError(f"{module}.{name} would have been imported")


def harmless(payload: bytes) -> dict[str, object]:
    """
    Read a payload as other receivers do.
    """
    stream = BytesIO(payload)
    found: dict[str, object] = Harmless(stream).load()
    assert not stream.read(), "something follows"
    return found


def longWay(payload: bytes) -> object:
    """
    Tell what the pickle machine and the repairs make of a payload.
    """
    return outcome(lambda data: makeRecord(loads(data), ORIGIN, len(data)), payload)


#: Values that an attribute could have; most of them are what one has.
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-300, 70_000)
    | st.floats()
    | st.text(st.characters(codec=None), max_size=300)
    | st.sampled_from(["\ud800", "name", "é" * 200, "\0"])
    | st.lists(st.integers(), max_size=2)
    | st.binary(max_size=3)
)


class PayloadReaderTests(SynchronousTestCase):
    """
    Tests for L{PayloadReader}.
    """

    def check(self, sent: Sequence[bytes]) -> None:
        """
        Read payloads that came together, both ways; and what went the short way as
        a receiver does to which it is sent on.
        """
        reader = PayloadReader(ORIGIN)
        for payload in sent:
            others = reader.others
            found = outcome(reader.read, payload)
            self.assertEqual(found, longWay(payload), payload)
            if reader.others == others:
                record = makeRecord(harmless(payload), ORIGIN, len(payload))
                self.assertEqual(found, encodeJSON([record]), payload)

    def isShort(self, payload: bytes) -> bool:
        """
        Whether a payload goes the short way.
        """
        reader = PayloadReader(ORIGIN)
        outcome(reader.read, payload)
        return not reader.others

    def test_captures(self) -> None:
        """
        What handlers of every Python sent comes to the same, one after the
        other, and so does what is hostile.
        """
        self.check(CAPTURES)
        self.check([payload for payload in CAPTURES for _ in range(2)])
        self.check(list(Hostile.lies().values()))

    def test_stock(self) -> None:
        """
        What the handler of this Python sends goes the short way, with a
        traceback, with what a stack says and with plain extras too.
        """
        handler = SocketHandler("", None)
        records: list[logging.LogRecord] = []
        logger = logging.Logger("tests.payloads")
        logger.addFilter(lambda record: bool(records.append(record)))
        logger.info("order %d of %s", 17, "alice")
        logger.warning("plain", stack_info=True)
        extra = {"user": "älice", "count": 3, "ratio": 0.5, "ok": True, "no": None}
        logger.error("with extras", extra=extra)
        try:
            raise ValueError("wrong")
        except ValueError:
            logger.exception("failed")
        sent = [handler.makePickle(record)[4:] for record in records]
        self.assertEqual([self.isShort(payload) for payload in sent], [True] * 4)
        self.check(sent)

    def test_nothingToRepair(self) -> None:
        """
        What has something to repair, or values that are not plain, does not go
        the short way.
        """
        self.assertTrue(self.isShort(stockPickle()))
        for name, value in [
            ("levelno", "20"),
            ("msg", b"bytes"),
            ("name", "\ud800"),
            ("args", (1,)),
            ("exc_info", True),
            ("created", float("nan")),
            ("created", 1e300),
            ("thread", 2**70),
            ("extra", [1]),
            ("extra", float("inf")),
            ("message", "x"),
        ]:
            payload = stockPickle({name: value})
            self.assertFalse(self.isShort(payload), (name, value))
            self.check([payload])
        for protocol in (0, 2, 3, 4, 5):
            self.assertFalse(self.isShort(stockPickle(protocol=protocol)), protocol)
            self.check([stockPickle(protocol=protocol)])

    def test_zeros(self) -> None:
        """
        A number that begins with a zero is not sent on: C{pickle} reads none.
        """
        payload = stockPickle()
        number = b"L%dL\n" % (STOCK["thread"],)
        self.assertEqual(payload.count(number), 1)
        damaged = payload.replace(number, b"L007L\n")
        self.assertFalse(self.isShort(damaged))
        self.check([damaged])

    def test_commonTexts(self) -> None:
        """
        Texts that records have in common are made once, and one that only
        begins like another is no such text.
        """
        first, second, third = (
            makePickle(msg="x", name=name) for name in ("app", "app", "apple")
        )
        reader = PayloadReader(ORIGIN)
        one, two, three = map(reader.read, (first, second, third))
        self.assertIs(one.name, two.name)
        self.assertEqual(three.name, "apple")

    @given(
        st.dictionaries(st.sampled_from([*STOCK]) | st.text(max_size=9), VALUES),
        st.sampled_from([1, 1, 1, 2, 4]),
    )
    def test_anyAttributes(self, others: dict[str, object], protocol: int) -> None:
        """
        Whatever attributes are sent, both ways come to the same.
        """
        payload = stockPickle(others, protocol)
        self.check([payload, stockPickle(), payload])

    @given(st.sampled_from(CAPTURES), st.data())
    def test_anyDamage(self, payload: bytes, data: st.DataObject) -> None:
        """
        However a payload is damaged or cut off, both ways come to the same.
        """
        at = data.draw(st.integers(0, len(payload) - 1))
        byte = data.draw(st.integers(0, 255))
        damaged = payload[:at] + bytes([byte]) + payload[at + 1 :]
        self.check([payload, damaged, payload[:at], damaged + payload[at:]])
