"""
The process of a worker, as the supervisor sees it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Collection
from contextlib import closing, suppress
from itertools import chain
from selectors import EVENT_READ, DefaultSelector
from time import monotonic
from typing import Any, Final, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from logrecv.workers.messages import (
    NO_SOCKET,
    STOPPING_SIGNALS,
    Ask,
    ControlProtocol,
    Ended,
    Message,
    Ready,
    Report,
    Task,
)

#: Seconds that workers may take to get ready at the start of the service.
START_TIMEOUT: Final = 60.0

#: Seconds from the end of the connection to a process to the end of the process, after
#: which the process is killed.
_END_TIMEOUT: Final = 5.0

#: Seconds from one check for the end of a process to the next.
_END_CHECK_DELAY: Final = 0.02


class CannotServe(OSError):
    """
    A worker could not get ready.
    """


class IProcessListener(Protocol):
    """
    Takes the messages of a worker process.
    """

    def messageReceived(self, message: Message) -> None:
        """
        Take a message.

        @raise CannotServe: The process cannot serve, and the service starts.
        """

    def connectionLost(self) -> None:
        """
        Take note that no more messages follow.
        """


@define(eq=False)
class WorkerProcess(ControlProtocol):
    """
    The supervisor's end of the connection to a worker process.

    @ivar number: The number of the worker, from 1 on.
    @ivar listener: Takes the messages.
    @ivar begun: The time when the process was started, in seconds.
    @ivar process: The process.
    @ivar ready: C{True} once the process is ready to serve.
    @ivar lost: The number of records that the process lost, when it has stopped in good
        order; L{None} until then.
    @ivar report: The last report; L{None} before the first report.
    """

    number: int
    listener: IProcessListener
    begun: float
    process: subprocess.Popen[bytes]
    ready: bool = field(default=False, init=False)
    lost: int | None = field(default=None, init=False)
    report: Report | None = field(default=None, init=False)
    #: Fire at the next report.
    _asking: list[Deferred[None]] = field(factory=list, init=False)

    @property
    def pid(self) -> int:
        """
        The id of the process.
        """
        return self.process.pid

    def ask(self) -> Deferred[None]:
        """
        Ask for a report.

        @return: A L{Deferred} that fires when the report has come, or when the
            connection is lost.
        """
        asked: Deferred[None] = Deferred(self._asking.remove)
        self._asking.append(asked)
        if len(self._asking) == 1:
            self.send(Ask())
        return asked

    def messageReceived(self, message: Message) -> None:
        """
        Take a message of the process, and hand it on.
        """
        match message:
            case Ready():
                self.ready = True
            case Ended():
                self.lost = message.lost
            case Report():
                self.report = message
        self.listener.messageReceived(message)
        if isinstance(message, Report):
            self._answer()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Take note that the process has ended, or is about to end.
        """
        self._answer()
        self.listener.connectionLost()

    def kill(self) -> None:
        """
        Kill the process.
        """
        self.process.kill()

    async def ended(self, reactor: Any) -> int:
        """
        Wait for the end of the process, which has closed its connection.

        @return: The status of the process, as C{subprocess.Popen} gives it.
        """
        deadline = reactor.seconds() + _END_TIMEOUT
        while (status := self.process.poll()) is None:
            if reactor.seconds() > deadline:
                self.process.kill()
            await deferLater(reactor, _END_CHECK_DELAY)
        return status

    def _answer(self) -> None:
        asking, self._asking = self._asking, []
        for asked in asking:
            asked.callback(None)


def startWorker(task: Task, listener: IProcessListener, now: float) -> WorkerProcess:
    """
    Start a process, and send it its task.

    @param now: The time, in seconds.
    @raise OSError: The system does not start another process.
    """
    ours, theirs = socket.socketpair()
    try:
        with closing(theirs):
            process = _start(theirs.fileno(), task)
    except BaseException:
        ours.close()
        raise
    worker = WorkerProcess(ours, task.number, listener, now, process)
    worker.send(task)
    return worker


def _start(descriptor: int, task: Task) -> subprocess.Popen[bytes]:
    inherited = {descriptor, task.shared, *chain(*task.sockets.values())}
    # The process imports the same code as this process, wherever that came from, and
    # nothing from its working directory.
    path = os.pathsep.join(entry for entry in sys.path if entry)
    # The worker inherits the mask, and unblocks the signals when it can take them.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING_SIGNALS)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "logrecv.workers", str(descriptor)],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            pass_fds=inherited - {NO_SOCKET},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def awaitReady(workers: Collection[WorkerProcess]) -> None:
    """
    Wait until workers are ready, before the reactor runs.

    @raise CannotServe: A worker cannot get ready.
    """
    end = monotonic() + START_TIMEOUT
    with DefaultSelector() as selector:
        for worker in workers:
            selector.register(worker.connection, EVENT_READ, worker)
        while not all(worker.ready for worker in workers):
            events = selector.select(max(end - monotonic(), 0))
            if not events:
                raise CannotServe("the workers do not get ready")
            for key, _ in events:
                _read(key.data)


def _read(worker: WorkerProcess) -> None:
    try:
        messages = worker.read()
    except EOFError:
        raise CannotServe(
            f"worker {worker.number} ended before it was ready; "
            "its lines on standard error say why"
        ) from None
    for message in messages:
        worker.messageReceived(message)


def killAll(workers: Collection[WorkerProcess]) -> None:
    """
    Kill the processes of workers and wait for their end, before the reactor runs.
    """
    for worker in workers:
        worker.kill()
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(_END_TIMEOUT)
