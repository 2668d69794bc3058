"""
Tests for L{logrecv.inputs.limits.partial}.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.http.site import RecordSite
from logrecv.inputs.limits.partial import PartialInputs
from logrecv.inputs.tcp import RecordFactory
from logrecv.intake import Intake
from logrecv.testing import MemorySink, makeForm, makeFrame


@define(eq=False)
class Owner:
    """
    Remembers the reasons for which it was abandoned.
    """

    paused: bool = False
    reasons: list[str] = field(factory=list)

    def abandon(self, reason: str) -> None:
        """
        Remember.
        """
        self.reasons.append(reason)


class PartialInputsTests(SynchronousTestCase):
    """
    Tests for L{PartialInputs}.
    """

    def setUp(self) -> None:
        """
        Keep account of 100 bytes and 30 seconds.
        """
        self.clock = Clock()
        self.partials = PartialInputs(self.clock, limit=100, deadline=30)
        self.owners = [Owner(), Owner(), Owner()]

    def reasons(self) -> list[list[str]]:
        """
        The reasons for which each owner was abandoned.
        """
        return [owner.reasons for owner in self.owners]

    def pass_(self, seconds: int) -> None:
        """
        Let time pass.
        """
        for _ in range(seconds):
            self.clock.advance(1)

    def test_healthyStays(self) -> None:
        """
        A client that has just begun something large stays.  Clients that have held
        less for long go, no more of them than must.
        """
        large = Owner()
        self.owners = [Owner() for _ in range(24)]
        for owner in self.owners:
            self.partials.received(owner, 4)
        self.clock.advance(0.5)
        self.partials.received(large, 10)
        self.assertEqual(large.reasons, [])
        gone = [owner for owner in self.owners if owner.reasons]
        self.assertEqual(len(gone), 4)
        self.assertEqual(self.partials.held, 90)

    def test_largestGoes(self) -> None:
        """
        When too much is held, the client that holds most goes, not the last that came.
        """
        small, large, last = self.owners
        self.partials.received(small, 5)
        self.partials.received(large, 90)
        self.partials.received(last, 5)
        self.assertEqual(self.partials.held, 100)
        self.partials.received(last, 6)
        self.assertEqual(self.reasons(), [[], ["overload"], []])
        self.assertEqual(self.partials.held, 11)

    def test_tooMuchAlone(self) -> None:
        """
        A client that holds too much by itself goes, and nothing stays held.
        """
        self.partials.received(self.owners[0], 101)
        self.assertEqual(self.owners[0].reasons, ["overload"])
        self.assertEqual(self.partials.held, 0)

    def test_deadline(self) -> None:
        """
        A client that has not finished in time goes, however often bytes came.
        """
        slow, other, _ = self.owners
        self.partials.received(slow, 1)
        self.pass_(20)
        self.partials.received(slow, 2)
        self.partials.received(other, 1)
        self.pass_(11)
        self.assertEqual(self.reasons(), [["too-slow"], [], []])
        self.pass_(20)
        self.assertEqual(self.reasons(), [["too-slow"], ["too-slow"], []])

    def test_anotherBegun(self) -> None:
        """
        A client that has finished one frame and begun another has its time anew.  A
        client that has begun none is never late.
        """
        busy, idle, _ = self.owners
        self.partials.started(idle, 0)
        for _ in range(5):
            self.partials.started(busy, 1)
            self.pass_(29)
        self.assertEqual(self.reasons(), [[], [], []])

    def test_pausedIsNotLate(self) -> None:
        """
        A client that is not read cannot finish, and is not late for it.
        """
        owner = self.owners[0]
        self.partials.received(owner, 1)
        owner.paused = True
        self.pass_(100)
        self.assertEqual(owner.reasons, [])
        owner.paused = False
        self.pass_(31)
        self.assertEqual(owner.reasons, ["too-slow"])

    def test_nothingLeftBehind(self) -> None:
        """
        When all have ended nothing is held, and no call is scheduled.
        """
        for owner in self.owners:
            self.partials.received(owner, 10)
        for owner in self.owners:
            self.partials.finished(owner)
            self.partials.finished(owner)
        self.assertEqual(self.partials.held, 0)
        self.pass_(2)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ConnectionTests(SynchronousTestCase):
    """
    Tests for how connections keep the account.
    """

    def setUp(self) -> None:
        """
        Make both kinds of input, with one account.
        """
        self.clock = Clock()
        self.sink = MemorySink()
        self.intake = Intake(self.sink, self.clock)
        self.partials = PartialInputs(self.clock, limit=5000, deadline=30)
        self.tcp = RecordFactory(self.intake, 10000, self.partials)
        self.http = RecordSite(self.intake, self.clock, 10000, self.partials)

    def test_tcp(self) -> None:
        """
        A frame counts from its first byte to its last; one that is late is
        counted as rejected once, and its connection is closed.
        """
        protocol = self.tcp.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        frame = makeFrame()
        protocol.dataReceived(frame[:10])
        self.assertEqual(self.partials.held, 10)
        protocol.dataReceived(frame[10:] + frame[:3])
        self.assertEqual(self.partials.held, 3)
        protocol.dataReceived(frame[3:])
        self.assertEqual(self.partials.held, 0)
        protocol.dataReceived(frame[:20])
        for _ in range(31):
            self.clock.advance(1)
        self.assertTrue(transport.disconnected)
        protocol.connectionLost()
        tally = self.intake.tallies["tcp"]
        self.assertEqual((tally.accepted, tally.rejected), (2, {"too-slow": 1}))

    def test_tcpOverload(self) -> None:
        """
        Of many unfinished frames the largest goes.
        """
        transports = []
        for size in (100, 3000, 200):
            protocol = self.tcp.buildProtocol(None)
            transports.append(StringTransport())
            protocol.makeConnection(transports[-1])
            protocol.dataReceived((9000).to_bytes(4, "big") + b"x" * size)
        protocol.dataReceived(b"x" * 2000)
        self.assertEqual([t.disconnected for t in transports], [False, True, False])
        self.assertEqual(self.intake.tallies["tcp"].rejected, {"overload": 1})

    def test_http(self) -> None:
        """
        The bytes of a request line or a body count until the request is complete.
        """
        channel = self.http.buildProtocol(None)
        channel.makeConnection(StringTransport())
        channel.dataReceived(b"POST / HT")
        self.assertEqual(self.partials.held, 9)
        body = makeForm()
        lines = [b"POST / HTTP/1.1", b"Host: x", b"Content-Length: %d" % len(body)]
        channel.dataReceived(b"\r\n".join(lines)[9:] + b"\r\n\r\nname")
        self.assertEqual(self.partials.held, sum(map(len, lines)) + 4)
        channel.dataReceived(body[4:])
        self.assertEqual(self.partials.held, 0)
        self.assertEqual(self.intake.tallies["http"].received, 1)
        channel.connectionLost()

    def test_httpOverload(self) -> None:
        """
        A request that is abandoned is counted once, and its connection is closed,
        both in its line and in its body.
        """
        for beginning in [
            b"GET /?msg=" + b"x" * 6000,
            b"POST / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n" + b"x" * 6000,
        ]:
            channel = self.http.buildProtocol(None)
            transport = StringTransport()
            channel.makeConnection(transport)
            channel.dataReceived(beginning)
            self.assertTrue(transport.disconnected)
            channel.connectionLost()
        self.assertEqual(self.intake.tallies["http"].rejected, {"overload": 2})
        self.assertEqual(self.partials.held, 0)
