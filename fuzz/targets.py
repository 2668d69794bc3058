"""
What has to hold for any bytes, and bytes to begin with.
"""

from __future__ import annotations

import gzip
import importlib.machinery
import importlib.util
import io
import json
import pickle
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

from logrecv.formats.json import encodeJSON
from logrecv.formats.pretty import makePretty
from logrecv.formats.text import makeText
from logrecv.record import Origin, Record
from logrecv.wire.attributes import makeRecord
from logrecv.wire.errors import WireError
from logrecv.wire.forms.decode import parseForm
from logrecv.wire.forms.fast import readForm
from logrecv.wire.pickled import machine as pickles
from logrecv.wire.pickled.fast import PayloadReader

DATA = Path(__file__).parent.parent / "tests" / "data"

ORIGIN = Origin("2023-11-14T22:13:20.250000Z", "tcp", "127.0.0.1:50000")

#: What begins the further lines of a record, and no first line.
BARS = ("|", "\u2502")

#: Code points that no line for people may have.
HIDDEN = {
    *range(0x20),
    *range(0x7F, 0xA0),
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
}

#: Bytes of JSON for each byte of a form, and for a start: each character that a
#: message is merged to may be written as six.
WRITTEN_PER_BYTE = 32
WRITTEN_AT_START = 32768

#: Seconds for each byte, and for a start: twenty times what a payload of 64 KiB
#: may take without instruments (20 ms), as it is also made a record and written.
SECONDS_PER_BYTE = 20 * 0.020 / 65536
SECONDS_TO_START = 0.25

#: The longest bytes to begin with.
LONGEST_SEED = 1 << 16


class Target(NamedTuple):
    """
    Something that takes bytes from anybody.

    @ivar check: Raises unless all that has to hold does for the bytes it is
        given.
    @ivar seeds: Gives the captures and the hostile payloads of the tests.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]


def checkPickle(payload: bytes) -> None:
    """
    Any bytes must give a dict with text for keys or a L{WireError}, and any such
    dict a record that can be written; both use no more CPU time than is right
    for the number of bytes.  The short way must come to the same.
    """
    started = time.process_time()
    try:
        result = pickles.loads(payload)
    except WireError:
        pass
    else:
        assert type(result) is dict
        assert all(type(key) is str for key in result)
        _write(result, len(payload))
    _checkTime(started, len(payload))
    reader = PayloadReader(ORIGIN)
    made = _made(reader.read, payload)
    assert made == _made(_longWay, payload)
    if not reader.others:
        # It may be sent on to who has but pickle.
        record = makeRecord(_Harmless(io.BytesIO(payload)).load(), ORIGIN, len(payload))
        assert made == encodeJSON([record])


class _Harmless(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise AssertionError(f"{module}.{name} would have been imported")


def _longWay(payload: bytes) -> Record:
    return makeRecord(pickles.loads(payload), ORIGIN, len(payload))


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
    and cannot pass for those of another record.  Both use no more CPU time, and
    write no more, than is right for the number of bytes.  The short way must come
    to the same.
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
    assert _made(_readForm, body) == _made(_longWayOfForms, body)


def _readForm(body: bytes) -> Record:
    return readForm(body, ORIGIN)


def _longWayOfForms(body: bytes) -> Record:
    return makeRecord(parseForm(body), ORIGIN, len(body))


def _checkTime(started: float, size: int) -> None:
    taken = time.process_time() - started
    assert taken < SECONDS_TO_START + SECONDS_PER_BYTE * size, taken


def checkForms(payload: bytes) -> None:
    """
    The pickle machine comes to the same, compiled or not.
    """
    assert _outcome(pickles, payload) == _outcome(_uncompiled(), payload)


def _outcome(machine: Any, payload: bytes) -> object:
    try:
        result = machine.loads(payload)
    except WireError as error:
        return error.reason
    return _shown(machine, result, 0, {})


def _shown(machine: Any, value: Any, depth: int, seen: dict[int, int]) -> object:
    """
    @param seen: Where the containers that have been shown were found.
    @return: What is equal only for what the machine took to be the same.
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
        return kind, [_shown(machine, each, depth + 1, seen) for each in value]
    # The repr tells -0.0 from 0.0, and one that is no number from another.
    return kind, repr(value)


_loaded: list[ModuleType] = []


def _uncompiled() -> ModuleType:
    """
    @return: The pickle machine as Python, whatever is installed.
    """
    if not _loaded:
        path = str(Path(pickles.__file__).parent / "machine.py")
        name = "logrecv.wire.pickled.machine"
        loader = importlib.machinery.SourceFileLoader(name, path)
        spec = importlib.util.spec_from_loader(name, loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        assert not module.COMPILED
        _loaded.append(module)
    return _loaded[0]


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
