"""
Tests for L{logrecv.formats.text}.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.formats.text import DEFAULT, encodeJSON, makePretty, makeText
from logrecv.record import Origin, Record

ORIGIN = Origin("2026-11-22T10:30:01.000000Z", "tcp", "192.0.2.7:51234")

#: 2026-11-22T10:30:00.123 UTC.
CREATED = 1795343400.123

TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/app/jobs.py", line 41, in execute
    return 1 / 0
ZeroDivisionError: division by zero"""

#: What terminals and readers must not get from a client: controls, line breaks,
#: bidirectional controls and what is drawn as nothing.
UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)

#: Text with what hurts in it more often than chance would put it there.
NASTY = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from(
            "\x00\x07\x08\t\n\v\f\r\x1b\x1c\x1d\x1e\x7f\x85\x9b\xa0\u061c\u200b\u200d"
            "\u200e\u2028\u2029\u202e\u2066\u3164\ufe0f\ufeff\U000e0041\\ |1a\u00e9"
        ),
    ),
    max_size=12,
)

MAYBE = st.none() | NASTY

RECORDS = st.builds(
    Record,
    time=st.just("2026-11-22T10:30:00.123000Z"),
    created=st.none() | st.floats(0, 4e9),
    msecs=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    name=MAYBE,
    levelname=MAYBE,
    levelno=st.none() | st.integers(-(2**63), 2**63 - 1),
    message=NASTY,
    filename=MAYBE,
    lineno=st.none() | st.integers(-5, 5),
    process=st.none() | st.integers(-5, 5),
    processName=MAYBE,
    threadName=MAYBE,
    taskName=MAYBE,
    exc_text=MAYBE,
    stack_info=MAYBE,
    extra=st.none()
    | st.dictionaries(NASTY, NASTY | st.lists(NASTY, max_size=2), max_size=2),
    received=st.builds(
        Origin,
        at=st.just(ORIGIN.at),
        via=st.sampled_from(["tcp", "udp", "http", "json"]),
        peer=NASTY,
    ),
)

quickly = settings(max_examples=150, derandomize=True, database=None)


def makeRecord(**attributes: Any) -> Record:
    """
    Make a record as a stock handler would send it.
    """
    stock: dict[str, Any] = {
        "time": "2026-11-22T10:30:00.123000Z",
        "created": CREATED,
        "msecs": 123.0,
        "relativeCreated": 15.5,
        "name": "app.jobs",
        "levelname": "INFO",
        "levelno": 20,
        "message": "done",
        "pathname": "/srv/app/jobs.py",
        "filename": "jobs.py",
        "module": "jobs",
        "lineno": 41,
        "funcName": "execute",
        "process": 4242,
        "processName": "MainProcess",
        "thread": 140737,
        "threadName": "MainThread",
        "received": ORIGIN,
    }
    return Record(**{**stock, **attributes})


class _InZone(SynchronousTestCase):
    """
    Tests that run in a time zone of their own.
    """

    def setUp(self) -> None:
        """
        Set the time zone to one that is never UTC.
        """
        before = os.environ.get("TZ")

        def restore() -> None:
            if before is None:
                del os.environ["TZ"]
            else:
                os.environ["TZ"] = before
            time.tzset()

        self.addCleanup(restore)
        os.environ["TZ"] = "XXX-05:30"
        time.tzset()


