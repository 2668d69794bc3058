"""
Tests for the contract that L{logrecv.inputs.tcp} keeps to subclasses of
L{RecordProtocol}: that of L{Int32StringReceiver}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.basic import Int32StringReceiver
from twisted.protocols.test.test_basic import IntNTestCaseMixin
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.tcp import RecordFactory, RecordProtocol
from logrecv.intake import Intake
from logrecv.testing import BackpressureSink, MemorySink
from tests.inputs.test_tcp import Transport, frame


class Each(RecordProtocol):
    """
    Notes each payload, and does something after one of them.
    """

    after: bytes = b""
    action: Callable[[], object] = staticmethod(lambda: None)

    def connectionMade(self) -> None:
        """
        Prepare, without the help of the base class.
        """
        self.seen: list[Any] = []

    def stringReceived(self, payload: bytes) -> None:
        """
        Note it.
        """
        self.seen.append(payload)
        if payload == self.after:
            self.action()


class Batches(Each):
    """
    Notes the size of each batch as well.
    """

    def stringsReceived(self, payloads: list[bytes]) -> None:
        """
        Note its size, and do the usual with it.
        """
        self.seen.append(len(payloads))
        super().stringsReceived(payloads)


class Tee(Each):
    """
    Notes each payload, and has a record made of it.
    """

    def stringReceived(self, payload: bytes) -> None:
        """
        Note it, and hand it on.
        """
        super().stringReceived(payload)
        RecordProtocol.stringReceived(self, payload)


def frames(*payloads: bytes) -> bytes:
    """
    Make the frames of payloads.
    """
    return b"".join(len(each).to_bytes(4, "big") + each for each in payloads)


class SubclassTests(SynchronousTestCase):
    """
    Tests for subclasses of L{RecordProtocol}, to which it keeps the contract of
    L{Int32StringReceiver}.
    """

    def connect(self, protocol: type[Each] = Each, limit: int = 1000) -> Any:
        """
        Connect a client.
        """
        self.sink = MemorySink()
        self.intake = Intake(self.sink, Clock())
        factory = RecordFactory(self.intake, limit)
        factory.protocol = protocol  # type: ignore[assignment]
        made: Any = factory.buildProtocol(None)
        made.makeConnection(Transport())
        self.assertIsInstance(made, Int32StringReceiver)
        return made

    def test_each(self) -> None:
        """
        A subclass sees each payload, and no record is made of any.  It need not
        call C{connectionMade} of the base class.
        """
        protocol = self.connect()
        self.assertIsNone(protocol.dataReceived(frames(b"a", b"", b"b") + b"\0"))
        self.assertEqual(protocol.seen, [b"a", b"", b"b"])
        self.assertEqual(self.sink.records, [])
        self.assertTrue(protocol.transport.keepAlive)

    def test_handOn(self) -> None:
        """
        A subclass that hands a payload to the base class has a record made of it.
        """
        protocol = self.connect(Tee)
        protocol.dataReceived(frame("a") + frame("b"))
        self.assertEqual(len(protocol.seen), 2)
        self.assertEqual([r.message for r in self.sink.records], ["a", "b"])

    def test_batches(self) -> None:
        """
        A subclass sees the payloads of each read together, and the base class
        hands on its payloads one by one.
        """
        protocol = self.connect(Batches)
        protocol.dataReceived(frames(b"a", b"b", b"c")[:-1])
        protocol.dataReceived(b"c")
        self.assertEqual(protocol.seen, [2, b"a", b"b", 1, b"c"])

    def test_pause(self) -> None:
        """
        A protocol that pauses at a payload gets the next when it resumes, before
        payloads that have come since.
        """
        for kind in (Each, Batches):
            protocol = self.connect(kind)
            protocol.after, protocol.action = b"b", protocol.pauseProducing
            protocol.dataReceived(frames(b"a", b"b", b"c"))
            protocol.dataReceived(frames(b"d"))
            payloads = [x for x in protocol.seen if isinstance(x, bytes)]
            self.assertEqual(payloads, [b"a", b"b"])
            self.assertEqual(protocol.transport.producerState, "paused")
            protocol.resumeProducing()
            payloads = [x for x in protocol.seen if isinstance(x, bytes)]
            self.assertEqual(payloads, [b"a", b"b", b"c", b"d"])
            self.assertEqual(protocol.transport.producerState, "producing")

    def test_pauseAndResume(self) -> None:
        """
        A protocol that pauses and resumes at a payload gets each payload once, and
        none within another.
        """

        class Nested(Each):
            depth = 0

            def stringReceived(self, payload: bytes) -> None:
                self.depth += 1
                assert self.depth == 1
                super().stringReceived(payload)
                self.pauseProducing()
                self.resumeProducing()
                self.depth -= 1

        protocol = self.connect(Nested)
        protocol.dataReceived(frames(b"a", b"b", b"c"))
        self.assertEqual(protocol.seen, [b"a", b"b", b"c"])

    def test_readWithin(self) -> None:
        """
        Bytes that come while a payload is handed on give payloads behind the
        others.
        """
        protocol = self.connect()
        protocol.after = b"a"
        protocol.action = lambda: protocol.dataReceived(frames(b"c"))
        protocol.dataReceived(frames(b"a", b"b"))
        self.assertEqual(protocol.seen, [b"a", b"b", b"c"])

    def test_lose(self) -> None:
        """
        A protocol that closes the connection gets nothing more, not even what
        comes before the connection ends.
        """
        for name in ("loseConnection", "abortConnection"):
            protocol = self.connect()
            protocol.after = b"a"
            protocol.action = getattr(protocol.transport, name)
            protocol.dataReceived(frames(b"a", b"b"))
            protocol.dataReceived(frames(b"c"))
            protocol.connectionLost(Failure(ConnectionDone()))
            self.assertEqual(protocol.seen, [b"a"])

    def test_pausedAndLost(self) -> None:
        """
        A protocol that is paused when its client has gone gets what waited.
        """
        protocol = self.connect()
        protocol.after, protocol.action = b"a", protocol.pauseProducing
        protocol.dataReceived(frames(b"a", b"b"))
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(protocol.seen, [b"a", b"b"])

    def test_failure(self) -> None:
        """
        A protocol that raises has its error raised, and is not given the same
        payload again.
        """
        protocol = self.connect()
        protocol.after, protocol.action = b"a", lambda: 1 / 0
        self.assertRaises(ZeroDivisionError, protocol.dataReceived, frames(b"a", b"b"))
        protocol.dataReceived(frames(b"c"))
        self.assertEqual(protocol.seen, [b"a", b"c"])

    def test_tooLong(self) -> None:
        """
        A subclass is told once of each payload that is too long, in its place, and
        may close the connection then.
        """

        class Strict(Each):
            def lengthLimitExceeded(self, length: int) -> None:
                self.seen.append(length)
                if length == 6:
                    self.transport.loseConnection()

        protocol = self.connect(Strict, 4)
        data = frames(b"a", b"12345", b"b", b"123456", b"c", b"1234567")
        for start in range(0, len(data), 9):
            protocol.dataReceived(data[start : start + 9])
        self.assertEqual(protocol.seen, [b"a", 5, b"b", 6])
        protocol = self.connect(Strict, 4)
        protocol.dataReceived(data)
        self.assertEqual(protocol.seen, [b"a", 5, b"b", 6])

    def test_tooLongIsCounted(self) -> None:
        """
        The base class counts a payload that is too long, and stays connected.
        """
        protocol = self.connect(limit=4)
        protocol.dataReceived(frames(b"a", b"12345", b"b"))
        self.assertEqual(protocol.seen, [b"a", b"b"])
        self.assertEqual(self.intake.tallies["tcp"].rejected, {"too-long": 1})
        self.assertFalse(protocol.transport.disconnecting)

    def test_backpressure(self) -> None:
        """
        A subclass that hands on each payload gets the next when the sink has room.
        """
        protocol = self.connect(Tee)
        sink = BackpressureSink()
        self.intake.sink = sink
        protocol.dataReceived(frame("a") + frame("b"))
        self.assertEqual((len(protocol.seen), len(sink.records)), (1, 1))
        sink.release()
        self.assertEqual((len(protocol.seen), len(sink.records)), (2, 2))
        self.assertEqual(protocol.transport.producerState, "producing")

    def test_connectionEndsWithin(self) -> None:
        """
        Nothing is held of a client whose connection ended while its payload was
        handed on.
        """
        protocol = self.connect()
        protocol.after = b"a"

        def end() -> None:
            protocol.transport.loseConnection()
            protocol.connectionLost(Failure(ConnectionDone()))

        protocol.action = end
        protocol.dataReceived(frames(b"a") + b"\0\0\0\5x")
        self.assertEqual(protocol.factory.partials.held, 0)


class StockContractTests(IntNTestCaseMixin, SynchronousTestCase):
    """
    Twisted's own tests of an L{Int32StringReceiver}.
    """

    protocol = Each
    strings = [b"a", b"b" * 16]  # noqa: RUF012
    illegalStrings = []  # noqa: RUF012
    partialStrings = [b"\x00\x00\x00", b"hello there", b""]  # noqa: RUF012

    def getProtocol(self) -> Each:
        """
        Connect a client.
        """
        factory = RecordFactory(Intake(MemorySink(), Clock()))
        factory.protocol = Received  # type: ignore[assignment]
        protocol: Any = factory.buildProtocol(None)
        protocol.makeConnection(StringTransport())
        return protocol


class Received(Each):
    """
    Has the payloads where Twisted's tests look for them.
    """

    @property
    def received(self) -> list[bytes]:
        """
        The payloads.
        """
        return self.seen


class FactoryTests(SynchronousTestCase):
    """
    Tests for the protocols of a L{RecordFactory}.
    """

    def test_protocolOfAFactory(self) -> None:
        """
        The class of the protocols can be chosen for one factory, for a class of
        factories, and by L{RecordFactory.forProtocol}.
        """

        class Factory(RecordFactory):
            protocol = Each  # type: ignore[assignment]

        intake = Intake(MemorySink(), Clock())
        chosen = RecordFactory(intake)
        chosen.protocol = Each  # type: ignore[assignment]
        for factory in (
            chosen,
            Factory(intake),
            RecordFactory.forProtocol(Each, intake),
        ):
            protocol = factory.buildProtocol(None)
            self.assertIsInstance(protocol, Each)
            self.assertIs(protocol.factory, factory)
        self.assertIs(type(RecordFactory(intake).buildProtocol(None)), RecordProtocol)

    def test_limits(self) -> None:
        """
        The limit is that of the factory, and where it has none, of the protocol.
        """

        class Short(Each):
            MAX_LENGTH = 2

        intake = Intake(MemorySink(), Clock())
        for factory, expected in [
            (RecordFactory(intake), [b"ab"]),
            (RecordFactory(intake, 3), [b"ab", b"abc"]),
        ]:
            factory.protocol = Short  # type: ignore[assignment]
            protocol = factory.buildProtocol(None)
            protocol.makeConnection(StringTransport())
            protocol.dataReceived(frames(b"ab", b"abc", b"abcd"))
            self.assertEqual(protocol.seen, expected)
