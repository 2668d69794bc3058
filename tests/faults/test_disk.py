"""
Disks that are full, and then are not.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.e2e.programs import Service, freePort
from tests.faults.accounts import (
    CONSOLE,
    TCP,
    FaultTestCase,
    Lines,
    Metrics,
    filesOf,
    report,
)
from tests.faults.receiver import Receiver

#: Seconds after which writing has to go on.
RECOVERY = 5.0

#: Records: about 2.5 MB of them.
COUNT = 5000


class DiskTests(FaultTestCase):
    """
    Records wait, no line is torn, and writing goes on by itself.
    """

    def tmpfs(self, size: str) -> Path:
        """
        Mount a small file system.
        """
        path = self.directory / "disk"
        path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "logrecv", str(path)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise SkipTest("a file system cannot be mounted here") from None
        self.addCleanup(subprocess.run, ["umount", "-l", str(path)], check=True)
        return path

    def fill(self, service: Service) -> Metrics:
        """
        Send more than there is room for, and wait until no more is written.
        """
        self.send(service, "app", COUNT).join()

        def stuck() -> Metrics | None:
            metrics = Metrics.ask(service)
            waits = metrics.total("output_queued") > 0
            return metrics if waits and metrics.total("accepted") == COUNT else None

        service.waitFor(lambda: "cannot write" in service.err)
        metrics: Metrics = service.waitFor(stuck)
        # Some attempts, each of which fails.
        time.sleep(2.5)
        self.assertConserved(Metrics.ask(service))
        # Once for each time: compressing makes room, and soon there is none again.
        failures, recoveries = map(service.err.count, ("cannot write", "writing goes"))
        self.assertEqual(failures, recoveries + 1, service.err)
        return metrics

    def recover(self, what: str, service: Service, path: Path) -> None:
        """
        Wait for the rest to be written, and account for all of it.
        """
        begun = time.monotonic()
        metrics = self.awaitDelivered(service, "1-file", COUNT)
        seconds = time.monotonic() - begun
        self.assertLess(seconds, RECOVERY)
        self.assertConserved(metrics)
        self.assertEqual(metrics.total("output_dropped"), 0)
        self.assertIn("writing goes on", service.err)
        self.assertEqual(service.stop(), 0, service.describe())
        self.assertAll(Lines.read(filesOf(path)), "app", COUNT)
        report(
            f"{what}: {COUNT} accepted, {COUNT} delivered, 0 lost, 0 torn, "
            f"written again after {seconds:.1f} s"
        )

    def assertWhole(self, path: Path) -> None:
        """
        Make sure that a disk that is full has whole lines on it.
        """
        lines = Lines.read(filesOf(path))
        self.assertEqual((list(lines.torn), lines.ends), ([], True))
        self.assertGreater(len(lines.records), 0)

    def full(self, keywords: str, size: str = "1m") -> None:
        """
        Fill a small disk, and then make it larger.
        """
        disk = self.tmpfs(size)
        path = disk / "app.log"
        service = self.serve(TCP, CONSOLE, f"--output=file:{path}{keywords}")
        self.fill(service)
        self.assertWhole(path)
        command = ["mount", "-o", "remount,size=64m", str(disk)]
        subprocess.run(command, check=True)
        self.recover(f"full disk, {keywords or 'plain'}", service, path)

    def test_full(self) -> None:
        """
        A disk without room.
        """
        self.full("")

    def test_fullAndSynced(self) -> None:
        """
        The same, where each record is synced.
        """
        self.full(":sync=always")

    def test_fullWhileRotating(self) -> None:
        """
        The same, with files that are rotated, and compressed while there is
        room for that.
        """
        self.full(":rotate=64K:compress=gzip:sync=interval", "512k")

    def limit(self, keywords: str) -> None:
        """
        Let no file grow, and then let it.
        """
        path = self.directory / "app.log"
        service = self.serve(TCP, CONSOLE, f"--output=file:{path}{keywords}")
        set_: Callable[[int], object] = lambda size: resource.prlimit(  # noqa: E731
            service.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY)
        )
        set_(300_001)
        self.fill(service)
        self.assertWhole(path)
        self.assertIn("File too large", service.err)
        set_(resource.RLIM_INFINITY)
        self.recover(f"RLIMIT_FSIZE, {keywords or 'plain'}", service, path)

    def test_fileLimit(self) -> None:
        """
        A process whose files may not grow (RLIMIT_FSIZE) does not die of the
        signal.
        """
        self.limit("")

    def test_fileLimitBelowRotation(self) -> None:
        """
        The same, where files would be rotated, but only when they are larger.
        """
        self.limit(":rotate=1M:sync=always")

    def test_acknowledged(self) -> None:
        """
        A request over HTTP that meets a spool without room is answered 503, from the
        first one on: what was answered 204 is in the spool after C{kill -9}.
        """
        spool = self.directory / "spool"
        address = f"127.0.0.1:{freePort()}"
        options = (
            "--http=tcp:0:interface=127.0.0.1",
            CONSOLE,
            f"--output=forward:http:{address}:spool={spool}:full=pause",
        )
        service = self.serve(*options)
        resource.prlimit(
            service.process.pid,
            resource.RLIMIT_FSIZE,
            (200_001, resource.RLIM_INFINITY),
        )
        taken = 0
        for number in range(100):
            answer = self.post(service, f"b{number}", f"{number} " + "x" * 10_000)
            taken += answer.status == 204
            if answer.status != 204:
                self.assertEqual(answer.status, 503)
                self.assertTrue(answer.getheader("retry-after"))
        self.assertIn(taken, range(1, 100))
        metrics = Metrics.ask(service)
        self.assertConserved(metrics)
        self.assertEqual(metrics.total("accepted"), taken)
        self.assertEqual(metrics.total("rejected", reason="pressure"), 100 - taken)
        service.process.kill()
        service.end()
        receiver = Receiver(int(address.rpartition(":")[2]))
        self.addCleanup(receiver.end)
        service = self.serve(*options)
        self.awaitDelivered(service, "1-forward", taken)
        self.assertEqual(len(set(receiver.everything())), taken)
        report(f"spool without room: {taken} answered 204, {taken} there after kill -9")

    def post(self, service: Service, name: str, text: str) -> HTTPResponse:
        """
        Send a record as a batch with a name.
        """
        connection = HTTPConnection("127.0.0.1", service.port("http"))
        with closing(connection):
            headers = {"content-type": "application/json", "logrecv-batch": name}
            body = json.dumps({"name": "app", "msg": text})
            connection.request("POST", "/records", body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer

    def test_fullDevice(self) -> None:
        """
        C{/dev/full}, which is always full: another output has everything, and
        when SIGHUP opens a file in its place, that gets everything too.
        """
        path = self.directory / "app.log"
        path.symlink_to("/dev/full")
        other = self.directory / "other.log"
        service = self.serve(
            *(TCP, CONSOLE, f"--output=file:{path}", f"--output=file:{other}")
        )
        metrics = self.fill(service)
        self.assertEqual(metrics.total("output_delivered", output="1-file"), 0)
        self.awaitDelivered(service, "2-file", COUNT)
        self.assertAll(Lines.read([other]), "app", COUNT)
        path.unlink()
        os.kill(service.process.pid, 1)
        self.recover("/dev/full", service, path)
