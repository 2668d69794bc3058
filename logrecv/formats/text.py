r"""
Records to bytes: C{json} for programs, C{text} for files that people read and
C{pretty} for a person at a terminal.

C{json} is exact.  In C{text} and C{pretty} a client's text cannot act on the
terminal, hide, turn the direction of writing or pass for another record: a
record is one line, further lines of it begin with a bar, and what is unsafe to
show is shown as a Python literal would write it (C{\x1b}, C{\u202e}).  A
backslash stays as it is, so a client that sends the four characters C{\x1b}
looks the same there; C{json} tells the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter
from time import localtime, strftime
from typing import Final, TypeAlias

from attrs import define, field, frozen
from msgspec.json import Encoder

from logrecv.record import JSONValue, Record

#: Makes whole lines of a batch, each ended by one line feed, in UTF-8.
Format: TypeAlias = Callable[[Sequence[Record]], bytes]

#: The template of the text format where none is given.
DEFAULT: Final = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"

_encoder = Encoder()


def encodeJSON(batch: Sequence[Record]) -> bytes:
    """
    The C{json} format: an object a line, its keys the fields of L{Record} in
    their order.
    """
    return _encoder.encode_lines(batch)


# -- text that is safe to show --

#: The code points that are never shown as they are: the controls and the line
#: breaks that C{str.splitlines} knows (Unicode's Cc, Zl and Zp), all that is
#: drawn as nothing (its property Default_Ignorable_Code_Point, which holds the
#: bidirectional controls; less the joiners and variation selectors of
#: L{_STRAY}), interlinear annotations, and surrogates, which have no UTF-8.
_UNSAFE: Final = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200B),
    (0x200E, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)

_SELECTORS: Final = "\ufe00-\ufe0f"
_JOINERS: Final = "\u200c\u200d"
_VISIBLE: Final = f"[^\x00-\x7f{_SELECTORS}{_JOINERS}]"

#: Variation selectors and joiners where no script and no emoji needs them: what
#: is kept is one of each, in this order, after a visible character beyond ASCII.
_STRAY: Final = re.compile(
    f"(?:(?<!{_VISIBLE})[{_SELECTORS}]"
    f"|(?<!{_VISIBLE})(?<!{_VISIBLE}[{_SELECTORS}])[{_JOINERS}])"
    f"[{_SELECTORS}{_JOINERS}]*"
)


def _escape(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


@cache
def _escapes() -> dict[int, str]:
    """
    Make the table of what is not shown as it is.  It has some thousand entries, and
    most services never need it.
    """
    return {
        code: _escape(chr(code))
        for first, last in _UNSAFE
        for code in range(first, last + 1)
    }


def _isPlain(text: str) -> bool:
    """
    Whether a text is safe as it is.  Says no to some that are; it is cheap.
    """
    return text.isascii() and text.isprintable()


def _oneLine(text: str) -> str:
    """
    Make a text safe to show within a line.
    """
    if _isPlain(text):
        return text
    # A table first: with a function for each match, a client could make a
    # record of 1 MiB take half a second.
    shown = text.translate(_escapes())
    if shown.isascii():
        return shown
    return _STRAY.sub(lambda match: _escape(match[0]), shown)


def _split(text: str) -> list[str]:
    """
    Split a text of several lines; line ends at its end are dropped.
    """
    return text.rstrip("\r\n").replace("\r\n", "\n").split("\n")


def _head(message: str) -> str:
    """
    Give the first line of a message.
    """
    return _split(message)[0] if "\n" in message else message


_THOUSANDTHS: Final = [f"{number:03}" for number in range(1000)]


@define(eq=False)
class _LocalClock:
    """
    Writes the time of a record in local time, as C{logging} does.

    @ivar pattern: How a second is written, for C{strftime}, up to where its
        milliseconds follow.
    """

    pattern: str
    _second: float | None = None
    _text: str = ""

    def tell(self, record: Record) -> str:
        """
        Write the time at which a record was created, or received if nobody
        knows; as in the JSON form where the calendar has no such time.
        """
        try:
            created = record.created
            if created is None:
                created = datetime.fromisoformat(record.time).timestamp()
            second = created // 1
            if second != self._second:
                self._text = strftime(self.pattern, localtime(second))
                self._second = second
        except (ValueError, OverflowError, OSError):
            return _oneLine(record.time)
        msecs = record.msecs
        if msecs is None or not 0 <= msecs < 1000:
            # Half a microsecond, since .123 is a little less than that in binary.
            msecs = min((created - second) * 1000 + 0.0005, 999)
        return self._text + _THOUSANDTHS[int(msecs)]


# -- text --

#: What stands for an attribute that a record does not have.
_MISSING: Final = "-"

#: What further lines of a record begin with, and no first line does.
_BAR: Final = "  | "

#: A conversion of a template.  Widths of four digits and more are nobody's wish.
_CONVERSION: Final = re.compile(
    r"%(?:%|\((?P<name>[^()]+)\)"
    r"(?P<flags>[#0 +-]*)(?P<width>\d{0,3})(?P<precision>\.\d{0,3})?(?P<type>[a-zA-Z]))"
)

#: The attributes that are numbers, each with a value of its type.
_NUMBERS: Final[dict[str, int | float]] = {
    "levelno": 0,
    "lineno": 0,
    "process": 0,
    "thread": 0,
    "created": 0.0,
    "msecs": 0.0,
    "relativeCreated": 0.0,
}

#: The attributes that are text, each with the path to it.
_TEXTS: Final = {
    "time": "time",
    "name": "name",
    "levelname": "levelname",
    "message": "message",
    "args": "args",
    "pathname": "pathname",
    "filename": "filename",
    "module": "module",
    "funcName": "funcName",
    "processName": "processName",
    "threadName": "threadName",
    "taskName": "taskName",
    "exc_text": "exc_text",
    "stack_info": "stack_info",
    "peer": "received.peer",
    "via": "received.via",
    "at": "received.at",
}

#: All attributes, by their names in lower case, to tell a slip of the shift key
#: from the name of an extra.
_FOLDED: Final = {
    name.lower(): name for name in (*_NUMBERS, *_TEXTS, "asctime", "msg", "extra")
}

#: Gets a value out of a record; L{None} where it is missing.
_Getter: TypeAlias = Callable[[Record], object]

#: Writes one field of a record.
_Field: TypeAlias = Callable[[Record], str]


def _extraGetter(name: str) -> _Getter:
    def get(record: Record) -> object:
        extra = record.extra
        if extra is None or name not in extra:
            return None
        value = extra[name]
        # None is what is missing; this one was sent.
        return "null" if value is None else value

    return get


def _getter(name: str) -> _Getter:
    if name == "asctime":
        return _LocalClock("%Y-%m-%d %H:%M:%S,").tell
    if name == "msg":
        return lambda record: record.message if record.msg is None else record.msg
    if name == "extra":
        return lambda record: record.extra or {}
    if name in _NUMBERS:
        return attrgetter(name)
    if name in _TEXTS:
        return attrgetter(_TEXTS[name])
    return _extraGetter(name)


def _textField(get: _Getter) -> _Field:
    def write(record: Record) -> str:
        value = get(record)
        if value is None:
            return _MISSING
        return value if isinstance(value, str) else _encoder.encode(value).decode()

    return write


def _convertedField(get: _Getter, number: str, text: str) -> _Field:
    """
    @param number: The conversion as the template has it.
    @param text: The same width for what cannot be converted that way.
    """
    asText = _textField(get)

    def write(record: Record) -> str:
        value = get(record)
        if value is not None:
            try:
                return number % (value,)
            except (TypeError, ValueError, OverflowError):
                pass
        return text % asText(record)

    return write


def _messageField(record: Record) -> str:
    return _head(record.message)


@frozen
class _Conversion:
    """
    One conversion of a template: C{%(name)-8s}.

    @ivar text: All of it.
    """

    text: str
    name: str
    flags: str
    width: str
    precision: str
    type: str

    @property
    def flows(self) -> bool:
        """
        Whether this is the message as a whole, whose further lines follow.
        """
        return self.name == "message" and self.type == "s" and not self.precision

    def check(self) -> None:
        """
        @raise ValueError: It could never be right.
        """
        meant = _FOLDED.get(self.name.lower(), self.name)
        if meant != self.name:
            raise ValueError(f"{self.text} is no attribute; write %({meant})s")
        if self.name == "exc_info":
            raise ValueError(
                "%(exc_info)s is never sent; leave it out, tracebacks follow anyway"
            )
        if self.type == "c" or not self._fits():
            raise ValueError(
                f"{self.text} cannot be converted so; write %({self.name})s"
            )

    def _fits(self) -> bool:
        if self.name in _NUMBERS:
            sample: object = _NUMBERS[self.name]
        else:
            sample = "" if self.name in _FOLDED.values() else 0
        try:
            self._specification() % (sample,)
        except (TypeError, ValueError):
            return False
        return True

    def _specification(self) -> str:
        return f"%{self.flags}{self.width}{self.precision}{self.type}"

    def compile(self) -> tuple[str, _Field]:
        """
        @return: A conversion for the skeleton of the line, and what gets the
            text for it.
        """
        if self.flows:
            return f"%{self.flags}{self.width}s", _messageField
        get = _getter(self.name)
        if self.type == "s":
            return self._specification(), _textField(get)
        left = "-" if "-" in self.flags else ""
        asText = f"%{left}{self.width}s"
        return "%s", _convertedField(get, self._specification(), asText)


def _parse(template: str) -> Iterator[str | _Conversion]:
    """
    Take a template apart into its own text, C{%} doubled, and its conversions.

    @raise ValueError: It is no template.
    """
    position = 0
    while position < len(template):
        start = template.find("%", position)
        if start < 0:
            yield template[position:]
            return
        yield template[position:start]
        match = _CONVERSION.match(template, start)
        if match is None:
            raise ValueError(
                f"{template[start : start + 20]!r} is no conversion; "
                "write %(name)s for an attribute, %% for a percent sign"
            )
        if match["name"] is None:
            yield "%%"
        else:
            parts = match.groupdict(default="")
            yield _Conversion(text=match[0], **parts)
        position = match.end()


def _compile(template: str) -> tuple[str, list[_Field], bool]:
    """
    @return: The skeleton of a line, what fills it, and whether the message
        flows on into further lines.
    @raise ValueError: As L{makeText}.
    """
    skeleton = ""
    fields: list[_Field] = []
    flows = False
    for part in _parse(template):
        if isinstance(part, str):
            skeleton += part
            continue
        part.check()
        conversion, write = part.compile()
        skeleton += conversion
        fields.append(write)
        flows = flows or part.flows
    if not fields:
        raise ValueError(f"a line needs an attribute; write such as {DEFAULT}")
    return skeleton, fields, flows


def _further(record: Record, flows: bool) -> Iterator[str]:
    """
    Give the lines of a record after its first one.

    @param flows: Whether those of the message are among them.
    """
    if flows and "\n" in record.message:
        yield from _split(record.message)[1:]
    if record.exc_text:
        yield from _split(record.exc_text)
    if record.stack_info:
        yield from _split(record.stack_info)


@cache
def makeText(template: str = DEFAULT) -> Format:
    """
    Make the C{text} format of a template as C{logging.Formatter} takes it: the
    same for the same template, so that it is known to be.

    Beside the attributes of a C{LogRecord} there are C{time} (that of the JSON
    form, in UTC), C{peer}, C{via}, C{at}, C{extra} (a JSON object) and each
    attribute of C{extra} by its own name.  What a record does not have is
    C{-}, whatever its conversion.  C{asctime} is in local time.

    The first line of the message is where the template puts it.  Its further
    lines, the traceback and the stack follow on lines that begin with a bar,
    which the line of a record never does.

    @param template: A text with C{%(name)s} conversions.
    @raise ValueError: It cannot be used.  One line says what is wrong and what
        would be right.
    """
    if template.splitlines() != [template]:
        # On a second line a client's text could begin, and pass for a record.
        raise ValueError(f"a template is one line; write such as {DEFAULT}")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in template):
        raise ValueError("a template is text in UTF-8; other bytes are in it")
    skeleton, fields, flows = _compile(template)
    bar = _BAR.rstrip()

    def formatText(batch: Sequence[Record]) -> bytes:
        lines: list[str] = []
        for record in batch:
            values = [write(record) for write in fields]
            if not _isPlain("".join(values)):
                values = [_oneLine(value) for value in values]
            line = skeleton % tuple(values)
            if line.startswith(bar):
                line = "\\x20" + line[1:]
            lines.append(line)
            if record.exc_text or record.stack_info or "\n" in record.message:
                lines += [_BAR + _oneLine(text) for text in _further(record, flows)]
        lines.append("")
        return "\n".join(lines).encode()

    return formatText


# -- pretty --

#: Columns within which a record and its extras share a line.
_COLUMNS: Final = 120

#: Columns of the level: as many as CRITICAL has.
_LEVEL_COLUMNS: Final = 8

#: Columns of the logger's name: what a name is filled up to, and what one is
#: cut to that is longer.
_LOGGER_COLUMNS: Final = (18, 32)

#: Columns before the logger's name: those of the time and the level.
_NAME_COLUMN: Final = 12 + 1 + _LEVEL_COLUMNS + 1

#: What further lines begin with: in the column of the level.
_GUTTER: Final = " " * 11 + "\u2502 "

#: Select Graphic Rendition (ECMA-48, 8.3.117).  The sixteen colours and faint,
#: since those are what a person's own theme has made readable.
_RESET: Final = "\x1b[0m"
_FAINT: Final = "\x1b[2m"
_BOLD: Final = "\x1b[1m"
_BOLD_RED: Final = "\x1b[1;31m"
_CYAN: Final = "\x1b[36m"

#: What the level and the message look like, from which level on.
_LOOKS: Final = (
    (50, "\x1b[1;37;41m", _BOLD),
    (40, _BOLD_RED, _BOLD),
    (30, "\x1b[33m", ""),
    (20, "\x1b[32m", ""),
    (10, "\x1b[34m", _FAINT),
    (float("-inf"), _FAINT, _FAINT),
)

#: The levels that are worth having ready.
_STOCK_LEVELS: Final = (
    ("DEBUG", 10),
    ("INFO", 20),
    ("WARNING", 30),
    ("ERROR", 40),
    ("CRITICAL", 50),
)

#: From this level on (WARNING) a record tells the line of code it comes from.
_TELLS_LINE: Final = 30

#: An extra's key or value that needs no quotes: printable ASCII without space,
#: quotation marks and equals sign.
_bare: Final = re.compile(r"[!#-&(-<>-~]+").fullmatch


def _host(peer: str) -> str:
    """
    Give the host of a peer; nothing if it is this one.
    """
    host = peer.rpartition(":")[0].strip("[]")
    return "" if host in ("127.0.0.1", "::1") or peer.startswith("/") else host


def _word(value: JSONValue) -> str:
    """
    Write a key or value of C{extra} so that it is seen where it ends.
    """
    if isinstance(value, str) and _bare(value):
        return value
    return _oneLine(_encoder.encode(value).decode())


def _pairs(extra: dict[str, JSONValue]) -> str:
    return " ".join([f"{_word(key)}={_word(value)}" for key, value in extra.items()])


def _source(record: Record) -> str:
    """
    Tell where a record comes from, leaving out what goes without saying.
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
    if not _isPlain("".join(parts)):
        parts = [_oneLine(part) for part in parts]
    return " \u00b7 ".join(parts)


