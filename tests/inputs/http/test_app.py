"""
Tests for L{logrecv.inputs.http.app} and L{logrecv.inputs.http.resource}.
"""

from __future__ import annotations

import doctest
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from treq.testing import StubTreq
from twisted.internet.address import UNIXAddress
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from logrecv.inputs.http import resource
from logrecv.inputs.http.resource import RecordResource
from logrecv.intake import Intake
from logrecv.testing import BackpressureSink, MemorySink
from tests.inputs.http.case import form

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


class RecordResourceTests(SynchronousTestCase):
    """
    Tests for L{RecordResource}, wherever it is mounted.
    """

    def setUp(self) -> None:
        """
        Mount a resource.
        """
        self.sink = MemorySink()
        self.intake = Intake(self.sink, Clock())
        self.treq = StubTreq(RecordResource(self.intake, 2000))

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | str = b"",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        """
        Send a request.

        @return: The status and the body of the response.
        """
        data = body.encode() if isinstance(body, str) else body
        response = self.successResultOf(
            self.treq.request(
                method,
                f"http://localhost{path}",
                data=data or None,
                headers=headers or {},
            )
        )
        return response.code, self.successResultOf(self.treq.text_content(response))

    def messages(self) -> list[str]:
        """
        The messages that were received.
        """
        return [record.message for record in self.sink.records]

    def test_pages(self) -> None:
        """
        A record that a page of another site has made a browser send is refused, by GET
        and by POST, on every path.
        """
        browser = {"user-agent": "Mozilla/5.0 (X11)"}
        pages: list[dict[str, str]] = [
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"origin": "http://elsewhere.example"},
            {"origin": "null"},
            {"origin": "http://localhost:8000", **browser},
            {"sec-fetch-site": "cross-site", "origin": "http://localhost"},
        ]
        for headers in pages:
            for method, path, body, kind in [
                ("GET", "/log?msg=a", "", {}),
                ("POST", "/log", "msg=a", FORM),
                ("POST", "/records", '{"msg": "a"}', {"content-type": "text/plain"}),
            ]:
                code, text = self.ask(method, path, body, {**headers, **kind})
                self.assertEqual((code, text.count("\n")), (403, 1), headers)
        self.assertEqual(self.sink.records, [])
        self.assertEqual(self.intake.tallies["http"].rejected, {"cross-site": 12})
        self.assertEqual(self.intake.tallies["json"].rejected, {"cross-site": 6})

    def test_images(self) -> None:
        """
        A browser that does not say which page a GET is for is not believed.
        """
        browser = {"user-agent": "Mozilla/5.0 (X11)"}
        for headers, code in [
            (browser, 403),
            ({**browser, "referer": "http://elsewhere.example/"}, 403),
            ({**browser, "referer": "http://localhost/page"}, 204),
            ({**browser, "sec-fetch-site": "none"}, 204),
            ({"user-agent": "curl/8.5.0"}, 204),
        ]:
            self.assertEqual(self.ask("GET", "/?msg=a", "", headers)[0], code, headers)
        self.assertEqual(self.ask("POST", "/", "msg=a", {**browser, **FORM})[0], 204)

    def test_ownPages(self) -> None:
        """
        Pages of the same origin may send records, and so may people; a page of another
        site may link to the page here, which takes none.
        """
        for headers in [
            {"sec-fetch-site": "same-origin", "origin": "https://front.example"},
            {"sec-fetch-site": "none"},
            {"origin": "http://localhost"},
            {"origin": "HTTPS://LOCALHOST"},
        ]:
            code, _ = self.ask("POST", "/", "msg=a", {**headers, **FORM})
            self.assertEqual(code, 204, headers)
        link = {"sec-fetch-site": "cross-site", "user-agent": "Mozilla/5.0"}
        self.assertEqual(self.ask("GET", "/", "", link)[0], 200)

    def test_longPath(self) -> None:
        """
        A path that is too long is refused in the site of somebody else too.
        """
        for method, path in [("GET", "/?msg=a"), ("POST", ""), ("PUT", "")]:
            code, _ = self.ask(method, "/" * 9000 + path)
            self.assertEqual(code, 414)
        self.assertEqual(self.intake.tallies["http"].rejected, {"too-long": 3})

    def test_get(self) -> None:
        """
        A form record by GET is taken and answered with 204, on every path.
        """
        paths = ["/", "/log", "/a/b/c/", "//x", "/records", "/%ff%00", "/healthz"]
        for path in paths:
            answer = self.ask("GET", f"{path}?{form('user %s', 'alice')}")
            self.assertEqual(answer, (204, ""), path)
        self.assertEqual(self.messages(), ["user alice"] * len(paths))
        [origin] = {record.received for record in self.sink.records}
        self.assertEqual(origin.via, "http")

    def test_post(self) -> None:
        """
        A form record by POST is taken on every path, C{/records} among them; a
        query beside it does not disturb it.
        """
        for path in ["/", "/log", "/records", "/?msg=no&name=other"]:
            self.assertEqual(self.ask("POST", path, form("yes"), FORM), (204, ""))
        self.assertEqual(self.messages(), ["yes"] * 4)

    def test_postWithCharset(self) -> None:
        """
        Parameters of the content type do not matter, nor does its absence.
        """
        charset = {"content-type": "Application/X-WWW-Form-Urlencoded; charset=utf-8"}
        self.assertEqual(self.ask("POST", "/", form("one"), charset)[0], 204)
        self.assertEqual(self.ask("POST", "/", form("two"))[0], 204)
        self.assertEqual(self.messages(), ["one", "two"])

    def test_notARecord(self) -> None:
        """
        A form without any attribute of a record gets a 400 that says so, and is
        counted.
        """
        for method, path, body in [("GET", "/?a=1", ""), ("POST", "/", "a=1")]:
            code, text = self.ask(method, path, body, FORM)
            self.assertEqual(code, 400)
            self.assertEqual(text.count("\n"), 1)
        tally = self.intake.tallies["http"]
        self.assertEqual(tally.rejected, {"not-a-record": 2})
        self.assertEqual(tally.received, 2)

    def test_json(self) -> None:
        """
        C{POST /records} takes an object, an array and JSON lines, in the form of
        the design or as attributes of a LogRecord.
        """
        for body, headers in [
            ('{"message": "a", "name": "x"}', JSON),
            ('[{"msg": "b %s", "args": ["c"]}, {"message": "d"}]', JSON),
            ('{"message": "e"}\n{"message": "f"}\n', {}),
            ('{"message": "g"}', {"content-type": "application/x-ndjson"}),
            ('{"message": "h"}', FORM),
        ]:
            self.assertEqual(self.ask("POST", "/records", body, headers), (204, ""))
        self.assertEqual(self.messages(), ["a", "b c", "d", "e", "f", "g", "h"])
        self.assertEqual(self.intake.tallies["json"].accepted, 7)
        self.assertEqual(self.sink.records[0].received.via, "json")

    def test_batches(self) -> None:
        """
        A batch that comes again under its name is answered as before, and not
        taken; a name that cannot be one is refused.
        """
        body = '{"message": "a"}'
        for name, code in [
            ("x-1/0", 204),
            ("x-1/0", 204),
            ("x-1/1", 204),
            ("a b", 400),
        ]:
            headers = {**JSON, "logrecv-batch": name}
            self.assertEqual(self.ask("POST", "/records", body, headers)[0], code)
        self.assertEqual(self.messages(), ["a", "a"])
        tally = self.intake.tallies["json"]
        self.assertEqual((tally.received, tally.rejected), (3, {"malformed": 1}))

    def test_jsonAllOrNothing(self) -> None:
        """
        If one record of a request cannot be taken, none is: the answer names it,
        and all are counted as rejected.
        """
        body = '[{"message": "a"}, {"nothing": 1}, {"message": "c"}]'
        code, text = self.ask("POST", "/records", body, JSON)
        self.assertEqual(code, 400)
        self.assertIn("nothing of this request was taken", text)
        self.assertEqual(text.count("\n"), 1)
        self.assertEqual(self.messages(), [])
        tally = self.intake.tallies["json"]
        self.assertEqual((tally.received, tally.rejected), (3, {"not-a-record": 3}))

    def test_malformedJSON(self) -> None:
        """
        A body that is no JSON gets a 400 of one line.
        """
        for body in ["", "{", "[1]", "nope", '{"message": "a"}\n{', "\xff"]:
            code, text = self.ask("POST", "/records", body, JSON)
            self.assertEqual(code, 400, body)
            self.assertEqual(text.count("\n"), 1, body)
        tally = self.intake.tallies["json"]
        self.assertEqual(tally.received, sum(tally.rejected.values()))

    def test_tooLong(self) -> None:
        """
        A body or query over the limit gets a 413, and is counted.
        """
        body = '{"message": "%s"}' % ("x" * 2000)
        self.assertEqual(self.ask("POST", "/records", body, JSON)[0], 413)
        self.assertEqual(self.ask("POST", "/", form("x" * 2000), FORM)[0], 413)
        self.assertEqual(self.ask("GET", "/?" + form("x" * 2000))[0], 413)
        self.assertEqual(self.intake.tallies["json"].rejected, {"too-long": 1})
        self.assertEqual(self.intake.tallies["http"].rejected, {"too-long": 2})

    def test_refusals(self) -> None:
        """
        Every other request gets its status and one line that names the fault.
        """
        for method, path, headers, code in [
            ("GET", "/nothing", {}, 404),
            ("HEAD", "/nothing", {}, 404),
            ("GET", "/records", {}, 405),
            ("PUT", "/records", JSON, 405),
            ("DELETE", "/", {}, 405),
            ("POST", "/", JSON, 415),
            ("POST", "/records", {"content-type": "image/png"}, 415),
            ("POST", "/records", {**JSON, "content-encoding": "gzip"}, 415),
            ("GET", "/", {"host": "\xff"}, 400),
            ("GET", "/", {"host": "a..b"}, 400),
            ("POST", "/records", {**JSON, "host": "x" * 64}, 400),
        ]:
            answered, text = self.ask(method, path, b"", headers)
            self.assertEqual(answered, code, (method, path))
            if method != "HEAD":
                self.assertEqual(text.count("\n"), 1)
                self.assertNotIn("<", text)
        self.assertEqual(self.messages(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.intake.tallies["http"].rejected, {"malformed": 1})
        self.assertEqual(self.intake.tallies["json"].rejected, {"malformed": 3})

    def test_pressure(self) -> None:
        """
        While an output is behind, a client is told when to send again.
        """
        sink = BackpressureSink()
        resource = RecordResource(Intake(sink, Clock()))
        self.treq = StubTreq(resource)
        self.assertEqual(self.ask("POST", "/", form(), FORM)[0], 204)
        for path, body, headers in [("/records", "{}", JSON), ("/", form(), FORM)]:
            response = self.successResultOf(
                self.treq.post(f"http://localhost{path}", data=body, headers=headers)
            )
            self.assertEqual(response.code, 503)
            self.assertEqual(response.headers.getRawHeaders("retry-after"), ["1"])
        sink.release()
        self.assertEqual(self.ask("POST", "/", form(), FORM)[0], 204)

    def test_page(self) -> None:
        """
        A person who opens the address sees its purpose, and the configuration to
        copy, with the host as the person knows the host; a host injects no markup.
        """
        code, text = self.ask("GET", "/")
        self.assertEqual(code, 200)
        self.assertIn('HTTPHandler("localhost", "/", method="POST")', text)
        code, text = self.ask("GET", "/", headers={"host": "<script>"})
        self.assertNotIn("<script>", text)

    def test_slashes(self) -> None:
        """
        A slash more before or behind C{/records} loses no record, and is not
        answered with a redirect, which few clients would follow.
        """
        for path in ["/records/", "//records", "//records//?x"]:
            body = '{"message": "a"}'
            code = 204 if path.count("/") < 4 else 415
            self.assertEqual(self.ask("POST", path, body, JSON)[0], code, path)
            self.assertEqual(self.ask("POST", path, form("b"), FORM)[0], 204, path)
            self.assertEqual(self.ask("GET", f"{path}?{form('c')}")[0], 204, path)
        self.assertEqual(sorted(self.messages()), list("aabbbccc"))
        self.assertEqual(self.ask("PUT", "/records/", "{}", JSON)[0], 405)

    def test_oddHosts(self) -> None:
        """
        A form record is taken with every Host header: the fast path looks at none.
        """
        for host in ["a..b", "x" * 64, "\xff", ""]:
            headers = {**FORM, "host": host}
            self.assertEqual(self.ask("POST", "/", form(), headers), (204, ""))
            answer = self.ask("GET", f"/?{form()}", headers={"host": host})
            self.assertEqual(answer, (204, ""))

    def test_head(self) -> None:
        """
        The answer to a HEAD has no body, and nothing is logged of it.
        """
        events: list[object] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        for path, code in [
            ("/", 200),
            ("/?msg=a", 200),
            ("/x", 404),
            ("/records", 405),
        ]:
            self.assertEqual(self.ask("HEAD", path), (code, ""))
        self.assertEqual(events, [])
        self.assertEqual(self.messages(), [])

    def test_example(self) -> None:
        """
        The example of L{RecordResource} runs.
        """
        self.assertEqual(doctest.testmod(resource), (0, 6))


class MountedTests(SynchronousTestCase):
    """
    Tests for L{RecordResource} in somebody else's site.
    """

    def setUp(self) -> None:
        """
        Mount a resource below the root of a site.
        """
        self.reactor = MemoryReactorClock()
        self.sink = MemorySink()
        root = Resource()
        root.putChild(b"logs", RecordResource(Intake(self.sink, self.reactor)))
        self.site = Site(root, reactor=self.reactor)

    def send(self, request: bytes, transport: Any = None) -> bytes:
        """
        Send a request on a new connection.

        @return: The response.
        """
        protocol = self.site.buildProtocol(None)
        transport = transport or StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(request)
        response: bytes = transport.value()
        return response

    def test_paths(self) -> None:
        """
        Paths are those below where the resource is mounted.
        """
        for path in [b"/logs", b"/logs/", b"/logs/a", b"/logs/records", b"/logs//"]:
            response = self.send(b"GET %s?msg=a HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            self.assertIn(b" 204 ", response[:20], path)
        body = b'{"message": "a"}'
        request = (
            b"POST /logs/records HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n"
        )
        self.assertIn(b" 204 ", self.send(request + body)[:20])
        self.assertEqual(len(self.sink.records), 6)
        response = self.send(b"GET /logs HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b" 200 ", response[:20])

    def test_unixSocket(self) -> None:
        """
        A client of a UNIX socket need not name a host to send JSON.
        """
        address = UNIXAddress("/run/logs")
        transport = StringTransport(hostAddress=address, peerAddress=address)
        request = b"POST /logs/records HTTP/1.0\r\nContent-Length: 16\r\n\r\n"
        response = self.send(request + b'{"message": "a"}', transport)
        self.assertIn(b" 204 ", response[:20])
        self.assertEqual(self.sink.records[0].received.peer, "/run/logs")


class RouteProperties(SynchronousTestCase):
    """
    Properties of the routes.
    """

    @given(
        st.lists(st.one_of(st.just(b""), st.just(b"records"), st.binary(max_size=3))),
        st.sampled_from([b"POST", b"GET"]),
    )
    def test_anyPath(self, segments: list[bytes], method: bytes) -> None:
        """
        A form record is taken on every path there is.
        """
        sink = MemorySink()
        site = Site(RecordResource(Intake(sink, Clock())), reactor=MemoryReactorClock())
        path = "".join(f"%{byte:02x}" for byte in b"/".join(segments)).encode()
        path = path.replace(b"%2f", b"/")
        if method == b"GET":
            request = b"GET /%s?msg=a HTTP/1.1\r\nHost: x\r\n\r\n" % path
        else:
            request = (
                b"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n\r\nmsg=a" % path
            )
        protocol = site.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(request)
        self.assertIn(b" 204 ", transport.value()[:20])
        self.assertEqual([record.message for record in sink.records], ["a"])
