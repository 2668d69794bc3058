"""
Tests for L{logrecv.quarantine.segments}.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
from base64 import b64decode
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from logrecv.quarantine.segments import SEGMENTS, Entry, Segments
from tests.quarantine.entries import ORIGIN, entriesIn, makeEntry, sizeOf
from tests.selection import slow


class SegmentsTests(SynchronousTestCase):
    """
    Tests for L{Segments}.
    """

    def setUp(self) -> None:
        """
        Make files that may have 8,000 bytes together, 1,000 each.
        """
        self.directory = os.path.abspath(self.mktemp())
        self.segments = self.open()

    def open(self) -> Segments:
        """
        Open the directory, as a process does that starts.
        """
        segments = Segments(self.directory, 1000 * SEGMENTS)
        segments.open()
        self.addCleanup(segments.close)
        return segments

    def names(self) -> list[str]:
        """
        Name the files.
        """
        return sorted(os.listdir(self.directory))

    @slow
    def test_severalWriters(self) -> None:
        """
        Several processes write to files of their own, and to no more bytes all
        together than one does.
        """
        limit = 4000 * SEGMENTS
        writers = [Segments(self.directory, limit, 4) for _ in range(4)]
        for writer in writers:
            writer.open()
            self.addCleanup(writer.close)
        for number in range(120):
            for which, writer in enumerate(writers):
                payload = f"{which} {number}".encode() * 40
                writer.write(Entry("", "tcp", "", "malformed", payload))
                sizes = [entry.stat().st_size for entry in os.scandir(self.directory)]
                self.assertLessEqual(sum(sizes), limit)
        entries = list(entriesIn(self.directory))
        self.assertGreater(len(entries), 40)
        self.assertEqual(
            {entry.payload[:1] for entry in entries}, {b"0", b"1", b"2", b"3"}
        )

    def test_line(self) -> None:
        """
        An entry is a line of JSON with the time, the way, the sender, the
        reason, and the payload in base64.
        """
        payload = bytes(range(256))
        self.segments.write(makeEntry(payload))
        [name] = self.names()
        self.assertEqual(name, "rejected-0000000001.jsonl")
        text = Path(self.directory, name).read_text("ascii")
        self.assertEqual(text.count("\n"), 1)
        entry = json.loads(text)
        self.assertEqual(b64decode(entry.pop("payload")), payload)
        self.assertEqual(
            entry,
            {
                "at": ORIGIN.at,
                "via": "tcp",
                "peer": "127.0.0.1:50000",
                "reason": "malformed",
            },
        )

    def test_private(self) -> None:
        """
        Nobody else can read the files: rejected payloads may hold anything.
        """
        self.segments.write(makeEntry())
        [name] = self.names()
        for path, mode in [
            (self.directory, 0o700),
            (os.path.join(self.directory, name), 0o600),
        ]:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), mode, path)

    def test_existingDirectory(self) -> None:
        """
        A directory that is there is used as it is, and other files in it are
        left alone.
        """
        other = Path(self.directory, "notes.txt")
        other.write_text("x" * 20000)
        segments = self.open()
        for _ in range(100):
            segments.write(makeEntry(bytes(300)))
        self.assertTrue(other.exists())
        self.assertGreater(len(self.names()), SEGMENTS)

    def test_bounded(self) -> None:
        """
        All files together never have more bytes than the limit; the oldest file goes
        first.
        """
        for number in range(200):
            self.segments.write(makeEntry(b"%d" % number * 50))
            self.assertLessEqual(sizeOf(self.directory), 1000 * SEGMENTS)
        kept = [entry.payload for entry in entriesIn(self.directory)]
        expected = [b"%d" % number * 50 for number in range(200)]
        self.assertEqual(kept, expected[-len(kept) :])
        self.assertGreater(sizeOf(self.directory), 1000 * (SEGMENTS - 2))

    def test_large(self) -> None:
        """
        An entry that is larger than files usually are has one of its own, and
        as many as are needed go for it.
        """
        for number in range(40):
            self.segments.write(makeEntry(b"%d" % number * 50))
        large = makeEntry(bytes(4000))
        self.segments.write(large)
        self.assertLessEqual(sizeOf(self.directory), 1000 * SEGMENTS)
        self.assertEqual(entriesIn(self.directory)[-1], large)
        self.segments.write(makeEntry(b"after"))
        self.assertEqual(entriesIn(self.directory)[-1].payload, b"after")
        self.assertEqual(entriesIn(self.directory)[-2], large)

    def test_nextProcess(self) -> None:
        """
        The next process goes on after the files that the last process has left, and
        counts their bytes.
        """
        for number in range(40):
            self.segments.write(makeEntry(b"%d" % number))
        before = self.names()
        segments = self.open()
        segments.write(makeEntry(b"next"))
        self.assertGreater(self.names()[-1], before[-1])
        self.assertEqual(entriesIn(self.directory)[-1].payload, b"next")
        for _ in range(40):
            segments.write(makeEntry(bytes(300)))
            self.assertLessEqual(sizeOf(self.directory), 1000 * SEGMENTS)

    def test_removed(self) -> None:
        """
        When the file that is being written was removed, by somebody who has replayed
        it, the next entry goes into a new file.
        """
        self.segments.write(makeEntry(b"replayed"))
        [first] = self.names()
        os.unlink(os.path.join(self.directory, first))
        self.segments.write(makeEntry(b"later"))
        self.assertNotEqual(self.names(), [first])
        self.assertEqual([e.payload for e in entriesIn(self.directory)], [b"later"])

    def test_noRoom(self) -> None:
        """
        Where only a part of an entry can be written, nothing of it stays, and the next
        entry that fits is whole.
        """
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGXFSZ, ignored)
        self.segments.write(makeEntry(b"first"))
        size = sizeOf(self.directory)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30, before[1]))
        try:
            self.assertRaises(OSError, self.segments.write, makeEntry(b"second"))
            self.assertRaises(OSError, self.segments.write, makeEntry(b"third"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        self.assertEqual(sizeOf(self.directory), size)
        self.segments.write(makeEntry(b"fourth"))
        kept = [entry.payload for entry in entriesIn(self.directory)]
        self.assertEqual(kept, [b"first", b"fourth"])

    def test_cannotOpen(self) -> None:
        """
        A directory that cannot be made is an error.
        """
        missing = Segments(os.path.join(self.directory, "no", "where"))
        self.assertRaises(FileNotFoundError, missing.open)

    def test_notAllowed(self) -> None:
        """
        A directory that may not be written to is an error.
        """
        if os.geteuid() == 0:
            raise SkipTest("root may write everywhere")
        os.chmod(self.directory, 0o500)
        self.assertRaises(PermissionError, self.segments.open)
