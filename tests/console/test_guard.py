"""
Tests for L{logrecv.console.guard}.
"""

from __future__ import annotations

import socket

from treq.testing import StubTreq
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from logrecv.console.guard import ConsoleGuard
from logrecv.counters import InputTally
from logrecv.web import answer


class _Answering(Resource):
    """
    A resource that answers every request in the same way.
    """

    isLeaf = True

    def render(self, request: object) -> bytes:
        """
        Answer.
        """
        return answer(request, 418, "no coffee")  # type: ignore[arg-type]


class ConsoleGuardTests(SynchronousTestCase):
    """
    Tests for L{ConsoleGuard}.
    """

    def setUp(self) -> None:
        """
        Make a guard.
        """
        self.tally = InputTally("console")
        self.treq = StubTreq(ConsoleGuard(_Answering(), ["logs.example"], self.tally))

    def ask(self, **headers: str) -> int:
        """
        Ask, and return the status.
        """
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.successResultOf(
            self.treq.get("http://localhost/healthz", headers=given)
        )
        code: int = response.code
        return code

    def test_names(self) -> None:
        """
        The console answers to its names and to addresses, with any port.
        """
        for host in [
            "localhost",
            "LocalHost:9023",
            "localhost.:9023",
            "127.0.0.1:9023",
            "10.1.2.3",
            "[::1]:9023",
            "[fe80::1]",
            "logs.example:80",
            socket.gethostname(),
        ]:
            self.assertEqual(self.ask(host=host), 418, host)

    def test_otherNames(self) -> None:
        """
        The console does not answer to other names, which can point here for a while.
        """
        names = [
            "elsewhere.example",
            "x.logs.example",
            "localhost.example:9023",
            "127.1",
        ]
        for host in names:
            self.assertEqual(self.ask(host=host), 421, host)
        self.assertEqual(self.tally.refused, {"unknown-name": len(names)})
        self.assertEqual(self.ask(host="a..b"), 400)

    def test_pages(self) -> None:
        """
        Pages of other sites get no answer.
        """
        self.assertEqual(self.ask(sec_fetch_site="cross-site"), 403)
        self.assertEqual(self.ask(sec_fetch_site="same-site"), 403)
        self.assertEqual(self.ask(origin="http://elsewhere.example"), 403)
        self.assertEqual(self.ask(sec_fetch_site="none"), 418)
        self.assertEqual(self.ask(sec_fetch_site="same-origin"), 418)
        self.assertEqual(self.tally.refused, {"cross-site": 3})
