"""
What the two web sites of logrecv, the HTTP input and the console, have in
common.
"""

from __future__ import annotations

from twisted.web.http import Request
from twisted.web.iweb import IRequest
from twisted.web.server import Site


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
