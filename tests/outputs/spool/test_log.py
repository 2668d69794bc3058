"""
Tests for L{logrecv.outputs.spool.log}.
"""

from __future__ import annotations

from logrecv.outputs.spool.database import SpoolFile
from logrecv.outputs.spool.log import PAGE_SIZE, WriteAheadLog
from tests.outputs.spool.cases import SpoolTestCase


class LogTests(SpoolTestCase):
    """
    L{WriteAheadLog}.
    """

    def readLog(self) -> bytes:
        return WriteAheadLog.read(f"{self.file}-wal").data

    def test_cut(self) -> None:
        """
        A log that ends in the middle is told from one that ends.
        """
        spool = self.makeSpool()
        for _ in range(3):
            spool.append([(b"a" * 10_000, 1)])
        data = self.readLog()
        whole = WriteAheadLog(data)
        self.assertFalse(whole.isCut)
        self.assertTrue(WriteAheadLog(data[:-1]).isCut)
        self.assertLess(WriteAheadLog(data[:-1]).committed, whole.committed)
        self.assertEqual(WriteAheadLog(b"").committed, 0)
        self.assertFalse(WriteAheadLog(b"").isCut)

    def test_leftovers(self) -> None:
        """
        Frames from before the log was emptied do not count, be the header whole
        or not; frames behind a damaged one do.
        """
        spool = self.makeSpool()
        spool.append([(b"a" * 50_000, 1)])
        before = WriteAheadLog(self.readLog()).committed
        self.assertEqual(spool._file.attempt(SpoolFile.checkpoint), before)
        for _ in range(2):
            spool.append([(b"b", 1)])
        data = bytearray(self.readLog())
        log = WriteAheadLog(bytes(data))
        self.assertEqual(spool._file.attempt(SpoolFile.checkpoint), log.committed)
        self.assertLess(log.committed, before)
        for position in (5, 17, 100):
            damaged = data.copy()
            damaged[position] ^= 0xFF
            self.assertEqual(WriteAheadLog(bytes(damaged)).committed, log.committed)

    def test_frames(self) -> None:
        """
        Frames are the pages of the database.
        """
        spool = self.makeSpool()
        spool.append([(b"a" * 50_000, 1)])
        log = WriteAheadLog(self.readLog())
        frames = list(log.frames())
        self.assertEqual([frame.number for frame in frames], list(range(log.committed)))
        spool._file.attempt(SpoolFile.checkpoint)
        pages = self.file.read_bytes()
        newest = {frame.page: frame for frame in frames}
        for number, frame in newest.items():
            start = (number - 1) * PAGE_SIZE
            self.assertEqual(
                log.data[frame.offset : frame.end], pages[start : start + PAGE_SIZE]
            )
