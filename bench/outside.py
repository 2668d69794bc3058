"""
The measurements of a server from outside.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

from bench import traffic
from bench.inside import linesInside
from bench.rows import NotHere, Round, Row, Scale, Work
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

#: The number of records that are sent before anything is measured.
WARM = 4000

NOTHING = "--output=file:{directory}/nothing:level=1000"


def cpuWork(
    server: Server,
    send: Callable[[int], object],
    awaitAll: Callable[[int], object] | None = None,
) -> Work:
    """
    Make work that sends records and tells the CPU time of the server, from the
    socket to the file or to another target.

    @param send: A function that sends so many records.
    @param awaitAll: A function that waits until so many records have come to the
        target, where the target is not the file.
    """
    awaitAll = awaitAll or server.awaitWritten
    sent = 0

    def work(count: int) -> float:
        nonlocal sent
        begin = server.cpu()
        send(count)
        sent += count
        awaitAll(sent)
        return server.cpu() - begin

    work(WARM)
    return work


def clockWork(server: Server, send: Callable[[int], object], sent: int) -> Work:
    """
    Make work that sends records and tells the seconds until all were in the file.

    @param send: A function that sends so many records.
    @param sent: The number of records that have been sent before.
    """

    def work(count: int) -> float:
        nonlocal sent
        begin = time.perf_counter()
        send(count)
        sent += count
        end = server.awaitStill()
        server.awaitWritten(sent)
        return end - begin

    return work


@contextmanager
def overTCP(server: Server) -> Iterator[Work]:
    """
    Send frames over one connection.
    """
    with server, traffic.connect(server.port) as connection:
        yield cpuWork(server, lambda count: traffic.sendFrames([connection], count))


def tcpBare(scale: Scale) -> Round:
    """
    TCP to JSON lines, against the bare loop.
    """
    with overTCP(logrecv(TCP, FILE)) as ours, overTCP(peer("bare_tcp")) as bare:
        return scale.compare(200_000, ours, bare)


def tcpCookbook(scale: Scale) -> Round:
    """
    TCP to JSON lines, against the cookbook's receiver.
    """
    with overTCP(logrecv(TCP, FILE)) as ours, overTCP(peer("cookbook_tcp")) as theirs:
        return scale.compare(100_000, ours, theirs)


def _overUDP(server: Server) -> Work:
    return cpuWork(server, lambda count: traffic.sendDatagrams(server.port, count))


def udp(scale: Scale) -> Round:
    """
    Datagrams to JSON lines, against the bare loop.
    """
    with (
        logrecv(UDP, FILE, stream=False) as ours,
        peer("bare_udp", stream=False) as bare,
    ):
        return scale.compare(50_000, _overUDP(ours), _overUDP(bare))


def _forms(server: Server) -> Work:
    traffic.sendForms(server.port, 200)
    server.awaitWritten(200)
    return clockWork(server, lambda count: traffic.sendForms(server.port, count), 200)


def _compareForms(scale: Scale, ours: Server, peers: Server) -> Round:
    return scale.compareRates(4000, _forms(ours), _forms(peers), stints=4, step=100)


def formResource(scale: Scale) -> Round:
    """
    Forms a second, against a plain resource.
    """
    with logrecv(HTTP, FILE) as ours, peer("plain_resource") as plain:
        return _compareForms(scale, ours, plain)


def formFlask(scale: Scale) -> Round:
    """
    Forms a second, against Flask's development server.
    """
    with logrecv(HTTP, FILE) as ours, peer("flask_form") as flask:
        return _compareForms(scale, ours, flask)


def records(scale: Scale) -> Round:
    """
    C{POST /records}, against C{orjson} with no server around it.
    """
    with logrecv(HTTP, FILE) as server:
        ours = cpuWork(
            server,
            lambda count: traffic.sendLines(server.port, count // traffic.VARIETY),
        )
        return scale.compare(100_000, ours, linesInside)


class Sink(threading.Thread):
    """
    A receiver that counts the frames of one sender, and keeps no frame.

    @ivar port: The port that the receiver listens on.
    @ivar count: The number of frames that have come.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.count = 0

    def run(self) -> None:
        """
        Count the frames until the sender closes the connection.
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
        Wait until so many frames have come.
        """
        end = time.monotonic() + 120
        while self.count < count:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.count} of {count} were forwarded")
            time.sleep(0.005)


