"""
What is measured of a server from outside.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache

from bench import traffic
from bench.inside import linesInside
from bench.rows import NotHere, Round, Row, Scale
from bench.servers import FILE, HTTP, TCP, UDP, Server, logrecv, peer

#: What is sent before anything is measured.
WARM = 4000

NOTHING = "--output=file:{directory}/nothing:level=1000"


def cpuPerRecord(
    server: Server, send: Callable[[int], object], count: int, warm: int = WARM
) -> float:
    """
    Tell the CPU time of a record from the socket to the file, in microseconds.

    @param send: Sends so many records.
    """
    send(warm)
    server.awaitWritten(warm)
    begin = server.cpu()
    send(count)
    server.awaitWritten(warm + count)
    return (server.cpu() - begin) / count * 1e6


def _overTCP(server: Server, count: int) -> float:
    with server, traffic.connect(server.port) as connection:
        return cpuPerRecord(
            server, lambda count: traffic.sendFrames([connection], count), count
        )


def tcpBare(scale: Scale) -> Round:
    """
    TCP to JSON lines, against the bare loop.
    """
    count = scale(200_000)
    ours = _overTCP(logrecv(TCP, FILE), count)
    peers = _overTCP(peer("bare_tcp"), count)
    return Round(ours / peers, ours, peers)


def tcpCookbook(scale: Scale) -> Round:
    """
    TCP to JSON lines, against the cookbook's receiver.
    """
    count = scale(100_000)
    ours = _overTCP(logrecv(TCP, FILE), count)
    peers = _overTCP(peer("cookbook_tcp"), count)
    return Round(ours / peers, ours, peers)


def udp(scale: Scale) -> Round:
    """
    Datagrams to JSON lines, against the bare loop.
    """
    count = scale(50_000)
    found = []
    for server in (logrecv(UDP, FILE, stream=False), peer("bare_udp", stream=False)):
        with server:
            found.append(
                cpuPerRecord(
                    server,
                    lambda count, port=server.port: traffic.sendDatagrams(port, count),  # type: ignore[misc]
                    count,
                )
            )
    return Round(found[0] / found[1], *found)


def _formRate(server: Server, count: int) -> float:
    with server:
        traffic.sendForms(server.port, 200)
        server.awaitWritten(200)
        begin = time.perf_counter()
        traffic.sendForms(server.port, count)
        server.awaitWritten(200 + count)
        return count / (time.perf_counter() - begin)


def formResource(scale: Scale) -> Round:
    """
    Forms a second, against a plain resource.
    """
    count = scale(4000)
    ours = _formRate(logrecv(HTTP, FILE), count)
    peers = _formRate(peer("plain_resource"), count)
    return Round(ours / peers, ours, peers)


def formFlask(scale: Scale) -> Round:
    """
    Forms a second, against Flask's development server.
    """
    ours = _formRate(logrecv(HTTP, FILE), scale(4000))
    peers = _formRate(peer("flask_form"), scale(1000))
    return Round(ours / peers, ours, peers)


def records(scale: Scale) -> Round:
    """
    C{POST /records}, against C{orjson} in a process of its own.
    """
    with logrecv(HTTP, FILE) as server:
        ours = cpuPerRecord(
            server,
            lambda count: traffic.sendLines(server.port, count // traffic.VARIETY),
            scale(100_000),
        )
    peers = linesInside(scale)
    return Round(ours / peers, ours, peers)


class Sink(threading.Thread):
    """
    Counts the frames of one sender, and keeps none.

    @ivar port: Where.
    @ivar count: How many have come.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.count = 0

    def run(self) -> None:
        """
        Count.
        """
        connection, _ = self._listener.accept()
        rest = b""
        with connection, self._listener:
            while data := connection.recv(1 << 20):
                data = rest + data
                start = 0
                while len(data) - start >= 4:
                    end = start + 4 + int.from_bytes(data[start : start + 4], "big")
                    if end > len(data):
                        break
                    self.count += 1
                    start = end
                rest = data[start:]

    def awaitCount(self, count: int) -> None:
        """
        Wait until so many have come.
        """
        end = time.monotonic() + 120
        while self.count < count:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.count} of {count} were forwarded")
            time.sleep(0.005)


def _overTCPTo(output: str, count: int, done: Callable[[int], None] | None) -> float:
    """
    @param done: Waits until so many records came out, if that can be seen there.
    """
    with logrecv(TCP, output) as server, traffic.connect(server.port) as connection:

        def settle(count: int) -> None:
            if done is not None:
                done(count)
                return
            last = -1.0
            while (now := server.cpu()) - last > 0.001:
                last = now
                time.sleep(0.1)

        traffic.sendFrames([connection], WARM)
        settle(WARM)
        begin = server.cpu()
        traffic.sendFrames([connection], count)
        settle(WARM + count)
        return (server.cpu() - begin) / count * 1e6


def forward(scale: Scale) -> Round:
    """
    What forwarding adds to receiving, against receiving and writing.
    """
    count = scale(100_000)
    receiving = _overTCP(logrecv(TCP, FILE), count)
    nothing = _overTCPTo(NOTHING, count, None)
    sink = Sink()
    sink.start()
    target = f"--output=forward:tcp:127.0.0.1:{sink.port}"
    both = _overTCPTo(target, count, sink.awaitCount)
    return Round((both - nothing) / receiving, both - nothing, receiving)


