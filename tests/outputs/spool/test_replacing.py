"""
Tests for L{logrecv.outputs.spool.replacing}.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from logrecv.outputs.queue.store import StoreFull
from logrecv.outputs.spool.database import SpoolFile
from logrecv.outputs.spool.recovery import DamagedDatabase
from logrecv.outputs.spool.replacing import ReplaceableFile
from logrecv.outputs.spool.rows import CorruptSpool
from logrecv.outputs.spool.spool import Spool
from tests.outputs.queue.test_sink import captureWarnings
from tests.outputs.spool.cases import SpoolTestCase, connectionOf
from tests.selection import slow
from tests.stored import (
    STORED_CHUNK,
    STORED_PARTS,
    STORED_SENT,
    storedPart,
    unpackStored,
)


class DamageTests(SpoolTestCase):
    """
    Files that are not what was written: see C{tests.faults.test_damage} for
    more of them.
    """

    def fill(self) -> None:
        spool = self.makeSpool()
        for number in range(20):
            spool.append([(b"%04d" % number * 1000, 2)])
        spool.close()

    def test_noDatabase(self) -> None:
        """
        A file that is no database is set aside, which is said.
        """
        os.mkdir(self.directory)
        self.file.write_bytes(b"hello" * 1000)
        events = captureWarnings(self, ReplaceableFile)
        spool = self.makeSpool()
        self.assertEqual(spool.count, 0)
        [aside] = Path(self.directory).glob("spool.sqlite.damaged-*Z")
        self.assertEqual(aside.read_bytes(), b"hello" * 1000)
        self.assertEqual(len(events), 1)
        self.assertIn(f"is set aside as {aside}", events[0])
        self.assertIn("0 records in it were saved", events[0])

    def test_saved(self) -> None:
        """
        Whole rows of a damaged file are taken over, in their order; the log says
        how many are missing.
        """
        self.fill()
        data = bytearray(self.file.read_bytes())
        place = data.index(b"0007" * 10) // 4096 * 4096
        data[place : place + 4096] = bytes(4096)
        self.file.write_bytes(data)
        events = captureWarnings(self, ReplaceableFile)
        spool = self.makeSpool()
        numbers = [
            int(data[start : start + 4])
            for data in self.drain(spool)
            for start in range(0, len(data), 4000)
        ]
        self.assertEqual(numbers, [n for n in range(20) if n in numbers])
        self.assertNotIn(7, numbers)
        self.assertGreater(len(numbers), 17)
        self.assertIn(f"{2 * len(numbers)} records in it were saved", events[0])
        self.assertIn(f"{20 - len(numbers)} batches are missing", events[0])

    def test_notReplaced(self) -> None:
        """
        Where the disk is too full to save anything, everything stays as it is
        for another time.
        """
        self.fill()
        data = bytearray(self.file.read_bytes())
        data[4096] ^= 0xFF
        self.file.write_bytes(data)

        def fail(spool: Spool, damaged: DamagedDatabase, file: SpoolFile) -> int:
            raise StoreFull("full")

        patched = self.patch(Spool, "salvage", fail)
        self.assertRaises(OSError, self.makeSpool)
        patched.restore()
        self.assertEqual(self.file.read_bytes(), data)
        self.assertEqual(list(Path(self.directory).glob("*damaged*")), [])
        self.assertEqual(self.makeSpool().count, 40)

    def test_brokenRow(self) -> None:
        """
        Data that SQLite cannot know to be damaged is not sent.
        """
        self.fill()
        data = self.file.read_bytes()
        self.file.write_bytes(data.replace(b"0008" * 3, b"9999" * 3, 1))
        events = captureWarnings(self, Spool)
        spool = self.makeSpool()
        self.assertEqual(spool.count, 40)
        self.assertNotIn(b"0008", b"".join(self.drain(spool)))
        self.assertEqual(spool.count, 0)
        self.assertEqual(
            events, ["1-file: 1 batches in the spool are damaged and lost"]
        )

    def test_whileRunning(self) -> None:
        """
        A file that is found damaged while it is in use is replaced; what is out
        is not sent twice, be it damaged or not.
        """
        for damaged in (0, 40):
            self.directory = os.path.abspath(self.mktemp())
            spool = self.makeSpool()
            for number in range(50):
                spool.append([(b"%04d" % number * 3000, 1)])
            spool._file.attempt(SpoolFile.checkpoint)
            self.nextOf(spool, 24_000)
            data = bytearray(self.file.read_bytes())
            place = data.index(b"%04d" % damaged * 10) // 4096 * 4096
            with self.file.open("r+b") as file:
                file.seek(place)
                file.write(os.urandom(4096))
            connectionOf(spool).execute("PRAGMA cache_size = 0")
            events = captureWarnings(self, ReplaceableFile)
            spool._file.attempt(self.raiseOnce())
            self.assertEqual(len(events), 1, events)
            self.assertEqual(self.nextOf(spool).data[:4], b"0000")
            spool.done()
            found = b"".join(self.drain(spool))
            self.assertEqual((found[:4], found[-4:]), (b"0002", b"0049"))
            self.assertEqual((spool.count, spool.size), (0, 0))

    def raiseOnce(self) -> Any:
        """
        Make something that finds damage the first time that it is done.
        """
        errors = [CorruptSpool("found")]

        def find(file: SpoolFile) -> None:
            if errors:
                raise errors.pop()

        return find

    def test_vanished(self) -> None:
        """
        A file that somebody has removed while nothing is held costs nothing.
        """
        spool = self.makeSpool()
        for path in Path(self.directory).iterdir():
            path.unlink()
        spool._file.attempt(self.raiseOnce())
        spool.append([(b"a", 1)])
        self.assertEqual(self.drain(spool), [b"a"])

    def test_fullWhileStartingOver(self) -> None:
        """
        Where there is no room for a new file, none is left half made, and the
        next attempt makes one.
        """
        spool = self.makeSpool()

        def fail(path: str, form: str) -> SpoolFile:
            Path(path).touch()
            raise CorruptSpool("database or disk is full")

        patched = self.patch(SpoolFile, "open", fail)
        self.assertRaises(StoreFull, spool._startOver)
        self.assertFalse(self.file.exists())
        patched.restore()
        events = captureWarnings(self, ReplaceableFile)
        spool.append([(b"a", 1)])
        self.assertEqual((self.drain(spool), events), ([b"a"], []))


class KilledTests(SpoolTestCase):
    """
    A process that ends while it replaces a file, or opens one, costs nothing.
    """

    def setUp(self) -> None:
        """
        Make a spool as it is after a kill, with a log that is damaged near its
        beginning: whatever SQLite takes for its end comes before most parts.
        """
        super().setUp()
        spool = self.makeSpool()
        for number in range(20):
            spool.append([(b"%04d" % number * 1000, 2)])
        running = self.directory
        self.directory = os.path.abspath(self.mktemp())
        shutil.copytree(running, self.directory)
        self.logPath = Path(self.directory, "spool.sqlite-wal")
        self.keptPath = Path(self.directory, "spool.sqlite-wal.kept")
        self.newPath = Path(self.directory, "spool.sqlite.new")
        data = bytearray(self.logPath.read_bytes())
        data[data.index(b"0001" * 10)] ^= 0xFF
        self.logPath.write_bytes(data)

    def assertRecovered(self) -> None:
        """
        Make sure that all parts are there but the one that is damaged, and that
        nothing is left that nobody needs.
        """
        spool = self.makeSpool()
        data = b"".join(self.drain(spool))
        numbers = [int(data[start : start + 4]) for start in range(0, len(data), 4000)]
        self.assertEqual(numbers, [n for n in range(20) if n != 1])
        spool.close()
        names = {path.name for path in Path(self.directory).iterdir()}
        rest = {name for name in names if ".damaged-" not in name}
        self.assertEqual(rest, {"spool.sqlite", "lock"})

    def test_opening(self) -> None:
        """
        The log has two names while the file is opened.
        """
        os.link(self.logPath, self.keptPath)
        self.assertRecovered()

    def test_closed(self) -> None:
        """
        SQLite has deleted the log, and there is a part of a new file.
        """
        self.logPath.rename(self.keptPath)
        self.newPath.write_bytes(b"not finished")
        Path(f"{self.newPath}-wal").write_bytes(b"not finished")
        self.assertRecovered()

    def kill(self, function: str, number: int) -> None:
        """
        Open the spool and end as a kill does: at the n-th call of a function of
        C{os}.
        """
        original = getattr(os, function)
        left = number

        def call(*arguments: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os._exit(9)
            original(*arguments)

        child = os.fork()
        if child == 0:
            try:
                setattr(os, function, call)
                self.makeSpool()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 9)

    @slow
    def test_renaming(self) -> None:
        """
        Some of the files have their new names.
        """
        for number in (1, 2, 3):
            directory = os.path.abspath(self.mktemp())
            shutil.copytree(self.directory, directory)
            self.directory, before = directory, self.directory
            self.kill("replace", number)
            self.assertRecovered()
            self.directory = before


class EarlierVersionTests(SpoolTestCase):
    """
    Spools that the version of November 2026 has left, whole or damaged.
    """

    def load(self, name: str) -> None:
        self.directory = str(unpackStored(self.mktemp()) / name)

    def damage(self, name: str, data: bytes) -> None:
        """
        Overwrite a byte of some data wherever it is in a file: a log has old
        versions of a page, too.
        """
        path = Path(self.directory, name)
        content = path.read_bytes()
        self.assertIn(data, content)
        path.write_bytes(content.replace(data, b"#" + data[1:]))

    def assertHeld(self, lost: tuple[int, ...] = ()) -> None:
        """
        Make sure that all parts come out but some.
        """
        spool = self.makeSpool()
        chunk = self.nextOf(spool)
        inFlight = range(STORED_SENT, STORED_SENT + 3)
        if not set(inFlight) & set(lost):
            self.assertEqual(chunk.id, STORED_CHUNK)
            self.assertEqual(chunk.data, b"".join(map(storedPart, inFlight)))
        held = range(STORED_SENT, STORED_PARTS)
        self.assertEqual(
            b"".join(self.drain(spool)),
            b"".join(storedPart(number) for number in held if number not in lost),
        )

    def test_whole(self) -> None:
        """
        A spool is taken over after a kill and after a stop, and the chunk in
        flight has its name.
        """
        for name in ("killed", "stopped"):
            self.load(name)
            events = captureWarnings(self, ReplaceableFile)
            self.assertHeld()
            self.assertEqual(events, [])

    def test_kept(self) -> None:
        """
        A spool is taken over whose log had a second name when the process ended,
        or only the second name.
        """
        for move in (os.link, os.rename):
            self.load("killed")
            log = Path(self.directory, "spool.sqlite-wal")
            move(log, f"{log}.kept")
            self.assertHeld()
            self.assertFalse(os.path.exists(f"{log}.kept"))

    def test_damaged(self) -> None:
        """
        Of a damaged spool everything is taken over but the damaged part.
        """
        for name, file, number in [
            ("stopped", "spool.sqlite", 11),
            ("stopped", "spool.sqlite", 28),
            ("killed", "spool.sqlite-wal", 23),
            ("killed", "spool.sqlite-wal", 26),
        ]:
            self.load(name)
            self.damage(file, storedPart(number)[:20])
            self.assertHeld((number,))

    def test_firstPages(self) -> None:
        """
        Without the pages from which SQLite finds the others, nothing is lost.
        """
        for page in (0, 1):
            self.load("stopped")
            with self.file.open("r+b") as file:
                file.seek(page * 4096)
                file.write(os.urandom(4096))
            self.assertHeld()
            [aside] = Path(self.directory).glob("spool.sqlite.damaged-*Z")
            self.assertGreater(aside.stat().st_size, 100_000)
