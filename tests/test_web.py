"""
Tests for L{logrecv.web}.
"""

from __future__ import annotations

from io import StringIO

from treq.testing import StubTreq
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.test.requesthelper import DummyRequest

from logrecv.web import HostGuard, QuietSite, answer, hasHostName


class Answering(Resource):
    """
    A resource that answers every request in the same way.
    """

    isLeaf = True

    def render(self, request: IRequest) -> bytes:
        """
        Answer.
        """
        return answer(request, 418, "no coffee")


class AnswerTests(SynchronousTestCase):
    """
    Tests for L{answer}.
    """

    def test_line(self) -> None:
        """
        An answer is a line of plain text.
        """
        treq = StubTreq(Answering())
        response = self.successResultOf(treq.get("http://localhost/"))
        self.assertEqual(response.code, 418)
        text = self.successResultOf(treq.text_content(response))
        self.assertEqual(text, "no coffee\n")

    def test_head(self) -> None:
        """
        The answer to a HEAD has no body, and Twisted logs none.
        """
        events: list[object] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        response = self.successResultOf(StubTreq(Answering()).head("http://localhost/"))
        self.assertEqual(response.code, 418)
        self.assertEqual(events, [])


class HostTests(SynchronousTestCase):
    """
    Tests for L{hasHostName} and L{HostGuard}.
    """

    def test_names(self) -> None:
        """
        A name, an address and a port are a Host, and so is no Host at all.
        """
        for host, expected in [
            (None, True),
            (b"logs", True),
            (b"logs_1.example.:9022", True),
            (b"127.0.0.1:9022", True),
            (b"[::1]:9022", True),
            (b"", True),
            (b"a..b", False),
            (b"[.a", False),
            (b"a" * 64, False),
            (b"\xc3\xa4", False),
            (b"\xff", False),
        ]:
            request = DummyRequest([b""])
            if host is not None:
                request.requestHeaders.setRawHeaders(b"host", [host])
                name = host.removeprefix(b"[").partition(b":")[0]
                request.getRequestHostname = lambda name=name: name
            self.assertEqual(hasHostName(request), expected, host)

    def test_guard(self) -> None:
        """
        The app behind a guard is asked for a host that has a name, and not for
        others.
        """
        treq = StubTreq(HostGuard(Answering()))
        for host, code in [("logs", 418), ("a..b", 400)]:
            response = self.successResultOf(
                treq.get("http://localhost/", headers={"host": host})
            )
            self.assertEqual(response.code, code)


class QuietSiteTests(SynchronousTestCase):
    """
    Tests for L{QuietSite}.
    """

    def test_quiet(self) -> None:
        """
        Nothing is written to an access log, and no clock is kept for it.
        """
        reactor = MemoryReactorClock()
        site = QuietSite(Answering(), reactor=reactor)
        site.startFactory()
        self.assertEqual(reactor.getDelayedCalls(), [])
        log = StringIO()
        site.logFile = log  # type: ignore[assignment]
        site.log(DummyRequest([b""]))  # type: ignore[arg-type]
        self.assertEqual(log.getvalue(), "")
        site.stopFactory()
