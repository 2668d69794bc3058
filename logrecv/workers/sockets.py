"""
The sockets that a supervisor binds and its workers serve.

The supervisor listens exactly as each description says.  So a port that is taken is
known at once, only one process needs the right to the port, and connections wait while
a worker is replaced.  The workers' side is L{logrecv.workers.inherited}.
"""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from attrs import define, field
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from logrecv.inputs.datagrams import UDPAddress, UnixAddress, enlargeBuffer
from logrecv.inputs.peers import logListening
from logrecv.workers.messages import NO_SOCKET

#: C{True} where the system divides datagrams between sockets of the same address by
#: their senders, so that the datagrams of one sender stay in order: socket(7).
_DIVIDES_DATAGRAMS: Final = sys.platform == "linux"


class _QuietFactory(Factory):
    noisy = False


class _QuietDatagrams(DatagramProtocol):
    noisy = False


@define(eq=False)
class SharedStream:
    """
    A listening socket of a supervisor, for all of its workers.

    @ivar endpoint: The endpoint.
    @ivar restricted: C{True} if not everybody who can reach the socket may send to it.
    """

    _log: ClassVar[Logger] = Logger()

    endpoint: IStreamServerEndpoint
    restricted: bool
    _port: Any = field(default=None, init=False)

    def bind(self) -> None:
        """
        Listen, without accepting connections.

        @raise CannotListenError: The port cannot be listened on, or workers cannot
            share it.
        """
        results: list[Any] = []
        self.endpoint.listen(_QuietFactory()).addBoth(results.append)
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
        Return the descriptor of the socket.
        """
        descriptor: int = self._port.fileno()
        return descriptor

    def isAwaited(self) -> bool:
        """
        Return C{True} while there are connections that no worker has accepted.
        """
        poll = select.poll()
        poll.register(self._port.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def close(self) -> None:
        """
        Stop listening, for all processes.
        """
        port, self._port = self._port, None
        if port is not None:
            port.stopListening()


@define(eq=False)
class SharedDatagrams:
    """
    The sockets of a supervisor for datagrams to one address: a socket for each worker
    where the system can divide datagrams among them, otherwise a single socket.

    @ivar address: The address.
    @ivar reactor: The reactor.
    @ivar restricted: C{True} if not everybody who can reach the address may send to it.
    """

    _log: ClassVar[Logger] = Logger()

    address: UDPAddress | UnixAddress
    reactor: Any
    restricted: bool
    _port: Any = field(default=None, init=False)
    _others: list[socket.socket] = field(factory=list, init=False)

    def bind(self, count: int) -> None:
        """
        Listen, without reading datagrams.

        @param count: The number of workers.
        @raise CannotListenError: The address cannot be listened on.
        """
        self._port = port = self.address.listen(self.reactor, _QuietDatagrams())
        port.stopReading()
        if isinstance(self.address, UDPAddress) and _DIVIDES_DATAGRAMS:
            # Set only now, so that no other service can take the address, or has it.
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
        Return the descriptor of one of the sockets.

        @param index: The index of the socket, from 0 on.
        @return: L{NO_SOCKET} where there are fewer sockets.
        """
        sockets: list[Any] = [self._port.socket, *self._others]
        return sockets[index].fileno() if index < len(sockets) else NO_SOCKET

    def close(self) -> None:
        """
        Close the sockets in this process.  The workers read the datagrams that came.
        """
        if self._port is not None:
            self._port.stopListening()
            self._port = None
        for other in self._others:
            other.close()

    def vacate(self) -> None:
        """
        Remove the file of the address, if it has a file.
        """
        self.address.vacate()


@define(eq=False)
class SharedSockets:
    """
    All sockets of a supervisor.

    @ivar tcp: The sockets of C{--tcp}, in the order of the command line.
    @ivar udp: The sockets of C{--udp}.
    @ivar http: The sockets of C{--http}.
    """

    tcp: Sequence[SharedStream]
    udp: Sequence[SharedDatagrams]
    http: Sequence[SharedStream]

    def bind(self, count: int) -> None:
        """
        Listen on all sockets.

        @param count: The number of workers.
        @raise CannotListenError: A port cannot be listened on.
        """
        for stream in self.tcp:
            stream.bind()
        for datagrams in self.udp:
            datagrams.bind(count)
        for stream in self.http:
            stream.bind()

    def descriptors(self, number: int, count: int) -> dict[str, list[int]]:
        """
        Choose the sockets of a worker.

        @param number: The number of the worker, from 1 on.
        @param count: The number of workers.
        @return: The descriptors of L{Task.sockets<logrecv.workers.messages.Task>}.
        """
        return {
            "tcp": [stream.descriptor() for stream in self.tcp],
            # A single socket goes to one worker, the next one to another worker.
            "udp": [
                datagrams.descriptor((number - 1 - position) % count)
                for position, datagrams in enumerate(self.udp)
            ],
            "http": [stream.descriptor() for stream in self.http],
        }

    def isAwaited(self) -> bool:
        """
        Return C{True} while there are connections that no worker has accepted.
        """
        return any(stream.isAwaited() for stream in (*self.tcp, *self.http))

    def close(self) -> None:
        """
        Stop listening on all sockets.
        """
        for stream in (*self.tcp, *self.http):
            stream.close()
        for datagrams in self.udp:
            datagrams.close()

    def vacate(self) -> None:
        """
        Remove the files of all addresses that have a file.
        """
        for datagrams in self.udp:
            datagrams.vacate()
