"""
Tests for L{logrecv.inputs.limits.fairness}, and for how connections wait for theirs.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from logrecv.counters import InputTally
from logrecv.inputs.limits.fairness import PIECE_SIZE, FairScheduler
from logrecv.inputs.streams import Connection, Connections


@define(eq=False)
class Worker:
    """
    Takes its time for each turn.
    """

    clock: Clock
    host: str | None
    log: list[str | None]
    seconds: float = 0.004
    pieces: int = 1

    def step(self) -> bool:
        """
        Let time pass.
        """
        self.log.append(self.host)
        self.clock.rightNow += self.seconds
        self.pieces -= 1
        return self.pieces > 0


class TurnsTests(SynchronousTestCase):
    """
    Tests for L{FairScheduler}.
    """

    def setUp(self) -> None:
        """
        Give turns of 10 milliseconds.
        """
        self.clock = Clock()
        self.scheduler = FairScheduler(self.clock, 0.010)
        self.log: list[str | None] = []

    def worker(
        self, host: str | None, seconds: float = 0.004, pieces: int = 1
    ) -> Worker:
        """
        Make somebody with work.
        """
        return Worker(self.clock, host, self.log, seconds, pieces)

    def test_atOnce(self) -> None:
        """
        While there is time, everybody has a turn at once, and nothing is
        scheduled until half of it is spent.
        """
        self.assertTrue(self.scheduler.run(self.worker("a")))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(self.scheduler.run(self.worker("a")))
        self.assertEqual(self.log, ["a", "a"])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_littleInEachTurn(self) -> None:
        """
        Nobody waits for what was spent in earlier turns of the reactor.
        """
        for _ in range(10):
            for _ in range(2):
                self.assertTrue(self.scheduler.run(self.worker("a")))
            self.clock.advance(0)

    def test_later(self) -> None:
        """
        When the time is spent, who comes waits for a later turn of the reactor,
        in each of which no more is done than there is time for.
        """
        given = [self.scheduler.run(self.worker("a")) for _ in range(10)]
        self.assertEqual(given, [True] * 3 + [False] * 7)
        for count in (6, 9, 10):
            # Not clock.advance: its turn does not end before nothing is due.
            (call,) = self.clock.getDelayedCalls()
            turn = call.func
            call.cancel()
            turn()
            self.assertEqual(len(self.log), count)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_anew(self) -> None:
        """
        With the next turn of the reactor there is time anew.
        """
        self.scheduler.run(self.worker("a", 1.0))
        self.clock.advance(0)
        self.assertTrue(self.scheduler.run(self.worker("a")))

    def test_hosts(self) -> None:
        """
        Hosts take turns: one that has little to do does not wait until one that
        has much is done.
        """
        self.scheduler.run(self.worker("a", 1.0))
        for host in "aaaaabc":
            self.scheduler.run(self.worker(host))
        for _ in range(3):
            self.clock.advance(0)
        self.assertEqual("".join(map(str, self.log)), "aabcaaaa")

    def test_pieces(self) -> None:
        """
        Who has more to do goes on while there is time, and then behind those of
        other hosts.
        """
        self.assertTrue(self.scheduler.run(self.worker("a", 0.001, pieces=5)))
        self.assertFalse(self.scheduler.run(self.worker("b", pieces=3)))
        self.assertFalse(self.scheduler.run(self.worker("c", pieces=2)))
        self.assertEqual("".join(map(str, self.log)), "aaaaabb")
        self.clock.advance(0)
        self.assertEqual("".join(map(str, self.log)), "aaaaabbbcc")

    def test_order(self) -> None:
        """
        Nobody overtakes those who wait.
        """
        self.scheduler.run(self.worker("a", 1.0))
        self.scheduler.run(self.worker("b"))
        self.clock.advance(0)
        self.scheduler.run(self.worker("c", 1.0))
        self.scheduler.run(self.worker("d"))
        self.assertFalse(self.scheduler.run(self.worker("e")))
        self.clock.advance(0)
        self.assertEqual("".join(map(str, self.log)), "abcde")

    def test_failure(self) -> None:
        """
        Somebody who fails costs the others nothing.
        """
        self.scheduler.run(self.worker("a", 1.0))
        failing = self.worker("b")
        failing.clock = None  # type: ignore[assignment]
        self.scheduler.run(failing)
        self.scheduler.run(self.worker("c"))
        self.assertRaises(AttributeError, self.clock.advance, 0)
        self.clock.advance(0)
        self.assertEqual("".join(map(str, self.log)), "abc")


@define(eq=False)
class Receiver(Protocol):
    """
    Keeps what it gets, and takes its time for it.
    """

    clock: Clock
    seconds: float = 0.004
    received: list[bytes] = field(factory=list)
    lost: bool = False
    #: What to pause each time, and whether to resume it at once.
    pausing: Connection | None = None
    resuming: bool = False
    depth: int = 0

    def dataReceived(self, data: bytes) -> None:
        """
        Keep it.
        """
        assert self.depth == 0
        self.depth += 1
        self.received.append(data)
        self.clock.rightNow += self.seconds
        if self.pausing is not None:
            self.pausing.pauseProducing()
            if self.resuming:
                self.pausing.resumeProducing()
        self.depth -= 1

    def connectionLost(self, reason: object = None) -> None:
        """
        Remember it.
        """
        self.lost = True


class ConnectionTests(SynchronousTestCase):
    """
    Tests for L{Connection} and its turns.
    """

    def setUp(self) -> None:
        """
        Make a connection, and a client that has used up the time there is.
        """
        self.clock = Clock()
        time: IReactorTime = self.clock
        self.receiver = Receiver(self.clock)
        factory = Factory()
        factory.buildProtocol = lambda address: self.receiver  # type: ignore[method-assign]
        scheduler = FairScheduler(time, 0.010)
        self.tally = InputTally("tcp")
        self.connections = Connections(factory, self.tally, time, scheduler=scheduler)
        peer = IPv4Address("TCP", "10.0.0.1", 5)
        self.transport = StringTransport(peerAddress=peer)
        connection = self.connections.buildProtocol(peer)
        assert isinstance(connection, Connection)
        self.connection = connection
        self.connection.makeConnection(self.transport)
        scheduler.run(Worker(self.clock, "busy", [], 1.0))

    def test_pieces(self) -> None:
        """
        What one read brings is worked at in pieces, as many in a turn as there
        is time for.
        """
        self.clock.advance(0)
        data = (
            b"a" * PIECE_SIZE
            + b"b" * PIECE_SIZE
            + b"c" * PIECE_SIZE
            + b"d" * PIECE_SIZE
            + b"e"
        )
        self.connection.dataReceived(data)
        self.assertEqual(
            [piece[:1] for piece in self.receiver.received], [b"a", b"b", b"c"]
        )
        self.assertEqual(self.transport.producerState, "paused")
        self.clock.advance(0)
        self.assertEqual(b"".join(self.receiver.received), data)
        self.assertEqual(self.transport.producerState, "producing")

    def test_pausedInBetween(self) -> None:
        """
        A protocol that pauses its client gets no further piece before it reads
        on, even if it does so while it is given one.
        """
        self.clock.advance(0)
        self.receiver.seconds = 0.0
        self.receiver.pausing = self.connection
        self.connection.dataReceived(b"a" * PIECE_SIZE + b"b")
        self.assertEqual(len(self.receiver.received), 1)
        self.assertEqual(self.transport.producerState, "paused")
        self.receiver.resuming = True
        self.connection.resumeProducing()
        self.assertEqual(len(self.receiver.received), 2)
        self.connection.dataReceived(b"c" * PIECE_SIZE + b"d")
        self.assertEqual(
            b"".join(self.receiver.received)[PIECE_SIZE:],
            b"b" + b"c" * PIECE_SIZE + b"d",
        )
        self.assertEqual(self.receiver.depth, 0)
        self.assertEqual(self.transport.producerState, "producing")

    def test_waits(self) -> None:
        """
        What is read when there is no time waits, and so does its client; what
        TLS may yet bring waits behind it.
        """
        self.connection.dataReceived(b"a")
        self.assertEqual(self.transport.producerState, "paused")
        self.connection.dataReceived(b"b")
        self.assertEqual(self.receiver.received, [])
        self.clock.advance(0)
        self.assertEqual(self.receiver.received, [b"ab"])
        self.assertEqual(self.transport.producerState, "producing")

    def test_paused(self) -> None:
        """
        Where an output is behind, a turn is passed over; the client is read on
        when what waits has been handed on.
        """
        self.connection.dataReceived(b"a")
        self.connection.pauseProducing()
        self.clock.advance(0)
        self.assertEqual(self.receiver.received, [])
        self.connection.resumeProducing()
        self.assertEqual(self.receiver.received, [b"a"])
        self.assertEqual(self.transport.producerState, "producing")

    def test_resumedInBetween(self) -> None:
        """
        A client whose output is no longer behind still waits for its turn, and
        has one.
        """
        self.connection.dataReceived(b"a")
        self.connection.pauseProducing()
        self.connection.resumeProducing()
        self.assertEqual(self.transport.producerState, "paused")
        self.clock.advance(0)
        self.assertEqual(self.receiver.received, [b"a"])
        self.assertEqual(self.transport.producerState, "producing")

    def test_lost(self) -> None:
        """
        What was read of a connection that is lost is handed on before that, in
        its turn; the addresses are still known then.
        """
        self.connection.dataReceived(b"a")
        address = self.connection.getHost()
        self.transport.hostAddr = None
        self.connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.receiver.received, self.receiver.lost), ([], False))
        self.assertEqual(self.tally.connections, 1)
        self.clock.advance(0)
        self.assertEqual((self.receiver.received, self.receiver.lost), ([b"a"], True))
        self.assertEqual(self.connection.getHost(), address)
        self.assertEqual(self.tally.connections, 0)

    def test_lostAndClosed(self) -> None:
        """
        A connection that is lost and then closed from here ends at once, once.
        """
        self.connection.dataReceived(b"a")
        self.connection.connectionLost(Failure(ConnectionDone()))
        self.connection.abortConnection()
        self.assertEqual((self.receiver.received, self.receiver.lost), ([], True))
        self.clock.advance(0)
        self.assertEqual(self.tally.connections, 0)

    def test_closed(self) -> None:
        """
        Of a connection that is closed from here nothing more is looked at.
        """
        for close in self.connection.loseConnection, self.connection.abortConnection:
            self.connection.dataReceived(b"a")
            close()
            self.connection.dataReceived(b"b")
            self.clock.advance(0)
            self.assertEqual(self.receiver.received, [])

    def test_failure(self) -> None:
        """
        A protocol that fails loses its connection, as it does where the reactor
        calls it.
        """
        self.receiver.clock = None  # type: ignore[assignment]
        self.connection.dataReceived(b"a")
        self.clock.advance(0)
        self.assertTrue(self.transport.disconnected)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
