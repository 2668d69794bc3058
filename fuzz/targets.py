"""
The targets of fuzzing: properties that must hold for any bytes, and seeds.
"""

from __future__ import annotations

import gzip
import importlib
import io
import json
import pickle
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import cache
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, NoReturn
from unittest import mock

from logrecv.formats.json import encodeJSON
from logrecv.formats.pretty import makePretty
from logrecv.formats.text import makeText
from logrecv.record import Origin, Record
from logrecv.wire.attributes import makeRecord
from logrecv.wire.errors import WireError
from logrecv.wire.forms.decode import parseForm
from logrecv.wire.forms.fast import readForm
from logrecv.wire.pickled import machine
from logrecv.wire.pickled.fast import PayloadReader
from logrecv.wire.pickled.machine import loads

DATA = Path(__file__).parent.parent / "tests" / "data"

ORIGIN = Origin("2023-11-14T22:13:20.250000Z", "tcp", "127.0.0.1:50000")

#: The characters that begin every further line of a record, and no first line.
BARS = ("|", "\u2502")

#: The code points that must not be in a line for people.
HIDDEN = {
    *range(0x20),
    *range(0x7F, 0xA0),
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
}

#: Bytes of JSON for each byte of a form, and for any form: JSON may write each
#: character of a merged message as six.
WRITTEN_PER_BYTE = 32
WRITTEN_AT_START = 32768

#: Seconds for each byte, and for any bytes: twenty times the time that a payload
#: of 64 KiB may take without instruments (20 ms), because the payload is also made
#: a record and written.
SECONDS_PER_BYTE = 20 * 0.020 / 65536
SECONDS_TO_START = 0.25

#: The longest seed, in bytes.
LONGEST_SEED = 1 << 16