def idleMemory(scale: Scale) -> Round:
    """
    The memory of an idle connection, in KiB.
    """
    with ExitStack() as stack:
        server = stack.enter_context(logrecv(TCP, FILE))
        count = scale(2000)

        def open(count: int) -> None:
            connections = [
                stack.enter_context(traffic.connect(server.port)) for _ in range(count)
            ]
            traffic.sendFrames(connections, count, burst=1)

        open(100)
        server.awaitWritten(100)
        before = server.memory()
        open(count)
        server.awaitWritten(100 + count)
        return Round((server.memory() - before) / count / 1024)


def _rate(server: Server, connections: int, count: int, burst: int) -> float:
    """
    @return: Records a second, over so many connections.
    """
    with ExitStack() as stack:
        stack.enter_context(server)
        clients = [
            stack.enter_context(traffic.connect(server.port))
            for _ in range(connections)
        ]
        traffic.sendFrames(clients, WARM, burst)
        server.awaitWritten(WARM)
        begin = time.perf_counter()
        traffic.sendFrames(clients, count, burst)
        server.awaitWritten(WARM + count)
        return count / (time.perf_counter() - begin)


def manyConnections(scale: Scale) -> Round:
    """
    Records a second over a thousand connections and over one.
    """
    count = scale(200_000)
    many = _rate(logrecv(TCP, FILE), 1000, count, 100)
    one = _rate(logrecv(TCP, FILE), 1, count, 100)
    return Round(many / one, many, one)


@cache
def _topRate() -> float:
    return _rate(logrecv(TCP, FILE), 1, 200_000, 1000)


def latency(scale: Scale) -> Round:
    """
    Milliseconds from a send to the line in the file at half of the top rate: the
    99th percentile.
    """
    rate = _topRate() / 2
    done = threading.Event()
    found: list[float] = []
    with logrecv(TCP, FILE) as server, traffic.connect(server.port) as connection:
        traffic.sendFrames([connection], WARM)
        server.awaitWritten(WARM)

        def send() -> None:
            traffic.sendStamped(connection, rate, 4 * scale.factor)
            time.sleep(0.5)
            done.set()

        sender = threading.Thread(target=send)
        sender.start()
        found.extend(traffic.latencies(server.output, done))
        sender.join()
    if not found:
        raise RuntimeError("no stamp was found")
    found.sort()
    return Round(found[len(found) * 99 // 100] * 1000, rate)


def growth(scale: Scale) -> Round:
    """
    The memory after fifty times as many records as at first.
    """
    first = 1_000_000 if scale.long else scale(100_000)
    # A file of 32 GB is nobody's wish.
    output = "--output=file:{file}:rotate=64M:keep=1"
    with logrecv(TCP, output) as server, traffic.connect(server.port) as connection:

        def settle() -> int:
            last = -1.0
            while (now := server.cpu()) - last > 0.005:
                last = now
                time.sleep(0.2)
            return server.memory()

        traffic.sendFrames([connection], first)
        before = settle()
        traffic.sendFrames([connection], 49 * first)
        after = settle()
        return Round(after / before, after / 2**20, before / 2**20)


def start(scale: Scale) -> Round:
    """
    Seconds from the start of the process until a connection is accepted.
    """
    with logrecv(TCP, FILE) as server:
        return Round(server.started)


def workers(scale: Scale) -> Round:
    """
    Records a second with two workers and with one.
    """
    count = scale(400_000)
    try:
        two = _rate(logrecv("--workers=2", TCP, FILE), 16, count, 1000)
    except RuntimeError as error:
        raise NotHere(str(error)) from None
    one = _rate(logrecv(TCP, FILE), 16, count, 1000)
    return Round(two / one, two, one)


ROWS = (
    Row(
        "tcp-bare",
        "TCP to JSON lines, CPU per record / the bare unsafe loop",
        *(0.9, 1.3, tcpBare),
        absolute="us",
    ),
    Row(
        "tcp-cookbook",
        "the same / the cookbook's receiver",
        *(0.27, 0.4, tcpCookbook),
        absolute="us",
    ),
    Row(
        "udp",
        "UDP, CPU per record / a bare unsafe recvfrom loop",
        *(1.2, 1.6, udp),
        absolute="us",
    ),
    Row(
        "form-resource",
        "HTTP form records a second / a plain twisted.web Resource",
        *(0.95, 0.85, formResource),
        absolute="/s",
        more=True,
    ),
    Row(
        "form-flask",
        "the same / Flask's development server",
        *(5, 4, formFlask),
        absolute="/s",
        more=True,
    ),
    Row(
        "records",
        "POST /records, JSON lines, CPU per record / orjson.loads and dumps",
        *(1.5, 2.5, records),
        absolute="us",
    ),
    Row(
        "forward",
        "forward over TCP, CPU per record / receiving it",
        *(0.6, 1, forward),
        absolute="us",
    ),
    Row(
        "idle-memory",
        "memory per idle TCP connection",
        *(8, 20, idleMemory),
        unit="KiB",
    ),
    Row(
        "latency",
        "from a client's send to the line in the file, 99th percentile, at half"
        " of the top rate",
        *(20, 100, latency),
        unit="ms",
    ),
    Row(
        "connections",
        "rate with 1,000 connections / with one",
        *(0.8, 0.6, manyConnections),
        absolute="/s",
        more=True,
    ),
    Row(
        "growth",
        "memory after 50 times as many records (with --long: 50 million) / after"
        " the first (1 million)",
        *(1.02, 1.1, growth),
        absolute="MiB",
        once=True,
    ),
    Row("start", "start to listening", *(0.4, 0.8, start), unit="s"),
    Row(
        "workers",
        "rate with two workers / with one",
        *(1.8, 1.6, workers),
        absolute="/s",
        more=True,
    ),
)
