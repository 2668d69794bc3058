"""
The PROXY header, with which a proxy begins each connection: the addresses of the client
for which it speaks.  Both versions are described in
U{https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt}.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct
from typing import Final

from attrs import frozen
from twisted.internet import address as addresses
from twisted.internet.interfaces import IAddress

#: The longest header taken, in bytes.  A header has 232 bytes at the most for the
#: addresses, and may have further fields behind them, which are ignored.
HEADER_SIZE: Final = 4096

#: The longest header of version 1, in bytes, its end of line included.
_LINE_SIZE: Final = 107

_WORD: Final = b"PROXY "
_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"

#: The head of version 2: the signature, the version with the command, the family with
#: the protocol, and the length of the rest.
_HEAD: Final = Struct("!12sBBH")

_LOCAL: Final = 0x20
_PROXY: Final = 0x21

#: The forms of the addresses in version 2, by family and protocol: a stream over IPv4,
#: IPv6 or a UNIX socket.
_FORMS: Final = {
    0x11: Struct("!4s4sHH"),
    0x21: Struct("!16s16sHH"),
    0x31: Struct("!108s108s"),
}
_UNSPECIFIED: Final = 0x00


class ProxyHeaderError(ValueError):
    """
    The bytes are no PROXY header.
    """


@frozen
class ProxyHeader:
    """
    A PROXY header::

        >>> header = parseProxyHeader(b"PROXY TCP4 192.0.2.7 192.0.2.9 1234 9020\\r\\n")
        >>> header.source.host, header.size
        ('192.0.2.7', 42)

    @ivar size: The length of the header, in bytes.
    @ivar source: The address of the client; C{None} where the proxy speaks for
        itself, or does not know its client.
    @ivar destination: The address that the client has connected to; or C{None}.
    """

    size: int
    source: IAddress | None = None
    destination: IAddress | None = None


def parseProxyHeader(data: bytes) -> ProxyHeader | None:
    """
    Parse the header that a connection begins with.

    @param data: The bytes that have come so far.
    @return: C{None} if more bytes are needed.
    @raise ProxyHeaderError: The bytes do not begin with a header, or with a header
        that is longer than L{HEADER_SIZE}.
    """
    if data.startswith(_SIGNATURE):
        return _parseBinary(data)
    if data.startswith(_WORD):
        return _parseLine(data)
    if _SIGNATURE.startswith(data) or _WORD.startswith(data):
        return None
    raise ProxyHeaderError("neither version begins like this")


def _parseLine(data: bytes) -> ProxyHeader | None:
    """
    Parse a header of version 1.
    """
    line, end, _ = data[:_LINE_SIZE].partition(b"\r\n")
    if not end:
        if len(data) >= _LINE_SIZE:
            raise ProxyHeaderError("the line is too long")
        return None
    size = len(line) + len(end)
    try:
        _, protocol, *fields = line.decode("ascii").split(" ")
        if protocol == "UNKNOWN":
            return ProxyHeader(size)
        families: dict[str, type[IPv4Address | IPv6Address]]
        families = {"TCP4": IPv4Address, "TCP6": IPv6Address}
        family = families[protocol]
        source, destination, sourcePort, destinationPort = fields
        return ProxyHeader(
            size,
            _networkAddress(family(source), _port(sourcePort)),
            _networkAddress(family(destination), _port(destinationPort)),
        )
    except (ValueError, KeyError):
        raise ProxyHeaderError("the line has no addresses") from None


def _port(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 5 and int(text) <= 0xFFFF):
        raise ValueError("not the number of a port")
    return int(text)


def _networkAddress(address: IPv4Address | IPv6Address, port: int) -> IAddress:
    if isinstance(address, IPv4Address):
        return addresses.IPv4Address("TCP", str(address), port)
    if address.scope_id is not None:
        raise ValueError("an address that is valid on one machine only")
    return addresses.IPv6Address("TCP", str(address), port)


def _parseBinary(data: bytes) -> ProxyHeader | None:
    """
    Parse a header of version 2.
    """
    if len(data) < _HEAD.size:
        return None
    _, command, kind, length = _HEAD.unpack_from(data)
    size = _HEAD.size + length
    if command not in (_LOCAL, _PROXY) or size > HEADER_SIZE:
        raise ProxyHeaderError("an unknown command, or too long")
    if len(data) < size:
        return None
    if command == _LOCAL or kind == _UNSPECIFIED:
        return ProxyHeader(size)
    form = _FORMS.get(kind)
    if form is None or length < form.size:
        raise ProxyHeaderError("no addresses of a stream")
    source, destination, *ports = form.unpack_from(data, _HEAD.size)
    if not ports:
        return ProxyHeader(size, _unixAddress(source), _unixAddress(destination))
    return ProxyHeader(
        size,
        _networkAddress(ip_address(source), ports[0]),
        _networkAddress(ip_address(destination), ports[1]),
    )


def _unixAddress(field: bytes) -> IAddress:
    return addresses.UNIXAddress(field.rstrip(b"\0"))