class JSONTests(SynchronousTestCase):
    """
    Tests for L{encodeJSON}.
    """

    def test_keys(self) -> None:
        """
        The keys are the fields of the record in their order; what is L{None}
        is left out.
        """
        record = Record(time="T", message="m", name="n", received=ORIGIN)
        self.assertEqual(
            encodeJSON([record]),
            b'{"time":"T","name":"n","message":"m","received":'
            b'{"at":"2026-11-22T10:30:01.000000Z","via":"tcp",'
            b'"peer":"192.0.2.7:51234"}}\n',
        )

    def test_batch(self) -> None:
        """
        Each record of a batch is a line, in order.
        """
        data = encodeJSON([makeRecord(message=str(number)) for number in range(3)])
        messages = [json.loads(line)["message"] for line in data.splitlines()]
        self.assertEqual(messages, ["0", "1", "2"])

    @quickly
    @given(RECORDS)
    def test_exact(self, record: Record) -> None:
        """
        Whatever a client sent is read back as it was, and no text of it ends
        the line.
        """
        data = encodeJSON([record])
        self.assertEqual((data.count(b"\n"), data[-1:]), (1, b"\n"))
        decoded = json.loads(data)
        for key in ("name", "message", "exc_text", "extra", "levelno", "created"):
            self.assertEqual(decoded.get(key), getattr(record, key))
        self.assertEqual(decoded["received"]["peer"], record.received.peer)


