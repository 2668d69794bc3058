"""
Sockets that a supervisor binds and its workers serve.

The supervisor listens the way that each description says, so a port that is
taken is known at once, only one process needs the right to it, and connections
wait while a worker is being replaced.  A worker makes the same endpoint of the
same description, but with L{InheritedPorts} for a reactor: whatever the endpoint
would have listened on becomes the socket that was inherited, and what it puts
around that, TLS or the PROXY header, is there as ever.
"""

from __future__ import annotations

import os
import re
import select
import socket
import sys
from typing import Any, ClassVar, Final

from attrs import define, field
from twisted.internet import tcp, unix
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IDelayedCall,
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from logrecv.inputs.peers import addressFamily, logListening
from logrecv.inputs.udp import UDPAddress, UnixAddress, enlargeBuffer
from logrecv.workers.balance import ConnectionCounts
from logrecv.workers.messages import NO_SOCKET

#: Seconds that a worker with more connections than another one leaves the next
#: to that.  Longer than that takes for a round of its reactor, unless it is
#: stuck.
YIELD_DELAY: Final = 0.01


class _Quiet(Factory):
    noisy = False


class _QuietDatagrams(DatagramProtocol):
    noisy = False


#: More connections than can wait to be accepted.
_ALL: Final = 1 << 20


