"""
Flushing of a spool to disk, in another thread: the log is synced soon after each
write, and emptied when it has grown.
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum, auto
from typing import ClassVar, Final

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from logrecv.outputs.queue.store import StoreFull
from logrecv.outputs.spool.database import SpoolFile, syncLog
from logrecv.outputs.spool.log import PAGE_SIZE
from logrecv.outputs.spool.replacing import ReplaceableFile
from logrecv.threads import ISerialExecutor

#: Bytes written to the log after which it is emptied.  Each time, the next write
#: waits for one flush of the log's header.
CHECKPOINT_SIZE: Final = 16 * 1024 * 1024

#: Bytes written to the log after which the writes wait until it is empty, if they
#: never pause: the log only begins anew at a write before which all of it was
#: emptied.
MAX_LOG_SIZE: Final = 64 * 1024 * 1024

#: Seconds that accepted records are not yet safe from a power cut, at most.
SYNC_DELAY: Final = 1.0

#: Attempts to get to the end of a log that grows meanwhile, each time.
_MAX_PASSES: Final = 3

#: Bytes that a transaction writes beside its data: the pages that it touches.
_TRANSACTION_SIZE: Final = 3 * PAGE_SIZE


class _State(Enum):
    """
    The state of the log.
    """

    #: The log grows.
    GROWING = auto()

    #: The other thread empties the log.
    EMPTYING = auto()

    #: The spool is closed.
    CLOSED = auto()


@define(eq=False)
class LogFlusher:
    """
    Has the log of a database synced and emptied.

    @ivar file: The file of the database.
    @ivar output: The label of the output, for log messages.
    @ivar clock: Tells when to sync.
    @ivar executor: Runs the functions that wait for the disk.
    @ivar checkpointSize: Bytes written to the log after which it is emptied.
    """

    _log: ClassVar[Logger] = Logger()

    file: ReplaceableFile
    output: str
    clock: IReactorTime
    executor: ISerialExecutor
    checkpointSize: int = CHECKPOINT_SIZE
    _state: _State = field(default=_State.GROWING, init=False)
    #: Bytes written to the log since it was empty.
    _written: int = field(default=0, init=False)
    #: The value of C{_written} when the log was last about to be emptied.
    _triedAt: int = field(default=0, init=False)
    _sync: IDelayedCall | None = field(default=None, init=False)
    _failureReported: bool = field(default=False, init=False)

    def written(self, size: int) -> None:
        """
        Take note of a transaction, which has to be flushed some time.

        @param size: Bytes of data in the transaction.
        """
        self._written += size + _TRANSACTION_SIZE
        if self._sync is None:
            self._sync = self.clock.callLater(SYNC_DELAY, self._syncLog)
        grown = self._written - self._triedAt >= self.checkpointSize
        if grown and self._state is _State.GROWING:
            self._state = _State.EMPTYING
            self._emptyLog()

    def replaced(self) -> None:
        """
        Take note that there is a new database, whose log is empty.
        """
        self._written = self._triedAt = 0

    def close(self) -> None:
        """
        Flush no more.
        """
        self._state = _State.CLOSED
        if self._sync is not None:
            self._sync.cancel()
            self._sync = None
        self.executor.end()

    def _syncLog(self) -> None:
        self._sync = None
        done = self.executor.run(lambda: syncLog(self.file.path))
        done.addErrback(self._reportFailure)

    def _emptyLog(self) -> None:
        """
        Empty the log in the other thread.  If that thread does not get to the end
        of a log that grows too fast, empty the log here.
        """
        # The values of _written at the beginning of each pass.
        beginnings: list[int] = []

        def run() -> None:
            while len(beginnings) < _MAX_PASSES and self._written not in beginnings:
                beginnings.append(self._written)
                self.file.emptyLogInThread()

        def finish(result: object) -> None:
            if self._state is _State.CLOSED:
                return
            self._state = _State.GROWING
            if self._written in beginnings:
                # The next write begins the log anew.
                self._written = 0
            elif self._written >= MAX_LOG_SIZE:
                self._emptyNow()
            self._triedAt = self._written

        self.executor.run(run).addErrback(self._reportFailure).addCallback(finish)

    def _emptyNow(self) -> None:
        with suppress(StoreFull):
            self.file.attempt(SpoolFile.checkpoint)
            self._written = 0

    def _reportFailure(self, failure: Failure) -> None:
        if not self._failureReported:
            self._failureReported = True
            self._log.error(
                "{output}: the spool cannot be flushed to disk ({error}); "
                "a power cut may lose records",
                output=self.output,
                error=failure.value,
            )
