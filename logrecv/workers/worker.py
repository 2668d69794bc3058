"""
A worker: receives as a process does that serves alone, with sockets that it has
inherited, and reports to its supervisor.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from importlib import import_module
from typing import Any, Final

from attrs import define, field
from twisted.internet.error import CannotListenError
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
from twisted.python.threadable import isInIOThread
from zope.interface import implementer

from logrecv.descriptions import DescriptionError
from logrecv.group import WorkerGroup
from logrecv.inputs.datagrams import DatagramAddress, InheritedAddress, parseAddress
from logrecv.inputs.endpoints import StreamAddress, parseStreamAddress
from logrecv.options import Options
from logrecv.ownlog import OwnLog
from logrecv.process import memory, processorTime
from logrecv.receiver import Receiver, makeReceiver
from logrecv.workers.balance import ConnectionCounts, Slot
from logrecv.workers.connection import SupervisorConnection
from logrecv.workers.inherited import InheritedPorts, inherited
from logrecv.workers.messages import (
    NO_SOCKET,
    STOPPING_SIGNALS,
    Ask,
    Ended,
    Failed,
    Logged,
    Message,
    Ready,
    Reopen,
    Report,
    Serve,
    Stop,
    StopNow,
    Task,
)

#: Seconds between the reports that a worker sends without being asked.  The supervisor
#: takes the last report for the account of a worker that is killed.
REPORT_DELAY: Final = 1.0

#: Seconds in which a worker whose supervisor is gone reads its clients.  The service
#: that is started in its place needs the addresses and the files.  Longer than a stop
#: takes to find that clients are quiet.
ORPHAN_TIMEOUT: Final = 0.5


class WorkerOptions(Options):
    """
    The options of a worker: the options of its supervisor, with inherited sockets for
    the inputs and without a console.
    """

    def __init__(self, reactor: Any, task: Task, counts: ConnectionCounts) -> None:
        """
        @param reactor: The reactor.
        @param task: The task of the worker.
        @param counts: The numbers of connections of all workers.
        """
        group = WorkerGroup(task.number, task.count, task.shared, task.common)
        super().__init__(lambda: reactor, group)
        self._task = task
        self._counts = counts

    def streamAddresses(self, option: str) -> list[StreamAddress]:
        """
        Parse the addresses for which the worker has inherited a socket.
        """
        descriptors = iter(self._task.sockets.get(option, ()))

        def parse(text: str) -> StreamAddress:
            ports = InheritedPorts(
                self["reactor"], next(descriptors), self._counts, self._task.number
            )
            return parseStreamAddress(ports, inherited(text))

        return self.parseEach(option, parse) if option in self._task.sockets else []

    def datagramAddresses(self) -> Sequence[DatagramAddress]:
        """
        Parse the addresses for which the worker has inherited a socket.
        """
        descriptors = self._task.sockets.get("udp", [])
        addresses = self.parseEach("udp", parseAddress) if descriptors else []
        return [
            InheritedAddress(address, descriptor)
            for address, descriptor in zip(addresses, descriptors, strict=True)
            if descriptor != NO_SOCKET
        ]


class _State(Enum):
    """
    The states of a worker that has been told to serve.
    """

    SERVING = "serving"
    STOPPING = "stopping"
    #: The receiver has stopped, and the last messages are on their way.
    ENDED = "ended"


@define(eq=False)
class WorkerMain:
    """
    Runs the receiver of a worker, as the supervisor says.

    @ivar reactor: The reactor.
    @ivar supervisor: The connection to the supervisor.
    @ivar receiver: The receiver.
    @ivar slot: The place where the worker publishes its number of connections.
    """

    reactor: Any
    supervisor: SupervisorConnection
    receiver: Receiver
    slot: Slot
    _state: _State = field(default=_State.SERVING, init=False)

    def run(self, signals: Sequence[int]) -> None:
        """
        Serve until the supervisor stops the worker, or is gone.

        @param signals: The signals to stop that have come before, and that come until
            this method has a signal handler of its own.
        """
        self.supervisor.listener = self._messageReceived
        self.supervisor.adopt(self.reactor)
        if any(self.receiver.service.inputs):
            self.slot.enter()
        signal.signal(
            signal.SIGTERM, lambda *_: self.reactor.callFromThread(self._stop)
        )
        if signals:
            self.reactor.callWhenRunning(self._stop)
        reporting = LoopingCall(self._report)
        reporting.clock = self.reactor
        reporting.start(REPORT_DELAY, now=True)
        self.reactor.run(installSignalHandlers=False)

    def _messageReceived(self, message: Message | None) -> None:
        service = self.receiver.service
        if self._state is _State.ENDED:
            if message is None:
                self.reactor.stop()
            return
        match message:
            case Ask():
                self._report()
            case Reopen():
                service.reopen()
            case StopNow():
                service.stopNow()
            case Stop():
                self._stop()
            case None:
                self._stop()
                self.reactor.callLater(ORPHAN_TIMEOUT, service.stopNow)

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
        self.supervisor.send(report)

    def _stop(self) -> None:
        if self._state is not _State.SERVING:
            return
        self._state = _State.STOPPING
        self.slot.leave()
        stopped = self.receiver.service.stopService()
        stopped.addCallback(lambda result: self._end())

    def _end(self) -> None:
        self._state = _State.ENDED
        self.supervisor.finish()
        self._report()
        self.supervisor.send(Ended(self.receiver.service.lost))
        if self.supervisor.isGone or self.supervisor.transport is None:
            self.reactor.stop()
        else:
            self.supervisor.transport.loseConnection()


def _beginLogging(supervisor: SupervisorConnection) -> Callable[[Any], None]:
    """
    Send the log to the supervisor, or to standard error when the supervisor is gone.

    @return: A function to call with the reactor, before the reactor runs.
    """
    reactor: list[Any] = []
    orphaned = OwnLog.toStandardError()
    atexit.register(orphaned.end)
    levels = LogLevelFilterPredicate(LogLevel.warn)
    levels.setLogLevelForNamespace("logrecv", LogLevel.info)
    # The supervisor has logged its listening ports.
    levels.setLogLevelForNamespace("logrecv.inputs", LogLevel.error)

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        if supervisor.isGone:
            # The last lines are the account of the records.
            assert orphaned.observer is not None
            orphaned.observer(event)
            return
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        level = event.get("log_level") or LogLevel.info
        namespace = event.get("log_namespace", "")
        message = Logged(level.name, str(namespace), text)
        if reactor and not isInIOThread():
            reactor[0].callFromThread(supervisor.send, message)
        else:
            supervisor.send(message)

    globalLogBeginner.beginLoggingTo(
        [FilteringLogObserver(observe, [levels])], redirectStandardIO=False
    )
    return reactor.append


def _install(name: str) -> Any:
    """
    Install the same kind of reactor as the supervisor has.

    @param name: The name of the reactor's module.
    """
    module = import_module(name)
    if "twisted.internet.reactor" not in sys.modules:
        module.install()
    from twisted.internet import reactor

    return reactor


def main(descriptor: int) -> None:
    """
    Run a worker.

    @param descriptor: The descriptor of the socket to the supervisor.
    """
    # A terminal sends these signals to all processes; the supervisor takes them.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signals: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: signals.append(number))
    # Blocked by the supervisor: they would have ended the process before this.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING_SIGNALS)
    supervisor = SupervisorConnection(socket.socket(fileno=descriptor))
    try:
        task = supervisor.receive()
        assert isinstance(task, Task)
        announce = _beginLogging(supervisor)
        try:
            worker = _prepare(task, supervisor)
        except (CannotListenError, DescriptionError, OSError, SystemExit) as error:
            line = " ".join(str(error).split()).removeprefix("logrecv: ")
            supervisor.send(Failed(line))
            raise SystemExit(1) from None
        supervisor.send(Ready())
        if not isinstance(supervisor.receive(), Serve):
            return
    except EOFError:
        return
    announce(worker.reactor)
    worker.run(signals)


def _prepare(task: Task, supervisor: SupervisorConnection) -> WorkerMain:
    """
    Open the outputs and make the inputs, which accept nothing before L{WorkerMain.run}.
    """
    os.chdir(task.directory)
    reactor = _install(task.reactor)
    counts = ConnectionCounts(task.shared)
    options = WorkerOptions(reactor, task, counts)
    options.parseOptions(task.arguments)
    receiver = makeReceiver(options)
    receiver.service.startService()
    # As in L{logrecv.process.ProcessService}.
    gc.freeze()
    slot = Slot(counts, task.number, receiver.admission)
    return WorkerMain(reactor, supervisor, receiver, slot)