@define(eq=False)
class SharedStream:
    """
    A listening socket of a supervisor, for all of its workers.

    @ivar endpoint: Where to listen.
    @ivar restricted: Whether not everybody who can reach it may send.
    """

    _log: ClassVar[Logger] = Logger()

    endpoint: IStreamServerEndpoint
    restricted: bool
    _port: Any = field(default=None, init=False)

    def bind(self) -> None:
        """
        Listen, and leave it to others to accept.

        @raise CannotListenError: The port cannot be had.
        """
        results: list[Any] = []
        self.endpoint.listen(_Quiet()).addBoth(results.append)
        if not results or isinstance(results[0], Failure):
            for failure in results:
                failure.raiseException()
            raise CannotListenError("", self.endpoint, "it does not listen at once")
        (port,) = results
        if not (hasattr(port, "fileno") and hasattr(port, "stopReading")):
            raise CannotListenError(
                "", self.endpoint, "workers cannot share such an endpoint"
            )
        port.stopReading()
        self._port = port
        logListening(self._log, port.getHost(), self.restricted)

    def descriptor(self) -> int:
        """
        Give the descriptor of the socket.
        """
        descriptor: int = self._port.fileno()
        return descriptor

    def isAwaited(self) -> bool:
        """
        Whether there are connections that no worker has accepted yet.
        """
        poll = select.poll()
        poll.register(self._port.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """
        Listen no longer, in any process.
        """
        port, self._port = self._port, None
        if port is not None:
            port.stopListening()


@define(eq=False)
class SharedDatagrams:
    """
    The sockets of a supervisor for datagrams to one address: one for each
    worker, where the system divides datagrams among them by their senders, so
    that those of one stay in order.  Otherwise one of them all.

    @ivar address: The address.
    @ivar reactor: The reactor.
    @ivar restricted: Whether not everybody who can reach it may send.
    """

    _log: ClassVar[Logger] = Logger()

    address: UDPAddress | UnixAddress
    reactor: Any
    restricted: bool
    _port: Any = field(default=None, init=False)
    _others: list[socket.socket] = field(factory=list, init=False)

    def bind(self, count: int) -> None:
        """
        Listen, and leave it to others to read.

        @param count: For how many workers.
        @raise CannotListenError: The address cannot be had.
        """
        self._port = port = self.address.listen(self.reactor, _QuietDatagrams())
        port.stopReading()
        if isinstance(self.address, UDPAddress) and sys.platform == "linux":
            # Only now: nobody else can have had the address, or can get it.
            port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._others = [self._another(port.socket) for _ in range(count - 1)]
        logListening(self._log, port.getHost(), self.restricted)
        for each in (port.socket, *self._others):
            enlargeBuffer(each)

    def _another(self, first: socket.socket) -> socket.socket:
        other = socket.socket(first.family, first.type)
        try:
            other.setblocking(False)
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind(first.getsockname())
        except OSError as error:
            other.close()
            raise CannotListenError("", first.getsockname()[1], error) from None
        return other

    def descriptor(self, index: int) -> int:
        """
        Give the descriptor of the socket of a worker.

        @param index: The number of the worker, from 0 on.
        @return: L{NO_SOCKET} where others have them all.
        """
        sockets: list[Any] = [self._port.socket, *self._others]
        return sockets[index].fileno() if index < len(sockets) else NO_SOCKET

    def close(self) -> None:
        """
        Let go of the sockets; the workers read what has come.
        """
        if self._port is not None:
            self._port.stopListening()
            self._port = None
        for other in self._others:
            other.close()

    def vacate(self) -> None:
        """
        Leave nothing behind.
        """
        self.address.vacate()


class _TCPPort(tcp.Port):
    """
    A port that others serve, too: it accepts one connection at a time, and none
    for a moment while another process has fewer.
    """

    board: ConnectionCounts
    number: int
    _waited: bool = False
    _later: IDelayedCall | None = None

    def startListening(self) -> None:
        """
        Begin to accept: all else was done by who bound the socket.
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
        Accept a connection, if it is this process's turn.
        """
        port: Any = super()
        if self._waited or not self.board.isAhead(self.number):
            self._waited = False
            # Which is for more, the next time, if there was one.
            self.numberAccepts = 1
            port.doRead()
        else:
            port.stopReading()
            clock: Any = self.reactor
            self._later = clock.callLater(YIELD_DELAY, self._readOn)

    def stopListening(self, *arguments: Any) -> Any:
        """
        Stop, when all who wait are let in.
        """
        port: Any = super()
        if self.connected:
            self.numberAccepts = _ALL
            port.doRead()
        return port.stopListening(*arguments)

    def _readOn(self) -> None:
        self._later = None
        self._waited = True
        port: Any = self
        port.startReading()

    def connectionLost(self, reason: Failure) -> None:
        """
        Let go of the socket.
        """
        if self._later is not None:
            self._later.cancel()
            self._later = None
        # Not what unix.Port does, which removes the file.
        tcp.Port.connectionLost(self, reason)


class _UNIXPort(_TCPPort, unix.Port):
    """
    The same for a UNIX socket.
    """


def inherited(text: str) -> str:
    """
    Make of the description of an endpoint one that can be read though what
    systemd handed over can be had only once: where the socket comes from makes
    no difference to L{InheritedPorts}.
    """
    return _SYSTEMD.sub("tcp:0", text)


_SYSTEMD: Final = re.compile(r"(?:^|(?<=:))systemd:.*", re.DOTALL)


class InheritedPorts:
    """
    Stands for the reactor where a description is made an endpoint: whatever
    that listens on is the socket that was inherited.
    """

    def __init__(
        self, reactor: Any, descriptor: int, board: ConnectionCounts, number: int
    ):
        """
        @param reactor: The reactor, for all else.
        @param descriptor: The descriptor of the socket.
        @param board: Tells who has how many connections.
        @param number: The number of this worker.
        """
        self._reactor = reactor
        self._descriptor = descriptor
        self._board = board
        self._number = number

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
        See C{IReactorTCP.listenTCP} of Twisted.
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
        See C{IReactorSSL.listenSSL} of Twisted.
        """
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
        See C{IReactorUNIX.listenUNIX} of Twisted.
        """
        return self._adopt(factory)

    def adoptStreamPort(
        self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory
    ) -> IListeningPort:
        """
        See C{IReactorSocket.adoptStreamPort} of Twisted.
        """
        return self._adopt(factory)

    def _adopt(self, factory: IProtocolFactory) -> IListeningPort:
        family = addressFamily(self._descriptor)
        port: Any
        if family == socket.AF_UNIX:
            port = _UNIXPort._fromListeningDescriptor(
                self._reactor, self._descriptor, factory
            )
        else:
            port = _TCPPort._fromListeningDescriptor(
                self._reactor, self._descriptor, family, factory
            )
        # The port has a descriptor of its own, and has to have the last one.
        os.close(self._descriptor)
        port.board, port.number = self._board, self._number
        port.startListening()
        result: IListeningPort = port
        return result
