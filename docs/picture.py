"""
Draw the picture of the README, from the code that writes such lines:

    python docs/picture.py docs/pretty.svg

The picture shows the records of L{records} as C{stdout:format=pretty} writes them on
a terminal.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Final

from logrecv.formats.pretty import makePretty
from logrecv.record import Origin, Record

#: Pixels: of a character, of a line, and around the text.
_CHARACTER: Final = 8.43
_LINE: Final = 20
_MARGIN: Final = 16

#: The colours of a dark terminal, by SGR number (ECMA-48, 8.3.117).
_COLORS: Final = {
    "31": "#ff7b72", "32": "#7ee787", "33": "#f2cc60", "34": "#79c0ff",
    "36": "#76e3ea", "37": "#ffffff",
}  # fmt: skip

_TRACEBACK: Final = """\
Traceback (most recent call last):
  File "/srv/app/orders.py", line 88, in accept
    stock[item] -= 1
KeyError: 'sprocket'"""

_SEQUENCE: Final = re.compile("\x1b\\[([0-9;]*)m")


def records() -> Iterator[Record]:
    """
    Make the records of the picture: of today, so that no date is shown.
    """
    now = datetime.now().astimezone()
    begin = now.replace(hour=9, minute=14, second=3, microsecond=41_000)
    origin = Origin("2026-01-01T00:00:00.000000Z", "tcp", "127.0.0.1:50412")
    for milliseconds, level, number, message, extra, traceback in (
        (0, "INFO", 20, "order 17 accepted", {"user": "alice"}, None),
        (312, "DEBUG", 10, "3 of 40 connections are idle", None, None),
        (840, "WARNING", 30, "order 18 is late", {"minutes": 12}, None),
        (1207, "ERROR", 40, "order 19 failed", {"user": "bob"}, _TRACEBACK),
    ):
        moment = begin + timedelta(milliseconds=milliseconds)
        yield Record(
            time=f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            created=moment.timestamp(),
            name="app.pool" if number == 10 else "app.orders",
            levelname=level,
            levelno=number,
            message=message,
            filename="orders.py",
            lineno=88,
            exc_text=traceback,
            extra=dict(extra) if extra else None,
            received=origin,
        )


def _style(codes: str) -> str:
    """
    Turn the numbers of an SGR sequence into CSS.
    """
    css = []
    for code in codes.split(";"):
        if code == "1":
            css.append("font-weight:bold")
        elif code == "2":
            css.append("fill-opacity:.6")
        elif code in _COLORS:
            css.append(f"fill:{_COLORS[code]}")
    return ";".join(css)


def _line(text: str, y: int) -> str:
    """
    Draw one line of the terminal, each piece in the column where a terminal has it.
    """
    spans = []
    style = ""
    column = 0
    for index, piece in enumerate(_SEQUENCE.split(text)):
        if index % 2:
            style = _style(piece)
            continue
        shown = piece.strip()
        if shown:
            x = _MARGIN + (column + len(piece) - len(piece.lstrip())) * _CHARACTER
            attribute = f' style="{style}"' if style else ""
            spans.append(f'<tspan x="{x:.1f}"{attribute}>{escape(shown)}</tspan>')
        column += len(piece)
    return f'<text y="{y}">{"".join(spans)}</text>'


def draw() -> str:
    """
    Draw the picture.

    @return: The text of an SVG document, the same at any time and place.
    """
    lines = makePretty(color=True)(list(records())).decode("utf-8").splitlines()
    plain = [_SEQUENCE.sub("", line) for line in lines]
    width = round(max(map(len, plain)) * _CHARACTER) + 2 * _MARGIN
    height = len(lines) * _LINE + 2 * _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" role="img">',
            "<title>Four records on a terminal</title>",
            f"<desc>{escape(chr(10).join(plain))}</desc>",
            "<style>text{font:14px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',"
            "monospace;fill:#e6edf3}</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>',
            *(
                _line(line, _MARGIN + 15 + number * _LINE)
                for number, line in enumerate(lines)
            ),
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(), "utf-8")
