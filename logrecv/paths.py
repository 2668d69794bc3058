"""
Files and directories that only their owner may read, and names that survive a
power cut.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

#: Permissions of files and directories that hold records for logrecv's own use:
#: records may hold secrets, so nobody but the owner reads them.
_PRIVATE_FILE_MODE: Final = 0o600
_PRIVATE_DIRECTORY_MODE: Final = 0o700


def openPrivate(path: str, flags: int) -> int:
    """
    Open a file for this process alone.  A new file gets permissions for its
    owner only.

    @param flags: Flags of C{os.open}.  (C{open} calls its C{opener} with these
        arguments.)
    @return: The descriptor, which programs that this one starts do not inherit.
    @raise OSError: The file cannot be opened.
    """
    return os.open(path, flags | os.O_CLOEXEC, _PRIVATE_FILE_MODE)


def makePrivateFile(path: str) -> None:
    """
    Make an empty file with permissions for its owner only.  Leave a file alone
    that exists.

    @raise OSError: The file cannot be made.
    """
    os.close(openPrivate(path, os.O_RDWR | os.O_CREAT))


def makePrivateDirectory(path: str) -> None:
    """
    Make a directory with permissions for its owner only.  Leave a directory
    alone that exists.

    @raise OSError: The directory cannot be made.
    """
    with suppress(FileExistsError):
        os.mkdir(path, _PRIVATE_DIRECTORY_MODE)


def removeIfPresent(path: str) -> None:
    """
    Remove a file, if it exists.

    @raise OSError: The file cannot be removed.
    """
    with suppress(FileNotFoundError):
        os.unlink(path)


def syncDirectory(path: str) -> None:
    """
    Make sure that the names in a directory survive a power cut.

    @raise OSError: The disk cannot promise that.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def usableDirectory(text: str) -> str:
    """
    Convert the path of a directory that logrecv may make and fill.  A relative
    path is relative to the directory of the process now: a runner may go
    elsewhere before it starts the service.

    @return: The absolute path.
    @raise ValueError: It is sure that nothing can be written there.
    """
    path = os.path.abspath(text)
    parent = os.path.dirname(path)
    if not text:
        raise ValueError("give the path of a directory")
    if os.path.isdir(path):
        if not os.access(path, os.W_OK | os.X_OK):
            raise ValueError("no file may be made in this directory")
    elif os.path.lexists(path):
        raise ValueError("it is not a directory")
    elif not os.path.isdir(parent):
        raise ValueError(f"there is no directory {parent}; make it first")
    elif not os.access(parent, os.W_OK | os.X_OK):
        raise ValueError(f"no directory may be made in {parent}")
    return path
