"""
The names of the batches that were taken: a sender that did not hear that its
batch was sends it again, and it has to count once.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import ClassVar, Final, Protocol

from attrs import define, field
from twisted.application.service import Service
from twisted.logger import Logger

#: Names that are remembered: the newest.  A sender has one batch under way at a
#: time, so this is for thousands of them, or for a long time.
REMEMBERED: Final = 10_000

#: Names beyond those in a file, at most; they are removed all at once.
_SURPLUS: Final = 1000

#: The name of the file in the directory, and what is added to that of one that
#: is no use.
_FILE: Final = "batches.sqlite"
_DAMAGED: Final = ".damaged"

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

#: What a name looks like: visible ASCII.  Those of logrecv have some 40
#: characters, of which at least 64 bits are by chance, so nobody can guess one
#: and have somebody else's batch taken for a repetition.
_NAME: Final = re.compile(r"[!-~]{1,200}")


def isName(text: str) -> bool:
    """
    Whether a text can be the name of a batch.
    """
    return _NAME.fullmatch(text) is not None


class Numbered(Protocol):
    """
    Something on disk that numbers what it takes, as a spool does.

    @ivar path: Where it is.
    @ivar last: The number of the last thing that it took.
    """

    @property
    def path(self) -> str: ...

    @property
    def last(self) -> int: ...


@define(eq=False, slots=False)
class SeenBatches:
    """
    Remembers names for as long as the process runs.

    @ivar repeated: How many batches came that had been taken.
    @ivar spools: What batches are taken into that outlives the process.
    @ivar lock: Is held by who asks about a batch and then takes it, so that of
        several processes only one does.
    """

    repeated: int = field(default=0, init=False)
    spools: list[Numbered] = field(factory=list, init=False)
    lock: AbstractContextManager[None] = field(factory=nullcontext, kw_only=True)
    _names: OrderedDict[str, None] = field(factory=OrderedDict, init=False)

    def isDuplicate(self, name: str) -> bool:
        """
        Tell whether a batch was taken before, and count it if so.
        """
        if name not in self._names:
            return False
        self.repeated += 1
        return True

    @contextmanager
    def recording(self, name: str) -> Iterator[None]:
        """
        Remember a name if its batch is taken meanwhile, without an exception.
        """
        yield
        self._names[name] = None
        if len(self._names) > REMEMBERED:
            self._names.popitem(last=False)

    def partials(self, path: str) -> int | None:
        """
        Tell from where on a spool holds what came when the process was killed,
        before the name of it was remembered: it is going to come again.

        @param path: That of the spool.
        @return: The number of the last thing before that; L{None} if there is
            nothing of the kind.
        """
        return None


@define(eq=False, slots=False)
class StoredSeenBatches(SeenBatches, Service):
    """
    Remembers names over a restart too, also one that nobody had planned.

    They are in an SQLite database.  Nothing is ever flushed to disk, so a power
    cut may cost some of them, and at the worst all.

    What is in a spool and the name of it cannot be committed at once.  So it is
    noted before where each spool ends; and where the end of that note is
    missing, what came later is removed from the spool again.  None of it can
    have been sent on, since all of this happens in one turn of the reactor.

    @ivar directory: The absolute path of the directory of the file.
    @ivar shared: Whether other processes use the file, too.
    """

    _log: ClassVar[Logger] = Logger()

    directory: str
    shared: bool = False
    _connection: sqlite3.Connection | None = field(default=None, init=False)
    _count: int = field(default=0, init=False)
    _failed: bool = field(default=False, init=False)

    def startService(self) -> None:
        """
        Have the file open.  The spools are, by now.

        @raise OSError: The directory cannot be made or used.
        """
        self._open()
        self._forgetEnds()
        super().startService()

    def stopService(self) -> None:
        """
        Close the file.
        """
        super().stopService()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def isDuplicate(self, name: str) -> bool:
        """
        See L{SeenBatches.isDuplicate}.
        """
        if super().isDuplicate(name):
            return True
        if not (self.shared and self._isStored(name)):
            return False
        self.repeated += 1
        return True

    def partials(self, path: str) -> int | None:
        """
        See L{SeenBatches.partials}.

        @raise OSError: The directory cannot be made or used.
        """
        rows = self._open().execute("SELECT last FROM ends WHERE spool = ?", (path,))
        return next((last for (last,) in rows.fetchall()), None)

    @contextmanager
    def recording(self, name: str) -> Iterator[None]:
        """
        See L{SeenBatches.recording}.
        """
        if self.spools:
            self._execute(
                "REPLACE INTO ends VALUES " + ", ".join(["(?, ?)"] * len(self.spools)),
                *(value for each in self.spools for value in (each.path, each.last)),
            )
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
        self._count += 1
        if self._count > REMEMBERED + _SURPLUS:
            self._forget()

    def _open(self) -> sqlite3.Connection:
        """
        Open the file and read what is in it, if that is not done.
        """
        if self._connection is not None:
            return self._connection
        with self.lock:
            self._connection = self._openFile()
        return self._connection

    def _openFile(self) -> sqlite3.Connection:
        with suppress(FileExistsError):
            os.mkdir(self.directory, 0o700)
        path = os.path.join(self.directory, _FILE)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        try:
            return self._read(path)
        except sqlite3.DatabaseError as error:
            self._log.error(
                "{path} is no use ({error}) and is set aside; a batch that was taken "
                "before and is sent again will be taken again",
                path=path,
                error=error,
            )
            self._setAside(path)
            return self._read(path)

    def _read(self, path: str) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(_SCHEMA)
            rows = connection.execute(
                "SELECT name FROM batches ORDER BY number DESC LIMIT ?", (REMEMBERED,)
            ).fetchall()
        except BaseException:
            connection.close()
            raise
        self._names = OrderedDict.fromkeys(name for (name,) in reversed(rows))
        self._count = len(rows)
        return connection

    def _setAside(self, path: str) -> None:
        os.replace(path, path + _DAMAGED)
        for beside in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(path + beside)

    def _isStored(self, name: str) -> bool:
        """
        Whether another process has taken a batch.
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

    def _forgetEnds(self) -> None:
        """
        Note that no batch is being taken into the spools of this process.
        """
        if self.shared:
            for each in self.spools:
                self._execute("DELETE FROM ends WHERE spool = ?", each.path)
        else:
            self._execute("DELETE FROM ends")

    def _forget(self) -> None:
        self._execute(
            "DELETE FROM batches WHERE number <= (SELECT max(number) FROM batches) - ?",
            REMEMBERED,
        )
        self._count = REMEMBERED

    def _execute(self, statement: str, *values: object) -> None:
        """
        Do something that must not fail: the batch is taken in any case.
        """
        if self._connection is None:
            return
        try:
            self._connection.execute(statement, values)
        except sqlite3.Error as error:
            self._reportFailure(error)

    def _reportFailure(self, error: sqlite3.Error) -> None:
        if not self._failed:
            self._failed = True
            self._log.error(
                "{directory}: names of batches cannot be stored ({error}); after "
                "a restart a batch may be taken twice",
                directory=self.directory,
                error=error,
            )
