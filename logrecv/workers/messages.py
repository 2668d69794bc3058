"""
What a supervisor and its workers tell each other: a JSON object a line, over a
socket that each pair has for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from attrs import define, field
from msgspec import Struct
from msgspec.json import Decoder, encode

from logrecv.counters import InputTally, OutputTally, QuarantineTally

#: What stands for the descriptor of a socket that other workers alone have.
NO_SOCKET: Final = -1


class Task(Struct, tag="task"):
    """
    To a worker, first of all: who it is.

    @ivar arguments: The command line without the command.
    @ivar directory: Where that was given.
    @ivar number: The number of the worker, from 1 on.
    @ivar count: How many workers serve.
    @ivar common: The directory that all of them use.
    @ivar shared: The descriptor of the file that all of them have inherited.
    @ivar sockets: The descriptors of the sockets that the worker has inherited,
        by option, in the order of their descriptions; L{NO_SOCKET} where another
        worker alone has it.  Empty for a worker that only has records of an earlier
        run to hand on.
    @ivar reactor: The module of the reactor of the supervisor.
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
    To a worker that is ready: all others are, too.
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
    To a worker: stop, as a service does.
    """


class Hurry(Struct, tag="hurry"):
    """
    To a worker that is stopping: wait no longer.
    """


class Ready(Struct, tag="ready"):
    """
    From a worker: its outputs are open, and it could serve.
    """


class Failed(Struct, tag="failed"):
    """
    From a worker: it could not get ready, and ends.

    @ivar reason: Why, in one line.
    """

    reason: str


class Logged(Struct, tag="logged"):
    """
    From a worker: something for the log.

    @ivar level: The name of its level.
    @ivar namespace: Who says it.
    @ivar text: What.
    """

    level: str
    namespace: str
    text: str


class Report(Struct, tag="report"):
    """
    From a worker, now and then and when asked: its numbers, all of one moment.

    @ivar inputs: The tallies of its inputs.
    @ivar outputs: Those of its outputs, in their order.
    @ivar quarantine: That of its quarantine.
    @ivar repeated: Batches that came again.
    @ivar memory: Bytes that it has in memory.
    @ivar time: Seconds of processors that it has used.
    """

    inputs: list[InputTally]
    outputs: list[OutputTally]
    quarantine: QuarantineTally
    repeated: int = 0
    memory: int = 0
    time: float = 0.0


class Ended(Struct, tag="ended"):
    """
    From a worker, last of all: it has stopped.

    @ivar lost: Records that it had to give up, by output.
    """

    lost: dict[str, int]


ToWorker: TypeAlias = Task | Serve | Ask | Reopen | Stop | Hurry
FromWorker: TypeAlias = Ready | Failed | Logged | Report | Ended
Message: TypeAlias = ToWorker | FromWorker

_decode: Final = Decoder(Message).decode


def encodeMessage(message: Message) -> bytes:
    """
    Make the line of a message.
    """
    return encode(message) + b"\n"


@define(eq=False)
class MessageBuffer:
    """
    Makes messages of bytes, in any pieces.
    """

    _rest: bytearray = field(factory=bytearray, init=False)

    def feed(self, data: bytes) -> Iterator[Message]:
        """
        Take the next bytes.

        @return: The messages that they completed.
        """
        self._rest += data
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        for line in lines:
            yield _decode(line)
