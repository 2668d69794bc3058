"""
Names of clients and of addresses.
"""

from __future__ import annotations

import os
import socket
from ipaddress import ip_address
from os import fsdecode
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.logger import Logger

from logrecv.inputs.limits.admission import hostOf


def peerName(peer: Any, host: Any) -> str:
    """
    Return the name of a sender, for C{received.peer}.

    @param peer: The address of the other end.
    @param host: The address of this end.
    @return: C{host:port}, with brackets around an IPv6 host; for a UNIX socket its
        path, since its clients have no name of their own.
    """
    if isinstance(peer, IPv4Address):
        return f"{peer.host}:{peer.port}"
    if isinstance(peer, IPv6Address):
        return f"[{peer.host}]:{peer.port}"
    for address in (peer, host):
        if isinstance(address, UNIXAddress) and address.name:
            return printable(fsdecode(address.name))
    return "unknown"


def senderName(transport: Any) -> str:
    """
    Return the name of the sender at the other end of a transport: see L{peerName}.
    """
    peer = transport.getPeer()
    # To ask for the address of this end takes a system call.
    return peerName(peer, transport.getHost() if hostOf(peer) is None else None)


def senderHost(transport: Any) -> str:
    """
    Return the host at the other end of a transport, for the log.
    """
    return hostOf(transport.getPeer()) or "a UNIX socket"


def firstBytes(transport: Any) -> bytes:
    """
    Return the first bytes that have come over a transport, as far as they are known.
    """
    return getattr(transport, "first", b"")


def hostName(host: Any) -> str:
    """
    Return the name of a listening address, for the log.
    """
    if isinstance(host, UNIXAddress):
        return peerName(host, host)
    return f"{host.host} port {host.port}"


def logListening(log: Logger, host: Any, restricted: bool) -> None:
    """
    Log the address of an input, and warn if anybody can send to it.

    @param log: The logger of the input.
    @param host: The address.
    @param restricted: True if something else than the network decides who may send.
    """
    name = hostName(host)
    log.info("listening on {name}", name=name)
    if isinstance(host, UNIXAddress) or restricted:
        return
    if not ip_address(host.host).is_loopback:
        log.warn(
            "anybody who can reach {name} can send records to it; restrict it with "
            "--allow, TLS with client certificates (mtls:) or --http-passwords",
            name=name,
        )


def printable(path: str) -> str:
    """
    Return a path as text that can be written, with undecodable bytes escaped.
    """
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def addressFamily(descriptor: int) -> int:
    """
    Return the address family of a socket.

    @param descriptor: The descriptor of the socket, which stays open.
    """
    with socket.socket(fileno=os.dup(descriptor)) as probe:
        return probe.family
