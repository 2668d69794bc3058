"""
The routes of the HTTP input.

Form records are taken on every path, since a stock handler with a wrong path would
lose its records and never notice.  JSON is taken under C{/records}.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final, cast

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.server import Request
from werkzeug.routing import BaseConverter

from logrecv.dedup import isName
from logrecv.inputs.http import page
from logrecv.inputs.http.bodies import BodyAbandoned, LargeBodies
from logrecv.inputs.limits.admission import hostOf
from logrecv.inputs.limits.fairness import PIECE_SIZE, FairScheduler
from logrecv.inputs.peers import peerName
from logrecv.intake import Backpressure, Intake
from logrecv.reasons import (
    CROSS_SITE,
    MALFORMED,
    OVERLOAD,
    PRESSURE,
    TOO_LONG,
    UNAUTHORIZED,
)
from logrecv.web import BAD_HOST, answer, hasHostName
from logrecv.wire.errors import WireError

_FORM: Final = b"application/x-www-form-urlencoded"

#: The content types of JSON: the name in RFC 8259, and the names in use for an
#: object a line.
_JSON: Final = (
    b"application/json",
    b"application/x-ndjson",
    b"application/ndjson",
    b"application/jsonl",
    b"application/x-jsonlines",
    b"text/plain",
)

REALM: Final = b"logrecv"

#: The longest path, in bytes.  To take a path of a megabyte apart at its slashes takes
#: a quarter of a second and 150 MiB; the path of a handler has some ten bytes.
PATH_SIZE: Final = 8192


def viaOf(path: bytes) -> str:
    """
    Name the input that counts a request which is refused.

    @param path: The path, from where the routes begin.
    @return: C{json} for the path of JSON, else C{http}.
    """
    return "json" if path.strip(b"/") == b"records" else "http"


def _via(request: IRequest) -> str:
    return viaOf(b"/".join(request.postpath))


def queryOf(request: IRequest) -> bytes:
    """
    Return the query of a GET, which is a form record; empty if there is none.
    """
    query: bytes = request.uri.partition(b"?")[2]
    return query if request.method == b"GET" else b""


def _contentType(request: IRequest) -> bytes:
    value: bytes = request.getHeader(b"content-type") or b""
    return value.partition(b";")[0].strip().lower()


def _peer(request: IRequest) -> str:
    return peerName(request.getClientAddress(), request.getHost())


def _refusal(request: IRequest, error: WireError | Backpressure) -> bytes:
    if isinstance(error, Backpressure):
        return _refuseNow(request, error)
    return answer(request, 400, f"{error}; nothing of this request was taken")


def _refuseNow(request: IRequest, error: Backpressure) -> bytes:
    request.setHeader(b"retry-after", b"1")
    return answer(request, 503, str(error))


def _notAllowed(request: IRequest, allowed: bytes) -> bytes:
    request.setHeader(b"allow", allowed)
    return answer(request, 405, f"the method must be {allowed.decode('ascii')}")


class _AnyPath(BaseConverter):
    """
    Every path, even an empty path or one with a line feed.
    """

    regex = "(?s:.*)"
    part_isolating = False


def _makeRouter() -> Klein:
    """
    Make a router that never redirects: a stock handler does not follow.
    """
    router = Klein()
    router.url_map.converters["anything"] = _AnyPath
    router.url_map.strict_slashes = False
    router.url_map.redirect_defaults = False
    return router


class RecordApp:
    """
    The Klein app of the HTTP input.

    Routes of one path are tried in their order, and a path that is written out
    before L{_AnyPath}.  Every handler answers at once, except where a body of JSON is
    large.
    """

    router: ClassVar[Klein] = _makeRouter()

    def __init__(
        self, intake: Intake, maxRecord: int, scheduler: FairScheduler | None = None
    ) -> None:
        """
        @param intake: Takes the records.
        @param maxRecord: The largest body or query taken, in bytes.
        @param scheduler: Divides the time among hosts; L{None} if no other input
            shares the scheduler.
        """
        self._intake = intake
        self._maxRecord = maxRecord
        clock = intake.clock
        self._bodies = LargeBodies(scheduler or FairScheduler(clock), clock)

    @router.route("/", methods=["GET"])
    def front(self, request: IRequest) -> bytes:
        """
        Take a form record in the query, or show a person the page.
        """
        if query := queryOf(request):
            return self._takeForm(request, query)
        if not hasHostName(request):
            return answer(request, 400, BAD_HOST)
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        if request.method == b"HEAD":
            return b""
        host = request.getHeader(b"host") or b"localhost"
        scheme = "https" if request.isSecure() else "http"
        return page.render(scheme, host.decode("ascii", "replace"))

    @router.route("/records", methods=["POST"])
    def records(self, request: IRequest) -> bytes | Deferred[bytes]:
        """
        Take JSON, or the form record of a handler that was given this path.
        """
        body = self._body(request)
        contentType = _contentType(request)
        # curl -d sends JSON under the type of forms; no form begins like JSON.
        if contentType == _FORM and body[:64].lstrip()[:1] not in (b"{", b"["):
            return self._takeForm(request, body)
        if contentType not in (b"", _FORM, *_JSON):
            return self._refuseJSON(
                request, 415, "send records as application/json or application/x-ndjson"
            )
        return self._takeJSON(request, body)

    @router.route("/records")
    def recordsOtherwise(self, request: IRequest) -> bytes:
        """
        Take a form record in the query, or name the method to use.
        """
        if query := queryOf(request):
            return self._takeForm(request, query)
        return _notAllowed(request, b"POST")

    @router.route("/<anything:path>", methods=["GET"])
    def query(self, request: IRequest, path: str) -> bytes:
        """
        Take a form record in the query.
        """
        if query := queryOf(request):
            return self._takeForm(request, query)
        return answer(request, 404, "nothing is here; records are sent, not read")

    @router.route("/", methods=["POST"])
    @router.route("/<anything:path>", methods=["POST"])
    def form(self, request: IRequest, path: str = "") -> bytes:
        """
        Take a form record.
        """
        if _contentType(request) in (b"", _FORM):
            return self._takeForm(request, self._body(request))
        self._reject(request, "http", MALFORMED)
        return answer(
            request,
            415,
            "send a form as application/x-www-form-urlencoded, or JSON to /records",
        )

    @router.route("/<anything:path>")
    def otherwise(self, request: IRequest, path: str) -> bytes:
        """
        Name the methods to use.
        """
        return _notAllowed(request, b"GET, POST")

    def refusePath(self, request: IRequest) -> bytes:
        """
        Refuse a request whose path is too long.
        """
        self._reject(request, _via(request), TOO_LONG)
        return answer(request, 414, f"a path may have {PATH_SIZE} bytes")

    def refusePage(self, request: IRequest) -> bytes:
        """
        Refuse a record that a page of another site has sent.
        """
        self._reject(request, _via(request), CROSS_SITE)
        return answer(request, 403, "pages of other sites cannot send records")

    def refuseUser(self, request: IRequest) -> bytes:
        """
        Refuse a request without the password of a user.
        """
        self._reject(request, _via(request), UNAUTHORIZED)
        request.setHeader(b"www-authenticate", b'Basic realm="%s"' % (REALM,))
        return answer(request, 401, "a user and password are needed")

    def refuseCheck(self, request: IRequest) -> bytes:
        """
        Refuse a request whose password cannot be checked now.
        """
        self._reject(request, _via(request), OVERLOAD)
        return answer(request, 503, "too many passwords are being checked")

    def _body(self, request: IRequest) -> bytes:
        # Not much more than a record may have.
        body: bytes = request.content.read(self._maxRecord + 1)
        return body

    def _takeForm(self, request: IRequest, form: bytes) -> bytes:
        if len(form) > self._maxRecord:
            return self._refuseLength(request, "http")
        try:
            self._intake.formReceived(form, _peer(request))
        except WireError as error:
            return answer(request, 400, str(error))
        except Backpressure as error:
            return _refuseNow(request, error)
        request.setResponseCode(204)
        return b""

    def _takeJSON(self, request: IRequest, body: bytes) -> bytes | Deferred[bytes]:
        if len(body) > self._maxRecord:
            return self._refuseLength(request, "json")
        if not hasHostName(request):
            return self._refuseJSON(request, 400, BAD_HOST)
        encoding = request.getHeader(b"content-encoding") or b"identity"
        if encoding.strip().lower() != b"identity":
            return self._refuseJSON(
                request, 415, "send the body without a content-encoding"
            )
        batch = request.getHeader(b"logrecv-batch")
        name = None if batch is None else batch.decode("latin-1")
        if name is not None and not isName(name):
            return self._refuseJSON(
                request, 400, "Logrecv-Batch: up to 200 visible ASCII characters"
            )
        if len(body) > PIECE_SIZE:
            steps = self._intake.jsonSteps(body, _peer(request), name)
            return self._takeSteps(request, steps)
        try:
            self._intake.jsonReceived(body, _peer(request), name)
        except (WireError, Backpressure) as error:
            return _refusal(request, error)
        request.setResponseCode(204)
        return b""

    def _takeSteps(self, request: IRequest, steps: Iterator[None]) -> Deferred[bytes]:
        """
        Take a large body in later turns of the reactor, and then answer.
        """
        # A stopping service waits for a client that is not read.
        pauseReading = getattr(cast(Request, request).channel, "pauseReading", None)
        if pauseReading is not None:
            pauseReading()

        def accepted(result: None) -> bytes:
            request.setResponseCode(204)
            return b""

        def refused(failure: Failure) -> bytes:
            if failure.check(BodyAbandoned):
                self._reject(request, "json", PRESSURE)
                return _refuseNow(request, Backpressure(str(failure.value)))
            failure.trap(WireError, Backpressure)
            return _refusal(request, cast("WireError | Backpressure", failure.value))

        taken = self._bodies.take(steps, hostOf(request.getClientAddress()))
        return taken.addCallbacks(accepted, refused)

    def _refuseJSON(self, request: IRequest, code: int, text: str) -> bytes:
        self._reject(request, "json", MALFORMED)
        return answer(request, code, text)

    def _reject(self, request: IRequest, via: str, reason: str) -> None:
        host = hostOf(request.getClientAddress()) or "a UNIX socket"
        self._intake.reject(via, reason, 1, host)

    def _refuseLength(self, request: IRequest, via: str) -> bytes:
        self._reject(request, via, TOO_LONG)
        text = f"a request may hold {self._maxRecord} bytes; send less at once"
        return answer(request, 413, text)
