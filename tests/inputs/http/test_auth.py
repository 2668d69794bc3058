"""
Tests for L{logrecv.inputs.http.auth}, and for the HTTP input behind them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import bcrypt
from treq.testing import StubTreq
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site
from zope.interface.verify import verifyObject

from logrecv.inputs.http import auth as passwords
from logrecv.inputs.http.auth import PasswordFile
from logrecv.inputs.http.checks import HOST_CHECKS, Busy
from logrecv.inputs.http.resource import RecordResource
from logrecv.intake import Intake
from logrecv.interfaces import IReopenable
from logrecv.testing import MemorySink, makeForm
from tests.selection import slow


def line(user: str, password: str, cost: int = 4) -> str:
    """
    Make a line of the file.
    """
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()
    return f"{user}:{hashed}\n"


class PasswordTestCase(SynchronousTestCase):
    """
    Has a file of passwords.
    """

    def setUp(self) -> None:
        """
        Write the file.
        """
        self.path = self.mktemp()
        self.write("# a comment\n\n" + line("alice", "s3cret") + line("bob", "b:ob"))
        self.checks: list[tuple[Callable[[], bool], Deferred[bool]]] = []
        self.immediately = True
        self.file = PasswordFile(self.path, self.inThread)

    def write(self, text: str) -> None:
        """
        Write the file.
        """
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def inThread(self, function: Callable[[], bool]) -> Deferred[bool]:
        """
        Run a function at once, or when the test wants it.
        """
        result: Deferred[bool] = Deferred()
        self.checks.append((function, result))
        return succeed(function()) if self.immediately else result


class PasswordFileTests(PasswordTestCase):
    """
    Tests for L{PasswordFile}.
    """

    def check(self, user: bytes, password: bytes) -> bool:
        """
        Check a password.
        """
        return self.successResultOf(self.file.check(user, password))

    @slow
    def test_check(self) -> None:
        """
        A user's own password is right, and nothing else is.
        """
        self.assertTrue(self.check(b"alice", b"s3cret"))
        self.assertTrue(self.check(b"bob", b"b:ob"))
        for user, password in [
            (b"alice", b"wrong"),
            (b"alice", b""),
            (b"alice", b"b:ob"),
            (b"carol", b"s3cret"),
            (b"", b""),
            (b"alice", b"s3cret" + b"x" * 100),
            (b"alice", b"s3cret\0"),
            (b"\xff", b"\xff"),
        ]:
            self.assertFalse(self.check(user, password), (user, password))

    @slow
    def test_slowOnce(self) -> None:
        """
        A client that sends record after record is checked slowly once, and
        every wrong password is, and so is every password of an unknown user.
        """
        for _ in range(3):
            self.assertTrue(self.check(b"alice", b"s3cret"))
        self.assertEqual(len(self.checks), 1)
        for _ in range(2):
            self.check(b"alice", b"wrong")
            self.check(b"nobody", b"wrong")
        self.assertEqual(len(self.checks), 5)

    def test_busy(self) -> None:
        """
        Only so many passwords wait for a host: a flood of wrong ones does not pile
        up, and a user who has been checked before does not wait behind the flood.
        """
        self.check(b"alice", b"s3cret")
        self.immediately = False
        for number in range(HOST_CHECKS + 1):
            self.file.check(b"alice", b"%d" % number)
        self.assertRaises(Busy, self.file.check, b"alice", b"wrong")
        self.assertTrue(self.check(b"alice", b"s3cret"))

    def test_together(self) -> None:
        """
        A password that comes many times at once is checked once.
        """
        self.immediately = False
        checked = [self.file.check(b"alice", b"s3cret") for _ in range(100)]
        wrong = [self.file.check(b"alice", b"wrong") for _ in range(100)]
        for check, result in self.checks:
            result.callback(check())
        self.assertEqual(len(self.checks), 2)
        self.assertEqual({self.successResultOf(each) for each in checked}, {True})
        self.assertEqual({self.successResultOf(each) for each in wrong}, {False})

    @slow
    def test_costs(self) -> None:
        """
        A password of a user who is not known is checked against the hash of a user who
        is, so that it takes as long.
        """
        costs: list[bytes] = []
        checkpw = bcrypt.checkpw

        def check(password: bytes, hashed: bytes) -> bool:
            costs.append(hashed[4:6])
            return checkpw(password, hashed)

        self.patch(passwords.bcrypt, "checkpw", check)
        self.write(line("alice", "s3cret") + line("bob", "s3cret", 5))
        self.file.reopen()
        for user in [b"alice", b"bob"]:
            self.check(user, b"wrong")
        self.assertEqual(costs, [b"04", b"05"])
        costs.clear()
        for number in range(40):
            self.assertFalse(self.check(b"user %d" % number, b"s3cret"))
        self.assertEqual(set(costs), {b"04", b"05"})
        first = list(costs)
        costs.clear()
        for number in range(40):
            self.check(b"user %d" % number, b"another")
        self.assertEqual(costs, first)

    def test_reopen(self) -> None:
        """
        The file is read again on demand; a file that cannot be used leaves the
        users as they were.
        """
        verifyObject(IReopenable, self.file)
        self.assertTrue(self.check(b"alice", b"s3cret"))
        self.write(line("alice", "new"))
        self.file.reopen()
        self.assertFalse(self.check(b"alice", b"s3cret"))
        self.assertTrue(self.check(b"alice", b"new"))
        self.write("nonsense")
        self.file.reopen()
        self.assertTrue(self.check(b"alice", b"new"))

    def test_remembered(self) -> None:
        """
        A user whose hash stays the same when the file is read again need not be checked
        again; a user whose hash changes or goes is.
        """
        stays, changes = line("alice", "s3cret"), line("bob", "b:ob")
        self.write(stays + changes + line("carol", "c"))
        self.file.reopen()
        for user, password in [
            (b"alice", b"s3cret"),
            (b"bob", b"b:ob"),
            (b"carol", b"c"),
        ]:
            self.assertTrue(self.check(user, password))
        self.checks.clear()
        self.write(line("bob", "b:ob") + stays)
        self.file.reopen()
        self.write("nonsense")
        self.file.reopen()
        self.assertTrue(self.check(b"alice", b"s3cret"))
        self.assertEqual(self.checks, [])
        self.assertTrue(self.check(b"bob", b"b:ob"))
        self.assertFalse(self.check(b"carol", b"c"))
        self.assertEqual(len(self.checks), 2)

    def test_errors(self) -> None:
        """
        A file that cannot be used is refused in one line, without its secrets.
        """
        for text, expected in [
            ("alice:secret\n", "line 1"),
            (line("a", "b") + "bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n", "line 2"),
            ("# nobody\n", "no user"),
            (
                line("a", "b").replace("$04$", "$31$"),
                "cost 31; the cost must be from 4",
            ),
            (line("a", "b").replace("$04$", "$03$"), "cost 3;"),
        ]:
            self.write(text)
            error = self.assertRaises(
                ValueError, PasswordFile, self.path, self.inThread
            )
            self.assertIn(expected, str(error))
            self.assertNotIn("secret", str(error))
        error = self.assertRaises(ValueError, PasswordFile, "/nowhere", self.inThread)
        self.assertIn("No such file", str(error))

    def test_withoutLibrary(self) -> None:
        """
        Where bcrypt is not installed, the error says how to install it.
        """
        self.patch(passwords, "bcrypt", None)
        error = self.assertRaises(ValueError, PasswordFile, self.path, self.inThread)
        self.assertIn("logrecv[auth]", str(error))


class ResourceTests(PasswordTestCase):
    """
    Tests for L{RecordResource} with passwords.
    """

    def setUp(self) -> None:
        """
        Mount a resource.
        """
        super().setUp()
        self.sink = MemorySink()
        self.intake = Intake(self.sink, Clock())
        resource = RecordResource(self.intake, passwords=self.file)
        self.treq = StubTreq(resource)

    def request(self, authorization: str | None, path: str = "/") -> Deferred[Any]:
        """
        Send a record.
        """
        headers = {"content-type": "application/x-www-form-urlencoded"}
        if authorization is not None:
            headers["authorization"] = authorization
        url = f"http://localhost{path}"
        return self.treq.post(url, data=makeForm(), headers=headers)

    def basic(self, user: str, password: str) -> str:
        """
        Make the header as C{HTTPHandler} does.
        """
        pair = f"{user}:{password}".encode()
        return "Basic " + b64encode(pair).decode("ascii")

    def test_right(self) -> None:
        """
        The record of a user is taken.
        """
        response = self.successResultOf(self.request(self.basic("bob", "b:ob")))
        self.assertEqual(response.code, 204)
        self.assertEqual(len(self.sink.records), 1)

    def test_wrong(self) -> None:
        """
        A record without a user's password is answered with 401, and counted.
        """
        for authorization in [
            None,
            "",
            "Basic",
            "Basic !!!",
            "Basic bm9jb2xvbg==",
            "Bearer x",
            self.basic("alice", "wrong"),
        ]:
            response = self.successResultOf(self.request(authorization))
            self.assertEqual(response.code, 401, authorization)
            self.assertEqual(
                response.headers.getRawHeaders("www-authenticate"),
                ['Basic realm="logrecv"'],
            )
        self.assertEqual(self.sink.records, [])
        self.assertEqual(self.intake.tallies["http"].rejected, {"unauthorized": 7})

    def test_busy(self) -> None:
        """
        Where too many passwords wait, the request is answered with 503.
        """
        self.immediately = False
        for number in range(HOST_CHECKS + 1):
            self.request(self.basic("alice", str(number)))
        response = self.successResultOf(self.request(self.basic("alice", "x")))
        self.assertEqual(response.code, 503)
        self.assertEqual(self.intake.tallies["http"].rejected, {"overload": 1})

    def test_madeRoom(self) -> None:
        """
        A request whose check has to make room is answered with 503, too.
        """
        self.immediately = False
        pending = self.request(self.basic("alice", "s3cret"))
        [(_, result)] = self.checks
        result.errback(Busy())
        self.treq.flush()
        self.assertEqual(self.successResultOf(pending).code, 503)
        self.assertEqual(self.intake.tallies["http"].rejected, {"overload": 1})

    def test_gone(self) -> None:
        """
        A record that has come whole is taken once its password is known to be
        right, even if the client is gone by then.
        """
        self.immediately = False
        resource = RecordResource(self.intake, passwords=self.file)
        site = Site(resource, reactor=MemoryReactorClock())
        protocol = site.buildProtocol(None)
        protocol.makeConnection(StringTransport())
        authorization = self.basic("alice", "s3cret").encode()
        protocol.dataReceived(
            b"GET /?msg=a HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n\r\n"
            % (authorization,)
        )
        protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.sink.records, [])
        [(check, result)] = self.checks
        result.callback(check())
        self.assertEqual(len(self.sink.records), 1)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_everywhere(self) -> None:
        """
        Nobody else learns which paths and methods there are, and JSON is counted
        as JSON.
        """
        for method, path in [("GET", "/"), ("PUT", "/x"), ("POST", "/records/")]:
            response = self.successResultOf(
                self.treq.request(method, f"http://localhost{path}")
            )
            self.assertEqual(response.code, 401)
        self.assertEqual(self.intake.tallies["http"].rejected, {"unauthorized": 2})
        self.assertEqual(self.intake.tallies["json"].rejected, {"unauthorized": 1})

    def test_page(self) -> None:
        """
        An answer that takes its time is as it would be at once.
        """
        response = self.successResultOf(
            self.treq.get(
                "http://localhost/",
                headers={"authorization": self.basic("alice", "s3cret")},
            )
        )
        self.assertEqual(response.code, 200)
