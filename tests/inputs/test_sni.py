"""
Tests for L{logrecv.inputs.sni}.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import trustme
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.inputs.sni import RELOAD_DELAY, CertificateDirectory


def pump(source: SSL.Connection, target: SSL.Connection) -> None:
    """
    Carry the bytes of one side to the other.
    """
    with contextlib.suppress(SSL.WantReadError):
        target.bio_write(source.bio_read(65536))


class CertificateDirectoryTests(SynchronousTestCase):
    """
    Tests for L{CertificateDirectory}.
    """

    def setUp(self) -> None:
        """
        Make a directory with two certificates.
        """
        self.clock = Clock()
        self.directory = Path(self.mktemp())
        (self.directory / "more").mkdir(parents=True)
        self.authority = trustme.CA()
        self.issue("a.pem", "a.example")
        self.issue("more/b.pem", "b.example", "*.wild.example", "Upper.Example")
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def issue(self, path: str, *names: str) -> None:
        """
        Issue a certificate.
        """
        issued = self.authority.issue_cert(*names)
        parts = [issued.private_key_pem, *issued.cert_chain_pems]
        data = b"".join(each.bytes() for each in parts)
        (self.directory / path).write_bytes(data)

    def shown(self, certificates: CertificateDirectory, name: bytes | None) -> str:
        """
        Shake hands, and return the first host name of the certificate that is shown.
        """
        server = certificates.serverConnectionForTLS(None)
        server.set_accept_state()
        client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD))
        client.set_connect_state()
        if name is not None:
            client.set_tlsext_host_name(name)
        for _ in range(4):
            for side, other in ((client, server), (server, client)):
                with contextlib.suppress(SSL.WantReadError):
                    side.do_handshake()
                pump(side, other)
        shown = client.get_peer_certificate(as_cryptography=True)
        assert shown is not None
        from cryptography.x509 import DNSName, SubjectAlternativeName

        names = shown.extensions.get_extension_for_class(SubjectAlternativeName)
        host: str = names.value.get_values_for_type(DNSName)[0]
        return host

    def test_interface(self) -> None:
        """
        A directory makes the connections of a server.
        """
        certificates = CertificateDirectory(str(self.directory), self.clock)
        verifyObject(IOpenSSLServerConnectionCreator, certificates)

    def test_names(self) -> None:
        """
        The name that a client asks for chooses the certificate.  A client that asks
        for another name, or for bytes that are no name, is shown the first
        certificate, and nothing is logged.
        """
        certificates = CertificateDirectory(str(self.directory), self.clock)
        for name, shown in [
            (b"a.example", "a.example"),
            (b"b.example", "b.example"),
            (b"B.EXAMPLE", "b.example"),
            (b"upper.example", "b.example"),
            (b"any.wild.example", "b.example"),
            (b"two.any.wild.example", "a.example"),
            (b"wild.example", "a.example"),
            (None, "a.example"),
            (b"unknown", "a.example"),
            (b"\xff\xfe.example", "a.example"),
            ("ü.example".encode(), "a.example"),
            (b"a\n\x1b[31m" + b"x" * 240, "a.example"),
        ]:
            self.assertEqual(self.shown(certificates, name), shown, name)
        self.assertEqual(self.events, [])

    def test_reload(self) -> None:
        """
        The directory is read again for a name that is unknown, but not often.
        """
        certificates = CertificateDirectory(str(self.directory), self.clock)
        self.issue("c.pem", "c.example")
        self.assertEqual(self.shown(certificates, b"c.example"), "a.example")
        self.clock.advance(RELOAD_DELAY)
        self.assertEqual(self.shown(certificates, b"c.example"), "c.example")
        self.issue("d.pem", "d.example")
        self.assertEqual(self.shown(certificates, b"d.example"), "a.example")
        self.assertEqual(self.events, [])

    def test_reloadFails(self) -> None:
        """
        The certificates stay in use where the directory cannot be read again, which is
        logged once.
        """
        certificates = CertificateDirectory(str(self.directory), self.clock)
        begin = b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
        (self.directory / "c.pem").write_bytes(begin)
        for _ in range(3):
            self.clock.advance(RELOAD_DELAY)
            self.assertEqual(self.shown(certificates, b"c.example"), "a.example")
        (event,) = self.events
        self.assertIn(str(self.directory), event["problem"])

    def test_unusable(self) -> None:
        """
        A directory without a certificate and its key cannot be used.
        """
        for text in (b"", b"no PEM", self.authority.cert_pem.bytes()):
            path = Path(self.mktemp())
            path.mkdir()
            (path / "a.pem").write_bytes(text)
            error = self.assertRaises(
                ValueError, CertificateDirectory, str(path), self.clock
            )
            self.assertIn(str(path), str(error))
        self.assertRaises(ValueError, CertificateDirectory, "/nowhere", self.clock)
