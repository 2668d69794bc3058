"""
Tests for L{logrecv.outputs.spool.flushing}.
"""

from __future__ import annotations

import os

from logrecv.outputs.spool import flushing
from logrecv.outputs.spool.flushing import SYNC_DELAY, LogFlusher
from tests.outputs.queue.test_sink import HeldRunner, captureWarnings
from tests.outputs.spool.cases import SpoolTestCase


class FlushingTests(SpoolTestCase):
    """
    The log of a spool is emptied and synced.
    """

    def test_logStaysSmall(self) -> None:
        """
        The log is emptied when it has grown.
        """
        spool = self.makeSpool(checkpointSize=100_000)
        for _ in range(100):
            spool.append([(b"x" * 10_000, 1)])
            self.nextOf(spool)
            spool.done()
        self.assertLess(os.path.getsize(f"{self.file}-wal"), 400_000)

    def test_sync(self) -> None:
        """
        Committed data are flushed within a second.  A failure is logged once.
        """
        events = captureWarnings(self, LogFlusher)
        spool = self.makeSpool()
        spool.append([(b"x", 1)])
        self.clock.advance(SYNC_DELAY)
        self.assertEqual((events, self.clock.getDelayedCalls()), ([], []))
        os.rename(f"{self.file}-wal", f"{self.file}-away")
        for _ in range(2):
            spool.append([(b"x", 1)])
            self.clock.advance(SYNC_DELAY)
        self.assertEqual(len(events), 1)
        self.assertIn("cannot be flushed", events[0])

    def test_growsTooFast(self) -> None:
        """
        A log that grows while the other thread empties it is emptied here, when
        it has become too large.
        """
        self.patch(flushing, "MAX_LOG_SIZE", 300_000)
        spool = self.makeSpool(checkpointSize=100_000)
        runner = HeldRunner()
        spool._flusher.executor = runner
        for _ in range(3):
            for _ in range(20):
                spool.append([(b"x" * 10_000, 1)])
                self.nextOf(spool)
                spool.done()
            # The other thread stays behind.
            self.patch(flushing.ReplaceableFile, "emptyLogInThread", lambda file: None)
            self.patch(flushing, "_MAX_PASSES", 0)
            runner.runAll()
        self.assertLess(os.path.getsize(f"{self.file}-wal"), 800_000)

    def test_closed(self) -> None:
        """
        A spool that is closed while the other thread empties the log is not
        opened again.
        """
        spool = self.makeSpool(checkpointSize=1)
        runner = HeldRunner()
        spool._flusher.executor = runner
        spool.append([(b"x", 1)])
        spool.close()
        runner.runAll()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(os.path.exists(f"{self.file}-wal"))
