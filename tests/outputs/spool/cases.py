"""
Common parts of the tests of spools.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.chunk import Chunk
from logrecv.outputs.spool.flushing import CHECKPOINT_SIZE
from logrecv.outputs.spool.spool import Spool
from tests.outputs.queue.test_sink import DirectRunner

#: The limits of a chunk: bytes and records.
SIZE, COUNT = 1 << 20, 500


def connectionOf(spool: Any) -> sqlite3.Connection:
    """
    Give the connection of a spool that is open.
    """
    connection: sqlite3.Connection = spool._file._use()._connection
    return connection


class SpoolTestCase(SynchronousTestCase):
    """
    Spools in a directory that stays the same.
    """

    def setUp(self) -> None:
        self.directory = os.path.abspath(self.mktemp())
        self.clock = Clock()

    @property
    def file(self) -> Path:
        return Path(self.directory, "spool.sqlite")

    def makeSpool(
        self, form: str = "json", checkpointSize: int = CHECKPOINT_SIZE
    ) -> Spool:
        spool = Spool(self.directory, form, "1-file", self.clock, DirectRunner())
        spool._flusher.checkpointSize = checkpointSize
        spool.open()
        self.addCleanup(spool.close)
        return spool

    def nextOf(self, spool: Spool, size: int = SIZE, count: int = COUNT) -> Chunk:
        chunk = spool.next(size, count)
        assert chunk is not None
        return chunk

    def drain(self, spool: Spool) -> list[bytes]:
        found = []
        while chunk := spool.next(SIZE, COUNT):
            found.append(chunk.data)
            spool.done()
        return found
