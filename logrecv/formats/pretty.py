"""
The format C{pretty}: for a person at a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from attrs import define, field

from logrecv.formats import MISSING, Format
from logrecv.formats.clock import LocalClock
from logrecv.formats.json import encodeValue
from logrecv.formats.safe import firstLine, isPlain, oneLine, splitLines
from logrecv.record import JSONValue, Record

#: Columns within which a record and its extras share a line.
_COLUMNS: Final = 120

#: Columns of the level: CRITICAL has as many.
_LEVEL_COLUMNS: Final = 8

#: Columns of the logger's name: a shorter name is filled up to the first number, a
#: longer name is cut to the second.
_LOGGER_COLUMNS: Final = (18, 32)

#: Columns before the logger's name: the columns of the time and the level.
_NAME_COLUMN: Final = 12 + 1 + _LEVEL_COLUMNS + 1

#: The beginning of each further line: the bar is in the column of the level.
_GUTTER: Final = " " * 11 + "\u2502 "

#: Select Graphic Rendition (ECMA-48, 8.3.117).  The sixteen colours and faint,
#: since a person's own theme has made these readable.
_RESET: Final = "\x1b[0m"
_FAINT: Final = "\x1b[2m"
_BOLD: Final = "\x1b[1m"
_BOLD_RED: Final = "\x1b[1;31m"
_CYAN: Final = "\x1b[36m"

#: The least number of a level, the looks of such a level, and the looks of its
#: messages.
_LOOKS: Final = (
    (50, "\x1b[1;37;41m", _BOLD),
    (40, _BOLD_RED, _BOLD),
    (30, "\x1b[33m", ""),
    (20, "\x1b[32m", ""),
    (10, "\x1b[34m", _FAINT),
    (float("-inf"), _FAINT, _FAINT),
)

#: The levels that are painted beforehand.
_STOCK_LEVELS: Final = (
    ("DEBUG", 10),
    ("INFO", 20),
    ("WARNING", 30),
    ("ERROR", 40),
    ("CRITICAL", 50),
)

#: From this level on (WARNING) a record tells the line of code it comes from.
_TELLS_LINE: Final = 30

#: Matches a key or value of C{extra} that needs no quotes: printable ASCII without
#: space, quotation marks and equals sign.
_isBare: Final = re.compile(r"[!#-&(-<>-~]+").fullmatch


def _host(peer: str) -> str:
    """
    Return the host of a peer; an empty text if the host is this machine.
    """
    host = peer.rpartition(":")[0].strip("[]")
    return "" if host in ("127.0.0.1", "::1") or peer.startswith("/") else host


def _word(value: JSONValue) -> str:
    """
    Write a key or value of C{extra} so that its end can be seen.
    """
    if isinstance(value, str) and _isBare(value):
        return value
    return oneLine(encodeValue(value))


def _pairs(extra: dict[str, JSONValue]) -> str:
    return " ".join([f"{_word(key)}={_word(value)}" for key, value in extra.items()])


def _source(record: Record) -> str:
    """
    Tell where a record comes from, without the parts that go without saying.
    """
    parts = [_host(record.received.peer)]
    if record.processName and record.processName != "MainProcess":
        parts.append(record.processName)
    if record.process is not None:
        parts.append(str(record.process))
    if record.threadName and record.threadName != "MainThread":
        parts.append(record.threadName)
    if record.taskName and not record.taskName.startswith("Task-"):
        parts.append(record.taskName)
    if record.filename and (record.levelno or 0) >= _TELLS_LINE:
        line = "" if record.lineno is None else f":{record.lineno}"
        parts.append(record.filename + line)
    if not parts[0]:
        del parts[0]
    if not isPlain("".join(parts)):
        parts = [oneLine(part) for part in parts]
    return " \u00b7 ".join(parts)


def _loggerColumn(name: str) -> str:
    least, most = _LOGGER_COLUMNS
    shown = oneLine(name)
    if len(shown) > most:
        # The loggers of one program differ at the end.
        shown = "\u2026" + shown[1 - most :]
    return shown.ljust(least)


def _paint(text: str, look: str) -> str:
    return f"{look}{text}{_RESET}" if look else text


def _leaveUnpainted(text: str, look: str) -> str:
    return text


def _looks(number: int | None) -> tuple[str, str]:
    """
    Return the looks of a level, and the looks of its messages.
    """
    if number is None:
        return "", ""
    return next((level, message) for least, level, message in _LOOKS if number >= least)


def _tracebackLook(line: str) -> str:
    """
    Return the looks of a line of a traceback.  The exception stands out from the
    code, and the code from the place of the code.
    """
    if line.startswith(("Traceback ", "During handling ", "The above exception ")):
        return _FAINT
    if line[:1].strip():
        return _BOLD_RED
    return _FAINT if line.lstrip().startswith('File "') else ""


@define(eq=False)
class _Pretty:
    """
    The format C{pretty}.

    @ivar paint: Gives a text its looks.
    """

    paint: Callable[[str, str], str]
    #: The column of each stock level, painted, and the looks of its messages.
    _stock: dict[tuple[str | None, int | None], tuple[str, str]] = field(init=False)
    _clock: LocalClock = field(factory=lambda: LocalClock("%H:%M:%S."))

    def __attrs_post_init__(self) -> None:
        self._stock = {level: self._level(*level) for level in _STOCK_LEVELS}

    def format(self, batch: Sequence[Record]) -> bytes:
        """
        Write a batch, as a L{Format} does.
        """
        lines: list[str] = []
        for record in batch:
            self._write(record, lines)
        lines.append("")
        return "\n".join(lines).encode()

    def _write(self, record: Record, lines: list[str]) -> None:
        """
        Append the lines of a record.
        """
        paint = self.paint
        named = (record.levelname, record.levelno)
        level, messageLook = self._stock.get(named) or self._level(*named)
        logger = _loggerColumn(record.name or MISSING)
        message = oneLine(firstLine(record.message))
        line = (
            f"{paint(self._clock.timeOf(record), _FAINT)} {level} "
            f"{paint(logger, _CYAN)} {paint(message, messageLook)}"
        )
        below = ""
        if record.extra:
            pairs = _pairs(record.extra)
            taken = _NAME_COLUMN + len(logger) + 1 + len(message) + 2 + len(pairs)
            if taken > _COLUMNS:
                below = pairs
            else:
                line += "  " + paint(pairs, _FAINT)
        source = _source(record)
        if source:
            line += "  " + paint(source, _FAINT)
        lines.append(line)
        if "\n" in record.message:
            self._add(lines, splitLines(record.message)[1:], lambda line: messageLook)
        if below:
            self._add(lines, [below], lambda line: _FAINT)
        if record.exc_text:
            self._add(lines, splitLines(record.exc_text), _tracebackLook)
        if record.stack_info:
            self._add(lines, splitLines(record.stack_info), lambda line: _FAINT)

    def _level(self, name: str | None, number: int | None) -> tuple[str, str]:
        """
        Return the column of a level, painted, and the looks of its messages.
        """
        if name is None:
            name = MISSING if number is None else str(number)
        levelLook, messageLook = _looks(number)
        column = oneLine(name)[:_LEVEL_COLUMNS].ljust(_LEVEL_COLUMNS)
        return self.paint(column, levelLook), messageLook

    def _add(
        self, lines: list[str], texts: Iterable[str], look: Callable[[str], str]
    ) -> None:
        """
        Append further lines of a record.

        @param look: Returns the looks of a line.
        """
        gutter = self.paint(_GUTTER, _FAINT)
        lines += [gutter + self.paint(oneLine(text), look(text)) for text in texts]


def makePretty(color: bool = True) -> Format:
    r"""
    Make the format C{pretty}: local time of day, level, logger, message, extras as
    C{key=value} and the source of the record, in about 120 columns.

        >>> makePretty(color=False)([record])
        b'16:00:00.123 INFO     app.jobs           done  192.0.2.7 \xc2\xb7 4242\n'

    Parts of the source that go without saying are left out: a peer on this machine,
    C{MainProcess}, C{MainThread}, the name that asyncio gave a task.  From WARNING
    on there are file and line.

    @param color: C{True} to use the colours of an ANSI terminal.
    """
    return _Pretty(_paint if color else _leaveUnpainted).format
