"""
What leads from a supervisor to a worker and back: the same at both ends.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Lock
from typing import Any, Final

from attrs import define, field
from twisted.internet.protocol import Factory, Protocol

from logrecv.workers.messages import Message, MessageBuffer, encodeMessage

#: Bytes that are read at a time before there is a reactor.
_READ: Final = 65536


@define(eq=False)
class ControlProtocol(Protocol):
    """
    One end, before a reactor runs and after.

    @ivar connection: The socket.
    """

    connection: socket.socket
    _buffer: MessageBuffer = field(factory=MessageBuffer, init=False)
    _sending: Any = field(factory=Lock, init=False)

    def send(self, message: Message) -> None:
        """
        Tell the other end something: in the reactor's thread, or in any before
        the reactor waits for messages.
        """
        line = encodeMessage(message)
        if self.transport is not None:
            self.transport.write(line)
            return
        # That the other end is gone is noticed elsewhere.
        with suppress(OSError), self._sending:
            self.connection.sendall(line)

    def read(self) -> list[Message]:
        """
        Wait for bytes, before there is a reactor.

        @return: The messages that they completed.
        @raise EOFError: The other end is gone.
        """
        data = b""
        with suppress(ConnectionResetError):
            data = self.connection.recv(_READ)
        if not data:
            raise EOFError("the other end is gone")
        return list(self._buffer.feed(data))

    def adopt(self, reactor: Any) -> None:
        """
        Let the reactor wait for messages from now on.
        """
        factory = Factory.forProtocol(lambda: self)
        factory.noisy = False
        self.connection.setblocking(False)
        reactor.adoptStreamConnection(self.connection.fileno(), socket.AF_UNIX, factory)
        # The reactor has a descriptor of its own.
        self.connection.close()

    def dataReceived(self, data: bytes) -> None:
        """
        Hand on the messages that have come.
        """
        for message in self._buffer.feed(data):
            self.messageReceived(message)

    def messageReceived(self, message: Message) -> None:
        """
        Take a message.
        """
        raise NotImplementedError
