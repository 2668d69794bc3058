"""
The supervisor: binds the sockets, keeps the workers running that serve them, and adds
up the workers' counters.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar, Final

from attrs import Factory, define, field
from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.group import spoolNumbers
from logrecv.inputs.draining import LOOK_DELAY
from logrecv.losses import findLosses, logLosses
from logrecv.process import IProcessService
from logrecv.service import (
    CLOSE_TIMEOUT,
    DRAIN_TIMEOUT,
    HURRIED_TIMEOUT,
)
from logrecv.workers.balance import SharedFiles
from logrecv.workers.lifecycle import State, WorkerLifecycle
from logrecv.workers.messages import Message, Reopen, StopNow, Task
from logrecv.workers.metrics import WorkersCollector
from logrecv.workers.process import WorkerProcess, awaitReady, killAll
from logrecv.workers.sockets import SharedSockets
from logrecv.workers.totals import Totals

#: Seconds that a worker may take for a report: a thousand times as long as a worker
#: does that is not stuck.
ANSWER_TIMEOUT: Final = 5.0

#: Seconds that a stop waits at most for workers to accept connections.
ACCEPT_TIMEOUT: Final = 1.0

#: Seconds from one check for connections to accept to the next.
_ACCEPT_DELAY: Final = 0.02

#: Seconds that a stop gives workers beyond the time that they give themselves.
EXTRA_STOP_TIMEOUT: Final = 3.0

#: Seconds from the kill of a process to its end, at most.  The system does not kill a
#: process that waits for a broken disk.
KILL_TIMEOUT: Final = 5.0


@implementer(IProcessService)
@define(eq=False, slots=False)
class Supervisor(Service):
    """
    Starts and stops workers, which receive.

    @ivar reactor: The reactor.
    @ivar arguments: The command line, for this process and all workers.
    @ivar directory: The working directory that the command line was given in.
    @ivar count: The number of workers that receive.
    @ivar sockets: The sockets that the workers serve.
    @ivar totals: The sums of the reports of all workers.
    @ivar spools: The directories that were named for the spools of outputs.
    @ivar drain: The time that a stop may take, in seconds.
    @ivar consoles: The services that show the console.
    @ivar lost: The number of records that were lost since the start, known at the end.
    @ivar metrics: The metrics of the workers themselves.
    """

    _log: ClassVar[Logger] = Logger()

    reactor: Any
    arguments: Sequence[str]
    directory: str
    count: int
    sockets: SharedSockets
    totals: Totals
    spools: Sequence[str] = field(default=(), kw_only=True)
    drain: float = field(default=DRAIN_TIMEOUT, kw_only=True)
    consoles: Sequence[IService] = field(default=(), init=False)
    lost: int = field(default=0, init=False)
    _workers: dict[int, WorkerLifecycle] = field(factory=dict, init=False)
    metrics: WorkersCollector = field(
        default=Factory(lambda self: WorkersCollector(self._workers), takes_self=True),
        init=False,
    )
    _isBound: bool = field(default=False, init=False)
    #: Kills the workers that do not stop, and later goes on without them.
    _killing: IDelayedCall | None = field(default=None, init=False)
    #: Fires when a stop waits no longer for the processes of workers.
    _ended: Deferred[None] = field(factory=Deferred, init=False)
    _files: SharedFiles | None = field(default=None, init=False)

    # -- starting --

    def privilegedStartService(self) -> None:
        """
        Listen on all ports, while the process may have privileges.

        @raise CannotListenError: A port cannot be listened on.
        """
        super().privilegedStartService()
        self._isBound = True
        for service in self.consoles:
            service.privilegedStartService()
        self.sockets.bind(self.count)

    def startService(self) -> None:
        """
        Start the workers, and let them serve when all of them are ready.

        @raise CannotListenError: A port cannot be listened on.
        @raise OSError: A worker could not get ready.
        """
        if not self._isBound:
            self.privilegedStartService()
        super().startService()
        self._files = files = SharedFiles.make()
        members = range(1, self.count + 1)
        for number in (*members, *self._leftovers()):
            self._workers[number] = WorkerLifecycle(
                number,
                self.reactor,
                partial(self._makeTask, files, number),
                files.counts,
                self.totals,
                self.spools,
                isLeftover=number > self.count,
            )
        processes: list[WorkerProcess] = []
        try:
            for worker in self._workers.values():
                processes.append(worker.start())
            awaitReady(processes)
        except BaseException:
            killAll(processes)
            self._cleanUp()
            raise
        # All members take part before the first member accepts a connection.
        for number in members:
            files.counts.put(number, 0)
        for worker in self._workers.values():
            worker.serve()
        for service in self.consoles:
            service.startService()
        self._log.info(
            "{count} workers serve: processes {processes}",
            count=self.count,
            processes=", ".join(str(process.pid) for process in processes),
        )

    def _leftovers(self) -> list[int]:
        """
        Find the workers of an earlier run whose spools have no worker now.
        """
        found = {number for each in self.spools for number in spoolNumbers(each)}
        return sorted(number for number in found if number > self.count)

    def _makeTask(self, files: SharedFiles, number: int) -> Task:
        isMember = number <= self.count
        return Task(
            list(self.arguments),
            self.directory,
            number,
            self.count,
            files.directory,
            files.file.fileno(),
            self.sockets.descriptors(number, self.count) if isMember else {},
            type(self.reactor).__module__,
        )

    # -- running --

    def refresh(self) -> Deferred[str | None]:
        """
        Bring the totals up to date.

        @return: A L{Deferred} that fires with C{None} if all workers have reported, and
            otherwise with a text that names the workers that are missing or do not
            answer.
        """
        return Deferred.fromCoroutine(self._refresh())

    async def _refresh(self) -> str | None:
        processes = [
            worker.process
            for worker in self._workers.values()
            if worker.state is State.SERVING
            and worker.process is not None
            and not worker.isLeftover
        ]
        answers = [
            process.ask().addTimeout(ANSWER_TIMEOUT, self.reactor)
            for process in processes
        ]
        results = await DeferredList(answers, consumeErrors=True)
        silent = [
            str(process.number)
            for process, (answered, _) in zip(processes, results, strict=True)
            if not answered
        ]
        self.totals.sumUp()
        missing = self.count - len(processes)
        if missing:
            return f"{missing} of {self.count} workers are being replaced"
        if silent:
            return f"of the workers these do not answer: {', '.join(silent)}"
        return None

    def reopen(self) -> None:
        """
        Let all workers open files again.
        """
        self._tellAll(Reopen())

    def _tellAll(self, message: Message) -> None:
        for worker in self._workers.values():
            worker.send(message)

    # -- stopping --

    def stopService(self) -> Deferred[None]:
        """
        Stop all workers, each as a process stops that serves alone.

        @return: A L{Deferred} that fires when all workers have ended.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def stopNow(self) -> None:
        """
        Cut short a stop that is under way, in all workers.
        """
        self._tellAll(StopNow())
        left = HURRIED_TIMEOUT + EXTRA_STOP_TIMEOUT
        if self._killing is not None and self._killing.active():
            remaining = self._killing.getTime() - self.reactor.seconds()
            self._killing.reset(min(left, remaining))

    async def _stop(self) -> None:
        workers = [each for each in self._workers.values() if each.process is not None]
        ends = [worker.ended() for worker in workers]
        for worker in self._workers.values():
            worker.stop()
        await self._untilAccepted()
        self.sockets.close()
        await self._untilEnded(DeferredList(ends))
        for service in self.consoles:
            with suppress(Exception):
                await maybeDeferred(service.stopService)
        self._cleanUp()
        self._account()

    async def _untilAccepted(self) -> None:
        """
        Wait until workers have accepted all connections that the kernel has completed.
        The kernel resets the others when the sockets are closed.
        """
        deadline = self.reactor.seconds() + ACCEPT_TIMEOUT
        await deferLater(self.reactor, 2 * LOOK_DELAY)
        while self.reactor.seconds() < deadline and self.sockets.isAwaited():
            await deferLater(self.reactor, _ACCEPT_DELAY)

    async def _untilEnded(self, every: Deferred[Any]) -> None:
        """
        Wait for the end of all processes, and kill the ones that take too long.
        """
        timeout = self.drain + CLOSE_TIMEOUT + EXTRA_STOP_TIMEOUT
        self._killing = self.reactor.callLater(timeout, self._killAll)
        every.addCallback(lambda results: self._end())
        await self._ended

    def _killAll(self) -> None:
        for worker in self._workers.values():
            if worker.process is not None:
                self._log.error(
                    "worker {number} does not stop: it is killed", number=worker.number
                )
                worker.kill()
        self._killing = self.reactor.callLater(KILL_TIMEOUT, self._end)

    def _end(self) -> None:
        if self._killing is not None and self._killing.active():
            self._killing.cancel()
        if not self._ended.called:
            self._ended.callback(None)

    def _cleanUp(self) -> None:
        """
        Remove all files that this run has made.
        """
        self.sockets.vacate()
        if self._files is not None:
            self._files.remove()
            self._files = None

    def _account(self) -> None:
        """
        Log the records that were lost.
        """
        self.totals.close()
        losses = findLosses(self.totals.outputs, self.totals.quarantine)
        self.lost = logLosses(self._log, losses)
