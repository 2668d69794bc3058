"""
A worker: what a process that serves alone does, with sockets that it has
inherited and a supervisor instead of a console.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from attrs import define, field
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    globalLogBeginner,
)
from twisted.python.failure import Failure
from twisted.python.threadable import isInIOThread
from zope.interface import implementer

from logrecv.descriptions import DescriptionError
from logrecv.group import WorkerGroup
from logrecv.inputs.endpoints import StreamAddress, parseStreamAddress
from logrecv.inputs.udp import DatagramAddress, InheritedAddress, parseAddress
from logrecv.process import memory, processorTime
from logrecv.tap import Options, Receiver, makeReceiver
from logrecv.workers.balance import ConnectionCounts, Slot
from logrecv.workers.control import ControlProtocol
from logrecv.workers.messages import (
    NO_SOCKET,
    Ask,
    Ended,
    Failed,
    Hurry,
    Logged,
    Message,
    Ready,
    Reopen,
    Report,
    Serve,
    Stop,
    Task,
)
from logrecv.workers.sockets import InheritedPorts, inherited

#: Seconds between reports that nobody has asked for: what the supervisor knows
#: of a worker that is killed.
REPORT_INTERVAL: Final = 1.0


class WorkerOptions(Options):
    """
    The options of the supervisor, as they are for one of its workers.
    """

    def __init__(self, reactor: Any, task: Task, board: ConnectionCounts) -> None:
        """
        @param reactor: The reactor.
        @param task: Who the worker is.
        @param board: Tells who has how many connections.
        """
        group = WorkerGroup(task.number, task.count, task.shared, task.common)
        super().__init__(lambda: reactor, group)
        self._task = task
        self._board = board

    def _makeStreams(self, option: str) -> list[StreamAddress]:
        descriptors = iter(self._task.sockets.get(option, ()))

        def make(text: str) -> StreamAddress:
            ports = InheritedPorts(
                self["reactor"], next(descriptors), self._board, self._task.number
            )
            return parseStreamAddress(ports, inherited(text))

        # The console is the supervisor's.
        return self._make(option, make) if option in self._task.sockets else []

    def _makeDatagrams(self) -> list[DatagramAddress]:
        descriptors = self._task.sockets.get("udp", [])
        addresses = self._make("udp", parseAddress) if descriptors else []
        return [
            InheritedAddress(address, descriptor)
            for address, descriptor in zip(addresses, descriptors, strict=True)
            if descriptor != NO_SOCKET
        ]


@define(eq=False)
class Channel(ControlProtocol):
    """
    What leads to the supervisor.

    @ivar gone: Whether the supervisor is.
    """

    gone: bool = field(default=False, init=False)
    #: Gets what the supervisor says; L{None} when it is gone.
    listener: Callable[[Message | None], None] = field(init=False)
    _received: list[Message] = field(factory=list, init=False)

    def receive(self) -> Message:
        """
        Wait for a message, before there is a reactor.

        @raise EOFError: The supervisor is gone.
        """
        while not self._received:
            self._received = self.read()
        return self._received.pop(0)

    def adopt(self, reactor: Any) -> None:
        """
        See L{ControlProtocol.adopt}.
        """
        super().adopt(reactor)
        for message in self._received:
            self.listener(message)

    def messageReceived(self, message: Message) -> None:
        """
        Hand on what the supervisor says.
        """
        self.listener(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The supervisor is gone.
        """
        self.gone = True
        self.listener(None)


