"""
SIGHUP at any moment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from tests.e2e.programs import Program, ProgramTestCase, script
from tests.e2e.test_commands import RUNNERS

_TCP = "--tcp=tcp:0:interface=127.0.0.1"


def _catches(pid: int) -> bool:
    """
    Return C{True} if a process has a handler for SIGHUP.
    """
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    (caught,) = (line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) & (1 << (signal.SIGHUP - 1)))


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
        return [int(each) for each in text.split()]
    return []


class HangUpTests(ProgramTestCase):
    """
    SIGHUP does not end a service that starts.
    """

    def test_beforeTwisted(self) -> None:
        """
        The command takes care of SIGHUP before it imports Twisted.
        """
        program = "import sys, logrecv.__main__; print('twisted' in sys.modules)"
        done = self.call(sys.executable, "-P", "-c", program)
        self.assertEqual((done.stdout, done.stderr), ("False\n", ""))

    def hangUpUntil(self, program: Program, ready: str) -> None:
        """
        Send SIGHUP to a program and its children again and again, from the first
        moment of its own code until its log has a text.
        """
        pid = program.process.pid
        program.waitFor(lambda: _catches(pid))
        count = 0
        while ready not in program.out + program.err:
            self.assertIsNone(program.process.poll(), program.describe())
            for each in (pid, *_children(pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGHUP)
            count += 1
            time.sleep(0.002)
        self.assertGreater(count, 5)

    def test_starting(self) -> None:
        """
        A service that gets SIGHUP all the time while it starts gets ready, under every
        runner, and opens its file again at a later SIGHUP.
        """
        for name, runner in RUNNERS.items():
            path = self.directory / f"{name}.jsonl"
            command = [script(runner[0]), *runner[1:]]
            program = self.begin(*command, _TCP, f"--output=file:{path}")
            self.hangUpUntil(program, "listening on")
            program.waitFor(path.exists)
            path.rename(self.directory / f"{name}.old")
            program.process.send_signal(signal.SIGHUP)
            program.waitFor(path.exists)
            program.stop()

    def test_startingWorkers(self) -> None:
        """
        Workers that get SIGHUP while they start get ready, too.
        """
        program = self.begin(script("logrecv"), "--workers=2", _TCP)
        self.hangUpUntil(program, "workers serve")
        self.assertEqual(program.stop(), 0)
        self.assertNotIn("has ended", program.err)

    def test_held(self) -> None:
        """
        A SIGHUP that comes before the service is ready is honoured when it is ready: a
        file that was renamed meanwhile is opened again.
        """
        path = self.directory / "records.jsonl"
        program = self.begin(
            *(sys.executable, "-P", "-c", _RENAMED),
            *(_TCP, "--output=file:records.jsonl"),
        )
        program.waitFor(lambda: "listening on" in program.err)
        program.waitFor(lambda: path.exists() and (self.directory / "old").exists())
        self.assertEqual(program.stop(), 0)


#: C{logrecv}, but its file is renamed, and SIGHUP comes, as soon as the file is open.
_RENAMED = """
import os, signal
from logrecv import hangup
hangup.hold()
from logrecv.__main__ import main
from logrecv.service import ReceiverService
start = ReceiverService.startService
def startService(self):
    start(self)
    os.rename("records.jsonl", "old")
    os.kill(os.getpid(), signal.SIGHUP)
ReceiverService.startService = startService
main()
"""
