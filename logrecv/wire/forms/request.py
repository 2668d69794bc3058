"""
The HTTP requests in which C{HTTPHandler} sends forms.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

#: Header fields of a stock handler that say nothing about how its request is to
#: be read.
_OTHER_FIELDS: Final = rb"(?:(?:Host|Accept-Encoding|Authorization): [ -~]*\r\n){0,4}"

#: The head of a request as C{HTTPHandler} writes it, with the whole record where
#: that is a query.
_HEAD: Final = re.compile(
    rb"(?:POST (/[\w./~-]*)|GET /[\w./~-]*\?([\w.~%+&=-]+))"
    rb" HTTP/1\.1\r\n"
    + _OTHER_FIELDS
    + rb"(?:Content-type: application/x-www-form-urlencoded\r\n"
    rb"Content-length: ([0-9]{1,9})\r\n" + _OTHER_FIELDS + rb")?\r\n"
)

#: The longest head that is read here, without a query, in bytes.  C{HTTPHandler}
#: sends some 200; how long other heads may be is for the HTTP server to say.
_HEAD_SIZE: Final = 4096


class StockRequest(NamedTuple):
    """
    A request of C{HTTPHandler}, the body of which may still be on its way.

    @ivar form: The part of the form that has come.
    @ivar length: The length of the whole form, in bytes.
    @ivar path: The path of a POST; L{None} for a GET, whose query is the form.
    """

    form: bytes
    length: int
    path: bytes | None


def parseRequest(data: bytes) -> StockRequest | None:
    """
    Find the form in a request that C{HTTPHandler} sent::

        >>> parseRequest(b"GET /log?msg=hello HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        StockRequest(form=b'msg=hello', length=9, path=None)

    @param data: All bytes that have come of a connection.
    @return: L{None} if this is anything else than one request of C{HTTPHandler}, or
        could be.
    """
    head = _HEAD.match(data)
    if head is None:
        return None
    path, query, length = head.groups()
    if head.end() - len(query or b"") > _HEAD_SIZE:
        return None
    form = data[head.end() :]
    if query is not None:
        if length is None and not form:
            return StockRequest(query, len(query), None)
        return None
    if length is None or len(form) > int(length):
        return None
    return StockRequest(form, int(length), path)
