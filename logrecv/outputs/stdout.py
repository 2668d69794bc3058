"""
Standard output: for people at a terminal, and for whatever a pipe leads to.
"""

from __future__ import annotations

import os
import select
from contextlib import AbstractContextManager, nullcontext
from typing import BinaryIO

from attrs import define, field
from zope.interface import implementer

from logrecv.descriptions import Description
from logrecv.formats.json import encodeJSON
from logrecv.formats.pretty import makePretty
from logrecv.formats.text import makeText
from logrecv.interfaces import IRecordSink
from logrecv.outputs.context import OutputContext, queueFromKeywords, storageFormat
from logrecv.outputs.keywords import COMMON_KEYWORDS, QUEUE_KEYWORDS, takeFormat
from logrecv.outputs.queue.sink import WRITE_SIZE, QueuedSink
from logrecv.outputs.writers import (
    IBlockingWriter,
    PermanentFailure,
    ThreadedWriter,
    coalesceDelay,
)
from logrecv.threads import ThreadExecutor


@implementer(IBlockingWriter)
@define(eq=False)
class StreamWriter:
    """
    Writes to a stream that it was given, and that it neither opens nor closes.

    @ivar stream: An unbuffered binary stream.
    @ivar lock: Keeps other processes out while this one writes.
    """

    stream: BinaryIO
    lock: AbstractContextManager[None] = field(factory=nullcontext)
    #: Bytes of the current write that were written by attempts that failed.
    _done: int = field(default=0, init=False)

    def open(self) -> None:
        """
        See L{IBlockingWriter.open}.
        """

    def write(self, data: bytes) -> None:
        """
        See L{IBlockingWriter.write}.

        @raise Gone: Nobody reads the pipe any more.
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
                    # Whoever shares the terminal or pipe has made it non-blocking.
                    select.select([], [self.stream], [])
                else:
                    self._done += written
        self._done = 0

    def reopen(self) -> None:
        """
        See L{IBlockingWriter.reopen}.
        """

    def close(self) -> None:
        """
        See L{IBlockingWriter.close}.
        """


def parseStdout(description: Description, context: OutputContext) -> IRecordSink:
    """
    Make the sink of
    C{stdout[:format=pretty|text|json][:text=TEMPLATE][:queue=SIZE][:full=drop|pause][:spool=DIR][:spool-limit=SIZE]}.

    Without a format a person at a terminal gets C{pretty}, and a pipe or file
    gets C{json}.  There is colour on a terminal only, and not where the
    environment has C{NO_COLOR} (U{https://no-color.org}).

    @raise logrecv.descriptions.DescriptionError: The description cannot be
        used.
    """
    output = context.standardOutput
    color = output.terminal and not os.environ.get("NO_COLOR")
    formats = {
        "pretty": makePretty(color=color),
        "text": makeText(),
        "json": encodeJSON,
    }
    encode = takeFormat(description, formats, "pretty" if output.terminal else "json")
    capacity, store = queueFromKeywords(
        description, context, "drop", storageFormat(encode)
    )
    thread = ThreadExecutor(context.reactor, context.tally.output)
    stream = StreamWriter(output.stream, context.group.lock())
    writer = ThreadedWriter(stream, thread, coalesceDelay(capacity.limit))
    description.finish((*QUEUE_KEYWORDS, *COMMON_KEYWORDS, "format", "text"))
    return QueuedSink(
        encode,
        writer,
        context.reactor,
        context.tally,
        capacity,
        store,
        encoder=context.encoders.get(encode, WRITE_SIZE),
    )
