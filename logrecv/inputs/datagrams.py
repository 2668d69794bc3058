"""
C{DatagramHandler}: a record a datagram, over UDP or a UNIX socket.  Nothing is
ever answered.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterable
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
from logrecv.inputs.limits.admission import Admission
from logrecv.inputs.peers import addressFamily, logListening, peerName, printable
from logrecv.inputs.streams import DRAIN, QUIET
from logrecv.intake import Intake
from logrecv.reasons import INCOMPLETE, MALFORMED, NOT_ALLOWED, TOO_LONG
from logrecv.wire.framing import PREFIX

#: The receive buffer asked of the kernel, in bytes.  The stock 208 KiB held 92
#: of 5,000 datagrams that came in a burst.
RECEIVE_BUFFER: Final = 4 * 1024 * 1024

#: The most that one read takes, in bytes, for Twisted cuts off the rest in
#: silence: more than the largest datagram over IP has (65,507 over IPv4, 65,527
#: over IPv6).
MAX_UDP: Final = 65536

#: The same for a UNIX socket: more than Linux lets a stock client send
#: (C{net.core.wmem_default}, 212,992).
MAX_UNIX: Final = 262144

#: Bytes and datagrams that are read before others get their turn: some ten
#: milliseconds' work.
READ_BYTES: Final = 32 * 1024
READ_DATAGRAMS: Final = 128

#: Linux lets root have more than C{net.core.rmem_max} with this option
#: (asm-generic/socket.h); the C{socket} module has no name for it.
_SO_RCVBUFFORCE: Final = 33


@define(eq=False, slots=False)
class RecordDatagramProtocol(DatagramProtocol):
    """
    Reads the datagrams of C{DatagramHandler}s.

    @ivar intake: Takes what they send.
    @ivar maxRecord: The largest payload taken, in bytes.
    @ivar admission: Who may send.
    @ivar received: How many datagrams have come.
    """

    noisy = False

    intake: Intake
    maxRecord: int = 1048576
    admission: Admission = field(factory=Admission)
    received: int = field(default=0, init=False)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """
        Take one datagram.
        """
        self.datagramsReceived([(datagram, addr)])

    def datagramsReceived(self, datagrams: Iterable[tuple[bytes, Any]]) -> None:
        """
        Take what one read brought: the records of each sender are one batch.

        @param datagrams: Each with the address that it came from.
        """
        payloads: dict[Any, list[bytes]] = {}
        for datagram, address in datagrams:
            self.received += 1
            payload = datagram[PREFIX:]
            reason = self._fault(datagram, len(payload), address)
            if reason is None:
                payloads.setdefault(address, []).append(payload)
            else:
                self.intake.reject("udp", reason)
        for address, sent in payloads.items():
            self.intake.datagramsReceived(sent, self._nameOf(address))

    def _fault(self, datagram: bytes, size: int, address: Any) -> str | None:
        """
        Say why a datagram is rejected, if it is.
        """
        if isinstance(address, tuple) and not self.admission.allows(address[0]):
            return NOT_ALLOWED
        length = int.from_bytes(datagram[:PREFIX], "big")
        if len(datagram) < PREFIX or length > size:
            return INCOMPLETE
        if length < size:
            return MALFORMED
        return TOO_LONG if length > self.maxRecord else None

    def _nameOf(self, address: Any) -> str:
        if isinstance(address, tuple):
            host, port = address[:2]
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if address:
            return printable(os.fsdecode(address))
        assert self.transport is not None
        return peerName(None, self.transport.getHost())


class _BatchPort(Port):
    """
    A port that hands on what one read brought in one piece, and that gives the
    rest of the program its turn: the stock one reads on while there are
    datagrams that are small, which a flood of empty ones is without end.
    """

    protocol: RecordDatagramProtocol

    def doRead(self) -> None:
        """
        Read what is there, within bounds.
        """
        datagrams: list[tuple[bytes, Any]] = []
        left = READ_BYTES
        receive = self.socket.recvfrom
        size = self.maxPacketSize
        try:
            while left > 0 and len(datagrams) < READ_DATAGRAMS:
                datagram, address = receive(size)
                datagrams.append((datagram, address))
                left -= len(datagram)
        except (BlockingIOError, InterruptedError, ConnectionRefusedError):
            pass
        if datagrams:
            self.protocol.datagramsReceived(datagrams)


class _BatchUnixPort(_BatchPort, DatagramPort):
    """
    The same for a UNIX socket.
    """


class _AdoptedUnixPort(_BatchUnixPort):
    """
    The same for one that another process has bound.

    @ivar inherited: The socket.
    """

    inherited: socket.socket

    def _bindSocket(self) -> None:
        self.socket = self.inherited
        self.connected = True
        self.fileno = self.socket.fileno  # type: ignore[method-assign]


class DatagramAddress(Protocol):
    """
    Where datagrams come.
    """

    def listen(self, reactor: Any, protocol: DatagramProtocol) -> Port:
        """
        Listen here.

        @raise CannotListenError: The address cannot be had.
        """

    def vacate(self) -> None:
        """
        Leave nothing behind, when nobody listens here any more.
        """


@define(eq=False)
class InheritedAddress:
    """
    An address for which there is a socket that another process has bound, and
    will close.

    @ivar address: The address.
    @ivar descriptor: The descriptor of the socket.
    """

    address: UDPAddress | UnixAddress
    descriptor: int

    def listen(self, reactor: Any, protocol: DatagramProtocol) -> Port:
        """
        See L{DatagramAddress.listen}.
        """
        port = self.address.adopt(reactor, protocol, self.descriptor)
        # The port has a descriptor of its own, and has to have the last one.
        os.close(self.descriptor)
        return port

    def vacate(self) -> None:
        """
        See L{DatagramAddress.vacate}.
        """


@define(eq=False)
class UDPAddress:
    """
    An address of datagrams over the network.

    @ivar port: The number of the port.
    @ivar interface: The address to listen on; empty for all.
    """

    port: int
    interface: str = ""

    def listen(self, reactor: Any, protocol: DatagramProtocol) -> Port:
        """
        See L{DatagramAddress.listen}.
        """
        port = _BatchPort(self.port, protocol, self.interface, MAX_UDP, reactor)
        port.startListening()
        return port

    def adopt(self, reactor: Any, protocol: DatagramProtocol, descriptor: int) -> Port:
        """
        Listen here with a socket that another process has bound.

        @param descriptor: That of the socket, which stays open.
        """
        family = addressFamily(descriptor)
        port: Port = _BatchPort._fromListeningDescriptor(
            reactor, descriptor, family, protocol, MAX_UDP
        )
        port.startListening()
        return port

    def vacate(self) -> None:
        """
        See L{DatagramAddress.vacate}.
        """


@define(eq=False)
class UnixAddress:
    """
    An address of datagrams on this machine.

    @ivar path: The path of the socket.
    @ivar mode: Its permissions.
    """

    path: str
    mode: int = 0o660

    def listen(self, reactor: Any, protocol: DatagramProtocol) -> Port:
        """
        See L{DatagramAddress.listen}.
        """
        self._removeStale()
        port = _BatchUnixPort(self.path, protocol, MAX_UNIX, self.mode, reactor)
        port.startListening()
        return port

    def adopt(self, reactor: Any, protocol: DatagramProtocol, descriptor: int) -> Port:
        """
        Listen here with a socket that another process has bound.

        @param descriptor: That of the socket, which stays open.
        """
        port = _AdoptedUnixPort(self.path, protocol, MAX_UNIX, self.mode, reactor)
        port.inherited = socket.fromfd(descriptor, socket.AF_UNIX, socket.SOCK_DGRAM)
        port.startListening()
        return port

    def vacate(self) -> None:
        """
        See L{DatagramAddress.vacate}.
        """
        with suppress(OSError):
            os.unlink(self.path)

    def _removeStale(self) -> None:
        """
        Remove the socket that a process which was killed has left behind: one
        that nobody listens to.
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
    Make an address of a description: C{udp:PORT[:interface=ADDR]} or
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
    Listens on one address.

    @ivar reactor: The reactor.
    @ivar address: Where to listen.
    @ivar protocol: Takes the datagrams.
    @ivar restricted: Whether not everybody who can reach it may send.
    @ivar drain: Seconds that a stop reads datagrams that never end.
    """

    _log: ClassVar[Logger] = Logger()

    reactor: Any
    address: DatagramAddress
    protocol: RecordDatagramProtocol
    restricted: bool = False
    drain: float = DRAIN
    _port: Any = field(default=None, init=False)

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise CannotListenError: The address cannot be had.
        """
        super().privilegedStartService()
        self._port = self.address.listen(self.reactor, self.protocol)
        logListening(self._log, self._port.getHost(), self.restricted)
        self._tellBuffer(enlargeBuffer(self._port.socket))

    def startService(self) -> None:
        """
        Listen, where it was not done with privileges.

        @raise CannotListenError: The address cannot be had.
        """
        if self._port is None:
            self.privilegedStartService()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """
        Read what the kernel holds, then stop listening.

        @return: A L{Deferred} that fires when it is closed.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._port is None:
            return
        deadline = self.reactor.seconds() + self.drain
        received = -1
        try:
            while (
                received < self.protocol.received and self.reactor.seconds() < deadline
            ):
                received = self.protocol.received
                await deferLater(self.reactor, QUIET)
        finally:
            port, self._port = self._port, None
            await maybeDeferred(port.stopListening)
        self.address.vacate()

    def _tellBuffer(self, given: int) -> None:
        self._log.info(
            "receive buffer: {given} bytes of the {asked} asked for{hint}",
            given=given,
            asked=RECEIVE_BUFFER,
            hint=""
            if given >= RECEIVE_BUFFER
            else "; a burst may overflow it: raise net.core.rmem_max",
        )


def enlargeBuffer(endpoint: socket.socket) -> int:
    """
    Ask for a large receive buffer.

    @return: What the kernel gave, in bytes.
    """
    for option in (_SO_RCVBUFFORCE, socket.SO_RCVBUF):
        if option == _SO_RCVBUFFORCE and sys.platform != "linux":
            continue
        # Another process may have had more rights when it bound the socket.
        if _receiveBuffer(endpoint) >= RECEIVE_BUFFER:
            break
        with suppress(OSError):
            endpoint.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER)
    return _receiveBuffer(endpoint)


def _receiveBuffer(endpoint: socket.socket) -> int:
    given = endpoint.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    # Linux counts its own bookkeeping too: socket(7).
    return given // 2 if sys.platform == "linux" else given