@define(eq=False)
class WorkerMain:
    """
    Does what the supervisor says.

    @ivar reactor: The reactor.
    @ivar channel: Leads to the supervisor.
    @ivar receiver: What it is about.
    @ivar place: Where it says how many connections it has.
    """

    reactor: Any
    channel: Channel
    receiver: Receiver
    place: Slot
    _stopping: bool = field(default=False, init=False)

    def run(self, asked: list[int]) -> None:
        """
        Serve until the supervisor says that it is over, or is gone.

        @param asked: The signals to stop that have come by now.
        """
        self.channel.listener = self._take
        self.channel.adopt(self.reactor)
        if any(self.receiver.service.inputs):
            self.place.enter()
        signal.signal(
            signal.SIGTERM, lambda *_: self.reactor.callFromThread(self._stop)
        )
        if asked:
            self.reactor.callWhenRunning(self._stop)
        reporting = LoopingCall(self._report)
        reporting.clock = self.reactor
        reporting.start(REPORT_INTERVAL, now=True)
        self.reactor.run(installSignalHandlers=False)

    def _take(self, message: Message | None) -> None:
        service = self.receiver.service
        match message:
            case Ask():
                self._report()
            case Reopen():
                service.reopen()
            case Hurry():
                service.stopNow()
            case Stop() | None:
                self._stop()

    def _report(self) -> None:
        intake = self.receiver.intake
        report = Report(
            list(intake.tallies.values()),
            list(self.receiver.outputs),
            intake.quarantine.tally,
            intake.batches.repeated,
            memory(),
            processorTime(),
        )
        self.channel.send(report)

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self.place.leave()
        stopped = self.receiver.service.stopService()
        stopped.addCallback(lambda result: self._end())

    def _end(self) -> None:
        self._report()
        self.channel.send(Ended(self.receiver.service.lost))
        self.channel.listener = self._takeLast
        transport = self.channel.transport
        if self.channel.gone or transport is None:
            self.reactor.stop()
        else:
            # Which writes first what there is to write.
            transport.loseConnection()

    def _takeLast(self, message: Message | None) -> None:
        if message is None:
            self.reactor.stop()


def _beginLogging(channel: Channel) -> Callable[[Any], None]:
    """
    Send the log to the supervisor.

    @return: Tells it that there is a reactor now.
    """
    reactor: list[Any] = []
    levels = LogLevelFilterPredicate(LogLevel.warn)
    levels.setLogLevelForNamespace("logrecv", LogLevel.info)
    # Where it listens the supervisor has said.
    levels.setLogLevelForNamespace("logrecv.inputs", LogLevel.error)

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        level = event.get("log_level") or LogLevel.info
        namespace = event.get("log_namespace", "")
        message = Logged(level.name, str(namespace), text)
        if reactor and not isInIOThread():
            reactor[0].callFromThread(channel.send, message)
        else:
            channel.send(message)

    globalLogBeginner.beginLoggingTo(
        [FilteringLogObserver(observe, [levels])], redirectStandardIO=False
    )
    return reactor.append


def _install(name: str) -> Any:
    """
    Install the same kind of reactor as the supervisor has.

    @param name: Its module.
    """
    module = import_module(name)
    if "twisted.internet.reactor" not in sys.modules:
        module.install()
    from twisted.internet import reactor

    return reactor


def main(descriptor: int) -> None:
    """
    Be a worker.

    @param descriptor: The descriptor of the socket that leads to the
        supervisor.
    """
    # What a terminal sends to all of them is for the supervisor.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    channel = Channel(socket.socket(fileno=descriptor))
    try:
        task = channel.receive()
        assert isinstance(task, Task)
        announce = _beginLogging(channel)
        try:
            worker = _prepare(task, channel)
        except (CannotListenError, DescriptionError, OSError, SystemExit) as error:
            line = " ".join(str(error).split()).removeprefix("logrecv: ")
            channel.send(Failed(line))
            raise SystemExit(1) from None
        channel.send(Ready())
        if not isinstance(channel.receive(), Serve):
            return
    except EOFError:
        return
    announce(worker.reactor)
    worker.run(asked)


def _prepare(task: Task, channel: Channel) -> WorkerMain:
    """
    Make everything ready, and serve nothing yet.
    """
    os.chdir(task.directory)
    reactor = _install(task.reactor)
    board = ConnectionCounts(task.shared)
    options = WorkerOptions(reactor, task, board)
    options.parseOptions(task.arguments)
    receiver = makeReceiver(options)
    receiver.service.startService()
    place = Slot(board, task.number, options["admission"])
    return WorkerMain(reactor, channel, receiver, place)
