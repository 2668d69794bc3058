"""
Tests for L{logrecv.outputs.forward_http}.
"""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from logrecv.counters import OutputTally
from logrecv.descriptions import Description, DescriptionError
from logrecv.outputs.context import OutputContext, StandardOutput
from logrecv.outputs.forward import parseForward
from logrecv.outputs.http.writer import BATCH_SIZE, HTTPWriter
from logrecv.outputs.queue.sink import QueuedSink


class ParseTests(SynchronousTestCase):
    """
    Descriptions of C{forward:http} and C{forward:https}.
    """

    def parse(self, text: str) -> QueuedSink:
        stream = open(os.devnull, "wb")  # noqa: SIM115
        self.addCleanup(stream.close)
        context = OutputContext(
            MemoryReactorClock(),
            OutputTally("1-forward"),
            StandardOutput(stream, False),
        )
        description = Description.fromText(text)
        sink = parseForward(description, context)
        assert isinstance(sink, QueuedSink)
        self.assertIsInstance(sink.writer, HTTPWriter)
        description.finish()
        return sink

    def urls(self, text: str) -> list[bytes]:
        writer: Any = self.parse(text).writer
        return [url for _, url in writer.urls]

    def test_urls(self) -> None:
        """
        There is a URL for each pair of host and port.
        """
        self.assertEqual(self.urls("forward:http:h:80"), [b"http://h:80/records"])
        self.assertEqual(
            self.urls("forward:http:h:80:\\:\\:1:81:path=/a/b"),
            [b"http://h:80/a/b", b"http://[::1]:81/a/b"],
        )
        sink = self.parse("forward:http:h:80")
        self.assertEqual((sink.writeSize, sink.writeCount), (BATCH_SIZE, 500))

    def test_credentials(self) -> None:
        """
        A user is named, and the password is in a file.
        """
        file = Path(self.mktemp())
        file.write_bytes(b"s:cr\xc3\xa9t\n")
        writer: Any = self.parse(
            f"forward:http:h:80:user=me:password-file={file}"
        ).writer
        [value] = writer.client.headers.getRawHeaders(b"authorization")
        self.assertEqual(value, b"Basic " + b64encode(b"me:s:cr\xc3\xa9t"))

    def test_tls(self) -> None:
        """
        C{https} has a URL of its own, and takes files.
        """
        try:
            import trustme
        except ImportError:
            raise SkipTest("trustme is not installed") from None
        ca = trustme.CA()
        ca.cert_pem.write_to_path(authorities := self.mktemp())
        own = ca.issue_cert("client")
        own.private_key_pem.write_to_path(key := self.mktemp())
        ca.issue_cert("other").private_key_pem.write_to_path(other := self.mktemp())
        own.cert_chain_pems[0].write_to_path(cert := self.mktemp())
        text = f"forward:https:h:443:ca={authorities}:cert={cert}:key={key}"
        self.assertEqual(self.urls(text), [b"https://h:443/records"])
        self.assertEqual(self.urls("forward:https:h:1"), [b"https://h:1/records"])
        for text, message in [
            (f"forward:https:h:1:ca={key}", "has no certificate in it"),
            (f"forward:https:h:1:cert={cert}", "cert= and key= go together"),
            (f"forward:https:h:1:cert={key}:key={cert}", "has no certificate"),
            (f"forward:https:h:1:cert={cert}:key={other}", "is no use"),
        ]:
            error = self.assertRaises(DescriptionError, self.parse, text)
            self.assertIn(message, str(error))
            self.assertNotIn("\n", str(error))

    def test_refused(self) -> None:
        """
        A description that cannot be used is refused in one line.
        """
        for text, message in [
            ("forward:http", "write forward:http:HOST:PORT"),
            ("forward:http:h", "write forward:http:HOST:PORT"),
            ("forward:http:h:80:i", "write forward:http:HOST:PORT"),
            ("forward:https:h:", "write forward:https:HOST:PORT"),
            ("forward:http:h:http", "a port is a number"),
            ("forward:http:a b:80", "a host is a name or an address"),
            ("forward:http:h:80:path=x", "a path begins with a slash"),
            ("forward:http:h:80:user=x", "user= and password-file= go together"),
            ("forward:http:h:80:password-file=/no", "it cannot be read"),
            ("forward:http:h:80:ca=/no", "ca=/no: it cannot be read"),
            ("forward:http:h:80:ca=/etc/passwd", "are for forward:https"),
            ("forward:http:h:80:timeout=5", "timeout= is not a keyword of forward"),
        ]:
            error = self.assertRaises(DescriptionError, self.parse, text)
            self.assertIn(message, str(error))
            self.assertNotIn("\n", str(error))
