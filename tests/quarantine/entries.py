"""
Entries of a quarantine for tests, and the entries that a quarantine has on disk.
"""

from __future__ import annotations

from pathlib import Path

from msgspec.json import Decoder

from logrecv.quarantine.segments import Entry
from logrecv.record import Origin

ORIGIN = Origin("2023-11-14T22:13:21.000000Z", "tcp", "127.0.0.1:50000")

_decode = Decoder(Entry).decode


def makeEntry(payload: bytes = b"x") -> Entry:
    """
    Make an entry.
    """
    return Entry(ORIGIN.at, "tcp", ORIGIN.peer, "malformed", payload)


def entriesIn(directory: str | Path) -> list[Entry]:
    """
    Read all entries in quarantine, the oldest first.
    """
    files = sorted(Path(directory).iterdir())
    return [_decode(line) for file in files for line in file.read_bytes().splitlines()]


def sizeOf(directory: str | Path) -> int:
    """
    Add up the bytes of all files.
    """
    return sum(file.stat().st_size for file in Path(directory).iterdir())
