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

from logrecv.web import QuietSite, answer, hasHostName, isForeign


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
    Tests for L{hasHostName}.
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


class OriginTests(SynchronousTestCase):
    """
    Tests for L{isForeign} and L{isOwnOrigin}.
    """

    def request(self, **headers: bytes) -> DummyRequest:
        """
        Make a request with headers.
        """
        request = DummyRequest([b""])
        for name, value in headers.items():
            header = name.replace("_", "-").encode()
            request.requestHeaders.setRawHeaders(header, value.split(b"|"))
        return request

    def test_sites(self) -> None:
        """
        A browser that names the site of the page is believed.
        """
        for site, expected in [
            (b"none", False),
            (b"Same-Origin", False),
            (b"same-site", True),
            (b"cross-site", True),
            (b"", True),
            (b"none|cross-site", True),
        ]:
            request = self.request(sec_fetch_site=site, origin=b"http://x", host=b"y")
            self.assertIs(isForeign(request), expected, site)

    def test_origins(self) -> None:
        """
        Otherwise the origin has to be the host that the request was sent to.
        """
        self.assertFalse(isForeign(self.request(host=b"logs")))
        for origin, host, expected in [
            (b"http://logs", b"logs", False),
            (b"https://logs", b"logs:443", False),
            (b"http://logs", b"LOGS:80", False),
            (b"http://logs:9022", b"logs:9022", False),
            (b"http://[::1]:9022", b"[::1]:9022", False),
            (b"http://logs", b"logs:9022", True),
            (b"http://logs:9022", b"logs", True),
            (b"http://logs.example", b"logs", True),
            (b"http://logs", b"", True),
            (b"null", b"null", True),
            (b"", b"logs", True),
            (b"logs", b"logs", True),
            (b"file://logs", b"logs", True),
            (b"http://logs|http://x", b"logs", True),
        ]:
            request = self.request(origin=origin, host=host)
            self.assertIs(isForeign(request), expected, (origin, host))


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
