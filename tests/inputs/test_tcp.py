"""
Tests for L{logrecv.inputs.tcp}.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.tcp import RecordFactory, RecordProtocol
from logrecv.intake import Intake
from logrecv.testing import BackpressureSink, MemorySink, makeFrame


def frame(msg: str) -> bytes:
    """
    Make the bytes that C{SocketHandler} sends for one record.
    """
    return makeFrame(msg=msg)


class Transport(StringTransport):
    """
    A transport that knows TCP keepalive.
    """

    keepAlive = False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """
        Remember it.
        """
        self.keepAlive = enabled


class ProtocolTestCase(SynchronousTestCase):
    """
    Has a protocol with a client.
    """

    def setUp(self) -> None:
        """
        Connect a client.
        """
        self.sink = MemorySink()
        self.connect(Intake(self.sink, Clock()))

    def connect(self, intake: Intake) -> None:
        """
        Connect a client to an intake.
        """
        self.intake = intake
        self.protocol = RecordFactory(intake, 1000).buildProtocol(None)
        self.transport = StringTransport(
            peerAddress=IPv4Address("TCP", "10.0.0.1", 5000)
        )
        self.protocol.makeConnection(self.transport)


class RecordProtocolTests(ProtocolTestCase):
    """
    Tests for L{RecordProtocol}.
    """

    def test_oneBatchARead(self) -> None:
        """
        The records of one read are one batch, in order, with their origin.
        """
        self.protocol.dataReceived(frame("a") + frame("b") + frame("c")[:9])
        self.protocol.dataReceived(frame("c")[9:])
        self.assertEqual([r.message for r in self.sink.records], ["a", "b", "c"])
        self.assertEqual([len(batch) for batch in self.sink.batches], [2, 1])
        received = self.sink.records[0].received
        self.assertEqual((received.via, received.peer), ("tcp", "10.0.0.1:5000"))

    def test_keepAlive(self) -> None:
        """
        The system is to find out when a client is gone, where it can.
        """
        transport = Transport()
        RecordFactory(self.intake).buildProtocol(None).makeConnection(transport)
        self.assertTrue(transport.keepAlive)

    def test_badFrame(self) -> None:
        """
        A frame of which no record can be made hurts only itself.
        """
        self.protocol.dataReceived(frame("a") + b"\0\0\0\3abc" + frame("b"))
        self.assertEqual([r.message for r in self.sink.records], ["a", "b"])
        tally = self.intake.tallies["tcp"]
        self.assertEqual((tally.received, tally.accepted), (3, 2))
        self.assertEqual(tally.rejected, {"malformed": 1})
        self.assertFalse(self.transport.disconnecting)

    def test_tooLong(self) -> None:
        """
        A frame that is too long is counted and skipped; the connection and the
        records before and after it live on.
        """
        data = frame("a") + frame("x" * 2000) + frame("b")
        for start in range(0, len(data), 100):
            self.protocol.dataReceived(data[start : start + 100])
        self.assertEqual([r.message for r in self.sink.records], ["a", "b"])
        self.assertEqual(self.intake.tallies["tcp"].rejected, {"too-long": 1})
        self.assertFalse(self.transport.disconnecting)

    def test_cutOff(self) -> None:
        """
        A frame whose end never comes is counted; a connection closed between
        frames leaves nothing to count.
        """
        self.protocol.dataReceived(frame("a") + frame("b")[:-1])
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.intake.tallies["tcp"].rejected, {"incomplete": 1})
        self.setUp()
        self.protocol.dataReceived(frame("a"))
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.intake.tallies["tcp"].rejected, {})

    def test_nothingIsSent(self) -> None:
        """
        Nothing is sent and nothing is closed, whatever comes.
        """
        self.protocol.dataReceived(frame("a") + b"\xff" * 4000)
        self.assertEqual(self.transport.value(), b"")
        self.assertFalse(self.transport.disconnecting)

    def test_pressure(self) -> None:
        """
        While the sink is under pressure the client is not read.  The payloads of the
        same read have been taken.
        """
        sink = BackpressureSink()
        self.connect(Intake(sink, Clock()))
        self.protocol.dataReceived(frame("a") + frame("b"))
        self.assertEqual(self.transport.producerState, "paused")
        self.assertEqual(len(sink.records), 2)
        sink.release()
        self.assertEqual(self.transport.producerState, "producing")

    def test_pressureOutlivesTheClient(self) -> None:
        """
        A sink that has room again when the client has gone changes nothing.
        """
        sink = BackpressureSink()
        self.connect(Intake(sink, Clock()))
        self.protocol.dataReceived(frame("a"))
        self.protocol.connectionLost(Failure(ConnectionDone()))
        sink.release()
        self.assertEqual(self.transport.producerState, "paused")

    def test_pausedAndLost(self) -> None:
        """
        Payloads that came while the protocol was paused are taken before the
        connection ends.
        """
        self.protocol.pauseProducing()
        self.protocol.dataReceived(frame("a") + frame("b")[:5])
        self.assertEqual(self.sink.records, [])
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual([r.message for r in self.sink.records], ["a"])
        self.assertEqual(self.intake.tallies["tcp"].rejected, {"incomplete": 1})


class AnyBytesTests(ProtocolTestCase):
    """
    Tests for L{RecordProtocol} with bytes of any kind.
    """

    @given(st.binary(max_size=200), st.integers(1, 50))
    def test_anyBytes(self, data: bytes, size: int) -> None:
        """
        Any bytes, in any pieces, give records or counted rejections.
        """
        self.setUp()
        for start in range(0, len(data), size):
            self.protocol.dataReceived(data[start : start + size])
        self.protocol.connectionLost(Failure(ConnectionDone()))
        tally = self.intake.tallies["tcp"]
        self.assertEqual(tally.received, tally.accepted + sum(tally.rejected.values()))
        self.assertEqual(tally.accepted, len(self.sink.records))


class RecordFactoryTests(SynchronousTestCase):
    """
    Tests for L{RecordFactory}.
    """

    def test_largestByDefault(self) -> None:
        """
        By default a record may be 1 MiB.
        """
        sink = MemorySink()
        protocol = RecordFactory(Intake(sink, Clock())).buildProtocol(None)
        self.assertIsInstance(protocol, RecordProtocol)
        protocol.makeConnection(StringTransport())
        protocol.dataReceived(frame("x" * 1_000_000) + frame("y" * 1_100_000))
        self.assertEqual([len(r.message) for r in sink.records], [1_000_000])
