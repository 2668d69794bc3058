"""
The output C{file}: its description.  L{logrecv.outputs.files} does the work.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Final

from logrecv.descriptions import Description, DescriptionError, fileMode, mapped
from logrecv.formats.json import encodeJSON
from logrecv.formats.text import makeText
from logrecv.group import WorkerGroup
from logrecv.interfaces import IRecordSink
from logrecv.outputs.context import OutputContext
from logrecv.outputs.files.archive import Archive
from logrecv.outputs.files.compression import compressionFromText
from logrecv.outputs.files.names import LONGEST_ADDITION_SIZE, collide
from logrecv.outputs.files.retention import keepAll, retentionFromText
from logrecv.outputs.files.rotation import Rotation
from logrecv.outputs.files.schedule import scheduleFromText
from logrecv.outputs.files.syncing import SYNC_DELAYS
from logrecv.outputs.files.writer import DEFAULT_MODE, FileWriter
from logrecv.outputs.keywords import takeFormat

#: The keywords that only files take.
FILE_KEYWORDS: Final = (
    "format", "text", "mode", "rotate", "keep", "compress", "sync",
)  # fmt: skip


def _usablePath(text: str) -> str:
    """
    Make the path of a file absolute: a runner may change the working directory
    before it starts the service.

    @raise ValueError: No such file can be written.
    """
    path = os.path.abspath(text)
    directory = os.path.dirname(path)
    if os.path.isdir(path):
        raise ValueError("it is a directory; give the path of a file in it")
    if os.path.exists(path):
        if not os.access(path, os.W_OK):
            raise ValueError("the file may not be written to")
    elif not os.path.isdir(directory):
        raise ValueError(f"there is no directory {directory}; make it first")
    elif not os.access(directory, os.W_OK | os.X_OK):
        raise ValueError(f"no file may be made in {directory}")
    return path


def _takeRotation(
    description: Description, path: str, clock: Callable[[], float], group: WorkerGroup
) -> Rotation:
    """
    Take the keywords C{rotate=}, C{keep=} and C{compress=} of a description.

    @param path: The path of the file, without symbolic links.
    @param group: The processes that write to the file.
    @raise DescriptionError: The value of a keyword cannot be used.
    """
    schedule = description.takeKeyword("rotate", scheduleFromText, None)
    keep = description.takeKeyword("keep", retentionFromText, None)
    compression = description.takeKeyword("compress", compressionFromText, None)
    if schedule is None:
        if keep or compression:
            raise DescriptionError(
                f"{'keep' if keep else 'compress'}= is for files that rotate= "
                "moved away; give it too, such as rotate=daily"
            )
        return Rotation(path)
    directory, base = os.path.split(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise DescriptionError(f"rotate= is for files, and {path} is none")
    longest = os.pathconf(directory, "PC_NAME_MAX") - LONGEST_ADDITION_SIZE
    if len(os.fsencode(base)) > longest:
        raise DescriptionError(
            f"rotate= makes the name of the file longer; it may have {longest} bytes"
        )
    archive = Archive(
        directory, base, clock, keep or keepAll, compression, group.lock()
    )
    return Rotation(path, schedule, archive, clock, not group.isSingle)


def parseFile(description: Description, context: OutputContext) -> IRecordSink:
    """
    Make the sink of
    C{file:PATH[:format=json|text][:text=TEMPLATE][:mode=640][:rotate=SIZE|hourly|daily][:keep=COUNT|DAYSd][:compress=gzip|zstd][:sync=none|interval|always][:queue=SIZE][:full=drop|pause][:spool=DIR][:spool-limit=SIZE]}.

    A relative path is relative to the working directory, and C{~} is an ordinary
    character.  Where the path of a file that is rotated is a symbolic link, the
    file behind the link is rotated, in its own directory.

    @raise logrecv.descriptions.DescriptionError: The description cannot be
        used.
    """
    clock = context.reactor.seconds
    path = description.takePositional("PATH", _usablePath)
    real = os.path.realpath(path)
    if "rotate" in description.keywords:
        path = real
    mode = description.takeKeyword("mode", fileMode, DEFAULT_MODE)
    delay = description.takeKeyword("sync", mapped(SYNC_DELAYS), math.inf)
    rotation = _takeRotation(description, real, clock, context.group)
    formats = {"json": encodeJSON, "text": makeText()}
    encode = takeFormat(description, formats, "json")
    lock = context.group.lock()
    group = context.group
    writer = FileWriter(path, mode, delay, rotation, clock, lock, group.id)
    sink = context.makeQueuedSink(
        description, encode, writer, full="pause", keywords=FILE_KEYWORDS
    )
    _claim(path, real, context.paths)
    return sink


def _claim(path: str, real: str, paths: set[str]) -> None:
    """
    Note that an output writes to a file.

    @param path: The path as the user gave it.
    @param real: The path without symbolic links.
    @param paths: The paths of the files of all outputs.
    @raise DescriptionError: Another output writes to the file, or its rotated
        files could have the name of the file.
    """
    if real in paths:
        raise DescriptionError(f"another output writes to {path}; give each its own")
    for other in paths:
        if collide(real, other):
            raise DescriptionError(
                f"{path} and {other}, of another output, look like rotated files "
                "of each other; choose another name"
            )
    paths.add(real)
