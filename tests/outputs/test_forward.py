"""
Tests for L{logrecv.outputs.forward}.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import struct
from collections.abc import Iterator
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from logrecv.counters import OutputTally
from logrecv.descriptions import Description, DescriptionError
from logrecv.interfaces import IRecordSink
from logrecv.outputs import forward
from logrecv.outputs.context import OutputContext, StandardOutput
from logrecv.outputs.forward import (
    MAX_CONNECT_DELAY,
    READ_DELAY,
    READ_SIZE,
    WRITE_SIZE,
    ForwardProtocol,
    parseForward,
)
from logrecv.outputs.frames import encodeFrames
from logrecv.outputs.queue.sink import (
    CLOSE_TIMEOUT,
    RETRY_DELAY,
    STOP_TIMEOUT,
    QueuedSink,
    QueueState,
)
from logrecv.outputs.writers import IWriter
from logrecv.testing import makeRecord
from tests.outputs.test_frames import loads
from tests.selection import slow


class ForwardTestCase(SynchronousTestCase):
    """
    A sink that forwards through a reactor in memory.
    """

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.tally = OutputTally("1-forward")
        self.sink = self.parse("forward:tcp:127.0.0.1:9020")

    def parse(self, text: str) -> QueuedSink:
        context = OutputContext(self.reactor, self.tally, StandardOutput.ofProcess())
        sink = parseForward(Description.fromText(text), context)
        assert isinstance(sink, QueuedSink)
        return sink

    def connect(self) -> tuple[Protocol, StringTransport]:
        """
        Answer the latest attempt to connect.
        """
        factory = self.reactor.tcpClients[-1][2]
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def refuse(self) -> None:
        """
        Refuse the latest attempt to connect.
        """
        factory = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))

    def take(self, transport: StringTransport) -> list[str]:
        """
        Be a transport that asks its producer for bytes and gives them to the
        kernel.

        @return: The messages that were written.
        """
        transport.clear()
        assert transport.producer is not None
        transport.producer.resumeProducing()
        return [attributes["msg"] for attributes in loads(transport.value())]


class SendingTests(ForwardTestCase):
    """
    Connecting and sending.
    """

    def test_interfaces(self) -> None:
        """
        The sink provides L{IRecordSink}, its writer L{IWriter}, its protocol
        L{IPullProducer}.
        """
        verifyObject(IRecordSink, self.sink)
        verifyObject(IWriter, self.sink.writer)
        verifyObject(IPullProducer, ForwardProtocol(Clock()))

    def test_connectsWhenStarted(self) -> None:
        """
        Nothing is connected before the start, and then without waiting for
        records.
        """
        self.assertEqual(self.reactor.tcpClients, [])
        self.sink.start()
        self.assertEqual(self.reactor.tcpClients[0][:2], ("127.0.0.1", 9020))

    def test_deliveredWhenDrained(self) -> None:
        """
        Records are delivered when the transport holds none of them any more.
        """
        self.sink.start()
        _, transport = self.connect()
        self.sink.deliver([makeRecord("a"), makeRecord("b")])
        self.assertEqual(self.take(transport), ["a", "b"])
        self.assertEqual((self.tally.queued, self.tally.delivered), (2, 0))
        self.assertEqual(self.take(transport), [])
        self.assertEqual((self.tally.queued, self.tally.delivered), (0, 2))
        self.assertIsNone(transport.producer)

    def test_queuedWhileDisconnected(self) -> None:
        """
        Records wait for the connection.
        """
        self.sink.start()
        self.sink.deliver([makeRecord("a")])
        self.sink.deliver([makeRecord("b")])
        _, transport = self.connect()
        sent = self.take(transport)
        self.take(transport)
        sent += self.take(transport)
        self.assertEqual(sent, ["a", "b"])

    def test_sentAgain(self) -> None:
        """
        A frame that the transport still held when the connection was lost is sent
        again, from its first byte.
        """
        self.sink.start()
        protocol, transport = self.connect()
        self.sink.deliver([makeRecord("a"), makeRecord("b")])
        self.take(transport)
        protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((self.tally.queued, self.tally.delivered), (2, 0))
        self.reactor.advance(MAX_CONNECT_DELAY)
        self.assertEqual(len(self.reactor.tcpClients), 2)
        _, transport = self.connect()
        self.reactor.advance(RETRY_DELAY)
        self.assertEqual(self.take(transport), ["a", "b"])

    def test_transportStops(self) -> None:
        """
        A transport that tells its producer of the end before the protocol is
        no reason to count anything twice.
        """
        self.sink.start()
        protocol, transport = self.connect()
        self.sink.deliver([makeRecord("a")])
        assert transport.producer is not None
        transport.producer.stopProducing()
        protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((self.tally.queued, self.tally.delivered), (1, 0))

    def test_smallWrites(self) -> None:
        """
        A lost connection makes no more than C{WRITE_SIZE} bytes of records
        arrive twice: no more than that is written before it has drained.
        """
        self.sink.start()
        self.sink.deliver([makeRecord("first")])
        for _ in range(20):
            self.sink.deliver([makeRecord("x" * 10_000)])
        _, transport = self.connect()
        self.take(transport)
        self.take(transport)
        self.take(transport)
        self.assertLessEqual(len(transport.value()), WRITE_SIZE)
        self.assertGreater(len(transport.value()), WRITE_SIZE // 2)

    def test_reconnects(self) -> None:
        """
        A receiver that closes an idle connection is connected to again.
        """
        self.sink.start()
        protocol, _ = self.connect()
        protocol.connectionLost(Failure(ConnectionLost()))
        self.reactor.advance(MAX_CONNECT_DELAY)
        self.assertEqual(len(self.reactor.tcpClients), 2)

    def test_answersIgnored(self) -> None:
        """
        Bytes that the receiver sends are ignored.
        """
        self.sink.start()
        protocol, transport = self.connect()
        protocol.dataReceived(b"hello?")
        self.assertTrue(transport.connected)
        self.assertEqual(transport.value(), b"")

    def test_endlessAnswers(self) -> None:
        """
        A receiver that sends much is read slowly.
        """
        self.sink.start()
        protocol, transport = self.connect()
        for _ in range(3):
            protocol.dataReceived(b"x" * (READ_SIZE - 1))
            self.assertEqual(transport.producerState, "producing")
            protocol.dataReceived(b"x")
            # A transport may have more that it has read before.
            protocol.dataReceived(b"x" * READ_SIZE)
            self.assertEqual(transport.producerState, "paused")
            self.reactor.advance(READ_DELAY)
            self.assertEqual(transport.producerState, "producing")
        protocol.dataReceived(b"x" * READ_SIZE)
        protocol.connectionLost(Failure(ConnectionLost()))
        self.reactor.advance(READ_DELAY)
        self.assertEqual(transport.producerState, "paused")

    def test_quiet(self) -> None:
        """
        Attempts to connect are nothing for the log.
        """
        with capturedLogs() as events:
            self.sink.start()
            for _ in range(5):
                self.refuse()
                self.reactor.advance(MAX_CONNECT_DELAY)
        self.assertEqual(events, [])
        self.assertEqual(len(self.reactor.tcpClients), 6)

    def test_queueFull(self) -> None:
        """
        While nobody listens the oldest records are dropped when the queue is
        full, and counted.
        """
        sink = self.parse("forward:tcp:127.0.0.1:9020:queue=2K")
        sink.start()
        for text in "abcdefghij":
            sink.deliver([makeRecord(text)])
        dropped = self.tally.dropped["queue-full"]
        self.assertGreater(dropped, 0)
        self.assertEqual(self.tally.queued + dropped, 10)

    def test_stopUnconnected(self) -> None:
        """
        A sink that is stopped while nobody listens gives up in time, and
        counts what it held.
        """
        self.sink.start()
        self.sink.deliver([makeRecord("a")])
        stopped = self.sink.stop()
        self.reactor.advance(STOP_TIMEOUT)
        self.reactor.advance(CLOSE_TIMEOUT)
        self.successResultOf(stopped)
        self.assertEqual((self.tally.queued, self.tally.dropped), (0, {"stopped": 1}))

    def test_stopWhenRefused(self) -> None:
        """
        An attempt to connect can be what ends the last write of a sink that is
        stopped.
        """
        # Within the time of a stop, whatever the jitter.
        self.patch(forward, "FIRST_CONNECT_DELAY", STOP_TIMEOUT / 2)
        sink = self.parse("forward:tcp:127.0.0.1:9020")
        sink.start()
        sink.deliver([makeRecord("a")])
        self.refuse()
        with capturedLogs() as events:
            stopped = sink.stop()
            while len(self.reactor.tcpClients) < 2:
                self.reactor.advance(STOP_TIMEOUT / 20)
            self.assertNoResult(stopped)
            self.refuse()
            self.reactor.advance(0)
            self.successResultOf(stopped)
        self.assertEqual([event for event in events if "log_failure" in event], [])
        self.assertEqual((self.tally.queued, self.tally.dropped), (0, {"stopped": 1}))
        self.reactor.advance(MAX_CONNECT_DELAY)
        self.assertEqual(len(self.reactor.tcpClients), 2)

    def test_stopIdle(self) -> None:
        """
        A sink that is stopped closes its connection.
        """
        self.sink.start()
        protocol, transport = self.connect()
        stopped = self.sink.stop()
        self.reactor.advance(0)
        self.assertTrue(transport.disconnecting)
        protocol.connectionLost(Failure(ConnectionLost()))
        self.successResultOf(stopped)
        self.reactor.advance(MAX_CONNECT_DELAY)
        self.assertEqual(len(self.reactor.tcpClients), 1)


class ParseForwardTests(ForwardTestCase):
    """
    L{parseForward}.
    """

    def test_defaults(self) -> None:
        """
        A forward drops when it is full.
        """
        self.assertFalse(self.sink.capacity.pauses)

    def test_queueKeywords(self) -> None:
        """
        The queue's keywords may stand among those of the endpoint.
        """
        sink = self.parse("forward:tcp:h:1:queue=1K:timeout=3:full=pause")
        self.assertEqual((sink.capacity.limit, sink.capacity.pauses), (1024, True))

    def test_endpoints(self) -> None:
        """
        Any client endpoint will do, in any of its spellings.
        """
        for text in [
            "tcp:host=127.0.0.1:port=1",
            "tcp:host=127.0.0.1:1",
            "tcp:127.0.0.1:port=1",
        ]:
            sink = self.parse(f"forward:{text}")
            sink.start()
            self.assertEqual(self.reactor.tcpClients[-1][:2], ("127.0.0.1", 1))
        for text in ["unix:/run/x", "tls:example.com:443", "unix:path=/run/x"]:
            self.parse(f"forward:{text}")

    def test_relativePath(self) -> None:
        """
        The path of a socket is relative to where the process was when the
        description was read.
        """
        for text in ("forward:unix:so\\:cket", "forward:unix:path=so\\:cket"):
            sink = self.parse(text)
            sink.start()
            self.assertEqual(
                self.reactor.unixClients[-1][0], os.path.abspath("so:cket")
            )

    def test_refused(self) -> None:
        """
        A description that cannot be used is refused in one line.
        """
        usage = "write forward:tcp:HOST:PORT"
        for text, message in [
            ("forward", usage),
            ("forward:", usage),
            ("forward:tcp", usage),
            ("forward:tcp:h", usage),
            ("forward:tcp::1", usage),
            ("forward:tcp:h:1:2", usage),
            ("forward:tcp:h:1:port=2", usage),
            ("forward:tls:h", "write forward:tls:HOST:PORT"),
            ("forward:unix", "write forward:unix:PATH"),
            ("forward:unix:a:b", "write forward:unix:PATH"),
            ("forward:tcp:h:99999", "99999: a port is a number from 0 to 65535"),
            ("forward:tcp:h:http", "http: a port is a number"),
            ("forward:tcp:h:1:color=red", "color"),
            ("forward:bogus:h:1", "bogus:h:1 is not a client endpoint"),
            ("forward:tcp:h:1:queue=x", "queue=x: a size is"),
            ("forward:tcp:h:1:full=x", "full=x: must be one of drop, pause"),
        ]:
            error = self.assertRaises(DescriptionError, self.parse, text)
            self.assertIn(message, str(error))
            self.assertNotIn("\n", str(error))


class Receiver(Protocol):
    """
    Keeps what it receives.
    """

    factory: ReceiverFactory

    def connectionMade(self) -> None:
        self.factory.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.factory.received += data


class ReceiverFactory(Factory):
    """
    Makes receivers.
    """

    noisy = False
    protocol = Receiver

    def __init__(self) -> None:
        self.connections: list[Receiver] = []
        self.received = b""


class EndToEndTests(TestCase):
    """
    Through real sockets.
    """

    def setUp(self) -> None:
        self.tally = OutputTally("1-forward")
        self.factory = ReceiverFactory()

    def listen(self) -> int:
        port = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def forward(self, port: int) -> QueuedSink:
        context = OutputContext(reactor, self.tally, StandardOutput.ofProcess())
        description = Description.fromText(f"forward:tcp:127.0.0.1:{port}")
        sink = parseForward(description, context)
        assert isinstance(sink, QueuedSink)
        sink.start()
        self.addCleanup(lambda: sink.stop() if sink._state is QueueState.OPEN else None)
        return sink

    @inlineCallbacks
    def until(self, condition: Any) -> object:
        while not condition():
            yield deferLater(reactor, 0.005)

    @slow
    @inlineCallbacks
    def test_delivered(self) -> object:
        """
        Thousands of records arrive, in order and once each.
        """
        sink = self.forward(self.listen())
        texts = [str(number) for number in range(5000)]
        for start in range(0, len(texts), 50):
            sink.deliver([makeRecord(text) for text in texts[start : start + 50]])
        yield sink.flush()
        self.assertEqual(self.tally.delivered, len(texts))
        size = len(encodeFrames([makeRecord(text) for text in texts]))
        yield self.until(lambda: len(self.factory.received) >= size)
        received = [attributes["msg"] for attributes in loads(self.factory.received)]
        self.assertEqual(received, texts)

    @slow
    @inlineCallbacks
    def test_stalled(self) -> object:
        """
        A receiver that does not read leaves the records in the queue, where
        they are counted, and not in the memory of a transport.
        """
        sink = self.forward(self.listen())
        yield self.until(lambda: self.factory.connections)
        [receiver] = self.factory.connections
        assert receiver.transport is not None
        receiver.transport.pauseProducing()
        for _ in range(300):
            sink.deliver([makeRecord("x" * 40_000)])
        yield deferLater(reactor, 0.1)
        self.assertGreater(self.tally.queued, 50)
        receiver.transport.resumeProducing()
        yield sink.flush()
        self.assertEqual(self.tally.delivered, 300)

    @slow
    @inlineCallbacks
    def test_receiverRestarts(self) -> object:
        """
        A receiver that closes the connection is connected to again, and gets
        what came later.
        """
        sink = self.forward(self.listen())
        yield self.until(lambda: self.factory.connections)
        transport = self.factory.connections[0].transport
        assert transport is not None
        transport.loseConnection()
        yield self.until(lambda: len(self.factory.connections) == 2)
        sink.deliver([makeRecord("later")])
        yield sink.flush()
        yield self.until(lambda: self.factory.received)
        self.assertEqual(loads(self.factory.received)[0]["msg"], "later")

    test_receiverRestarts.timeout = 10  # type: ignore[attr-defined]

    @inlineCallbacks
    def test_cookbookReceiver(self) -> object:
        """
        The receiver of Python's logging cookbook handles what arrives.
        """
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        receiving = deferToThread(cookbook, listener)
        sink = self.forward(listener.getsockname()[1])
        sink.deliver(
            [
                makeRecord("told", process=7, threadName="main", exc_text="Boom"),
                makeRecord("also", extra={"user": "bob"}),
            ]
        )
        yield sink.stop()
        lines = yield receiving
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], r"^[-\d: ,]+,250 INFO 7 main told\nBoom$")
        self.assertRegex(lines[1], r"^[-\d: ,]+,250 INFO None None also$")


def cookbook(listener: socket.socket) -> list[str]:
    """
    Receive from one connection as the logging cookbook's
    C{LogRecordStreamHandler} does.
    """
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    logger = logging.getLogger("logrecv.tests.cookbook")
    logger.propagate = False
    handler = Keep()
    handler.setFormatter(
        logging.Formatter(
            "%(asctime)s %(levelname)s %(process)s %(threadName)s %(message)s"
        )
    )
    logger.addHandler(handler)
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as stream:
        for payload in frames(stream):
            logger.handle(logging.makeLogRecord(pickle.loads(payload)))
    logger.removeHandler(handler)
    return lines


def frames(stream: Any) -> Iterator[bytes]:
    while prefix := stream.read(4):
        yield stream.read(struct.unpack(">L", prefix)[0])
