"""
C{kill -9} at each point of the file output.
"""

from __future__ import annotations

import signal
from pathlib import Path

from tests.faults.accounts import (
    CONSOLE,
    SOAK,
    TCP,
    FaultTestCase,
    Lines,
    Metrics,
    filesOf,
    report,
)

CRASHING = str(Path(__file__).with_name("crashing.py"))

#: Records that are sent before the crash and after it.
BEFORE = 4000
AFTER = 500

#: Which time the point is reached it kills.
COUNTS = (1, 2, 3, 5, 8, 13, 21) if SOAK else (3,)


class CrashTests(FaultTestCase):
    """
    A record that was delivered is in the files.  At most one line is torn.  The
    next run ends the torn line, and finishes the work that was begun.
    """

    @property
    def metrics(self) -> Path:
        """
        The file in which a killed service leaves the metrics of its last moment.
        """
        return self.directory / "crash.metrics"

    def crash(self, point: str, when: str, count: int, output: str) -> None:
        """
        Crash once, and look into what is left; then start again, and look into
        that.
        """
        path = self.directory / f"{point}-{when}-{count}".replace(" ", "-") / "app.log"
        path.parent.mkdir()
        options = (TCP, CONSOLE, f"--output=file:{path}:{output}")
        command = ("python", CRASHING, point, when, str(count))
        service = self.serve(*options, runner=command)
        self.send(service, "before", BEFORE)
        self.assertEqual(service.end(), -signal.SIGKILL, service.describe())

        metrics = Metrics(self.metrics.read_text("ascii"))
        self.assertConserved(metrics)
        delivered = metrics.total("output_delivered")
        left = Lines.read(filesOf(path))
        found = left.numbers("before")
        self.assertLessEqual(len(left.torn), 1)
        self.assertEqual(metrics.total("output_dropped"), 0)
        self.assertGreaterEqual(len(found), delivered)
        self.assertLessEqual(len(found), metrics.total("accepted"))
        self.assertEqual(found, list(range(len(found))))

        service = self.serve(*options)
        self.send(service, "after", AFTER)
        self.assertConserved(self.awaitDelivered(service, "1-file", AFTER))
        suffix = {".gz": "compress=gzip", ".zst": "compress=zstd"}
        wanted = next((s for s, word in suffix.items() if word in output), "")

        def cleanUp() -> bool:
            return all(
                each == path or each.suffix == wanted for each in path.parent.iterdir()
            )

        if wanted:
            service.waitFor(cleanUp)
        self.assertEqual(service.stop(), 0, service.describe())
        lines = Lines.read(filesOf(path))
        self.assertEqual(lines.torn, left.torn)
        self.assertTrue(lines.ends)
        self.assertEqual(lines.numbers("before"), found)
        self.assertEqual(lines.numbers("after"), list(range(AFTER)))
        report(
            f"killed {when} {point} ({count}): {metrics.total('accepted')} accepted, "
            f"{delivered} delivered, {metrics.total('output_queued')} in memory, "
            f"{len(found)} found, 0 of the delivered lost, {len(left.torn)} torn"
        )

    def test_append(self) -> None:
        """
        Before, after and in the middle of an append.
        """
        for when in ("before", "middle", "after"):
            for count in COUNTS:
                self.crash("append", when, count, "sync=none")

    def test_sync(self) -> None:
        """
        Before and after a sync, where that is what makes a record delivered.
        """
        for when in ("before", "after"):
            for count in COUNTS:
                self.crash("sync", when, count, "rotate=16K:sync=always")

    def test_rotate(self) -> None:
        """
        Before and after a file is moved away, and after a new one was made.
        """
        for count in COUNTS:
            self.crash("rotate", "before", count, "rotate=16K:sync=interval")
            self.crash("rotate", "after", count, "rotate=16K:compress=zstd")
            # The first file is made at the start.
            self.crash("create", "after", count + 1, "rotate=16K")

    def test_compress(self) -> None:
        """
        While a file is compressed, when it is on the disk, and after it has
        its name.
        """
        for count in COUNTS:
            for point, when in [
                ("begin compressing", "after"),
                ("compress", "before"),
                ("finish compressing", "before"),
                ("finish compressing", "after"),
            ]:
                self.crash(point, when, count, "rotate=16K:compress=gzip")

    def test_remove(self) -> None:
        """
        Before and after the original of a compressed file is removed.
        """
        for when in ("before", "after"):
            for count in COUNTS:
                self.crash("remove", when, count, "rotate=16K:compress=gzip")

    def test_keep(self) -> None:
        """
        Before and after a file is removed that is not kept any more: only the
        oldest are gone, and the next run removes what is still too many, but
        nothing of others.
        """
        for when in ("before", "after"):
            for count in COUNTS:
                self.keep(when, count)

    def keep(self, when: str, count: int) -> None:
        """
        Crash once while old files are removed.
        """
        path = self.directory / f"keep-{when}-{count}" / "app.log"
        path.parent.mkdir()
        other = path.with_name("app.log.1")
        other.write_text("not ours\n")
        options = (TCP, CONSOLE, f"--output=file:{path}:rotate=16K:keep=3")
        command = ("python", CRASHING, "remove", when, str(count))
        service = self.serve(*options, runner=command)
        self.send(service, "before", BEFORE)
        self.assertEqual(service.end(), -signal.SIGKILL, service.describe())

        metrics = Metrics(self.metrics.read_text("ascii"))
        self.assertConserved(metrics)
        delivered = metrics.total("output_delivered")
        self.assertGreaterEqual(len(filesOf(path)), 3)
        lines = Lines.read(filesOf(path))
        found = lines.numbers("before")
        self.assertEqual(found, list(range(found[0], found[0] + len(found))))
        self.assertGreaterEqual(found[-1] + 1, delivered)

        service = self.serve(*options)
        service.waitFor(lambda: len(filesOf(path)) <= 4)
        self.assertEqual(service.stop(), 0, service.describe())
        self.assertEqual(Lines.read(filesOf(path)).numbers("before")[-1], found[-1])
        self.assertEqual(other.read_text(), "not ours\n")
        report(
            f"killed {when} removal ({count}): {delivered} delivered, "
            f"{found[0]} to {found[-1]} found, {len(lines.torn)} torn"
        )
