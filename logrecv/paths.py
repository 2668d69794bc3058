"""
Paths that the user names.
"""

from __future__ import annotations

import os


def usableDirectory(text: str) -> str:
    """
    Convert the path of a directory that logrecv creates or uses.  A relative path is
    relative to the present working directory: a runner may change the working
    directory before it starts the service.

    @return: The absolute path.
    @raise ValueError: It is certain that nothing can be written there.
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
