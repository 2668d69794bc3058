"""
Parts that the two web sites of logrecv, the HTTP input and the console, have in
common.
"""

from __future__ import annotations

from typing import Final

from twisted.web.http import Request
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site

#: The answer to a Host header that names no host.
BAD_HOST: Final = "the Host header is no name of a host"


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


class HostGuard(Resource):
    """
    A guard in front of a Klein app, which logs a traceback for a Host header that
    names no host and for a path that is no text, and has no answer for a client of a
    UNIX socket that sends no Host header::

        site = Site(HostGuard(app.resource()))
    """

    isLeaf = True

    def __init__(self, app: IResource) -> None:
        """
        @param app: The resource of the Klein app.
        """
        super().__init__()
        self._app = app

    def render(self, request: IRequest) -> bytes | int:
        """
        Answer a request as the app does, if the app can read its Host and path.
        """
        if not hasHostName(request):
            return answer(request, 400, BAD_HOST)
        if request.getHeader(b"host") is None:
            request.requestHeaders.setRawHeaders(b"host", [b"localhost"])
        try:
            b"/".join([*request.prepath, *request.postpath]).decode("utf-8")
        except UnicodeError:
            return answer(request, 404, "nothing has a path that is no UTF-8 text")
        result: bytes | int = self._app.render(request)
        return result


class QuietSite(Site):
    """
    A site without an access log.

    The URL of an C{HTTPHandler} request is its record, and a console that is asked
    every few seconds would drown the log that people read::

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
