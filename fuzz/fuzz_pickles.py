"""
A coverage-guided fuzz target for L{logrecv.wire.pickles}, and for what becomes
of its result; see C{README.rst}.

Any bytes must give a dict with text for keys or a L{WireError}, and any such
dict a record that can be written; both use no more CPU time than is right for
the number of bytes.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from base64 import b64decode
from pathlib import Path

import atheris

with atheris.instrument_imports():
    from logrecv.formats import encodeJSON, makePretty, makeText
    from logrecv.record import Origin
    from logrecv.wire.errors import WireError
    from logrecv.wire.fields import makeRecord
    from logrecv.wire.pickles import loads

DATA = Path(__file__).parent.parent / "tests" / "data"

ORIGIN = Origin("2023-11-14T22:13:20.250000Z", "tcp", "127.0.0.1:50000")
FORMATS = (encodeJSON, makeText(), makePretty(color=True))

#: Seconds for each byte, and for a start: twenty times what a payload of 64 KiB
#: may take without instruments (20 ms), as it is also made a record and written.
SECONDS_PER_BYTE = 20 * 0.020 / 65536
SECONDS_TO_START = 0.25


def check(payload: bytes) -> None:
    """
    Decode one payload.
    """
    started = time.process_time()
    try:
        result = loads(payload)
    except WireError:
        pass
    else:
        assert type(result) is dict
        assert all(type(key) is str for key in result)
        write(result, len(payload))
    taken = time.process_time() - started
    assert taken < SECONDS_TO_START + SECONDS_PER_BYTE * len(payload), taken


def write(attributes: dict[str, object], size: int) -> None:
    """
    Make a record and write it in every format.
    """
    try:
        record = makeRecord(attributes, ORIGIN, size)
    except WireError:
        return
    for encode in FORMATS:
        line = encode([record])
        assert line.endswith(b"\n")
        line.decode("utf-8")


def seed(corpus: Path) -> None:
    """
    Write captures and hostile pickles where the fuzzer looks for a beginning.
    """
    corpus.mkdir(parents=True, exist_ok=True)
    for path in [DATA / "hostile.jsonl.gz", *sorted((DATA / "wire").glob("*.gz"))]:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(map(json.loads, file)):
                if "pickle" in line:
                    payload = b64decode(line["pickle"])
                elif line["via"] == "socket":
                    payload = b64decode(line["wire"])[4:]
                else:
                    continue
                if len(payload) <= 1 << 16:
                    (corpus / f"{path.name}-{number}").write_bytes(payload)


def main() -> None:
    """
    Fuzz until stopped, or seed a directory.
    """
    if sys.argv[1:2] == ["--seed"]:
        seed(Path(sys.argv[2]))
        return
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
