"""
Stream server endpoints from descriptions, with errors that a person can use.
"""

from __future__ import annotations

from typing import Any, Final

from attrs import frozen
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint

from logrecv.descriptions import Description, DescriptionError, portNumber
from logrecv.inputs.mtls import SYNTAX

#: What the description of each stock kind looks like, for errors.
_FORMS: Final = {
    "tcp": "tcp:PORT[:interface=ADDR][:backlog=N]",
    "tcp6": "tcp6:PORT[:interface=ADDR][:backlog=N]",
    "unix": "unix:PATH[:mode=660][:backlog=N]",
    "ssl": "ssl:PORT:privateKey=FILE[:certKey=FILE][:interface=ADDR]",
    "tls": "tls:DIRECTORY[:PORT][:interface=ADDR][:backlog=N]",
    "mtls": SYNTAX,
    "systemd": "systemd:domain=INET:index=0",
    "haproxy": "haproxy:tcp:PORT",
}

#: The kinds whose first part is the number of a port.
_PORTS: Final = ("tcp", "tcp6", "ssl", "mtls")


#: The kinds that take C{backlog=}, and how many connections may wait where it is
#: left out.  Twisted's own 50 are soon there while the service is at work, and
#: who is the next waits for a second, after which a C{SocketHandler} gives up.
#: Linux lets 4096 wait unless it is told otherwise (C{net.core.somaxconn}).
_WITH_BACKLOG: Final = (*_PORTS, "tls", "unix")
_BACKLOG: Final = 4096

#: The kinds that encrypt.
_ENCRYPTED: Final = ("ssl", "tls", "mtls")


@frozen(eq=False)
class StreamAddress:
    """
    Where to listen for connections.

    @ivar endpoint: The endpoint.
    @ivar encrypted: Whether it speaks TLS.
    """

    endpoint: IStreamServerEndpoint
    encrypted: bool = False


def parseStreamAddress(reactor: Any, text: str) -> StreamAddress:
    """
    Make an address of the description of a stream server endpoint.

    @raise DescriptionError: The description cannot be used.
    """
    description = Description.fromText(text)
    kind = description.kind
    if kind in ("udp", "unixgram"):
        raise DescriptionError(f"{kind!r} brings datagrams; use --udp for it")
    form = _FORMS.get(kind)
    if kind in _PORTS:
        _checkPort(description, _FORMS[kind])
    if kind == "unix" and "mode" not in description.keywords:
        # Twisted's own default lets everybody on the machine send.
        text += ":mode=660"
    if kind in _WITH_BACKLOG and "backlog" not in description.keywords:
        text += f":backlog={_BACKLOG}"
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, text)
    except Exception as error:
        # Endpoint parsers are plugins: they raise what they like, and a wrong
        # description surfaces as whatever their signature makes of it.
        raise DescriptionError(_explain(error, kind, form)) from None
    return StreamAddress(endpoint, kind in _ENCRYPTED)


def _checkPort(description: Description, form: str) -> None:
    if "port" in description.keywords:
        description.takeKeyword("port", portNumber, 0)
        return
    try:
        description.takePositional("PORT", portNumber)
    except DescriptionError as error:
        raise DescriptionError(f"{error}; write {form}") from None


def _explain(error: Exception, kind: str, form: str | None) -> str:
    if form is None:
        if kind.isdigit():
            return f"it begins with no kind; write tcp:{kind}"
        kinds = ", ".join(_FORMS)
        return f"{kind!r} is no kind of stream endpoint; there is {kinds}"
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"{reason}; write {form}"
