"""
Forwarding: records go on to another receiver as C{SocketHandler} sends them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from pickle import Pickler
from typing import Any, ClassVar, Final, cast

from attrs import define, field
from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IConsumer,
    IPullProducer,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logrecv.backoff import Backoff
from logrecv.descriptions import Description, DescriptionError, portNumber
from logrecv.interfaces import IRecordSink
from logrecv.outputs.chunk import Chunk
from logrecv.outputs.context import OutputContext, queueFromKeywords
from logrecv.outputs.queue.sink import QueuedSink
from logrecv.outputs.writers import IWriter
from logrecv.record import JSONValue, PickledBatch, Record
from logrecv.wire.framing import frame
from logrecv.wire.pickled.encode import FrameEncoder

#: The pickle protocol of C{SocketHandler.makePickle}.
PICKLE_PROTOCOL: Final = 1

#: The name under which extras go that have the name of a standard attribute.
EXTRA: Final = "extra"

#: Bytes sent in one go.  A connection that is lost meanwhile makes records of
#: as many bytes arrive twice at most.
WRITE_SIZE: Final = 64 * 1024

#: Seconds from a lost connection to the first attempt to connect again, and between
#: attempts, at most.
FIRST_CONNECT_DELAY: Final = 1.0
MAX_CONNECT_DELAY: Final = 6.0

#: Seconds from a failed write to the next, which then waits for a connection.
REWRITE_DELAY: Final = 0.25


def makeAttributes(record: Record) -> dict[str, object]:
    """
    Make what C{SocketHandler} would send of a record: the attributes of a
    C{LogRecord} whose message is rendered.

    What the record does not have is L{None}, except for numbers without which
    the stock C{Handler} and C{Formatter} fail: C{created} and C{msecs} are then
    those of the reception, and C{levelno} and C{lineno} are 0.

    Extras are attributes like the others.  One that has the name of a standard
    attribute is sent in a dictionary that is an attribute itself, C{extra}.
    """
    created = record.created
    if created is None:
        created = datetime.fromisoformat(record.time).timestamp()
    msecs = record.msecs
    if msecs is None:
        msecs = float(int(created * 1000) % 1000)
    attributes: dict[str, object] = {
        "name": record.name,
        "msg": record.message,
        "args": None,
        "levelname": record.levelname,
        "levelno": record.levelno or 0,
        "pathname": record.pathname,
        "filename": record.filename,
        "module": record.module,
        "exc_info": None,
        "exc_text": record.exc_text,
        "stack_info": record.stack_info,
        "lineno": record.lineno or 0,
        "funcName": record.funcName,
        "created": created,
        "msecs": msecs,
        "relativeCreated": record.relativeCreated,
        "thread": record.thread,
        "threadName": record.threadName,
        "processName": record.processName,
        "process": record.process,
        "taskName": record.taskName,
    }
    if record.extra:
        _addExtra(attributes, {**record.extra})
    return attributes


def _addExtra(attributes: dict[str, object], extra: dict[str, JSONValue]) -> None:
    reserved = attributes.keys() | {"message", "asctime"}
    if not reserved.isdisjoint(extra):
        reserved.add(EXTRA)
        attributes[EXTRA] = {
            name: extra.pop(name) for name in list(extra) if name in reserved
        }
    attributes.update(extra)


def encodeFrames(batch: Sequence[Record]) -> bytes:
    """
    Make the bytes that C{SocketHandler} would send of each record, one after
    the other, save that nothing refers to what was there before: nothing in a
    record is shared.
    """
    if isinstance(batch, PickledBatch) and batch.payloads is not None:
        # As they came.
        return b"".join(map(frame, batch.payloads))
    encode = FrameEncoder().encode
    return b"".join([encode(record) or _pickledFrame(record) for record in batch])


def _pickledFrame(record: Record) -> bytes:
    """
    Make the bytes of any record.
    """
    buffer = BytesIO()
    pickler = Pickler(buffer, PICKLE_PROTOCOL)
    # Without a memo.
    pickler.fast = True
    pickler.dump(makeAttributes(record))
    return frame(buffer.getvalue())


@implementer(IPullProducer)
@define(eq=False)
class ForwardProtocol(Protocol):
    """
    Sends.  What the receiver may send is not looked at.

    A transport asks a pull producer for more whenever it has given everything
    to the kernel, and that is the one thing it ever tells of what was written.
    So this is one, for as long as something is being sent.
    """

    _log: ClassVar[Logger] = Logger()

    #: What is sent when the transport asks for it.
    _data: bytes = field(default=b"", init=False)
    _sent: Deferred[None] | None = field(default=None, init=False)

    def connectionMade(self) -> None:
        """
        See L{Protocol.connectionMade}.
        """
        tcp = ITCPTransport(self.transport, None)
        if tcp is not None:
            tcp.setTcpKeepAlive(True)
        self._log.debug("forwarding to {peer}", peer=self._peer())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        See L{Protocol.connectionLost}.
        """
        self._log.debug("no longer forwarding to {peer}", peer=self._peer())
        self._finish(reason)

    def send(self, data: bytes) -> Deferred[None]:
        """
        Send bytes: one call at a time, while there is a connection.

        @return: A L{Deferred} that fires when the transport holds none of them
            any more, and fails when the connection is lost before.
        """
        self._data = data
        sent: Deferred[None] = Deferred()
        self._sent = sent
        self._consumer.registerProducer(self, False)
        return sent

    def resumeProducing(self) -> None:
        """
        Write the bytes when they are asked for; when more is asked for, they
        are gone.
        """
        if self._data:
            data, self._data = self._data, b""
            self._consumer.write(data)
        else:
            self._finish(None)

    def stopProducing(self) -> None:
        """
        The connection is lost.
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


@implementer(IWriter)
@define(eq=False)
class EndpointWriter:
    """
    Writes to whoever listens at an endpoint, and connects again for ever.

    The stock wire has no acknowledgement.  A write is done when the kernel has
    taken all of it (with TLS: all but the last 64 KiB); what the receiver then
    makes of it nobody can know, and what the kernel still had when a connection
    broke is lost.  A write during which the connection is lost is repeated
    from its start.

    @ivar endpoint: Where to connect to.
    @ivar clock: Tells when to connect again.
    """

    endpoint: IStreamClientEndpoint
    clock: IReactorTime
    _service: ClientService = field(init=False)

    def __attrs_post_init__(self) -> None:
        factory = Factory.forProtocol(ForwardProtocol)
        factory.noisy = False
        backoff = Backoff(FIRST_CONNECT_DELAY, MAX_CONNECT_DELAY)
        self._service = ClientService(
            self.endpoint, factory, backoff.delayAfter, self.clock
        )

    def open(self) -> None:
        """
        See L{IWriter.open}.
        """
        self._service.startService()

    def write(self, chunk: Chunk) -> Deferred[int]:
        """
        See L{IWriter.write}.
        """
        return Deferred.fromCoroutine(self._send(chunk.data))

    async def _send(self, data: bytes) -> int:
        connected = await self._service.whenConnected(failAfterFailures=1)
        await cast(ForwardProtocol, connected).send(data)
        return 0

    def reopen(self) -> None:
        """
        See L{IWriter.reopen}.
        """

    def close(self) -> Deferred[None]:
        """
        See L{IWriter.close}.
        """
        stopped = maybeDeferred(self._service.stopService)
        return stopped.addCallback(lambda result: None)


def _clientEndpoint(description: Description, reactor: object) -> IStreamClientEndpoint:
    """
    Make an endpoint of everything in a description that is left.

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


#: The parts of the endpoints that Twisted itself has.
_PARTS: Final = {
    "": ("HOST", "PORT"),
    "tcp": ("HOST", "PORT"),
    "ssl": ("HOST", "PORT"),
    "tls": ("HOST", "PORT"),
    "unix": ("PATH",),
}


def _checkParts(kind: str, description: Description) -> None:
    """
    Refuse what Twisted would take and then never connect to, and what it would
    refuse in words that do not help.  A path is made absolute, since a runner
    may go elsewhere before it starts the service.
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
    reactor = context.reactor
    # All that is left after the queue's keywords is the endpoint's.
    capacity, store = queueFromKeywords(description, context, "drop", "frames")
    writer = EndpointWriter(_clientEndpoint(description, reactor), reactor)
    return QueuedSink(
        encodeFrames,
        writer,
        reactor,
        context.tally,
        capacity,
        store,
        writeSize=WRITE_SIZE,
        retryDelay=REWRITE_DELAY,
        encoder=context.encoders.get(encodeFrames, WRITE_SIZE),
    )
