"""
Tests for L{logrecv.inputs.handshakes}.
"""

from __future__ import annotations

import ssl
from typing import Any

import trustme
from attrs import frozen
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from logrecv.counters import InputTally
from logrecv.inputs.streams import Connections
from logrecv.inputs.tcp import RecordFactory
from logrecv.intake import Intake
from logrecv.testing import MemorySink, makeFrame


class Server(Protocol):
    """
    A server that keeps the bytes that it is sent.
    """

    received = b""

    def dataReceived(self, data: bytes) -> None:
        """
        Keep bytes.
        """
        self.received += data


@implementer(IOpenSSLServerConnectionCreator)
@frozen
class Contexts:
    """
    Makes the connections of a server.

    @ivar context: Their context.
    """

    context: SSL.Context

    def serverConnectionForTLS(self, protocol: object) -> SSL.Connection:
        """
        Make a connection.
        """
        return SSL.Connection(self.context)


class TicketsTests(SynchronousTestCase):
    """
    Tests for L{holdTickets}, with connections of TLS in memory.
    """

    def setUp(self) -> None:
        """
        Make certificates, and a client that has not connected.
        """
        authority = trustme.CA()
        self.authority = authority
        issued = authority.issue_cert("localhost")
        self.serverContext = SSL.Context(SSL.TLS_SERVER_METHOD)
        issued.configure_cert(self.serverContext)
        self.clientContext = ssl.create_default_context()
        authority.configure_trust(self.clientContext)
        self.clock = MemoryReactorClock()
        self.tally = InputTally("tcp")

    def connect(self, factory: Factory | None = None) -> None:
        """
        Connect, and shake hands.

        @param factory: Makes the protocol of the server.
        """
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = self.clientContext.wrap_bio(
            self.incoming, self.outgoing, server_hostname="localhost"
        )
        if factory is None:
            factory = Connections(Factory.forProtocol(Server), self.tally, self.clock)
        factory = TLSMemoryBIOFactory(
            Contexts(self.serverContext), False, factory, self.clock
        )
        self.transport = StringTransport()
        self.protocol: Any = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        connection = self.protocol.wrappedProtocol
        self.server: Any = getattr(connection, "wrappedProtocol", connection)
        while True:
            try:
                self.client.do_handshake()
            except ssl.SSLWantReadError:
                self.exchange()
            else:
                break
        self.exchange()

    def exchange(self) -> None:
        """
        Carry the bytes of both sides to the other.
        """
        if data := self.outgoing.read():
            self.protocol.dataReceived(data)
        self.clock.advance(0)
        self.incoming.write(self.transport.value())
        self.transport.clear()

    def sentSinceHandshake(self) -> int:
        """
        Send a record of TLS to the server.

        @return: The bytes that the server has sent since the client's handshake was
            done.
        """
        self.client.write(b"a record")
        self.protocol.dataReceived(self.outgoing.read())
        self.clock.advance(0)
        self.assertEqual(self.server.received, b"a record")
        return len(self.transport.value()) + self.incoming.pending

    def test_writeOnly(self) -> None:
        """
        A client of TLS 1.3 that is sent nothing is sent no tickets, so there is nothing
        that it could leave unread.
        """
        self.connect()
        self.assertEqual(self.client.version(), "TLSv1.3")
        self.assertEqual(self.sentSinceHandshake(), 0)

    def test_recordFactory(self) -> None:
        """
        The tickets are held for the clients of a plain factory too.
        """
        sink = MemorySink()
        self.connect(RecordFactory(Intake(sink, self.clock)))
        self.client.write(makeFrame(msg="a record"))
        self.exchange()
        self.assertEqual(self.incoming.pending, 0)
        self.assertEqual([each.message for each in sink.records], ["a record"])

    def test_answered(self) -> None:
        """
        A client that is sent something reads it, and the tickets before it.
        """
        self.connect()
        self.sentSinceHandshake()
        for answer in (b"first", b"second"):
            self.server.transport.write(answer)
            self.exchange()
            self.assertEqual(self.client.read(100), answer)
        self.assertTrue(self.client.session.has_ticket)

    def test_closed(self) -> None:
        """
        A client that ends TLS in order is told that the server has ended TLS.
        """
        self.connect()
        self.sentSinceHandshake()
        self.assertRaises(ssl.SSLWantReadError, self.client.unwrap)
        self.exchange()
        self.client.unwrap()

    def test_older(self) -> None:
        """
        The end of a handshake of TLS 1.2 is sent.
        """
        self.clientContext.maximum_version = ssl.TLSVersion.TLSv1_2
        self.connect()
        self.assertEqual(self.client.version(), "TLSv1.2")
        self.sentSinceHandshake()
        self.server.transport.write(b"answer")
        self.exchange()
        self.assertEqual(self.client.read(100), b"answer")

    def test_certificates(self) -> None:
        """
        The tickets of a client with a certificate, which hold the certificate, are
        held and sent as a whole.
        """
        many = [f"client-{number}.example" for number in range(1000)]
        self.authority.issue_cert(*many).configure_cert(self.clientContext)
        self.authority.configure_trust(self.serverContext)
        self.serverContext.set_verify(SSL.VERIFY_PEER, lambda *args: True)
        self.serverContext.set_session_id(b"test")
        self.connect()
        self.assertEqual(self.sentSinceHandshake(), 0)
        self.server.transport.write(b"answer")
        self.exchange()
        self.assertEqual(self.client.read(100), b"answer")