class TextTests(_InZone):
    """
    Tests for the text format.
    """

    def text(self, template: str = DEFAULT, **attributes: Any) -> str:
        """
        Format one record, without the line feed at its end.
        """
        data = makeText(template)([makeRecord(**attributes)])
        self.assertTrue(data.endswith(b"\n"))
        return data[:-1].decode()

    def test_default(self) -> None:
        """
        Without a template, a line is time, level, logger and message.
        """
        self.assertEqual(self.text(), "2026-11-22 16:00:00,123 INFO     app.jobs: done")

    def test_asFormatter(self) -> None:
        """
        A template of any standard attributes gives what C{logging.Formatter}
        gives.
        """
        template = (
            "%(asctime)s|%(levelname)-9s|%(levelno)05d|%(name).3s|%(message)s|"
            "%(pathname)s|%(filename)8s|%(module)s|%(lineno)-6d|%(funcName)s|"
            "%(created)f|%(msecs)03d|%(relativeCreated)d|%(thread)x|%(threadName)s|"
            "%(process)s|%(processName)r|%(name)a|100%%"
        )
        record = makeRecord()
        attributes = {name: getattr(record, name) for name in record.__struct_fields__}
        stock = logging.makeLogRecord({**attributes, "msg": "done", "args": None})
        expected = logging.Formatter(template).format(stock)
        self.assertEqual(self.text(template), expected)

    def test_everyInstant(self) -> None:
        """
        C{asctime} is that of C{logging.Formatter} across seconds, in any order.
        """
        formatter = logging.Formatter("%(asctime)s")
        text = makeText("%(asctime)s")
        for created in (0.0, -0.25, CREATED, CREATED + 0.5, CREATED + 0.9, 0.0):
            stock = logging.makeLogRecord({"created": created})
            stock.msecs = float(int(created % 1 * 1000))
            record = makeRecord(created=created, msecs=stock.msecs)
            expected = formatter.format(stock) + "\n"
            self.assertEqual(text([record]).decode(), expected)

    def test_unusualTime(self) -> None:
        """
        Milliseconds that are none are taken from the time; without a time of
        creation that of the JSON form is told; where no calendar has the time,
        it stays as it is there.
        """
        template = "%(asctime)s"
        shown = "2026-11-22 16:00:00,123"
        self.assertEqual(self.text(template, msecs=7e9), shown)
        self.assertEqual(self.text(template, msecs=None), shown)
        almost = self.text(template, msecs=None, created=CREATED + 0.8769999)
        self.assertEqual(almost, "2026-11-22 16:00:00,999")
        self.assertEqual(self.text(template, created=None), shown)
        for created in (1e300, float("nan"), float("inf"), 1e17):
            self.assertEqual(
                self.text(template, created=created), "2026-11-22T10:30:00.123000Z"
            )

    def test_ownAttributes(self) -> None:
        """
        A template may name the time in UTC, where the record came from, all
        extras and each of them.
        """
        self.assertEqual(
            self.text(
                "%(time)s %(at)s %(via)s %(peer)s %(extra)s %(user)s %(n)03d %(ok)s "
                "%(none)s %(a.b)s %(n)r",
                extra={"user": "jo", "n": 7, "ok": True, "none": None, "a.b": [1]},
            ),
            "2026-11-22T10:30:00.123000Z 2026-11-22T10:30:01.000000Z tcp "
            '192.0.2.7:51234 {"user":"jo","n":7,"ok":true,"none":null,"a.b":[1]} '
            "jo 007 true null [1] 7",
        )

    def test_message(self) -> None:
        """
        C{msg} is the template of the message, where that is not the message.
        """
        self.assertEqual(self.text("%(msg)s"), "done")
        self.assertEqual(self.text("%(msg)s", msg="%d jobs"), "%d jobs")

    def test_missing(self) -> None:
        """
        What a record does not have is a dash as wide as the template wants it,
        whatever the conversion.
        """
        self.assertEqual(
            self.text(
                "%(lineno)d|%(lineno)05d|%(lineno)-4d|%(taskName)3s|%(created).3f|"
                "%(user)d|%(extra)s|%(name)r",
                lineno=None,
                created=None,
                name=None,
            ),
            "-|    -|-   |  -|-|-|{}|-",
        )

    def test_otherType(self) -> None:
        """
        An extra that cannot be converted as the template wants it is text.
        """
        template = "%(user)5d|"
        self.assertEqual(self.text(template, extra={"user": "jo"}), "   jo|")
        self.assertEqual(self.text(template, extra={"user": [1]}), "  [1]|")

    def test_furtherLines(self) -> None:
        """
        The first line of a message is in its place; its other lines, the
        traceback and the stack follow behind bars.
        """
        self.assertEqual(
            self.text(
                "%(message)s (%(lineno)d)",
                message="one\r\n two\n\nthree\n",
                exc_text="Traceback\n  File\n",
                stack_info="Stack",
            ),
            "one (41)\n  |  two\n  | \n  | three\n  | Traceback\n  |   File\n  | Stack",
        )

    def test_messageElsewhere(self) -> None:
        """
        A message that the template cuts, quotes or leaves out has no further
        lines.
        """
        message = "one\ntwo"
        self.assertEqual(self.text("%(name)s", message=message), "app.jobs")
        self.assertEqual(self.text("%(message)r", message=message), r"'one\ntwo'")
        self.assertEqual(self.text("%(message).6s", message=message), "one\\nt")

    def test_escaped(self) -> None:
        """
        Unsafe characters are shown as a Python literal writes them; the
        template's own stay.
        """
        self.assertEqual(
            self.text(
                "\t%(message)s\t%(name)s",
                message="\x1b[2J\r\a\t\x85\x9b\u202e\u2028\U000e0041\\",
                name="a\nb",
            ),
            "\t" + r"\x1b[2J\r\x07\t\x85\x9b\u202e\u2028\U000e0041" + "\\\ta\\nb",
        )

    def test_everyUnsafe(self) -> None:
        """
        Each single character that is unsafe is escaped.
        """
        unsafe = UNSAFE.findall("".join(map(chr, range(0x110000))))
        shown = self.text("%(name)s", name="\u00e9".join(unsafe))
        for escape in shown.split("\u00e9"):
            self.assertRegex(escape, r"^\\([tnr]|x..|u.{4}|U.{8})$")

    def test_scriptsStay(self) -> None:
        """
        Text in any script stays as it is, with the joiners and selectors that
        it and emoji need.
        """
        message = (
            "na\u00efve \u65e5\u672c\u3000\u8a9e \u05e9\u05dc\u05d5\u05dd "
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 "
            "\U0001f469\u200d\U0001f467 \u2764\ufe0f\u200d\U0001f525"
        )
        self.assertEqual(self.text("%(message)s", message=message), message)

    def test_strayJoiners(self) -> None:
        """
        Joiners and selectors that nothing needs are escaped: between ASCII,
        and in runs that could carry hidden text.
        """
        self.assertEqual(
            self.text("%(message)s", message="a\u200db\ufe01 \u00e9\ufe0f\ufe01\u200d"),
            "a\\u200db\\ufe01 \u00e9\ufe0f\\ufe01\\u200d",
        )

    def test_surrogates(self) -> None:
        """
        A surrogate, which has no UTF-8, is escaped rather than an error.
        """
        self.assertEqual(self.text("%(message)s", message="\udc80"), r"\udc80")

    def test_falseBar(self) -> None:
        """
        A line that would begin with a bar, and so pass for the rest of the
        record before it, does not.
        """
        self.assertEqual(
            self.text("%(message)s", message="  | forged"), r"\x20 | forged"
        )

    def test_batch(self) -> None:
        """
        The records of a batch follow each other, each ended by a line feed.
        """
        records = [makeRecord(message="a\nb"), makeRecord(message="c")]
        self.assertEqual(makeText("%(message)s")(records), b"a\n  | b\nc\n")

    def test_refused(self) -> None:
        """
        A template that cannot be used is refused in one line that says what is
        wrong and what would be right.
        """
        cases = {
            "": "one line",
            "no attribute": "needs an attribute",
            "%(name)s\n%(message)s": "one line",
            "%(name)s\udc80": "UTF-8",
            "%s": r"write %\(name\)s",
            "%(name)s 100%": "%% for a percent sign",
            "%(name": "is no conversion",
            "%(name)*s": "is no conversion",
            "%(name)1000s": "is no conversion",
            "%(name)": "is no conversion",
            "%(name)d": r"write %\(name\)s",
            "%(name)y": r"write %\(name\)s",
            "%(created)x": r"write %\(created\)s",
            "%(levelno)c": r"write %\(levelno\)s",
            "%(levelName)s": r"write %\(levelname\)s",
            "%(exc_info)s": "tracebacks follow",
        }
        for template, words in cases.items():
            error = self.assertRaises(ValueError, makeText, template)
            self.assertRegex(str(error), words)
            self.assertEqual(len(str(error).splitlines()), 1)

    @quickly
    @given(st.lists(RECORDS, min_size=1, max_size=2))
    def test_neverForged(self, records: list[Record]) -> None:
        """
        Whatever clients send, each record is one line that begins as the
        template says, all other lines begin with a bar, and nothing unsafe is
        in any of them.
        """
        data = makeText(
            "# %(asctime)s %(levelname)3s %(name)s %(peer)s %(threadName)s %(extra)s "
            "%(message)s %(processName)r"
        )(records)
        text = data.decode()
        lines = text.splitlines()
        self.assertEqual(text, "".join(line + "\n" for line in lines))
        self.assertEqual(sum(line.startswith("# ") for line in lines), len(records))
        for line in lines:
            self.assertTrue(line.startswith(("# ", "  | ")), line)
            self.assertIsNone(UNSAFE.search(line), line)

    @quickly
    @given(st.lists(RECORDS, min_size=1, max_size=2))
    def test_clientFirst(self, records: list[Record]) -> None:
        """
        Even where a line begins with a client's text, as many lines as there
        are records begin without a bar.
        """
        lines = makeText("%(levelname)3s%(message)s")(records).decode().splitlines()
        heads = [line for line in lines if not line.startswith("  |")]
        self.assertEqual(len(heads), len(records))


class PrettyTests(_InZone):
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
        What is not known of level and logger is a dash; a level without a name
        is its number.
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
        Each of the five levels has a colour of its own, and what was raised
        stands out from the rest of a traceback.
        """
        looks = set()
        for name, number in [("A", 10), ("B", 20), ("C", 30), ("D", 40), ("E", 50)]:
            lines = self.pretty(
                color=True, levelname=name, levelno=number, exc_text=TRACEBACK
            )
            looks.add(lines[0].split(name)[0])
            self.assertIn("\x1b[1;31mZeroDivisionError", lines[-1])
        self.assertEqual(len(looks), 5)

    @quickly
    @given(st.lists(RECORDS, min_size=1, max_size=2), st.booleans())
    def test_neverForged(self, records: list[Record], color: bool) -> None:
        """
        Whatever clients send, each record is one line that begins with the
        time, all other lines begin with a bar, and but for our own colours
        nothing unsafe is in any of them.
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