def _loggerColumn(name: str) -> str:
    least, most = _LOGGER_COLUMNS
    shown = _oneLine(name)
    if len(shown) > most:
        # The end is what tells loggers of one program apart.
        shown = "\u2026" + shown[1 - most :]
    return shown.ljust(least)


def _paint(text: str, look: str) -> str:
    return f"{look}{text}{_RESET}" if look else text


def _leaveUnpainted(text: str, look: str) -> str:
    return text


def _looks(number: int | None) -> tuple[str, str]:
    """
    Give what a level looks like, and what a message of that level does.
    """
    if number is None:
        return "", ""
    return next((level, message) for least, level, message in _LOOKS if number >= least)


def _tracebackLook(line: str) -> str:
    """
    Give what a line of a traceback looks like: what was raised stands out from
    the code, and the code from where it is.
    """
    if line.startswith(("Traceback ", "During handling ", "The above exception ")):
        return _FAINT
    if line[:1].strip():
        return _BOLD_RED
    return _FAINT if line.lstrip().startswith('File "') else ""


@define(eq=False)
class _Pretty:
    """
    The C{pretty} format.

    @ivar paint: Gives a text its looks.
    """

    paint: Callable[[str, str], str]
    _stock: dict[tuple[str | None, int | None], tuple[str, str]] = field(init=False)
    _clock: _LocalClock = field(factory=lambda: _LocalClock("%H:%M:%S."))

    def __attrs_post_init__(self) -> None:
        self._stock = {level: self._level(*level) for level in _STOCK_LEVELS}

    def format(self, batch: Sequence[Record]) -> bytes:
        """
        See L{Format}.
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
        logger = _loggerColumn(record.name or _MISSING)
        message = _oneLine(_head(record.message))
        line = (
            f"{paint(self._clock.tell(record), _FAINT)} {level} "
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
            self._add(lines, _split(record.message)[1:], lambda line: messageLook)
        if below:
            self._add(lines, [below], lambda line: _FAINT)
        if record.exc_text:
            self._add(lines, _split(record.exc_text), _tracebackLook)
        if record.stack_info:
            self._add(lines, _split(record.stack_info), lambda line: _FAINT)

    def _level(self, name: str | None, number: int | None) -> tuple[str, str]:
        """
        Give the column of a level, painted, and what its messages look like.
        """
        if name is None:
            name = _MISSING if number is None else str(number)
        levelLook, messageLook = _looks(number)
        column = _oneLine(name)[:_LEVEL_COLUMNS].ljust(_LEVEL_COLUMNS)
        return self.paint(column, levelLook), messageLook

    def _add(
        self, lines: list[str], texts: Iterable[str], look: Callable[[str], str]
    ) -> None:
        """
        Append further lines of a record.
        """
        gutter = self.paint(_GUTTER, _FAINT)
        lines += [gutter + self.paint(_oneLine(text), look(text)) for text in texts]


def makePretty(color: bool = True) -> Format:
    """
    Make the C{pretty} format: local time of day, level, logger, message,
    extras as C{key=value} and where the record comes from, in about 120 columns.

    Of the source, what goes without saying is left out: a peer on this
    machine, C{MainProcess}, C{MainThread}, the name that asyncio gave a task.
    From WARNING on there are file and line.

    @param color: Whether to use the colours of an ANSI terminal.
    """
    return _Pretty(_paint if color else _leaveUnpainted).format
