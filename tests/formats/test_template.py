"""
Tests for L{logrecv.formats.template}.
"""

from __future__ import annotations

import logging
from typing import Any

from logrecv.formats.text import makeText
from tests.formats.records import InZoneTestCase, makeRecord


class TemplateTests(InZoneTestCase):
    """
    Tests for L{Template}, by the lines that the format C{text} makes with it.
    """

    def text(self, template: str, **attributes: Any) -> str:
        """
        Format one record, without the line feed at its end.
        """
        data = makeText(template)([makeRecord(**attributes)])
        self.assertTrue(data.endswith(b"\n"))
        return data[:-1].decode()

    def test_asFormatter(self) -> None:
        """
        A template of any standard attributes gives the text that C{logging.Formatter}
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
        An attribute that a record lacks is a dash as wide as the template wants,
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

    def test_refused(self) -> None:
        """
        A template that cannot be used is refused in one line that names the mistake and
        the right form.
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
