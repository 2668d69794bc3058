"""
The claim of a service to a file: no other service writes to the file meanwhile.

A claim is a lock on a byte far behind the end of the file.  The lock belongs to the
open file, so that it stays when the file is renamed, and ends when the process ends,
however that is.  The position of the byte tells the service, whose workers share the
file, and the process.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from contextlib import suppress
from itertools import count
from typing import Final

#: The bits of the position of a lock: the service, the process, and a number that no
#: other open file of the process has.
_PROCESS_BITS: Final = 24
_NUMBER_BITS: Final = 8
_SERVICE_BITS: Final = _PROCESS_BITS + _NUMBER_BITS

#: The largest number of a service.
MAX_SERVICE: Final = (1 << 30) - 1

#: The C structure C{flock}: type, whence, start, length, process.
_FLOCK: Final = struct.Struct("hhqqi")

_numbers: Final = count()


class FileTaken(OSError):
    """
    Another service writes to the file.
    """


def claim(descriptor: int, path: str, service: int) -> None:
    """
    Claim a file, unless it is a device or a FIFO.  Does nothing where the system or
    the file system has no such locks.

    @param descriptor: The descriptor of the file, which is closed if the claim fails.
    @param path: The path of the file, for the error message.
    @param service: The number of the service, the same for all its processes: from 1
        to L{MAX_SERVICE}.
    @raise FileTaken: Another service has claimed the file.
    """
    isRegular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    if not (isRegular and hasattr(fcntl, "F_OFD_SETLK")):
        return
    number = next(_numbers) % (1 << _NUMBER_BITS)
    start = service << _SERVICE_BITS
    own = start | os.getpid() % (1 << _PROCESS_BITS) << _NUMBER_BITS | number
    # First the lock, then the question: of two services that come at the same time,
    # both may be refused, but not none.
    with suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _lock(own, 1))
    for begin, length in ((0, start), (start + (1 << _SERVICE_BITS), 0)):
        other = _lockIn(descriptor, begin, length)
        if other is not None:
            os.close(descriptor)
            process = (other >> _NUMBER_BITS) % (1 << _PROCESS_BITS)
            raise FileTaken(
                f"another service writes to {path}: process {process}; give each "
                "service a file of its own"
            )


def _lock(start: int, length: int) -> bytes:
    return _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)


def _lockIn(descriptor: int, start: int, length: int) -> int | None:
    """
    Find the lock of another service in a part of the file.

    @param length: 0 for the rest of the file.
    @return: The position of the lock.
    """
    with suppress(OSError):
        query = _lock(start, length)
        found = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, query))
        kind, _, position, size, _ = found
        # Other programs lock whole files.
        if kind != fcntl.F_UNLCK and size == 1:
            return int(position)
    return None
