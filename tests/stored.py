"""
Files that an earlier version has stored.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

#: Made by the version of November 2026: a spool as it was after a kill, the same
#: spool as it was after a stop, and a file with the names of three batches.  The
#: spool had L{STORED_PARTS} parts of one record each, of which some share a page and
#: some fill several.  The first L{STORED_SENT} parts were sent and confirmed; the
#: chunk L{STORED_CHUNK}, of three parts, was in flight.
ARCHIVE = Path(__file__).with_name("data") / "stored.tar.gz"

STORED_PARTS = 30
STORED_SENT = 4
STORED_CHUNK = "f0bf3cc34ef0c30c-5"


def unpackStored(directory: str) -> Path:
    """
    Unpack the files.

    @param directory: A directory that does not exist yet.
    @return: The directory; in it are C{killed}, C{stopped} and C{state}.
    """
    path = Path(os.path.abspath(directory))
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(path, filter="data")
    return path


def storedPart(number: int) -> bytes:
    """
    Make the data of a part.

    @param number: The number of the part, from 0 on.
    """
    text = b"%02d" % number * [20, 150, 1500, 4500][number % 4]
    return b'{"message":"%d %s"}\n' % (number, text)
