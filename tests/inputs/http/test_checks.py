"""
Tests for L{logrecv.inputs.http.checks}.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.http.checks import (
    HOST_CHECKS,
    WAITING_CHECKS,
    Busy,
    Check,
    CheckQueue,
)


class CheckQueueTests(SynchronousTestCase):
    """
    Tests for L{CheckQueue}.
    """

    def setUp(self) -> None:
        """
        Make a queue.
        """
        self.running: list[tuple[Check, Deferred[bool]]] = []
        self.ran: list[str] = []
        self.queue = CheckQueue(self.inThread)

    def inThread(self, check: Check) -> Deferred[bool]:
        """
        Run a check when the test wants it.
        """
        result: Deferred[bool] = Deferred()
        self.running.append((check, result))
        return result

    def ask(self, host: str) -> Deferred[bool]:
        """
        Ask for a check.
        """

        def check() -> bool:
            self.ran.append(host)
            return True

        return self.queue.run(host, check)

    def finish(self) -> None:
        """
        Finish the check that runs.
        """
        [(check, result)] = self.running
        self.running.clear()
        result.callback(check())

    def test_turns(self) -> None:
        """
        One check runs at a time, for one host after the other.
        """
        results = [self.ask(host) for host in "aaaabbc"]
        for number in range(7):
            self.assertEqual(len(self.ran), number)
            self.finish()
        self.assertEqual("".join(self.ran), "aabcaba")
        self.assertEqual([self.successResultOf(each) for each in results], [True] * 7)
        self.assertEqual(self.running, [])

    def test_perHost(self) -> None:
        """
        A host that has many checks waiting gets no more; another one does.
        """
        for _ in range(HOST_CHECKS + 1):
            self.ask("a")
        self.assertRaises(Busy, self.ask, "a")
        self.ask("b")

    def test_room(self) -> None:
        """
        When too many wait, the host that has most makes room for a host that has fewer.
        """
        self.ask("first")
        hosts = [f"host {number}" for number in range(WAITING_CHECKS // HOST_CHECKS)]
        results = [self.ask(host) for host in hosts for _ in range(HOST_CHECKS)]
        self.ask("new")
        failed = [each for each in results if each.called]
        self.assertEqual(len(failed), 1)
        self.failureResultOf(failed[0], Busy)
        for number in range(2 * WAITING_CHECKS):
            try:
                self.ask(f"another {number}")
            except Busy:
                break
        else:
            self.fail("there is always room")
        for each in results:
            each.addErrback(lambda failure: failure.trap(Busy) and None)

    def test_failure(self) -> None:
        """
        A check that fails stops no other.
        """
        first, second = self.ask("a"), self.ask("b")
        self.running.pop()[1].errback(OSError())
        self.failureResultOf(first, OSError)
        self.finish()
        self.assertTrue(self.successResultOf(second))
