"""
The input of datagrams: addresses, the ports that read there, and the service that
listens.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from stat import S_ISSOCK
from typing import Any, ClassVar, Final, Protocol

from attrs import define, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.internet.udp import Port
from twisted.internet.unix import DatagramPort
from twisted.logger import Logger

from logrecv.descriptions import Description, DescriptionError, fileMode, portNumber
from logrecv.inputs.draining import INPUT_DRAIN_TIMEOUT, QUIET_TIMEOUT
from logrecv.inputs.peers import addressFamily, logListening
from logrecv.inputs.udp import RecordDatagramProtocol

#: The receive buffer asked of the kernel, in bytes.  Linux's own 208 KiB held 92
#: of 5,000 datagrams that came in a burst.
RECEIVE_BUFFER_SIZE: Final = 4 * 1024 * 1024

#: The longest datagram that one read takes whole, in bytes: longer than the longest
#: over IP (65,507 over IPv4, 65,527 over IPv6).
UDP_SIZE: Final = 65536

#: The same for a UNIX socket, in bytes: longer than Linux lets a stock client send
#: (C{net.core.wmem_default}, 212,992).
UNIXGRAM_SIZE: Final = 262144

#: The bytes, and the number of datagrams, that a port reads before other connections
#: get their turn: some ten milliseconds' work.
DATAGRAM_BATCH_SIZE: Final = 32 * 1024
DATAGRAM_BATCH_COUNT: Final = 128

#: Linux lets root have more than C{net.core.rmem_max} with this option
#: (asm-generic/socket.h); the C{socket} module has no name for it.
_SO_RCVBUFFORCE: Final = 33


class _BatchPort(Port):
    """
    A port that hands on datagrams in batches, and lets the rest of the program work
    in between.

    Twisted's own port reads on as long as little has come: a flood of empty
    datagrams would keep it reading for ever.
    """

    protocol: RecordDatagramProtocol

    def doRead(self) -> None:
        """
        Read the datagrams that have come, up to a bound.
        """
        datagrams: list[tuple[bytes, Any]] = []
        left = DATAGRAM_BATCH_SIZE
        receive = self.socket.recvfrom
        size = self.maxPacketSize
        try:
            while left > 0 and len(datagrams) < DATAGRAM_BATCH_COUNT:
                datagram, address = receive(size)
                datagrams.append((datagram, address))
                left -= len(datagram)
        except (BlockingIOError, InterruptedError, ConnectionRefusedError):
            pass
        if datagrams:
            self.protocol.datagramsReceived(datagrams)


class _BatchUnixPort(_BatchPort, DatagramPort):
    """
    A port for datagrams on a UNIX socket, which hands on batches too.
    """


class _AdoptedUnixPort(_BatchUnixPort):
    """
    A port for datagrams on a UNIX socket that another process has bound.

    @ivar inherited: The socket.
    """

    inherited: socket.socket

    def _bindSocket(self) -> None:
        self.socket = self.inherited
        self.connected = True
        self.fileno = self.socket.fileno  # type: ignore[method-assign]


class DatagramAddress(Protocol):
    """
    An address that takes datagrams.
    """

    def listen(self, reactor: Any, protocol: DatagramProtocol) -> Port:
        """
        Listen here.

        @raise CannotListenError: The address cannot be had.
        """

    def vacate(self) -> None:
        """
        Remove the traces of the address, if there are any, when nobody listens here
        any more.
        """
        return None


@define(eq=False)
class InheritedAddress(DatagramAddress):
    """
    An address with a socket that another process has bound, and will close.

    @ivar address: The address.
    @ivar descriptor: The descriptor of the socket.
    """

    address: UDPAddress | UnixAddress
    descriptor: int

    def listen(self, reactor: Any, protocol: DatagramProtocol) -> Port:
        port = self.address.adopt(reactor, protocol, self.descriptor)
        # The port has a descriptor of its own, and must have the last one.
        os.close(self.descriptor)
        return port


@define(eq=False)
class UDPAddress(DatagramAddress):
    """
    An address of datagrams over the network::

        >>> UDPAddress(9021, "127.0.0.1").interface
        '127.0.0.1'

    @ivar port: The number of the port.
    @ivar interface: The address to listen on; empty for all.
    """

    port: int
    interface: str = ""

    def listen(self, reactor: Any, protocol: DatagramProtocol) -> Port:
        port = _BatchPort(self.port, protocol, self.interface, UDP_SIZE, reactor)
        port.startListening()
        return port

    def adopt(self, reactor: Any, protocol: DatagramProtocol, descriptor: int) -> Port:
        """
        Listen here with a socket that another process has bound.

        @param descriptor: The descriptor of the socket, which stays open.
        """
        family = addressFamily(descriptor)
        port: Port = _BatchPort._fromListeningDescriptor(
            reactor, descriptor, family, protocol, UDP_SIZE
        )
        port.startListening()
        return port


@define(eq=False)
class UnixAddress(DatagramAddress):
    """
    An address of datagrams on this machine::

        >>> oct(UnixAddress("/run/logrecv/datagrams").mode)
        '0o660'

    @ivar path: The path of the socket.
    @ivar mode: Its permissions.
    """

    path: str
    mode: int = 0o660

    def listen(self, reactor: Any, protocol: DatagramProtocol) -> Port:
        self._removeStale()
        port = _BatchUnixPort(self.path, protocol, UNIXGRAM_SIZE, self.mode, reactor)
        port.startListening()
        return port

    def adopt(self, reactor: Any, protocol: DatagramProtocol, descriptor: int) -> Port:
        """
        Listen here with a socket that another process has bound.

        @param descriptor: The descriptor of the socket, which stays open.
        """
        port = _AdoptedUnixPort(self.path, protocol, UNIXGRAM_SIZE, self.mode, reactor)
        port.inherited = socket.fromfd(descriptor, socket.AF_UNIX, socket.SOCK_DGRAM)
        port.startListening()
        return port

    def vacate(self) -> None:
        with suppress(OSError):
            os.unlink(self.path)

    def _removeStale(self) -> None:
        """
        Remove a socket that nobody listens to: a process that was killed has left
        the socket behind.
        """
        with suppress(OSError):
            if S_ISSOCK(os.stat(self.path).st_mode):
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
                    try:
                        probe.connect(self.path)
                    except ConnectionRefusedError:
                        os.unlink(self.path)


def parseAddress(text: str) -> UDPAddress | UnixAddress:
    """
    Make the address that a description names: C{udp:PORT[:interface=ADDR]} or
    C{unixgram:PATH[:mode=660]}.

    @raise DescriptionError: The description cannot be used.
    """
    description = Description.fromText(text)
    if description.kind == "udp":
        port = description.takePositional("PORT", portNumber)
        interface = description.takeKeyword("interface", _ipAddress, "")
        description.finish(["interface"])
        return UDPAddress(port, interface)
    if description.kind == "unixgram":
        path = description.takePositional("PATH", os.path.abspath)
        mode = description.takeKeyword("mode", fileMode, 0o660)
        description.finish(["mode"])
        return UnixAddress(path, mode)
    raise DescriptionError(
        f"{description.kind!r} brings no datagrams; "
        "write udp:PORT[:interface=ADDR] or unixgram:PATH[:mode=660]"
    )


def _ipAddress(text: str) -> str:
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):
            socket.inet_pton(family, text)
            return text
    raise ValueError("an interface is an IP address of this machine")


@define(eq=False, slots=False)
class DatagramInput(Service):
    """
    The service that listens on one address for datagrams::

        >>> from logrecv.compose import Intake, RecordDatagramProtocol
        >>> protocol = RecordDatagramProtocol(Intake(sink, reactor))
        >>> service = DatagramInput(reactor, UDPAddress(9021, "127.0.0.1"), protocol)
        >>> service.running
        0

    @ivar reactor: The reactor.
    @ivar address: The address to listen on.
    @ivar protocol: Takes the datagrams.
    @ivar restricted: True where something else than the network decides who may
        send.
    @ivar drain: The longest time that a stop reads datagrams, in seconds, where they
        never end.
    @ivar port: The port, while the service listens.
    """

    _log: ClassVar[Logger] = Logger()

    reactor: Any
    address: DatagramAddress
    protocol: RecordDatagramProtocol
    restricted: bool = False
    drain: float = INPUT_DRAIN_TIMEOUT
    port: Any = field(default=None, init=False)

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise CannotListenError: The address cannot be had.
        """
        super().privilegedStartService()
        self.port = self.address.listen(self.reactor, self.protocol)
        logListening(self._log, self.port.getHost(), self.restricted)
        self._logBuffer(enlargeBuffer(self.port.socket))

    def startService(self) -> None:
        """
        Listen, unless L{privilegedStartService} did.

        @raise CannotListenError: The address cannot be had.
        """
        if self.port is None:
            self.privilegedStartService()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """
        Read the datagrams that the kernel holds, then stop listening.

        @return: A C{Deferred} that fires when the port is closed.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self.port is None:
            return
        deadline = self.reactor.seconds() + self.drain
        received = -1
        try:
            while (
                received < self.protocol.received and self.reactor.seconds() < deadline
            ):
                received = self.protocol.received
                await deferLater(self.reactor, QUIET_TIMEOUT)
        finally:
            port, self.port = self.port, None
            await maybeDeferred(port.stopListening)
        self.address.vacate()
        self.protocol.intake.rejections.flush()

    def _logBuffer(self, given: int) -> None:
        self._log.info(
            "receive buffer: {given} bytes of the {asked} asked for{hint}",
            given=given,
            asked=RECEIVE_BUFFER_SIZE,
            hint=""
            if given >= RECEIVE_BUFFER_SIZE
            else "; a burst may overflow it: raise net.core.rmem_max",
        )


def enlargeBuffer(endpoint: socket.socket) -> int:
    """
    Ask for a large receive buffer.

    @return: The size of the buffer that the kernel gave, in bytes.
    """
    for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
        if option == _SO_RCVBUFFORCE and sys.platform != "linux":
            continue
        # Another process may have had more rights when it bound the socket.
        if _receiveBuffer(endpoint) >= RECEIVE_BUFFER_SIZE:
            break
        with suppress(OSError):
            endpoint.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER_SIZE)
    return _receiveBuffer(endpoint)


def _receiveBuffer(endpoint: socket.socket) -> int:
    given = endpoint.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    # Linux doubles the number, for its own bookkeeping: socket(7).
    return given // 2 if sys.platform == "linux" else given
