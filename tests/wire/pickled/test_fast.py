"""
Tests for L{logrecv.wire.pickled.fast}: the fast path gives the same record as the
slow path.
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
from tests.selection import slow
from tests.wire.pickled.captures import CAPTURES
from tests.wire.pickled.hostile import Hostile
from tests.wire.pickled.test_attributes_fast import STOCK

ORIGIN = Origin("2026-11-22T10:30:00.000000Z", "tcp", "192.0.2.1:5000")


def stockPickle(others: dict[str, object] | None = None, protocol: int = 1) -> bytes:
    """
    Pickle attributes as a handler does: no two texts are the same object.
    """
    attributes = {
        name: "".join(list(value)) if isinstance(value, str) else value
        for name, value in {**STOCK, **(others or {})}.items()
    }
    return pickle.dumps(attributes, protocol)


def outcome(read: Any, payload: bytes) -> object:
    """
    Make a record of a payload.

    @return: The JSON of the record, or the reason why there is none.
    """
    try:
        return encodeJSON([read(payload)])
    except WireError as error:
        return error.reason


class Harmless(pickle.Unpickler):
    """
    The unpickler of other receivers, without the dangerous part.
    """

    def find_class(self, module: str, name: str) -> NoReturn:
        """
        Fail.
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


def slowPath(payload: bytes) -> object:
    """
    Read a payload on the slow path: the pickle machine, then the repairs.
    """
    return outcome(lambda data: makeRecord(loads(data), ORIGIN, len(data)), payload)


#: Values that an attribute could have; most are values that one has.
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
        Read the payloads of one batch on both paths.  Read a payload that took the
        fast path as a further receiver does, too.
        """
        reader = PayloadReader(ORIGIN)
        for payload in sent:
            others = reader.others
            found = outcome(reader.read, payload)
            self.assertEqual(found, slowPath(payload), payload)
            if reader.others == others:
                record = makeRecord(harmless(payload), ORIGIN, len(payload))
                self.assertEqual(found, encodeJSON([record]), payload)

    def isFast(self, payload: bytes) -> bool:
        """
        Return C{True} if a payload takes the fast path.
        """
        reader = PayloadReader(ORIGIN)
        outcome(reader.read, payload)
        return not reader.others

    @slow
    def test_captures(self) -> None:
        """
        The captures from every Python give the same records on both paths, one
        after the other, and so do hostile payloads.
        """
        self.check(CAPTURES)
        self.check([payload for payload in CAPTURES for _ in range(2)])
        self.check(list(Hostile.lies().values()))

    def test_stock(self) -> None:
        """
        The payloads of this Python's handler take the fast path, also with a
        traceback, with a stack and with plain extras.
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
        self.assertEqual([self.isFast(payload) for payload in sent], [True] * 4)
        self.check(sent)

    def test_nothingToRepair(self) -> None:
        """
        A payload with something to repair, or with values that are not plain, does
        not take the fast path.
        """
        self.assertTrue(self.isFast(stockPickle()))
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
            self.assertFalse(self.isFast(payload), (name, value))
            self.check([payload])
        for protocol in (0, 2, 3, 4, 5):
            self.assertFalse(self.isFast(stockPickle(protocol=protocol)), protocol)
            self.check([stockPickle(protocol=protocol)])

    def test_zeros(self) -> None:
        """
        A number that begins with a zero does not take the fast path: C{pickle} does
        not read such a number.
        """
        payload = stockPickle()
        number = b"L%dL\n" % (STOCK["thread"],)
        self.assertEqual(payload.count(number), 1)
        damaged = payload.replace(number, b"L007L\n")
        self.assertFalse(self.isFast(damaged))
        self.check([damaged])

    def test_commonTexts(self) -> None:
        """
        A text that records have in common is made once.  A text that only begins
        like the text before is another text.
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
        Any attributes give the same record on both paths.
        """
        payload = stockPickle(others, protocol)
        self.check([payload, stockPickle(), payload])

    @given(st.sampled_from(CAPTURES), st.data())
    def test_anyDamage(self, payload: bytes, data: st.DataObject) -> None:
        """
        A payload that is damaged or cut off anywhere gives the same on both paths.
        """
        at = data.draw(st.integers(0, len(payload) - 1))
        byte = data.draw(st.integers(0, 255))
        damaged = payload[:at] + bytes([byte]) + payload[at + 1 :]
        self.check([payload, damaged, payload[:at], damaged + payload[at:]])
