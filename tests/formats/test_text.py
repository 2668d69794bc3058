"""
Tests for L{logrecv.formats.text}.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from logrecv.formats.template import DEFAULT_TEMPLATE
from logrecv.formats.text import makeText
from logrecv.record import Record
from tests.formats.records import RECORDS, UNSAFE, InZoneTestCase, makeRecord, quickly


class TextTests(InZoneTestCase):
    """
    Tests for the text format.
    """

    def text(self, template: str = DEFAULT_TEMPLATE, **attributes: Any) -> str:
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


class TextProperties(SynchronousTestCase):
    """
    Properties of L{makeText}.
    """

    @quickly
    @given(st.lists(RECORDS, min_size=1, max_size=2))
    def test_neverForged(self, records: list[Record]) -> None:
        """
        A record of any client has one line that begins as the template says.  Each
        further line begins with a bar.  No line has an unsafe character.
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
