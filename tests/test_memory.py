"""
Tests for L{logrecv.memory}.
"""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from logrecv import memory

#: Frees memory that the C library keeps, since a block behind it is in use, and prints
#: the KiB that the process had before, with that memory, and after giving it back.
PROGRAM = """
from logrecv.memory import giveBackMemory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4

before = resident()
blocks = [bytes(100_000) for _ in range(300)]
last = bytes(100_000)
blocks.clear()
kept = resident()
giveBackMemory()
print(before, kept, resident())
"""


class MemoryTests(SynchronousTestCase):
    """
    L{memory.giveBackMemory}.
    """

    def test_givenBack(self) -> None:
        """
        Memory that was freed and that the C library has kept is given back.
        """
        if memory._trimmer() is None or not sys.platform.startswith("linux"):
            raise SkipTest("this C library does not give back memory")
        printed = subprocess.check_output([sys.executable, "-c", PROGRAM])
        before, kept, after = map(int, printed.split())
        self.assertGreater(kept - before, 20_000)
        self.assertLess(after - before, (kept - before) / 2)

    def test_missing(self) -> None:
        """
        Where the C library has no such function, nothing is done.
        """
        self.patch(memory, "_trimmer", lambda: None)
        memory.giveBackMemory()
