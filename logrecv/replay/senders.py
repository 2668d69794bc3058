"""
Senders: payloads go out as the stock handlers send them.

Senders block, and use sockets as the stock handlers do: a replay has one thing to do,
and does it in order.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from typing import Final, Protocol

from attrs import define, field

from logrecv.replay.addresses import Address
from logrecv.wire.framing import frame

#: Seconds that the receiver may take over anything.
SOCKET_TIMEOUT: Final = 30.0

#: Seconds between two datagrams: nobody says when a receiver is behind, and its
#: kernel drops datagrams for which it has no room.
DATAGRAM_DELAY: Final = 0.001

#: Bytes of an answer that are shown.
_SHOWN_SIZE: Final = 200


class PayloadRefused(Exception):
    """
    The receiver does not take this payload; it may take others.
    """


class Sender(Protocol):
    """
    Sends payloads one way.

    @ivar isAnswered: C{True} if each payload is answered, so that it is known which
        payloads have arrived.
    """

    isAnswered: bool

    def send(self, payload: bytes) -> None:
        """
        Send a payload.

        @raise PayloadRefused: The payload was not taken.
        @raise OSError: Nothing can be sent any more.
        """

    def finish(self) -> None:
        """
        Wait until the receiver has read everything.

        @raise OSError: The receiver has not read everything.
        """


@define(eq=False)
class StreamSender:
    """
    Sends frames over one connection, as C{SocketHandler} does.

    @ivar to: The receiver.
    """

    to: Address
    isAnswered: bool = field(default=False, init=False)
    _socket: socket.socket | None = field(default=None, init=False)

    def send(self, payload: bytes) -> None:
        if self._socket is None:
            self._socket = socket.create_connection(self.to, SOCKET_TIMEOUT)
        self._socket.sendall(frame(payload))

    def finish(self) -> None:
        """
        Wait until the receiver closes the connection in its turn: that is the one
        thing that a receiver of this wire ever tells.
        """
        if self._socket is not None:
            with self._socket:
                self._socket.shutdown(socket.SHUT_WR)
                while self._socket.recv(4096):
                    pass


@define(eq=False)
class DatagramSender:
    """
    Sends datagrams, as C{DatagramHandler} does.

    @ivar to: The receiver.
    """

    to: Address
    isAnswered: bool = field(default=False, init=False)
    _socket: socket.socket | None = field(default=None, init=False)

    def send(self, payload: bytes) -> None:
        if self._socket is None:
            family, _, _, _, address = socket.getaddrinfo(
                *self.to, type=socket.SOCK_DGRAM
            )[0]
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            # Only a connected socket is told that nobody listens.
            self._socket.connect(address)
        try:
            self._socket.send(frame(payload))
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise PayloadRefused("too long for a datagram of the network") from None
            raise
        time.sleep(DATAGRAM_DELAY)

    def finish(self) -> None:
        """
        Fail if nobody listened: nothing else can be known.
        """
        if self._socket is not None:
            with self._socket:
                number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, os.strerror(number))


@define(eq=False)
class RequestSender:
    """
    Sends requests, as C{HTTPHandler} does, but always with POST: a query and a body
    are the same form.

    @ivar to: The receiver.
    @ivar path: The path of the requests.
    @ivar contentType: The content type of the payloads.
    """

    to: Address
    path: str
    contentType: str
    isAnswered: bool = field(default=True, init=False)

    def send(self, payload: bytes) -> None:
        connection = HTTPConnection(*self.to, timeout=SOCKET_TIMEOUT)
        connection.connect()
        try:
            headers = {"Content-Type": self.contentType}
            connection.request("POST", self.path, payload, headers)
            response = connection.getresponse()
            answer = response.read(_SHOWN_SIZE).decode("utf-8", "replace")
        except (HTTPException, ConnectionError) as error:
            raise PayloadRefused(f"no answer from {self.to}: {error}") from None
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise PayloadRefused(f"{response.status} {' '.join(answer.split())}")

    def finish(self) -> None:
        """
        Do nothing: each payload is answered.
        """


#: For each way on which a payload can have come: the option that has the address, and
#: the sender.
SENDERS: Final[Mapping[str, tuple[str, Callable[[Address], Sender]]]] = {
    "tcp": ("tcp", StreamSender),
    "udp": ("udp", DatagramSender),
    "http": (
        "http",
        lambda to: RequestSender(to, "/", "application/x-www-form-urlencoded"),
    ),
    "json": ("http", lambda to: RequestSender(to, "/records", "application/json")),
}
