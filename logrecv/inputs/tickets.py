"""
The session tickets of TLS 1.3, which no client of an input needs.

After the handshake, OpenSSL has tickets for the client, with which the client could
begin a later connection in a shorter way.  A client that only writes never reads the
tickets.  When such a client closes the connection, its kernel finds bytes that nobody
has read, and resets the connection: everything that was still on the way is lost.

Neither pyOpenSSL nor Twisted has a switch for the tickets.
"""

from __future__ import annotations

from typing import Any, Final
from weakref import ref

#: The number in front of each TLS 1.3 version (RFC 8446, 4.2.1).
_TLS_1_3: Final = 0x0304

#: The bytes that are read at once.  A ticket holds the client's certificates, too.
_READ_SIZE: Final = 2**16


def holdTickets(handle: Any) -> None:
    """
    Keep the tickets back until something else is sent.  A client to which nothing is
    ever sent gets none.

    @param handle: The C{OpenSSL.SSL.Connection} of a server, just after the handshake
        and before the bytes for the client are read from it.
    """
    from OpenSSL.SSL import WantReadError

    # Before TLS 1.3 these bytes are the end of the handshake.
    if handle.get_protocol_version() < _TLS_1_3:
        return
    read = type(handle).bio_read
    tickets = b""
    try:
        while True:
            tickets += read(handle, _READ_SIZE)
    except WantReadError:
        pass
    # Without a circle of references, which only the garbage collector would end.
    holder = ref(handle)

    def readOn(size: int) -> bytes:
        """
        Do as C{bio_read} does, with the tickets before the first bytes.
        """
        connection: Any = holder()
        data: bytes = read(connection, size)
        # The records are numbered, so none can be left out.
        del connection.bio_read
        return tickets + data

    if tickets:
        handle.bio_read = readOn
