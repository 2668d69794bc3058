"""
What the two web sites of logrecv, the HTTP input and the console, have in
common.
"""

from __future__ import annotations

from contextlib import suppress

from twisted.web.http import Request
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Site
from werkzeug.exceptions import BadHost


def answer(request: IRequest, code: int, text: str) -> bytes:
    """
    Answer a request with one line of plain text.

    @param code: The status.
    @param text: The line, without its end.
    @return: The body of the response.
    """
    request.setResponseCode(code)
    request.setHeader(b"content-type", b"text/plain; charset=utf-8")
    return text.encode("utf-8") + b"\n"


class HostGuard(Resource):
    """
    The resource of a Klein application, for any client: Klein logs the
    traceback of a Host header that is no name of a host.
    """

    isLeaf = True

    def __init__(self, pages: IResource) -> None:
        """
        @param pages: The application's own resource.
        """
        super().__init__()
        self._pages = pages

    def render(self, request: IRequest) -> bytes | int:
        """
        Answer as the application does.
        """
        if (request.getHeader(b"host") or b"").isascii():
            with suppress(BadHost):
                result: bytes | int = self._pages.render(request)
                return result
        return self.renderBadHost(request)

    def renderBadHost(self, request: IRequest) -> bytes:
        """
        Refuse a request.
        """
        return answer(request, 400, "the Host header is no name of a host")


class QuietSite(Site):
    """
    A site without an access log: the URL of a C{HTTPHandler} request is its
    record, and a console that is looked at every few seconds would drown the
    log that people read.
    """

    noisy = False

    def startFactory(self) -> None:
        """
        Do nothing: there is no log to open and no time of day to keep for it.
        """

    def log(self, request: Request) -> None:
        """
        Log nothing.
        """
