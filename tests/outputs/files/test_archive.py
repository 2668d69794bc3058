"""
Tests for L{logrecv.outputs.files.archive}.
"""

from __future__ import annotations

import errno
import gzip
import os
import stat
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event, current_thread
from typing import Any, BinaryIO

import zstandard
from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.python.monkey import MonkeyPatcher
from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.files.archive import (
    ARCHIVE_STOP_TIMEOUT,
    COMPRESS_SIZE,
    Archive,
)
from logrecv.outputs.files.compression import Compression, compressionFromText
from logrecv.outputs.files.names import RotatedFile
from logrecv.outputs.files.retention import Retention, keepAll, keepCount, keepDays
from tests.selection import slow

READERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.decompress,
    ".zst": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


class ArchiveTestCase(SynchronousTestCase):
    """
    An archive in a directory of its own.
    """

    def setUp(self) -> None:
        self.directory = Path(os.path.abspath(self.mktemp()))
        self.directory.mkdir()
        self.clock = Clock()
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def archive(
        self,
        compression: str | Compression | None = None,
        retention: Retention = keepAll,
    ) -> Archive:
        if isinstance(compression, str):
            compression = compressionFromText(compression)
        archive = Archive(
            str(self.directory), "app.log", self.clock.seconds, retention, compression
        )
        self.addCleanup(archive.stop)
        return archive

    def put(self, stamp: int, content: bytes = b"a\n", suffix: str = "") -> Path:
        """
        Put a file there that was moved away.
        """
        path = self.directory / (RotatedFile.make("app.log", stamp).name + suffix)
        path.write_bytes(content)
        return path

    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())

    def read(self) -> dict[int, bytes]:
        """
        Read all that was moved away, by stamp.
        """
        content = {}
        for name in self.names():
            rotated = RotatedFile.fromName(name)
            assert rotated is not None
            self.assertNotIn(rotated.stamp, content)
            data = (self.directory / name).read_bytes()
            content[rotated.stamp] = READERS[rotated.suffix](data)
        return content


