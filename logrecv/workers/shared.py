"""
What all workers of a supervisor use.
"""

from __future__ import annotations

import shutil
import tempfile
from typing import IO

from attrs import frozen

from logrecv.workers.balance import SIZE, ConnectionCounts


@frozen(eq=False)
class SharedFiles:
    """
    What all workers of a supervisor use.

    @ivar file: A file that they inherit.
    @ivar board: What of it tells how many connections each has.
    @ivar directory: A directory.
    """

    file: IO[bytes]
    board: ConnectionCounts
    directory: str

    @classmethod
    def make(cls) -> SharedFiles:
        """
        Make them.

        @raise OSError: They cannot be had.
        """
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        file.truncate(SIZE)
        board = ConnectionCounts(file.fileno())
        board.clear()
        return cls(file, board, tempfile.mkdtemp(prefix="logrecv-"))

    def remove(self) -> None:
        """
        Leave nothing behind.
        """
        self.file.close()
        shutil.rmtree(self.directory, ignore_errors=True)
