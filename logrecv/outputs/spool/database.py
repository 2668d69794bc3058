"""
The file of a spool: an SQLite database in WAL mode, and nothing that decides
what to do about it.

A commit is a write to the write-ahead log and no flush, so it costs some tens of
microseconds and outlives the process, though not the power.  The flushes are
L{syncLog} and L{checkpoint}, for another thread.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

from attrs import define

from logrecv.outputs.queue.store import StoreFull

#: Bytes of a page.  SQLite's default; with 16 KiB small appends were slower.
PAGE: Final = 4096

#: What C{PRAGMA application_id} says of how the records are encoded.
FORMS: Final = {"json": 0x6C6F6701, "frames": 0x6C6F6702, "text": 0x6C6F6703}

#: Seconds to wait for somebody else who looks into the database.
_PATIENCE: Final = 0.1

#: Virtual machine instructions of SQLite from one look at the clock to the next.
_INSTRUCTIONS: Final = 10_000

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

#: What a write fails with while the disk is full or failing, or somebody else
#: has locked the database.
_PASSING: Final = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOMEM,
)


class CorruptSpool(Exception):
    """
    What is in the file is not what was written.
    """


class Row(NamedTuple):
    """
    A part, as it is stored.

    @ivar number: Its number.
    @ivar gone: The number of the newest part that was no longer held.
    @ivar records: How many records.
    @ivar checksum: What tells that it is whole.
    @ivar data: The records.
    """

    number: int
    gone: int
    records: int
    checksum: int
    data: bytes

    @classmethod
    def make(cls, number: int, gone: int, records: int, data: bytes) -> Row:
        """
        Make one with its checksum.
        """
        checksum = crc32(data, crc32(b"%d %d %d" % (number, gone, records)))
        return cls(number, gone, records, checksum, data)

    @property
    def whole(self) -> bool:
        """
        Whether it is as it was made.
        """
        try:
            return self == Row.make(self.number, self.gone, self.records, self.data)
        except TypeError:
            return False


class InFlight(NamedTuple):
    """
    The chunk that was sent last, as it is stored.

    @ivar first: The number of its first part.
    @ivar last: The number of its last part.
    @ivar checksum: What tells that it is whole.
    @ivar id: Its name.
    """

    first: int
    last: int
    checksum: int
    id: str

    @classmethod
    def make(cls, first: int, last: int, id: str) -> InFlight:
        """
        Make one with its checksum.
        """
        return cls(first, last, crc32(b"%d %d %s" % (first, last, id.encode())), id)

    @property
    def whole(self) -> bool:
        """
        Whether it is as it was made.
        """
        try:
            return self == InFlight.make(self.first, self.last, self.id)
        except (AttributeError, TypeError):
            return False


class Totals(NamedTuple):
    """
    What a file holds.

    @ivar first: The number of the oldest part; 0 if there is none.
    @ivar last: The number of the newest; 0 if there is none.
    @ivar records: How many records.
    @ivar size: Bytes of their data.
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
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING:
            raise StoreFull(str(error)) from None
        raise CorruptSpool(str(error)) from None


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, ValueError, TypeError, OverflowError) as error:
        raise CorruptSpool(str(error)) from None


def connect(path: str) -> sqlite3.Connection:
    """
    Connect to a database that is there, and in which every statement is a
    transaction of its own, unless another is begun.

    @raise sqlite3.DatabaseError: It is none.
    """
    # Not one that is made here, with the permissions that SQLite gives it.
    uri = f"{Path(path).as_uri()}?mode=rw"
    connection = sqlite3.connect(uri, timeout=_PATIENCE, isolation_level=None, uri=True)
    # Flushes are for whoever calls for a checkpoint.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@define(eq=False)
class SpoolFile:
    """
    An open file.  What its methods raise beside what is said there is
    L{CorruptSpool}.

    @ivar path: The absolute path.
    """

    path: str
    _connection: sqlite3.Connection

    @classmethod
    def open(cls, path: str, form: str) -> SpoolFile:
        """
        Open a file, and make it if it is not there.

        @param form: How the records are encoded: a key of L{FORMS}.
        @raise OSError: It cannot be had, or holds records of another form.
        @raise Damaged: It is no database.
        """
        # SQLite gives the files beside it the same permissions.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with _reading():
            connection = connect(path)
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
        Look for damage in the structure of the file, if there is time.

        @raise Damaged: There is some.
        """
        connection = self._connection
        connection.set_progress_handler(isTimeOver, _INSTRUCTIONS)
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
        Tell what it holds.

        @param after: The number behind which to begin.
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

        @raise NoRoom: None.
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
        Read parts in their order, as they are, whole or not.

        @param after: The number behind which to begin.
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
        Remove the parts with these numbers and those between.

        @raise NoRoom: The disk has no room for the note of it.
        """
        statement = "DELETE FROM parts WHERE number BETWEEN ? AND ?"
        with _writing():
            self._connection.execute(statement, (first, last))

    def markInFlight(self, flight: InFlight) -> None:
        """
        Note what is about to be sent.

        @raise NoRoom: It could not be noted.
        """
        statement = "REPLACE INTO flight VALUES (1, ?, ?, ?, ?)"
        with _writing():
            self._connection.execute(statement, flight)

    def flight(self) -> InFlight | None:
        """
        Tell what was sent last.
        """
        statement = "SELECT first, last, checksum, id FROM flight"
        with _reading():
            row = self._connection.execute(statement).fetchone()
            return None if row is None else InFlight(*row)

    def checkpoint(self) -> int:
        """
        Empty the log.  Waits for the disk.

        @return: How many pages there were in it.
        @raise NoRoom: The disk does not take them.
        """
        with _writing():
            return _checkpoint(self._connection)

    def close(self) -> None:
        """
        Close it, which empties the log if nobody else has it open.
        """
        with suppress(sqlite3.DatabaseError):
            self._connection.close()


def checkpoint(path: str) -> None:
    """
    Empty the log of a file that is in use, up to what is in it when this begins
    and without keeping the one who writes from writing.  Waits for the disk.

    @raise sqlite3.DatabaseError: It cannot be done.
    """
    with closing(connect(path)) as connection:
        _checkpoint(connection)


def _checkpoint(connection: sqlite3.Connection) -> int:
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(pages)


def syncLog(path: str) -> None:
    """
    Flush the log of a file to disk.

    @raise OSError: It cannot be done.
    """
    # Closing it again loses no lock: SQLite locks the other two files.
    descriptor = os.open(path + "-wal", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
