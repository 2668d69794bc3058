"""
The format C{text}: one line a record, written as a template says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from logrecv.formats import Format
from logrecv.formats.safe import isPlain, oneLine, splitLines
from logrecv.formats.template import DEFAULT_TEMPLATE, Template
from logrecv.record import Record

#: The beginning of each further line of a record.  No first line begins like this.
_BAR: Final = "  | "


def _furtherLines(record: Record, ofMessage: bool) -> Iterator[str]:
    """
    Give the lines of a record after its first line.

    @param ofMessage: C{True} to include the further lines of the message.
    """
    if ofMessage and "\n" in record.message:
        yield from splitLines(record.message)[1:]
    if record.exc_text:
        yield from splitLines(record.exc_text)
    if record.stack_info:
        yield from splitLines(record.stack_info)


@cache
def makeText(template: str = DEFAULT_TEMPLATE) -> Format:
    r"""
    Make the format C{text} of a template as C{logging.Formatter} takes templates.

        >>> makeText("%(levelname)s %(name)s: %(message)s")([record])
        b'INFO app.jobs: done\n'

    Beside the attributes of a C{LogRecord} a template can name C{time} (the time
    of the JSON form, in UTC), C{peer}, C{via}, C{at}, C{extra} (a JSON object) and
    each attribute of C{extra} by its own name.  C{asctime} is in local time.  An
    attribute that a record lacks is written as C{-}, whatever its conversion.

    The first line of the message is where the template puts the message.  The
    further lines of the message, the traceback and the stack follow on lines that
    begin with a bar.  The first line of a record never begins with a bar.

    @param template: One line with C{%(name)s} conversions.
    @return: The format.  The same template gives the same object, so that outputs
        can share the work of encoding.
    @raise ValueError: The template cannot be used.  The message names the mistake and
        the right form in one line.
    """
    compiled = Template.compile(template)
    skeleton, fields = compiled.skeleton, compiled.fields
    hasWholeMessage = compiled.hasWholeMessage
    bar = _BAR.rstrip()

    def formatText(batch: Sequence[Record]) -> bytes:
        lines: list[str] = []
        for record in batch:
            values = [write(record) for write in fields]
            if not isPlain("".join(values)):
                values = [oneLine(value) for value in values]
            line = skeleton % tuple(values)
            if line.startswith(bar):
                line = "\\x20" + line[1:]
            lines.append(line)
            if record.exc_text or record.stack_info or "\n" in record.message:
                further = _furtherLines(record, hasWholeMessage)
                lines += [_BAR + oneLine(text) for text in further]
        lines.append("")
        return "\n".join(lines).encode()

    return formatText
