"""
Tests for C{bench}: what becomes of figures.  Nothing is measured here.
"""

from __future__ import annotations

import io
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from os import getpid
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from bench import command, draw, inside, outside, servers, traffic
from bench.draw import Drawing, fragment, relative
from bench.report import absolute, figure, machine, table
from bench.rows import NotHere, Result, Round, Row, Scale
from logrecv.wire.pickled.machine import loads
from tests.selection import slow

_DOCS = Path(__file__).parent.parent / "docs"

_SVG = "{http://www.w3.org/2000/svg}"


def row(measure: Callable[[Scale], Round], name: str = "row", **values: Any) -> Row:
    """
    Make a row with a goal of 1 of which 2 will do.
    """
    return Row(name, f"the text of {name}", 1, 2, measure, **values)


def found(*rounds: Round, **values: Any) -> dict[str, Any]:
    """
    Give the JSON of a row that had these rounds.
    """
    return Result(row(lambda scale: rounds[0], **values), list(rounds)).asJSON()


def results() -> dict[str, Any]:
    """
    Make what C{python -m bench --json} writes, of all sorts of rows.
    """
    rows = [
        found(Round(0.5, 1.0, 2.0), name="reached", absolute="us"),
        found(Round(1.5), Round(1.2), name="enough", unit="KiB"),
        found(Round(0.4, 250_000.0), name="short", absolute="/s", more=True),
        found(Round(0.0, 0.0, 3.0), name="nothing"),
        found(Round(900.0), name="far"),
        {**found(Round(1.0), name="broken"), "problem": "Traceback:\n  no <luck> & so"},
    ]
    rows[1]["text"] = "what takes <many> words & more of them to say " * 3
    about = {
        "date": "2026-01-02 03:04 UTC",
        "processor": "a processor",
        "processors": 2,
        "system": "Linux 1",
        "files": "in memory",
        "python": "3.11.0",
        "logrecv": "1",
        "decoder": "compiled",
        "twisted": "1",
    }
    settings = {"rounds": 2, "quick": True, "long": False}
    return {"machine": about, "settings": settings, "rows": rows}


class RowTests(SynchronousTestCase):
    """
    Tests for L{Row}, L{Result} and L{Scale}.
    """

    def test_names(self) -> None:
        """
        No two rows have the same name.
        """
        self.assertEqual(len(command.ROWS), len(inside.ROWS) + len(outside.ROWS))

    def test_goals(self) -> None:
        """
        The least figure that will do is never better than the goal.
        """
        for each in command.ROWS.values():
            self.assertTrue(each.isMet(each.goal, each.least), each.name)

    def test_isMet(self) -> None:
        """
        A figure that equals the wanted figure is good enough, in either direction.
        """
        less = row(lambda scale: Round(1))
        more = row(lambda scale: Round(1), more=True)
        self.assertEqual([less.isMet(v, 1) for v in (0.9, 1, 1.1)], [True, True, False])
        self.assertEqual([more.isMet(v, 1) for v in (0.9, 1, 1.1)], [False, True, True])

    def test_scale(self) -> None:
        """
        A share of a count is made of whole steps, and of one at least.
        """
        self.assertEqual(Scale()(5000), 5000)
        self.assertEqual(Scale(0.5)(5000), 2000)
        self.assertEqual(Scale(0.01)(5000), 1000)
        self.assertEqual(Scale(0.5)(40, 8), 16)

    def test_compare(self) -> None:
        """
        The work of a round is done in stints, each in turn, of whole steps; who is
        first changes, and with each round too; the figures do not.
        """
        order: list[str] = []

        def ours(count: int) -> float:
            order.append("ours")
            return count * 3e-6

        def peers(count: int) -> float:
            order.append("peers")
            self.assertEqual(count, 2000)
            return count * 2e-6

        found = Scale().compare(16_500, ours, peers)
        self.assertApproximates(found.value, 1.5, 1e-9)
        self.assertApproximates(found.ours, 3.0, 1e-9)
        self.assertApproximates(found.peers, 2.0, 1e-9)
        self.assertEqual(order, ["ours", "peers", "peers", "ours"] * 4)
        order.clear()
        found = Scale(number=1).compareRates(4000, ours, peers, stints=2)
        self.assertApproximates(found.value, 2 / 3, 1e-9)
        self.assertApproximates(found.ours, 1e6 / 3, 1e-3)
        self.assertApproximates(found.peers, 1e6 / 2, 1e-3)
        self.assertEqual(order, ["peers", "ours", "ours", "peers"])

    def test_figures(self) -> None:
        """
        Least, greatest and median are those of the figures, and that of the
        figures decides; each round is kept as it was, in its order.
        """
        shown = found(Round(3, 6, 2), Round(1, 5, 5), Round(2, 9, 4.5))
        self.assertEqual(
            [shown[name] for name in ("minimum", "median", "maximum")], [1, 2, 3]
        )
        self.assertEqual((shown["ours"], shown["peers"]), (6, 4.5))
        self.assertEqual(shown["meets"], "least")
        self.assertEqual(
            shown["rounds"][0], {"value": 3, "ours": 6, "peers": 2}, shown["rounds"]
        )
        self.assertEqual([each["value"] for each in shown["rounds"]], [3, 1, 2])
        self.assertEqual(found(Round(1))["meets"], "goal")
        self.assertEqual(found(Round(2.1))["meets"], "neither")
        self.assertEqual(found(Round(2.1), more=True)["meets"], "goal")

    def test_alone(self) -> None:
        """
        A row without a peer has neither a figure of logrecv nor one of a peer.
        """
        self.assertNotIn("ours", found(Round(1)))
        self.assertNotIn("peers", found(Round(1, 5)))


