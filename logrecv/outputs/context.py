"""
The context of an output: the parts of the process that the output may use.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from attrs import define, field, frozen
from zope.interface import implementer

from logrecv.counters import OutputTally
from logrecv.dedup import SeenBatches
from logrecv.descriptions import Description, DescriptionError, sizeInBytes
from logrecv.formats import Format
from logrecv.formats.json import encodeJSON
from logrecv.group import WorkerGroup
from logrecv.interfaces import IOutputContext, IQuarantine, IStandardOutput
from logrecv.outputs.files.positions import POSITIONS_FILE, Positions
from logrecv.outputs.keywords import COMMON_KEYWORDS, QUEUE_KEYWORDS
from logrecv.outputs.queue.capacity import Capacity
from logrecv.outputs.queue.sink import QueuedSink
from logrecv.outputs.queue.store import IStore, MemoryStore
from logrecv.outputs.writers import (
    IBlockingWriter,
    IResumingWriter,
    IWriter,
    ThreadedWriter,
    coalesceDelay,
)
from logrecv.paths import usableDirectory
from logrecv.quarantine.null import NullQuarantine
from logrecv.threads import ThreadExecutor


@implementer(IStandardOutput)
@define(eq=False)
class StandardOutput:
    """
    The standard output of the process, taken before a runner replaces it.

    @ivar terminal: C{True} if the stream is a terminal, with a person before it.
    @ivar isOpen: C{False} in a process that was started without a standard output.
    @ivar isTaken: C{True} once an output has taken the stream, to write records to it.
    """

    _stream: BinaryIO
    terminal: bool
    isOpen: bool = True
    isTaken: bool = field(default=False, init=False)

    @property
    def stream(self) -> BinaryIO:
        """
        The unbuffered binary stream.
        """
        self.isTaken = True
        return self._stream

    @classmethod
    def ofProcess(cls) -> StandardOutput:
        """
        Take the standard output of this process, as it is now.
        """
        stream = sys.stdout
        try:
            descriptor = stream.fileno()
        except (AttributeError, OSError, ValueError):
            # In a process that was started without a standard output, it is None.
            isOpen = stream is not None
            buffer = getattr(stream, "buffer", None)
            return cls(buffer or open(os.devnull, "wb", buffering=0), False, isOpen)
        return cls(open(descriptor, "wb", buffering=0, closefd=False), stream.isatty())


@implementer(IOutputContext)
@frozen(eq=False)
class OutputContext:
    """
    The parts of the process that an output may use.

    Plugins use the attributes of L{IOutputContext}; the others are for the kinds
    of output that come with logrecv.

    @ivar reactor: The reactor.
    @ivar tally: The counters of the output.
    @ivar standardOutput: The standard output.
    @ivar paths: The absolute paths of the files that outputs of this process
        write to.  An output adds its own.
    @ivar quarantine: Keeps records that can never be delivered.
    @ivar batches: Remembers the names of batches that came over HTTP.
    @ivar group: The processes that serve together with this one.
    @ivar spools: The directories of C{spool=}.  An output adds its own.
    """

    reactor: Any
    tally: OutputTally
    standardOutput: StandardOutput
    paths: set[str] = field(factory=set)
    quarantine: IQuarantine = field(factory=NullQuarantine)
    batches: SeenBatches = field(factory=SeenBatches)
    group: WorkerGroup = field(factory=WorkerGroup)
    spools: list[str] = field(factory=list)

    def makeQueuedSink(
        self,
        description: Description,
        encode: Format,
        writer: IWriter | IBlockingWriter,
        *,
        full: str = "drop",
        keywords: Sequence[str] = (),
        storage: str | None = None,
        **settings: Any,
    ) -> QueuedSink:
        capacity, store = queueFromKeywords(
            description, self, full, storage or storageFormat(encode)
        )
        description.finish((*QUEUE_KEYWORDS, *COMMON_KEYWORDS, *keywords))
        if store.durable and IResumingWriter.providedBy(writer):
            # One file for the spools of all workers.
            path = os.path.join(self.spools[-1], POSITIONS_FILE)
            writer.positions = Positions(path, self.group.number)
        if IBlockingWriter.providedBy(writer):
            thread = ThreadExecutor(
                self.reactor, self.tally.output, writer.housekeeping
            )
            writer = ThreadedWriter(writer, thread, coalesceDelay(capacity.limit))
        return QueuedSink(
            encode,
            cast(IWriter, writer),
            self.reactor,
            self.tally,
            capacity,
            store,
            **settings,
        )


def storageFormat(encode: Format) -> str:
    """
    Name a format as spools name it.

    @return: A key of L{logrecv.outputs.spool.database.FORMS}.
    """
    return "json" if encode is encodeJSON else "text"


def queueFromKeywords(
    description: Description,
    context: OutputContext,
    full: str,
    storage: str = "json",
) -> tuple[Capacity, IStore]:
    """
    Take the keywords C{queue=}, C{full=}, C{spool=} and C{spool-limit=} of a
    description.

    @param full: The default of C{full=}.
    @param storage: The format of the records: a key of
        L{logrecv.outputs.spool.database.FORMS}.
    @return: The capacity of the queue, and its store.
    @raise DescriptionError: The value of a keyword cannot be used.
    """
    capacity = Capacity.take(description, full, context.group)
    directory = description.takeKeyword("spool", usableDirectory, None)
    limit = description.takeKeyword("spool-limit", sizeInBytes, None)
    if directory is None:
        if limit is not None:
            raise DescriptionError("spool-limit= is for a spool; give spool=DIR too")
        return capacity, MemoryStore()
    # A service without a spool is to start fast.
    from logrecv.outputs.spool.directory import FILE
    from logrecv.outputs.spool.spool import DEFAULT_LIMIT, Spool

    file = os.path.join(os.path.realpath(directory), FILE)
    if file in context.paths:
        raise DescriptionError(
            f"another output has its spool in {directory}; give each its own"
        )
    context.paths.add(file)
    context.spools.append(directory)
    group = context.group
    output = context.tally.output
    return (
        Capacity(
            group.portion(limit or DEFAULT_LIMIT), capacity.pauses, capacity.limit
        ),
        Spool(
            group.spool(directory),
            storage,
            output,
            context.reactor,
            ThreadExecutor(context.reactor, f"{output} spool"),
            context.batches,
        ),
    )
