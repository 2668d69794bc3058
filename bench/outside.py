"""
What is measured of a server from outside.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median

from bench import traffic
from bench.inside import linesInside
from bench.rows import NotHere, Round, Row, Scale
from bench.servers import (
    CONSOLE,
    FILE,
    HTTP,
    PATIENCE,
    TCP,
    UDP,
    Server,
    logrecv,
    peer,
)

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
    return scale.compare(
        lambda: _overTCP(logrecv(TCP, FILE), count),
        lambda: _overTCP(peer("bare_tcp"), count),
    )


def tcpCookbook(scale: Scale) -> Round:
    """
    TCP to JSON lines, against the cookbook's receiver.
    """
    count = scale(100_000)
    return scale.compare(
        lambda: _overTCP(logrecv(TCP, FILE), count),
        lambda: _overTCP(peer("cookbook_tcp"), count),
    )


def _overUDP(server: Server, count: int) -> float:
    with server:
        return cpuPerRecord(
            server, lambda count: traffic.sendDatagrams(server.port, count), count
        )


def udp(scale: Scale) -> Round:
    """
    Datagrams to JSON lines, against the bare loop.
    """
    count = scale(50_000)
    return scale.compare(
        lambda: _overUDP(logrecv(UDP, FILE, stream=False), count),
        lambda: _overUDP(peer("bare_udp", stream=False), count),
    )


#: In how many stints forms are sent to either server in a round.
STINTS = 4


class _Forms:
    """
    How long a server takes for forms.
    """

    def __init__(self, server: Server, stint: int) -> None:
        """
        @param stint: How many it is sent at a time.
        """
        self._server = server
        self._stint = stint
        self._sent = 0
        self._taken = 0.0
        self._send(200)

    def _send(self, count: int) -> None:
        traffic.sendForms(self._server.port, count)
        self._sent += count
        self._server.awaitWritten(self._sent)

    def work(self) -> None:
        """
        Have it take a stint of them.
        """
        begin = time.perf_counter()
        self._send(self._stint)
        self._taken += time.perf_counter() - begin

    def rate(self) -> float:
        """
        Tell how many it takes a second.
        """
        return (self._sent - 200) / self._taken


def _compareForms(ours: _Forms, peers: _Forms) -> Round:
    """
    Both run at once and work in turns, so that they have the same machine: what
    it gives to one process changes by a half within seconds.
    """
    for _ in range(STINTS):
        ours.work()
        peers.work()
    return Round(ours.rate() / peers.rate(), ours.rate(), peers.rate())


def formResource(scale: Scale) -> Round:
    """
    Forms a second, against a plain resource.
    """
    stint = scale(4000) // STINTS
    with logrecv(HTTP, FILE) as ours, peer("plain_resource") as plain:
        return _compareForms(_Forms(ours, stint), _Forms(plain, stint))


def formFlask(scale: Scale) -> Round:
    """
    Forms a second, against Flask's development server.
    """
    stint = scale(4000) // STINTS
    with logrecv(HTTP, FILE) as ours, peer("flask_form") as flask:
        return _compareForms(_Forms(ours, stint), _Forms(flask, stint // 4))


def _overHTTP(server: Server, count: int) -> float:
    with server:
        return cpuPerRecord(
            server,
            lambda count: traffic.sendLines(server.port, count // traffic.VARIETY),
            count,
        )


def records(scale: Scale) -> Round:
    """
    C{POST /records}, against C{orjson} with no server around it.
    """
    return scale.compare(
        lambda: _overHTTP(logrecv(HTTP, FILE), scale(100_000)),
        lambda: linesInside(scale),
    )


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


def _overTCPToNothing(count: int) -> float:
    """
    Receive, and have every record kept back by a filter.
    """
    with (
        logrecv(TCP, NOTHING, CONSOLE) as server,
        traffic.connect(server.port) as connection,
    ):
        traffic.sendFrames([connection], WARM)
        server.settle()
        begin = server.cpu()
        traffic.sendFrames([connection], count)
        server.settle()
        taken = server.cpu() - begin
        server.checkPassed(WARM + count)
        return taken / count * 1e6


def _overTCPToSink(count: int) -> float:
    """
    Receive, and forward every record.
    """
    sink = Sink()
    sink.start()
    with (
        logrecv(TCP, f"--output=forward:tcp:127.0.0.1:{sink.port}") as server,
        traffic.connect(server.port) as connection,
    ):
        traffic.sendFrames([connection], WARM)
        sink.awaitCount(WARM)
        begin = server.cpu()
        traffic.sendFrames([connection], count)
        sink.awaitCount(WARM + count)
        return (server.cpu() - begin) / count * 1e6


def forward(scale: Scale) -> Round:
    """
    What forwarding adds to receiving, against receiving and writing.
    """
    count = scale(100_000)
    return scale.compare(
        lambda: _overTCPToSink(count) - _overTCPToNothing(count),
        lambda: _overTCP(logrecv(TCP, FILE), count),
    )


def idleMemory(scale: Scale) -> Round:
    """
    The memory of an idle connection that has sent one record, in KiB.
    """
    # A thousand first: they use up what was free of the heap after the start.
    first, count = 1000, scale(3000)
    with ExitStack() as stack:
        server = stack.enter_context(logrecv(TCP, FILE))

        def open(count: int) -> None:
            connections = [
                stack.enter_context(traffic.connect(server.port)) for _ in range(count)
            ]
            traffic.sendFrames(connections, count, burst=1)

        open(first)
        server.awaitWritten(first)
        before = server.memory()
        open(count)
        server.awaitWritten(first + count)
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
        # One at a time, so that every connection has been accepted.
        traffic.sendFrames(clients, WARM, 1)
        server.awaitWritten(WARM)
        begin = time.perf_counter()
        traffic.sendFrames(clients, count, burst)
        end = server.awaitStill()
        server.awaitWritten(WARM + count)
        return count / (end - begin)


def manyConnections(scale: Scale) -> Round:
    """
    Records a second over a thousand connections and over one.
    """
    count = scale(200_000)
    return scale.compare(
        lambda: _rate(logrecv(TCP, FILE), 1000, count, 100),
        lambda: _rate(logrecv(TCP, FILE), 1, count, 100),
    )


def latency(scale: Scale) -> Round:
    """
    Milliseconds from the moment a record is due to be sent to its line in the file,
    at half of the rate that there was a moment ago with sends of the same size: the
    99th percentile.
    """
    rate = _rate(logrecv(TCP, FILE), 1, scale(200_000), 100) / 2
    count = int(rate * 4 * scale.factor / 100)
    with logrecv(TCP, FILE) as server, traffic.connect(server.port) as connection:
        traffic.sendFrames([connection], WARM)
        server.awaitWritten(WARM)
        sender = threading.Thread(
            target=traffic.sendStamped, args=(connection, rate, count)
        )
        sender.start()
        found = traffic.latencies(server.output, count, PATIENCE)
        sender.join()
    found.sort()
    return Round(found[len(found) * 99 // 100] * 1000, rate)


def growth(scale: Scale) -> Round:
    """
    The memory after fifty times as many records as at first.

    What a backlog of a moment took is not at once given back to the system, so
    there are five readings at the end of either stretch, and their median counts.
    """
    first = 1_000_000 if scale.long else scale(100_000, 10_000)
    # A file of 32 GB is nobody's wish.
    output = "--output=file:{file}:rotate=64M:keep=1"
    with (
        logrecv(TCP, output, CONSOLE) as server,
        traffic.connect(server.port) as connection,
    ):
        sent = 0

        def read(until: int) -> float:
            nonlocal sent
            readings = []
            for left in range(4, -1, -1):
                count = until - left * first // 10 - sent
                traffic.sendFrames([connection], count)
                sent += count
                server.settle()
                readings.append(server.memory())
            return median(readings)

        before = read(first)
        server.checkPassed(first)
        after = read(50 * first)
        server.checkPassed(50 * first)
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
    if len(os.sched_getaffinity(0)) < 2:
        raise NotHere("there is one processor only")
    count = scale(400_000)
    return scale.compare(
        lambda: _rate(logrecv("--workers=2", TCP, FILE), 16, count, 1000),
        lambda: _rate(logrecv(TCP, FILE), 16, count, 1000),
    )


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
        absolute="/s",
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
        "memory after 50 times as many records / after the first (100,000; with"
        " --long 1 million)",
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
