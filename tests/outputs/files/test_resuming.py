"""
Tests for L{logrecv.outputs.files.resuming}, behind a L{FileWriter}.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import zstandard
from twisted.trial.unittest import SynchronousTestCase

from logrecv.outputs.chunk import Chunk
from logrecv.outputs.files.appending import AppendedFile
from logrecv.outputs.files.positions import Positions
from logrecv.outputs.files.rotation import Rotation
from logrecv.outputs.files.schedule import Schedule
from logrecv.outputs.files.writer import FileWriter
from tests.faults.accounts import filesOf

#: Three lines.
DATA = b"one\ntwo\nthree\n"


def chunk(data: bytes = DATA, name: str = "a") -> Chunk:
    return Chunk(name, 1, 1, data.count(b"\n"), data)


class ResumingTests(SynchronousTestCase):
    """
    A chunk that an earlier process has begun to write is written once.
    """

    def setUp(self) -> None:
        self.directory = Path(os.path.abspath(self.mktemp()))
        self.directory.mkdir()
        self.path = self.directory / "app.log"
        self.positions = os.path.abspath(self.mktemp())

    def writer(self, number: int = 1, rotate: int | None = None) -> FileWriter:
        """
        Start a process.
        """
        schedule = Schedule() if rotate is None else Schedule(rotate)
        rotation = Rotation(str(self.path), schedule)
        writer = FileWriter(str(self.path), rotation=rotation, syncDelay=0.0)
        writer.positions = Positions(self.positions, number)
        writer.open()
        self.addCleanup(writer.close)
        return writer

    def die(self, written: int, before: bytes = b"") -> None:
        """
        Have a process killed when some bytes of the chunk are in the file.
        """
        writer = self.writer()
        if before:
            writer.writeChunk(chunk(before, "before"))
        writer.writeChunk(chunk())
        os.truncate(self.path, len(before) + written)

    def test_everyByte(self) -> None:
        """
        Wherever the kill came, the file has each line once in the end.
        """
        for written in range(len(DATA) + 1):
            for path in self.directory.iterdir():
                path.unlink()
            self.die(written, b"zero\n")
            self.writer().writeChunk(chunk())
            self.assertEqual(self.path.read_bytes(), b"zero\n" + DATA)

    def test_otherChunk(self) -> None:
        """
        A chunk that no earlier process has begun is written from its beginning.
        """
        self.die(4)
        self.writer().writeChunk(chunk(name="b"))
        self.assertEqual(self.path.read_bytes(), b"one\n" + DATA)

    def test_later(self) -> None:
        """
        Only the first chunk of a process can have been begun before.
        """
        self.die(4)
        writer = self.writer()
        writer.writeChunk(chunk(b"x\n", "b"))
        writer.writeChunk(chunk())
        self.assertEqual(self.path.read_bytes(), b"one\nx\n" + DATA)

    def test_goneOn(self) -> None:
        """
        A line whose beginning another process has ended is written whole, and only
        the bytes before the other process came count as written.
        """
        self.die(6)
        self.writer(2).writeChunk(chunk(b"two\nthree\n", "c"))
        self.assertEqual(self.path.read_bytes(), b"one\ntw\ntwo\nthree\n")
        self.writer().writeChunk(chunk())
        expected = b"one\ntw\ntwo\nthree\n" + b"two\nthree\n"
        self.assertEqual(self.path.read_bytes(), expected)

    def test_sameLines(self) -> None:
        """
        Equal lines of another process are not taken for those of the chunk.
        """
        self.die(4)
        self.writer(2).writeChunk(chunk(b"two\nthree\n", "c"))
        self.writer().writeChunk(chunk())
        self.assertEqual(self.path.read_bytes(), DATA + b"two\nthree\n")

    def resume(self) -> bytes:
        """
        Go on with a new file, and return the bytes of it.
        """
        self.writer().writeChunk(chunk())
        return self.path.read_bytes()

    def test_moved(self) -> None:
        """
        The file may have been moved away: the rest goes to the new file, from the
        beginning of a line.
        """
        self.die(6)
        os.rename(self.path, f"{self.path}.1")
        self.assertEqual(self.resume(), b"two\nthree\n")

    def test_compressed(self) -> None:
        """
        The file may have been moved away and compressed.
        """
        gzipped = gzip.compress(b"zero\none\n")
        zipped = zstandard.ZstdCompressor().compress(b"zero\none\n")
        for suffix, data in ((".1.gz", gzipped), ("-20251124.zst", zipped)):
            self.die(4, b"zero\n")
            times = (self.path.stat().st_mtime,) * 2
            self.path.unlink()
            target = Path(f"{self.path}{suffix}")
            target.write_bytes(data)
            os.utime(target, times)
            other = self.directory / "app.log.2.gz"
            other.write_bytes(gzip.compress(b"zero\n" + DATA))
            os.utime(other, (1.0, 1.0))
            self.assertEqual(self.resume(), b"two\nthree\n")
            for path in self.directory.iterdir():
                path.unlink()

    def test_rotated(self) -> None:
        """
        The file may have been rotated by another process, and compressed: it is found
        by the name that it got.
        """
        for suffix in ("", ".gz"):
            self.die(4)
            self.writer(2, 8).writeChunk(chunk(b"another\n", "c"))
            (target,) = (p for p in self.directory.iterdir() if p != self.path)
            self.assertEqual(target.read_bytes(), b"one\n")
            if suffix:
                target.unlink()
                Path(f"{target}.gz").write_bytes(gzip.compress(b"one\n"))
            self.assertEqual(self.resume(), b"another\ntwo\nthree\n")
            os.unlink(self.positions)
            for path in self.directory.iterdir():
                path.unlink()

    def test_inRotation(self) -> None:
        """
        A chunk that takes several files goes on in the last of them.
        """
        for size in range(len(DATA)):
            for path in self.directory.iterdir():
                path.unlink()
            self.writer(rotate=4).writeChunk(chunk(b"zero\n", "z"))
            writer = self.writer(rotate=4)
            with self.dying(size):
                self.assertRaises(KeyboardInterrupt, writer.writeChunk, chunk())
            self.writer(rotate=4).writeChunk(chunk())
            found = [path.read_bytes() for path in filesOf(self.path)]
            self.assertEqual(found, [b"zero\n", b"one\n", b"two\n", b"three\n"])

    @contextmanager
    def dying(self, size: int) -> Iterator[None]:
        """
        Have a writer die when it has appended so many bytes.
        """
        append, left = AppendedFile.append, size

        def die(file: AppendedFile, data: bytes | memoryview) -> int:
            nonlocal left
            count = append(file, data[:left])
            if left < len(data):
                raise KeyboardInterrupt
            left -= count
            return count

        patch = self.patch(AppendedFile, "append", die)
        try:
            yield
        finally:
            patch.restore()

    def test_shorter(self) -> None:
        """
        Somebody may have emptied the file.
        """
        self.die(4, b"zero\n")
        os.truncate(self.path, 0)
        self.assertEqual(self.resume(), DATA)

    def test_gone(self) -> None:
        """
        Somebody may have removed the file: the chunk is written again.
        """
        self.die(4)
        self.path.unlink()
        self.assertEqual(self.resume(), DATA)

    def test_unreadable(self) -> None:
        """
        A compressed file that cannot be read costs no record.
        """
        self.die(4)
        self.path.unlink()
        (self.directory / "app.log.1.gz").write_bytes(b"nothing")
        self.assertEqual(self.resume(), DATA)
