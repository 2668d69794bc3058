"""
The output C{stdout}: standard output, for people at a terminal and for pipes.
"""

from __future__ import annotations

import os
import select
from contextlib import AbstractContextManager, nullcontext
from typing import BinaryIO

from attrs import define, field
from zope.interface import implementer

from logrecv.descriptions import Description, DescriptionError
from logrecv.formats.json import encodeJSON
from logrecv.formats.pretty import makePretty
from logrecv.formats.text import makeText
from logrecv.interfaces import IRecordSink
from logrecv.outputs.context import OutputContext
from logrecv.outputs.keywords import takeFormat
from logrecv.outputs.writers import IBlockingWriter, PermanentFailure


@implementer(IBlockingWriter)
@define(eq=False)
class StreamWriter:
    """
    Writes to a stream that somebody else opens and closes.

    @ivar stream: An unbuffered binary stream.
    @ivar lock: Keeps other processes from writing at the same time.
    """

    stream: BinaryIO
    lock: AbstractContextManager[None] = field(factory=nullcontext)
    #: Bytes of the current data that failed attempts have written.
    _done: int = field(default=0, init=False)

    def open(self) -> None:
        """
        Do nothing: the stream is open.
        """

    def write(self, data: bytes) -> None:
        """
        Write the data of a chunk.

        @raise PermanentFailure: The pipe has no reader any more.
        """
        view = memoryview(data)
        with self.lock:
            while self._done < len(data):
                try:
                    written = self.stream.write(view[self._done :])
                except BrokenPipeError:
                    raise PermanentFailure(
                        "nobody reads standard output any more"
                    ) from None
                if written is None:
                    # Another process that has the terminal or pipe open made it
                    # non-blocking.
                    select.select([], [self.stream], [])
                else:
                    self._done += written
        self._done = 0

    def housekeeping(self) -> None:
        """
        Do nothing: all work is done by C{write}.
        """

    def reopen(self) -> None:
        """
        Do nothing: a stream has no path to open again.
        """

    def close(self) -> None:
        """
        Do nothing: somebody else closes the stream.
        """


def parseStdout(description: Description, context: OutputContext) -> IRecordSink:
    """
    Make the sink of
    C{stdout[:format=pretty|text|json][:text=TEMPLATE][:queue=SIZE][:full=drop|pause][:spool=DIR][:spool-limit=SIZE]}.

    Without a format, the format is C{pretty} on a terminal and C{json} elsewhere.
    C{pretty} has colour on a terminal only, and not where the environment has
    C{NO_COLOR} (U{https://no-color.org}).

    @raise logrecv.descriptions.DescriptionError: The description cannot be
        used, or there is no standard output.
    """
    output = context.standardOutput
    if not output.isOpen:
        raise DescriptionError(
            "this process was started without a standard output; write to file:PATH"
        )
    color = output.terminal and not os.environ.get("NO_COLOR")
    formats = {
        "pretty": makePretty(color=color),
        "text": makeText(),
        "json": encodeJSON,
    }
    encode = takeFormat(description, formats, "pretty" if output.terminal else "json")
    writer = StreamWriter(output.stream, context.group.lock())
    return context.makeQueuedSink(
        description, encode, writer, keywords=("format", "text")
    )
