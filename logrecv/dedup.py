"""
Recognition of repeated batches by their names.  A sender that did not hear that
its batch was accepted sends the batch again, and the batch has to count once.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import ClassVar, Final, Protocol

from attrs import define, field
from twisted.application.service import Service
from twisted.logger import Logger

from logrecv.paths import makePrivateDirectory, makePrivateFile, removeIfPresent
from logrecv.sqlite import schemaFrom, schemaOf

#: The number of names that are remembered: the newest.  A sender has one batch in
#: flight at a time, so this is enough for thousands of senders, or for a long time.
MAX_NAMES: Final = 10_000

#: The number of names that a file holds beyond these, at most.  They are removed
#: all at once.
_MAX_SURPLUS: Final = 1000

#: The name of the file in the directory, and the suffix of a file that cannot be
#: used.
_FILE_NAME: Final = "batches.sqlite"
_DAMAGED_SUFFIX: Final = ".damaged"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS names ON batches (name);
CREATE TABLE IF NOT EXISTS ends ( -- of the spools, while a batch is taken
    spool TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) WITHOUT ROWID;
"""

#: Visible ASCII.  The names that logrecv makes have some 40 characters, of which
#: at least 64 bits are random, so nobody can guess a name and have somebody else's
#: batch taken for a repetition.
_NAME_PATTERN: Final = re.compile(r"[!-~]{1,200}")


def isName(text: str) -> bool:
    """
    Return C{True} if a text can be the name of a batch.
    """
    return _NAME_PATTERN.fullmatch(text) is not None


class INumberedStore(Protocol):
    """
    A store on disk that numbers its parts, as a spool does.

    @ivar path: The path of the store.
    @ivar last: The number of the newest part.
    """

    @property
    def path(self) -> str: ...

    @property
    def last(self) -> int: ...


@define(eq=False, slots=False)
class SeenBatches:
    """
    Remembers the names of batches for as long as the process runs::

        with seen.lock:
            if not seen.isDuplicate(name):
                with seen.recording(name):
                    accept(batch)

    @ivar repeated: The number of batches that came again.
    @ivar spools: The spools that batches go into.
    @ivar lock: Held from the question whether a batch is a duplicate until the
        batch is recorded, so that only one of several processes accepts it.
    """

    repeated: int = field(default=0, init=False)
    spools: list[INumberedStore] = field(factory=list, init=False)
    lock: AbstractContextManager[None] = field(factory=nullcontext, kw_only=True)
    _names: OrderedDict[str, None] = field(factory=OrderedDict, init=False)

    def isDuplicate(self, name: str) -> bool:
        """
        Return C{True} if a batch was accepted before, and count the repetition.
        """
        if name not in self._names:
            return False
        self.repeated += 1
        return True

    @contextmanager
    def recording(self, name: str) -> Iterator[None]:
        """
        Remember a name, if the body of the C{with} statement accepts the batch
        without an exception.
        """
        yield
        self._names[name] = None
        if len(self._names) > MAX_NAMES:
            self._names.popitem(last=False)

    def unfinishedAfter(self, path: str) -> int | None:
        """
        Tell which parts of a spool belong to a batch whose name was not recorded
        before the process was killed: the batch is going to come again.

        @param path: The path of the spool.
        @return: The number of the last part before that batch; L{None} if there
            is no such batch.
        """
        return None


