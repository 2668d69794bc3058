"""
Tests for L{logrecv.formats.safe}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from logrecv.formats.safe import oneLine
from tests.formats.records import UNSAFE
from tests.selection import slow


class OneLineTests(SynchronousTestCase):
    """
    Tests for L{oneLine}.
    """

    @slow
    def test_everyUnsafe(self) -> None:
        """
        Each single character that is unsafe is escaped.
        """
        unsafe = UNSAFE.findall("".join(map(chr, range(0x110000))))
        shown = oneLine("\u00e9".join(unsafe))
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
        self.assertEqual(oneLine(message), message)

    def test_strayJoiners(self) -> None:
        """
        Joiners and selectors that nothing needs are escaped: between ASCII,
        and in runs that could carry hidden text.
        """
        self.assertEqual(
            oneLine("a\u200db\ufe01 \u00e9\ufe0f\ufe01\u200d"),
            "a\\u200db\\ufe01 \u00e9\ufe0f\\ufe01\\u200d",
        )

    def test_surrogates(self) -> None:
        """
        A surrogate, which has no UTF-8, is escaped rather than an error.
        """
        self.assertEqual(oneLine("\udc80"), r"\udc80")
