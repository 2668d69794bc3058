"""
Tests for L{logrecv.outputs.spool.recovery} and L{logrecv.outputs.spool.pages}.
"""

from __future__ import annotations

from contextlib import closing

from logrecv.outputs.spool.database import SpoolFile
from logrecv.outputs.spool.log import WriteAheadLog
from logrecv.outputs.spool.recovery import DamagedDatabase
from logrecv.outputs.spool.rows import InFlight, Row
from tests.outputs.spool.cases import SpoolTestCase
from tests.selection import slow


class DamagedDatabaseTests(SpoolTestCase):
    """
    L{DamagedDatabase}.
    """

    def test_pages(self) -> None:
        """
        Rows and the last chunk in flight are found page by page, in the log too.
        """
        spool = self.makeSpool()
        spool.append([(b"a" * 10_000, 1), (b"b", 1), (b"c", 1)])
        spool._file.attempt(SpoolFile.checkpoint)
        chunk = self.nextOf(spool, 1)
        spool.append([(b"d" * 20_000, 4)])
        log = WriteAheadLog.read(f"{self.file}-wal")
        with closing(DamagedDatabase(str(self.file), log)) as damaged:
            rows = list(damaged.rows())
            self.assertEqual([row.number for row in rows], [1, 2, 3, 4])
            self.assertEqual(rows[3], Row.make(4, 0, 4, b"d" * 20_000))
            self.assertEqual(damaged.inFlight, InFlight.make(1, 1, chunk.id))
            self.assertEqual(damaged.missing, 0)

    @slow
    def test_sizes(self) -> None:
        """
        Rows of every size are read as SQLite has stored them: on one page, and
        with as much as possible or as little as possible on the first of several.
        """
        spool = self.makeSpool()
        sizes = [*range(0, 300, 7), *range(3900, 4200), *range(8000, 8300)]
        spool.append([(bytes([size % 251]) * size, 1) for size in sizes])
        spool.close()
        with closing(DamagedDatabase(str(self.file), WriteAheadLog(b""))) as damaged:
            rows = list(damaged.rows())
        self.assertEqual([len(row.data) for row in rows], sizes)
