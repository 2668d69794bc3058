"""
C{logrecv replay}: payloads from a quarantine are sent again.

It blocks and uses sockets as the stock handlers do: it has one thing to do, and
does it in order.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from typing import BinaryIO, Final, NamedTuple, Protocol, TextIO

from attrs import define, field
from msgspec import DecodeError
from msgspec.json import Decoder
from twisted.python.usage import Options, UsageError

from logrecv import __version__
from logrecv.descriptions import portNumber
from logrecv.quarantine.segments import Entry
from logrecv.wire.framing import frame

#: Seconds that the other side may take over anything.
TIMEOUT: Final = 30.0

#: Seconds between two datagrams: nobody says when a receiver is behind, and its
#: kernel drops what does not fit.
PAUSE: Final = 0.001

#: Bytes of an answer that are shown.
_SHOWN: Final = 200

_decode: Final = Decoder(Entry).decode


class Address(NamedTuple):
    """
    Where to send to.
    """

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


#: The standard ports of C{logging.handlers}.
DEFAULTS: Final = {
    "tcp": Address("127.0.0.1", 9020),
    "udp": Address("127.0.0.1", 9021),
    "http": Address("127.0.0.1", 9022),
}


def address(text: str) -> Address:
    """
    Convert an address: C{HOST:PORT}, with brackets around an IPv6 host.
    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("put the IPv6 address in brackets: [::1]:PORT")
    if not host:
        raise ValueError("write HOST:PORT")
    return Address(host, portNumber(port))


def _opened(name: str) -> BinaryIO:
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            raise UsageError(f"{name}: not a file")
        return open(name, "rb")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from None


class ReplayOptions(Options):
    """
    The options of C{logrecv replay}.
    """

    synopsis = "Usage: logrecv replay [options] FILE..."
    longdesc = (
        "Sends the payloads in files of a quarantine again, in their order and "
        "byte for byte. Each goes the way it came: without an option to the "
        "standard ports on 127.0.0.1 (9020, 9021, 9022), with any of --tcp, "
        "--udp and --http only where these say. The exit status is 0 if "
        "everything was sent, else 1."
    )

    def __init__(self) -> None:
        super().__init__()
        self.addresses: dict[str, Address] = {}
        self.reasons: set[str] = set()
        #: Each with the bytes that it has now.
        self.files: list[tuple[BinaryIO, int]] = []

    def opt_tcp(self, where: str) -> None:
        """
        HOST:PORT for what came over TCP.
        """
        self._add("tcp", where)

    def opt_udp(self, where: str) -> None:
        """
        HOST:PORT for what came as datagrams.
        """
        self._add("udp", where)

    def opt_http(self, where: str) -> None:
        """
        HOST:PORT for forms and JSON.
        """
        self._add("http", where)

    def opt_reason(self, reason: str) -> None:
        """
        Send only what was rejected for this reason.  Repeatable.
        """
        self.reasons.add(reason)

    def opt_version(self) -> None:
        """
        Print the version and exit.
        """
        sys.stdout.write(f"logrecv {__version__}\n")
        raise SystemExit(0)

    def parseArgs(self, *files: str) -> None:
        """
        Open every file, before anything is sent.
        """
        if not files:
            raise UsageError("FILE is missing; see logrecv replay --help")
        for name in files:
            file = _opened(name)
            # What is rejected again may be added to the very file that is read.
            self.files.append((file, os.fstat(file.fileno()).st_size))

    def postOptions(self) -> None:
        """
        Send to the standard ports where nothing else is said.
        """
        self.addresses = self.addresses or dict(DEFAULTS)

    def _add(self, option: str, where: str) -> None:
        try:
            self.addresses[option] = address(where)
        except ValueError as error:
            raise UsageError(f"--{option} {where!r}: {error}") from None


class Refused(Exception):
    """
    The receiver does not take this payload; it may take others.
    """


class Sender(Protocol):
    """
    Sends payloads one way.

    @ivar answered: Whether each payload is answered, so that it is known which
        ones have arrived.
    """

    answered: bool

    def send(self, entry: Entry) -> None:
        """
        Send one.

        @raise Refused: It was not taken.
        @raise OSError: Nothing can be sent any more.
        """

    def finish(self) -> None:
        """
        Wait until the receiver has read everything.

        @raise OSError: It has not.
        """


@define(eq=False)
class StreamSender:
    """
    Sends as C{SocketHandler} does, over one connection.
    """

    to: Address
    answered: bool = field(default=False, init=False)
    _socket: socket.socket | None = field(default=None, init=False)

    def send(self, entry: Entry) -> None:
        """
        See L{Sender.send}.
        """
        if self._socket is None:
            self._socket = socket.create_connection(self.to, TIMEOUT)
        self._socket.sendall(frame(entry.payload))

    def finish(self) -> None:
        """
        See L{Sender.finish}.  That the receiver closes the connection in its
        turn is the one thing that it ever tells.
        """
        if self._socket is not None:
            with self._socket:
                self._socket.shutdown(socket.SHUT_WR)
                while self._socket.recv(4096):
                    pass


@define(eq=False)
class DatagramSender:
    """
    Sends as C{DatagramHandler} does.
    """

    to: Address
    answered: bool = field(default=False, init=False)
    _socket: socket.socket | None = field(default=None, init=False)

    def send(self, entry: Entry) -> None:
        """
        See L{Sender.send}.
        """
        if self._socket is None:
            family, _, _, _, where = socket.getaddrinfo(
                *self.to, type=socket.SOCK_DGRAM
            )[0]
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            # Only a connected socket is told that nobody listens.
            self._socket.connect(where)
        try:
            self._socket.send(frame(entry.payload))
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise Refused("too long for a datagram of the network") from None
            raise
        time.sleep(PAUSE)

    def finish(self) -> None:
        """
        See L{Sender.finish}.  That nobody listens is all that can be known.
        """
        if self._socket is not None:
            with self._socket:
                number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, os.strerror(number))