class CompressTests(ArchiveTestCase):
    """
    Files that are compressed.
    """

    @slow
    def test_compressed(self) -> None:
        """
        A compressed file is in the place of each, with the same content,
        permissions and time.
        """
        content = b"".join(b"%d\n" % number for number in range(200_000))
        self.assertGreater(len(content), 2 * COMPRESS_SIZE)
        for word, suffix in [("gzip", ".gz"), ("zstd", ".zst")]:
            path = self.put(1000, content)
            path.chmod(0o604)
            os.utime(path, (5, 7))
            self.archive(word).cleanUpNow()
            self.assertEqual(self.names(), [path.name + suffix])
            self.assertEqual(self.read(), {1000: content})
            compressed = self.directory / self.names()[0]
            status = compressed.stat()
            self.assertEqual(stat.S_IMODE(status.st_mode), 0o604)
            self.assertEqual(status.st_mtime, 7)
            self.assertLess(status.st_size, len(content) / 2)
            compressed.unlink()
        self.assertEqual(self.events, [])

    def test_foreign(self) -> None:
        """
        Nothing else is touched.
        """
        names = ["app.log", "app.log.1", "other.20261122T100000.000Z", "app.log.gz.tmp"]
        for name in names:
            (self.directory / name).write_bytes(b"a\n")
        self.archive("gzip", keepCount(1)).cleanUpNow()
        self.assertEqual(self.names(), sorted(names))

    def test_order(self) -> None:
        """
        A compressed file is on the disk before it has its name, and its name is
        before the original is removed.
        """
        path = self.put(1000)
        seen: list[tuple[str, list[str]]] = []
        names = [path.name + ending for ending in ("", ".gz", ".gz.tmp")]
        for function in ("fsync", "unlink"):
            original = getattr(os, function)

            def record(
                where: Any, function: str = function, original: Any = original
            ) -> None:
                seen.append((function, self.names()))
                original(where)

            self.patch(os, function, record)
        self.archive("gzip").cleanUpNow()
        self.assertEqual(
            seen,
            [
                ("fsync", [names[0], names[2]]),
                ("fsync", names[:2]),
                ("unlink", names[:2]),
            ],
        )

    def test_leftovers(self) -> None:
        """
        Work that a crash left is finished: a compression that was begun is begun
        again, and an original that was not removed goes.
        """
        self.put(1000, b"first\n")
        self.put(1000, b"half", ".gz.tmp")
        self.put(2000, b"second\n")
        self.put(2000, gzip.compress(b"second\n"), ".gz")
        self.put(3000, b"third\n")
        self.archive("gzip").cleanUpNow()
        self.assertEqual(
            self.read(), {1000: b"first\n", 2000: b"second\n", 3000: b"third\n"}
        )
        self.assertTrue(all(name.endswith(".gz") for name in self.names()))

    def test_leftoversWithoutCompression(self) -> None:
        """
        A compression that was begun is removed, also if none is wanted now, and
        files that were compressed another way stay as they are.
        """
        self.put(1000)
        self.put(1000, b"half", ".zst.tmp")
        self.put(2000, gzip.compress(b"b\n"), ".gz")
        self.archive().cleanUpNow()
        self.assertEqual(self.read(), {1000: b"a\n", 2000: b"b\n"})

    def breakCall(self, name: str, error: int) -> MonkeyPatcher:
        """
        Let a function of C{os} fail, until that is restored.
        """

        def refuse(*arguments: object, **keywords: object) -> None:
            raise OSError(error, "broken")

        return self.patch(os, name, refuse)

    def test_fails(self) -> None:
        """
        Where a file cannot be compressed it stays, and nothing half done beside
        it.  It is reported once, and done when that is possible.
        """
        path = self.put(1000)
        self.put(2000)
        archive = self.archive("gzip")
        for function in ("fsync", "rename", "fchmod"):
            patch = self.breakCall(function, errno.ENOSPC)
            before = self.names()
            for _ in range(2):
                archive.cleanUpNow()
                self.assertEqual(self.names(), before)
            patch.restore()
        self.assertEqual(len(self.events), 1)
        self.assertIn("cannot clean up after app.log", formatEvent(self.events[0]))
        archive.cleanUpNow()
        self.assertEqual(self.read(), {1000: b"a\n", 2000: b"a\n"})
        self.assertFalse(path.exists())
        path = self.put(3000)
        self.breakCall("fsync", errno.EIO)
        archive.cleanUpNow()
        self.assertEqual(len(self.events), 2)

    def test_noDirectory(self) -> None:
        """
        A directory that is gone is an error like others.
        """
        archive = self.archive("gzip")
        self.directory.rmdir()
        for _ in range(2):
            archive.cleanUpNow()
        self.assertEqual(len(self.events), 1)
        self.directory.mkdir()


class KeepTests(ArchiveTestCase):
    """
    Files that are removed.
    """

    def test_count(self) -> None:
        """
        So many files are kept, whether they are compressed or not; one that is
        there twice counts once.
        """
        self.put(1000)
        self.put(2000, gzip.compress(b"b\n"), ".gz")
        self.put(3000)
        self.put(3000, gzip.compress(b"a\n"), ".gz")
        self.put(4000)
        self.archive("gzip", keepCount(3)).cleanUpNow()
        self.assertEqual(sorted(self.read()), [2000, 3000, 4000])
        self.archive(None, keepCount(1)).cleanUpNow()
        self.assertEqual(sorted(self.read()), [4000])

    def test_days(self) -> None:
        """
        Files of so many days are kept, by the clock.
        """
        self.put(1000)
        self.put(86400_000)
        self.clock.advance(86400 + 500)
        archive = self.archive(None, keepDays(1))
        archive.cleanUpNow()
        self.assertEqual(sorted(self.read()), [86400_000])
        self.clock.advance(2 * 86400)
        archive.cleanUpNow()
        self.assertEqual(self.names(), [])

    def test_notCompressedFirst(self) -> None:
        """
        A file that is not kept is not compressed before it is removed.
        """
        self.put(1000)
        self.put(2000)
        compressed = []

        def compressor(file: BinaryIO) -> AbstractContextManager[Any]:
            compressed.append(file.name)
            return gzip.GzipFile(fileobj=file, mode="wb")

        self.archive(Compression(".gz", compressor), keepCount(1)).cleanUpNow()
        self.assertEqual(len(compressed), 1)
        self.assertEqual(sorted(self.read()), [2000])

    def test_cannotRemove(self) -> None:
        """
        One that cannot be removed does not keep the others.
        """
        stubborn = self.put(1000)
        self.put(2000)
        self.put(3000)
        unlink = os.unlink

        def refuse(path: str) -> None:
            if path == str(stubborn):
                raise PermissionError(errno.EPERM, "not allowed", path)
            unlink(path)

        self.patch(os, "unlink", refuse)
        self.archive(None, keepCount(1)).cleanUpNow()
        self.assertEqual(sorted(self.read()), [1000, 3000])
        self.assertEqual(len(self.events), 1)

    def test_removedByOthers(self) -> None:
        """
        One that somebody else has removed meanwhile is no error.
        """
        self.put(1000)
        self.put(2000)
        unlink = os.unlink

        def twice(path: str) -> None:
            unlink(path)
            unlink(path)

        self.patch(os, "unlink", twice)
        self.archive(None, keepCount(1)).cleanUpNow()
        self.assertEqual(sorted(self.read()), [2000])
        self.assertEqual(self.events, [])


