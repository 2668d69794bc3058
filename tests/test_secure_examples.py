"""
Tests for the examples of a secure service: clients with TLS and passwords, and the
units for systemd.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import bcrypt
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.e2e.programs import ProgramTestCase, Service, script
from tests.hostile.test_tls import TLSTestCase

_EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

#: A program that listens and starts another program with the sockets, as systemd does.
ACTIVATE = """
import fcntl, os, socket, sys
listening = []
for _ in range(3):
    with socket.create_server(("127.0.0.1", 0)) as server:
        listening.append(fcntl.fcntl(server.fileno(), fcntl.F_DUPFD, 10))
for number, descriptor in enumerate(listening):
    os.dup2(descriptor, 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="3", LISTEN_FDNAMES="a:b:c")
os.execv(sys.argv[1], sys.argv[1:])
"""


class SecureClientTests(TLSTestCase):
    """
    Tests for the clients.
    """

    def example(self, name: str, *arguments: str) -> str:
        """
        Run a client to its end.

        @return: The text that the client printed.
        """
        done = self.call(sys.executable, str(_EXAMPLES / name), *arguments)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done)
        return done.stderr

    def descriptions(self) -> tuple[str, str]:
        """
        Describe an endpoint that asks for a certificate, and an endpoint that does
        not.
        """
        mutual = f"key={self.key}:cert={self.cert}:ca={self.ours.path}"
        plain = f"privateKey={self.key}:certKey={self.cert}"
        where = "0:interface=127.0.0.1"
        return f"mtls:{where}:{mutual}", f"ssl:{where}:{plain}"

    def test_socket(self) -> None:
        """
        An endpoint that asks for a certificate takes only the client with a
        certificate.  An endpoint that does not ask takes the client without a
        certificate.
        """
        mutual, plain = self.descriptions()
        service = self.serve(
            f"--tcp={mutual}", f"--tcp={plain}", "--console=tcp:0:interface=127.0.0.1"
        )
        first, second = (str(port) for port in service.addresses["tcp"])
        certificate = self.ours.issue("client")
        name = "tls_socket_client.py"
        self.example(name, "localhost", first, self.ours.path)
        self.awaitRefused(service, "tcp", "handshake", 1)
        self.example(name, "localhost", first, self.ours.path, *certificate)
        service.awaitRecords(2)
        self.example(name, "localhost", second, self.ours.path)
        records = service.awaitRecords(4)
        wanted = ["order 17 accepted", "order 18 is late"] * 2
        self.assertEqual([each["message"] for each in records], wanted)

    def test_http(self) -> None:
        """
        The client over HTTPS needs its password, and its certificate where the
        endpoint asks for a certificate.
        """
        mutual, plain = self.descriptions()
        passwords = self.directory / "passwords"
        passwords.write_bytes(b"alice:" + bcrypt.hashpw(b"s3cret", bcrypt.gensalt(4)))
        service = self.serve(
            f"--http={mutual}", f"--http={plain}", f"--http-passwords={passwords}"
        )
        first, second = (f"localhost:{port}" for port in service.addresses["http"])
        certificate = self.ours.issue("client")
        os.environ["LOGRECV_PASSWORD"] = "s3cret"
        self.addCleanup(os.environ.pop, "LOGRECV_PASSWORD", None)
        self.example("https_client.py", first, self.ours.path, "alice", *certificate)
        self.example("https_client.py", second, self.ours.path, "alice")
        os.environ["LOGRECV_PASSWORD"] = "wrong"
        self.example("https_client.py", second, self.ours.path, "alice")
        records = service.awaitRecords(2)
        self.assertEqual([each["message"] for each in records], ["order 17 failed"] * 2)


class UnitTestCase(SynchronousTestCase):
    """
    A test case that reads the units.
    """

    def read(self, name: str) -> dict[str, dict[str, list[str]]]:
        """
        Read a unit.

        @return: The values of each key, by section.
        """
        text = (_EXAMPLES / "systemd" / name).read_text("utf-8")
        found: dict[str, dict[str, list[str]]] = {}
        section: dict[str, list[str]] = {}
        for line in text.replace("\\\n", " ").splitlines():
            if line.startswith("["):
                section = found.setdefault(line.strip("[]"), {})
            elif line and not line.startswith("#"):
                key, separator, value = line.partition("=")
                self.assertEqual((separator, key), ("=", key.strip()), line)
                section.setdefault(key, []).append(value)
        return found


class UnitTests(UnitTestCase):
    """
    Tests for the contents of the units.
    """

    def test_hardened(self) -> None:
        """
        The service has no privileges, cannot change the system, and has limits.
        """
        service = self.read("logrecv.service")["Service"]
        for key, value in [
            ("DynamicUser", "yes"),
            ("NoNewPrivileges", "yes"),
            ("ProtectSystem", "strict"),
            ("StateDirectory", "logrecv"),
            ("CapabilityBoundingSet", ""),
            ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
            ("LimitNOFILE", "16384"),
        ]:
            self.assertEqual(service[key], [value], key)
        for key in ("MemoryMax", "TasksMax", "SystemCallFilter", "IPAddressDeny"):
            self.assertIn(key, service)

    def test_loopback(self) -> None:
        """
        The units listen on loopback only.
        """
        for address in self.read("logrecv.socket")["Socket"]["ListenStream"]:
            self.assertTrue(address.startswith("127.0.0.1:"), address)

    def test_rated(self) -> None:
        """
        Where systemd is installed, it rates the service well and finds no mistakes in
        the units.
        """
        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            raise SkipTest("systemd-analyze is not at hand")
        done = subprocess.run(
            [analyze, "security", "--offline=true", "--threshold=20", "--no-pager",
             str(_EXAMPLES / "systemd" / "logrecv.service")],
            capture_output=True,
            text=True,
        )  # fmt: skip
        if "Unknown command" in done.stderr or "unrecognized option" in done.stderr:
            raise SkipTest("this systemd-analyze does not know units that are files")
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr)


class ActivationTests(UnitTestCase, ProgramTestCase):
    """
    Tests for the start of the service under systemd.
    """

    def test_activated(self) -> None:
        """
        With the options of the unit, the service listens on the sockets that systemd
        passes: first TCP, then HTTP, then the console.
        """
        (command,) = self.read("logrecv.service")["Service"]["ExecStart"]
        (self.directory / "logrecv").mkdir()
        arguments = [
            each.replace("%S", str(self.directory)).replace("udp:9021", "udp:0")
            for each in shlex.split(command)[1:]
        ]
        service = Service(
            [sys.executable, "-c", ACTIVATE, script("logrecv"), *arguments],
            self.directory,
        )
        self.addCleanup(service.kill)
        service.awaitListening(dict.fromkeys(("console", "tcp", "udp", "http"), 1))
        for handler, option in (
            ("socket", "tcp"),
            ("post", "http"),
            ("datagram", "udp"),
        ):
            self.log(handler, service.port(option), option)
        records = service.awaitRecords(9, "logrecv/records.jsonl")
        self.assertEqual(
            {(each["name"], each["received"]["via"]) for each in records},
            {("tcp", "tcp"), ("http", "http"), ("udp", "udp")},
        )
        self.assertEqual(service.get("/healthz"), "ok\n")
        service.stop()
