"""
A coverage-guided fuzz target for L{logrecv.wire.forms}, and for what becomes of
its result; see C{README.rst}.

Any bytes must give attributes or a L{WireError}, and any attributes a record
that can be written: one line of JSON, and lines for people that hide nothing and
cannot pass for those of another record.  Both use no more CPU time, and write no
more, than is right for the number of bytes.
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
    from logrecv.wire.forms import parseForm

DATA = Path(__file__).parent.parent / "tests" / "data"

ORIGIN = Origin("2023-11-14T22:13:20.250000Z", "http", "127.0.0.1:50000")
FORMATS = (makeText(), makePretty(color=False))

#: What begins the further lines of a record, and no first line.
BARS = ("|", "\u2502")

#: Code points that no line for people may have.
HIDDEN = {
    *range(0x20),
    *range(0x7F, 0xA0),
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
}

#: Bytes of JSON for each byte, and for a start: each character that a message is
#: merged to may be written as six.
WRITTEN_PER_BYTE = 32
WRITTEN_AT_START = 32768

#: Seconds for each byte, and for a start: twenty times what a payload of 64 KiB
#: may take without instruments (20 ms), as it is also written.
SECONDS_PER_BYTE = 20 * 0.020 / 65536
SECONDS_TO_START = 0.25


def check(body: bytes) -> None:
    """
    Read one form, and write what it says in every format.
    """
    started = time.process_time()
    try:
        record = makeRecord(parseForm(body), ORIGIN, len(body))
    except WireError:
        pass
    else:
        line = encodeJSON([record])
        assert line.count(b"\n") == 1
        assert line.endswith(b"}\n")
        assert type(json.loads(line)["message"]) is str
        assert len(line) <= WRITTEN_AT_START + WRITTEN_PER_BYTE * len(body), len(line)
        for encode in FORMATS:
            first, *further = encode([record]).decode("utf-8").split("\n")
            assert further.pop() == ""
            assert not first.lstrip().startswith(BARS)
            assert all(each.lstrip().startswith(BARS) for each in further)
            assert HIDDEN.isdisjoint(map(ord, first + "".join(further)))
    taken = time.process_time() - started
    assert taken < SECONDS_TO_START + SECONDS_PER_BYTE * len(body), taken


def seed(corpus: Path) -> None:
    """
    Write the captured forms where the fuzzer looks for a beginning.
    """
    corpus.mkdir(parents=True, exist_ok=True)
    for path in sorted((DATA / "wire").glob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(map(json.loads, file)):
                request = b64decode(line["wire"])
                if line["via"] == "http-post":
                    body = request.partition(b"\r\n\r\n")[2]
                elif line["via"] == "http-get":
                    body = request.split(b" ", 2)[1].partition(b"?")[2]
                else:
                    continue
                if len(body) <= 1 << 16:
                    (corpus / f"{path.name}-{number}").write_bytes(body)


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