class MeasureTests(SynchronousTestCase):
    """
    Tests for C{python -m bench}.
    """

    def measure(self, rows: list[Row], rounds: int = 3) -> list[Result]:
        """
        Measure, and show nothing.
        """
        with redirect_stderr(io.StringIO()):
            return command.measure(rows, rounds, Scale())

    def test_rounds(self) -> None:
        """
        Rows take turns: a round of each, and then the next; some have one only.
        """
        order: list[tuple[str, int]] = []

        def noting(name: str) -> Callable[[Scale], Round]:
            def measure(scale: Scale) -> Round:
                order.append((name, scale.number))
                return Round(1)

            return measure

        rows = [row(noting("a")), row(noting("b"), once=True), row(noting("c"))]
        self.measure(rows, 2)
        self.assertEqual(order, [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("c", 1)])

    def test_failure(self) -> None:
        """
        A row that fails has no more rounds and says why; the others have theirs.
        """

        def fail(scale: Scale) -> Round:
            if scale.number:
                raise RuntimeError("3 of 5 records were written")
            return Round(7)

        def lack(scale: Scale) -> Round:
            raise NotHere("orjson is not installed")

        broken, missing, whole = self.measure(
            [row(fail), row(lack), row(lambda scale: Round(1))]
        )
        self.assertEqual(broken.problem, "RuntimeError: 3 of 5 records were written")
        self.assertEqual(broken.asJSON()["rounds"][0]["value"], 7)
        self.assertNotIn("median", broken.asJSON())
        self.assertEqual(missing.problem, "orjson is not installed")
        self.assertEqual([each.failed for each in (broken, missing, whole)], [1, 0, 0])
        self.assertEqual(len(whole.rounds), 3)

    def test_interrupted(self) -> None:
        """
        An interrupt keeps the rows that are complete, and marks the other rows.
        """

        def interrupt(scale: Scale) -> Round:
            if scale.number:
                raise KeyboardInterrupt
            return Round(1)

        def good(scale: Scale) -> Round:
            return Round(1)

        done = self.measure([row(good), row(good, once=True), row(interrupt)], 2)
        self.assertEqual([each.problem for each in done], [None, None, "interrupted"])

    def run_(self, *arguments: str, **rows: Callable[[Scale], Round]) -> int:
        """
        Run the command with these rows.
        """
        made = {name: row(measure, name) for name, measure in rows.items()}
        self.patch(command, "ROWS", made)
        self.shown = io.StringIO()
        with redirect_stdout(self.shown), redirect_stderr(io.StringIO()):
            return command.main(arguments)

    def test_main(self) -> None:
        """
        The table is shown and the results are written, a row that failed or not;
        the status says whether one did.
        """
        if not sys.platform.startswith("linux"):
            raise SkipTest("it measures on Linux only")

        def fail(scale: Scale) -> Round:
            raise ConnectionError("gone")

        def lack(scale: Scale) -> Round:
            raise NotHere("no such option")

        path = Path(self.mktemp())
        good = lambda scale: Round(scale.factor)  # noqa: E731
        options = ("--quick", "--rounds=2", f"--json={path}")
        self.assertEqual(self.run_(*options, bad=fail, good=good, lacks=lack), 1)
        _, bad, fine, lacks = self.shown.getvalue().splitlines()
        self.assertTrue(bad.startswith("bad ") and bad.endswith("gone"), bad)
        self.assertIn("0.200", fine)
        self.assertTrue(lacks.endswith("no such option"), lacks)
        written = json.loads(path.read_text("utf-8"))
        self.assertEqual(
            written["settings"], {"rounds": 2, "quick": True, "long": False}
        )
        self.assertEqual(
            [(each["name"], len(each["rounds"])) for each in written["rows"]],
            [("bad", 0), ("good", 2), ("lacks", 0)],
        )
        self.assertEqual(self.run_("--only=good", bad=fail, good=good), 0)
        self.assertEqual(self.run_(lacks=lack), 0)

    def test_smoke(self) -> None:
        """
        A smoke run is one round of a fiftieth of the work.  A ratio that is three
        times as bad as the least that will do fails; a figure with a unit, which
        depends on the machine, does not.
        """
        if not sys.platform.startswith("linux"):
            raise SkipTest("it measures on Linux only")
        scales: list[Scale] = []

        def noting(scale: Scale) -> Round:
            scales.append(scale)
            return Round(5.9)

        self.assertEqual(self.run_("--smoke", fine=noting), 0)
        self.assertEqual([each.factor for each in scales], [0.02])
        self.assertEqual(self.run_("--smoke", slow=lambda scale: Round(6.1)), 1)
        self.assertIn("grossly slow: 6.1, where 2 will do", self.shown.getvalue())
        self.assertEqual(self.run_("--quick", slow=lambda scale: Round(6.1)), 0)
        rate = row(lambda scale: Round(0.6), more=True)
        late = row(lambda scale: Round(99.0), unit="ms")
        results = self.measure([rate, late], 1)
        for result in results:
            result.failIfGross()
        self.assertEqual([result.failed for result in results], [True, False])

    def test_machine(self) -> None:
        """
        The results say when, on what and with what they were measured.
        """
        if not sys.platform.startswith("linux"):
            raise SkipTest("it measures on Linux only")
        about = machine()
        self.assertRegex(about["date"], r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC$")
        for name in ("python", "twisted", "msgspec", "decoder", "processor", "load"):
            self.assertIn(name, about)
        self.assertNotIn(None, about.values())


class MissingTests(SynchronousTestCase):
    """
    Packages that rows need and logrecv does not.
    """

    def test_orjson(self) -> None:
        """
        A row whose peer needs orjson is not measured without orjson.  That is no
        fault of the row.
        """
        self.patch(sys, "modules", {**sys.modules, "orjson": None})
        with self.assertRaises(NotHere):
            inside.linesInside(Scale(0.01))
        for name in "bare_tcp", "bare_udp":
            with self.assertRaises(NotHere):
                servers.peer(name)

    def test_flask(self) -> None:
        """
        So with Flask.
        """
        self.patch(sys, "modules", {**sys.modules, "flask": None})
        with self.assertRaises(NotHere):
            servers.peer("flask_form")


class HarnessTests(SynchronousTestCase):
    """
    The records that are sent, and the accounting of their cost.
    """

    @slow
    def test_cpuTime(self) -> None:
        """
        The CPU time of a process has that of threads that have ended.
        """
        if not sys.platform.startswith("linux"):
            raise SkipTest("it measures on Linux only")

        def work() -> None:
            while time.thread_time() < 0.05:
                pass

        before = servers.cpuTime(getpid())
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        after = servers.cpuTime(getpid())
        self.assertGreaterEqual(after - before, 0.05)
        self.assertApproximates(after, time.process_time(), 0.05)

    def test_sameBytes(self) -> None:
        """
        A frame of the benchmarks is a stock record of a usual size, and decodes to
        the message that its line of JSON has.
        """
        frames = traffic.frames()
        self.assertEqual(len(frames), traffic.VARIETY)
        for frame in frames[::100]:
            self.assertTrue(500 < len(frame) < 600, len(frame))
            self.assertIn("order ", str(loads(frame[4:])["msg"]))
        self.assertEqual(
            [json.loads(line)["message"] for line in traffic.lines()],
            [loads(frame[4:])["msg"] for frame in frames],
        )

    def test_stamps(self) -> None:
        """
        Of each hundred records the last tells when it was due, also if the sender
        was held up; what has been read of it in the file tells how long it took.
        """
        ours, theirs = socket.socketpair()
        received = bytearray()

        def read() -> None:
            while data := theirs.recv(1 << 20):
                received.extend(data)

        reader = threading.Thread(target=read)
        reader.start()
        begin = time.monotonic()
        with ours:
            traffic.sendStamped(ours, 10_000, 3)
        reader.join()
        theirs.close()
        messages = []
        while received:
            end = 4 + int.from_bytes(received[:4], "big")
            messages.append(str(loads(bytes(received[4:end]))["msg"]))
            del received[:end]
        self.assertEqual(len(messages), 300)
        marked = messages[99::100]
        stamps = [int(each.removeprefix("sent at ")) for each in marked]
        self.assertApproximates(stamps[0], begin * 1e6, 1e6)
        self.assertEqual(
            [round((each - stamps[0]) / 1000) for each in stamps], [0, 10, 20]
        )

    @slow
    def test_latencies(self) -> None:
        """
        A line counts when all of it is in the file, once; if too few come it is
        an error, since those that are missing took longest.
        """
        path = Path(self.mktemp())
        early, late = ((time.monotonic() - ago) * 1e6 for ago in (5, 1))
        line = '{{"message":"sent at {:017.0f}"}}\n'
        text = line.format(early) + '{"message":"other"}\n' + line.format(late)
        path.write_text(text + line.format(late)[:-2], "ascii")
        first, second = traffic.latencies(path, 2, 10)
        self.assertApproximates(first, 5, 0.9)
        self.assertApproximates(second, 1, 0.9)
        with self.assertRaisesRegex(RuntimeError, "2 of 3"):
            traffic.latencies(path, 3, 0.05)


class ReportTests(SynchronousTestCase):
    """
    Tests for L{bench.report}.
    """

    def test_figure(self) -> None:
        """
        Figures have the digits that count.
        """
        for value, text in (
            (0.8987, "0.899"),
            (0.9, "0.900"),
            (1.0228, "1.023"),
            (2.0, "2.00"),
            (16.384, "16.38"),
            (61.54, "61.5"),
            (950.4, "950"),
            (2345.6, "2,350"),
            (181234.5, "181,200"),
            (0.0, "0.00"),
        ):
            self.assertEqual(figure(value), text)

    def test_absolute(self) -> None:
        """
        Beside a ratio there is what it is of; there may be no peer.
        """
        self.assertEqual(
            absolute(found(Round(2, 6, 3), absolute="us")), "6.00 : 3.00 µs"
        )
        self.assertEqual(absolute(found(Round(2, 6000), absolute="/s")), "6,000/s")
        self.assertEqual(absolute(found(Round(2))), "")

    def test_table(self) -> None:
        """
        Every row has a line, and each column its place; of a problem there is the
        end.
        """
        titles, *lines = table(results()["rows"])
        self.assertEqual(
            [line.split()[0] for line in lines],
            ["reached", "enough", "short", "nothing", "far", "broken"],
        )
        for title in "meets", "absolute":
            at = titles.index(title)
            for line in lines:
                self.assertEqual(line[at - 2 : at].strip(), "", line)
        for title in "goal", "least", "minimum", "median", "maximum":
            end = titles.index(title) + len(title)
            for line in lines[:-1]:
                self.assertNotEqual(line[end - 1], " ", line)
        self.assertIn("≥ 1", lines[2])
        self.assertTrue(lines[2].endswith("250,000/s"), lines[2])
        self.assertTrue(lines[-1].endswith("no <luck> & so"), lines[-1])


class DrawingTests(SynchronousTestCase):
    """
    Tests for L{bench.draw}.
    """

    def draw(self) -> ElementTree.Element:
        """
        Draw all sorts of rows, and read the picture.
        """
        return ElementTree.fromstring(Drawing(results()).make())

    def test_everyRow(self) -> None:
        """
        The picture has each row with its figures.  A fact that a colour shows is
        written in words too.
        """
        picture = self.draw()
        names = [row["name"] for row in results()["rows"]]
        groups = picture.findall(f"{_SVG}g")
        self.assertEqual(
            [each.get("id") for each in groups], [f"row-{n}" for n in names]
        )
        texts = [[text.text for text in each.iter(f"{_SVG}text")] for each in groups]
        self.assertIn("0.500", texts[0])
        self.assertIn("1.000 : 2.00 µs", texts[0])
        self.assertIn("reaches the goal", texts[0])
        self.assertIn("1.200 to 1.500 KiB", texts[1])
        self.assertIn("will do", texts[1])
        self.assertIn("falls short", texts[2])
        self.assertIn("not measured", texts[5])
        self.assertIn("no <luck> & so", texts[5])

    def test_deterministic(self) -> None:
        """
        The same results are drawn in the same way.
        """
        self.assertEqual(Drawing(results()).make(), Drawing(results()).make())
        drawing = Drawing(results())
        self.assertEqual(drawing.make(), drawing.make())

    def test_accessible(self) -> None:
        """
        The drawing is one picture with a name and a description, and has colours
        for dark pages.
        """
        picture = self.draw()
        self.assertEqual(picture.get("role"), "img")
        there = {each.get("id"): each.text for each in picture.iter()}
        for name in (picture.get("aria-labelledby") or "").split():
            self.assertTrue(there[name])
        style = picture.findtext(f"{_SVG}style") or ""
        self.assertIn("prefers-color-scheme: dark", style)
        # Each colour that a light page has is defined for a dark page too.
        light, dark = style.split("@media")
        for name in {part.split(":")[0] for part in light.split("--")[1:]}:
            self.assertIn(f"--{name.split(')')[0]}: ", dark)

    def test_room(self) -> None:
        """
        Nothing is cut off, and no text reaches into the next column or line.
        """
        picture = self.draw()
        _, _, width, height = map(float, (picture.get("viewBox") or "").split())
        boxes = []
        for each in picture.iter(f"{_SVG}text"):
            kind = (each.get("class") or "").split()
            size = 18 if "head" in kind else 13 if "name" in kind else 11.5
            # As wide as in the widest of usual fonts.
            long = len(each.text or "") * size * 0.58
            x, y = float(each.get("x", "")), float(each.get("y", ""))
            left = x - long * (1 if "end" in kind else 0.5 if "middle" in kind else 0)
            boxes.append((left, y - size * 0.8, left + long, y + size * 0.2, each.text))
        for at, box in enumerate(boxes):
            self.assertTrue(box[0] > 0 and box[2] < width, box)
            self.assertTrue(box[1] > 0 and box[3] < height, box)
            for other in boxes[:at]:
                apart = (
                    box[2] <= other[0]
                    or other[2] <= box[0]
                    or box[3] <= other[1]
                    or other[3] <= box[1]
                )
                self.assertTrue(apart, (box, other))
        for each in picture.iter(f"{_SVG}line"):
            for name in "x1", "x2":
                self.assertTrue(0 <= float(each.get(name, "")) <= width)

    def test_relative(self) -> None:
        """
        The goal is in the same place in every row, and what is better is on its
        left, also where more is better; nothing is out of the picture.
        """
        less = {"goal": 4, "more": False}
        more = {"goal": 4, "more": True}
        self.assertEqual([relative(less, v) for v in (2, 4, 8)], [-1, 0, 1])
        self.assertEqual([relative(more, v) for v in (2, 4, 8)], [1, 0, -1])
        self.assertEqual([relative(less, v) for v in (0, 1e9)], [-6, 6])
        self.assertEqual([relative(more, v) for v in (0, 1e9)], [6, -6])

    def test_fragment(self) -> None:
        """
        The table for the guide has every row, and no character of it is markup
        by accident.
        """
        made = results()
        made["rows"][0]["text"] = "a_ *b* `c` |d|"
        lines = list(fragment(made))
        rows = [line for line in lines if line.startswith("   * - ``")]
        self.assertEqual(len(rows), len(made["rows"]))
        self.assertEqual(rows[0], "   * - ``reached``: a\\_ \\*b\\* \\`c\\` \\|d\\|")
        self.assertIn("     - **1.350**", lines)
        # Each row has all the columns.
        self.assertEqual(
            sum(line.startswith(("   * -", "     -")) for line in lines),
            7 * (len(rows) + 1),
        )

    def test_main(self) -> None:
        """
        Picture and table are written side by side, into a directory or a file.
        """
        directory = Path(self.mktemp())
        directory.mkdir()
        source = directory / "found.json"
        source.write_text(json.dumps(results()), "utf-8")
        self.assertEqual(draw.main([str(source), str(directory)]), 0)
        draw.main([str(source), str(directory / "other.svg")])
        self.assertEqual(
            {path.name for path in directory.iterdir()},
            {
                "found.json",
                *("found.svg", "found_table.rst"),
                *("other.svg", "other_table.rst"),
            },
        )
        for name in ".svg", "_table.rst":
            found, other = (directory / f"{each}{name}" for each in ("found", "other"))
            self.assertEqual(found.read_bytes(), other.read_bytes())

    def test_guide(self) -> None:
        """
        The picture and the table of the guide are those of the results beside
        them, and those are of all rows that there are, done in full.
        """
        stored = json.loads((_DOCS / "performance.json").read_text("utf-8"))
        self.assertEqual(
            (_DOCS / "performance.svg").read_text("utf-8"), Drawing(stored).make()
        )
        self.assertEqual(
            (_DOCS / "performance_table.rst").read_text("utf-8").splitlines(),
            list(fragment(stored)),
        )
        self.assertEqual([each["name"] for each in stored["rows"]], list(command.ROWS))
        self.assertFalse(stored["settings"]["quick"])
