"""
The guard of the console: who may ask, and by which names.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from ipaddress import ip_address

from twisted.internet.address import UNIXAddress
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource

from logrecv.counters import InputTally
from logrecv.reasons import CROSS_SITE, MALFORMED, UNKNOWN_NAME
from logrecv.web import BAD_HOST, answer, hasHostName, isForeign


def _isAddress(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class ConsoleGuard(Resource):
    """
    A guard in front of the Klein app of the console::

        site = ConsoleSite(ConsoleGuard(app.resource(), ["logs.example"]), reactor)

    The owner of a name can let the name point to this machine, and a page of that name
    can then read everything here in a browser on this machine.  So the console answers
    only to names that are its own, and to addresses, which nobody can point anywhere.

    Klein itself would log a traceback for a Host header that names no host and for a
    path that is no text, and has no answer for a client that sends no Host header.
    """

    isLeaf = True

    def __init__(
        self,
        app: IResource,
        names: Collection[str] = (),
        tally: InputTally | None = None,
    ) -> None:
        """
        @param app: The resource of the Klein app.
        @param names: Names of the console beside C{localhost} and the name of the
            machine, in lower case.
        @param tally: Counts the requests that are refused.
        """
        super().__init__()
        self._app = app
        self._names = {"localhost", socket.gethostname().lower(), *names}
        self._tally = tally or InputTally("console")

    def render(self, request: IRequest) -> bytes | int:
        """
        Answer a request as the app does, if its sender may ask.
        """
        if not hasHostName(request):
            return self._refuse(request, MALFORMED, 400, BAD_HOST)
        if not self._isKnown(request):
            text = "the console has another name; --console-name gives it this one"
            refusal = self._refuse(request, UNKNOWN_NAME, 421, text)
            # Twisted has no phrase for this status.
            request.setResponseCode(421, b"Misdirected Request")
            return refusal
        if isForeign(request):
            return self._refuse(
                request, CROSS_SITE, 403, "pages of other sites cannot ask the console"
            )
        if not request.getHeader(b"host"):
            request.requestHeaders.setRawHeaders(b"host", [b"localhost"])
        try:
            b"/".join([*request.prepath, *request.postpath]).decode("utf-8")
        except UnicodeError:
            return answer(request, 404, "nothing has a path that is no UTF-8 text")
        result: bytes | int = self._app.render(request)
        return result

    def _isKnown(self, request: IRequest) -> bool:
        """
        Return C{True} if the Host header names the console, or is missing.
        """
        host = request.getHeader(b"host")
        # No browser leaves the header out, or reaches a UNIX socket.
        if not host or isinstance(request.getHost(), UNIXAddress):
            return True
        text = host.decode("ascii", "replace").strip().lower()
        if text.startswith("["):
            name = text[1:].partition("]")[0]
        else:
            name = text.partition(":")[0].rstrip(".")
        return name in self._names or _isAddress(name)

    def _refuse(self, request: IRequest, reason: str, code: int, text: str) -> bytes:
        self._tally.refuse(reason)
        return answer(request, code, text)