class ThreadTests(ArchiveTestCase):
    """
    The thread.
    """

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.005)

    def slowCompression(self, begun: Event, goOn: Event) -> Compression:
        """
        Make a compression that takes its time.
        """

        def compressor(file: BinaryIO) -> AbstractContextManager[Any]:
            begun.set()
            goOn.wait(20)
            return gzip.GzipFile(fileobj=file, mode="wb")

        return Compression(".gz", compressor)

    def test_elsewhere(self) -> None:
        """
        Old work is done at the start, and new work when there is word of
        it, in a thread that the end of the process does not wait for.
        """
        threads = set()

        def compressor(file: BinaryIO) -> AbstractContextManager[Any]:
            threads.add(current_thread())
            return gzip.GzipFile(fileobj=file, mode="wb")

        self.put(1000)
        archive = self.archive(Compression(".gz", compressor))
        archive.start()
        self.wait(lambda: all(name.endswith(".gz") for name in self.names()))
        self.put(2000)
        archive.cleanUp()
        self.wait(lambda: all(name.endswith(".gz") for name in self.names()))
        self.assertEqual(self.read(), {1000: b"a\n", 2000: b"a\n"})
        self.assertEqual([thread.daemon for thread in threads], [True])
        self.assertNotIn(current_thread(), threads)
        archive.stop()
        self.assertFalse(any(thread.is_alive() for thread in threads))

    def test_neverWaitedFor(self) -> None:
        """
        A caller of L{Archive.cleanUp} does not wait, however long the compression
        takes.  Work that was asked for meanwhile is done after the compression.
        """
        begun, goOn = Event(), Event()
        self.addCleanup(goOn.set)
        self.put(1000)
        archive = self.archive(self.slowCompression(begun, goOn))
        archive.start()
        self.assertTrue(begun.wait(20))
        self.put(2000)
        before = time.monotonic()
        archive.cleanUp()
        self.assertLess(time.monotonic() - before, 1)
        goOn.set()
        self.wait(lambda: all(name.endswith(".gz") for name in self.names()))

    def test_stopped(self) -> None:
        """
        Stopping does not finish what was begun: it is given up and nothing is
        left of it.
        """
        begun, goOn = Event(), Event()
        path = self.put(1000)
        archive = self.archive(self.slowCompression(begun, goOn))
        archive.start()
        self.assertTrue(begun.wait(20))
        archive._stopping.set()
        goOn.set()
        archive.stop()
        self.assertEqual(self.names(), [path.name])
        self.assertEqual(self.events, [])

    @slow
    def test_stopsInTime(self) -> None:
        """
        Stopping takes no longer than it may, though the disk hangs.
        """
        begun, goOn = Event(), Event()
        self.addCleanup(goOn.set)
        self.put(1000)
        archive = self.archive(self.slowCompression(begun, goOn))
        archive.start()
        self.assertTrue(begun.wait(20))
        before = time.monotonic()
        archive.stop()
        self.assertTrue(
            ARCHIVE_STOP_TIMEOUT * 0.9
            < time.monotonic() - before
            < ARCHIVE_STOP_TIMEOUT + 2
        )

    def test_stoppedBetween(self) -> None:
        """
        Nothing is begun any more after the stop.
        """
        path = self.put(1000)
        archive = self.archive("gzip")
        archive.stop()
        archive.cleanUpNow()
        self.assertEqual(self.names(), [path.name])
