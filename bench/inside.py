"""
What is measured inside one process: the decoder and the formats.
"""

from __future__ import annotations

import gc
import importlib.machinery
import importlib.util
import logging
import pickle
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from bench import traffic
from bench.rows import NotHere, Round, Row, Scale
from logrecv.formats.pretty import makePretty
from logrecv.formats.text import makeText
from logrecv.record import Origin
from logrecv.wire.attributes import makeRecord
from logrecv.wire.pickled import machine as pickles

ORIGIN = Origin("2026-01-01T00:00:00.000000Z", "tcp", "127.0.0.1:50000")


def cpuOf(function: Callable[[], object], times: int) -> float:
    """
    Tell the CPU time of one call, in microseconds.
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

    @param count: The records that a call is for.
    """
    total = [0.0, 0.0]
    for _ in range(8):
        for which, function in enumerate((ours, peers)):
            total[which] += cpuOf(function, max(times // 8, 1)) / 8 / count
    return Round(total[0] / total[1], total[0], total[1])


def uncompiled() -> ModuleType:
    """
    Load the pickle machine as Python, whatever is installed.
    """
    path = str(Path(pickles.__file__).parent / "machine.py")
    loader = importlib.machinery.SourceFileLoader("logrecv.wire.pickled.machine", path)
    spec = importlib.util.spec_from_loader("logrecv.wire.pickled.machine", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _decode(machine: ModuleType, scale: Scale, times: int) -> Round:
    payloads = [frame[4:] for frame in traffic.frames()]
    ours, peers = machine.loads, pickle.loads

    def loop(loads: Callable[[bytes], object]) -> None:
        for payload in payloads:
            loads(payload)

    return alternate(
        lambda: loop(ours), lambda: loop(peers), len(payloads), scale(times, 8)
    )


def decodeCompiled(scale: Scale) -> Round:
    """
    Decode stock records with the compiled machine, and with C{pickle.loads}.
    """
    if not pickles.COMPILED:
        raise NotHere("the pickle machine is not compiled here")
    return _decode(pickles, scale, 160)


def decodePython(scale: Scale) -> Round:
    """
    Decode stock records with the machine as Python, and with C{pickle.loads}.
    """
    return _decode(uncompiled(), scale, 40)


def formats(scale: Scale) -> Round:
    """
    Write records as text and as pretty lines, and with C{logging.Formatter}; the
    slower of the two counts.
    """
    sent = traffic.makeRecords()
    records = [
        makeRecord(pickles.loads(frame[4:]), ORIGIN, len(frame))
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
    Have C{orjson} read so many lines and write them again, in this process.

    @return: The CPU time of that, in seconds.
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
