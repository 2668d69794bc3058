"""
The two seams of logrecv: where records go, and how a place is described.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from logrecv.counters import QuarantineTally
    from logrecv.descriptions import Description
    from logrecv.outputs.context import OutputContext
    from logrecv.record import Origin, Record


class IRecordSink(Interface):
    """
    A place that takes records.

    Outputs provide it, and so do the fan-out and the filter in front of them:
    composition is nesting.
    """

    def start() -> None:
        """
        Get ready: open what is written to, begin to connect.  Called once,
        before the first batch.

        @raise OSError: What is needed cannot be had; nothing is started.
        """

    def deliver(batch: Sequence[Record]) -> Deferred[None] | None:
        """
        Take a batch of records: those that one read of a client brought.

        Neither blocks nor raises.  The batch is taken in any case: what the
        sink then cannot keep it counts as dropped.

        @param batch: The records in the order in which they came; at least one.
            The sink changes neither the sequence nor the records.
        @return: L{None} while there is room for more.  Under pressure, a
            L{Deferred} that fires with L{None} when there is room again; until
            then, who can pause its client should.
        """

    def flush() -> Deferred[None]:
        """
        Hand on what is held back.

        @return: A L{Deferred} that fires with L{None} when everything that was
            taken before this call is delivered or dropped.
        """

    def stop() -> Deferred[None]:
        """
        Hand on what can be handed on at once, count the rest as dropped and
        let go of everything.  Nothing is delivered to a sink after this.

        @return: A L{Deferred} that fires with L{None} when it is done.
        """


class IReopenable(Interface):
    """
    A sink that holds something open that SIGHUP asks it to open again.
    """

    def reopen() -> None:
        """
        Open again what may have been moved away since.  Does not raise: a
        failure is logged and what was open stays in use.
        """


class IOutputParser(Interface):
    """
    A kind of output, as a Twisted plugin: it makes sinks of descriptions.
    """

    kind: str = Attribute("The first word of the descriptions that it takes.")

    def parse(description: Description, context: OutputContext) -> IRecordSink:
        """
        Make the sink that a description describes.

        @param description: The description; the parser takes from it what it
            knows, and what is left over after that is refused by the caller.
        @param context: What the sink may use of the process it is in.
        @return: The sink, not started.
        @raise logrecv.descriptions.DescriptionError: The description cannot be
            used.
        """


class IQuarantine(Interface):
    """
    A place for payloads that cannot be taken, until somebody looks at them.
    """

    tally: QuarantineTally = Attribute("What became of what was given.")

    def keep(payload: bytes, reason: str, origin: Origin) -> None:
        """
        Keep a payload, if there is room.  Neither blocks nor raises.

        @param payload: A pickle, form or JSON, whole.
        @param reason: Why it could not be taken: a short name out of a fixed
            set.
        @param origin: When it came, from whom, and which way, which tells what
            it is.  For a record that a receiver further on has refused for
            good: when it did so, C{"json"}, and the name of that receiver.
        """
