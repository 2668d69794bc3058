"""
Helpers for the tests of the HTTP input.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from logrecv.inputs.http.lingering import LINGER_TIMEOUT
from logrecv.inputs.http.site import RecordSite
from logrecv.intake import Intake
from logrecv.testing import MemorySink, makeForm, makeLogRecord


def form(msg: str = "hello", *args: object, **extra: object) -> str:
    """
    Make the form that C{HTTPHandler} sends.
    """
    return makeForm(makeLogRecord(msg, *args, **extra)).decode("ascii")


class SiteTestCase(SynchronousTestCase):
    """
    Has a site that takes records of 1000 bytes.
    """

    def setUp(self) -> None:
        """
        Make a site.
        """
        self.reactor = MemoryReactorClock()
        self.sink = MemorySink()
        self.intake = Intake(self.sink, self.reactor)
        self.site = RecordSite(self.intake, self.reactor, 1000)

    def connect(self) -> tuple[Any, StringTransport]:
        """
        Make a connection.
        """
        channel = self.site.buildProtocol(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        return channel, transport

    def connectChannel(self) -> tuple[Any, StringTransport]:
        """
        Make a connection that takes the slow path from the beginning.
        """
        channel = self.site.buildChannel(None)
        transport = StringTransport()
        channel.makeConnection(transport)
        return channel, transport

    def send(self, data: bytes) -> tuple[bytes, bool]:
        """
        Send bytes on a new connection.

        @return: The response, and whether the connection was closed soon after it.
        """
        channel, transport = self.connect()
        channel.dataReceived(data)
        self.reactor.advance(LINGER_TIMEOUT)
        return transport.value(), transport.disconnecting

    def rejected(self, via: str = "http") -> dict[str, int]:
        """
        The counts of rejected requests.
        """
        tally = self.intake.tallies[via]
        self.assertEqual(tally.received, tally.accepted + sum(tally.rejected.values()))
        return tally.rejected

    def post(self, length: int, path: bytes = b"/") -> bytes:
        """
        Make the head of a POST.
        """
        return (
            b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" % (path, length)
        )
