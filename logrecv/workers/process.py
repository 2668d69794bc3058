"""
A worker as its supervisor sees it: a process, and what it says.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Collection
from contextlib import closing
from itertools import chain
from selectors import EVENT_READ, DefaultSelector
from time import monotonic
from typing import Final, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from logrecv.workers.control import ControlProtocol
from logrecv.workers.messages import (
    NO_SOCKET,
    Ask,
    Ended,
    Message,
    Ready,
    Report,
    Task,
)

#: Seconds that workers may take to get ready at the start of the service.
START_TIMEOUT: Final = 60.0


class CannotServe(OSError):
    """
    A worker could not get ready.
    """


class Owner(Protocol):
    """
    Who has workers.
    """

    def workerSaid(self, worker: WorkerProcess, message: Message) -> None:
        """
        A worker has said something.
        """

    def workerGone(self, worker: WorkerProcess) -> None:
        """
        A worker says nothing any more.
        """


@define(eq=False)
class WorkerProcess(ControlProtocol):
    """
    A worker.

    @ivar number: Its number, from 1 on.
    @ivar owner: Is told what it says.
    @ivar begun: When it was started, in seconds.
    @ivar process: The process.
    @ivar ready: Whether it could serve.
    @ivar serving: Whether it was told to, and has not ended.
    @ivar lost: What it had to give up, by output, when it has stopped.
    @ivar report: Its last report; L{None} before the first.
    """

    number: int
    owner: Owner
    begun: float
    process: subprocess.Popen[bytes]
    ready: bool = field(default=False, init=False)
    serving: bool = field(default=False, init=False)
    lost: dict[str, int] | None = field(default=None, init=False)
    report: Report | None = field(default=None, init=False)
    #: Those who wait for the next report.
    _asking: list[Deferred[None]] = field(factory=list, init=False)

    def ask(self) -> Deferred[None]:
        """
        Ask it for a report.

        @return: A L{Deferred} that fires when it has come, or never will.
        """
        asked: Deferred[None] = Deferred(self._asking.remove)
        self._asking.append(asked)
        if len(self._asking) == 1:
            self.send(Ask())
        return asked

    def messageReceived(self, message: Message) -> None:
        """
        Take what it says.
        """
        match message:
            case Ready():
                self.ready = True
            case Ended():
                self.lost = message.lost
            case Report():
                self.report = message
        self.owner.workerSaid(self, message)
        if isinstance(message, Report):
            self._answer()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        It has ended, or is about to.
        """
        self.serving = False
        self._answer()
        self.owner.workerGone(self)

    def _answer(self) -> None:
        asking, self._asking = self._asking, []
        for asked in asking:
            asked.callback(None)


def startWorker(task: Task, owner: Owner, begun: float) -> WorkerProcess:
    """
    Start a process, and tell it who it is.

    @param begun: The time, in seconds.
    @raise OSError: There can be none.
    """
    ours, theirs = socket.socketpair()
    try:
        with closing(theirs):
            process = _start(theirs.fileno(), task)
    except BaseException:
        ours.close()
        raise
    worker = WorkerProcess(ours, task.number, owner, begun, process)
    worker.send(task)
    return worker


def _start(descriptor: int, task: Task) -> subprocess.Popen[bytes]:
    inherited = {descriptor, task.shared, *chain(*task.sockets.values())}
    # It imports what this process does, wherever that came from, and nothing
    # from the directory that it happens to be in.
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "logrecv.workers", str(descriptor)],
        env={**os.environ, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        pass_fds=inherited - {NO_SOCKET},
    )


def awaitReady(workers: Collection[WorkerProcess]) -> None:
    """
    Wait until workers are ready, before the reactor runs.

    @raise CannotServe: One of them cannot be.
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
            "what it wrote to standard error says why"
        ) from None
    for message in messages:
        worker.messageReceived(message)
