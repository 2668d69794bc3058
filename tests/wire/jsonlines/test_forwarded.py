"""
Tests for L{logrecv.wire.jsonlines.forwarded}.
"""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from logrecv.record import Origin, Record
from logrecv.testing import makeRecord
from logrecv.wire import effort
from logrecv.wire.jsonlines.decode import makeRecords, parseJSON
from logrecv.wire.jsonlines.forwarded import HOPS, PEER_LENGTH, readForwarded

HERE = Origin("2026-11-22T10:30:00.000000Z", "json", "192.0.2.1:5000")


def form(**changes: Any) -> dict[str, Any]:
    """
    Make the form of a record, as an object.
    """
    sent: dict[str, Any] = msgspec.to_builtins(makeRecord())
    return {**sent, **changes}


class ForwardedTests(SynchronousTestCase):
    """
    L{readForwarded}.
    """

    def test_same(self) -> None:
        """
        A record of another logrecv is kept as it is, whatever is in it.
        """
        record = makeRecord(
            "merged",
            msg="%s",
            args="('merged',)",
            extra={"received": 1, "extra": {"a": []}, "name": None, "hops": 2.5},
            repaired=["name", "x"],
            hops=[HERE],
            levelno=None,
            levelname="odd",
        )
        sent = msgspec.to_builtins(record)
        self.assertEqual(readForwarded(sent), record)

    def test_noTime(self) -> None:
        """
        A record without C{created} is kept as well.
        """
        record = makeRecord(created=None, time="2026-11-22T10:30:00.000001Z")
        self.assertEqual(readForwarded(msgspec.to_builtins(record)), record)

    def test_hops(self) -> None:
        """
        Each logrecv that receives a record adds its sender as a hop.
        """
        record = makeRecord()
        for count in (1, 2):
            [parsed] = parseJSON(msgspec.json.encode(record))
            [record] = makeRecords([parsed], HERE)
            self.assertEqual(record.hops, [HERE] * count)
        record.hops = None
        self.assertEqual(record, makeRecord())

    def test_others(self) -> None:
        """
        An object that is not quite of that form is somebody's own JSON.
        """
        origin = msgspec.to_builtins(HERE)
        for changes in [
            {"received": None},
            {"received": "here"},
            {"received": {**origin, "at": "now"}},
            {"received": {**origin, "at": "2026-13-22T10:30:00.000000Z"}},
            {"received": {**origin, "via": "mail"}},
            {"received": {**origin, "peer": 5}},
            {"received": {**origin, "peer": "x" * (PEER_LENGTH + 1)}},
            {"hops": {}},
            {"hops": [origin] * (HOPS + 1)},
            {"hops": [{"at": "now"}]},
            {"repaired": "name"},
            {"repaired": [1]},
            {"user": "bob"},
            {"levelno": "20"},
            {"lineno": 2**64},
            {"process": -(2**63) - 1},
            {"time": "2023-11-14T22:13:20.250001Z"},
            {"time": "yesterday", "created": None},
            {"time": 5},
            {"message": "\udcff"},
            {"extra": {"a": "\udcff"}},
            {"extra": {"a": [{"b": 2**70}]}},
            {"extra": {"a": float("inf")}},
            {"msecs": float("nan")},
            {"created": float("inf")},
            {"extra": [1]},
        ]:
            self.assertIsNone(readForwarded(form(**changes)), changes)
        sent = form()
        del sent["received"]
        self.assertIsNone(readForwarded(sent))

    def test_tooManyValues(self) -> None:
        """
        An object with more values than any logrecv writes is somebody's own.
        """
        self.assertIsNotNone(readForwarded(form(extra={"a": [[]] * 10_000})))
        self.assertIsNone(readForwarded(form(extra={"a": [[]] * effort.MAX_EFFORT})))

    def test_malformedStays(self) -> None:
        """
        A C{received} of another form is an extra.
        """
        body = msgspec.json.encode(form(received={"at": "x"}))
        [record] = makeRecords(parseJSON(body), HERE)
        self.assertEqual(record.extra, {"received": {"at": "x"}})
        self.assertEqual((record.received, record.hops), (HERE, None))

    def test_contract(self) -> None:
        """
        The hops follow on the reception in the form of a record.
        """
        fields = Record.__struct_fields__
        self.assertEqual(fields[-3:], ("received", "hops", "repaired"))
