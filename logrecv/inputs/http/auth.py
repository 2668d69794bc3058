"""
Users and passwords of the HTTP input, for C{HTTPHandler(credentials=…)}.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final, cast

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logrecv.inputs.http.checks import CheckQueue
from logrecv.interfaces import IReopenable

try:
    import bcrypt
except ImportError:
    bcrypt = None  # type: ignore[assignment]

#: A line of the file, as C{htpasswd -nB} prints it.
_LINE: Final = re.compile(rb"([^:]+):(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})")

#: The costs that a hash may have: the exponent of the number of its rounds.  bcrypt
#: knows none below 4, and a check of cost 15 takes two seconds, in which no other
#: password is checked.
_COSTS: Final = range(4, 16)


@implementer(IReopenable)
@define(eq=False)
class PasswordFile:
    """
    A file with a user on each line: the name, a colon, and the bcrypt hash of
    the password::

        passwords = PasswordFile("/etc/logrecv/passwords", deferToThread)
        resource = RecordResource(intake, passwords=passwords)

    @ivar path: The path of the file.
    @ivar inThread: Runs a function in a thread.
    """

    _log: ClassVar[Logger] = Logger()

    path: str
    inThread: Callable[[Callable[[], bool]], Deferred[bool]]
    _hashes: dict[bytes, bytes] = field(init=False)
    #: The proof that each user has given, made with a secret of this process, so
    #: that a client that sends record after record is checked slowly once.
    _proofs: dict[bytes, bytes] = field(factory=dict, init=False)
    _secret: bytes = field(factory=lambda: os.urandom(32), init=False)
    #: The proofs that are being checked, and who waits for the result of the first.
    _underWay: dict[bytes, list[Deferred[bool]]] = field(factory=dict, init=False)
    _checks: CheckQueue = field(init=False)

    def __attrs_post_init__(self) -> None:
        """
        Read the file.

        @raise ValueError: The file cannot be used.
        """
        self._hashes = self._read()
        self._checks = CheckQueue(self.inThread)

    def reopen(self) -> None:
        """
        Read the file again.  A file that cannot be used is logged, and the users
        stay as they were.
        """
        before = self._hashes
        try:
            self._hashes = self._read()
        except ValueError as error:
            self._log.error("{path}: {error}", path=self.path, error=error)
        for user in list(self._proofs):
            if self._hashes.get(user) != before[user]:
                del self._proofs[user]

    def check(
        self, user: bytes, password: bytes, host: str | None = None
    ) -> Deferred[bool]:
        """
        Check a password.

        @param host: The host of the client, which waits for the checks of this host.
        @return: As L{CheckQueue.run}, with C{True} if the password is that of the user.
        @raise logrecv.inputs.http.checks.Busy: As L{CheckQueue.run}.
        """
        proof = hmac.digest(self._secret, user + b"\0" + password, "sha256")
        if hmac.compare_digest(self._proofs.get(user, b""), proof):
            return succeed(True)
        if proof in self._underWay:
            # Many processes of a host may send their first records at the same time.
            result: Deferred[bool] = Deferred()
            self._underWay[proof].append(result)
            return result
        hashed = self._hashes.get(user)
        check = partial(self._matches, password, hashed or self._decoy(user))
        checked = self._checks.run(host, check)
        followers = self._underWay[proof] = []

        def finished(outcome: bool | Failure) -> bool | Failure:
            del self._underWay[proof]
            if outcome is True and hashed is None:
                outcome = False
            # Unless the file has been read again meanwhile.
            if outcome is True and self._hashes.get(user) == hashed:
                self._proofs[user] = proof
            for each in followers:
                each.callback(outcome)
            return outcome

        return cast("Deferred[bool]", checked.addBoth(finished))

    def _decoy(self, user: bytes) -> bytes:
        """
        Choose the hash that the password of an unknown user is checked against: that of
        a user, always of the same one, so that the time tells nothing of who is known.
        """
        hashes = list(self._hashes.values())
        digest = hmac.digest(self._secret, user, "sha256")
        return hashes[int.from_bytes(digest, "big") % len(hashes)]

    @staticmethod
    def _matches(password: bytes, hashed: bytes) -> bool:
        try:
            return bcrypt.checkpw(password, hashed)
        except ValueError:
            return False  # Longer than bcrypt takes.

    def _read(self) -> dict[bytes, bytes]:
        """
        Read the hash of each user.

        @raise ValueError: The file cannot be used.
        """
        if bcrypt is None:
            raise ValueError("passwords need bcrypt; install logrecv[auth]")
        try:
            with open(self.path, "rb") as file:
                lines = file.read().splitlines()
        except OSError as error:
            raise ValueError(f"cannot be read: {error.strerror}") from None
        hashes = {}
        for number, line in enumerate(lines, start=1):
            if not line.strip() or line.startswith(b"#"):
                continue
            match = _LINE.fullmatch(line.strip())
            if match is None:
                raise ValueError(
                    f"line {number} is not NAME:HASH with a bcrypt hash, "
                    "as htpasswd -nB NAME prints it"
                )
            if int(match[2][4:6]) not in _COSTS:
                raise ValueError(
                    f"line {number} has a bcrypt hash of cost {int(match[2][4:6])}; "
                    f"the cost must be from {_COSTS[0]} to {_COSTS[-1]}, as of "
                    "htpasswd -nB -C 10 NAME"
                )
            hashes[match[1]] = match[2]
        if not hashes:
            raise ValueError("there is no user in it")
        return hashes
