"""
Tests for L{logrecv.outputs.queue.capacity}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from logrecv.descriptions import Description, DescriptionError
from logrecv.group import WorkerGroup
from logrecv.outputs.queue.capacity import DEFAULT_LIMIT, Capacity


class CapacityTests(SynchronousTestCase):
    """
    The keywords C{queue=} and C{full=}.
    """

    def take(self, text: str, full: str = "drop") -> Capacity:
        return Capacity.take(Description.fromText(text), full, WorkerGroup())

    def test_default(self) -> None:
        """
        A queue holds 16 MiB, and does when full what its output's default is.
        """
        self.assertEqual(self.take("x"), Capacity(DEFAULT_LIMIT, False))
        self.assertEqual(DEFAULT_LIMIT, 16 << 20)
        self.assertEqual(self.take("x", "pause"), Capacity(DEFAULT_LIMIT, True))

    def test_given(self) -> None:
        """
        A size and a word that are given are used.
        """
        capacity = self.take("x:queue=512K:full=pause")
        self.assertEqual(capacity, Capacity(512 * 1024, True))
        self.assertEqual(self.take("x:full=drop", "pause").pauses, False)

    def test_refused(self) -> None:
        """
        A value that is neither a size nor one of the words is refused in one line.
        """
        for text, message in [
            ("x:queue=much", "queue=much: a size is a number of bytes, or such as"),
            ("x:queue=0", "queue=0: a size is"),
            ("x:full=wait", "full=wait: must be one of drop, pause"),
        ]:
            error = self.assertRaises(DescriptionError, self.take, text)
            self.assertIn(message, str(error))
            self.assertNotIn("\n", str(error))
