"""
The keywords that several kinds of output share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from logrecv.descriptions import Description, DescriptionError, mapped
from logrecv.formats import Format
from logrecv.formats.text import makeText

#: The keywords that every kind of output takes.
COMMON_KEYWORDS: Final = ("level", "logger")

#: The keywords of outputs that have a queue.
QUEUE_KEYWORDS: Final = ("queue", "full", "spool", "spool-limit")


def takeFormat(
    description: Description, formats: Mapping[str, Format], default: str
) -> Format:
    """
    Take the keywords C{format=} and C{text=} of a description.  C{text=} is a
    template for the format C{text}, and chooses that format.

    @param formats: The formats to choose from.  C{text} is among them.
    @param default: The name of the format where none is chosen.
    @raise DescriptionError: A keyword cannot be used, or not both together.
    """
    chosen = description.takeKeyword("format", mapped(formats), None)
    template = description.takeKeyword("text", makeText, None)
    if template is None:
        return chosen or formats[default]
    if chosen not in (None, formats["text"]):
        raise DescriptionError("text= is a template for format=text only")
    return template
