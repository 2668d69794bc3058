"""
Tests for L{logrecv.inputs.limits.timeouts}.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.limits.timeouts import IdleTimeouts


@define(eq=False, slots=False)
class Idle:
    """
    Notes when it timed out.
    """

    clock: Clock
    closed: list[float] = field(factory=list)

    def timedOut(self) -> None:
        """
        Note it.
        """
        self.closed.append(self.clock.seconds())


class IdleTimeoutsTests(SynchronousTestCase):
    """
    Tests for L{IdleTimeouts}.
    """

    def setUp(self) -> None:
        """
        Allow ten seconds.
        """
        self.clock = Clock()
        self.idle = IdleTimeouts(self.clock, 10.0)

    def start(self) -> Idle:
        """
        Make a connection that is idle from now on.
        """
        connection = Idle(self.clock)
        self.idle.start(connection)
        return connection

    def test_close(self) -> None:
        """
        Each is closed when its own time is over, and once.
        """
        connections = []
        for _ in range(3):
            connections.append(self.start())
            self.clock.advance(3)
        self.clock.pump([1] * 40)
        self.assertEqual(
            [each.closed for each in connections], [[10.0], [13.0], [16.0]]
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_again(self) -> None:
        """
        The timeout begins anew for a connection that has become idle again.
        """
        first, second = self.start(), self.start()
        self.clock.advance(6)
        self.idle.start(first)
        self.clock.pump([1] * 20)
        self.assertEqual((first.closed, second.closed), ([16.0], [10.0]))

    def test_end(self) -> None:
        """
        A connection whose timeout is cancelled is not closed, and without idle
        connections no call is scheduled.
        """
        first, second = self.start(), self.start()
        self.clock.advance(1)
        self.idle.cancel(first)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.idle.cancel(second)
        self.idle.cancel(second)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(20)
        self.assertEqual((first.closed, second.closed), ([], []))

    def test_fails(self) -> None:
        """
        A connection that cannot be closed does not keep the others open.
        """

        def fail() -> None:
            raise ValueError("no")

        first, second = self.start(), self.start()
        first.timedOut = fail  # type: ignore[method-assign]
        self.assertRaises(ValueError, self.clock.advance, 10)
        self.clock.advance(0)
        self.assertEqual(second.closed, [10.0])

    def test_endWhileClosing(self) -> None:
        """
        A connection that cancels its timeout while it is closed, as connections do,
        closes no other.
        """
        first, second = self.start(), self.start()
        first.timedOut = lambda: self.idle.cancel(first)  # type: ignore[method-assign]
        self.clock.advance(10)
        self.assertEqual(second.closed, [10.0])
        self.assertEqual(self.clock.getDelayedCalls(), [])
