"""
The output C{forward:http:} and C{forward:https:}: its description.
"""

from __future__ import annotations

import os
from base64 import b64encode
from typing import Any, Final

from logrecv.backoff import Backoff
from logrecv.descriptions import Description, DescriptionError, portNumber
from logrecv.formats.json import encodeJSON
from logrecv.interfaces import IRecordSink
from logrecv.outputs.chunk import PART_RECORDS
from logrecv.outputs.context import OutputContext
from logrecv.outputs.http.client import HTTPClient
from logrecv.outputs.http.writer import BATCH_SIZE, HTTPWriter

#: The keywords that only this output takes.
HTTP_KEYWORDS: Final = ("path", "ca", "cert", "key", "user", "password-file")


def parseForwardHTTP(description: Description, context: OutputContext) -> IRecordSink:
    """
    Make the sink of
    C{forward:http:HOST:PORT[:HOST:PORT…][:path=/records][:user=NAME:password-file=FILE][:queue=SIZE][:full=drop|pause][:spool=DIR][:spool-limit=SIZE]},
    or of C{https} in the place of C{http}, with
    C{[:ca=FILE][:cert=FILE:key=FILE]}.

    @raise DescriptionError: The description cannot be used.
    """
    reactor = context.reactor
    scheme = description.takePositional("http", str)
    path = description.takeKeyword("path", _path, "/records")
    credentials = _takeCredentials(description)
    contextFactory = _takeTLS(description, scheme)
    places = [_takePlace(description, scheme)]
    while description.positional:
        places.append(_takePlace(description, scheme))
    urls = [(place, f"{scheme}://{place}{path}".encode("ascii")) for place in places]
    writer = HTTPWriter(
        HTTPClient.make(reactor, contextFactory, credentials),
        urls,
        Backoff(),
        reactor,
        context.quarantine,
    )
    return context.makeQueuedSink(
        description,
        encodeJSON,
        writer,
        keywords=HTTP_KEYWORDS,
        writeSize=BATCH_SIZE,
        writeCount=PART_RECORDS,
    )


def _takePlace(description: Description, scheme: str) -> str:
    """
    Take a host and a port of a description.

    @return: Both, as in a URL.
    """
    missing = f"write forward:{scheme}:HOST:PORT"
    if len(description.positional) < 2 or "" in description.positional[:2]:
        raise DescriptionError(missing)
    host = description.takePositional("HOST", _host)
    return f"{host}:{description.takePositional('PORT', portNumber)}"


def _host(text: str) -> str:
    try:
        name = text.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not name or not set(name).isdisjoint("/?#@[] \t"):
        raise ValueError("a host is a name or an address")
    return f"[{name}]" if ":" in name else name


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isascii() or not text.isprintable():
        raise ValueError("a path begins with a slash and is ASCII, such as /records")
    return text


def _takeCredentials(description: Description) -> bytes | None:
    """
    Take the keywords C{user=} and C{password-file=} of a description.

    @return: The value of the header C{Authorization}.
    """
    user = description.takeKeyword("user", str, None)
    password = description.takeKeyword("password-file", _read, None)
    if user is None and password is None:
        return None
    if user is None or password is None:
        raise DescriptionError("user= and password-file= go together; give both")
    secret = password.removesuffix(b"\n").removesuffix(b"\r")
    return b"Basic " + b64encode(user.encode("utf-8") + b":" + secret)


def _takeTLS(description: Description, scheme: str) -> Any:
    """
    Take the keywords C{ca=}, C{cert=} and C{key=} of a description.

    @return: The policy of the connections of C{https}, as a C{twisted.web}
        agent takes it; C{None} for C{http}.
    """
    ca = description.takeKeyword("ca", _existing, None)
    cert = description.takeKeyword("cert", _existing, None)
    key = description.takeKeyword("key", _existing, None)
    if scheme == "https":
        try:
            from logrecv.outputs.http.tls import TLSPolicy
        except ImportError:
            raise DescriptionError("https needs TLS; install logrecv[tls]") from None
        return TLSPolicy.fromFiles(ca, cert, key)
    if ca or cert or key:
        raise DescriptionError("ca=, cert= and key= are for forward:https")
    return None


def _existing(text: str) -> str:
    _read(text)
    return os.path.abspath(text)


def _read(text: str) -> bytes:
    try:
        with open(text, "rb") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
