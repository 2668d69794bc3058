"""
The measurements inside one process: the decoder and the formats.
"""

from __future__ import annotations

import gc
import importlib
import logging
import pickle
import sys
import time
from collections.abc import Callable, Sequence
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TypeAlias
from unittest import mock

from bench import traffic
from bench.rows import NotHere, Round, Row, Scale
from logrecv.formats.pretty import makePretty
from logrecv.formats.text import makeText
from logrecv.record import Origin
from logrecv.wire.attributes import makeRecord
from logrecv.wire.pickled import machine

Loads: TypeAlias = Callable[[bytes], object]

ORIGIN = Origin("2026-01-01T00:00:00.000000Z", "tcp", "127.0.0.1:50000")


def cpuOf(function: Callable[[], object], times: int) -> float:
    """
    Measure the CPU time of one call, in microseconds.
    """
    gc.collect()
    begin = time.process_time()
    for _ in range(times):
        function()
    return (time.process_time() - begin) / times * 1e6


def alternate(
    ours: Callable[[], object], peers: Callable[[], object], count: int, times: int
) -> Round:
    """
    Measure two functions in turns, in eight short pieces each.

    @param count: The number of records of one call.
    """
    total = [0.0, 0.0]
    for _ in range(8):
        for which, function in enumerate((ours, peers)):
            total[which] += cpuOf(function, max(times // 8, 1)) / 8 / count
    return Round(total[0] / total[1], total[0], total[1])


def uncompiled() -> ModuleType:
    """
    Load the pickle machine, and the modules beside it, as Python, even where
    compiled modules are installed.
    """
    name = machine.__name__
    package = importlib.import_module(name.rpartition(".")[0])
    directory = str(Path(machine.__file__).parent)
    finder = FileFinder(directory, (SourceFileLoader, SOURCE_SUFFIXES))
    imported = [each for each in sys.modules if each.startswith(package.__name__ + ".")]
    with (
        mock.patch.dict(sys.path_importer_cache, {directory: finder}),
        mock.patch.dict(sys.modules),
        mock.patch.dict(vars(package)),
    ):
        for each in imported:
            del sys.modules[each]
        return importlib.import_module(name)


def _decode(ours: Loads, scale: Scale, times: int) -> Round:
    payloads = [frame[4:] for frame in traffic.frames()]

    def loop(loads: Loads) -> None:
        for payload in payloads:
            loads(payload)

    return alternate(
        lambda: loop(ours), lambda: loop(pickle.loads), len(payloads), scale(times, 8)
    )


def decodeCompiled(scale: Scale) -> Round:
    """
    Decode stock records with the compiled machine, and with C{pickle.loads}.
    """
    if not machine.COMPILED:
        raise NotHere("the pickle machine is not compiled here")
    return _decode(machine.loads, scale, 160)


def decodePython(scale: Scale) -> Round:
    """
    Decode stock records with the machine as Python, and with C{pickle.loads}.
    """
    return _decode(uncompiled().loads, scale, 40)


def formats(scale: Scale) -> Round:
    """
    Write records as text and as pretty lines, and with C{logging.Formatter}; the
    slower format counts.
    """
    sent = traffic.makeRecords()
    records = [
        makeRecord(machine.loads(frame[4:]), ORIGIN, len(frame))
        for frame in traffic.frames()
    ]
    formatter = logging.Formatter("%(asctime)s %(levelname)-8s %(name)s: %(message)s")

    def format(records: Sequence[logging.LogRecord]) -> None:
        for record in records:
            formatter.format(record)

    rounds = [
        alternate(
            lambda encode=encode: encode(records),  # type: ignore[misc]
            lambda: format(sent),
            len(records),
            scale(40, 8),
        )
        for encode in (makeText(), makePretty(color=True))
    ]
    return max(rounds, key=lambda each: each.value)


def linesInside(count: int) -> float:
    """
    Have C{orjson} read lines and write the lines again, in this process.

    @param count: The number of lines.
    @return: The CPU time in seconds.
    """
    try:
        import orjson
    except ImportError:
        raise NotHere("orjson is not installed") from None
    lines = traffic.lines()
    times = count // len(lines)

    def loop() -> None:
        for line in lines:
            orjson.dumps(orjson.loads(line))

    return cpuOf(loop, times) * times / 1e6


ROWS = (
    Row(
        "decode",
        "decode one stock record: compiled machine / pickle.loads",
        *(0.9, 1.5, decodeCompiled),
        absolute="us",
    ),
    Row(
        "decode-python",
        "the same uncompiled",
        *(7, 10, decodePython),
        absolute="us",
    ),
    Row(
        "formats",
        "the pretty and text formats, CPU per record / logging.Formatter.format",
        *(1, 1.5, formats),
        absolute="us",
    ),
)
