"""
An HTTP client for what forwards records: one POST at a time, answered within a
time limit.
"""

from __future__ import annotations

from typing import Any, Final, cast

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer, IProtocol, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, _HTTP11ClientFactory
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from logrecv import __version__

#: Seconds that connecting may take.
CONNECT_TIMEOUT: Final = 10.0

#: Seconds from the beginning of a request to the end of its response.
RESPONSE_TIMEOUT: Final = 60.0

#: Seconds that a connection is kept open for the next batch.  Servers close
#: idle ones after a while, 60 s and more with the usual ones, and a request that
#: meets that is one to be sent again.
IDLE_TIMEOUT: Final = 20

#: Bytes of a response that are looked at, for what it says.
_SHOWN: Final = 300


@frozen
class Response:
    """
    What a server answered.

    @ivar status: The status code.
    @ivar text: The first line of its body.
    @ivar retryAfter: The header C{Retry-After}, if there is one.
    """

    status: int
    text: str
    retryAfter: str | None = None


@implementer(IBodyProducer)
@frozen(eq=False)
class _Body:
    """
    A body that is there already.
    """

    data: bytes

    @property
    def length(self) -> int:
        return len(self.data)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """
        Write all of it.
        """
        consumer.write(self.data)
        return succeed(None)

    def stopProducing(self) -> None:
        """
        Do nothing: it is written.
        """

    def pauseProducing(self) -> None:
        """
        Do nothing, likewise.
        """

    def resumeProducing(self) -> None:
        """
        Do nothing, likewise.
        """


@define(eq=False)
class _Beginning(Protocol):
    """
    Reads a response, and keeps its beginning.
    """

    ended: Deferred[bytes] = field(init=False)
    _data: bytes = field(default=b"", init=False)

    def __attrs_post_init__(self) -> None:
        self.ended = Deferred(self._abort)

    def _abort(self, ended: Deferred[bytes]) -> None:
        cast(ITCPTransport, self.transport).abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """
        See L{Protocol.dataReceived}.
        """
        self._data += data[: _SHOWN - len(self._data)]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See L{Protocol.connectionLost}.  How the body ended does not matter: the
        status was the answer.
        """
        self.ended.callback(self._data)


class _QuietFactory(_HTTP11ClientFactory):
    """
    Makes connections without a line in the log for each.
    """

    noisy = False


@frozen(eq=False)
class HTTPClient:
    """
    Sends requests over connections that are kept open.

    @ivar agent: Sends them.
    @ivar pool: The connections.
    @ivar clock: Tells when the time is over.
    @ivar headers: What every request carries.
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
        Make a client.

        @param contextFactory: Gives what TLS needs.
        @param credentials: The value of the header C{Authorization}.
        """
        pool = HTTPConnectionPool(reactor)
        pool.maxPersistentPerHost = 1
        pool.cachedConnectionTimeout = IDLE_TIMEOUT
        # What has to be sent again is for the caller to say.
        pool.retryAutomatically = False
        pool._factory = _QuietFactory
        agent = Agent(reactor, contextFactory, CONNECT_TIMEOUT, pool=pool)
        headers = Headers({b"user-agent": [b"logrecv/" + __version__.encode()]})
        if credentials is not None:
            headers.addRawHeader(b"authorization", credentials)
        return cls(agent, pool, reactor, headers)

    def post(self, url: bytes, headers: Headers, body: bytes) -> Deferred[Response]:
        """
        Send a request.

        @param headers: What it carries beside what every one does.

        @return: A L{Deferred} that fires with an L{Response}, or fails with
            whatever came between.
        """
        posted = Deferred.fromCoroutine(self._post(url, headers, body))
        return posted.addTimeout(RESPONSE_TIMEOUT, self.clock)

    async def _post(self, url: bytes, headers: Headers, body: bytes) -> Response:
        for name, values in self.headers.getAllRawHeaders():
            headers.setRawHeaders(name, values)
        response: IResponse = await self.agent.request(
            b"POST", url, headers, _Body(body)
        )
        beginning = _Beginning()
        response.deliverBody(cast(IProtocol, beginning))
        text = (await beginning.ended).decode("utf-8", "replace")
        [retryAfter] = response.headers.getRawHeaders("retry-after", [None])[:1]
        return Response(response.code, "".join(text.splitlines()[:1]), retryAfter)

    def close(self) -> Deferred[None]:
        """
        Close the connections that are idle.
        """
        closed = self.pool.closeCachedConnections()
        return closed.addCallback(lambda result: None)
