"""
The HTTP input as a resource.
"""

from __future__ import annotations

from typing import Final, cast

from twisted.cred.error import LoginFailed
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.guard import BasicCredentialFactory
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from logrecv.inputs.http.app import PATH_SIZE, REALM, RecordApp, queryOf
from logrecv.inputs.http.auth import PasswordFile
from logrecv.inputs.http.checks import Busy
from logrecv.inputs.limits import MAX_RECORD_SIZE
from logrecv.inputs.limits.admission import hostOf
from logrecv.inputs.limits.fairness import FairScheduler
from logrecv.intake import Intake
from logrecv.web import isForeign, isOwnOrigin

#: The beginning of C{User-Agent} in all browsers.
_BROWSER: Final = b"Mozilla/"


def isFromPage(request: IRequest) -> bool:
    """
    Return C{True} if a page of another site has made a browser send a record, or may
    have.
    """
    if request.method != b"POST" and not queryOf(request):
        return False
    if isForeign(request):
        return True
    # For the image of a page, some browsers say neither Sec-Fetch-Site nor Origin.
    agent = request.getHeader(b"user-agent") or b""
    if request.method == b"POST" or not agent.startswith(_BROWSER):
        return False
    page = request.getHeader(b"referer") or b""
    isSaid = request.requestHeaders.hasHeader(b"sec-fetch-site")
    return not (isSaid or isOwnOrigin(request, page))


def _credentials(request: IRequest) -> tuple[bytes, bytes]:
    """
    Read the user and the password of a request.

    @raise LoginFailed: There are none.
    """
    header = request.getHeader(b"authorization") or b""
    scheme, _, encoded = header.partition(b" ")
    if scheme.lower() != b"basic":
        raise LoginFailed("no Basic credentials")
    given = BasicCredentialFactory(REALM).decode(encoded, request)
    return given.username, given.password


class RecordResource(Resource):
    """
    The HTTP input as a resource, which can be mounted anywhere in a site.

    Below, forms are taken at C{/logs} and all paths under it, and JSON at
    C{/logs/records}::

        >>> from twisted.internet import reactor
        >>> from twisted.web.server import Site
        >>> from logrecv.testing import MemorySink
        >>> root = Resource()
        >>> root.putChild(b"logs", RecordResource(Intake(MemorySink(), reactor)))
        >>> site = Site(root, parsePOSTFormSubmission=False)

    L{twisted.web.server.Site} reads a body of any length before it asks a resource;
    L{logrecv.inputs.http.site.RecordSite} does not.
    """

    isLeaf = True

    def __init__(
        self,
        intake: Intake,
        maxRecord: int = MAX_RECORD_SIZE,
        passwords: PasswordFile | None = None,
        scheduler: FairScheduler | None = None,
    ) -> None:
        """
        @param intake: Takes the records.
        @param maxRecord: The largest body or query taken, in bytes.
        @param passwords: The users who may send; L{None} for everybody.
        @param scheduler: Divides the time among hosts; L{None} if no other input
            shares the scheduler.
        """
        super().__init__()
        self._app = RecordApp(intake, maxRecord, scheduler)
        self._passwords = passwords
        self._router = self._app.router
        # C{Klein.resource()} binds the routes to the Host of each request, handles
        # each in several Deferreds, and cancels these when the client goes away.
        # Here the routes depend on no host, and most handlers answer at once.
        self._routes = self._router.url_map.bind("localhost")

    def render(self, request: IRequest) -> bytes | int:
        """
        Answer a request, when its password has been checked.
        """
        if len(cast(Request, request).path) > PATH_SIZE:
            return self._app.refusePath(request)
        if isFromPage(request):
            return self._app.refusePage(request)
        if self._passwords is None:
            response = self._respond(request)
            if isinstance(response, bytes):
                return response
            return self._answerLater(request, response)
        try:
            host = hostOf(request.getClientAddress())
            checked = self._passwords.check(*_credentials(request), host)
        except LoginFailed:
            return self._app.refuseUser(request)
        except Busy:
            return self._app.refuseCheck(request)

        def proceed(correct: bool) -> bytes | Deferred[bytes]:
            return self._respond(request) if correct else self._app.refuseUser(request)

        def refuse(failure: Failure) -> bytes:
            failure.trap(Busy)
            return self._app.refuseCheck(request)

        return self._answerLater(request, checked.addCallbacks(proceed, refuse))

    def _answerLater(self, request: IRequest, response: Deferred[bytes]) -> int:
        """
        Answer a request when its response is there.

        A record that has come whole is taken, even if its sender has not waited for
        the answer.
        """
        gone: list[object] = []
        cast(Request, request).notifyFinish().addBoth(gone.append)

        def finish(body: bytes) -> None:
            if not gone:
                request.write(body)
                request.finish()

        response.addCallback(finish).addErrback(cast(Request, request).processingFailed)
        return NOT_DONE_YET

    def _respond(self, request: IRequest) -> bytes | Deferred[bytes]:
        """
        Answer a request as the handler of its route does.
        """
        # No route depends on a path that is no text.
        path = b"/".join(request.postpath).decode("utf-8", "replace")
        method = request.method.decode("latin-1")
        endpoint, values = self._routes.match(f"/{path}", method)
        response = self._router.execute_endpoint(endpoint, request, **values)
        return cast("bytes | Deferred[bytes]", response)
