"""
Hostile receivers: the answers that no receiver should give to a sender.
"""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

#: Bytes of one call of C{sendall}.
_BLOCK_SIZE: Final = 64 * 1024

#: Seconds between the bytes of an answer that drips.
_DRIP_DELAY: Final = 0.05

#: Seconds that the end of a receiver waits for a thread.
_END_TIMEOUT: Final = 10.0

_HEAD: Final = b"HTTP/1.1 200 OK\r\n"
_CHUNKED: Final = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def _endless(start: bytes, again: bytes) -> Iterator[bytes]:
    yield start
    yield from itertools.repeat(again * (_BLOCK_SIZE // len(again)))


def _dripping(start: bytes, again: bytes) -> Iterator[bytes]:
    yield start
    for byte in itertools.cycle(again):
        time.sleep(_DRIP_DELAY)
        yield bytes([byte])


#: Answers whose beginning is no answer yet.
HEADS: Final[dict[str, Callable[[], Iterator[bytes]]]] = {
    "garbage": lambda: _endless(b"", b"\x1b[2J\r\n"),
    "status": lambda: _endless(b"HTTP/1.1 200 ", b"O"),
    "headers": lambda: _endless(_HEAD, b"X-Many: of them\r\n"),
    "short headers": lambda: _endless(_HEAD, b"a:\n"),
    "one header": lambda: _endless(_HEAD + b"X-Long: ", b"x"),
    "folded header": lambda: _endless(_HEAD + b"X-Long: ", b"x\r\n y"),
    "continue": lambda: _endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "processing": lambda: _endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "early hints": lambda: _endless(b"", b"HTTP/1.1 103 Early Hints\r\nL: x\r\n\r\n"),
    "switching": lambda: _endless(b"", b"HTTP/1.1 101 Switching\r\n\r\n"),
    "informal": lambda: _endless(b"", b"HTTP/1.1 199\n\n"),
    "no header": lambda: iter([_HEAD + b"no colon\r\nnor here\r\n\r\n"]),
    "no number": lambda: iter([b"HTTP/1.1 two OK\r\n\r\n"]),
    "no encoding": lambda: iter([_HEAD + b"Transfer-Encoding: \x1b[2J\r\n\r\n"]),
    "two lengths": lambda: iter([_HEAD + b"Content-Length: 1, 2\r\n\r\n"]),
}

#: Answers whose beginning takes the records, and whose end never comes.
BODIES: Final[dict[str, Callable[[], Iterator[bytes]]]] = {
    "extensions": lambda: _endless(_CHUNKED + b"1", b";x=y"),
    "small chunks": lambda: _endless(_CHUNKED, b"1;" + b"x" * 900 + b"\r\nx\r\n"),
    "trailers": lambda: _endless(_CHUNKED + b"0\r\n", b"X-Many: of them\r\n"),
    "one trailer": lambda: _endless(_CHUNKED + b"0\r\nX-Long: ", b"x"),
    "chunks": lambda: _endless(_CHUNKED, b"1000\r\n" + b"x" * 0x1000 + b"\r\n"),
    "huge chunk": lambda: _endless(_CHUNKED + b"fffffffffff\r\n", b"x"),
    "length": lambda: _endless(_HEAD + b"Content-Length: 99999999999\r\n\r\n", b"x"),
    "no length": lambda: _endless(_HEAD + b"\r\n", b"x"),
    "bad chunk": lambda: _endless(_CHUNKED, b"no number\r\n"),
    "dripping body": lambda: _dripping(_CHUNKED, b"1\r\nx\r\n"),
}

#: Receivers that are too slow, or say nothing.
SLOW: Final[dict[str, Callable[[], Iterator[bytes]]]] = {
    "silence": lambda: _dripping(b"", b""),
    "dripping head": lambda: _dripping(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n"),
}


class HostileReceiver:
    """
    Accepts connections, and gives each the same answer.

    @ivar port: The port that the receiver listens on.
    @ivar connections: The number of connections so far.
    @ivar sent: The number of bytes that were sent.
    @ivar read: The number of bytes that were read.
    """

    def __init__(
        self,
        answer: Callable[[], Iterator[bytes]],
        reads: bool = True,
        waits: bool = True,
        context: ssl.SSLContext | None = None,
        path: str | None = None,
    ) -> None:
        """
        @param answer: Makes the pieces of an answer.
        @param reads: C{False} if the receiver reads nothing at all.
        @param waits: C{True} if the receiver reads something before the answer.
        @param context: The TLS of the receiver, if any.
        @param path: The path of a UNIX socket to listen on, instead of a port.
        """
        self.connections = self.sent = self.read = 0
        self.port = 0
        self._answer = answer
        self._reads = reads
        self._waits = waits
        self._context = context
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port = self._listener.getsockname()[1]
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            self._listener.listen()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._ended = False
        self._start(self._accept)

    def end(self) -> None:
        """
        Close everything, and wait for the threads.
        """
        self._ended = True
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(_END_TIMEOUT)

    def _start(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                self.connections += 1
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            if self._reads:
                if self._waits:
                    self.read += len(connection.recv(_BLOCK_SIZE))
                if self._context is None:
                    self._start(self._readAll, connection)
            for piece in self._answer():
                if self._ended:
                    break
                connection.sendall(piece)
                self.sent += len(piece)
            while not self._ended and connection.recv(1):
                pass

    def _readAll(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while data := connection.recv(_BLOCK_SIZE):
                self.read += len(data)
