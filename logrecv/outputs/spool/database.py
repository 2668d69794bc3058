"""
The database of a spool: one SQLite file in WAL mode.

A commit is a write to the write-ahead log and no flush, so a commit costs some
tens of microseconds and outlives the process, though not the power.  Flushing is
L{syncLog} and L{checkpoint}, for another thread.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from attrs import define

from logrecv.outputs.queue.store import StoreFull
from logrecv.outputs.spool.rows import CorruptSpool, InFlight, Row
from logrecv.paths import makePrivateFile, removeIfPresent
from logrecv.sqlite import schemaFrom, schemaOf

#: The value of C{PRAGMA application_id} by the format of the records.
FORMS: Final = {"json": 0x6C6F6701, "frames": 0x6C6F6702, "text": 0x6C6F6703}

#: The suffixes of the write-ahead log of a database, and of the index of the log.
LOG_SUFFIX: Final = "-wal"
INDEX_SUFFIX: Final = "-shm"

#: Seconds to wait for another program that looks into the database.
_BUSY_TIMEOUT: Final = 0.1

#: Virtual machine instructions of SQLite between two looks at the clock.
_CHECK_INSTRUCTIONS: Final = 10_000

_SCHEMA: Final = """
BEGIN;
CREATE TABLE parts (
    number INTEGER PRIMARY KEY, -- counted as they come
    gone INTEGER NOT NULL,      -- the newest part that was no longer held then
    records INTEGER NOT NULL,
    checksum INTEGER NOT NULL,  -- of all of the others
    data BLOB NOT NULL
);
CREATE TABLE flight (           -- a single row: what was sent last
    one INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    id TEXT NOT NULL
);
PRAGMA application_id = {form};
PRAGMA user_version = 1;
COMMIT;
"""

#: Errors of a write to a disk that is full or failing, or to a database that
#: another program has locked.
_TRANSIENT_ERRORS: Final = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
)


#: Errors of these kinds that damage causes: the disk cannot read the file, or the file
#: is cut.
_DAMAGE_ERRORS: Final = (
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
)


class Totals(NamedTuple):
    """
    Sums over the parts in a database.

    @ivar first: The number of the oldest part; 0 if there is none.
    @ivar last: The number of the newest part; 0 if there is none.
    @ivar records: The number of the records.
    @ivar size: Bytes of the data.
    """

    first: int
    last: int
    records: int
    size: int


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _TRANSIENT_ERRORS:
            raise StoreFull(str(error)) from None
        raise CorruptSpool(str(error)) from None


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, ValueError, TypeError, OverflowError) as error:
        code = getattr(error, "sqlite_errorcode", 0)
        # The files beside the database may have to grow.
        if code & 0xFF in _TRANSIENT_ERRORS and code not in _DAMAGE_ERRORS:
            raise StoreFull(str(error)) from None
        raise CorruptSpool(str(error)) from None


def _connect(path: str) -> sqlite3.Connection:
    """
    Connect to a database that exists.  Every statement is a transaction of its
    own, unless a transaction is begun.

    @raise sqlite3.DatabaseError: The file is no database.
    """
    # SQLite must not make the file, with other permissions.
    uri = f"{Path(path).as_uri()}?mode=rw"
    connection = sqlite3.connect(
        uri, timeout=_BUSY_TIMEOUT, isolation_level=None, uri=True
    )
    # Only an explicit checkpoint waits for the disk.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@define(eq=False)
class SpoolFile:
    """
    An open database::

        with closing(SpoolFile.open("/var/spool/app/spool.sqlite", "json")) as file:
            file.append([Row.make(1, 0, 1, encoded)])

    All methods raise L{CorruptSpool} if the database is damaged, and L{StoreFull} if
    the disk is full or failing.

    @ivar path: The absolute path.
    """

    path: str
    _connection: sqlite3.Connection

    @classmethod
    def open(cls, path: str, form: str) -> SpoolFile:
        """
        Open a database, and make a new one if there is none.

        @param form: The format of the records: a key of L{FORMS}.
        @raise OSError: The file cannot be used, or holds records in another
            format.
        @raise CorruptSpool: The file is no database.
        """
        # SQLite gives the files beside this one the same permissions.
        makePrivateFile(path)
        with _reading():
            connection = _connect(path)
        file = cls(path, connection)
        try:
            file._prepare(FORMS[form])
        except BaseException:
            connection.close()
            raise
        return file

    def _prepare(self, form: int) -> None:
        with _reading():
            execute = self._connection.execute
            if execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
                raise OSError(f"{self.path}: SQLite cannot keep a log of it there")
            (version,) = execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._connection.executescript(_SCHEMA.format(form=form))
            elif version != 1:
                raise CorruptSpool(f"its version is {version}, and only 1 is known")
            # SQLite reads a table with another definition in another way, and says
            # nothing.
            if schemaOf(self._connection) != schemaFrom(_SCHEMA.format(form=0)):
                raise CorruptSpool("its tables are not what was made")
            (found,) = execute("PRAGMA application_id").fetchone()
            held = execute("SELECT number FROM parts LIMIT 1").fetchone()
        if found == form:
            return
        if held and found in FORMS.values():
            raise OSError(
                f"{self.path} holds records of another kind of output; "
                "let that one send them, or give another directory"
            )
        with _writing():
            self._connection.execute(f"PRAGMA application_id = {form}")

    def check(self, isTimeOver: Callable[[], bool]) -> None:
        """
        Search the structure of the database for damage, until the time is over.

        @raise CorruptSpool: There is damage.
        """
        connection = self._connection
        connection.set_progress_handler(isTimeOver, _CHECK_INSTRUCTIONS)
        with _reading():
            try:
                rows = connection.execute("PRAGMA quick_check(1)").fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    return
                raise
            finally:
                connection.set_progress_handler(None, 0)
        if rows != [("ok",)]:
            raise CorruptSpool(str(rows[0][0]).splitlines()[-1])

    def totals(self, after: int) -> Totals:
        """
        Sum up the parts behind a number.
        """
        with _reading():
            statement = (
                "SELECT min(number), max(number), sum(records), sum(length(data)) "
                "FROM parts WHERE number > ?"
            )
            row = self._connection.execute(statement, (after,)).fetchone()
            return Totals(*(value or 0 for value in row))

    def append(self, rows: Sequence[Row]) -> None:
        """
        Store parts: all or none.

        @raise StoreFull: None is stored.
        """
        statement = "INSERT INTO parts VALUES (?, ?, ?, ?, ?)"
        with _writing():
            if len(rows) == 1:
                self._connection.execute(statement, rows[0])
                return
            self._connection.execute("BEGIN")
            try:
                self._connection.executemany(statement, rows)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def rows(self, after: int) -> Generator[Row, None, None]:
        """
        Read the parts behind a number in their order, whole or not.
        """
        with _reading(), closing(self._connection.cursor()) as cursor:
            statement = "SELECT * FROM parts WHERE number > ? ORDER BY number"
            for row in cursor.execute(statement, (after,)):
                yield Row(*row)

    def oldest(self, after: int) -> Row | None:
        """
        Read the first part behind a number.
        """
        with closing(self.rows(after)) as rows:
            return next(rows, None)

    def delete(self, first: int, last: int) -> None:
        """
        Remove the parts with the numbers from C{first} to C{last}.

        @raise StoreFull: The disk has no room for the transaction.
        """
        statement = "DELETE FROM parts WHERE number BETWEEN ? AND ?"
        with _writing():
            self._connection.execute(statement, (first, last))

    def markInFlight(self, flight: InFlight) -> None:
        """
        Store the name of the chunk that is about to be sent.

        @raise StoreFull: The name is not stored.
        """
        statement = "REPLACE INTO flight VALUES (1, ?, ?, ?, ?)"
        with _writing():
            self._connection.execute(statement, flight)

    def inFlight(self) -> InFlight | None:
        """
        Read the name of the chunk that was sent last.
        """
        statement = "SELECT first, last, checksum, id FROM flight"
        with _reading():
            row = self._connection.execute(statement).fetchone()
            return None if row is None else InFlight(*row)

    def checkpoint(self) -> int:
        """
        Empty the log.  Waits for the disk.

        @return: The number of frames that were in the log.
        @raise StoreFull: The disk does not take the frames.
        """
        with _writing():
            return _checkpoint(self._connection)

    def close(self) -> None:
        """
        Close the database.  SQLite empties and removes the log if no other
        program has the database open.
        """
        with suppress(sqlite3.DatabaseError):
            self._connection.close()


def checkpoint(path: str) -> None:
    """
    Empty the log of a database that is in use, up to the last frame at the
    beginning.  The process that writes may go on meanwhile.  Waits for the disk.

    @raise sqlite3.DatabaseError: The log cannot be emptied.
    """
    with closing(_connect(path)) as connection:
        _checkpoint(connection)


def _checkpoint(connection: sqlite3.Connection) -> int:
    _, frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(frames)


def syncLog(path: str) -> None:
    """
    Flush the log of a database to disk.

    @raise OSError: The log cannot be flushed.
    """
    # Closing the log again loses no lock: SQLite locks the other two files.
    descriptor = os.open(path + LOG_SUFFIX, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def removeDatabase(path: str) -> None:
    """
    Remove a database and the files that SQLite keeps beside it, if they exist.

    @raise OSError: One of the files cannot be removed.
    """
    for name in (path, path + LOG_SUFFIX, path + INDEX_SUFFIX):
        removeIfPresent(name)
