"""
Parts that the two web sites of logrecv, the HTTP input and the console, have in
common.
"""

from __future__ import annotations

from typing import Final

from twisted.web.http import Request
from twisted.web.iweb import IRequest
from twisted.web.server import Site

#: The answer to a Host header that names no host.
BAD_HOST: Final = "the Host header is no name of a host"

#: The values of C{Sec-Fetch-Site} for pages of the same origin, and for a person who
#: has typed the address.
_OWN_SITES: Final = (b"same-origin", b"none")

#: The port of each scheme, which an origin leaves out.
_PORTS: Final = {b"http": b":80", b"https": b":443"}


def answer(request: IRequest, code: int, text: str) -> bytes:
    """
    Answer a request with one line of plain text.

    @param code: The status.
    @param text: The line, without its end.
    @return: The body of the response, which is empty for a HEAD: Twisted would log
        a body before it drops the body.
    """
    request.setResponseCode(code)
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    return b"" if request.method == b"HEAD" else text.encode("utf-8") + b"\n"


def hasHostName(request: IRequest) -> bool:
    """
    Return C{True} if the Host header of a request names a host, or is missing.
    """
    if request.getHeader(b"host") is None:
        return True
    name: bytes = request.getRequestHostname()
    try:
        name.decode("ascii").partition(":")[0].encode("idna")
    except UnicodeError:
        return False
    return True


def isForeign(request: IRequest) -> bool:
    """
    Return C{True} if a page of another site has made a browser send a request.

    Browsers say so in C{Sec-Fetch-Site}, which no page can set, wherever the connection
    is encrypted or stays on the machine.  Otherwise, and from older browsers, C{Origin}
    comes with every POST, and with a GET that a script sends.
    """
    headers = request.requestHeaders
    sites = headers.getRawHeaders(b"sec-fetch-site")
    if sites:
        return any(site.strip().lower() not in _OWN_SITES for site in sites)
    return any(
        not isOwnOrigin(request, origin)
        for origin in headers.getRawHeaders(b"origin", [])
    )


def isOwnOrigin(request: IRequest, url: bytes) -> bool:
    """
    Return C{True} if the origin of a URL is the host that a request was sent to.

    The schemes may differ: a proxy in front may end TLS.

    @param url: The URL, or an origin.
    """
    scheme, _, rest = url.strip().lower().partition(b"://")
    host = (request.getHeader(b"host") or b"").strip().lower()
    if not host or scheme not in _PORTS:
        return False
    return rest.partition(b"/")[0] == host.removesuffix(_PORTS[scheme])


class QuietSite(Site):
    """
    A site without an access log.

    The URL of an C{HTTPHandler} request is its record, and a console that is asked
    every few seconds would drown the log that people read::

        >>> from twisted.web.resource import Resource
        >>> site = QuietSite(Resource())
    """

    noisy = False

    def startFactory(self) -> None:
        """
        Do nothing: there is no log to open, and no time of day to keep for a log.
        """

    def log(self, request: Request) -> None:
        """
        Log nothing.
        """
