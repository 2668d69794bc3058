"""
The lines in the log about payloads that were rejected and connections that were
refused: a few a minute, whatever clients do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from logrecv import reasons
from logrecv.sniffing import guess

#: Seconds between two lines about the same host and reason.
LINE_DELAY: Final = 60.0

#: The pairs of a host and a reason that have lines of their own.  The other hosts
#: share one line a minute.
MAX_PAIRS: Final = 64

#: The number up to which the other hosts are counted.
MAX_OTHERS: Final = 1000

#: The characters that are shown of a name that a client may have chosen.
_NAME_SIZE: Final = 100

#: The thing to do, or to know, about each reason.
_ADVICE: Final = {
    reasons.TOO_LONG: "--max-record is the limit",
    reasons.INCOMPLETE: "the client went away in the middle of it, or it was cut off",
    reasons.MALFORMED: "send records with the handlers of Python's logging, or JSON "
    "over HTTP",
    reasons.TOO_COMPLEX: "it would take more work than a record of its size may",
    reasons.NOT_A_RECORD: "look for the program on this host that sends it",
    reasons.TOO_SLOW: "the rest of it did not come in time",
    reasons.OVERLOAD: "clients have begun too much that they have not finished",
    reasons.PRESSURE: "an output with full=pause is behind",
    reasons.NOT_ALLOWED: "--allow names no network with this host",
    reasons.CROSS_SITE: "a web page of another site made a browser send this",
    reasons.UNKNOWN_NAME: "--console-name makes a name one of the console",
    reasons.UNAUTHORIZED: "give the client a user and password of --http-passwords",
    reasons.TOO_MANY: "--max-connections is the limit",
    reasons.TOO_MANY_FROM_PEER: "--max-connections-per-peer is the limit",
    reasons.HANDSHAKE: "the client must speak TLS, trust this certificate, and show "
    "its own to mtls:",
    reasons.PROXY_HEADER: "let only the proxy reach this address, and let it send "
    "the PROXY header",
}


def hostIn(peer: str) -> str:
    """
    Return the host in the name of a sender, without the port.

    @param peer: The name: see L{logrecv.record.Origin}.
    """
    host, _, port = peer.rpartition(":")
    return host.strip("[]") if port.isdecimal() else peer


@define(eq=False)
class _Pair:
    """
    A host and a reason.

    @ivar via: The way in.
    @ivar text: The explanation.
    @ivar since: The time of the last line, in seconds.
    @ivar count: The number of payloads or connections since then.
    """

    via: str
    text: str
    since: float
    count: int = 0


@define(eq=False)
class Rejections:
    """
    Says in the log who is rejected and refused, and what to do about it: at most one
    line a minute for a host and a reason, and one for all hosts beyond a number::

        >>> rejections = Rejections(reactor)
        >>> rejections.rejected("tcp", "too-long", "192.0.2.7", b"GET / HTTP/1.1")

    @ivar clock: Tells the time.
    """

    _log: ClassVar[Logger] = Logger()

    clock: IReactorTime
    #: By host, reason and whether connections were refused; the pair with the oldest
    #: line is the first.
    _pairs: dict[tuple[str, str, bool], _Pair] = field(factory=dict, init=False)
    _others: dict[tuple[str, bool], int] = field(factory=dict, init=False)
    _otherHosts: set[str] = field(factory=set, init=False)
    _othersSince: float = field(default=0.0, init=False)
    _call: IDelayedCall | None = field(default=None, init=False)

    def rejected(
        self, via: str, reason: str, host: str, sample: bytes = b"", count: int = 1
    ) -> None:
        """
        Note payloads of which no record was made.

        @param via: The way in.
        @param reason: One of the constants of L{logrecv.reasons}.
        @param host: The host of the sender, or the path of a socket.
        @param sample: The first bytes, as far as they are known.
        @param count: The number of payloads.
        """
        key = host, reason, False
        pair = self._pairs.get(key)
        if pair is not None and pair.count:
            pair.count += count
        else:
            self._note(key, pair, via, sample, "", count)

    def refused(
        self, via: str, reason: str, host: str, sample: bytes = b"", detail: str = ""
    ) -> None:
        """
        Note a connection that was refused.

        @param detail: More about the reason, in printable characters.

        The other parameters are those of L{rejected}.
        """
        key = host, reason, True
        pair = self._pairs.get(key)
        if pair is not None and pair.count:
            pair.count += 1
        else:
            self._note(key, pair, via, sample, detail, 1)

    def flush(self) -> None:
        """
        Write all lines that wait, and begin anew: no call of the clock is left.
        """
        if self._call is not None:
            self._call.cancel()
            self._call = None
        pairs, self._pairs = self._pairs, {}
        for key, pair in pairs.items():
            if pair.count:
                self._write(key, pair, " more")
        if self._others:
            self._writeOthers()

    def _note(
        self,
        key: tuple[str, str, bool],
        pair: _Pair | None,
        via: str,
        sample: bytes,
        detail: str,
        count: int,
    ) -> None:
        if pair is None and len(self._pairs) >= MAX_PAIRS:
            self._noteOther(key, count)
            return
        text = _explain(via, key[1], sample, detail)
        if pair is None:
            now = self.clock.seconds()
            pair = self._pairs[key] = _Pair(via, text, now, count)
            self._write(key, pair, "")
            self._schedule()
        else:
            pair.via, pair.text, pair.count = via, text, count

    def _noteOther(self, key: tuple[str, str, bool], count: int) -> None:
        host, reason, refused = key
        if not self._others:
            self._othersSince = self.clock.seconds()
        others = self._others
        others[reason, refused] = others.get((reason, refused), 0) + count
        if len(self._otherHosts) < MAX_OTHERS:
            self._otherHosts.add(host)

    def _write(self, key: tuple[str, str, bool], pair: _Pair, more: str) -> None:
        """
        Write the line about a pair, and begin to count anew.

        @param more: The word for payloads that come after a first line.
        """
        host, reason, refused = key
        self._log.warn(
            "{did} {count}{more} {thing} from {host} over {via} ({reason}): {text}",
            did="refused" if refused else "rejected",
            count=pair.count,
            more=more,
            thing=("connection" if refused else "payload") + "s" * (pair.count > 1),
            host=_printable(host),
            via=pair.via,
            reason=reason,
            text=pair.text,
        )
        pair.count = 0

    def _writeOthers(self) -> None:
        counts = ", ".join(
            f"{'refused' if refused else 'rejected'} {count} ({reason})"
            for (reason, refused), count in sorted(self._others.items())
        )
        hosts = len(self._otherHosts)
        self._log.warn(
            "and {some}{hosts} other hosts: {counts}",
            some="at least " if hosts >= MAX_OTHERS else "",
            hosts=hosts,
            counts=counts,
        )
        self._others.clear()
        self._otherHosts.clear()

    def _sweep(self) -> None:
        """
        Write the lines that are due, and forget the hosts that were not seen again.
        """
        self._call = None
        now = self.clock.seconds()
        for key, pair in list(self._pairs.items()):
            if pair.since + LINE_DELAY > now:
                break
            del self._pairs[key]
            if pair.count:
                pair.since = now
                self._pairs[key] = pair
                self._write(key, pair, " more")
        if self._others and self._othersSince + LINE_DELAY <= now:
            self._writeOthers()
        self._schedule()

    def _times(self) -> Iterator[float]:
        """
        Give the times since which lines wait.
        """
        if self._pairs:
            yield next(iter(self._pairs.values())).since
        if self._others:
            yield self._othersSince

    def _schedule(self) -> None:
        if self._call is None and (self._pairs or self._others):
            left = min(self._times()) + LINE_DELAY - self.clock.seconds()
            self._call = self.clock.callLater(max(left, 0), self._sweep)


def _explain(via: str, reason: str, sample: bytes, detail: str) -> str:
    look, advice = guess(sample, via)
    if reason == reasons.NOT_A_RECORD and via in ("tcp", "udp"):
        look, advice = "this is a pickle of something that is no record", ""
    if not advice:
        advice = _ADVICE.get(reason, "")
    return "; ".join(each for each in (look, detail, advice) if each)


def _printable(name: str) -> str:
    """
    Show a name that may hold any characters.
    """
    return name[:_NAME_SIZE].encode("unicode_escape").decode("ascii")