@define(eq=False, slots=False)
class StoredSeenBatches(SeenBatches, Service):
    """
    Remembers the names of batches over a restart, too, and after a kill::

        seen = StoredSeenBatches("/var/lib/logrecv")
        seen.startService()

    The names are in an SQLite database.  Nothing is ever flushed to disk, so a
    power cut may cost some of the names, and at the worst all.

    The records of a batch, which go into a spool, and its name cannot be committed
    at once.  So the end of each spool is noted before.  If a process was killed
    before it removed that note, the next process removes from the spools whatever
    came after their noted ends.  None of that can have been sent on, since all of
    this happens in one turn of the reactor.

    @ivar directory: The absolute path of the directory of the file.
    @ivar shared: C{True} if other processes use the file, too.
    """

    _log: ClassVar[Logger] = Logger()

    directory: str
    shared: bool = False
    _connection: sqlite3.Connection | None = field(default=None, init=False)
    #: The number of names in the file.
    _stored: int = field(default=0, init=False)
    _failureReported: bool = field(default=False, init=False)

    def startService(self) -> None:
        """
        Open the file.  The spools have to be open by now.

        @raise OSError: The directory cannot be made or used.
        """
        self._open()
        self._forgetEnds()
        super().startService()

    def stopService(self) -> None:
        super().stopService()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def isDuplicate(self, name: str) -> bool:
        if super().isDuplicate(name):
            return True
        if not (self.shared and self._isStored(name)):
            return False
        self.repeated += 1
        return True

    def unfinishedAfter(self, path: str) -> int | None:
        """
        Tell which parts of a spool belong to a batch whose name was not recorded.

        @raise OSError: The directory cannot be made or used.
        """
        rows = self._open().execute("SELECT last FROM ends WHERE spool = ?", (path,))
        return next((last for (last,) in rows.fetchall()), None)

    @contextmanager
    def recording(self, name: str) -> Iterator[None]:
        self._noteEnds()
        try:
            with super().recording(name):
                yield
        except BaseException:
            self._forgetEnds()
            raise
        self._execute("BEGIN")
        self._forgetEnds()
        self._execute("INSERT INTO batches (name) VALUES (?)", name)
        self._execute("COMMIT")
        self._stored += 1
        if self._stored > MAX_NAMES + _MAX_SURPLUS:
            self._removeOldest()

    # -- the file --

    def _open(self) -> sqlite3.Connection:
        """
        Open the file and read the names in it, if that is not yet done.
        """
        if self._connection is None:
            with self.lock:
                self._connection = self._openFile()
        return self._connection

    def _openFile(self) -> sqlite3.Connection:
        makePrivateDirectory(self.directory)
        path = os.path.join(self.directory, _FILE_NAME)
        makePrivateFile(path)
        try:
            return self._read(path)
        except sqlite3.DatabaseError as error:
            self._log.error(
                "{path} cannot be used ({error}) and is set aside; a batch that was "
                "accepted before and is sent again will be accepted again",
                path=path,
                error=error,
            )
            os.replace(path, path + _DAMAGED_SUFFIX)
            for suffix in ("-wal", "-shm"):
                removeIfPresent(path + suffix)
            return self._read(path)

    def _read(self, path: str) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(_SCHEMA)
            if schemaOf(connection) != schemaFrom(_SCHEMA):
                raise sqlite3.DatabaseError("its tables are not what was made")
            rows = connection.execute(
                "SELECT name FROM batches ORDER BY number DESC LIMIT ?", (MAX_NAMES,)
            ).fetchall()
        except BaseException:
            connection.close()
            raise
        self._names = OrderedDict.fromkeys(name for (name,) in reversed(rows))
        self._stored = len(rows)
        return connection

    def _isStored(self, name: str) -> bool:
        """
        Return C{True} if another process has accepted a batch.
        """
        if self._connection is None:
            return False
        try:
            rows = self._connection.execute(
                "SELECT 1 FROM batches WHERE name = ? LIMIT 1", (name,)
            )
            return rows.fetchone() is not None
        except sqlite3.Error as error:
            self._reportFailure(error)
            return False

    def _noteEnds(self) -> None:
        """
        Note the ends of the spools: a batch is about to go into them.
        """
        if self.spools:
            self._execute(
                "REPLACE INTO ends VALUES " + ", ".join(["(?, ?)"] * len(self.spools)),
                *(value for each in self.spools for value in (each.path, each.last)),
            )

    def _forgetEnds(self) -> None:
        """
        Note that no batch is going into the spools of this process.
        """
        if self.shared:
            for each in self.spools:
                self._execute("DELETE FROM ends WHERE spool = ?", each.path)
        else:
            self._execute("DELETE FROM ends")

    def _removeOldest(self) -> None:
        self._execute(
            "DELETE FROM batches WHERE number <= (SELECT max(number) FROM batches) - ?",
            MAX_NAMES,
        )
        self._stored = MAX_NAMES

    def _execute(self, statement: str, *values: object) -> None:
        """
        Execute a statement that must not fail: the batch is accepted in any case.
        """
        if self._connection is None:
            return
        try:
            self._connection.execute(statement, values)
        except sqlite3.Error as error:
            self._reportFailure(error)

    def _reportFailure(self, error: sqlite3.Error) -> None:
        if not self._failureReported:
            self._failureReported = True
            self._log.error(
                "{directory}: names of batches cannot be stored ({error}); after "
                "a restart a batch may be accepted twice",
                directory=self.directory,
                error=error,
            )
