"""
Tests for L{logrecv.runners}.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger, LogLevel
from twisted.python import syslog
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from logrecv.runners import ownLogUnder


class SyslogTests(SynchronousTestCase):
    """
    Tests for C{twistd --syslog}.
    """

    def test_syslog(self) -> None:
        """
        Events go to syslog in a thread, with their levels, and as they were.
        """
        if syslog is None:
            raise SkipTest("there is no syslog here")
        sent: list[tuple[Any, ...]] = []
        observer = syslog.SyslogObserver
        self.patch(observer, "openlog", lambda self, *each: None)
        self.patch(observer, "syslog", lambda self, *each: sent.append(each))
        runner = {"nodaemon": True, "syslog": True, "prefix": "logrecv"}
        log = ownLogUnder(runner, None, True)
        assert log.observer is not None
        logger = Logger("name", observer=log.observer)
        values = [1]
        logger.info("values {values}", values=values)
        values.append(2)
        try:
            raise ValueError("why")
        except ValueError:
            logger.failure("it failed", level=LogLevel.error)
        log.end()
        self.assertEqual(sent[0], (syslog.syslog.LOG_INFO, "[-] values [1]"))
        self.assertEqual({each[0] for each in sent[1:]}, {syslog.syslog.LOG_ALERT})
        self.assertIn("ValueError: why", sent[-1][1])


class ForeignTests(SynchronousTestCase):
    """
    Tests for runners that have a log of their own.
    """

    def test_logger(self) -> None:
        """
        An observer that the user named stays, and so does the one of a runner that
        nobody knows.
        """
        for runner in ({"nodaemon": True, "logger": object()}, {}):
            self.assertIsNone(ownLogUnder(runner, None, True).observer)
