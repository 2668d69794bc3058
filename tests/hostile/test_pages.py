"""
Web pages that make a browser ask the service.
"""

from __future__ import annotations

import logging
from http.client import HTTPConnection
from logging.handlers import HTTPHandler

from tests.hostile.witness import HostileTestCase

#: The headers that a browser sends for an image and for a form of a page.
_IMAGE = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101",
    "Accept": "image/avif,image/webp,*/*",
    "Sec-Fetch-Dest": "image",
    "Sec-Fetch-Mode": "no-cors",
    "Sec-Fetch-Site": "cross-site",
}
_FORM = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101",
    "Content-Type": "text/plain",
    "Origin": "https://elsewhere.example",
}


class PageTests(HostileTestCase):
    """
    Tests with the requests of browsers.
    """

    def ask(
        self, port: int, method: str, path: str, headers: dict[str, str], body: str = ""
    ) -> int:
        """
        Send a request.

        @return: The status of the answer.
        """
        client = HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            client.request(method, path, body.encode() or None, headers)
            return client.getresponse().status
        finally:
            client.close()

    def test_records(self) -> None:
        """
        A page of another site writes no record, neither by an image nor by a form,
        while handlers and C{curl} do.
        """
        service = self.serveAll()
        port = service.port("http")
        self.assertEqual(self.ask(port, "GET", "/?msg=image", _IMAGE), 403)
        # As the browser sends it to another machine, without TLS.
        plain = {"User-Agent": _IMAGE["User-Agent"], "Accept": _IMAGE["Accept"]}
        self.assertEqual(self.ask(port, "GET", "/?msg=image", plain), 403)
        form = '{"msg": "form", "x": "=\r\n"}'
        self.assertEqual(self.ask(port, "POST", "/records", _FORM, form), 403)
        curl = {"User-Agent": "curl/8.5.0", "Content-Type": "application/json"}
        self.assertEqual(
            self.ask(port, "POST", "/records", curl, '{"msg": "curl"}'), 204
        )
        for method in ("GET", "POST"):
            handler = HTTPHandler(f"127.0.0.1:{port}", "/log", method=method)
            handler.handle(logging.makeLogRecord({"msg": method}))
        service.awaitRecords(3, self.output)
        messages = [record["message"] for record in service.records(self.output)]
        self.assertEqual(messages, ["curl", "GET", "POST"])
        metrics = self.checkBooks(service)
        for via, count in (("http", 2), ("json", 1)):
            name = f'logrecv_rejected_total{{reason="cross-site",via="{via}"}}'
            self.assertEqual(metrics[name], count)
        self.checkQuiet(service)

    def test_console(self) -> None:
        """
        The console answers to its names and addresses, and to no page of another site.
        """
        service = self.serveAll("--console-name=logs.example")
        port = service.port("console")
        for path in ("/healthz", "/metrics"):
            for headers, status in [
                ({}, 200),
                ({"Host": "localhost:9023"}, 200),
                ({"Host": "10.0.0.1"}, 200),
                ({"Host": "logs.example:9023"}, 200),
                ({"Host": f"elsewhere.example:{port}"}, 421),
                (_IMAGE, 403),
                ({"Origin": "https://elsewhere.example"}, 403),
            ]:
                self.assertEqual(
                    self.ask(port, "GET", path, headers), status, (path, headers)
                )
        self.checkQuiet(service)
