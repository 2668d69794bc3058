"""
The connection of a worker to its supervisor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from logrecv.workers.messages import ControlProtocol, Logged, Message, Report


@define(eq=False)
class SupervisorConnection(ControlProtocol):
    """
    The worker's end of the connection to its supervisor.

    The log and the reports do not wait without limit for a supervisor that does not
    read them.

    @ivar listener: Takes each message, and C{None} when the supervisor is gone.
    @ivar isGone: C{True} when the supervisor is gone.
    """

    listener: Callable[[Message | None], None] = field(init=False)
    isGone: bool = field(default=False, init=False)
    #: Messages that were read before L{adopt} and not yet taken.
    _received: list[Message] = field(factory=list, init=False)
    #: C{True} while messages wait for the supervisor to read.
    _isPaused: bool = field(default=False, init=False)
    #: The number of lines of the log that were not sent meanwhile.
    _dropped: int = field(default=0, init=False)

    def receive(self) -> Message:
        """
        Wait for a message, before the reactor runs.

        @raise EOFError: The supervisor is gone.
        """
        while not self._received:
            self._received = self.read()
        return self._received.pop(0)

    def adopt(self, reactor: Any) -> None:
        """
        Let the reactor read messages from now on.
        """
        super().adopt(reactor)
        for message in self._received:
            self.listener(message)

    def connectionMade(self) -> None:
        """
        Have the transport tell when messages wait.
        """
        transport: Any = self.transport
        transport.registerProducer(self, True)

    def send(self, message: Message) -> None:
        """
        Send a message, unless messages wait and the service can do without it.
        """
        if self._isPaused and isinstance(message, Logged):
            self._dropped += 1
        elif not (self._isPaused and isinstance(message, Report)):
            super().send(message)

    def pauseProducing(self) -> None:
        """
        Send no lines of the log and no reports, of which later ones say the same.
        """
        self._isPaused = True

    def resumeProducing(self) -> None:
        """
        Send everything again.
        """
        self._isPaused = False
        dropped, self._dropped = self._dropped, 0
        if dropped:
            text = f"{dropped} lines of the log were lost: nobody read them in time"
            self.send(Logged("warn", __name__, text))

    def stopProducing(self) -> None:
        """
        Do nothing: C{connectionLost} follows.
        """

    def finish(self) -> None:
        """
        Send all messages from now on, since they are the last ones.
        """
        transport: Any = self.transport
        if transport is not None:
            transport.unregisterProducer()
        self.resumeProducing()

    def messageReceived(self, message: Message) -> None:
        """
        Take a message of the supervisor.
        """
        self.listener(message)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Take note that the supervisor is gone.
        """
        self.isGone = True
        self.listener(None)
