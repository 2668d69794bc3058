"""
Admission of clients: from which networks, and how many connections at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from attrs import define, field
from twisted.internet.address import IPv4Address as IPv4
from twisted.internet.address import IPv6Address as IPv6

from logrecv.reasons import NOT_ALLOWED, TOO_MANY, TOO_MANY_FROM_PEER

#: The addresses that have a host.  As a tuple: to make a union takes longer than to
#: look into it.
_NETWORKED: Final = (IPv4, IPv6)

Network: TypeAlias = IPv4Network | IPv6Network


def network(text: str) -> Network:
    """
    Make a network of its CIDR notation; an address is a network of one.

    @raise ValueError: The text is no CIDR notation.
    """
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; write 10.0.0.0/8 or 2001:db8::/32") from None


def hostOf(address: object) -> str | None:
    """
    Return the host of a client's address.

    @return: The host; L{None} for a client on this machine that came through a UNIX
        socket.  The permissions of the socket have admitted that client.
    """
    return address.host if isinstance(address, _NETWORKED) else None


@define(eq=False)
class Admission:
    """
    The limits on clients, for all inputs of a service together.

    @ivar networks: The networks that clients must be in; empty for any network.
    @ivar maxConnections: The number of connections that may be open.
    @ivar maxPerPeer: The number of connections that one host may have open.
    @ivar announce: Called with the number of open connections whenever it changes.
    """

    networks: Sequence[Network] = ()
    maxConnections: int = 4096
    maxPerPeer: int = 2048
    announce: Callable[[int], None] | None = None
    _connections: int = field(default=0, init=False)
    _perPeer: dict[str, int] = field(factory=dict, init=False)

    def allows(self, host: str | None) -> bool:
        """
        Return C{True} if a client of a host may send.

        @param host: The host, or L{None}: see L{hostOf}.
        """
        if not self.networks or host is None:
            return True
        address = ip_address(host)
        # A socket for both families names IPv4 clients in the IPv6 way.
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in allowed for allowed in self.networks)

    def refusal(self, host: str | None) -> str | None:
        """
        Decide about a connection.

        @param host: The host, or L{None}: see L{hostOf}.
        @return: The reason for which the connection is refused; L{None} if it is
            admitted.
        """
        if not self.allows(host):
            return NOT_ALLOWED
        if self._connections >= self.maxConnections:
            return TOO_MANY
        if host is not None and self._perPeer.get(host, 0) >= self.maxPerPeer:
            return TOO_MANY_FROM_PEER
        return None

    def enter(self, host: str | None) -> None:
        """
        Count a connection in.
        """
        self._change(1)
        if host is not None:
            self._perPeer[host] = self._perPeer.get(host, 0) + 1

    def leave(self, host: str | None) -> None:
        """
        Count a connection out.
        """
        self._change(-1)
        if host is not None:
            left = self._perPeer.pop(host) - 1
            if left:
                self._perPeer[host] = left

    def _change(self, difference: int) -> None:
        self._connections += difference
        if self.announce is not None:
            self.announce(self._connections)
