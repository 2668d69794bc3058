"""
The command C{logrecv replay}: reads entries, sends their payloads, and reports.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TextIO

from attrs import define, field
from msgspec import DecodeError
from msgspec.json import Decoder
from twisted.python.usage import UsageError

from logrecv.quarantine.segments import Entry
from logrecv.replay.addresses import Address
from logrecv.replay.options import ReplayOptions
from logrecv.replay.senders import SENDERS, PayloadRefused, Sender

_decode: Final = Decoder(Entry).decode


@define(eq=False)
class Route:
    """
    A way to a receiver, with the numbers of sent and failed payloads.

    @ivar sender: Sends the payloads.
    @ivar to: The receiver.
    @ivar complain: Reports an error.
    @ivar sent: The number of payloads that were sent.
    @ivar failed: The number of payloads that were not sent.
    """

    sender: Sender
    to: Address
    complain: Callable[[str], None]
    sent: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    _broken: bool = field(default=False, init=False)

    def send(self, payload: bytes, place: str) -> None:
        """
        Send a payload, unless the route is broken.

        @param place: The file and line of the payload.
        """
        if self._broken:
            self.failed += 1
            return
        try:
            self.sender.send(payload)
        except PayloadRefused as error:
            self.failed += 1
            self.complain(f"{place}: {error}")
        except OSError as error:
            self.failed += 1
            self._break(error)
        else:
            self.sent += 1

    def finish(self) -> None:
        """
        Wait until the receiver has read everything.
        """
        try:
            self.sender.finish()
        except OSError as error:
            self._break(error)

    def _break(self, error: OSError) -> None:
        if self._broken:
            return
        self._broken = True
        if not self.sender.isAnswered:
            # Some payloads may have arrived, but nobody knows which.
            self.failed += self.sent
            self.sent = 0
        self.complain(f"cannot send to {self.to}: {error.strerror or error}")


@define(eq=False)
class Replay:
    """
    Sends the payloads in files of a quarantine.

    @ivar options: The command line.
    @ivar report: Takes the summary.
    @ivar errors: Takes a line for each error.
    @ivar routes: The routes by the way on which their payloads came.
    @ivar unreadable: The number of lines that are no entries.
    @ivar leftOut: The number of entries that the options exclude.
    """

    options: ReplayOptions
    report: TextIO
    errors: TextIO
    routes: dict[str, Route] = field(factory=dict, init=False)
    unreadable: int = field(default=0, init=False)
    leftOut: int = field(default=0, init=False)

    def run(self) -> int:
        """
        Send the payloads, and report.

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
        for route in self.routes.values():
            route.finish()
        self._summarize()
        failed = self.unreadable + sum(route.failed for route in self.routes.values())
        return 1 if failed else 0

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        """
        Read the files.

        @return: The lines, each after its place: C{FILE:NUMBER}.
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
        route = self.routes.get(entry.via)
        if route is None:
            route = Route(makeSender(to), to, self._complain)
            self.routes[entry.via] = route
        route.send(entry.payload, place)

    def _complain(self, text: str) -> None:
        self.errors.write(f"logrecv: {' '.join(text.split())}\n")

    def _summarize(self) -> None:
        for via, route in self.routes.items():
            self.report.write(
                f"{via}: {route.sent} sent to {route.to}, {route.failed} failed\n"
            )
        if self.unreadable:
            self.report.write(f"unreadable: {self.unreadable}\n")
        if self.leftOut or not (self.routes or self.unreadable):
            self.report.write(f"left out: {self.leftOut}\n")


def main(arguments: Sequence[str]) -> int:
    """
    Run C{logrecv replay}.

    @param arguments: The command line after C{logrecv replay}.
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
