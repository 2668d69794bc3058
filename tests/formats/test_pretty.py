"""
Tests for L{logrecv.formats.pretty}.
"""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.formats.pretty import makePretty
from logrecv.record import Origin, Record
from tests.formats.records import (
    RECORDS,
    TRACEBACK,
    UNSAFE,
    InZoneTestCase,
    makeRecord,
    quickly,
)


class PrettyTests(InZoneTestCase):
    """
    Tests for the pretty format.
    """

    def pretty(self, color: bool = False, **attributes: Any) -> list[str]:
        """
        Format one record.
        """
        data = makePretty(color)([makeRecord(**attributes)])
        self.assertTrue(data.endswith(b"\n"))
        return data[:-1].decode().split("\n")

    def test_line(self) -> None:
        """
        A line is the local time of day, level, logger, message, extras, and
        where it came from.
        """
        self.assertEqual(
            self.pretty(extra={"user": "jo smith", "ms": 1.5, "ok": True, "é": ""}),
            [
                "16:00:00.123 INFO     app.jobs           done  "
                'user="jo smith" ms=1.5 ok=true "é"=""  192.0.2.7 \u00b7 4242'
            ],
        )

    def test_quietSource(self) -> None:
        """
        This host, the main process and thread and unnamed tasks go without
        saying; others are told.
        """
        for peer in ("127.0.0.1:5", "::1:5", "[::1]:5", "/run/logrecv.sock"):
            [line] = self.pretty(
                received=Origin("", "tcp", peer), process=None, taskName="Task-3"
            )
            self.assertEqual(line, "16:00:00.123 INFO     app.jobs           done")
        [line] = self.pretty(processName="web", threadName="Thread-1", taskName="poll")
        self.assertTrue(
            line.endswith(
                "done  192.0.2.7 \u00b7 web \u00b7 4242 \u00b7 Thread-1 \u00b7 poll"
            )
        )

    def test_warningsTellLine(self) -> None:
        """
        From WARNING on, a record tells file and line, as far as it knows them.
        """
        [line] = self.pretty(levelno=30, levelname="WARNING")
        self.assertTrue(line.endswith(" \u00b7 jobs.py:41"))
        [line] = self.pretty(levelno=30, levelname="WARNING", lineno=None)
        self.assertTrue(line.endswith(" \u00b7 jobs.py"))

    def test_unknown(self) -> None:
        """
        An unknown level or logger is a dash; a level without a name is its number.
        """
        [line] = self.pretty(name=None, levelname=None, levelno=None)
        self.assertTrue(line.startswith("16:00:00.123 -        -     "), line)
        [line] = self.pretty(levelname=None, levelno=35)
        self.assertTrue(line.startswith("16:00:00.123 35       app.jobs"), line)

    def test_boundedColumns(self) -> None:
        """
        A long level is cut at its column; of a long logger the end is kept.
        """
        [line] = self.pretty(levelname="L" * 20, name="a" * 50 + ".end")
        self.assertTrue(
            line.startswith(f"16:00:00.123 LLLLLLLL \u2026{'a' * 27}.end done"), line
        )

    def test_manyExtras(self) -> None:
        """
        Extras with which the line would be too long go below it.
        """
        first, second = self.pretty(extra={"a": "x" * 50, "b": "y" * 50})
        self.assertTrue(first.endswith("done  192.0.2.7 \u00b7 4242"))
        self.assertEqual(second, f"{' ' * 11}\u2502 a={'x' * 50} b={'y' * 50}")

    def test_furtherLines(self) -> None:
        """
        The other lines of a message, the traceback and the stack are below.
        """
        lines = self.pretty(
            message="done\n  well", exc_text=TRACEBACK, stack_info="Stack\n  x"
        )
        self.assertEqual(
            lines[1:],
            [
                f"{' ' * 11}\u2502 {line}"
                for line in ("  well", *TRACEBACK.split("\n"), "Stack", "  x")
            ],
        )

    def test_colors(self) -> None:
        """
        With colours, the words are the same, and each colour is ended on the
        line on which it began.
        """
        cases: dict[str, int | None] = {
            "CRITICAL": 50,
            "ERROR": 40,
            "WARNING": 30,
            "INFO": 20,
            "DEBUG": 10,
            "TRACE": 5,
            "NOTSET": 0,
            "NOTICE": 25,
            "NONE": None,
        }
        for name, number in cases.items():
            attributes: dict[str, Any] = {
                "levelname": name,
                "levelno": number,
                "exc_text": TRACEBACK,
                "extra": {"a": 1},
            }
            lines = self.pretty(color=True, **attributes)
            plain = [re.sub("\x1b\\[[0-9;]+m", "", line) for line in lines]
            self.assertEqual(plain, self.pretty(**attributes))
            for line in lines:
                codes = re.findall("\x1b\\[([0-9;]+)m", line)
                self.assertEqual(codes[1::2], ["0"] * (len(codes) // 2))
                self.assertNotIn("0", codes[::2])

    def test_levelsDiffer(self) -> None:
        """
        Each of the five levels has a colour of its own, and the exception stands out
        from the rest of a traceback.
        """
        looks = set()
        for name, number in [("A", 10), ("B", 20), ("C", 30), ("D", 40), ("E", 50)]:
            lines = self.pretty(
                color=True, levelname=name, levelno=number, exc_text=TRACEBACK
            )
            looks.add(lines[0].split(name)[0])
            self.assertIn("\x1b[1;31mZeroDivisionError", lines[-1])
        self.assertEqual(len(looks), 5)


class PrettyProperties(SynchronousTestCase):
    """
    Properties of L{makePretty}.
    """

    @quickly
    @given(st.lists(RECORDS, min_size=1, max_size=2), st.booleans())
    def test_neverForged(self, records: list[Record], color: bool) -> None:
        """
        A record of any client has one line that begins with the time.  Each further
        line begins with a bar.  No line has an unsafe character, except for the
        colours of logrecv.
        """
        text = makePretty(color)(records).decode()
        own = r"\x1b\[(?:0|1|2|36|32|33|34|1;31|1;37;41)m"
        text = re.sub(own, "", text) if color else text
        lines = text.splitlines()
        self.assertEqual(text, "".join(line + "\n" for line in lines))
        heads = [line for line in lines if re.match(r"\d\d:\d\d:\d\d\.\d{3} ", line)]
        self.assertEqual(len(heads), len(records))
        for line in lines:
            if line not in heads:
                self.assertTrue(line.startswith(f"{' ' * 11}\u2502 "), line)
            self.assertIsNone(UNSAFE.search(line), line)