class Target(NamedTuple):
    """
    A reader of bytes from anybody.

    @ivar check: A function that takes bytes, and raises if a property does not
        hold for the bytes.
    @ivar seeds: A function that gives captures and hostile payloads of the tests.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


def checkPickle(payload: bytes) -> None:
    """
    Any bytes must give a dict with text for keys or a L{WireError}, and any such
    dict a record that can be written.  The CPU time must fit the number of bytes.
    The fast path must give the same record as the slow path.
    """
    started = time.process_time()
    try:
        result = loads(payload)
    except WireError:
        pass
    else:
        assert type(result) is dict
        assert all(type(key) is str for key in result)
        _write(result, len(payload))
    _checkTime(started, len(payload))
    reader = PayloadReader(ORIGIN)
    made = _made(reader.read, payload)
    assert made == _made(_readSlowly, payload)
    if not reader.others:
        # A forward may send the payload on to a receiver that uses pickle.
        record = makeRecord(_Harmless(io.BytesIO(payload)).load(), ORIGIN, len(payload))
        assert made == encodeJSON([record])


class _Harmless(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise AssertionError(f"{module}.{name} would have been imported")


def _readSlowly(payload: bytes) -> Record:
    return makeRecord(loads(payload), ORIGIN, len(payload))


def _made(read: Callable[[bytes], Record], payload: bytes) -> bytes | str:
    try:
        return encodeJSON([read(payload)])
    except WireError as error:
        return error.reason


def _write(attributes: dict[str, object], size: int) -> None:
    """
    Make a record and write it in every format.
    """
    try:
        record = makeRecord(attributes, ORIGIN, size)
    except WireError:
        return
    for encode in encodeJSON, makeText(), makePretty(color=True):
        line = encode([record])
        assert line.endswith(b"\n")
        line.decode("utf-8")


def checkForm(body: bytes) -> None:
    """
    Any bytes must give attributes or a L{WireError}, and any attributes a record
    that can be written: one line of JSON, and lines for people that hide nothing
    and cannot pass for the lines of another record.  The CPU time and the output
    must fit the number of bytes.  The fast path must give the same record as the
    slow path.
    """
    started = time.process_time()
    try:
        record = readForm(body, ORIGIN)
    except WireError:
        pass
    else:
        line = encodeJSON([record])
        assert line.count(b"\n") == 1
        assert line.endswith(b"}\n")
        assert type(json.loads(line)["message"]) is str
        assert len(line) <= WRITTEN_AT_START + WRITTEN_PER_BYTE * len(body), len(line)
        for encode in makeText(), makePretty(color=False):
            first, *further = encode([record]).decode("utf-8").split("\n")
            assert further.pop() == ""
            assert not first.lstrip().startswith(BARS)
            assert all(each.lstrip().startswith(BARS) for each in further)
            assert HIDDEN.isdisjoint(map(ord, first + "".join(further)))
    _checkTime(started, len(body))
    assert _made(_readForm, body) == _made(_readFormSlowly, body)


def _readForm(body: bytes) -> Record:
    return readForm(body, ORIGIN)


def _readFormSlowly(body: bytes) -> Record:
    return makeRecord(parseForm(body), ORIGIN, len(body))


def _checkTime(started: float, size: int) -> None:
    taken = time.process_time() - started
    assert taken < SECONDS_TO_START + SECONDS_PER_BYTE * size, taken


def checkForms(payload: bytes) -> None:
    """
    The compiled pickle machine and the machine as Python must give the same value
    or the same reason.
    """
    assert _outcome(loads, payload) == _outcome(_uncompiled().loads, payload)


def _outcome(loads: Callable[[bytes], object], payload: bytes) -> object:
    try:
        result = loads(payload)
    except WireError as error:
        return error.reason
    return _shown(result, 0, {})


def _shown(value: Any, depth: int, seen: dict[int, int]) -> object:
    """
    Show a decoded value in a form that can be compared.  Two values have the same
    form only if they have the same types, contents and shared containers.

    @param seen: The order in which the containers were found, by their ids.
    """
    kind = type(value).__name__
    if kind in ("dict", "list", "tuple", "Call"):
        if id(value) in seen or depth > 200:
            return ("seen", seen.get(id(value)))
        seen[id(value)] = len(seen)
    if kind == "dict":
        value = list(value.items())
    elif kind == "Global":
        value = (value.module, value.name)
    elif kind == "Call":
        parts = ("function", "args", "kwargs", "state", "items", "pairs")
        value = [getattr(value, part) for part in parts]
    if isinstance(value, (list, tuple)):
        return kind, [_shown(each, depth + 1, seen) for each in value]
    # The repr tells -0.0 from 0.0, and finds one NaN equal to another.
    return kind, repr(value)


@cache
def _uncompiled() -> ModuleType:
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
        module = importlib.import_module(name)
    assert not module.COMPILED
    return module


def pickleSeeds() -> Iterator[bytes]:
    """
    Give the captured and the hostile pickles.
    """
    for line in _captures("hostile.jsonl.gz", "wire/*.gz"):
        if "pickle" in line:
            yield b64decode(line["pickle"])
        elif line["via"] == "socket":
            yield b64decode(line["wire"])[4:]


def formSeeds() -> Iterator[bytes]:
    """
    Give the captured forms.
    """
    for line in _captures("wire/*.gz"):
        request = b64decode(line["wire"])
        if line["via"] == "http-post":
            yield request.partition(b"\r\n\r\n")[2]
        elif line["via"] == "http-get":
            yield request.split(b" ", 2)[1].partition(b"?")[2]


def _captures(*patterns: str) -> Iterator[dict[str, Any]]:
    for pattern in patterns:
        for path in sorted(DATA.glob(pattern)):
            with gzip.open(path, "rt", encoding="utf-8") as file:
                yield from map(json.loads, file)


TARGETS = {
    "pickles": Target(checkPickle, pickleSeeds),
    "forms": Target(checkForm, formSeeds),
    "compiled": Target(checkForms, pickleSeeds),
}
