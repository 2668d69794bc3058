"""
The interfaces of logrecv: sinks, which take records, and kinds of output, which
make sinks of descriptions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, NamedTuple

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from logrecv.counters import OutputTally, QuarantineTally
from logrecv.descriptions import Description
from logrecv.record import Origin, Record


class IRecordSink(Interface):
    """
    Takes records.

    Outputs provide this interface, and so do the fan-out and the filter in front
    of outputs: sinks are composed by nesting.
    """

    def start() -> None:
        """
        Open the place that records are written to, or begin to connect.  Called
        once, before the first batch.

        @raise OSError: The place cannot be opened.  The service does not start.
        """

    def deliver(batch: Sequence[Record]) -> Deferred[None] | None:
        """
        Take a batch of records.

        Does not block and does not raise.  The sink takes the batch in any case,
        and counts the records that it cannot keep as dropped.

        @param batch: The records of one read from a client, in the order in which
            they came; at least one.  The sink changes neither the sequence nor
            the records.
        @return: C{None} while the sink has room.  Under back-pressure, a
            L{Deferred} that fires with C{None} when the sink has room again.
            Until then, an input that can pause its client pauses the client.
        """

    def flush() -> Deferred[None]:
        """
        Write the records that the sink holds.

        @return: A L{Deferred} that fires with C{None} when all records of earlier
            calls of L{deliver} are delivered or dropped.
        """

    def stop() -> Deferred[None]:
        """
        Write the records that can be written at once, count the others as dropped
        and close everything.  L{deliver} is not called after this.

        @return: A L{Deferred} that fires with C{None} when everything is closed.
        """


class BatchRefused(Exception):
    """
    A sink cannot keep a batch safe now, and keeps nothing of the batch.

    @ivar ready: A L{Deferred} that fires with C{None} when the sink may have room
        again.
    """

    def __init__(self, ready: Deferred[None]) -> None:
        """
        @param ready: See the class.
        """
        super().__init__("an output has no room for the batch")
        self.ready = ready


class Offer(NamedTuple):
    """
    A batch that a sink can keep.  One of the functions is called, once, in the turn
    of the reactor in which the batch was offered.

    @ivar take: Takes the batch, and returns what L{IRecordSink.deliver} returns.
        Does not raise.
    @ivar cancel: Gives the batch up, as if it had never been offered.  Does not
        raise.
    """

    take: Callable[[], Deferred[None] | None]
    cancel: Callable[[], None]


class IRefusingSink(IRecordSink):
    """
    A sink that can refuse a batch, before it keeps anything of the batch.

    Some senders keep a batch until it is acknowledged, such as senders over HTTP, and
    are told to send the batch again.  Such a batch is offered first.  Where there are
    several outputs, the batch is offered to each of them, and is taken by all or
    cancelled by all.  A sink without this interface takes every batch.
    """

    def offer(batch: Sequence[Record]) -> Offer:
        """
        Make sure that a batch can be taken: a sink with a spool stores the batch.
        Does not block.

        @param batch: As for L{IRecordSink.deliver}.
        @return: The batch, to be taken or cancelled.
        @raise BatchRefused: The batch would not be safe.
        """


class IReopenable(Interface):
    """
    A sink that opens its files again at SIGHUP.
    """

    def reopen() -> None:
        """
        Open again each file that may have been moved away.  Does not raise: an
        error is logged, and the open file stays in use.
        """


class IQuarantine(Interface):
    """
    Keeps payloads that cannot be taken, until somebody looks at them.
    """

    tally: QuarantineTally = Attribute("Counts the payloads, kept and dropped.")

    def keep(payload: bytes, reason: str, origin: Origin) -> None:
        """
        Keep a payload, if there is room.  Does not block and does not raise.

        @param payload: A whole pickle, form or JSON.
        @param reason: The reason why the payload cannot be taken: one of
            L{logrecv.reasons}.
        @param origin: The time, the way and the sender of the payload.  The way
            tells the kind of payload.  For a record that a receiver further on
            has refused for good: the time of that, C{"json"}, and the name of
            the receiver.
        """


class IStandardOutput(Interface):
    """
    The standard output of the process, taken before a runner replaced
    C{sys.stdout}.
    """

    stream: BinaryIO = Attribute("The unbuffered binary stream.")
    terminal: bool = Attribute("C{True} if the stream is a terminal.")


class IOutputContext(Interface):
    """
    The parts of the process that an output may use.
    """

    reactor: Any = Attribute("The reactor.")
    tally: OutputTally = Attribute(
        """
        The counters of the output.  The sink counts each record that it has taken
        as queued, and later as delivered or dropped.
        """
    )
    standardOutput: IStandardOutput = Attribute("The standard output.")
    quarantine: IQuarantine = Attribute("Keeps records that can never be delivered.")

    def makeQueuedSink(
        description: Description,
        encode: Callable[[Sequence[Record]], bytes],
        writer: Any,
        *,
        full: str = "drop",
        keywords: Sequence[str] = (),
        storage: str | None = None,
        **settings: Any,
    ) -> IRecordSink:
        """
        Make a sink with a queue between the inputs and a writer.  The user chooses
        the queue with the keywords C{queue=}, C{full=}, C{spool=} and
        C{spool-limit=} of the description.

        @param description: The description, of which everything else was taken.
        @param encode: The format: makes bytes of records.
        @param writer: An L{IWriter<logrecv.outputs.writers.IWriter>}; or an
            L{IBlockingWriter<logrecv.outputs.writers.IBlockingWriter>}, which
            gets a thread of its own.
        @param full: The default of C{full=}: C{"drop"} or C{"pause"}.
        @param keywords: The keywords of this kind of output, for the error
            message that refuses an unknown keyword.
        @param storage: The name of the format in a spool; by default
            C{"json"} or C{"text"}.  A spool is not read with another format than
            that in which it was written.
        @param settings: C{writeSize}, C{writeCount} and C{retryDelay} of
            L{QueuedSink<logrecv.outputs.queue.sink.QueuedSink>}.
        @raise logrecv.descriptions.DescriptionError: The description cannot be
            used.
        """


class IOutputParser(Interface):
    """
    A kind of output, as a Twisted plugin: makes sinks of descriptions.
    """

    kind: str = Attribute("The first word of the descriptions.")

    def parse(description: Description, context: IOutputContext) -> IRecordSink:
        """
        Make the sink that a description describes.

        @param description: The description.  The parser takes the parts that it
            knows; the caller refuses the description if a part is left.
        @param context: The parts of the process that the sink may use.
        @return: The sink, not started.
        @raise logrecv.descriptions.DescriptionError: The description cannot be
            used.
        """
