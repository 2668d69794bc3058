"""
The addresses to which payloads are sent again.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from logrecv.descriptions import portNumber


class Address(NamedTuple):
    """
    The address of a receiver.  Its text is C{HOST:PORT}, with brackets around an
    IPv6 host.
    """

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


#: The standard ports of C{logging.handlers}.
DEFAULT_ADDRESSES: Final = {
    "tcp": Address("127.0.0.1", 9020),
    "udp": Address("127.0.0.1", 9021),
    "http": Address("127.0.0.1", 9022),
}


def parseAddress(text: str) -> Address:
    """
    Convert the text of an address.

    @raise ValueError: The text is not of the form C{HOST:PORT}.
    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("put the IPv6 address in brackets: [::1]:PORT")
    if not host:
        raise ValueError("write HOST:PORT")
    return Address(host, portNumber(port))
