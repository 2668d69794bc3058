"""
Tests for L{logrecv.outputs.queue.store}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyClass, verifyObject

from logrecv.outputs.queue.store import IStore, MemoryStore
from logrecv.outputs.spool.spool import Spool


class MemoryStoreTests(SynchronousTestCase):
    """
    L{MemoryStore}.
    """

    def setUp(self) -> None:
        self.store = MemoryStore()
        self.store.open()

    def test_interface(self) -> None:
        """
        Stores in memory and spools provide L{IStore}.
        """
        verifyObject(IStore, self.store)
        verifyClass(IStore, Spool, tentative=True)
        self.assertTrue(IStore.implementedBy(Spool))

    def test_takenBack(self) -> None:
        """
        Parts that are taken back are gone, and their numbers are free.
        """
        store = self.store
        store.append([(b"a", 1)])
        parts = [(b"bb", 2), (b"c", 3)]
        store.append(parts)
        store.takeBack(parts)
        self.assertEqual((store.size, store.count, store.last), (1, 1, 1))
        store.append([(b"d", 1)])
        chunk = store.next(10, 10)
        assert chunk is not None
        self.assertEqual((chunk.data, chunk.last), (b"ad", 2))

    def test_chunks(self) -> None:
        """
        Parts come out in order, as many in a chunk as it may have; a chunk stays
        the same until it is done.
        """
        store = self.store
        store.append([(b"a", 1), (b"bb", 2)])
        store.append([(b"cccc", 3)])
        self.assertEqual((store.size, store.count, store.last), (7, 6, 3))
        chunk = store.next(4, 100)
        assert chunk is not None
        self.assertEqual((chunk.data, chunk.count), (b"abb", 3))
        self.assertEqual((chunk.first, chunk.last), (1, 2))
        self.assertIs(store.next(100, 100), chunk)
        self.assertEqual((store.size, store.first()), (7, 1))
        store.done()
        self.assertEqual((store.size, store.count, store.first()), (4, 3, 3))
        last = store.next(1, 1)
        assert last is not None
        self.assertEqual((last.data, last.count), (b"cccc", 3))
        self.assertNotEqual(last.id, chunk.id)
        store.done()
        self.assertEqual((store.size, store.count, store.first()), (0, 0, None))
        self.assertIsNone(store.next(1, 1))

    def test_records(self) -> None:
        """
        A chunk has no more records than it may, unless a single part has more.
        """
        self.store.append([(b"a", 3), (b"b", 2), (b"c", 1)])
        counts = []
        while chunk := self.store.next(100, 3):
            counts.append(chunk.count)
            self.store.done()
        self.assertEqual(counts, [3, 3])

    def test_dropOldest(self) -> None:
        """
        The oldest part goes, but neither the chunk in flight nor the newest part.
        """
        self.store.append([(b"a", 1), (b"bb", 2), (b"ccc", 3)])
        self.store.next(1, 1)
        self.assertEqual([self.store.dropOldest() for _ in range(2)], [2, 0])
        self.assertEqual((self.store.size, self.store.count), (4, 4))

    def test_close(self) -> None:
        """
        A store that was closed is empty.
        """
        self.store.append([(b"a", 1)])
        self.store.close()
        self.assertEqual((self.store.size, self.store.count), (0, 0))
        self.assertIsNone(self.store.next(1, 1))
