"""
The HTTP client of the outputs that forward records: one POST at a time, each answered
within a time limit.

The client uses Twisted's C{Agent} and not treq: reading a response has to be bounded
in bytes, and has to end when the time is over, which treq's collectors do not.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final, cast

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, RequestGenerationFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse

from logrecv import __version__
from logrecv.formats.safe import oneLine
from logrecv.outputs.http.connection import IDLE_TIMEOUT, Body, ConnectionFactory

#: Seconds that connecting may take.
CONNECT_TIMEOUT: Final = 10.0

#: Seconds from the beginning of a request to the body of its response.
RESPONSE_TIMEOUT: Final = 60.0

#: Seconds that a server can ask the client to wait at most.
MAX_RETRY_AFTER_DELAY: Final = 300.0

#: Bytes of a response that are read for its text.
_SHOWN_SIZE: Final = 300


@frozen
class Response:
    """
    The answer of a server.

    @ivar status: The status code.
    @ivar text: The first line of the body.
    @ivar retryAfter: The seconds that the server asks the client to wait; 0 where the
        server does not ask.
    """

    status: int
    text: str
    retryAfter: float = 0.0


def secondsToWait(retryAfter: str, now: float) -> float:
    """
    Convert the header C{Retry-After}.

    @param retryAfter: A number of seconds, or a date.
    @param now: The present time, in seconds since the epoch.
    @return: Seconds, L{MAX_RETRY_AFTER_DELAY} at most; 0 where the header is neither a
        number nor a date to come.
    """
    text = retryAfter.strip()
    if text.isascii() and text.isdigit():
        # Nobody waits for a number of more digits.
        return min(float(text[:10]), MAX_RETRY_AFTER_DELAY)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max(date.timestamp() - now, 0.0), MAX_RETRY_AFTER_DELAY)


@define(eq=False)
class _BodyReader(Protocol):
    """
    Reads the body of a response, and keeps its beginning.

    @ivar ended: Fires with the beginning of the body at the end of the body.
    """

    ended: Deferred[bytes] = field(factory=Deferred, init=False)
    _data: bytes = field(default=b"", init=False)

    def dataReceived(self, data: bytes) -> None:
        self._data += data[: _SHOWN_SIZE - len(self._data)]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Finish, however the body has ended: the status was the answer.
        """
        self.ended.callback(self._data)


@frozen(eq=False)
class HTTPClient:
    """
    Posts over connections that are kept open::

        client = HTTPClient.make(reactor, None, None)
        response = await client.post(
            b"http://log.example.com:9022/records",
            Headers({b"content-type": [b"application/x-ndjson"]}),
            encodeJSON(batch),
        )

    @ivar agent: Sends the requests.
    @ivar pool: The connections.
    @ivar clock: Measures the time limit, and tells the time.
    @ivar headers: The headers of every request.
    """

    agent: IAgent
    pool: HTTPConnectionPool
    clock: Any
    headers: Headers

    @classmethod
    def make(
        cls, reactor: Any, contextFactory: Any, credentials: bytes | None
    ) -> HTTPClient:
        """
        Make a client with an agent and a pool of its own.

        @param contextFactory: An C{IPolicyForHTTPS}; L{None} for C{http} alone.
        @param credentials: The value of the header C{Authorization}, if any.
        """
        pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost = 1
        pool.cachedConnectionTimeout = IDLE_TIMEOUT
        # The caller decides when a request is sent again.
        pool.retryAutomatically = False
        pool._factory = cast(Any, partial(ConnectionFactory, reactor))
        agent = Agent(reactor, contextFactory, CONNECT_TIMEOUT, pool=pool)
        headers = Headers({b"user-agent": [b"logrecv/" + __version__.encode()]})
        if credentials is not None:
            headers.addRawHeader(b"authorization", credentials)
        return cls(agent, pool, reactor, headers)

    def post(self, url: bytes, headers: Headers, body: bytes) -> Deferred[Response]:
        """
        Send a request.

        @param headers: The headers of this request, beside the headers of every
            request.
        @return: A L{Deferred} that fires with a L{Response}.  It fails with
            L{TimeoutError} if there is no response within L{RESPONSE_TIMEOUT} seconds,
            with L{BadAnswer} if the response is none, and if the connection fails.
        """
        return Deferred.fromCoroutine(self._post(url, headers, body))

    async def _post(self, url: bytes, headers: Headers, body: bytes) -> Response:
        for name, values in self.headers.getAllRawHeaders():
            headers.setRawHeaders(name, values)
        try:
            response = await self._request(url, headers, body)
        except RequestGenerationFailed:
            # Another connection: the receiver has not read what this one carries.
            response = await self._request(url, headers, body)
        reader = _BodyReader()
        response.deliverBody(cast(IProtocol, reader))
        text = (await reader.ended).decode("utf-8", "replace")
        [retryAfter] = response.headers.getRawHeaders(b"retry-after", [b""])[:1]
        return Response(
            response.code,
            oneLine("".join(text.splitlines()[:1]))[:_SHOWN_SIZE],
            secondsToWait(retryAfter.decode("latin-1"), self.clock.seconds()),
        )

    def _request(
        self, url: bytes, headers: Headers, body: bytes
    ) -> Deferred[IResponse]:
        def timedOut(result: object, seconds: float) -> Failure:
            return Failure(TimeoutError(f"no answer within {seconds:.0f} s"))

        requested: Deferred[IResponse] = self.agent.request(
            b"POST", url, headers, Body(body)
        )
        return requested.addTimeout(RESPONSE_TIMEOUT, self.clock, timedOut)

    def close(self) -> Deferred[None]:
        """
        Close the idle connections.
        """
        closed = self.pool.closeCachedConnections()
        return closed.addCallback(lambda result: None)
