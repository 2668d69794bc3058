"""
A spool's database that is replaced when it is damaged: the damaged file is set
aside, and the rows in it that are whole go into a new file.

The files while a damaged file is replaced, in the order of the steps:

 1. C{spool.sqlite} is damaged, and C{spool.sqlite-wal.kept} is its log.
 2. C{spool.sqlite.new} gets the rows that are whole.
 3. C{spool.sqlite} and its log are renamed to C{spool.sqlite.damaged-TIME}.
 4. C{spool.sqlite.new} is renamed to C{spool.sqlite}.

A process that ends before step 3 has changed nothing, and the next process begins
with step 1.  If a process ends later, the next process does the remaining steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from threading import Lock
from typing import ClassVar, Final, Protocol, TypeVar

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from logrecv.outputs.queue.store import StoreFull
from logrecv.outputs.spool import database
from logrecv.outputs.spool.database import (
    INDEX_SUFFIX,
    LOG_SUFFIX,
    SpoolFile,
    removeDatabase,
)
from logrecv.outputs.spool.log import WriteAheadLog
from logrecv.outputs.spool.recovery import DamagedDatabase
from logrecv.outputs.spool.rows import CorruptSpool
from logrecv.paths import removeIfPresent

_T = TypeVar("_T")

#: Seconds that a search for damage may take when the spool is opened.
CHECK_TIMEOUT: Final = 2.0

#: The suffix of the second name of the log, while the log may yet be needed.
_KEPT_SUFFIX: Final = "-wal.kept"

#: The suffix of a new file until the new file is complete.
_NEW_SUFFIX: Final = ".new"


class IRowHolder(Protocol):
    """
    The owner of the rows in a database.
    """

    def salvage(self, damaged: DamagedDatabase, file: SpoolFile) -> int:
        """
        Store the rows that are still held in a new file.

        @return: The number of the records that were read from the damaged file.
        @raise StoreFull: The disk has no room for the rows.
        """

    def replaced(self, damaged: DamagedDatabase, file: SpoolFile) -> None:
        """
        Take note that a new file is in use.

        @raise CorruptSpool: The new file is damaged too.
        """


@define(eq=False)
class ReplaceableFile:
    """
    A L{SpoolFile} that is replaced when it is damaged.

    @ivar path: The absolute path of the file.
    @ivar form: The format of the records: a key of
        L{logrecv.outputs.spool.database.FORMS}.
    @ivar output: The label of the output, for log messages.
    @ivar clock: Names the time at which a file is set aside.
    @ivar holder: The owner of the rows.
    """

    _log: ClassVar[Logger] = Logger()

    path: str
    form: str
    output: str
    clock: IReactorTime
    holder: IRowHolder
    _file: SpoolFile | None = field(default=None, init=False)
    #: Held by another thread that has the file open.  The file must not be renamed
    #: then: SQLite removes the log of a file by its name.
    _renaming: Lock = field(factory=Lock, init=False)

    def open(self) -> None:
        """
        Open the file, and make a new one if there is none.  Replace the file if
        it is damaged.

        @raise OSError: The file cannot be used.
        """
        self._finishReplacing()
        try:
            self._openChecked()
        except CorruptSpool as damage:
            try:
                self._replace(damage)
            except CorruptSpool as error:
                raise OSError(f"{self.path}: {error}") from None
        except OSError:
            self.close()
            self._restoreLog()
            raise

    def attempt(self, operation: Callable[[SpoolFile], _T]) -> _T:
        """
        Do something with the file.  If the file is damaged, replace it and try
        once more.

        @raise StoreFull: It cannot be done now.
        """
        try:
            return operation(self._use())
        except CorruptSpool as damage:
            found = damage
        try:
            if os.path.exists(self.path):
                self._keepLog()
                self._replace(found)
            else:
                self.startOver()
            return operation(self._use())
        except (CorruptSpool, OSError) as error:
            raise StoreFull(str(error)) from None

    def startOver(self) -> None:
        """
        Begin a new file while nothing is held: on a disk that is full of the log
        of the old file, nothing can be deleted from the old file.

        @raise StoreFull: There is no new file.
        """
        self.close()
        try:
            with self._renaming:
                removeDatabase(self.path)
            self._file = SpoolFile.open(self.path, self.form)
        except (CorruptSpool, OSError) as error:
            # Half of a new file is no damaged file.
            with suppress(OSError):
                removeDatabase(self.path)
            raise StoreFull(str(error)) from None

    def emptyLogInThread(self) -> None:
        """
        Empty the log in another thread than that of the other methods.

        @raise sqlite3.DatabaseError: The log cannot be emptied.
        """
        with self._renaming:
            database.checkpoint(self.path)

    def close(self) -> None:
        """
        Close the file.
        """
        if self._file is not None:
            self._file.close()

    def _use(self) -> SpoolFile:
        assert self._file is not None
        return self._file

    def _openChecked(self) -> None:
        """
        Open the file and search it for damage.

        @raise CorruptSpool: The file is damaged.
        """
        self._keepLog()
        log = WriteAheadLog.read(self.path + LOG_SUFFIX)
        self._file = file = SpoolFile.open(self.path, self.form)
        # SQLite ends a log at the first damaged frame, and says nothing.
        with suppress(StoreFull):
            if file.checkpoint() < log.committed:
                raise CorruptSpool("its log is not what was written")
        if log.isCut:
            self._log.warn(
                "{output}: the last write to the spool was cut short",
                output=self.output,
            )
        deadline = self.clock.seconds() + CHECK_TIMEOUT
        file.check(lambda: self.clock.seconds() > deadline)
        removeIfPresent(self.path + _KEPT_SUFFIX)

    # -- replacing --

    def _replace(self, damage: CorruptSpool) -> None:
        """
        Set the file aside, and go on in a new file with the rows that are whole.

        @raise OSError: That cannot be done; everything is as it was.
        @raise CorruptSpool: The new file is damaged too.
        """
        self.close()
        new = self.path + _NEW_SUFFIX
        try:
            log = WriteAheadLog.read(self.path + _KEPT_SUFFIX)
            with closing(DamagedDatabase(self.path, log)) as damaged:
                saved = self._rewrite(damaged, new)
        except BaseException:
            removeDatabase(new)
            self._restoreLog()
            raise
        with self._renaming:
            aside = self._setAside()
            os.replace(new, self.path)
        self._file = file = SpoolFile.open(self.path, self.form)
        self.holder.replaced(damaged, file)
        self._log.error(
            "{output}: the spool was damaged ({damage}) and is set aside as {aside}; "
            "{saved} records in it were saved, {missing} batches are missing",
            output=self.output,
            damage=damage,
            aside=aside,
            saved=saved,
            missing=damaged.missing,
        )

    def _rewrite(self, damaged: DamagedDatabase, new: str) -> int:
        """
        Make a new file with the rows that are whole.

        @return: The number of the records that were saved.
        """
        removeDatabase(new)
        with closing(SpoolFile.open(new, self.form)) as file:
            saved = self.holder.salvage(damaged, file)
            # The file alone is renamed, so nothing may be left in its log.
            file.checkpoint()
        return saved

    def _setAside(self) -> str:
        """
        Rename the file and its log.

        @return: The new path of the file.
        """
        now = datetime.fromtimestamp(self.clock.seconds(), UTC)
        aside = f"{self.path}.damaged-{now:%Y%m%dT%H%M%S.%fZ}"
        os.replace(self.path, aside)
        with suppress(FileNotFoundError):
            os.replace(self.path + _KEPT_SUFFIX, aside + LOG_SUFFIX)
        for suffix in (LOG_SUFFIX, INDEX_SUFFIX):
            removeIfPresent(self.path + suffix)
        return aside

    def _finishReplacing(self) -> None:
        """
        Do the remaining steps, if an earlier process ended while it replaced the
        file.
        """
        new = self.path + _NEW_SUFFIX
        if not os.path.exists(self.path) and os.path.exists(new):
            for suffix in (LOG_SUFFIX, INDEX_SUFFIX, _KEPT_SUFFIX):
                removeIfPresent(self.path + suffix)
            os.replace(new, self.path)
        removeDatabase(new)

    # -- the log --

    def _keepLog(self) -> None:
        """
        Keep the log, which SQLite deletes when it closes the file.
        """
        self._restoreLog()
        with suppress(FileNotFoundError):
            os.link(self.path + LOG_SUFFIX, self.path + _KEPT_SUFFIX)

    def _restoreLog(self) -> None:
        """
        Give the log its name again, if SQLite has deleted it.
        """
        log, kept = self.path + LOG_SUFFIX, self.path + _KEPT_SUFFIX
        if not os.path.exists(kept):
            return
        if os.path.exists(log) and os.path.samefile(log, kept):
            os.unlink(kept)
        else:
            os.replace(kept, log)
