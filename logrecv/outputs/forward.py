"""
The output C{forward}: records go on to another receiver, as C{SocketHandler}
sends them.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any, ClassVar, Final, cast

from attrs import define, field
from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IPullProducer,
    IPushProducer,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logrecv.backoff import Backoff
from logrecv.descriptions import Description, DescriptionError, portNumber
from logrecv.interfaces import IRecordSink
from logrecv.outputs.chunk import Chunk
from logrecv.outputs.context import OutputContext
from logrecv.outputs.frames import encodeFrames
from logrecv.outputs.keywords import QUEUE_KEYWORDS
from logrecv.outputs.silence import SILENT
from logrecv.outputs.writers import IWriter

#: Bytes in one write, at most.  When a connection is lost during a write, records
#: of as many bytes arrive twice, at most.
WRITE_SIZE: Final = 64 * 1024

#: Seconds from a lost connection to the first attempt to connect again, and between
#: two attempts, at most.
FIRST_CONNECT_DELAY: Final = 1.0
MAX_CONNECT_DELAY: Final = 6.0

#: Bytes that a receiver can send before it has to wait, and the seconds that it waits.
#: The bytes are of no use, so they should not cost much.
READ_SIZE: Final = 64 * 1024
READ_DELAY: Final = 1.0

#: Seconds from a failed write to the next write, which then waits for a connection.
REWRITE_DELAY: Final = 0.25


@implementer(IPullProducer)
@define(eq=False)
class ForwardProtocol(Protocol):
    """
    Sends bytes.  Throws the bytes away that the receiver sends, and reads them slowly.

    A transport asks a pull producer for more when it has given everything to the
    kernel.  It tells nothing else of the progress of a write.  So the protocol is
    a pull producer during each write.

    @ivar clock: The clock of the delays in reading.
    """

    _log: ClassVar[Logger] = Logger()

    clock: IReactorTime

    #: The bytes to send when the transport asks for more.
    _data: bytes = field(default=b"", init=False)
    _sent: Deferred[None] | None = field(default=None, init=False)
    #: Bytes that were read since the last delay.
    _read: int = field(default=0, init=False)
    _reading: IDelayedCall | None = field(default=None, init=False)

    def connectionMade(self) -> None:
        """
        Have the kernel find out when the receiver is gone.
        """
        tcp = ITCPTransport(self.transport, None)
        if tcp is not None:
            tcp.setTcpKeepAlive(True)
        self._log.debug("forwarding to {peer}", peer=self._peer())

    def dataReceived(self, data: bytes) -> None:
        """
        Throw the bytes away, and read no more for a while if there are many.
        """
        self._read += len(data)
        if self._read >= READ_SIZE and self._reading is None:
            cast(IPushProducer, self.transport).pauseProducing()
            self._reading = self.clock.callLater(READ_DELAY, self._readOn)

    def _readOn(self) -> None:
        self._read, self._reading = 0, None
        cast(IPushProducer, self.transport).resumeProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Fail the write that is under way.
        """
        if self._reading is not None:
            self._reading.cancel()
        self._log.debug("no longer forwarding to {peer}", peer=self._peer())
        self._finish(reason)

    def send(self, data: bytes) -> Deferred[None]:
        """
        Send bytes.  Called while there is a connection, and not again before the
        L{Deferred} has fired.

        @return: A L{Deferred} that fires when the kernel has taken all the bytes,
            and fails if the connection is lost before.
        """
        self._data = data
        sent: Deferred[None] = Deferred()
        self._sent = sent
        self._consumer.registerProducer(self, False)
        return sent

    def resumeProducing(self) -> None:
        """
        Write the bytes at the first call.  At the second call, the kernel has
        taken all of them.
        """
        if self._data:
            data, self._data = self._data, b""
            self._consumer.write(data)
        else:
            self._finish(None)

    def stopProducing(self) -> None:
        """
        Fail the write that is under way: the connection is lost.
        """
        self._finish(Failure(ConnectionDone()))

    @property
    def _consumer(self) -> IConsumer:
        return cast(IConsumer, self.transport)

    def _finish(self, result: Failure | None) -> None:
        sent, self._sent = self._sent, None
        if sent is not None:
            self._consumer.unregisterProducer()
            sent.callback(result)

    def _peer(self) -> str:
        assert self.transport is not None
        address: Any = self.transport.getPeer()
        try:
            return f"{address.host}:{address.port}"
        except AttributeError:
            return str(address)


class _QuietClientService(ClientService):
    """
    Connects without a line in the log for each attempt: the output logs failures.
    """

    _log = SILENT


