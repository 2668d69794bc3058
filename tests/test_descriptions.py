"""
Tests for L{logrecv.descriptions}.
"""

from __future__ import annotations

import doctest
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from logrecv import descriptions
from logrecv.descriptions import (
    Description,
    choice,
    fileMode,
    mapped,
    portNumber,
    quote,
    sizeInBytes,
)


class RefusingTestCase(SynchronousTestCase):
    """
    Errors are one line.
    """

    def assertRefused(self, part: str, f: Callable[..., object], *args: object) -> None:
        error = self.assertRaises(ValueError, f, *args)
        self.assertIn(part, str(error))
        self.assertNotIn("\n", str(error))


class FromTextTests(RefusingTestCase):
    """
    L{Description.fromText}.
    """

    def test_parts(self) -> None:
        """
        A description is a kind, positional parts and keywords, in any order.
        """
        description = Description.fromText("file:/a:format=json:b:mode=600")
        self.assertEqual(description.text, "file:/a:format=json:b:mode=600")
        self.assertEqual(description.kind, "file")
        self.assertEqual(description.positional, ["/a", "b"])
        self.assertEqual(description.keywords, {"format": "json", "mode": "600"})

    def test_quoting(self) -> None:
        """
        A backslash takes the next character as it is.
        """
        description = Description.fromText(r"file:C\:\\x:a\=b:text=x\:y")
        self.assertEqual(description.positional, ["C:\\x", "a=b"])
        self.assertEqual(description.keywords, {"text": "x:y"})

    def test_equalsInValue(self) -> None:
        """
        Only the first equals sign of a part makes a keyword.
        """
        description = Description.fromText("stdout:text=a=b")
        self.assertEqual(description.keywords, {"text": "a=b"})

    def test_quote(self) -> None:
        """
        A quoted text is one part, whatever is in it.
        """
        for text in ("", "a:b", "a=b", "\\", "\\:=", "plain"):
            self.assertEqual(
                Description.fromText("k:" + quote(text)).positional, [text]
            )

    def test_refused(self) -> None:
        """
        A text that has not the form of a description is refused.
        """
        for text, part in [
            ("", "it begins with no kind"),
            (":x", "it begins with no kind"),
            ("a=b", "it begins with no kind"),
            ("file:x\\", "it ends in a lone backslash"),
            ("file:a=1:a=2", "a= is given twice"),
        ]:
            self.assertRefused(part, Description.fromText, text)


class TakingTests(RefusingTestCase):
    """
    Parts are taken out.
    """

    def test_positional(self) -> None:
        """
        Positional parts are taken in their order, and converted.
        """
        description = Description.fromText("tcp:host:80")
        self.assertEqual(description.takePositional("HOST", str), "host")
        self.assertEqual(description.takePositional("PORT", portNumber), 80)
        description.finish()

    def test_positionalRefused(self) -> None:
        """
        A part that is missing, empty or of the wrong kind is refused.
        """
        for text, part in [
            ("tcp", "PORT is missing; write tcp:PORT"),
            ("tcp:", "PORT is missing; write tcp:PORT"),
            ("tcp:x", "'x': a port is"),
        ]:
            take = Description.fromText(text).takePositional
            self.assertRefused(part, take, "PORT", portNumber)

    def test_keyword(self) -> None:
        """
        A keyword is converted, or its default is used as it is.
        """
        description = Description.fromText("k:port=80")
        self.assertEqual(description.takeKeyword("port", portNumber, 1), 80)
        self.assertEqual(description.takeKeyword("port", portNumber, 1), 1)

    def test_keywordRefused(self) -> None:
        """
        The error names keyword and value, and says the right form.
        """
        take = Description.fromText("k:port=x").takeKeyword
        self.assertRefused("port=x: a port is a number", take, "port", portNumber, 1)

    def test_rest(self) -> None:
        """
        The rest is a description again, quoted where it has to be.
        """
        description = Description.fromText(r"forward:unix:/a\:b:x=1\=2:level=3")
        description.takeKeyword("level", int, 0)
        rest = description.takeRest()
        description.finish()
        again = Description.fromText(rest)
        self.assertEqual(again.kind, "unix")
        self.assertEqual(again.positional, ["/a:b"])
        self.assertEqual(again.keywords, {"x": "1=2"})

    def test_finish(self) -> None:
        """
        A part that nobody took is refused, with the keywords that there are.
        """
        description = Description.fromText("k:color=red")
        self.assertRefused(
            "color= is not a keyword of k; it takes a=, b=", description.finish, "ba"
        )
        self.assertRefused("it takes no keyword", description.finish)
        self.assertRefused(
            "'x' is one part too many", Description("", "", ["x"]).finish
        )


class ConverterTests(RefusingTestCase):
    """
    The converters.
    """

    def test_choice(self) -> None:
        """
        One of a few words.
        """
        self.assertEqual(choice(["a", "b"])("b"), "b")
        self.assertRefused("must be one of a, b", choice(["a", "b"]), "c")

    def test_mapped(self) -> None:
        """
        A word gives its value.
        """
        self.assertEqual(mapped({"one": 1})("one"), 1)
        self.assertRefused("must be one of one", mapped({"one": 1}), "two")

    def test_portNumber(self) -> None:
        """
        A port is a number of 16 bits.
        """
        self.assertEqual([portNumber("0"), portNumber("65535")], [0, 65535])
        for text in ("", "-1", "65536", "http", "\N{SUPERSCRIPT TWO}", "1.0"):
            self.assertRefused("a port is a number", portNumber, text)

    def test_fileMode(self) -> None:
        """
        A mode is octal.
        """
        self.assertEqual([fileMode("660"), fileMode("0640")], [0o660, 0o640])
        for text in ("", "rw", "888", "00660", "0o66"):
            self.assertRefused("a mode is up to four octal digits", fileMode, text)

    def test_sizeInBytes(self) -> None:
        """
        A size is a number of bytes, with a unit of 1024, 1024² or 1024³.
        """
        sizes = [sizeInBytes(text) for text in ("1", "512K", "16M", "2G")]
        self.assertEqual(sizes, [1, 512 * 1024, 16 * 1024**2, 2 * 1024**3])
        for text in ("", "0", "0K", "K", "-1", "1.5M", "16MB", "16m", "1 K", "x"):
            self.assertRefused("a size is a number of bytes", sizeInBytes, text)


class ExampleTests(SynchronousTestCase):
    """
    The examples in the docstrings.
    """

    def test_examples(self) -> None:
        """
        Each example gives the result that it shows.
        """
        results = doctest.testmod(descriptions)
        self.assertEqual((results.failed, results.attempted), (0, 8))
