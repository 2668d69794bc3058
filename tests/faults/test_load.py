"""
Outputs under load: files that are renamed or rotated, and a pipe that nobody reads.
"""

from __future__ import annotations

import logging.handlers
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from shutil import which

from twisted.trial.unittest import SkipTest

from tests.faults.accounts import (
    CONSOLE,
    SOAK,
    TCP,
    FaultTestCase,
    Lines,
    filesOf,
    padding,
    report,
)

#: Records a second.
RATE = 5000

#: How often a file is renamed.
RENAMES = 1000 if SOAK else 100

#: Seconds for which nobody reads standard output.
STALL = 60 if SOAK else 5

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "logrotate.conf"


class RenameTests(FaultTestCase):
    """
    Renaming and SIGHUP.
    """

    def test_renamed(self) -> None:
        """
        A file that is renamed again and again under load loses no record.  Each
        record is in one of the renamed files, once, in order.
        """
        path = self.directory / "app.log"
        service = self.serve(TCP, CONSOLE, f"--output=file:{path}")
        sender = self.send(service, "app", 1 << 30, RATE)
        moved = []
        begun = time.monotonic()
        for number in range(RENAMES):
            service.waitFor(path.exists)
            moved.append(path.with_name(f"app.log.{number:04d}"))
            path.rename(moved[-1])
            service.process.send_signal(signal.SIGHUP)
            time.sleep(0.01)
        sender.end()
        seconds = time.monotonic() - begun
        metrics = self.awaitDelivered(service, "1-file", sender.sent)
        self.assertConserved(metrics)
        self.assertEqual(service.stop(), 0, service.describe())
        self.assertAll(Lines.read([*moved, path]), "app", sender.sent)
        report(
            f"renamed {RENAMES} times in {seconds:.1f} s: {sender.sent} accepted, "
            "0 lost, 0 torn"
        )

    def test_rotated(self) -> None:
        """
        The same by its own rotation, with all that it does.
        """
        path = self.directory / "app.log"
        service = self.serve(
            *(TCP, CONSOLE),
            f"--output=file:{path}:rotate=64K:compress=gzip:sync=interval",
        )
        count = RATE * (60 if SOAK else 5)
        self.send(service, "app", count, RATE).join()
        metrics = self.awaitDelivered(service, "1-file", count)
        self.assertConserved(metrics)
        self.assertEqual(service.stop(), 0, service.describe())
        files = filesOf(path)
        self.assertAll(Lines.read(files), "app", count)
        self.assertGreater(len(files), count // 500)
        report(f"rotated {len(files) - 1} times: {count} accepted, 0 lost, 0 torn")


class LogrotateTests(FaultTestCase):
    """
    The example for logrotate, with the real one.
    """

    def setUp(self) -> None:
        """
        Find it.
        """
        super().setUp()
        program = which("logrotate", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        if program is None:
            raise SkipTest("there is no logrotate here")
        self.program = program

    def rotate(self, text: str, *options: str) -> str:
        """
        Run logrotate.
        """
        config = self.directory / "logrotate.conf"
        config.write_text(text)
        config.chmod(0o644)
        state = str(self.directory / "state")
        done = subprocess.run(
            [self.program, *options, "--state", state, str(config)],
            capture_output=True,
            text=True,
        )
        output = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, output)
        self.assertNotRegex(output, r"(?m)^error|(?i:unknown|deprecated|obsolete)")
        return output

    def test_accepted(self) -> None:
        """
        The example is understood by logrotate.
        """
        self.assertIn("logrecv", self.rotate(EXAMPLE.read_text(), "--debug"))

    def test_underLoad(self) -> None:
        """
        An example with the paths of a test loses no record and tears no line.
        """
        directory = self.directory / "logs"
        directory.mkdir()
        path = directory / "app.jsonl"
        service = self.serve(TCP, CONSOLE, f"--output=file:{path}")
        text = EXAMPLE.read_text().replace("/var/log/logrecv", str(directory))
        reload = f"kill -HUP {service.process.pid}"
        text = text.replace("systemctl reload logrecv", reload)
        self.assertIn(reload, text)
        sender = self.send(service, "app", 1 << 30, RATE)
        for _ in range(4):
            # The name has the second in it.
            time.sleep(1.1)
            self.rotate(text, "--force")
        sender.end()
        metrics = self.awaitDelivered(service, "1-file", sender.sent)
        self.assertConserved(metrics)
        self.assertEqual(service.stop(), 0, service.describe())
        rotated = sorted(each for each in directory.iterdir() if each != path)
        self.assertEqual(len(rotated), 4)
        self.assertAll(Lines.read([*rotated, path]), "app", sender.sent)
        report(f"logrotate, 4 times: {sender.sent} accepted, 0 lost, 0 torn")


class ExampleTests(FaultTestCase):
    """
    The text of the example for logrotate.
    """

    def test_documented(self) -> None:
        """
        The example is for the files and the service that the documentation names.
        """
        text = EXAMPLE.read_text()
        self.assertIn("/var/log/logrecv/*.jsonl {", text)
        self.assertIn("systemctl reload logrecv", text)
        self.assertNotRegex(text, re.compile(r"^\s*copytruncate", re.MULTILINE))


class StalledTests(FaultTestCase):
    """
    An output that does not move.
    """

    def test_nobodyReads(self) -> None:
        """
        Standard output is a pipe that nobody reads: the file has everything,
        the memory is bounded and no client waits.
        """
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        path = self.directory / "app.log"
        service = self.serve(
            *(TCP, CONSOLE, "--output=stdout:queue=4M", f"--output=file:{path}"),
            stdout=writing,
        )
        os.close(writing)
        before = self.memory(service.process.pid)
        handler = logging.handlers.SocketHandler("127.0.0.1", service.port("tcp"))
        self.addCleanup(handler.close)
        count, slowest = STALL * RATE, 0.0
        begun = time.monotonic()
        largest = before
        for number in range(count):
            if number % 100 == 0:
                time.sleep(max(number / RATE - (time.monotonic() - begun), 0))
            if number % RATE == 0:
                largest = max(largest, self.memory(service.process.pid))
            record = logging.LogRecord(
                "app", logging.INFO, "app.py", 1, f"{number} {padding()}", None, None
            )
            start = time.monotonic()
            handler.emit(record)
            slowest = max(slowest, time.monotonic() - start)
        metrics = self.awaitDelivered(service, "2-file", count)
        largest = max(largest, self.memory(service.process.pid))
        self.assertConserved(metrics)
        self.assertAll(Lines.read([path]), "app", count)
        grown = (largest - before) / 2**20
        stdout = {
            part: metrics.total(f"output_{part}", output="1-stdout")
            for part in ("delivered", "queued", "dropped")
        }
        report(
            f"nobody read stdout for {STALL} s: file {count} of {count}, "
            f"stdout {stdout}, memory +{grown:.1f} MiB, "
            f"slowest emit {slowest * 1000:.1f} ms"
        )
        self.assertGreater(stdout["dropped"], 0)
        self.assertLess(grown, 64)
        self.assertLess(slowest, 0.5)

    def memory(self, process: int) -> int:
        """
        Bytes of memory that a process has.
        """
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
