"""
C{kill -9} of a file output with a spool: every record is in the files once.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.e2e.programs import Service, post, script, waitUntil
from tests.faults.accounts import (
    CONSOLE,
    SOAK,
    FaultTestCase,
    Lines,
    Metrics,
    filesOf,
    report,
)
from tests.faults.receiver import Poster
from tests.faults.test_forward import keptPort
from tests.faults.test_workers import workersOf

FAULTS = Path(__file__).parent

#: The program that kills, the point at which, when there, and which time.
POINTS = [
    *(("crashing.py", "append", when, "3") for when in ("before", "middle", "after")),
    ("crashing.py", "rotate", "before", "2"),
    ("crashing.py", "rotate", "after", "2"),
    ("crashing.py", "create", "after", "3"),
    ("crashing.py", "remove", "after", "2"),
    ("crashing_spool.py", "acknowledge", "before", "3"),
    ("crashing_spool.py", "delete", "before", "3"),
    ("crashing_spool.py", "delete", "after", "3"),
]


class FileTestCase(FaultTestCase):
    """
    A sender of batches with names, and a service that writes them to a file.
    """

    count = 3000

    def setUp(self) -> None:
        super().setUp()
        self.port = keptPort()
        self.path = self.directory / "logs" / "app.log"
        self.path.parent.mkdir()

    def write(self, keywords: str, *options: str, runner: str = "") -> Service:
        """
        Start a service.

        @param keywords: The keywords of its output.
        @param runner: The arguments of a program that kills it.
        """
        return self.serve(
            f"--http=tcp:{self.port}:interface=127.0.0.1",
            CONSOLE,
            "--state=state",
            f"--output=file:{self.path}:spool=spool{keywords}",
            *options,
            runner=("python", *runner.split("|")) if runner else ("logrecv",),
        )

    def post(self, size: int = 50, rate: float = 1e9) -> Poster:
        """
        Begin to send.
        """
        poster = Poster(self.port, self.count, size, rate)
        self.addCleanup(poster.join)
        self.addCleanup(setattr, poster, "ended", True)
        poster.start()
        return poster

    def finish(self, service: Service, poster: Poster) -> None:
        """
        Wait until everything is written, and stop.
        """
        waitUntil(lambda: poster.accepted == self.count, service.describe)
        service.waitFor(lambda: not Metrics.ask(service).total("output_queued"))
        self.assertConserved(Metrics.ask(service))
        self.assertEqual(service.stop(), 0, service.describe())

    def numbers(self) -> list[int]:
        """
        Read the numbers of the records in the files, one after the other.
        """
        lines = Lines.read(filesOf(self.path))
        self.assertEqual((list(lines.torn), lines.ends), ([], True))
        return lines.numbers("app")

    def assertOnce(self) -> None:
        """
        Make sure that every record is there once, in order.
        """
        self.assertEqual(self.numbers(), list(range(self.count)))

    def clear(self) -> None:
        """
        Remove everything.
        """
        for name in ("logs", "spool", "state"):
            shutil.rmtree(self.directory / name, ignore_errors=True)
        self.path.parent.mkdir()


class PointTests(FileTestCase):
    """
    A kill at each point of a write.
    """

    def crash(self, keywords: str, *point: str) -> None:
        """
        Kill once.
        """
        self.clear()
        runner = "|".join((str(FAULTS / point[0]), *point[1:]))
        service = self.write(keywords, runner=runner)
        poster = self.post()
        self.assertEqual(service.end(), -signal.SIGKILL, service.describe())
        self.finish(self.write(keywords), poster)
        self.assertOnce()
        report(f"killed {point[2]} {point[1]}, {keywords}: 0 lost, 0 twice, 0 torn")

    def test_points(self) -> None:
        """
        No record is lost or comes twice, and no line is torn, also where the file is
        rotated and compressed in between.
        """
        for point in POINTS:
            self.crash(":rotate=16K:compress=gzip", *point)

    def test_synced(self) -> None:
        """
        The same for a file that is synced.
        """
        for when in ("middle", "after"):
            self.crash(":sync=always", "crashing.py", "append", when, "3")


class MovedTests(FileTestCase):
    """
    A file that somebody has moved away while the service was dead.
    """

    def crash(self, when: str, move: Callable[[], object]) -> None:
        """
        Kill once, and do something with the file.
        """
        self.clear()
        runner = f"{FAULTS / 'crashing.py'}|append|{when}|3"
        service = self.write("", runner=runner)
        poster = self.post()
        self.assertEqual(service.end(), -signal.SIGKILL, service.describe())
        move()
        self.finish(self.write(""), poster)

    def move(self) -> None:
        """
        Move the file away, as logrotate does.
        """
        self.path.rename(f"{self.path}.1")

    def compress(self) -> None:
        """
        Move the file away and compress it, as logrotate does.
        """
        status = self.path.stat()
        target = self.path.with_name("app.log.1.gz")
        with gzip.open(target, "wb") as file:
            file.write(self.path.read_bytes())
        # gzip keeps whole seconds of the time only where its file system does.
        os.utime(target, (status.st_atime, int(status.st_mtime)))
        self.path.unlink()

    def test_moved(self) -> None:
        """
        The part of the batch that is in the file that was moved away is not written
        again.  A line that is not whole there is written whole.
        """
        for when in ("before", "middle", "after"):
            self.crash(when, self.move)
            lines = Lines.read([Path(f"{self.path}.1"), self.path])
            self.assertLessEqual(len(lines.torn), 1)
            self.assertEqual(lines.numbers("app"), list(range(self.count)))

    def test_compressed(self) -> None:
        """
        The same, where the file was compressed too.
        """
        for when in ("before", "middle", "after"):
            self.crash(when, self.compress)
            lines = Lines.read([self.path.with_name("app.log.1.gz"), self.path])
            self.assertLessEqual(len(lines.torn), 1)
            self.assertEqual(lines.numbers("app"), list(range(self.count)))


class TakenTests(FileTestCase):
    """
    Two services, and one file.
    """

    def test_refused(self) -> None:
        """
        The second service ends at the start, in one line that names the process that
        has the file, after a rotation and SIGHUP too; when the first is gone, another
        can start.
        """
        if not hasattr(fcntl, "F_OFD_SETLK"):
            raise SkipTest("this system has no locks of open files")
        service = self.write(":rotate=16K", "--workers=2")
        poster = self.post()
        waitUntil(lambda: poster.accepted == self.count, service.describe)
        service.waitFor(lambda: len(filesOf(self.path)) > 3)
        service.process.send_signal(signal.SIGHUP)
        command = [script("logrecv"), "--tcp=tcp:0:interface=127.0.0.1"]
        for options in ((":rotate=16K",), ("",), ("", "--workers=2")):
            output = f"--output=file:{self.path}{options[0]}"
            done = self.call(*command, output, *options[1:])
            self.assertEqual(done.returncode, 1, done)
            told = [line for line in done.stderr.splitlines() if "another" in line]
            self.assertTrue(told, done.stderr)
            for line in told:
                found = re.search(
                    r"another service writes to \S+: process (\d+);", line
                )
                assert found is not None, line
                self.assertIn(int(found[1]), workersOf(service))
        self.finish(service, poster)
        self.assertEqual(sorted(self.numbers()), list(range(self.count)))
        self.write(":rotate=16K")

    def test_removed(self) -> None:
        """
        Records that come after the file was removed go into a new file.
        """
        service = self.write("")
        self.count = 100
        poster = self.post()
        waitUntil(lambda: poster.accepted == 100, service.describe)
        service.waitFor(lambda: self.path.exists() and len(self.numbers()) == 100)
        self.path.unlink()
        for text in ("0 a", "1 b"):
            url = f"http://127.0.0.1:{self.port}/records"
            status, _ = post(url, f'{{"name": "app", "msg": "{text}"}}')
            self.assertEqual(status, 204)
        service.waitFor(lambda: self.path.exists() and self.numbers() == [0, 1])
        self.assertEqual(service.log.count("was removed"), 1)


class RandomTests(FileTestCase):
    """
    A kill at any moment.
    """

    count = 60_000 if SOAK else 10_000
    kills = 40 if SOAK else 6

    def kill(self, keywords: str, workers: int = 1) -> int:
        """
        Kill again and again.

        @return: The seconds that it took.
        """
        options = (f"--workers={workers}",)
        self.clear()
        chance = random.Random(os.environ.get("LOGRECV_SEED"))
        service = self.write(keywords, *options)
        poster = self.post(rate=self.count / self.kills / 1.5)
        for _ in range(self.kills):
            time.sleep(chance.uniform(0.1, 1.0))
            self.strike(service, workers, chance)
            if service.process.poll() is not None:
                service = self.write(keywords, *options)
        self.finish(service, poster)
        report(
            f"{self.kills} kills at random of {workers}, {keywords}: "
            f"{self.count} accepted"
        )
        return 0

    def strike(self, service: Service, count: int, chance: random.Random) -> None:
        """
        Kill the service, or one of its workers.
        """
        if count == 1:
            service.stop(signal.SIGKILL)
        else:
            # A service whose worker is killed before it is ready ends.
            service.waitFor(lambda: self.isHealthy(service))
            workers = workersOf(service)
            os.kill(chance.choice(workers), signal.SIGKILL)

    def isHealthy(self, service: Service) -> bool:
        """
        Return C{True} if all workers are ready.
        """
        with contextlib.suppress(OSError):
            return service.get("/healthz").strip() == "ok"
        return False

    def test_rotated(self) -> None:
        """
        With files that are rotated and compressed.
        """
        self.kill(":rotate=64K:compress=gzip")
        self.assertOnce()

    def test_equalLines(self) -> None:
        """
        With lines that are all the same.
        """
        self.kill(":rotate=4K:text=%(name)s")
        found = b"".join(path.read_bytes() for path in filesOf(self.path))
        self.assertEqual(found, b"app\n" * self.count)

    def test_workers(self) -> None:
        """
        With workers, one of which is killed.
        """
        self.kill(":rotate=64K:compress=gzip", 2)
        self.assertEqual(sorted(self.numbers()), list(range(self.count)))

    def test_workersEqualLines(self) -> None:
        """
        With workers, and lines that are all the same.
        """
        self.kill(":rotate=4K:text=%(name)s", 2)
        found = b"".join(path.read_bytes() for path in filesOf(self.path))
        lines = found.splitlines()
        self.assertEqual(lines.count(b"app"), self.count)
