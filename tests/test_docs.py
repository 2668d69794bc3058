"""
Tests of the guide against the code.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from logrecv import reasons

_DOCS = Path(__file__).resolve().parent.parent / "docs"


class GuideTests(SynchronousTestCase):
    """
    Tests of the pages and the picture.
    """

    def setUp(self) -> None:
        if not _DOCS.is_dir():
            raise SkipTest("the guide is not here")

    def test_reasons(self) -> None:
        """
        The page about operating, or that about the quarantine, names every reason.
        """
        pages = "".join(
            (_DOCS / name).read_text("utf-8")
            for name in ("operating.rst", "quarantine.rst")
        )
        values = {
            value for name, value in vars(reasons).items() if re.match("[A-Z]", name)
        } - {reasons.Final}
        self.assertIn("too-long", values)
        self.assertEqual({each for each in values if f"``{each}``" not in pages}, set())

    def test_picture(self) -> None:
        """
        The picture of the README shows lines as the format C{pretty} writes them.
        """
        path = _DOCS / "picture.py"
        spec = importlib.util.spec_from_file_location("picture", path)
        assert spec is not None
        assert spec.loader is not None
        picture = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(picture)
        self.assertEqual(picture.draw(), (_DOCS / "pretty.svg").read_text("utf-8"))
