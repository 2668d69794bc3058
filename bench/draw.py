"""
Draw results: C{python -m bench.draw RESULTS TARGET} makes an SVG of the results that
C{python -m bench --json RESULTS} wrote, and a table in reStructuredText beside the
SVG.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import accumulate
from pathlib import Path
from textwrap import shorten, wrap
from typing import Any, Final

from bench.report import PACKAGES, absolute, figure, limit

# All sizes are in pixels.  The columns are the rows' texts, the picture, the figures.
_WIDTH: Final = 920
_MARGIN: Final = 24
_TEXT: Final = _MARGIN
_TRACK: Final = 318
_TRACK_WIDTH: Final = 350
_FIGURES: Final = 692
_LINE: Final = 16
_PADDING: Final = 12

# The number of characters of the widest usual font that there is room for.
_TEXT_CHARACTERS: Final = 41
_FIGURE_CHARACTERS: Final = 31
_WIDTH_CHARACTERS: Final = 128

#: The longest part of the axis that is drawn, in doublings: a figure of zero would
#: be infinitely far away.
_FARTHEST: Final = 6

_TITLE: Final = "logrecv against its peers"
_AXIS: Final = (
    "All rows have one axis: the figure, as a multiple of its goal. Left is better. "
    "Where more is better (≥), it is the goal as a multiple of the figure."
)
_DESCRIPTION: Final = (
    "A row for each thing that is measured, with the range from the least to the "
    "greatest of its rounds and their median, beside the goal and the least that will "
    "do. The page has the same as a table."
)
_MEETS: Final = {
    "goal": "reaches the goal",
    "least": "will do",
    "neither": "falls short",
}

# Not transparent: a page is light where its reader prefers dark, and the other way
# round.
_STYLE: Final = """
svg { color-scheme: light dark;
  --back: #ffffff; --text: #1f2328; --quiet: #59636e; --line: #d1d9e0;
  --reached: #e3f6e8; --enough: #fdf3d3;
  --goal: #1a7f37; --least: #8a5a00; --neither: #c4202b; }
@media (prefers-color-scheme: dark) { svg {
  --back: #12161c; --text: #e6edf3; --quiet: #9aa4af; --line: #3a424c;
  --reached: #14301f; --enough: #362c10;
  --goal: #4cc366; --least: #dba32f; --neither: #ff6a61; } }
text { font: 11.5px "Helvetica Neue", Helvetica, Arial, sans-serif;
  fill: var(--quiet); }
.head { font-size: 18px; font-weight: 600; fill: var(--text); }
.name { font-size: 13px; font-weight: 600; fill: var(--text); }
.middle { text-anchor: middle; }
.end { text-anchor: end; }
.back { fill: var(--back); stroke: var(--line); }
.grid { stroke: var(--line); }
.wanted { stroke: var(--text); }
.reached { fill: var(--reached); }
.enough { fill: var(--enough); }
.range { stroke-width: 3; stroke-linecap: round; }
.goal { fill: var(--goal); stroke: var(--goal); }
.least { fill: var(--least); stroke: var(--least); }
.neither { fill: var(--neither); stroke: var(--neither); }
.word { stroke: none; }
"""


def relative(row: dict[str, Any], value: float) -> float:
    """
    Tell how far a figure is from its goal.

    @return: The distance in doublings: 0 is the goal, and less is better.
    """
    above, below = (row["goal"], value) if row["more"] else (value, row["goal"])
    if above <= 0 or below <= 0:
        return -_FARTHEST if above <= 0 else _FARTHEST
    return min(max(math.log2(above / below), -_FARTHEST), _FARTHEST)


@dataclass
class Drawing:
    """
    A picture of results.

    @ivar results: The results that C{python -m bench --json} wrote.
    """

    results: dict[str, Any]
    _parts: list[str] = field(default_factory=list)
    _from: int = -1
    _to: int = 1

    def make(self) -> str:
        """
        Draw the picture.

        @return: The SVG.
        """
        rows = self.results["rows"]
        measured = [row for row in rows if "problem" not in row]
        places = [
            relative(row, row[name])
            for row in measured
            for name in ("minimum", "maximum", "least")
        ]
        self._from = math.floor(min(places, default=-1) - 0.2)
        self._to = math.ceil(max(places, default=1) + 0.2)
        self._parts = []
        top = self._head()
        heights = list(accumulate(map(_height, rows), initial=top))
        bottom = heights[-1]
        # A later shape covers an earlier shape.
        for row, begin, end in zip(rows, heights, heights[1:], strict=False):
            self._zones(row, begin, end)
        self._axis(top, bottom)
        for row, begin, end in zip(rows, heights, heights[1:], strict=False):
            self._row(row, begin, end)
        height = self._legend(bottom) + _MARGIN
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH}'
                f' {height}" width="{_WIDTH}" height="{height}" role="img"'
                ' aria-labelledby="title description">',
                f'<title id="title">{_TITLE}</title>',
                f'<desc id="description">{_DESCRIPTION}</desc>',
                f"<style>{_STYLE}</style>",
                f'<rect class="back" x="0.5" y="0.5" width="{_WIDTH - 1}"'
                f' height="{height - 1}" rx="6"/>',
                *self._parts,
                "</svg>",
                "",
            ]
        )

    def _head(self) -> int:
        y = _MARGIN + 14
        self._write(_TEXT, y, _TITLE, "head")
        y += 6
        for line in wrap(" ".join(facts(self.results)), _WIDTH_CHARACTERS):
            y += _LINE
            self._write(_TEXT, y, line)
        y += 6
        for line in wrap(_AXIS, _WIDTH_CHARACTERS):
            y += _LINE
            self._write(_TEXT, y, line)
        return y + 2 * _LINE + _PADDING

    def _zones(self, row: dict[str, Any], top: int, bottom: int) -> None:
        if "problem" in row:
            return
        least = relative(row, row["least"])
        for kind, begin, end in ("reached", self._from, 0), ("enough", 0, least):
            x = self._x(begin)
            self._parts.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{top + 5}"'
                f' width="{self._x(end) - x:.1f}" height="{bottom - top - 10}"/>'
            )

    def _row(self, row: dict[str, Any], top: int, bottom: int) -> None:
        self._parts.append(f'<g id="row-{escape(row["name"])}">')
        self._line("grid", _TEXT, top, _WIDTH - _MARGIN, top)
        y = top + _PADDING + 8
        self._write(_TEXT, y, row["name"], "name")
        texts = wrap(row["text"], _TEXT_CHARACTERS)
        for number, text in enumerate(texts, start=1):
            self._write(_TEXT, y + number * _LINE, text)
        unit = f" {row['unit']}" if row["unit"] else ""
        wanted = f"goal {limit(row, 'goal')}, will do {limit(row, 'least')}{unit}"
        if "problem" in row:
            problem = row["problem"].strip().rpartition("\n")[2]
            lines = wrap(shorten(problem, 2 * _FIGURE_CHARACTERS), _FIGURE_CHARACTERS)
            self._write(_FIGURES, y, "not measured", "name")
            lines = [wanted, *lines[:2]]
        else:
            meets = row["meets"]
            middle = (top + bottom) // 2
            self._range(row, middle)
            self._write(_FIGURES, y, f"{figure(row['median'])}{unit}", "name")
            self._write(_WIDTH - _MARGIN, y, _MEETS[meets], f"end {meets} word")
            spread = f"{figure(row['minimum'])} to {figure(row['maximum'])}{unit}"
            lines = [spread, wanted, absolute(row)]
        for number, line in enumerate(lines, start=1):
            self._write(_FIGURES, y + number * _LINE, line)
        self._parts.append("</g>")

    def _range(self, row: dict[str, Any], y: int) -> None:
        first, last = sorted(
            self._x(relative(row, row[name])) for name in ("minimum", "maximum")
        )
        self._line(f"range {row['meets']}", first, y, last, y)
        self._mark(row["meets"], self._x(relative(row, row["median"])), y)

    def _mark(self, meets: str, x: float, y: float) -> None:
        """
        Draw a median: its form says the same as its colour.
        """
        if meets == "goal":
            self._parts.append(f'<circle class="goal" cx="{x:.1f}" cy="{y}" r="5"/>')
            return
        points = {
            "least": [(0, -6), (6, 0), (0, 6), (-6, 0)],
            "neither": [(-5, -5), (5, -5), (5, 5), (-5, 5)],
        }[meets]
        text = " ".join(f"{x + right:.1f},{y + down}" for right, down in points)
        self._parts.append(f'<polygon class="{meets}" points="{text}"/>')

    def _axis(self, top: int, bottom: int) -> None:
        """
        Draw the lines that all rows have in common, and the meaning of each line.
        """
        step = max((self._to - self._from) // 7, 1)
        for doubling in range(self._from, self._to + 1):
            if doubling % step:
                continue
            x = self._x(doubling)
            if doubling == 0:
                text = "goal"
            elif doubling < 0:
                text = f"1/{2**-doubling}"
            else:
                text = f"{2**doubling} ×"
            kind = "wanted" if doubling == 0 else "grid"
            self._line(kind, x, top - 5, x, bottom)
            self._write(
                x, top - 10, text, "middle name" if kind == "wanted" else "middle"
            )
        y = top - 10 - _LINE
        self._write(_TRACK, y, "← better")
        self._write(_FIGURES, top - 10, "median, range, wanted, absolute")

    def _legend(self, bottom: int) -> int:
        self._line("grid", _TEXT, bottom, _WIDTH - _MARGIN, bottom)
        y = bottom + 22
        x = _TEXT
        for meets, text in (
            ("goal", "the median reaches the goal"),
            ("least", "it will do"),
            ("neither", "it falls short"),
        ):
            self._line(f"range {meets}", x, y - 4, x + 36, y - 4)
            self._mark(meets, x + 18, y - 4)
            self._write(x + 46, y, text)
            x += 46 + 7 * len(text) + 24
        for kind, text in ("reached", "the goal"), ("enough", "what will do"):
            self._parts.append(
                f'<rect class="{kind}" x="{x}" y="{y - 10}" width="24" height="12"/>'
            )
            self._write(x + 32, y, text)
            x += 32 + 7 * len(text) + 24
        return y

    def _x(self, doublings: float) -> float:
        share = (doublings - self._from) / (self._to - self._from)
        return _TRACK + _TRACK_WIDTH * share

    def _write(self, x: float, y: float, text: str, kind: str = "") -> None:
        named = f' class="{kind}"' if kind else ""
        self._parts.append(f'<text{named} x="{x:g}" y="{y:g}">{escape(text)}</text>')

    def _line(self, kind: str, x1: float, y1: float, x2: float, y2: float) -> None:
        self._parts.append(
            f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}"'
            f' y2="{y2:.1f}"/>'
        )


def _height(row: dict[str, Any]) -> int:
    lines = 1 + len(wrap(row["text"], _TEXT_CHARACTERS))
    return max(lines, 4) * _LINE + _PADDING


def facts(results: dict[str, Any]) -> Iterator[str]:
    """
    Describe the machine and the settings of the results, in sentences.
    """
    machine, settings = results["machine"], results["settings"]
    rounds = settings["rounds"]
    yield f"{machine['date']}, {rounds} round{'s' if rounds > 1 else ''}."
    if settings["quick"]:
        yield "A fifth of the work (--quick): less exact."
    yield (
        f"{machine['processors']} processors, {machine['processor']}, "
        f"{machine['system']}; files {machine['files']}."
    )
    there = ", ".join(f"{name} {machine[name]}" for name in PACKAGES if name in machine)
    yield (
        f"Python {machine['python']}, logrecv {machine['logrecv']}"
        f" (decoder: {machine['decoder']}), {there}."
    )


def fragment(results: dict[str, Any]) -> Iterator[str]:
    """
    Write the results as a table in reStructuredText.

    @return: Lines.
    """
    yield ".. Written by python -m bench.draw: do not edit."
    yield ""
    for fact in facts(results):
        yield _plain(fact)
    yield ""
    yield ".. list-table::"
    yield "   :header-rows: 1"
    yield "   :widths: 34 9 9 9 9 9 21"
    titles = ("", "goal", "will do", "min.", "median", "max.", "absolute")
    yield from _tableRow(titles)
    for row in results["rows"]:
        unit = f" {row['unit']}" if row["unit"] else ""
        name = f"``{row['name']}``: {_plain(row['text'])}"
        wanted = [limit(row, each) + unit for each in ("goal", "least")]
        if "problem" in row:
            problem = row["problem"].strip().rpartition("\n")[2]
            yield from _tableRow([name, *wanted, "", "", "", _plain(problem)])
            continue
        values = [figure(row[each]) for each in ("minimum", "median", "maximum")]
        values[1] = f"**{values[1]}**"
        yield from _tableRow([name, *wanted, *values, _plain(absolute(row))])


def _tableRow(cells: Sequence[str]) -> Iterator[str]:
    yield ""
    for number, cell in enumerate(cells):
        yield f"   {' ' if number else '*'} - {cell}".rstrip()


def _plain(text: str) -> str:
    """
    Keep a text from being read as markup.
    """
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Draw the picture and write the table.

    @return: The exit status.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.draw", description=__doc__)
    parser.add_argument("results", type=Path, help="results of python -m bench --json")
    parser.add_argument(
        "target", type=Path, help="a file for the SVG, or a directory that gets it"
    )
    options = parser.parse_args(arguments)
    results = json.loads(options.results.read_text("utf-8"))
    target: Path = options.target
    if target.is_dir():
        target = target / f"{options.results.stem}.svg"
    target.write_text(Drawing(results).make(), "utf-8")
    beside = target.with_name(f"{target.stem}_table.rst")
    beside.write_text("\n".join(fragment(results)) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