@define(eq=False)
class RequestSender:
    """
    Sends as C{HTTPHandler} does, always with POST: a query and a body are the
    same form.

    @ivar path: The path to send to.
    @ivar contentType: What is sent.
    """

    to: Address
    path: str
    contentType: str
    answered: bool = field(default=True, init=False)

    def send(self, entry: Entry) -> None:
        """
        See L{Sender.send}.
        """
        connection = HTTPConnection(*self.to, timeout=TIMEOUT)
        connection.connect()
        try:
            headers = {"Content-Type": self.contentType}
            connection.request("POST", self.path, entry.payload, headers)
            response = connection.getresponse()
            answer = response.read(_SHOWN).decode("utf-8", "replace")
        except (HTTPException, ConnectionError) as error:
            raise Refused(f"no answer from {self.to}: {error}") from None
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise Refused(f"{response.status} {' '.join(answer.split())}")

    def finish(self) -> None:
        """
        See L{Sender.finish}.
        """


#: Which option says where to, and what sends, by how a payload came.
SENDERS: Final[Mapping[str, tuple[str, Callable[[Address], Sender]]]] = {
    "tcp": ("tcp", StreamSender),
    "udp": ("udp", DatagramSender),
    "http": (
        "http",
        lambda to: RequestSender(to, "/", "application/x-www-form-urlencoded"),
    ),
    "json": ("http", lambda to: RequestSender(to, "/records", "application/json")),
}


@define(eq=False)
class Way:
    """
    What becomes of the payloads that are sent one way.

    @ivar sender: Sends them.
    @ivar to: Where to.
    @ivar complain: Says what went wrong.
    @ivar sent: How many were sent.
    @ivar failed: How many were not.
    """

    sender: Sender
    to: Address
    complain: Callable[[str], None]
    sent: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    _broken: bool = field(default=False, init=False)

    def send(self, entry: Entry, place: str) -> None:
        """
        Send a payload, unless it is known by now that this leads nowhere.

        @param place: Where it stands.
        """
        if self._broken:
            self.failed += 1
            return
        try:
            self.sender.send(entry)
        except Refused as error:
            self.failed += 1
            self.complain(f"{place}: {error}")
        except OSError as error:
            self.failed += 1
            self._break(error)
        else:
            self.sent += 1

    def finish(self) -> None:
        """
        Wait for the receiver.
        """
        try:
            self.sender.finish()
        except OSError as error:
            self._break(error)

    def _break(self, error: OSError) -> None:
        if self._broken:
            return
        self._broken = True
        if not self.sender.answered:
            # Some may have arrived, but nobody knows which.
            self.failed += self.sent
            self.sent = 0
        self.complain(f"cannot send to {self.to}: {error.strerror or error}")


@define(eq=False)
class Replay:
    """
    Sends what is in files.

    @ivar options: What was asked for.
    @ivar report: Where the outcome is written.
    @ivar errors: Where it is written what went wrong.
    @ivar ways: What became of it, by how it came.
    @ivar unreadable: Lines that are no entries.
    @ivar leftOut: Entries that were not asked for.
    """

    options: ReplayOptions
    report: TextIO
    errors: TextIO
    ways: dict[str, Way] = field(factory=dict, init=False)
    unreadable: int = field(default=0, init=False)
    leftOut: int = field(default=0, init=False)

    def run(self) -> int:
        """
        Send.

        @return: The exit status.
        """
        for place, line in self._lines():
            try:
                entry = _decode(line)
            except (DecodeError, UnicodeDecodeError) as error:
                self.unreadable += 1
                self._complain(f"{place}: not an entry of a quarantine: {error}")
                continue
            self._send(entry, place)
        for way in self.ways.values():
            way.finish()
        self._summarize()
        failed = self.unreadable + sum(way.failed for way in self.ways.values())
        return 1 if failed else 0

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        """
        Read the files.

        @return: Each line, and where it stands.
        """
        for file, left in self.options.files:
            with file:
                for number, line in enumerate(file, start=1):
                    if left <= 0:
                        break
                    left -= len(line)
                    yield f"{file.name}:{number}", line

    def _send(self, entry: Entry, place: str) -> None:
        option, makeSender = SENDERS[entry.via]
        to = self.options.addresses.get(option)
        reasons = self.options.reasons
        if to is None or (reasons and entry.reason not in reasons):
            self.leftOut += 1
            return
        way = self.ways.get(entry.via)
        if way is None:
            way = Way(makeSender(to), to, self._complain)
            self.ways[entry.via] = way
        way.send(entry, place)

    def _complain(self, text: str) -> None:
        self.errors.write(f"logrecv: {' '.join(text.split())}\n")

    def _summarize(self) -> None:
        for via, way in self.ways.items():
            self.report.write(
                f"{via}: {way.sent} sent to {way.to}, {way.failed} failed\n"
            )
        if self.unreadable:
            self.report.write(f"unreadable: {self.unreadable}\n")
        if self.leftOut or not (self.ways or self.unreadable):
            self.report.write(f"left out: {self.leftOut}\n")


def main(arguments: Sequence[str]) -> int:
    """
    Run C{logrecv replay}.

    @param arguments: What follows these words on the command line.
    @return: The exit status.
    @raise SystemExit: The arguments cannot be used, or a file cannot be read.
    """
    options = ReplayOptions()
    try:
        options.parseOptions(arguments)
        return Replay(options, sys.stdout, sys.stderr).run()
    except (UsageError, OSError) as error:
        line = " ".join(str(error).split())
        raise SystemExit(f"logrecv: {line}") from None
