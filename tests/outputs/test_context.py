"""
Tests for L{logrecv.outputs.context}.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from logrecv.counters import OutputTally
from logrecv.descriptions import Description, DescriptionError
from logrecv.outputs.context import (
    SPOOL_LIMIT,
    OutputContext,
    StandardOutput,
    queueFromKeywords,
)
from logrecv.outputs.queue.capacity import DEFAULT_LIMIT, Capacity
from logrecv.outputs.queue.store import MemoryStore


class StandardOutputTests(SynchronousTestCase):
    """
    L{StandardOutput}.
    """

    def test_ofProcess(self) -> None:
        """
        It writes, unbuffered, to what C{sys.stdout} wrote to, also after that
        was replaced.
        """
        file = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.addCleanup(file.close)
        self.patch(sys, "stdout", file)
        output = StandardOutput.ofProcess()
        self.patch(sys, "stdout", None)
        output.stream.write(b"a\n")
        self.assertEqual(os.pread(file.fileno(), 10, 0), b"a\n")
        self.assertFalse(output.terminal)

    def test_terminal(self) -> None:
        """
        It knows a terminal.
        """
        master, terminal = os.openpty()
        self.addCleanup(os.close, master)
        file = open(terminal, "w")  # noqa: SIM115
        self.addCleanup(file.close)
        self.patch(sys, "stdout", file)
        self.assertTrue(StandardOutput.ofProcess().terminal)

    def test_replaced(self) -> None:
        """
        What is no file serves too.
        """
        stream = io.TextIOWrapper(io.BytesIO())
        self.patch(sys, "stdout", stream)
        output = StandardOutput.ofProcess()
        self.assertIs(output.stream, stream.buffer)
        self.assertFalse(output.terminal)


class QueueKeywordsTests(SynchronousTestCase):
    """
    The keywords C{spool=} and C{spool-limit=}.
    """

    def setUp(self) -> None:
        self.context = OutputContext(
            MemoryReactorClock(),
            OutputTally("1-file"),
            StandardOutput(open(os.devnull, "wb"), False),  # noqa: SIM115
        )
        self.addCleanup(self.context.standardOutput.stream.close)

    def take(self, text: str) -> Any:
        return queueFromKeywords(Description.fromText(text), self.context, "drop")

    def test_none(self) -> None:
        """
        Without a spool records are in memory.
        """
        capacity, store = self.take("x:full=pause")
        self.assertEqual(capacity, Capacity(DEFAULT_LIMIT, True))
        self.assertIsInstance(store, MemoryStore)

    def test_given(self) -> None:
        """
        With one, its limit is 1 GiB or what is given; nothing is made before
        the service starts.
        """
        directory = self.mktemp()
        capacity, store = self.take(f"x:spool={directory}:queue=1M")
        self.assertEqual(capacity, Capacity(SPOOL_LIMIT, False, 1 << 20))
        self.assertEqual(store.directory, os.path.abspath(directory))
        self.assertFalse(os.path.exists(directory))
        capacity, _ = self.take(f"x:spool={directory}2:spool-limit=5M")
        self.assertEqual(capacity.limit, 5 << 20)

    def test_refused(self) -> None:
        """
        What cannot be used is refused in one line.
        """
        taken = self.mktemp()
        self.take(f"x:spool={taken}")
        file = self.mktemp()
        Path(file).touch()
        for text, message in [
            ("x:spool-limit=5M", "spool-limit= is for a spool; give spool=DIR too"),
            ("x:spool=a:spool-limit=x", "spool-limit=x: a size is"),
            (f"x:spool={file}", "it is not a directory"),
            (f"x:spool={file}2/y", "there is no directory"),
            (f"x:spool=./{taken}", "another output has its spool in"),
        ]:
            error = self.assertRaises(DescriptionError, self.take, text)
            self.assertIn(message, str(error))
            self.assertNotIn("\n", str(error))
