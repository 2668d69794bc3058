"""
Tests for L{logrecv.replay.command}.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from logrecv.__main__ import main
from logrecv.inputs.datagrams import DatagramInput, UDPAddress
from logrecv.inputs.http.site import RecordSite
from logrecv.inputs.limits.partial import PartialInputs
from logrecv.inputs.listening import StreamInput
from logrecv.inputs.streams import Connections
from logrecv.inputs.tcp import RecordFactory
from logrecv.inputs.udp import RecordDatagramProtocol
from logrecv.intake import Intake
from logrecv.quarantine.segments import QUARANTINE_SIZE, Segments
from logrecv.quarantine.service import Quarantine
from logrecv.testing import MemorySink, makeForm, makePickle
from logrecv.threads import ThreadExecutor
from tests.quarantine.entries import entriesIn
from tests.replay.entries import encode, makeEntry, replay, unusedPort, writeEntries
from tests.selection import slow


class ServiceTests(TestCase):
    """
    Tests for L{Replay} with a service that receives.
    """

    def setUp(self) -> None:
        """
        Start the three inputs, with a quarantine behind them.
        """
        from twisted.internet import reactor

        clock: Any = reactor
        self.directory = os.path.abspath(self.mktemp())
        self.quarantine = Quarantine(
            Segments(self.directory), ThreadExecutor(clock, "quarantine"), clock
        )
        self.quarantine.startService()
        self.sink = MemorySink()
        intake = self.intake = Intake(self.sink, clock, quarantine=self.quarantine)
        # Its clock stands still: nothing here is slow.
        partials = PartialInputs(Clock())
        sites = {
            "tcp": RecordFactory(intake, partials=partials),
            "http": RecordSite(intake, clock, partials=partials),
        }
        self.inputs: dict[str, Any] = {
            via: StreamInput(
                TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"),
                Connections(factory, intake.tallies[via], clock),
            )
            for via, factory in sites.items()
        }
        self.inputs["udp"] = DatagramInput(
            reactor, UDPAddress(0, "127.0.0.1"), RecordDatagramProtocol(intake)
        )
        for each in self.inputs.values():
            each.startService()
            self.addCleanup(each.stopService)
        self.addCleanup(self.stopQuarantine)
        self.path = self.mktemp()

    def stopQuarantine(self) -> Deferred[None] | None:
        """
        Stop the quarantine, if that was not done.
        """
        return self.quarantine.stopService() if self.quarantine.running else None

    def options(self, *names: str) -> list[str]:
        """
        Make the options that lead to the service.
        """
        ports = {name: self.inputs[name].port.getHost().port for name in names}
        return [f"--{name}=127.0.0.1:{port}" for name, port in ports.items()]

    def replay(self, *arguments: str) -> Deferred[tuple[int, str, str]]:
        """
        Replay, while the service runs.
        """
        return deferToThread(replay, *arguments)

    @slow
    async def test_everyWay(self) -> None:
        """
        Every payload goes the way it came, and becomes the record that it is.
        """
        writeEntries(
            self.path,
            makeEntry("tcp", makePickle(msg="one")),
            makeEntry("udp", makePickle(msg="two")),
            makeEntry("http", makeForm(msg="three")),
            makeEntry("json", b'{"msg": "four"}\n{"msg": "five"}'),
            makeEntry("tcp", makePickle(msg="six")),
        )
        status, report, errors = await self.replay(
            *self.options("tcp", "udp", "http"), self.path
        )
        self.assertEqual((status, errors), (0, ""))
        await self.inputs["udp"].stopService()
        came = {(r.received.via, r.message) for r in self.sink.records}
        self.assertEqual(
            came,
            {
                ("tcp", "one"),
                ("udp", "two"),
                ("http", "three"),
                ("json", "four"),
                ("json", "five"),
                ("tcp", "six"),
            },
        )
        for line in ("tcp: 2 sent", "udp: 1 sent", "http: 1 sent", "json: 1 sent"):
            self.assertIn(f"{line} to 127.0.0.1:", report)
        self.assertEqual(report.count(", 0 failed\n"), 4)

    @slow
    async def test_byteForByte(self) -> None:
        """
        Payloads that are rejected again lie in the quarantine again, for the same
        reasons and byte for byte; forms and JSON, which are answered, count as failed,
        each with its file and line and the answer.
        """
        entries = [
            makeEntry("tcp", bytes(range(256))),
            makeEntry("tcp", b""),
            makeEntry("tcp", b"}.", "not-a-record"),
            makeEntry("udp", b"\xff" * 60_000),
            makeEntry("http", b"&&&"),
            makeEntry("json", b'\xef\xbb\xbf{"msg"\r\n'),
        ]
        writeEntries(self.path, *entries)
        status, report, errors = await self.replay(
            *self.options("tcp", "udp", "http"), self.path
        )
        await self.inputs["udp"].stopService()
        await self.quarantine.stopService()
        kept = [(e.via, e.reason, e.payload) for e in entriesIn(self.directory)]
        sent = [(e.via, e.reason, e.payload) for e in entries]
        self.assertEqual(sorted(kept), sorted(sent))
        self.assertEqual(status, 1)
        form, json = errors.splitlines()
        self.assertIn(f"{self.path}:5: 400 the form has no fields", form)
        self.assertIn(f"{self.path}:6: 400 line 1: ", json)
        self.assertIn("tcp: 3 sent", report)

    @slow
    async def test_ownQuarantine(self) -> None:
        """
        The service adds payloads that it rejects again to the file that is read; each
        payload is sent once all the same.
        """
        await self.replayOwn(QUARANTINE_SIZE)

    @slow
    async def test_ownQuarantineFull(self) -> None:
        """
        A full quarantine may remove the file that is replayed, to make room.
        """
        await self.replayOwn(100_000)

    async def replayOwn(self, limit: int) -> None:
        """
        Replay the quarantine of the receiving service itself.

        @param limit: The bytes that its quarantine may have meanwhile.
        """
        self.intake.framesReceived(
            [b"%d" % number for number in range(500)], "1.2.3.4:5"
        )
        while sum(self.quarantine.tally.kept.values()) < 500:
            await deferToThread(time.sleep, 0.01)
        [name] = os.listdir(self.directory)
        self.quarantine.segments.limit = limit
        status, report, _ = await self.replay(
            *self.options("tcp"), os.path.join(self.directory, name)
        )
        self.assertEqual(status, 0)
        self.assertIn("tcp: 500 sent", report)
        self.assertEqual(self.intake.tallies["tcp"].received, 1000)

    @slow
    async def test_order(self) -> None:
        """
        Files are sent in the order in which they are named, and each from its
        beginning to its end.
        """
        others = self.mktemp()
        pickles = [makePickle(msg=str(number)) for number in range(2000)]
        entries = [makeEntry("tcp", payload) for payload in pickles]
        writeEntries(self.path, *entries[:1000])
        writeEntries(others, *entries[1000:])
        status, _, _ = await self.replay(*self.options("tcp"), self.path, others)
        self.assertEqual(status, 0)
        numbers = [int(record.message) for record in self.sink.records]
        self.assertEqual(numbers, list(range(2000)))

    @slow
    async def test_reason(self) -> None:
        """
        With C{--reason} only payloads that were rejected for this reason are sent; the
        report counts the others.
        """
        writeEntries(
            self.path,
            *(
                makeEntry("tcp", makePickle(msg=reason), reason)
                for reason in ("malformed", "too-complex", "refused", "malformed")
            ),
        )
        status, report, _ = await self.replay(
            *self.options("tcp"), "--reason=too-complex", "--reason=refused", self.path
        )
        self.assertEqual(status, 0)
        messages = [record.message for record in self.sink.records]
        self.assertEqual(messages, ["too-complex", "refused"])
        self.assertTrue(report.endswith("left out: 2\n"), report)

    @slow
    async def test_onlyWhereNamed(self) -> None:
        """
        With one way named, payloads that came another way are not sent anywhere.
        """
        writeEntries(
            self.path,
            makeEntry("tcp", makePickle(msg="tcp")),
            makeEntry("udp", makePickle(msg="udp")),
            makeEntry("json", b'{"msg": "json"}'),
        )
        status, report, _ = await self.replay(*self.options("http"), self.path)
        self.assertEqual(status, 0)
        self.assertEqual([r.message for r in self.sink.records], ["json"])
        self.assertTrue(report.endswith("left out: 2\n"), report)

    @slow
    async def test_otherLines(self) -> None:
        """
        A line that is no entry is named and counted as failed, and costs the
        others nothing; so is the last line of a file that was cut off.
        """
        good = encode(makeEntry("tcp", makePickle(msg="good")))
        other = b'{"at":"x","via":"pigeon","peer":"p","reason":"r","payload":""}'
        with open(self.path, "wb") as file:
            file.write(b"\n".join([b"{", good, other, b"\xff", good[:100]]))
        status, report, errors = await self.replay(*self.options("tcp"), self.path)
        self.assertEqual(status, 1)
        self.assertEqual([r.message for r in self.sink.records], ["good"])
        for number, line in zip((1, 3, 4, 5), errors.splitlines(), strict=True):
            self.assertIn(f"{self.path}:{number}: not an entry", line)
        self.assertIn("unreadable: 4\n", report)


class CommandTests(SynchronousTestCase):
    """
    Tests for the command.
    """

    def test_nothing(self) -> None:
        """
        An empty file is no failure, and it is said that nothing was sent.
        """
        status, report, errors = replay(writeEntries(self.mktemp()))
        self.assertEqual((status, report, errors), (0, "left out: 0\n", ""))

    def test_command(self) -> None:
        """
        C{logrecv replay} ends with the status, the report on standard output
        and errors on standard error.
        """
        path = writeEntries(self.mktemp(), makeEntry("tcp", b"x"))
        printed = StringIO()
        self.patch(sys, "stderr", printed)
        with redirect_stdout(StringIO()) as report:
            arguments = ["replay", f"--tcp={unusedPort()}", path]
            error = self.assertRaises(SystemExit, main, arguments)
        self.assertEqual(error.code, 1)
        self.assertIn("tcp: 0 sent", report.getvalue())
        self.assertTrue(printed.getvalue().startswith("logrecv: cannot send to "))
