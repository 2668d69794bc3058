"""
Several workers: what one process promises holds for all of them together.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from logging.handlers import SocketHandler
from pathlib import Path
from urllib.error import HTTPError

from logrecv.group import spoolName
from logrecv.testing import makeFrame
from logrecv.workers.supervisor import ANSWER_TIMEOUT
from tests.e2e.programs import Daemon, Service, awaitDaemon, freePort, script, waitUntil
from tests.faults.accounts import (
    CONSOLE,
    SOAK,
    TCP,
    FaultTestCase,
    Lines,
    Metrics,
    filesOf,
)
from tests.faults.receiver import Receiver
from tests.hostile.test_tls import TLSTestCase
from tests.test_secure_examples import ACTIVATE

HTTP = "--http=tcp:0:interface=127.0.0.1"
UDP = "--udp=udp:0:interface=127.0.0.1"

#: How many records a sender sends.
COUNT = 20_000 if SOAK else 2_000


def workersOf(service: Service) -> list[int]:
    """
    Find the processes of the workers.
    """
    pid = service.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return sorted(map(int, children))


class WorkersTestCase(FaultTestCase):
    """
    A test of a service with workers.
    """

    def serveWith(self, count: int, *options: str) -> Service:
        """
        Start a service with so many workers, for TCP and the console.
        """
        service = self.serve(f"--workers={count}", TCP, CONSOLE, *options)
        service.waitFor(lambda: "workers serve" in service.log)
        return service

    def awaitHealth(self, service: Service, healthy: bool) -> None:
        """
        Wait until the service says that it is well, or not.
        """

        def isHealthy() -> bool:
            with contextlib.suppress(OSError):
                return service.get("/healthz") == "ok\n"
            return False

        service.waitFor(lambda: isHealthy() is healthy)

    def assertEmptied(self, processes: list[int]) -> None:
        """
        Make sure that processes end, and that what they shared is removed.
        """
        waitUntil(
            lambda: not any(Daemon(number).runs() for number in processes),
            f"of {processes} some go on",
        )


class ServingTests(WorkersTestCase):
    """
    Records that several workers receive.
    """

    def test_oneFile(self) -> None:
        """
        Two workers write to one file.  Each record of each sender is in the file
        once, over whichever transport the record came.  The records of a sender
        are in order, and the counters of the workers add up.
        """
        service = self.serveWith(2, UDP, HTTP, "--output=file:out.jsonl")
        senders = [self.send(service, f"sender{n}", COUNT) for n in range(6)]
        for kind, option in (("datagram", "udp"), ("post", "http"), ("get", "http")):
            self.log(kind, service.port(option), f"app.{kind}", 20)
        for sender in senders:
            sender.join()
        metrics = self.awaitDelivered(service, "1-file", 6 * COUNT + 60)
        self.assertConserved(metrics)
        self.assertEqual(metrics.total("accepted", via="tcp"), 6 * COUNT)
        self.assertEqual(metrics.total("accepted", via="udp"), 20)
        self.assertEqual(metrics.total("accepted", via="http"), 40)
        self.assertEqual(metrics.total("workers"), 2)
        self.assertEqual(service.stop(), 0)
        lines = [
            json.loads(line)
            for line in (self.directory / "out.jsonl").read_bytes().splitlines()
        ]
        found: dict[str, list[str]] = {}
        for record in lines:
            number = record["message"].partition(" ")[0]
            found.setdefault(record["name"], []).append(number)
        for sender in senders:
            self.assertEqual(found.pop(sender.name), [str(n) for n in range(COUNT)])
        # Each form came over a connection of its own, so they may have passed
        # each other.
        self.assertEqual({name: len(each) for name, each in found.items()}, {
            "app.datagram": 20, "app.post": 20, "app.get": 20,
        })  # fmt: skip
        self.assertEqual(service.log.count("listening on"), 4)
        self.assertIn("nothing was lost", service.log)

    def test_balanced(self) -> None:
        """
        Connections are divided, also when all of them come at once.
        """
        service = self.serveWith(3)
        clients = [
            socket.create_connection(("127.0.0.1", service.port("tcp")))
            for _ in range(60)
        ]
        for client in clients:
            self.addCleanup(client.close)

        def counts() -> list[int]:
            metrics = Metrics.ask(service)
            return [
                metrics.total("worker_connections", worker=str(number))
                for number in (1, 2, 3)
            ]

        service.waitFor(lambda: sum(counts()) == 60)
        # Evenly, on a machine that is not too busy for one of them.
        self.assertGreaterEqual(min(counts()), 10)

    def test_batches(self) -> None:
        """
        A batch that comes again over another connection counts once, whichever
        worker gets it.
        """
        service = self.serve("--workers=3", HTTP, CONSOLE, "--output=file:out.jsonl")
        body = json.dumps({"name": "app", "levelname": "INFO", "message": "1"})
        for _ in range(12):
            connection = http.client.HTTPConnection("127.0.0.1", service.port("http"))
            headers = {"content-type": "application/json", "logrecv-batch": "some-id"}
            connection.request("POST", "/records", body, headers)
            self.assertEqual(connection.getresponse().status, 204)
            # Left open, so that the next one is another worker's.
            self.addCleanup(connection.close)
        metrics = self.awaitDelivered(service, "1-file", 1)
        self.assertEqual(metrics.total("accepted"), 1)
        self.assertEqual(metrics.total("repeated_batches"), 11)

    def test_rotation(self) -> None:
        """
        A file that several workers write to is rotated and compressed, and each
        record is in one of its files, whole and once.
        """
        service = self.serveWith(
            3, "--output=file:out.jsonl:rotate=64K:compress=gzip:sync=interval"
        )
        senders = [self.send(service, f"sender{n}", COUNT) for n in range(6)]
        for sender in senders:
            sender.join()
        self.awaitDelivered(service, "1-file", 6 * COUNT)
        self.assertEqual(service.stop(), 0)
        files = filesOf(self.directory / "out.jsonl")
        self.assertGreater(len(files), 10)
        lines = Lines.read(files)
        for sender in senders:
            self.assertAll(lines, sender.name, COUNT)
        self.assertNotIn("cannot", service.log)

    def test_standardOutput(self) -> None:
        """
        Lines that several workers write to a pipe at the same time are whole.
        """
        service = self.serveWith(2, "--output=stdout:format=json:full=pause")
        senders = [self.send(service, f"sender{n}", COUNT) for n in range(4)]
        for sender in senders:
            sender.join()
        self.awaitDelivered(service, "1-stdout", 4 * COUNT)
        service.stop()
        lines = Lines.read([self.directory / "service1.out"])
        for sender in senders:
            self.assertAll(lines, sender.name, COUNT)

    def test_reopened(self) -> None:
        """
        SIGHUP has every worker open its files again.
        """
        service = self.serveWith(2, "--output=file:out.jsonl")
        handlers = [SocketHandler("127.0.0.1", service.port("tcp")) for _ in range(4)]
        out, moved = self.directory / "out.jsonl", self.directory / "moved.jsonl"

        def log(message: str) -> None:
            for handler in handlers:
                handler.handle(logging.makeLogRecord({"msg": message, "name": "app"}))

        for handler in handlers:
            self.addCleanup(handler.close)
        log("before")
        service.awaitRecords(4, "out.jsonl")
        out.rename(moved)
        service.process.send_signal(signal.SIGHUP)
        service.waitFor(out.exists)
        # Both: the one that was the first is not the only one.
        time.sleep(0.5)
        log("after")
        records = service.awaitRecords(4, "out.jsonl")
        self.assertEqual({each["message"] for each in records}, {"after"})
        self.assertEqual(len(service.records("moved.jsonl")), 4)


class AddressTests(TLSTestCase, WorkersTestCase):
    """
    Addresses that workers can share.
    """

    def test_unix(self) -> None:
        """
        A UNIX socket of either kind is shared, and has the permissions that the
        description asks for.  The socket is removed at the end.
        """
        service = self.serve(
            "--workers=2",
            *("--tcp=unix:stream:mode=600", "--udp=unixgram:datagrams:mode=600"),
            *(CONSOLE, "--output=file:out.jsonl"),
        )
        for kind, name in (("socket", "stream"), ("datagram", "datagrams")):
            path = self.directory / name
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            for number in range(4):
                self.log(kind, str(path), f"{name}.{number}")
        records = service.awaitRecords(24, "out.jsonl")
        self.assertEqual(len({each["name"] for each in records}), 8)
        service.stop()
        self.assertFalse((self.directory / "stream").exists())
        self.assertFalse((self.directory / "datagrams").exists())
        self.checkQuiet(service)

    def test_wrapped(self) -> None:
        """
        TLS and the PROXY header can be.
        """
        mutual = f"key={self.key}:cert={self.cert}:ca={self.ours.path}"
        service = self.serve(
            "--workers=2",
            f"--tcp=ssl:0:interface=127.0.0.1:privateKey={self.key}:certKey={self.cert}",
            f"--tcp=mtls:0:interface=127.0.0.1:{mutual}",
            "--tcp=haproxy:tcp:0:interface=127.0.0.1",
            CONSOLE,
            "--output=file:out.jsonl",
        )
        tls, mtls, proxy = service.addresses["tcp"]
        certificate = self.ours.issue("client")
        for number in range(4):
            self.assertTrue(self.sendFrame(tls, self.context(), f"tls {number}"))
            mutually = self.context(certificate)
            self.assertTrue(self.sendFrame(mtls, mutually, f"mtls {number}"))
            with socket.create_connection(("127.0.0.1", proxy)) as client:
                client.sendall(
                    b"PROXY TCP4 192.0.2.7 192.0.2.8 1234 9020\r\n"
                    + makeFrame(msg=f"proxy {number}")
                )
        records = service.awaitRecords(12, "out.jsonl")
        self.assertEqual(
            {each["message"] for each in records},
            {f"{how} {n}" for how in ("tls", "mtls", "proxy") for n in range(4)},
        )
        peers = {
            each["received"]["peer"]
            for each in records
            if each["message"].startswith("proxy")
        }
        self.assertEqual(peers, {"192.0.2.7:1234"})
        self.checkQuiet(service)

    def test_activated(self) -> None:
        """
        The sockets of systemd can be.
        """
        service = Service(
            [
                *(sys.executable, "-c", ACTIVATE, script("logrecv"), "--workers=2"),
                *("--tcp=systemd:domain=INET:index=0", UDP),
                *("--http=systemd:domain=INET:index=1",),
                *("--console=systemd:domain=INET:index=2", "--output=file:out.jsonl"),
            ],
            self.directory,
        )
        self.addCleanup(service.kill)
        service.awaitListening(dict.fromkeys(("console", "tcp", "udp", "http"), 1))
        for number in range(4):
            self.log("socket", service.port("tcp"), f"tcp.{number}")
            self.log("post", service.port("http"), f"http.{number}")
        self.assertEqual(len(service.awaitRecords(24, "out.jsonl")), 24)
        self.assertEqual(service.get("/healthz"), "ok\n")
        self.assertEqual(service.stop(), 0)
        self.checkQuiet(service)

    def test_manySenders(self) -> None:
        """
        The datagrams of one sender stay in order, though those of several are
        divided among the workers.
        """
        service = self.serve("--workers=2", UDP, CONSOLE, "--output=file:out.jsonl")
        target = ("127.0.0.1", service.port("udp"))
        for number in range(20):
            with socket.socket(type=socket.SOCK_DGRAM) as sender:
                for record in range(20):
                    data = makeFrame(msg=f"{record}", name=f"sender{number}")
                    sender.sendto(data, target)
        service.awaitRecords(400, "out.jsonl")
        lines = Lines.read([self.directory / "out.jsonl"])
        for number in range(20):
            self.assertAll(lines, f"sender{number}", 20)

    def test_taken(self) -> None:
        """
        An address that is taken ends the program at its start, also where
        another service with workers has it.
        """
        service = self.serve("--workers=2", TCP, UDP, CONSOLE)
        for option, port in (
            (f"--tcp=tcp:{service.port('tcp')}:interface=127.0.0.1", "tcp"),
            (f"--udp=udp:{service.port('udp')}:interface=127.0.0.1", "udp"),
        ):
            done = self.call(script("logrecv"), "--workers=2", option)
            self.assertEqual(done.returncode, 1, done)
            last = done.stderr.splitlines()[-1]
            self.assertIn(f"{service.port(port)}", last)
            self.assertIn("in use", last)
            self.assertNotIn("Traceback", done.stderr)


class EndTests(WorkersTestCase):
    """
    How workers end.
    """

    def test_killed(self) -> None:
        """
        Another worker is put in the place of one that is killed.  Meanwhile
        C{/healthz} says that something is wrong, others serve on, connections
        wait, and no counter goes back.
        """
        service = self.serveWith(2, "--output=file:out.jsonl")
        senders = [self.send(service, f"sender{n}", 1000, 1000) for n in range(4)]
        waitUntil(lambda: min(s.sent for s in senders) > 100, "nothing is sent")
        before = Metrics.ask(service)
        victim = workersOf(service)[0]
        os.kill(victim, signal.SIGKILL)
        self.awaitHealth(service, False)
        begun = time.monotonic()
        self.assertGreaterEqual(
            Metrics.ask(service).total("accepted"), before.total("accepted")
        )
        # Nobody waits for the answer of one that is dead.
        self.assertLess(time.monotonic() - begun, ANSWER_TIMEOUT)
        self.awaitHealth(service, True)
        for sender in senders:
            sender.join()
        self.assertNotIn(victim, workersOf(service))
        self.assertEqual(len(workersOf(service)), 2)
        after = [self.send(service, f"after{n}", 100) for n in range(4)]
        for sender in after:
            sender.join()
        service.waitFor(
            lambda: (
                sum(
                    each["name"].startswith("after")
                    for each in service.records("out.jsonl")
                )
                == 400
            )
        )
        metrics = Metrics.ask(service)
        self.assertConserved(metrics)
        self.assertEqual(metrics.total("worker_restarts"), 1)
        self.assertIn("killed by SIGKILL", service.log)
        killed = metrics.total("output_dropped", reason="killed")
        self.assertEqual(service.stop(), int(killed > 0))
        lines = Lines.read([self.directory / "out.jsonl"])
        self.assertLessEqual(len(lines.torn), 1)
        for sender in after:
            self.assertAll(lines, sender.name, 100)
        # Some of the four were not connected to the one that was killed.
        whole = [s for s in senders if lines.numbers(s.name) == list(range(1000))]
        self.assertIn(len(whole), (1, 2, 3))

    def test_stopped(self) -> None:
        """
        Every frame that was sent before SIGTERM is in the file, though
        thousands are on their way and one worker was asked to stop before the
        others; all processes end.
        """
        service = self.serveWith(2, "--output=file:out.jsonl", "--drain=60")
        workers = workersOf(service)
        for pid in (*workers, service.process.pid):
            os.kill(pid, signal.SIGSTOP)
        senders = [self.send(service, f"sender{n}", 200) for n in range(8)]
        waitUntil(lambda: sum(s.sent for s in senders) == 1600, "not all is sent")
        for sender in senders:
            sender.join()
        # systemd asks all processes at once.
        for pid in (*workers, service.process.pid):
            os.kill(pid, signal.SIGTERM)
        for pid in (*workers, service.process.pid):
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(service.end(), 0, service.describe())
        lines = Lines.read([self.directory / "out.jsonl"])
        for sender in senders:
            self.assertAll(lines, sender.name, 200)
        self.assertEmptied(workers)
        self.assertIn("nothing was lost", service.log)

    def test_hurried(self) -> None:
        """
        A second signal ends the waiting in all workers.
        """
        service = self.serveWith(2, "--drain=600")
        senders = [self.send(service, f"endless{n}", 10**9, 2000) for n in range(4)]
        waitUntil(lambda: min(s.sent for s in senders) > 10, "nothing is sent")
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        self.assertIsNone(service.process.poll())
        service.stop()

    def test_stuckAtTheEnd(self) -> None:
        """
        A worker that does not stop is killed, and the records are counted that it had,
        as far as it had reported them.
        """
        port = freePort()
        service = self.serveWith(2, f"--output=forward:http:127.0.0.1:{port}")
        sender = self.send(service, "sender", 100)
        sender.join()
        service.waitFor(lambda: Metrics.ask(service).total("accepted") == 100)
        workers = workersOf(service)
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        service.process.send_signal(signal.SIGTERM)
        # Not before the first signal was taken.
        time.sleep(0.5)
        self.assertEqual(service.stop(), 1, service.describe())
        self.assertEmptied(workers)
        self.assertIn("does not stop: it is killed", service.log)
        self.assertIn("stopped; 100 records were lost", service.log)
        self.assertIn("100 of 1-forward", service.log)
        self.assertNotIn("Traceback", service.log)

    def test_stuck(self) -> None:
        """
        C{/healthz} names a worker that does not answer, and is well again when
        it does.
        """
        service = self.serveWith(2)
        victim = workersOf(service)[0]
        os.kill(victim, signal.SIGSTOP)
        error = self.assertRaises(HTTPError, service.get, "/healthz")
        self.assertEqual(error.code, 503)
        self.assertEqual(error.read(), b"of the workers these do not answer: 1\n")
        os.kill(victim, signal.SIGCONT)
        self.awaitHealth(service, True)

    def test_supervisorKilled(self) -> None:
        """
        Workers whose supervisor is killed stop in good order.
        """
        service = self.serveWith(2, "--output=file:out.jsonl")
        workers = workersOf(service)
        self.log("socket", service.port("tcp"), "app")
        service.process.kill()
        self.assertEmptied(workers)
        self.assertEqual(len(service.records("out.jsonl")), 3)
        self.assertEqual(service.err.count("nothing was lost"), 2)

    def test_supervisorKilledBusy(self) -> None:
        """
        Workers whose supervisor is killed end soon, though clients go on sending for
        which a stop would wait much longer.  They deliver all that they have read, and
        the next start finds the ports free.
        """
        ports = (
            f"--tcp=tcp:{freePort()}:interface=127.0.0.1",
            f"--udp=udp:{freePort()}:interface=127.0.0.1",
        )
        options = ("--workers=2", *ports, CONSOLE, "--output=file:out.jsonl")
        service = self.serve(*options, "--drain=600")
        service.waitFor(lambda: "workers serve" in service.log)
        workers = workersOf(service)
        address = ("127.0.0.1", service.port("udp"))
        sending = threading.Event()

        def send() -> None:
            with socket.socket(type=socket.SOCK_DGRAM) as sender:
                while not sending.wait(0.005):
                    sender.sendto(makeFrame(msg="datagram"), address)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(sending.set)
        senders = [self.send(service, f"endless{n}", 10**9, 500) for n in range(4)]
        waitUntil(lambda: min(each.sent for each in senders) > 100, "nothing is sent")
        accepted = Metrics.ask(service).total("accepted")
        self.assertGreater(accepted, 100)
        begun = time.monotonic()
        service.process.kill()
        self.assertEmptied(workers)
        # A stop would have read these clients for eight minutes.
        self.assertLess(time.monotonic() - begun, 60)
        self.assertGreaterEqual(len(service.records("out.jsonl")), accepted)
        self.assertEqual(service.err.count("nothing was lost"), 2)
        self.serve(*options)

    def test_workerAsked(self) -> None:
        """
        A worker that is asked to stop loses nothing; another is put in its
        place.
        """
        service = self.serveWith(2, "--output=file:out.jsonl")
        before = workersOf(service)
        os.kill(before[0], signal.SIGTERM)
        service.waitFor(
            lambda: len(workersOf(service)) == 2 and workersOf(service) != before
        )
        self.awaitHealth(service, True)
        for number in range(4):
            self.log("socket", service.port("tcp"), f"app.{number}")
        service.awaitRecords(12, "out.jsonl")
        self.assertNotIn("#error", service.log)

    def test_cannotStart(self) -> None:
        """
        Where one worker cannot start, the program ends with one line and status
        1, and no process is left.
        """
        spool = self.directory / "spool"
        target = f"--output=forward:tcp:127.0.0.1:{freePort()}:spool={spool}"
        self.serve(TCP, target)
        done = self.call(script("logrecv"), "--workers=2", TCP, target)
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(
            done.stderr.splitlines()[-1], "^logrecv: another process uses the spool"
        )
        self.assertNotIn("Traceback", done.stderr)
        running = subprocess.run(
            ["pgrep", "-f", str(spool)], capture_output=True, text=True
        ).stdout.split()
        self.assertEqual(len(running), 1)

    def test_runners(self) -> None:
        """
        C{twistd}, in the background, and C{twist} have workers, too.
        """
        options = ("--workers=2", "--tcp=unix:socket", "--output=file:out.jsonl")
        done = self.call(
            script("twistd"), "--pidfile=pid", "--logfile=log", "logrecv", *options
        )
        self.assertEqual(done.returncode, 0, done)
        daemon = awaitDaemon(self, self.directory / "pid")
        self.log("socket", f"{self.directory}/socket", "app.twistd")
        daemon.end()
        service = self.serve(*options, runner=("twist", "--log-format=text", "logrecv"))
        self.log("socket", f"{self.directory}/socket", "app.twist")
        service.stop()
        names = [each["name"] for each in service.records("out.jsonl")]
        self.assertEqual(names, ["app.twistd"] * 3 + ["app.twist"] * 3)


class SpoolTests(WorkersTestCase):
    """
    Each worker has a spool of its own, and no record in one is forgotten.
    """

    def _fill(self, workers: int, port: int, names: list[str]) -> None:
        """
        Have records in the spools of some workers, which nobody takes.
        """
        service = self._serve(workers, port)
        senders = [self.send(service, name, 100) for name in names]
        for sender in senders:
            sender.join()
        service.waitFor(
            lambda: Metrics.ask(service).total("accepted") == 100 * len(names)
        )
        self.assertConserved(Metrics.ask(service))
        self.assertEqual(service.stop(), 0)

    def _serve(self, workers: int, port: int) -> Service:
        return self.serveWith(
            workers, f"--output=forward:http:127.0.0.1:{port}:spool=spool"
        )

    def _killOne(self, service: Service) -> Metrics:
        """
        Have four senders' records accepted, and kill one of the workers.

        @return: The metrics when there is another in its place.
        """
        senders = [self.send(service, f"sender{n}", 100) for n in range(4)]
        for sender in senders:
            sender.join()
        # By which they have reported all of them.
        service.waitFor(lambda: Metrics.ask(service).total("accepted") == 400)
        os.kill(workersOf(service)[0], signal.SIGKILL)
        self.awaitHealth(service, False)
        self.awaitHealth(service, True)
        metrics = Metrics.ask(service)
        self.assertConserved(metrics)
        return metrics

    def test_fewer(self) -> None:
        """
        A record that one of three workers accepted arrives once when the next run
        has only one process.  The spools of the other workers are then empty, and
        removed.
        """
        port = freePort()
        names = [f"sender{n}" for n in range(6)]
        self._fill(3, port, names)
        left = [self.directory / "spool" / spoolName(number) for number in (2, 3)]
        self.assertEqual([path.is_dir() for path in left], [True, True])
        receiver = Receiver(port)
        self.addCleanup(receiver.end)
        service = self._serve(1, port)
        metrics = self.awaitDelivered(service, "1-forward", 600)
        self.assertEqual(metrics.total("output_restored"), 600)
        self.assertConserved(metrics)
        service.waitFor(lambda: not any(path.exists() for path in left))
        self.assertConserved(Metrics.ask(service))
        self.assertEqual(service.get("/healthz"), "ok\n")
        sender = self.send(service, "after", 20)
        sender.join()
        self.awaitDelivered(service, "1-forward", 620)
        self.assertEqual(service.stop(), 0)
        ids = [name for name, _ in receiver.batches]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertEqual(sum(len(numbers) for _, numbers in receiver.batches), 620)

    def test_killed(self) -> None:
        """
        A record in the spool of a killed worker passes to the next worker, and is
        counted once.
        """
        service = self._serve(2, freePort())
        metrics = self._killOne(service)
        self.assertEqual(metrics.total("output_queued"), 400)
        self.assertEqual(metrics.total("output_dropped"), 0)
        self.assertEqual(metrics.total("output_restored"), 0)

    def test_killedWithout(self) -> None:
        """
        A record in the memory of a killed worker is counted as dropped.
        """
        port = freePort()
        service = self.serveWith(2, f"--output=forward:http:127.0.0.1:{port}")
        metrics = self._killOne(service)
        dropped = metrics.total("output_dropped", reason="killed")
        self.assertIn(dropped, (100, 200, 300))
        self.assertEqual(metrics.total("output_queued"), 400 - dropped)