@contextmanager
def _toNothing() -> Iterator[Work]:
    """
    Receive records, and have a filter keep back each record.
    """
    with (
        logrecv(TCP, NOTHING, CONSOLE) as server,
        traffic.connect(server.port) as connection,
    ):
        sent = 0

        def work(count: int) -> float:
            nonlocal sent
            begin = server.cpu()
            traffic.sendFrames([connection], count)
            server.settle()
            taken = server.cpu() - begin
            sent += count
            server.checkPassed(sent)
            return taken

        work(WARM)
        yield work


@contextmanager
def _toSink() -> Iterator[Work]:
    """
    Receive records, and forward each record.
    """
    sink = Sink()
    sink.start()
    with (
        logrecv(TCP, f"--output=forward:tcp:127.0.0.1:{sink.port}") as server,
        traffic.connect(server.port) as connection,
    ):
        yield cpuWork(
            server,
            lambda count: traffic.sendFrames([connection], count),
            sink.awaitCount,
        )


def forward(scale: Scale) -> Round:
    """
    The CPU time that forwarding adds to receiving, against receiving and writing.
    """
    with (
        _toSink() as forwarding,
        _toNothing() as nothing,
        overTCP(logrecv(TCP, FILE)) as writing,
    ):
        found = scale.alternate(100_000, forwarding, nothing, writing)
        ours, peers = found[0] - found[1], found[2]
        return Round(ours / peers, ours * 1e6, peers * 1e6)


def idleMemory(scale: Scale) -> Round:
    """
    The memory of an idle connection that has sent one record, in KiB.
    """
    # The first thousand connections use up the heap that was free after the start.
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


@contextmanager
def overConnections(server: Server, connections: int, burst: int) -> Iterator[Work]:
    """
    Send frames over so many connections, in turns.

    @param burst: The number of frames over one connection before the next.
    """
    with ExitStack() as stack:
        stack.enter_context(server)
        clients = [
            stack.enter_context(traffic.connect(server.port))
            for _ in range(connections)
        ]
        # One frame at a time, so that each connection has been accepted.
        traffic.sendFrames(clients, WARM, 1)
        server.awaitWritten(WARM)
        yield clockWork(
            server, lambda count: traffic.sendFrames(clients, count, burst), WARM
        )


def manyConnections(scale: Scale) -> Round:
    """
    Records a second over a thousand connections and over one.
    """
    with (
        overConnections(logrecv(TCP, FILE), 1000, 100) as many,
        overConnections(logrecv(TCP, FILE), 1, 100) as one,
    ):
        return scale.compareRates(200_000, many, one, stints=4)


def latency(scale: Scale) -> Round:
    """
    Milliseconds from the moment a record is due to be sent to its line in the file:
    the 99th percentile.  The rate is half of the top rate, which is measured just
    before with sends of the same size.
    """
    with overConnections(logrecv(TCP, FILE), 1, 100) as work:
        sent = scale(200_000)
        rate = sent / work(sent) / 2
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

    Memory that a short backlog took is not given back to the system at once.  So the
    end of either stretch has five readings, and the median of the readings counts.
    """
    first = 1_000_000 if scale.long else scale(100_000, 10_000)
    # Without a rotation the file would grow to 32 GB.
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
    Records a second with two workers on two cores, against one worker on one core.
    With two cores, the single worker would write on the second core.
    """
    if len(os.sched_getaffinity(0)) < 2:
        raise NotHere("there is one processor only")
    with (
        overConnections(logrecv("--workers=2", TCP, FILE, cores=2), 16, 1000) as two,
        overConnections(logrecv(TCP, FILE, cores=1), 16, 1000) as one,
    ):
        return scale.compareRates(800_000, two, one)


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
        "rate with two workers on two cores / with one on one",
        *(1.8, 1.6, workers),
        absolute="/s",
        more=True,
    ),
)
