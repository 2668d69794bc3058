"""
Stream server endpoints from descriptions, with errors that help a person.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve, frozen
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint

from logrecv.descriptions import Description, DescriptionError, portNumber
from logrecv.inputs import sni
from logrecv.inputs.mtls import SYNTAX

#: The syntax of the description of each kind, for errors.
_SYNTAXES: Final = {
    "tcp": "tcp:PORT[:interface=ADDR][:backlog=N]",
    "tcp6": "tcp6:PORT[:interface=ADDR][:backlog=N]",
    "unix": "unix:PATH[:mode=660][:backlog=N]",
    "ssl": "ssl:PORT:privateKey=FILE[:certKey=FILE][:interface=ADDR]",
    "tls": sni.SYNTAX,
    "mtls": SYNTAX,
    "systemd": "systemd:domain=INET:index=0",
    "haproxy": "haproxy:tcp:PORT",
}

#: The kinds that begin with the number of a port.
_PORTS: Final = ("tcp", "tcp6", "ssl", "mtls")

#: The kinds that take C{backlog=}.
_WITH_BACKLOG: Final = (*_PORTS, "tls", "unix")

#: The number of connections that may wait to be accepted.  Twisted's own 50 soon wait
#: while the service is at work; the next client then waits for a second, after which
#: a C{SocketHandler} gives up.  Linux lets 4096 wait unless C{net.core.somaxconn} says
#: otherwise.
_BACKLOG_SIZE: Final = 4096

#: The kinds that encrypt.
_ENCRYPTED: Final = ("ssl", "tls", "mtls")


@frozen(eq=False)
class StreamAddress:
    """
    An address to listen on for connections.

    @ivar endpoint: The endpoint.
    @ivar encrypted: True if the endpoint speaks TLS.
    @ivar proxied: True if a proxy connects, with a PROXY header for each connection.
    """

    endpoint: IStreamServerEndpoint
    encrypted: bool = False
    proxied: bool = False


def parseStreamAddress(reactor: Any, text: str) -> StreamAddress:
    """
    Make the address that the description of a stream server endpoint names.

    @raise DescriptionError: The description cannot be used.
    """
    description = Description.fromText(text)
    kind = description.kind
    if kind in ("udp", "unixgram"):
        raise DescriptionError(f"{kind!r} brings datagrams; use --udp for it")
    if kind == "haproxy":
        # Not Twisted's own endpoint, which asks the proxy's address for admission and
        # closes connections without a word.
        return evolve(parseStreamAddress(reactor, text[len(kind) + 1 :]), proxied=True)
    syntax = _SYNTAXES.get(kind)
    if kind in _PORTS:
        _checkPort(description, _SYNTAXES[kind])
    if kind == "unix" and "mode" not in description.keywords:
        # Twisted's own default lets everybody on the machine send.
        text += ":mode=660"
    if kind in _WITH_BACKLOG and "backlog" not in description.keywords:
        text += f":backlog={_BACKLOG_SIZE}"
    try:
        endpoint: IStreamServerEndpoint
        if kind == "tls":
            endpoint = sni.makeEndpoint(reactor, Description.fromText(text))
        else:
            endpoint = serverFromString(reactor, text)
    except Exception as error:
        # Endpoint parsers are plugins: they raise any error, and a wrong description
        # often shows as a TypeError of their signature.
        raise DescriptionError(_explain(error, kind, syntax)) from None
    return StreamAddress(endpoint, kind in _ENCRYPTED)


def _checkPort(description: Description, syntax: str) -> None:
    if "port" in description.keywords:
        description.takeKeyword("port", portNumber, 0)
        return
    try:
        description.takePositional("PORT", portNumber)
    except DescriptionError as error:
        raise DescriptionError(f"{error}; write {syntax}") from None


def _explain(error: Exception, kind: str, syntax: str | None) -> str:
    if syntax is None:
        if kind.isdigit():
            return f"it begins with no kind; write tcp:{kind}"
        kinds = ", ".join(_SYNTAXES)
        return f"{kind!r} is no kind of stream endpoint; there is {kinds}"
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"{reason}; write {syntax}"
