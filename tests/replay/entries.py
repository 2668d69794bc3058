"""
Files of a quarantine for tests, and their replay.
"""

from __future__ import annotations

import socket
from io import StringIO

from msgspec.json import Encoder

from logrecv.quarantine.segments import Entry, Via
from logrecv.replay.command import Replay
from logrecv.replay.options import ReplayOptions

encode = Encoder().encode


def makeEntry(via: Via, payload: bytes, reason: str = "malformed") -> Entry:
    """
    Make an entry.
    """
    return Entry("2023-11-14T22:13:21Z", via, "1.2.3.4:5", reason, payload)


def replay(*arguments: str) -> tuple[int, str, str]:
    """
    Replay.

    @return: The exit status, the report, and the errors.
    """
    options = ReplayOptions()
    options.parseOptions(arguments)
    report, errors = StringIO(), StringIO()
    return Replay(options, report, errors).run(), report.getvalue(), errors.getvalue()


def writeEntries(path: str, *entries: Entry) -> str:
    """
    Write a file of a quarantine.
    """
    with open(path, "wb") as file:
        file.writelines(encode(entry) + b"\n" for entry in entries)
    return path


def unusedPort() -> str:
    """
    Find an address where nobody listens.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"