@implementer(IWriter)
@define(eq=False)
class EndpointWriter:
    """
    Writes to a receiver at an endpoint.  Connects again whenever the connection
    is lost, for ever.

    Frames are not acknowledged.  A write is done when the kernel has taken all of
    it (with TLS: all but the last 64 KiB).  The bytes that the kernel has not
    sent when a connection breaks are lost.  A write during which the connection
    breaks is repeated from its start.

    @ivar endpoint: The endpoint to connect to.
    @ivar clock: The clock of the delays between attempts.
    """

    endpoint: IStreamClientEndpoint
    clock: IReactorTime
    _service: ClientService = field(init=False)

    def __attrs_post_init__(self) -> None:
        factory = Factory.forProtocol(partial(ForwardProtocol, self.clock))
        factory.noisy = False
        backoff = Backoff(FIRST_CONNECT_DELAY, MAX_CONNECT_DELAY)
        self._service = _QuietClientService(
            self.endpoint, factory, backoff.delayAfter, self.clock
        )

    def open(self) -> None:
        """
        Begin to connect.
        """
        self._service.startService()

    def write(self, chunk: Chunk) -> Deferred[int]:
        return Deferred.fromCoroutine(self._send(chunk.data))

    async def _send(self, data: bytes) -> int:
        connected = await self._service.whenConnected(failAfterFailures=1)
        await cast(ForwardProtocol, connected).send(data)
        return 0

    def reopen(self) -> None:
        """
        Do nothing: a connection has no path to open again.
        """

    def close(self) -> Deferred[None]:
        # On a later turn of the reactor: a failed attempt to connect may be what ends
        # the last write, and the service cannot be stopped in the midst of that.
        stopped = deferLater(self.clock, 0, self._service.stopService)
        return stopped.addCallback(lambda result: None)


def _clientEndpoint(description: Description, reactor: object) -> IStreamClientEndpoint:
    """
    Make the endpoint of a client.

    @param description: The parts of the endpoint's description.
    @raise DescriptionError: There is no such endpoint.
    """
    kind = "".join(description.positional[:1]).lower()
    _checkParts(kind, description)
    text = description.takeRest()
    try:
        endpoint: IStreamClientEndpoint = clientFromString(reactor, text)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DescriptionError(
            f"{text} is not a client endpoint ({reason}); "
            "write forward:tcp:HOST:PORT or forward:unix:PATH"
        ) from None
    return endpoint


#: The parts of Twisted's own endpoints, by kind.
_PARTS: Final = {
    "": ("HOST", "PORT"),
    "tcp": ("HOST", "PORT"),
    "ssl": ("HOST", "PORT"),
    "tls": ("HOST", "PORT"),
    "unix": ("PATH",),
}


def _checkParts(kind: str, description: Description) -> None:
    """
    Refuse an endpoint that Twisted would take and never connect to, or refuse in
    words that do not help.  Make a path absolute, since a runner may change the
    working directory before it starts the service.
    """
    names = _PARTS.get(kind)
    if names is None:
        return
    keywords = description.keywords
    values = {
        name: keywords[name.lower()] for name in names if name.lower() in keywords
    }
    missing = [name for name in names if name not in values]
    positional = description.positional[1:]
    values.update(zip(missing, positional, strict=False))
    if len(positional) != len(missing) or "" in values.values():
        raise DescriptionError(f"write {':'.join(['forward', kind or 'tcp', *names])}")
    if "PORT" in values:
        try:
            portNumber(values["PORT"])
        except ValueError as error:
            raise DescriptionError(f"{values['PORT']}: {error}") from None
    if "PATH" in values:
        keywords["path"] = os.path.abspath(values["PATH"])
        del description.positional[1:]


def parseForward(description: Description, context: OutputContext) -> IRecordSink:
    """
    Make the sink of
    C{forward:tcp:HOST:PORT[:queue=SIZE][:full=drop|pause][:spool=DIR][:spool-limit=SIZE]},
    or with any other client endpoint description in the place of C{tcp:HOST:PORT}.

    @raise logrecv.descriptions.DescriptionError: The description cannot be
        used.
    """
    if description.positional[:1] in (["http"], ["https"]):
        from logrecv.outputs.forward_http import parseForwardHTTP

        return parseForwardHTTP(description, context)
    writer = EndpointWriter(
        _clientEndpoint(_takeEndpoint(description), context.reactor), context.reactor
    )
    return context.makeQueuedSink(
        description,
        encodeFrames,
        writer,
        storage="frames",
        writeSize=WRITE_SIZE,
        retryDelay=REWRITE_DELAY,
    )


def _takeEndpoint(description: Description) -> Description:
    """
    Take the endpoint out of a description: everything but the keywords of the
    queue.
    """
    keywords = description.keywords
    queue = {k: keywords.pop(k) for k in [*keywords] if k in QUEUE_KEYWORDS}
    endpoint = Description(
        description.text, description.kind, description.positional, keywords
    )
    description.positional, description.keywords = [], queue
    return endpoint
