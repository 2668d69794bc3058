"""
The silence that covers those lines of Twisted's clients that no operator needs: one
for each attempt to connect, one for each C{1xx} answer.
"""

from __future__ import annotations

from typing import Final

from twisted.logger import ILogObserver, LogEvent, Logger
from zope.interface import implementer


@implementer(ILogObserver)
def _ignore(event: LogEvent) -> None:
    pass


#: A logger whose events go nowhere.
SILENT: Final = Logger(__name__, observer=_ignore)
