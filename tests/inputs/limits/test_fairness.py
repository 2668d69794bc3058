"""
Tests for L{logrecv.inputs.limits.fairness}, and for how connections wait for theirs.
"""

from __future__ import annotations

from collections.abc import Callable

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
from logrecv.inputs.connection import Connection
from logrecv.inputs.limits.fairness import PIECE_SIZE, REST_TURNS, FairScheduler
from logrecv.inputs.streams import Connections


@define(eq=False)
class Worker:
    """
    Has work that takes its time.
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


class FairSchedulerTests(SynchronousTestCase):
    """
    Tests for L{FairScheduler}.
    """

    def setUp(self) -> None:
        """
        Give 10 milliseconds to each turn of the reactor.
        """
        self.clock = Clock()
        self.scheduler = FairScheduler(self.clock, 0.010)
        self.log: list[str | None] = []

    def worker(
        self, host: str | None, seconds: float = 0.004, pieces: int = 1
    ) -> Worker:
        """
        Make work for a host.
        """
        return Worker(self.clock, host, self.log, seconds, pieces)

    def turn(self) -> None:
        """
        Let one turn of the reactor pass.  The turn of C{clock.advance} does not end
        before nothing is due.
        """
        (call,) = self.clock.getDelayedCalls()
        function = call.func
        call.cancel()
        function()

    def test_atOnce(self) -> None:
        """
        While there is time, work is done at once, and no call is scheduled until half
        of the time is spent.
        """
        self.assertTrue(self.scheduler.run(self.worker("a")))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(self.scheduler.run(self.worker("a")))
        self.assertEqual(self.log, ["a", "a"])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_littleInEachTurn(self) -> None:
        """
        Work does not wait for the time that earlier turns of the reactor took.
        """
        for _ in range(10):
            for _ in range(2):
                self.assertTrue(self.scheduler.run(self.worker("a")))
            self.clock.advance(0)

    def test_later(self) -> None:
        """
        When the time is spent, new work waits for a later turn of the reactor.  Each
        turn does no more than there is time for.
        """
        given = [self.scheduler.run(self.worker("a")) for _ in range(10)]
        self.assertEqual(given, [True] * 3 + [False] * 7)
        for count in (6, 9, 10):
            self.turn()
            self.assertEqual(len(self.log), count)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_rest(self) -> None:
        """
        After work that took longer than a turn has time for, so many turns pass
        without work as have that time together, but no more than some.
        """
        for budgets, turns in ((1.5, 0), (2.5, 1), (3.5, 2), (99, REST_TURNS)):
            self.setUp()
            # No fraction of this is rounded.
            self.scheduler.budget = 1 / 128
            self.assertTrue(self.scheduler.run(self.worker("a", budgets / 128)))
            self.assertFalse(self.scheduler.run(self.worker("b", 0.001)))
            self.log.clear()
            for _ in range(turns):
                self.turn()
                self.assertEqual(self.log, [], budgets)
            self.turn()
            self.assertEqual(self.log, ["b"], budgets)

    def test_anew(self) -> None:
        """
        With the next turn of the reactor there is time anew.
        """
        self.scheduler.run(self.worker("a", 1.0))
        self.clock.advance(0)
        self.assertTrue(self.scheduler.run(self.worker("a")))

    def test_hosts(self) -> None:
        """
        Hosts take turns: a host with little work does not wait until a host with much
        work is done.
        """
        self.scheduler.run(self.worker("a", 1.0))
        for host in "aaaaabc":
            self.scheduler.run(self.worker(host))
        for _ in range(3):
            self.clock.advance(0)
        self.assertEqual("".join(map(str, self.log)), "aabcaaaa")

    def test_pieces(self) -> None:
        """
        Work in several pieces goes on while there is time, and then behind the work of
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
        New work does not overtake work that waits.
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
        Work that fails costs other hosts nothing.
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
    Keeps the bytes that it gets, and takes its time.
    """

    clock: Clock
    seconds: float = 0.004
    received: list[bytes] = field(factory=list)
    lost: bool = False
    #: The connection to pause at each piece, and whether to resume it at once.
    pausing: Connection | None = None
    resuming: bool = False
    depth: int = 0
    #: Called once, at the first piece.
    within: Callable[[], object] | None = None

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
        within, self.within = self.within, None
        if within is not None:
            within()
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
        Make a connection, and use up the time of this turn.
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
        The bytes of one read are worked at in pieces, as many in a turn as there is
        time for.
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
        Bytes that are read when there is no time wait, and so does their client.
        Bytes that TLS still brings wait behind them.
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
        A paused connection passes its turn.  The client is read on when the bytes
        that wait have been handed on.
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
        A connection that is resumed before its turn has one turn.
        """
        self.connection.dataReceived(b"a")
        self.connection.pauseProducing()
        self.connection.resumeProducing()
        self.assertEqual(self.transport.producerState, "paused")
        waiting = self.connections.scheduler._waiting
        self.assertEqual([len(each) for each in waiting.values()], [1])
        self.clock.advance(0)
        self.assertEqual(self.receiver.received, [b"a"])
        self.assertEqual(self.transport.producerState, "producing")

    def test_readWithin(self) -> None:
        """
        Bytes that come while the protocol is given others are handed on after them.
        """
        self.clock.advance(0)
        self.receiver.seconds = 0.0
        self.receiver.within = lambda: self.connection.dataReceived(b"b")
        self.connection.dataReceived(b"a")
        self.assertEqual(self.receiver.received, [b"a", b"b"])

    def test_lost(self) -> None:
        """
        The bytes that were read of a lost connection are handed on in their turn,
        before the protocol is told of the loss.  The addresses are still known then.
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
        Bytes of a connection that is closed from here are not handed on.
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
