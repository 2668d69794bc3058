"""
The traffic of the benchmarks: stock records, the same bytes for each server.
"""

from __future__ import annotations

import http.client
import json
import logging
import logging.handlers
import re
import socket
import time
from collections import deque
from functools import cache
from pathlib import Path
from typing import Any, Final

#: The number of different records, before the records repeat.
VARIETY: Final = 1000

#: The beginning of a stamp: the time at which a record was due, in microseconds.
STAMP: Final = b"sent at "
STAMP_DIGITS: Final = 17

#: The beginning of the answer to a record that was taken.
_ACCEPTED: Final = re.compile(rb"HTTP/1\.[01] 2")


def makeRecords(
    text: str = "order %d accepted for customer %d in warehouse %s",
) -> list[logging.LogRecord]:
    """
    Make the records of a program, about 540 bytes each as a stock handler sends
    them.
    """
    return [
        logging.LogRecord(
            *("shop.orders", logging.INFO, "/srv/shop/releases/current/shop/orders.py"),
            *(
                100 + number % 50,
                text,
                (number, number * 7 % 1000, "north"),
                None,
                "accept",
            ),
        )
        for number in range(VARIETY)
    ]


@cache
def frames() -> list[bytes]:
    """
    Give the records as the frames of C{SocketHandler} and C{DatagramHandler}.
    """
    handler = logging.handlers.SocketHandler("", None)
    return [handler.makePickle(record) for record in makeRecords()]


class _Kept(http.client.HTTPConnection):
    """
    A connection that goes nowhere.

    @ivar sent: The bytes that would have been sent, a piece for each call.
    """

    def __init__(self) -> None:
        super().__init__("127.0.0.1")
        self.sent: list[bytes] = []

    def send(self, data: Any) -> None:
        """
        Keep a piece.
        """
        self.sent.append(bytes(data))

    def getresponse(self) -> Any:
        """
        Give no answer: the handler does nothing with it.
        """


class _Keeper(logging.handlers.HTTPHandler):
    """
    The stock handler, on connections that go nowhere.

    @ivar requests: The pieces that each request is sent in.
    """

    def __init__(self) -> None:
        super().__init__("127.0.0.1", "/", "POST")
        self.requests: list[list[bytes]] = []

    def getConnection(self, host: str, secure: bool) -> http.client.HTTPConnection:
        """
        Make a connection that goes nowhere.
        """
        connection = _Kept()
        self.requests.append(connection.sent)
        return connection


@cache
def forms() -> list[list[bytes]]:
    """
    Give the records as requests of C{HTTPHandler}, in the pieces that the handler
    sends: the head, and the body.
    """
    handler = _Keeper()
    for record in makeRecords():
        handler.handle(record)
    return handler.requests


@cache
def lines() -> list[bytes]:
    """
    Give the records as lines of JSON, with the attributes that a program would send.
    """
    unwanted = ("msg", "args", "exc_info", "exc_text", "stack_info", "taskName")
    return [
        json.dumps(
            {"message": record.getMessage()}
            | {k: v for k, v in vars(record).items() if k not in unwanted}
        ).encode()
        for record in makeRecords()
    ]


def connect(port: int) -> socket.socket:
    """
    Connect to a server on this machine.
    """
    return socket.create_connection(("127.0.0.1", port))


def sendFrames(
    connections: list[socket.socket], count: int, burst: int = VARIETY
) -> None:
    """
    Send so many records, as fast as the server takes the records, in bursts, over
    each of the connections in turn.
    """
    each = frames()
    bursts = [
        b"".join(each[start : start + burst]) for start in range(0, VARIETY, burst)
    ]
    for number in range(count // burst):
        connections[number % len(connections)].sendall(bursts[number % len(bursts)])


def sendDatagrams(port: int, count: int, burst: int = 64) -> None:
    """
    Send so many records, and no more at a time than a socket holds.  The next
    records follow when the server has read all datagrams.
    """
    each = frames()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", port))
        for start in range(0, count, burst):
            for number in range(start, min(start + burst, count)):
                sender.send(each[number % VARIETY])
            while _waiting(port):
                time.sleep(0.0001)


def _waiting(port: int) -> bool:
    """
    @return: True if the socket of a port still holds datagrams.
    """
    local = f":{port:04X}"
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1].endswith(local) and not words[4].endswith(":00000000"):
            return True
    return False


