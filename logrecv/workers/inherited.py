"""
The sockets that a worker has inherited from its supervisor.

A worker makes the same endpoint of the same description as its supervisor, but with
L{InheritedPorts} in the place of the reactor.  The endpoint then listens on the
inherited socket.  The layers around the socket, TLS or the PROXY header, stay.
"""

from __future__ import annotations

import os
import re
import socket
from typing import Any, Final

from attrs import define
from twisted.internet import tcp, unix
from twisted.internet.interfaces import (
    IDelayedCall,
    IListeningPort,
    IProtocolFactory,
)
from twisted.python.failure import Failure

from logrecv.inputs.peers import addressFamily
from logrecv.workers.balance import ConnectionCounts

#: Seconds that a worker with more connections than another worker leaves the next
#: connection to the others.  Longer than a turn of their reactors, unless they are
#: stuck.
YIELD_DELAY: Final = 0.01

#: More connections than can wait to be accepted.
_ALL_CONNECTIONS: Final = 1 << 20


class _SharedPort(tcp.Port):
    """
    A port that several processes serve.  It accepts one connection at a time, and waits
    before that while another process has fewer connections.
    """

    counts: ConnectionCounts
    number: int
    _hasYielded: bool = False
    _later: IDelayedCall | None = None

    def startListening(self) -> None:
        """
        Begin to accept.  The supervisor has bound the socket.
        """
        port: Any = self
        port.socket, port._preexistingSocket = port._preexistingSocket, None
        port._shouldShutdown = False
        port.fileno = port.socket.fileno
        port.connected = True
        port.factory.doStart()
        port.startReading()

    def doRead(self) -> None:
        """
        Accept a connection, or leave it to another process.
        """
        port: Any = super()
        if self._hasYielded or not self.counts.isAhead(self.number):
            self._hasYielded = False
            # Twisted raises the number after each connection.
            self.numberAccepts = 1
            port.doRead()
        else:
            port.stopReading()
            clock: Any = self.reactor
            self._later = clock.callLater(YIELD_DELAY, self._readOn)

    def stopListening(self, *arguments: Any) -> Any:
        """
        Accept all connections that wait, and stop listening.
        """
        port: Any = super()
        if self.connected:
            self.numberAccepts = _ALL_CONNECTIONS
            port.doRead()
        return port.stopListening(*arguments)

    def _readOn(self) -> None:
        self._later = None
        self._hasYielded = True
        port: Any = self
        port.startReading()

    def connectionLost(self, reason: Failure) -> None:
        """
        Close the socket.
        """
        if self._later is not None:
            self._later.cancel()
            self._later = None
        # unix.Port would remove the file, which is the supervisor's.
        tcp.Port.connectionLost(self, reason)


class _SharedUNIXPort(_SharedPort, unix.Port):
    """
    A port for a UNIX socket that several processes serve.
    """


def inherited(text: str) -> str:
    """
    Replace the part of an endpoint's description that a second process cannot use:
    sockets from systemd can be had only once.  L{InheritedPorts} makes no use of this
    part.

    @param text: The description.
    """
    return _SYSTEMD.sub("tcp:0", text)


_SYSTEMD: Final = re.compile(r"(?:^|(?<=:))systemd:.*", re.DOTALL)


@define(eq=False)
class InheritedPorts:
    """
    Takes the place of the reactor for an endpoint: each method that listens returns a
    port with the inherited socket, and the other methods are the reactor's.

    @ivar _reactor: The reactor.
    @ivar _descriptor: The descriptor of the socket.
    @ivar _counts: The numbers of connections of all workers.
    @ivar _number: The number of this worker.
    """

    _reactor: Any
    _descriptor: int
    _counts: ConnectionCounts
    _number: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(
        self,
        port: object,
        factory: IProtocolFactory,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """
        Listen as C{IReactorTCP.listenTCP} of Twisted does.
        """
        return self._adopt(factory)

    def listenSSL(
        self,
        port: object,
        factory: IProtocolFactory,
        contextFactory: Any,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """
        Listen as C{IReactorSSL.listenSSL} of Twisted does.
        """
        # TLS is an extra of Twisted.
        from twisted.protocols.tls import TLSMemoryBIOFactory

        return self._adopt(TLSMemoryBIOFactory(contextFactory, False, factory))

    def listenUNIX(
        self,
        address: object,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> IListeningPort:
        """
        Listen as C{IReactorUNIX.listenUNIX} of Twisted does.
        """
        return self._adopt(factory)

    def adoptStreamPort(
        self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory
    ) -> IListeningPort:
        """
        Listen as C{IReactorSocket.adoptStreamPort} of Twisted does.
        """
        return self._adopt(factory)

    def _adopt(self, factory: IProtocolFactory) -> IListeningPort:
        family = addressFamily(self._descriptor)
        port: Any
        if family == socket.AF_UNIX:
            port = _SharedUNIXPort._fromListeningDescriptor(
                self._reactor, self._descriptor, factory
            )
        else:
            port = _SharedPort._fromListeningDescriptor(
                self._reactor, self._descriptor, family, factory
            )
        # The port has duplicated the descriptor.  The socket closes with the last one.
        os.close(self._descriptor)
        port.counts, port.number = self._counts, self._number
        port.startListening()
        result: IListeningPort = port
        return result
