"""
The supervisor: binds the sockets, has workers serve them, puts another in the
place of one that ends, and adds up what they count.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from subprocess import TimeoutExpired
from typing import Any, ClassVar, Final

from attrs import Factory, define, field
from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, DeferredList, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger, LogLevel

from logrecv.backoff import MAX_DELAY, Backoff, withoutJitter
from logrecv.group import spoolName, spoolNumbers
from logrecv.inputs.streams import LOOKS, QUIET
from logrecv.outputs.spool.directory import removeEmptied
from logrecv.service import CLOSING, DRAIN, logStopped
from logrecv.workers.balance import ABSENT
from logrecv.workers.messages import (
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
from logrecv.workers.metrics import WorkersCollector
from logrecv.workers.process import CannotServe, WorkerProcess, awaitReady, startWorker
from logrecv.workers.shared import SharedFiles
from logrecv.workers.sockets import SharedDatagrams, SharedStream
from logrecv.workers.totals import Totals

#: Seconds that a worker may take for a report: a thousand times as long as it
#: does.
ANSWER_TIMEOUT: Final = 5.0

#: Seconds after which a worker has lasted, so that the delay before another takes its
#: place begins anew.
LASTING: Final = 60.0

#: Seconds that a stop waits for workers to accept, at most.
ACCEPTING: Final = 1.0

#: Seconds that a stop gives workers beyond what they give themselves.
MARGIN: Final = 3.0

#: Seconds from one look at whether a process has ended to the next, and after
#: which one that says nothing any more is killed.
_LOOK: Final = 0.02
_PATIENCE: Final = 5.0


@define(eq=False, slots=False)
class Supervisor(Service):
    """
    Has other processes receive.

    @ivar reactor: The reactor.
    @ivar arguments: The command line, which is theirs, too.
    @ivar directory: Where that was given.
    @ivar count: How many serve.
    @ivar streams: The sockets for connections, by option.
    @ivar datagrams: Those for datagrams.
    @ivar totals: The numbers of all workers together.
    @ivar spools: The directories that the spools of the outputs are in.
    @ivar drain: Seconds in which a stop has to be done.
    @ivar consoles: The services that show how things are.
    @ivar lost: Records that a stop had to give up, by output.
    @ivar metrics: What there is to tell of the workers themselves.
    """

    _log: ClassVar[Logger] = Logger()

    reactor: Any
    arguments: Sequence[str]
    directory: str
    count: int
    streams: dict[str, list[SharedStream]]
    datagrams: list[SharedDatagrams]
    totals: Totals
    spools: Sequence[str] = field(default=(), kw_only=True)
    drain: float = field(default=DRAIN, kw_only=True)
    consoles: Sequence[IService] = field(default=(), init=False)
    lost: dict[str, int] = field(factory=dict, init=False)
    _workers: dict[int, WorkerProcess] = field(factory=dict, init=False)
    metrics: WorkersCollector = field(
        default=Factory(lambda self: WorkersCollector(self._workers), takes_self=True),
        init=False,
    )
    #: When others are started in the place of those that ended.
    _restarting: dict[int, IDelayedCall] = field(factory=dict, init=False)
    #: The delays before others are started.
    _backoffs: dict[int, Backoff] = field(factory=dict, init=False)
    #: Workers that only hand on what an earlier run has left.
    _heirs: set[int] = field(factory=set, init=False)
    _bound: bool = field(default=False, init=False)
    _stopping: bool = field(default=False, init=False)
    _common: SharedFiles | None = field(default=None, init=False)
    #: Those who wait for the end of each worker.
    _ends: dict[int, list[Deferred[None]]] = field(factory=dict, init=False)

    # -- starting --

    def privilegedStartService(self) -> None:
        """
        Listen, while there may be privileges.

        @raise CannotListenError: A port cannot be had.
        """
        super().privilegedStartService()
        self._bound = True
        for service in self.consoles:
            service.privilegedStartService()
        for stream in self.streams["tcp"]:
            stream.bind()
        for datagrams in self.datagrams:
            datagrams.bind(self.count)
        for stream in self.streams["http"]:
            stream.bind()

    def startService(self) -> None:
        """
        Start the workers, and serve when all of them are ready.

        @raise CannotListenError: A port cannot be had.
        @raise OSError: A worker could not get ready.
        """
        if not self._bound:
            self.privilegedStartService()
        super().startService()
        self._common = SharedFiles.make()
        found = {number for each in self.spools for number in spoolNumbers(each)}
        self._heirs = {number for number in found if number > self.count}
        try:
            for number in (*range(1, self.count + 1), *sorted(self._heirs)):
                self._start(number)
            awaitReady(self._workers.values())
        except BaseException:
            self._killAll()
            self._cleanUp()
            raise
        # All of them, before the first takes whoever waits.
        for number in range(1, self.count + 1):
            self._common.board.put(number, 0)
        for worker in self._workers.values():
            self._serve(worker)
        for service in self.consoles:
            service.startService()
        self._log.info(
            "{count} workers serve: processes {processes}",
            count=self.count,
            processes=", ".join(
                str(worker.process.pid) for worker in self._workers.values()
            ),
        )

    def _start(self, number: int) -> WorkerProcess:
        """
        @raise OSError: There can be no such process.
        """
        assert self._common is not None
        sockets: dict[str, list[int]] = {}
        if number not in self._heirs:
            sockets = {
                option: [stream.descriptor() for stream in streams]
                for option, streams in self.streams.items()
            }
            # A socket that cannot be divided is one worker's, each another's.
            sockets["udp"] = [
                datagrams.descriptor((number - 1 - at) % self.count)
                for at, datagrams in enumerate(self.datagrams)
            ]
        task = Task(
            list(self.arguments),
            self.directory,
            number,
            self.count,
            self._common.directory,
            self._common.file.fileno(),
            sockets,
            type(self.reactor).__module__,
        )
        worker = startWorker(task, self, self.reactor.seconds())
        self._workers[number] = worker
        return worker

    def _serve(self, worker: WorkerProcess) -> None:
        """
        Let a worker begin, which is ready.
        """
        worker.serving = True
        worker.send(Serve())
        if worker.transport is None:
            worker.adopt(self.reactor)

    # -- what workers say --

    def workerSaid(self, worker: WorkerProcess, message: Message) -> None:
        """
        See L{logrecv.workers.process.Owner.workerSaid}.
        """
        match message:
            case Logged():
                self._relay(worker, message)
            case Ready() if worker.transport is not None:
                self._serve(worker)
            case Failed() if worker.transport is None:
                raise CannotServe(message.reason)
            case Failed():
                self._log.error(
                    "worker {number} cannot serve: {reason}",
                    number=worker.number,
                    reason=message.reason,
                )
            case Report():
                self.totals.put(worker.number, message)
                self._dismissIfDone(worker, message)

    def _relay(self, worker: WorkerProcess, message: Logged) -> None:
        Logger(message.namespace).emit(
            LogLevel.lookupByName(message.level),
            "worker {number}: {text}",
            number=worker.number,
            text=message.text,
        )

    def _dismissIfDone(self, worker: WorkerProcess, report: Report) -> None:
        """
        Stop a worker that has handed on all that an earlier run had left.
        """
        if worker.number in self._heirs and not any(
            tally.queued for tally in report.outputs
        ):
            worker.send(Stop())

    def workerGone(self, worker: WorkerProcess) -> None:
        """
        See L{logrecv.workers.process.Owner.workerGone}.
        """
        Deferred.fromCoroutine(self._reap(worker))

    async def _reap(self, worker: WorkerProcess) -> None:
        """
        Wait for the end of a worker, and put another in its place.
        """
        number = worker.number
        if self._common is not None:
            self._common.board.put(number, ABSENT)
        status = await self._ended(worker)
        self.totals.end(number)
        del self._workers[number]
        if number in self._heirs and worker.lost is not None:
            self._heirs.discard(number)
            self._removeSpools(number)
        elif not self._stopping:
            self._startLater(worker, status)
        for ended in self._ends.pop(number, []):
            ended.callback(None)

    async def _ended(self, worker: WorkerProcess) -> int:
        """
        Wait for the end of a process that says nothing any more.

        @return: Its status, as C{subprocess.Popen} gives it.
        """
        deadline = self.reactor.seconds() + _PATIENCE
        while (status := worker.process.poll()) is None:
            if self.reactor.seconds() > deadline:
                worker.process.kill()
            await deferLater(self.reactor, _LOOK)
        return status

    def _startLater(self, worker: WorkerProcess, status: int) -> None:
        number = worker.number
        backoff = self._backoffs.setdefault(number, Backoff(chance=withoutJitter))
        if self.reactor.seconds() - worker.begun >= LASTING:
            backoff.reset()
        delay = backoff.nextDelay()
        level = LogLevel.info if worker.lost == {} else LogLevel.error
        self._log.emit(
            level,
            "worker {number} has ended ({how}); another begins in {delay:g} s",
            number=number,
            how=_describe(status),
            delay=delay,
        )
        self._restarting[number] = self.reactor.callLater(
            delay, self._startAnother, number
        )

    def _startAnother(self, number: int) -> None:
        del self._restarting[number]
        self.metrics.restarts += 1
        try:
            worker = self._start(number)
        except OSError as error:
            self._log.error(
                "worker {number} cannot be started: {error}; trying again in "
                "{delay:g} s",
                number=number,
                error=error,
                delay=MAX_DELAY,
            )
            self._restarting[number] = self.reactor.callLater(
                MAX_DELAY, self._startAnother, number
            )
        else:
            worker.adopt(self.reactor)

    def _removeSpools(self, number: int) -> None:
        """
        Remove what is left of the spools of a worker: they are empty.
        """
        if any(self.totals.queued(number).values()):
            return
        for spool in self.spools:
            removeEmptied(os.path.join(spool, spoolName(number)))

    # -- how things are --

    def refresh(self) -> Deferred[str | None]:
        """
        Bring the totals up to date.

        @return: A L{Deferred} that fires with what is wrong, if anything is: a
            worker that is missing, or does not answer.
        """
        return Deferred.fromCoroutine(self._refresh())

    async def _refresh(self) -> str | None:
        workers = [
            each
            for each in self._workers.values()
            if each.serving and each.number not in self._heirs
        ]
        answers = [
            each.ask().addTimeout(ANSWER_TIMEOUT, self.reactor) for each in workers
        ]
        results = await DeferredList(answers, consumeErrors=True)
        silent = [
            each.number
            for each, (answered, _) in zip(workers, results, strict=True)
            if not answered
        ]
        self.totals.sumUp()
        missing = self.count - len(workers)
        if missing:
            return f"{missing} of {self.count} workers are being replaced"
        if silent:
            return f"of the workers these do not answer: {', '.join(map(str, silent))}"
        return None

    def reopen(self) -> None:
        """
        Have all workers open files again.
        """
        self._tellAll(Reopen())

    # -- stopping --

    def stopService(self) -> Deferred[None]:
        """
        Stop: have all workers stop, each as a process of its own does.

        @return: A L{Deferred} that fires when all is done.
        """
        super().stopService()
        self._stopping = True
        return Deferred.fromCoroutine(self._stop())

    def stopNow(self) -> None:
        """
        Wait no longer in a stop that is under way.
        """
        self._tellAll(Hurry())

    def _tellAll(self, message: Message) -> None:
        for worker in self._workers.values():
            worker.send(message)

    async def _stop(self) -> None:
        for restarting in self._restarting.values():
            restarting.cancel()
        workers = dict(self._workers)
        ends = [self._endOf(number) for number in workers]
        self._tellAll(Stop())
        await self._untilAccepted()
        self._closeSockets()
        every = DeferredList(ends)
        try:
            await every.addTimeout(self.drain + CLOSING + MARGIN, self.reactor)
        except TimeoutError:
            for number, worker in self._workers.items():
                self._log.error("worker {number} does not stop", number=number)
                worker.process.kill()
            await DeferredList([self._endOf(number) for number in self._workers])
        for service in self.consoles:
            with suppress(Exception):
                await maybeDeferred(service.stopService)
        self._cleanUp()
        self._account(workers)

    async def _untilAccepted(self) -> None:
        """
        Wait until workers have accepted what the kernel has completed: what they
        have not is reset when the sockets are closed.
        """
        deadline = self.reactor.seconds() + ACCEPTING
        await deferLater(self.reactor, 2 * QUIET / LOOKS)
        streams = [*self.streams["tcp"], *self.streams["http"]]
        while self.reactor.seconds() < deadline and any(
            stream.isAwaited() for stream in streams
        ):
            await deferLater(self.reactor, _LOOK)

    def _endOf(self, number: int) -> Deferred[None]:
        ended: Deferred[None] = Deferred()
        self._ends.setdefault(number, []).append(ended)
        return ended

    def _account(self, workers: dict[int, WorkerProcess]) -> None:
        """
        Say, at the very end, what was lost.
        """
        for number, worker in workers.items():
            lost = worker.lost
            if lost is None:
                # It was killed with what it had.
                lost = self.totals.queued(number)
            for output, count in lost.items():
                if count:
                    self.lost[output] = self.lost.get(output, 0) + count
        logStopped(self._log, self.lost)

    def _closeSockets(self) -> None:
        for stream in (*self.streams["tcp"], *self.streams["http"]):
            stream.close()
        for datagrams in self.datagrams:
            datagrams.close()

    def _killAll(self) -> None:
        for worker in self._workers.values():
            worker.process.kill()
            with suppress(TimeoutExpired):
                worker.process.wait(_PATIENCE)

    def _cleanUp(self) -> None:
        """
        Leave nothing behind.
        """
        for datagrams in self.datagrams:
            datagrams.vacate()
        if self._common is not None:
            self._common.remove()
            self._common = None


def _describe(status: int) -> str:
    """
    Say in words how a process has ended.

    @param status: as C{subprocess.Popen} gives it.
    """
    if status < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
        return f"killed by signal {-status}"
    return f"status {status}"