def sendForms(port: int, count: int, clients: int = 16) -> None:
    """
    Send so many forms, as that many stock handlers send forms.  Each form has a
    connection of its own, which is closed when the head of the answer has come.

    One thread sends all forms, waits for the oldest connection, and makes few
    system calls: CPU time that the sender spends is lost to the measured server.
    """
    each = forms()
    waiting: deque[socket.socket] = deque()
    for number in range(count):
        if len(waiting) == clients:
            _readStatus(waiting.popleft())
        connection = socket.socket()
        # Not create_connection, which looks the address up first.
        connection.connect(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in each[number % VARIETY]:
            connection.sendall(piece)
        waiting.append(connection)
    while waiting:
        _readStatus(waiting.popleft())


def _readStatus(connection: socket.socket) -> None:
    with connection:
        _readHead(connection)


def _readHead(connection: socket.socket) -> bytes:
    """
    Read at least the head of an answer.

    @raise ConnectionError: The head does not come, or does not say that all was
        taken.
    """
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError(f"the answer ends early: {answer!r}")
        answer += data
    if not _ACCEPTED.match(answer):
        raise ConnectionError(answer.decode("latin-1"))
    return answer


def sendLines(port: int, requests: int) -> None:
    """
    Send so many requests of a thousand lines over one connection.
    """
    body = b"\n".join(lines()) + b"\n"
    head = (
        "POST /records HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with connect(port) as connection:
        for _ in range(requests):
            connection.sendall(head.encode() + body)
            _readAnswer(connection)


def _readAnswer(connection: socket.socket) -> None:
    head, _, body = _readHead(connection).partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    while len(body) < length:
        body += connection.recv(65536)


def sendStamped(connection: socket.socket, rate: float, count: int) -> None:
    """
    Send records at a rate, a hundred records at a time.  The last record of each
    hundred has the time at which it was due, so that the latency includes the time
    that the sender has to wait.

    @param rate: The records a second.
    @param count: The number of hundreds.
    """
    marked = makeRecords(STAMP.decode() + "0" * STAMP_DIGITS)[0]
    marked.args = None
    stamped = logging.handlers.SocketHandler("", None).makePickle(marked)
    at = stamped.index(STAMP) + len(STAMP)
    others = b"".join(frames()[:99])
    begin = time.monotonic()
    for number in range(count):
        due = begin + number * 100 / rate
        while (left := due - time.monotonic()) > 0:
            time.sleep(left)
        stamp = b"%0*d" % (STAMP_DIGITS, due * 1e6)
        connection.sendall(others + stamped[:at] + stamp + stamped[at + STAMP_DIGITS :])


def latencies(path: Path, count: int, patience: float) -> list[float]:
    """
    Read a file while a server writes the file, until so many lines have a stamp.

    @param patience: The seconds that the reading may take.
    @return: The seconds from each stamp to the moment its whole line was there.
    """
    found: list[float] = []
    end = time.monotonic() + patience
    rest = b""
    with path.open("rb") as file:
        while len(found) < count:
            data = file.read(1 << 20)
            now = time.monotonic()
            if now > end:
                raise RuntimeError(f"{len(found)} of {count} stamps came")
            if not data:
                time.sleep(0.0005)
                continue
            data, _, rest = (rest + data).rpartition(b"\n")
            at = -1
            while (at := data.find(STAMP, at + 1)) >= 0:
                stamp = data[at + len(STAMP) :][:STAMP_DIGITS]
                found.append(now - int(stamp) / 1e6)
    return found
