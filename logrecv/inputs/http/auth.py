"""
Users and passwords of the HTTP input, for C{HTTPHandler(credentials=…)}.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable
from typing import ClassVar, Final

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredSemaphore, succeed
from twisted.logger import Logger
from zope.interface import implementer

from logrecv.interfaces import IReopenable

try:
    import bcrypt
except ImportError:
    bcrypt = None  # type: ignore[assignment]

#: A line of the file, as C{htpasswd -nB} prints it.
_LINE: Final = re.compile(rb"([^:]+):(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})")

#: The hash that a password of an unknown user is checked against, so that the check
#: takes as long as that of a known user.
_NOBODY: Final = b"$2b$12$" + b"." * 53

#: Passwords that may wait to be checked.  A check takes a good part of a second
#: of one core by design; a client with the right password needs one check.
WAITING_CHECKS: Final = 32


class Busy(Exception):
    """
    Too many passwords wait to be checked.
    """


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
    _oneByOne: DeferredSemaphore = field(
        factory=lambda: DeferredSemaphore(1), init=False
    )

    def __attrs_post_init__(self) -> None:
        """
        Read the file.

        @raise ValueError: The file cannot be used.
        """
        self._hashes = self._read()

    def reopen(self) -> None:
        """
        Read the file again.  A file that cannot be used is logged, and the users
        stay as they were.
        """
        try:
            self._hashes = self._read()
        except ValueError as error:
            self._log.error("{path}: {error}", path=self.path, error=error)
        self._proofs.clear()

    def check(self, user: bytes, password: bytes) -> Deferred[bool]:
        """
        Check a password.

        @return: Fires with C{True} if the password is that of the user.
        @raise Busy: Too many passwords wait to be checked.
        """
        proof = hmac.digest(self._secret, user + b"\0" + password, "sha256")
        if hmac.compare_digest(self._proofs.get(user, b""), proof):
            return succeed(True)
        if len(self._oneByOne.waiting) >= WAITING_CHECKS:
            raise Busy
        hashed = self._hashes.get(user, _NOBODY)

        def matches() -> bool:
            try:
                return bcrypt.checkpw(password, hashed) and hashed is not _NOBODY
            except ValueError:
                return False  # Longer than bcrypt takes.

        def remember(correct: bool) -> bool:
            # Unless the file has been read again meanwhile.
            if correct and self._hashes.get(user) == hashed:
                self._proofs[user] = proof
            return correct

        checked: Deferred[bool] = self._oneByOne.run(self.inThread, matches)
        return checked.addCallback(remember)

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
            hashes[match[1]] = match[2]
        if not hashes:
            raise ValueError("there is no user in it")
        return hashes
