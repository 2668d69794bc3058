"""
Tests for L{logrecv.workers.sockets}.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from tempfile import mkdtemp

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import TestCase

from logrecv.inputs.datagrams import UDPAddress, UnixAddress
from logrecv.workers.messages import NO_SOCKET
from logrecv.workers.sockets import SharedDatagrams, SharedSockets, SharedStream


def makeStream(port: int = 0) -> SharedStream:
    """
    Make a socket on loopback.
    """
    endpoint = TCP4ServerEndpoint(reactor, port, interface="127.0.0.1")
    return SharedStream(endpoint, restricted=True)


class SharedSocketsTests(TestCase):
    """
    Tests for L{SharedSockets}.
    """

    def setUp(self) -> None:
        """
        Listen, for three workers.
        """
        # The path of a UNIX socket has some 100 bytes; those of trial may have more.
        directory = mkdtemp(prefix="logrecv")
        self.addCleanup(shutil.rmtree, directory)
        self.path = os.path.join(directory, "socket")
        addresses = (
            UnixAddress(self.path + "0"),
            UDPAddress(0, "127.0.0.1"),
            UnixAddress(self.path + "1"),
        )
        datagrams = [SharedDatagrams(each, reactor, True) for each in addresses]
        self.stream, self.http = makeStream(), makeStream()
        self.sockets = SharedSockets([self.stream], datagrams, [self.http])
        self.sockets.bind(3)
        self.addCleanup(self.sockets.vacate)
        self.addCleanup(self.sockets.close)

    def test_descriptors(self) -> None:
        """
        All workers have the sockets for connections.  The datagrams of a UNIX socket go
        to a single worker, those of the next UNIX socket to another worker; on Linux,
        each worker has a socket of its own for datagrams over UDP.
        """
        found = [self.sockets.descriptors(number, 3) for number in (1, 2, 3)]
        for option, shared in (("tcp", self.stream), ("http", self.http)):
            for each in found:
                self.assertEqual(each[option], [shared.descriptor()])
        first, udp, second = zip(*(each["udp"] for each in found), strict=True)
        self.assertEqual([each != NO_SOCKET for each in first], [True, False, False])
        self.assertEqual([each != NO_SOCKET for each in second], [False, False, True])
        own = {each for each in udp if each != NO_SOCKET}
        self.assertEqual(len(own), 3 if sys.platform == "linux" else 1)

    def test_isAwaited(self) -> None:
        """
        Connections wait until a worker accepts them.
        """
        self.assertFalse(self.sockets.isAwaited())
        with socket.socket(fileno=os.dup(self.http.descriptor())) as shared:
            with socket.create_connection(shared.getsockname()):
                self.assertTrue(self.sockets.isAwaited())
                shared.accept()[0].close()
            self.assertFalse(self.sockets.isAwaited())

    def test_vacate(self) -> None:
        """
        The files of UNIX sockets are removed at the end.
        """
        self.assertTrue(os.path.exists(self.path + "0"))
        self.sockets.close()
        self.sockets.vacate()
        self.assertFalse(os.path.exists(self.path + "0"))
        self.assertFalse(os.path.exists(self.path + "1"))


class SharedStreamTests(TestCase):
    """
    Tests for L{SharedStream}.
    """

    def test_taken(self) -> None:
        """
        A port that is taken is an error at once.
        """
        with socket.create_server(("127.0.0.1", 0)) as server:
            stream = makeStream(server.getsockname()[1])
            self.assertRaises(CannotListenError, stream.bind)

    def test_cannotBeShared(self) -> None:
        """
        An endpoint without a socket cannot be shared.
        """
        endpoint = TCP4ServerEndpoint(MemoryReactor(), 1)
        stream = SharedStream(endpoint, restricted=True)
        error = self.assertRaises(CannotListenError, stream.bind)
        self.assertIn("workers cannot share such an endpoint", str(error))
