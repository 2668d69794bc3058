"""
Tests for L{logrecv.inputs.mtls}.
"""

from __future__ import annotations

import os

import trustme
from twisted.internet.endpoints import SSL4ServerEndpoint, serverFromString
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from logrecv.descriptions import DescriptionError
from logrecv.inputs.endpoints import parseStreamAddress
from logrecv.inputs.mtls import MutualTLSParser


class MutualTLSParserTests(SynchronousTestCase):
    """
    Tests for L{MutualTLSParser}, found as Twisted finds it.
    """

    def setUp(self) -> None:
        """
        Write a key, its certificate, and its authority's.
        """
        self.directory = self.mktemp()
        os.mkdir(self.directory)
        authority = trustme.CA()
        own = authority.issue_cert("localhost")
        self.key = self.write("key.pem", own.private_key_pem.bytes())
        chain = b"".join(blob.bytes() for blob in own.cert_chain_pems)
        self.cert = self.write("cert.pem", chain)
        self.authority = self.write("ca.pem", authority.cert_pem.bytes())

    def write(self, name: str, data: bytes) -> str:
        """
        Write a file.
        """
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def test_interface(self) -> None:
        """
        The plugin is a parser of endpoints.
        """
        verifyObject(IStreamServerEndpointStringParser, MutualTLSParser())

    def test_endpoint(self) -> None:
        """
        A description gives an endpoint, for logrecv and for every other user of
        Twisted; it counts as one that encrypts.
        """
        reactor = MemoryReactorClock()
        text = f"mtls:6514:key={self.key}:cert={self.cert}:ca={self.authority}"
        self.assertIsInstance(serverFromString(reactor, text), SSL4ServerEndpoint)
        address = parseStreamAddress(reactor, text + ":interface=127.0.0.1")
        self.assertIsInstance(address.endpoint, SSL4ServerEndpoint)
        self.assertTrue(address.encrypted)

    def test_errors(self) -> None:
        """
        Files that cannot be used are refused in one line.
        """
        stranger = trustme.CA().issue_cert("localhost")
        key = self.write("other.pem", stranger.private_key_pem.bytes())
        empty = self.write("empty.pem", b"")
        good = {"key": self.key, "cert": self.cert, "ca": self.authority}
        for wrong, expected in [
            ({"key": key}, "no use"),
            ({"key": empty}, "no use"),
            ({"cert": empty}, "no certificate"),
            ({"ca": self.key}, "no certificate"),
            ({"ca": "/nowhere"}, "/nowhere"),
            ({"backlog": "x"}, "'x'"),
        ]:
            parts = {**good, **wrong}
            text = ":".join(["mtls:1", *(f"{k}={v}" for k, v in parts.items())])
            error = self.assertRaises(
                DescriptionError, parseStreamAddress, MemoryReactorClock(), text
            )
            self.assertIn(expected, str(error))
            self.assertNotIn("\n", str(error))
