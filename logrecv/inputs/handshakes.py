"""
The handshake of TLS, as far as Twisted leaves something to do.

All of this is done to the C{OpenSSL.SSL.Connection} of a client, and to no class: so
it works with every kind of endpoint, and with no other user of Twisted.  OpenSSL is an
extra, and is imported only where a client speaks TLS.
"""

from __future__ import annotations

from typing import Any, Final
from weakref import ref

from twisted.python.failure import Failure

#: The number in front of each TLS 1.3 version (RFC 8446, 4.2.1).
_TLS_1_3: Final = 0x0304

#: The bytes that are read at once.  A ticket holds the client's certificates, too.
_READ_SIZE: Final = 2**16

#: The bytes that are shown of the name of a host that a client asks for.
_NAME_SIZE: Final = 64


def holdTickets(handle: Any) -> None:
    """
    Keep the session tickets of TLS 1.3 back until something else is sent.  A client to
    which nothing is ever sent gets none.

    With a ticket, a client could begin a later connection in a shorter way.  A client
    that only writes never reads the tickets.  When such a client closes the
    connection, its kernel finds bytes that nobody has read, and resets the connection:
    everything that was still on the way is lost.  Neither pyOpenSSL nor Twisted has a
    switch for the tickets.

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


def refuseEarlyEnd(handle: Any) -> None:
    """
    Let a client that ends TLS within the handshake fail as any other handshake does.
    Twisted does not know this end, and logs an error of its own.

    @param handle: The C{OpenSSL.SSL.Connection} of a server, before the handshake.
    """
    from OpenSSL.SSL import Error, ZeroReturnError

    shake = type(handle).do_handshake
    holder = ref(handle)

    def shakeOn() -> None:
        """
        Do as C{do_handshake} does.
        """
        connection: Any = holder()
        try:
            shake(connection)
        except ZeroReturnError:
            raise Error([("", "", "the client ended TLS")]) from None

    handle.do_handshake = shakeOn


def isFailure(reason: Failure) -> bool:
    """
    Return C{True} if a connection was lost since TLS failed.
    """
    return reason.type is not None and reason.type.__module__ == "OpenSSL.SSL"


def explainFailure(reason: Failure, handle: Any) -> str:
    """
    Explain the failure of a handshake, in printable ASCII characters.

    @param reason: The failure.
    @param handle: The C{OpenSSL.SSL.Connection}.
    """
    parts = []
    errors = getattr(reason.value, "args", ())[:1]
    if errors and isinstance(errors[0], list) and errors[0]:
        parts.append(f"OpenSSL says {errors[0][-1][-1]!a}")
    name = handle.get_servername() if handle is not None else None
    if name:
        parts.append(f"the client asked for the host {name[:_NAME_SIZE]!a}")
    return "; ".join(parts)
