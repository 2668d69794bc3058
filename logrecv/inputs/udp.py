"""
C{DatagramHandler}: a record a datagram, over UDP or a UNIX socket.  Nothing is
ever answered.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from attrs import define, field
from twisted.internet.protocol import DatagramProtocol

from logrecv.inputs.limits import MAX_RECORD_SIZE
from logrecv.inputs.limits.admission import Admission
from logrecv.inputs.peers import peerName, printable
from logrecv.intake import Intake
from logrecv.reasons import INCOMPLETE, MALFORMED, NOT_ALLOWED, TOO_LONG
from logrecv.wire.framing import PREFIX


@define(eq=False, slots=False)
class RecordDatagramProtocol(DatagramProtocol):
    """
    The protocol of a port for C{DatagramHandler}s: each datagram becomes a record.

    >>> protocol = RecordDatagramProtocol(Intake(sink, reactor))
    >>> protocol.datagramReceived(makeDatagram(msg="hello"), ("192.0.2.1", 5000))
    >>> [(r.message, r.received.peer) for r in sink.records]
    [('hello', '192.0.2.1:5000')]

    The protocol works on the ports of L{logrecv.inputs.datagrams}, and on Twisted's
    own with C{reactor.listenUDP(9021, protocol, maxPacketSize=65535)}.  Twisted cuts
    a datagram at C{maxPacketSize} without a word: at 8192 bytes, if it is not told
    otherwise.

    @ivar intake: Takes the payloads.
    @ivar maxRecord: The longest payload taken, in bytes.
    @ivar admission: The hosts that may send.
    @ivar received: The number of datagrams that have come.
    """

    noisy = False

    intake: Intake
    maxRecord: int = MAX_RECORD_SIZE
    admission: Admission = field(factory=Admission)
    received: int = field(default=0, init=False)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """
        Take one datagram.
        """
        self.datagramsReceived([(datagram, addr)])

    def datagramsReceived(self, datagrams: Iterable[tuple[bytes, Any]]) -> None:
        """
        Take the datagrams of one read.  The records of each sender are one batch.

        @param datagrams: Each datagram with the address of its sender.
        """
        payloads: dict[Any, list[bytes]] = {}
        #: The first datagram and the number of datagrams for a reason and a host.
        rejected: dict[tuple[str, str], tuple[bytes, int]] = {}
        for datagram, address in datagrams:
            self.received += 1
            payload = datagram[PREFIX:]
            reason = self._fault(datagram, len(payload), address)
            if reason is None:
                payloads.setdefault(address, []).append(payload)
            else:
                host = address[0] if isinstance(address, tuple) else "a UNIX socket"
                first, count = rejected.get((reason, host), (datagram, 0))
                rejected[reason, host] = first, count + 1
        for (reason, host), (first, count) in rejected.items():
            self.intake.reject("udp", reason, count, host, first)
        for address, sent in payloads.items():
            self.intake.datagramsReceived(sent, self._nameOf(address))

    def _fault(self, datagram: bytes, size: int, address: Any) -> str | None:
        """
        Return the reason for which a datagram is rejected, if there is a reason.

        @param size: The bytes behind the length.
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
