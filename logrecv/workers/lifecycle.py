"""
The lifecycle of one worker: processes that follow each other under the same number.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any, ClassVar, Final

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger, LogLevel

from logrecv.backoff import MAX_DELAY, Backoff, withoutJitter
from logrecv.group import spoolName
from logrecv.outputs.spool.directory import removeEmptied
from logrecv.workers.balance import ABSENT, ConnectionCounts
from logrecv.workers.messages import (
    Failed,
    Logged,
    Message,
    Ready,
    Report,
    Serve,
    Stop,
    Task,
)
from logrecv.workers.process import CannotServe, WorkerProcess, startWorker
from logrecv.workers.totals import Totals

#: Seconds after which a process has lasted, so that the delay before another process
#: takes its place begins anew.
LASTING: Final = 60.0


class State(Enum):
    """
    The states of a worker.
    """

    #: The process has started, and does not serve yet.
    STARTING = "starting"
    #: The process serves.
    SERVING = "serving"
    #: The process has closed its connection to the supervisor, and ends.
    ENDING = "ending"
    #: There is no process yet, or no process at the moment.
    WAITING = "waiting"
    #: There is no process, and no process follows.
    DONE = "done"


@define(eq=False)
class WorkerLifecycle:
    """
    Keeps one worker running: starts its process, takes the messages of the process,
    and starts another process in its place when it ends.

    @ivar number: The number of the worker, from 1 on.
    @ivar reactor: The reactor of the supervisor.
    @ivar makeTask: Makes the task of each process.
    @ivar counts: The numbers of connections of all workers.
    @ivar totals: The sums of the reports of all workers.
    @ivar spools: The directories that were named for the spools of outputs.
    @ivar isLeftover: C{True} for a worker that does not receive, and only hands on the
        records that an earlier run with more workers has left in spools.
    @ivar state: The state of the worker.
    @ivar process: The process; L{None} while the worker is C{WAITING} or C{DONE}.
    @ivar restarts: The number of processes that were started in the place of another.
    """

    _log: ClassVar[Logger] = Logger()

    number: int
    reactor: Any
    makeTask: Callable[[], Task]
    counts: ConnectionCounts
    totals: Totals
    spools: Sequence[str] = ()
    isLeftover: bool = False
    state: State = field(default=State.WAITING, init=False)
    process: WorkerProcess | None = field(default=None, init=False)
    restarts: int = field(default=0, init=False)
    #: C{False} if no other process is to follow when this process ends.
    _isWanted: bool = field(default=True, init=False)
    _backoff: Backoff = field(factory=lambda: Backoff(chance=withoutJitter), init=False)
    _restart: IDelayedCall | None = field(default=None, init=False)
    #: Fire when the process has ended.
    _ends: list[Deferred[None]] = field(factory=list, init=False)

    def start(self) -> WorkerProcess:
        """
        Start a process.

        @raise OSError: The system does not start another process.
        """
        now = self.reactor.seconds()
        self.process = startWorker(self.makeTask(), self, now)
        self.state = State.STARTING
        return self.process

    def serve(self) -> None:
        """
        Let the process serve, which is ready.
        """
        assert self.process is not None
        self.state = State.SERVING
        self.process.send(Serve())
        if self.process.transport is None:
            self.process.adopt(self.reactor)

    def send(self, message: Message) -> None:
        """
        Send a message to the process, if there is a process.
        """
        if self.process is not None:
            self.process.send(message)

    def stop(self) -> None:
        """
        Let the process stop in good order.  No other process follows.
        """
        self._isWanted = False
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
            self.state = State.DONE
        self.send(Stop())

    def kill(self) -> None:
        """
        Kill the process, if there is a process.
        """
        if self.process is not None:
            self.process.kill()

    def ended(self) -> Deferred[None]:
        """
        Wait for the end of the process, which there has to be.

        @return: A L{Deferred} that fires when the process has ended.
        """
        ended: Deferred[None] = Deferred()
        self._ends.append(ended)
        return ended

    def messageReceived(self, message: Message) -> None:
        """
        Take a message of the process.

        @raise CannotServe: The process cannot serve, and the service starts.
        """
        assert self.process is not None
        isStart = self.process.transport is None
        match message:
            case Logged():
                self._relay(message)
            case Ready() if not isStart:
                self.serve()
            case Failed() if isStart:
                raise CannotServe(message.reason)
            case Failed():
                self._log.error(
                    "worker {number} cannot serve: {reason}",
                    number=self.number,
                    reason=message.reason,
                )
            case Report():
                self.totals.put(self.number, message)
                if self.isLeftover and not any(each.queued for each in message.outputs):
                    self.send(Stop())

    def connectionLost(self) -> None:
        """
        Wait for the end of the process, which sends no more messages.
        """
        Deferred.fromCoroutine(self._reap())

    def _relay(self, message: Logged) -> None:
        Logger(message.namespace).emit(
            LogLevel.lookupByName(message.level),
            "worker {number}: {text}",
            number=self.number,
            text=message.text,
        )

    async def _reap(self) -> None:
        """
        Wait for the end of the process, and let another process follow.
        """
        process = self.process
        assert process is not None
        self.state = State.ENDING
        self.counts.put(self.number, ABSENT)
        status = await process.ended(self.reactor)
        self.totals.end(self.number)
        self.process = None
        if self.isLeftover and process.lost is not None:
            self.state = State.DONE
            self._removeSpools()
        elif self._isWanted:
            self._startLater(process, status)
        else:
            self.state = State.DONE
        ends, self._ends = self._ends, []
        for ended in ends:
            ended.callback(None)

    def _startLater(self, process: WorkerProcess, status: int) -> None:
        if self.reactor.seconds() - process.begun >= LASTING:
            self._backoff.reset()
        delay = self._backoff.nextDelay()
        level = LogLevel.info if process.lost == 0 else LogLevel.error
        self._log.emit(
            level,
            "worker {number} has ended ({how}); another begins in {delay:g} s",
            number=self.number,
            how=_describe(status),
            delay=delay,
        )
        self._startAfter(delay)

    def _startAfter(self, delay: float) -> None:
        self.state = State.WAITING
        self._restart = self.reactor.callLater(delay, self._startAnother)

    def _startAnother(self) -> None:
        self._restart = None
        self.restarts += 1
        try:
            process = self.start()
        except OSError as error:
            self._log.error(
                "worker {number} cannot be started: {error}; trying again in "
                "{delay:g} s",
                number=self.number,
                error=error,
                delay=MAX_DELAY,
            )
            self._startAfter(MAX_DELAY)
        else:
            process.adopt(self.reactor)

    def _removeSpools(self) -> None:
        """
        Remove the spools of the worker, if they are empty.
        """
        if any(self.totals.queued(self.number).values()):
            return
        for spool in self.spools:
            removeEmptied(os.path.join(spool, spoolName(self.number)))


def _describe(status: int) -> str:
    """
    Describe the end of a process for the log.

    @param status: The status of the process, as C{subprocess.Popen} gives it.
    """
    if status < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
        return f"killed by signal {-status}"
    return f"status {status}"
