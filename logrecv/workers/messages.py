"""
The messages between a supervisor and its workers: a JSON object on each line, over a
socket for each worker.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Lock
from typing import Any, Final, TypeAlias

from attrs import define, field
from msgspec import Struct
from msgspec.json import Decoder, encode
from twisted.internet.protocol import Factory, Protocol

from logrecv.counters import InputTally, OutputTally, QuarantineTally

#: Stands for the descriptor of a socket that only other workers have.
NO_SOCKET: Final = -1

#: The signals that everybody sends to all processes of a service at once: terminals,
#: systemd.  They are blocked in a worker from its first moment on, until the worker can
#: take them.
STOPPING_SIGNALS: Final = frozenset({signal.SIGHUP, signal.SIGINT, signal.SIGTERM})

#: Bytes that are read at a time before the reactor runs.
_READ_SIZE: Final = 65536


class Task(Struct, tag="task"):
    """
    To a worker, as the first message: its place in the service.

    @ivar arguments: The command line without the command.
    @ivar directory: The working directory that the command line was given in.
    @ivar number: The number of the worker, from 1 on.
    @ivar count: The number of workers that receive.
    @ivar common: The path of a directory that all workers use.
    @ivar shared: The descriptor of a file that all workers have inherited.
    @ivar sockets: The descriptors of the sockets that the worker has inherited, by
        option, in the order of their descriptions; L{NO_SOCKET} for a socket that only
        another worker has.  Empty for a worker that does not receive, and only hands
        on the records that an earlier run has left.
    @ivar reactor: The name of the module of the supervisor's reactor.
    """

    arguments: list[str]
    directory: str
    number: int
    count: int
    common: str
    shared: int
    sockets: dict[str, list[int]]
    reactor: str


class Serve(Struct, tag="serve"):
    """
    To a worker that is ready: serve, since all other workers are ready too.
    """


class Ask(Struct, tag="ask"):
    """
    To a worker: send a report.
    """


class Reopen(Struct, tag="reopen"):
    """
    To a worker: open files again.
    """


class Stop(Struct, tag="stop"):
    """
    To a worker: stop in good order.
    """


class StopNow(Struct, tag="stop-now"):
    """
    To a worker that is stopping: cut the stop short.
    """


class Ready(Struct, tag="ready"):
    """
    From a worker: its outputs are open, and it can serve.
    """


class Failed(Struct, tag="failed"):
    """
    From a worker: it could not get ready, and ends.

    @ivar reason: The reason, in one line.
    """

    reason: str


class Logged(Struct, tag="logged"):
    """
    From a worker: an event for the log.

    @ivar level: The name of its level.
    @ivar namespace: The namespace of its logger.
    @ivar text: The event as text.
    """

    level: str
    namespace: str
    text: str


class Report(Struct, tag="report"):
    """
    From a worker, now and then and when asked: its counters, all of the same moment.

    @ivar inputs: The tallies of its inputs.
    @ivar outputs: The tallies of its outputs, in their order.
    @ivar quarantine: The tally of its quarantine.
    @ivar repeated: The number of batches that came again.
    @ivar memory: Its resident memory, in bytes.
    @ivar time: The processor time that it has used, in seconds.
    """

    inputs: list[InputTally]
    outputs: list[OutputTally]
    quarantine: QuarantineTally
    repeated: int = 0
    memory: int = 0
    time: float = 0.0


class Ended(Struct, tag="ended"):
    """
    From a worker, as the last message: it has stopped in good order.

    @ivar lost: The number of records that it lost since its start.
    """

    lost: int


ToWorker: TypeAlias = Task | Serve | Ask | Reopen | Stop | StopNow
FromWorker: TypeAlias = Ready | Failed | Logged | Report | Ended
Message: TypeAlias = ToWorker | FromWorker

_decode: Final = Decoder(Message).decode


def encodeMessage(message: Message) -> bytes:
    """
    Encode a message as a line.
    """
    return encode(message) + b"\n"


@define(eq=False)
class MessageBuffer:
    """
    Decodes messages from bytes, however the bytes are cut into pieces.
    """

    _rest: bytearray = field(factory=bytearray, init=False)

    def feed(self, data: bytes) -> Iterator[Message]:
        """
        Take the next bytes.

        @return: The messages that these bytes completed.
        """
        self._rest += data
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        for line in lines:
            yield _decode(line)


@define(eq=False)
class ControlProtocol(Protocol):
    """
    One end of the socket between a supervisor and a worker.  It can be used before the
    reactor runs too, with blocking reads.

    @ivar connection: The socket.
    """

    connection: socket.socket
    _buffer: MessageBuffer = field(factory=MessageBuffer, init=False)
    _sending: Any = field(factory=Lock, init=False)

    def send(self, message: Message) -> None:
        """
        Send a message: from the reactor's thread, or from any thread before L{adopt}.
        """
        line = encodeMessage(message)
        if self.transport is not None:
            self.transport.write(line)
            return
        # A read notices when the other end is gone.
        with suppress(OSError), self._sending:
            self.connection.sendall(line)

    def read(self) -> list[Message]:
        """
        Wait for bytes, before the reactor runs.

        @return: The messages that these bytes completed.
        @raise EOFError: The other end is gone.
        """
        data = b""
        with suppress(ConnectionResetError):
            data = self.connection.recv(_READ_SIZE)
        if not data:
            raise EOFError("the other end is gone")
        return list(self._buffer.feed(data))

    def adopt(self, reactor: Any) -> None:
        """
        Let the reactor read messages from now on.
        """
        factory = Factory.forProtocol(lambda: self)
        factory.noisy = False
        self.connection.setblocking(False)
        reactor.adoptStreamConnection(self.connection.fileno(), socket.AF_UNIX, factory)
        # The reactor has duplicated the descriptor.
        self.connection.close()

    def dataReceived(self, data: bytes) -> None:
        """
        Take bytes, and hand on the messages that these bytes completed.
        """
        for message in self._buffer.feed(data):
            self.messageReceived(message)

    def messageReceived(self, message: Message) -> None:
        """
        Take a message.
        """
        raise NotImplementedError
