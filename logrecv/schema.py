"""
The attributes of a C{LogRecord}, once for the whole package.

To add an attribute, add a line to L{ATTRIBUTES} and a field to
L{logrecv.record.Record}.  The fast paths repeat the list for speed:
C{tests/test_schema.py} tells which of them lack the new attribute.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import attrs


class Kind(Enum):
    """
    The type of an attribute's value, and the way from the value to the record.
    """

    #: A text, kept in the field of the same name.
    TEXT = "text"

    #: An integer, kept in the field of the same name.
    INTEGER = "integer"

    #: A float, kept in the field of the same name.
    FLOAT = "float"

    #: The time of the record, in seconds since the epoch: a float, kept together
    #: with its ISO 8601 form.
    TIME = "time"

    #: The message or its template: a text, merged with the arguments.
    MESSAGE = "message"

    #: The arguments of the template: a tuple or a dict.
    ARGUMENTS = "arguments"

    #: A traceback: a text, kept in C{exc_text}.
    EXCEPTION = "exception"


@attrs.frozen
class Attribute:
    """
    One attribute of a C{LogRecord}.

    A text that records may lack::

        Attribute("taskName", Kind.TEXT, isOptional=True, since=(3, 12))

    @ivar name: The name that C{logging} gives the attribute.
    @ivar kind: The type of the value, and the way from the value to the record.
    @ivar isOptional: True if stock handlers send L{None} for some records.
    @ivar isField: True if a L{Record<logrecv.record.Record>}, and so its JSON form,
        has a field of this name.  The value of any other attribute goes into the
        fields of its kind.
    @ivar since: The first version of Python whose handlers send the attribute;
        L{None} if the handlers of every version do.
    """

    name: str
    kind: Kind
    isOptional: bool = attrs.field(default=False, kw_only=True)
    isField: bool = attrs.field(default=True, kw_only=True)
    since: tuple[int, int] | None = attrs.field(default=None, kw_only=True)


#: The attributes that stock handlers send, in the order in which C{SocketHandler}
#: pickles the attributes and C{HTTPHandler} writes the fields of its form.  Both
#: send the C{__dict__} of the C{LogRecord}, which C{LogRecord.__init__} fills in
#: this order.
ATTRIBUTES: Final = (
    Attribute("name", Kind.TEXT),
    Attribute("msg", Kind.MESSAGE),
    Attribute("args", Kind.ARGUMENTS, isOptional=True),
    Attribute("levelname", Kind.TEXT),
    Attribute("levelno", Kind.INTEGER),
    Attribute("pathname", Kind.TEXT),
    Attribute("filename", Kind.TEXT),
    Attribute("module", Kind.TEXT),
    Attribute("exc_info", Kind.EXCEPTION, isOptional=True, isField=False),
    Attribute("exc_text", Kind.EXCEPTION, isOptional=True),
    Attribute("stack_info", Kind.TEXT, isOptional=True),
    Attribute("lineno", Kind.INTEGER),
    Attribute("funcName", Kind.TEXT, isOptional=True),
    Attribute("created", Kind.TIME),
    Attribute("msecs", Kind.FLOAT),
    Attribute("relativeCreated", Kind.FLOAT),
    Attribute("thread", Kind.INTEGER, isOptional=True),
    Attribute("threadName", Kind.TEXT, isOptional=True),
    Attribute("processName", Kind.TEXT, isOptional=True),
    Attribute("process", Kind.INTEGER, isOptional=True),
    Attribute("taskName", Kind.TEXT, isOptional=True, since=(3, 12)),
)

#: The attribute that C{logging.Formatter.format} sets.  No stock handler sends it.
MESSAGE: Final = Attribute("message", Kind.MESSAGE)

#: The names of all attributes, none of which can be an C{extra} of a record.
STANDARD: Final = frozenset(attribute.name for attribute in (*ATTRIBUTES, MESSAGE))

#: The names that C{logging} refuses for an C{extra}.  C{logging.Formatter} sets
#: C{asctime}; a client that sends it all the same has it as an C{extra}.
RESERVED: Final = STANDARD | {"asctime"}


def ofKind(*kinds: Kind) -> tuple[str, ...]:
    """
    List the attributes of some kinds.

    @return: The names, in the order of L{ATTRIBUTES}.
    """
    return tuple(attribute.name for attribute in ATTRIBUTES if attribute.kind in kinds)
