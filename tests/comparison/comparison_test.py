"""Goal: the comparison compares what is alike, and no goal that is missed passes for reached.

Method: rows made by hand, with times and memory that are easy to reckon with; the regions of cells,
which must be what README.md says; job files written and read; the driver with workers that answer
from a list. Runs without any peer, and without NumPy, which the driver needs for sources alone.
"""

import argparse
import importlib.util
import math
import os
import socket
import sys
import tempfile
import time
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
if importlib.util.find_spec("numpy") is None:
    sys.modules["numpy"] = mock.MagicMock()

from benchmarks.compare import compare, places, process, report, server, sources
from benchmarks.compare.cells import CALLS, CELLS_MAX, LEAVES, TREES, Cell, load_cells
from benchmarks.compare.job import Job, read_job
from benchmarks.compare.limits import Limits, touched
from benchmarks.compare.process import PeerError, ProgramError
from benchmarks.compare.rows import MIB, Peer, Row, aa_off, is_wrong, spoils, together, worse

ROOT = Path(__file__).resolve().parents[2]
CELLS = load_cells(ROOT / "benchmarks/compare/cells.json")
BY_NAME = {cell.name: cell for cell in CELLS}
READ_ALL = BY_NAME["read all, sharded, zstd"]
WRITE_ALL = BY_NAME["write all, sharded, zstd"]
AA = next(cell for cell in CELLS if cell.workload == "aa")
RANDOM = BY_NAME["random chunks, sharded, zstd"]
S3_CELLS = load_cells(ROOT / "benchmarks/compare/cells_s3.json")
S3_BY_NAME = {cell.name: cell for cell in S3_CELLS}
S3_READ, S3_READ_LATE = (S3_BY_NAME[f"read all, sharded, zstd, {late} ms"] for late in (0, 20))
S3_WRITE = S3_BY_NAME["write all, sharded, zstd, 0 ms"]


COUNTED = ("processor", "rchar", "wchar", "syscr", "syscw", "write_bytes")


def run(*calls: float, memory: int = 0, wrong: str = "") -> dict[str, Any]:
    """One repetition; of all that is counted there is one."""
    used = {"calls": list(calls), "peak": memory + 1000, "result": 1000, "wrong": wrong}
    return used | dict.fromkeys(COUNTED, 1) | {"server": 0.25}


def row(cell: Cell, limit: float | None = None, **seconds: float | Peer) -> Row:
    """A row of peers with one repetition each: `coffer=1.0, TensorStore=2.0`."""
    names = {"ctypes": "coffer (ctypes)", "zarr_python": "zarr-python", "native": "zarrs (native)"}
    peers = {
        names.get(name, name): value if isinstance(value, Peer) else Peer([run(value)])
        for name, value in seconds.items()
    }
    return Row(cell, peers, limit=limit)


class Rows(unittest.TestCase):
    """What becomes of measured times."""

    def test_median_and_spread_are_of_whole_repetitions(self) -> None:
        peer = Peer([run(1.0, 2.0), run(4.0, 5.0), run(1.0, 3.0)])
        self.assertEqual(peer.seconds, 4.0)
        self.assertEqual(peer.least, 3.0)
        self.assertEqual(peer.spread, 1.5)
        self.assertEqual(peer.percentile(0.5), 2.0)
        self.assertEqual(peer.percentile(0.99), 5.0)

    def test_percentiles_are_the_nearest_rank(self) -> None:
        hundred = Peer([run(*(float(n) for n in range(100, 0, -1)))])
        self.assertEqual([hundred.percentile(share) for share in (0.5, 0.99, 1)], [50, 99, 100])
        two = Peer([run(2.0, 1.0)])
        self.assertEqual([two.percentile(share) for share in (0, 0.5, 0.51)], [1, 1, 2])

    def test_the_best_rival_counts(self) -> None:
        slow = row(READ_ALL, coffer=2.0, ctypes=2.0, TensorStore=6.0, zarrs=3.0, zarr_python=8.0)
        self.assertEqual(slow.best, "zarrs")
        self.assertEqual(slow.ratio, 1.5)

    def test_behind_python_coffer_is_measured_behind_python(self) -> None:
        measured = row(READ_ALL, coffer=1.0, ctypes=2.0, TensorStore=3.0, native=1.1)
        # 3.0 / 2.0 through Python, 1.1 / 1.0 without: the worse of both.
        self.assertAlmostEqual(measured.ratio or 0, 1.1)
        self.assertEqual(measured.best, "zarrs (native)")
        alone = row(READ_ALL, coffer=1.0, TensorStore=3.0)
        self.assertEqual(alone.ratio, 3.0)

    def test_memmap_is_no_rival(self) -> None:
        self.assertEqual(row(READ_ALL, coffer=2.0, TensorStore=4.0, memmap=0.1).ratio, 2.0)

    def test_durable_writes_have_durable_rivals(self) -> None:
        for cell, ratio in ((WRITE_ALL, 1.5), (replace(WRITE_ALL, durable=False), 0.5)):
            self.assertEqual(row(cell, coffer=2.0, TensorStore=3.0, zarrs=1.0).ratio, ratio)

    def test_the_null_call_is_taken_off_both_of_small_calls_alone(self) -> None:
        ours, theirs = Peer([run(1.0, 1.0)], null=0.5), Peer([run(3.0, 3.0)], null=1.0)
        self.assertEqual(row(RANDOM, coffer=2.0, ctypes=ours, TensorStore=theirs).ratio, 4.0)
        self.assertEqual(row(READ_ALL, coffer=2.0, ctypes=ours, TensorStore=theirs).ratio, 3.0)

    def test_a_null_call_as_dear_as_the_call_is_marked(self) -> None:
        clear, dear = Peer([run(1.0, 1.0)], null=0.5), Peer([run(1.0, 1.0)], null=1.1)
        for ours, theirs, text in (
            (clear, clear, "1.00"), (dear, clear, "~50.00"), (clear, dear, "~0.02"),
        ):  # fmt: skip
            measured = row(RANDOM, coffer=2.0, ctypes=ours, TensorStore=theirs)
            self.assertEqual(measured.ratio_text, text)
            self.assertIn(f"| {text}x TensorStore |", report.line(measured))
        self.assertEqual(measured.missed(), ["~0.02x TensorStore, 1.6x wanted"])
        with tempfile.TemporaryDirectory() as folder:
            report.write(Path(folder), {}, {}, [measured])
            for name in ("report.md", "report.html"):
                written = (Path(folder) / name).read_text()
                self.assertIn("~0.02", written)
                self.assertIn("~1.10 s", written)  # The null call itself.
                self.assertNotIn("~500 ms", written)
        # Where no null call is taken off, none hides anything.
        self.assertEqual(row(READ_ALL, coffer=2.0, ctypes=dear, TensorStore=3.0).ratio_text, "1.50")

    def test_of_small_arrays_a_null_call_each_is_taken_off(self) -> None:
        cell = replace(BY_NAME["small read, 2,000 arrays"], calls=10)
        ours, theirs = Peer([run(3.0)], null=0.1), Peer([run(12.0)], null=0.2)
        self.assertEqual(row(cell, coffer=1.0, ctypes=ours, TensorStore=theirs).ratio, 5.0)

    def test_a_row_without_rivals_reaches_no_goal(self) -> None:
        alone = row(WRITE_ALL, coffer=1.0, ctypes=1.0, zarrs=1.0)
        self.assertEqual(alone.missed(), ["no rival was measured"])

    def test_best_and_ratio_are_of_one_rival(self) -> None:
        measured = row(READ_ALL, coffer=1.0, ctypes=0.8, TensorStore=1.0, native=1.05)
        self.assertEqual((measured.best, measured.ratio), ("zarrs (native)", 1.05))

    def test_a_limit_that_was_passed_is_no_goal_reached(self) -> None:
        passed = row(READ_ALL, limit=1.1, coffer=1.0, ctypes=1.0, TensorStore=1.0)
        self.assertEqual(
            passed.missed(), ["1.10 of a limit that was measured too slow to judge by"]
        )
        no_goal = replace(READ_ALL, workload="reencode")
        self.assertEqual(
            row(no_goal, limit=1.1, coffer=1.0, ctypes=1.0, TensorStore=1.0).missed(), []
        )

    def test_goals_missed_are_named(self) -> None:
        fine = row(READ_ALL, limit=0.8, coffer=1.0, ctypes=1.0, TensorStore=1.0)
        self.assertEqual(fine.missed(), [])
        slow = row(READ_ALL, limit=0.7, coffer=1.0, ctypes=1.0, TensorStore=0.9)
        self.assertEqual(
            slow.missed(), ["0.90x TensorStore, 1x wanted", "0.70 of the limit, 0.8 wanted"]
        )
        small = row(RANDOM, coffer=1.0, ctypes=1.0, TensorStore=1.5)
        self.assertEqual(small.missed(), ["1.50x TensorStore, 1.6x wanted"])

    def test_memory_has_the_formula_and_the_peers_as_bounds(self) -> None:
        ours = Peer([run(1.0, memory=129 * MIB)])
        theirs = Peer([run(2.0, memory=100 * MIB)])
        measured = row(READ_ALL, coffer=ours, ctypes=ours, TensorStore=theirs)
        self.assertEqual(
            measured.missed(),
            ["129 MiB, 128 allowed", "129 MiB above the result, TensorStore 100"],
        )
        measured.largest_task = 65 * MIB
        self.assertEqual(measured.missed(), ["129 MiB above the result, TensorStore 100"])

    def test_memory_of_small_arrays_is_compared_too(self) -> None:
        ours, theirs = Peer([run(1.0, memory=51 * MIB)]), Peer([run(4.0, memory=36 * MIB)])
        small = replace(READ_ALL, workload="small_read", peers=("coffer", "TensorStore"))
        measured = Row(small, {"coffer": ours, "TensorStore": theirs})
        self.assertEqual(measured.missed(), ["51 MiB above the result, TensorStore 36"])

    def test_memory_of_all_but_the_noise_is_shown(self) -> None:
        small = BY_NAME["small read, 2,000 arrays"]
        for cell, shown in ((READ_ALL, True), (small, True), (AA, False)):
            measured = row(cell, coffer=Peer([run(1.0, memory=77 * MIB)]), TensorStore=2.0)
            with tempfile.TemporaryDirectory() as folder:
                report.write(Path(folder), {}, {}, [measured])
                written = (Path(folder) / "report.md").read_text()
            self.assertEqual(f"| {cell.name} | 128 | 77 |" in written, shown)

    def test_wrong_bytes_of_anyone_are_told(self) -> None:
        text = f"{READ_ALL.name}: zarrs: other bytes"
        for bad in (
            Peer([run(0.1), run(0.1, wrong="other bytes")]),
            Peer([run(0.1)], first=run(0.1, wrong="other bytes")),
        ):
            measured = row(READ_ALL, coffer=1.0, zarrs=bad, TensorStore=2.0)
            self.assertEqual(is_wrong(measured), [text])
            self.assertEqual(measured.missed(), [f"WRONG: {text}"])
            self.assertEqual(measured.best, "TensorStore")  # Who is wrong is no rival.
            self.assertIn(text, report.line(measured))
            self.assertIn("0 of 1 cells reach every goal", report.summary([measured]))

    def test_of_several_processes_each_may_be_wrong(self) -> None:
        both = together([run(1.0, memory=9, wrong="other bytes"), run(2.0)])
        self.assertEqual((both["wrong"], both["calls"]), ("other bytes", [2.0]))
        self.assertEqual([Peer([both]).percentile(share) for share in (0.5, 1)], [1.0, 2.0])
        self.assertEqual(Peer([both]).seconds, 2.0)
        self.assertEqual((both["processor"], both["peak"]), (2, 1009))

    def test_who_was_wrong_and_failed_later_is_told(self) -> None:
        measured = row(READ_ALL, coffer=1.0, ctypes=1.0, TensorStore=2.0)
        measured.failed["zarrs"] = "died"
        measured.wrong["zarrs"] = ["other bytes"]
        text = f"{READ_ALL.name}: zarrs: other bytes"
        self.assertEqual(is_wrong(measured), [text])
        self.assertEqual(measured.missed(), [f"WRONG: {text}"])

    def test_the_first_repetition_counts_for_memory_alone(self) -> None:
        peer = Peer([run(1.0)], first=run(9.0, memory=7))
        self.assertEqual((peer.seconds, peer.memory), (1.0, 7))

    def test_a_cell_that_failed_reaches_no_goal(self) -> None:
        broken = Row(READ_ALL, {}, failed={"the cell": "no disk"})
        self.assertEqual(broken.missed(), ["coffer failed"])
        self.assertIn("no disk", report.line(broken))
        self.assertGreater(aa_off(broken), 1)

    def test_noise_counts_in_both_directions(self) -> None:
        again = {"coffer again": Peer([run(0.9)]), "coffer": Peer([run(1.0)])}
        self.assertAlmostEqual(aa_off(Row(READ_ALL, again)), 0.1)
        again["coffer again"] = Peer([run(1.1)])
        self.assertAlmostEqual(aa_off(Row(READ_ALL, again)), 0.1)

    def test_the_worse_of_both_rows_counts_with_what_was_wrong_in_either(self) -> None:
        def twice(again: float, wrong: str = "") -> Row:
            return Row(
                AA, {"coffer": Peer([run(1.0, wrong=wrong)]), "coffer again": Peer([run(again)])}
            )

        quiet, noisy = f"{AA.name}: coffer: quiet", f"{AA.name}: coffer: noisy"
        for first, last in ((1.01, 1.2), (1.2, 1.01)):
            both = worse(twice(first), twice(last))
            self.assertAlmostEqual(aa_off(both), 0.2)
            self.assertEqual(both.missed(), [])
        both = worse(twice(1.01, "quiet"), twice(1.2, "noisy"))
        self.assertEqual(is_wrong(both), [quiet, noisy])
        both = worse(twice(1.2), twice(1.01, "quiet"))
        self.assertEqual(is_wrong(both), [quiet])
        self.assertAlmostEqual(aa_off(both), 0.2)
        broken = worse(twice(1.01, "quiet"), Row(AA, {}, failed={"the cell": "no disk"}))
        self.assertEqual(broken.missed(), [f"WRONG: {quiet}", "coffer failed"])

    def test_wrong_bytes_against_itself_are_told(self) -> None:
        bad = Peer([run(1.0, wrong="other bytes")])
        measured = Row(AA, {"coffer": Peer([run(1.0)]), "coffer again": bad})
        text = f"WRONG: {AA.name}: coffer again: other bytes"
        self.assertEqual(measured.missed(), [text])
        self.assertIn(text, report.line(measured))
        self.assertIn(text, report.summary([measured]))


SMALL_READ = replace(
    BY_NAME["small read, 2,000 arrays"],
    calls=5,
    repetitions=3,
    peers=("coffer", "coffer (ctypes)", "TensorStore"),
)


class ScriptedWorker:
    """Answers as it is told to: by its measured commands, whose number it is given."""

    def __init__(self, name: str, answer: Any) -> None:
        self._name = name
        self._answer = answer
        self._measured = 0

    def begin(self, command: str) -> None:
        """Nothing to tell anyone."""

    def finish(self, command: str) -> dict[str, Any]:
        """PeerError if the script says None."""
        if command.startswith(("small_write", "null")):
            return run(1.0)
        self._measured += 1
        wrong = self._answer(self._name, self._measured)
        if wrong is None:
            raise PeerError(f"{self._name}: died")
        return run(1.0, wrong=wrong)

    def ask(self, command: str) -> dict[str, Any]:
        """One command, one answer."""
        return self.finish(command)

    def close(self) -> None:
        """Nothing to end."""


class Driver(unittest.TestCase):
    """What the driver makes of what its workers answer."""

    def run_cell(
        self, answer: Any, cell: Cell = SMALL_READ, limits: mock.Mock | None = None
    ) -> Row:
        """A cell of which `answer(peer, repetition)` says what is wrong; None: it dies."""
        with tempfile.TemporaryDirectory() as folder:
            arguments = argparse.Namespace(build=Path(folder), work=Path(folder), zarrs="")

            def start(
                _: compare.Bench, peer: str, job: Path | None = None, measured: str = ""
            ) -> ScriptedWorker:
                return ScriptedWorker(peer, answer)

            with mock.patch.object(compare.Bench, "start", start):
                return compare.run_cell(cell, arguments, mock.Mock(), limits or mock.Mock())

    def test_wrong_bytes_of_a_peer_that_dies_later_are_told(self) -> None:
        script = {1: "other bytes", 2: "", 3: None}
        measured = self.run_cell(lambda peer, n: script[n] if peer == "TensorStore" else "")
        self.assertEqual(set(measured.peers), {"coffer", "coffer (ctypes)"})
        self.assertEqual(measured.failed, {"TensorStore": "TensorStore: died"})
        self.assertEqual(is_wrong(measured), [f"{SMALL_READ.name}: TensorStore: other bytes"])

    def test_wrong_bytes_are_told_if_coffer_dies_later(self) -> None:
        died: dict[str, dict[int, str | None]] = {
            "coffer": {1: "", 2: None},
            "TensorStore": {1: "other bytes", 2: ""},
        }
        measured = self.run_cell(lambda peer, n: died.get(peer, {}).get(n, ""))
        self.assertEqual(measured.peers, {})
        self.assertEqual(measured.failed, {"the cell": "PeerError: coffer: died"})
        self.assertEqual(is_wrong(measured), [f"{SMALL_READ.name}: TensorStore: other bytes"])

    def test_wrong_bytes_are_told_if_the_process_beside_dies(self) -> None:
        answers = iter([None, "other bytes"])
        measured = self.run_cell(
            lambda peer, n: next(answers) if peer == "TensorStore" else "",
            replace(SMALL_READ, processes=2),
        )
        self.assertEqual(measured.failed, {"TensorStore": "TensorStore: died"})
        self.assertEqual(is_wrong(measured), [f"{SMALL_READ.name}: TensorStore: other bytes"])

    def test_a_limit_that_fails_keeps_the_figures(self) -> None:
        broken = mock.Mock(**{"of.side_effect": ProgramError("no end in 900 s")})
        measured = self.run_cell(lambda peer, n: "", limits=broken)
        self.assertEqual(set(measured.peers), set(SMALL_READ.peers))
        self.assertEqual((measured.limit, measured.failed), (None, {}))
        text = "limit failed: ProgramError: no end in 900 s"
        self.assertIn(text, measured.missed())
        self.assertIn(text, report.line(measured))
        self.assertTrue(spoils(measured))
        fine = self.run_cell(lambda peer, n: "", limits=mock.Mock(**{"of.return_value": 0.5}))
        self.assertEqual((fine.limit, spoils(fine)), (0.5, False))

    def beside(self, cell: Cell, coffer: str, zarrs: str = "") -> Row:
        """What is measured beside the turns, where `coffer` and `zarrs` are such scripts."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "bin").mkdir()
            programs = {"bin/coffer": coffer, "zarrs": zarrs}
            for name, text in programs.items():
                program = Path(folder) / name
                program.write_text(f"#!/bin/sh\n{text}\n")
                program.chmod(0o755)
            arguments = argparse.Namespace(
                build=Path(folder), work=Path(folder), zarrs=zarrs and f"{folder}/zarrs"
            )
            measured = row(cell, coffer=1.0, ctypes=1.0, TensorStore=1.0)
            bench = compare.Bench(cell, Path(folder), Path(folder), None)
            limits = mock.Mock(**{"of.return_value": 0.5})
            compare.measure_beside(bench, measured, arguments, limits)
            self.copied = limits.of.call_args.args[2].name
            return measured

    def test_what_fails_beside_costs_itself_alone(self) -> None:
        measured = self.beside(READ_ALL, "echo no disk >&2; exit 3")
        self.assertEqual((measured.limit, measured.largest_task), (0.5, 0))
        self.assertEqual(list(measured.broken), ["largest task"])
        self.assertRegex(measured.broken["largest task"], "ended with status 3: no disk$")
        self.assertTrue(spoils(measured))
        measured = self.beside(READ_ALL, "echo '{}'")
        self.assertEqual(measured.broken, {"largest task": "KeyError: 'largest_task_bytes'"})

    def test_a_program_that_does_not_end_is_given_up(self) -> None:
        with mock.patch.object(process, "ANSWER_SECONDS", 0.1):
            measured = self.beside(READ_ALL, "exec sleep 3", "exec sleep 3")
            with self.assertRaisesRegex(ProgramError, "sleep 3: no end in 0.1 s"):
                process.output_of(["sleep", "3"])
            with self.assertRaisesRegex(ProgramError, "sleep 1 4: no end in 0.1 s"):
                Limits("sleep", Path()).seconds(1)
        self.assertEqual(set(measured.broken), {"zarrs (native)", "largest task"})
        self.assertRegex(measured.broken["zarrs (native)"], "^ProgramError: .*: no end in 0.1 s$")
        self.assertEqual((measured.limit, len(measured.peers)), (0.5, 3))

    def test_the_largest_task_of_a_reencoding_is_of_source_or_target(self) -> None:
        cell = BY_NAME["reencode, sharded, zstd"]
        for source, target in ((5, 7), (7, 5)):
            said = f"""case $3 in
                */coffer) echo '{{"largest_task_bytes": {source}}}';;
                */coffer-copy) echo '{{"largest_task_bytes": {target}}}';;
            esac"""
            measured = self.beside(cell, said)
            self.assertEqual((measured.largest_task, measured.broken), (7, {}))
            self.assertEqual(self.copied, "coffer-copy")

    def test_a_source_that_cannot_be_made_costs_its_cells_alone(self) -> None:
        plain = replace(READ_ALL, name="plain", data="plain")
        cells = [AA, READ_ALL, replace(READ_ALL, name="gone", data="gone"), plain]
        offs = iter([1.2, 1.0])

        def make(data: str, *_: Any) -> mock.Mock:
            if data == "gone":
                raise OSError("no room")
            return mock.Mock()

        def run_cell(cell: Cell, _: Any, made: sources.Sources, __: Any) -> Row:
            made.of(cell)
            if cell.workload == "aa":
                again = {"coffer": Peer([run(1.0)]), "coffer again": Peer([run(next(offs))])}
                return Row(cell, again)
            return row(cell, coffer=1.0, ctypes=1.0, TensorStore=2.0)

        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch.object(sources, "make_source", make),
            mock.patch.object(sources, "with_room", lambda folders, _: folders[-1]),
            mock.patch.object(compare, "run_cell", run_cell),
            mock.patch("builtins.print"),
        ):
            done = compare.measure(cells, argparse.Namespace(work=Path(folder)), mock.Mock())
        self.assertEqual([measured.cell for measured in done], cells)
        self.assertEqual([bool(measured.peers) for measured in done], [True, True, False, True])
        self.assertEqual(done[2].failed, {"the cell": "OSError: no room"})
        self.assertAlmostEqual(aa_off(done[0]), 0.2)

    def test_the_exit_status_tells_what_failed(self) -> None:
        fine = row(READ_ALL, coffer=1.0, ctypes=1.0, TensorStore=2.0)
        broken = replace(fine, broken={"limit": "no end"})
        noisy = Row(AA, {"coffer": Peer([run(1.0)]), "coffer again": Peer([run(1.2)])})
        limits = {"memcpy": 1.0}
        for done, rates, status in (
            ([fine], limits, 0), ([fine, broken], limits, 1), ([fine, noisy], limits, 3),
            ([noisy, broken], limits, 1), ([fine], ProgramError("no end"), 1),
        ):  # fmt: skip
            with (
                tempfile.TemporaryDirectory() as folder,
                mock.patch.object(compare, "touch_memory"),
                mock.patch("benchmarks.compare.machine.describe", return_value={}),
                mock.patch.object(compare, "measure", return_value=done),
                mock.patch.object(Limits, "machine", side_effect=[rates]),
                mock.patch("builtins.print"),
            ):
                places = argparse.Namespace(
                    build=Path(folder), work=Path(folder), out=Path(folder), zarrs=""
                )
                self.assertEqual(compare.compare([READ_ALL], places), status)
                written = (Path(folder) / "report.md").read_text()
                self.assertEqual("ProgramError: no end" in written, rates is not limits)
                self.assertEqual("limit failed: no end" in written, broken in done)


class OnAServer(unittest.TestCase):
    """Cells whose arrays lie in a bucket."""

    def counted(self, cell: Cell, **requests: float) -> Row:
        """A row in which coffer is fast enough, with what each peer sent."""
        measured = row(cell, coffer=1.0, TensorStore=2.0, zarr_python=4.0)
        measured.requests = {name: {"GET": sent} for name, sent in requests.items()}
        return measured

    def test_the_goal_is_twice_the_best_peer_where_requests_are_late(self) -> None:
        for cell, wanted in ((S3_READ, 1), (S3_READ_LATE, 2)):
            for theirs, missed in ((wanted, False), (wanted - 0.01, True)):
                measured = self.counted(cell, coffer=9, TensorStore=9)
                measured.peers["TensorStore"] = Peer([run(theirs)])
                text = [f"{theirs:.2f}x TensorStore, {wanted}x wanted"]
                self.assertEqual(measured.missed(), text * missed)

    def test_everyone_who_writes_to_a_server_is_a_rival(self) -> None:
        measured = row(S3_WRITE, coffer=2.0, TensorStore=4.0)
        measured.peers["zarr-python + obstore"] = Peer([run(3.0)])
        self.assertEqual((measured.best, measured.ratio), ("zarr-python + obstore", 1.5))

    def test_more_requests_than_the_best_peer_miss_the_goal(self) -> None:
        fine = self.counted(S3_READ, coffer=9, TensorStore=9, **{"zarr-python": 50})
        self.assertEqual(fine.missed(), [])
        fine.requests["coffer"]["HEAD"] = 1  # All methods count.
        self.assertEqual(fine.missed(), ["10 requests, TensorStore 9"])
        fine.requests["zarr-python"] = {"GET": 8}
        self.assertEqual(fine.missed(), ["10 requests, zarr-python 8"])
        self.assertEqual(self.counted(S3_READ).missed(), ["requests were not counted"])
        self.assertEqual(row(READ_ALL, coffer=1.0, TensorStore=1.0).missed_requests(), [])

    def test_requests_and_times_are_shown(self) -> None:
        measured = self.counted(S3_READ, coffer=9, TensorStore=10020.5)
        with tempfile.TemporaryDirectory() as folder:
            report.write(Path(folder), {}, {}, [measured])
            written = (Path(folder) / "report.md").read_text()
        self.assertIn(f"| {S3_READ.name} | 9 |  | 10,020.5 |  |", written)
        self.assertIn(f"| {S3_READ.name} | 1.00 s |  | 2.00 s |", written)
        self.assertNotIn("zarrs (native)", written.partition("### Speed")[2])

    def test_memory_has_the_formula_alone_as_its_bound(self) -> None:
        measured = self.counted(S3_READ, coffer=9, TensorStore=9)
        measured.peers["coffer"] = Peer([run(1.0, memory=100 * MIB)])
        self.assertEqual(measured.missed(), [])
        measured.peers["coffer"] = Peer([run(1.0, memory=129 * MIB)])
        self.assertEqual(measured.missed(), ["129 MiB, 128 allowed"])

    def test_every_row_is_measured_with_and_without_latency(self) -> None:
        names = [name.rsplit(",", 1)[0] for name in S3_BY_NAME]
        self.assertEqual(sorted(names[::2]), sorted(names[1::2]))
        self.assertEqual({cell.latency for cell in S3_CELLS}, {0, 20})
        small = [cell for cell in S3_CELLS if not cell.shard]
        for cell in small:
            chunks = math.prod(s // c for s, c in zip(cell.shape, cell.chunk, strict=True))
            self.assertEqual((chunks, math.prod(cell.chunk) * cell.itemsize), (10_000, 4096))

    def test_leaves_are_all_rows_once(self) -> None:
        for cell in (cell for cell in S3_CELLS if cell.workload in TREES):
            regions = cell.regions()
            self.assertEqual(len(regions), len(LEAVES))
            ends = [0, *(region[0][1] for region in regions)]
            self.assertEqual([region[0][0] for region in regions], ends[:-1])
            self.assertEqual(ends[-1], cell.shape[0])
            sizes = [(b - a) * cell.shape[1] * 4 // MIB for ((a, b, _), _) in regions]
            self.assertEqual(sizes, list(LEAVES))

    def bench(self, cell: Cell, folder: str) -> compare.Bench:
        """With a server that nobody asks, proxies that have counted, and no workers."""
        variables = dict.fromkeys(server.VARIABLES, "http://x:1")

        def proxy(_: Path, url: str, latency: int) -> mock.Mock:
            made = mock.Mock(url=f"{url}/{latency}/{len(self.proxies)}")
            made.close.return_value = {"GET": 6, "PUT": 3}
            self.proxies.append(made)
            return made

        self.proxies: list[mock.Mock] = []
        for patch in (
            mock.patch.dict("os.environ", variables),
            mock.patch.object(server.Server, "processor", lambda _: 0.0),
            mock.patch.object(places, "Proxy", proxy),
        ):
            patch.start()
            self.addCleanup(patch.stop)
        return compare.Bench(cell, Path(folder), Path(folder), None)

    def test_late_requests_are_counted_while_they_are_measured(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            bench = self.bench(S3_READ_LATE, folder)
            addresses = [
                bench.place.environment(peer)["AWS_ENDPOINT_URL_S3"]
                for peer in ("coffer", "", "TensorStore", "coffer")
            ]
            wanted = ["http://x:1/20/0", "http://x:1", "http://x:1/20/1", "http://x:1/20/0"]
            self.assertEqual(addresses, wanted)
            bench.failed["TensorStore"] = "died"
            counted = bench.count(["coffer", "TensorStore"])
            self.assertEqual(counted, {"coffer": {"GET": 1.2, "PUT": 0.6}})  # Of five repetitions.

    def test_others_are_counted_once_more_by_fresh_workers(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            bench = self.bench(S3_READ, folder)
            self.assertEqual(bench.place.environment("coffer")["AWS_ENDPOINT_URL_S3"], "http://x:1")
            started = []

            def start(peer: str, job: Path, measured: str = "") -> mock.Mock:
                environment = bench.place.environment(measured)
                started.append((peer, environment["AWS_ENDPOINT_URL_S3"]))
                return mock.Mock(**{"finish.return_value": run(1.0)})

            old = mock.Mock()
            bench._workers = {"coffer": [old]}
            with mock.patch.object(bench, "start", start):
                self.assertEqual(bench.count(["coffer"]), {"coffer": {"GET": 6.0, "PUT": 3.0}})
            old.close.assert_called_once_with()
            self.assertEqual(started, [("coffer", "http://x:1/0/0")])
            self.assertEqual(bench.place.environment("coffer")["AWS_ENDPOINT_URL_S3"], "http://x:1")

    def test_memory_is_touched_before_every_turn(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            bench = self.bench(S3_READ, folder)
            bench._workers = {name: [mock.Mock()] for name in S3_READ.peers}
            done: list[object] = []

            def turn(name: str, _: int) -> dict[str, Any]:
                done.append(name)
                return run(1.0)

            with (
                mock.patch.object(bench, "turn", turn),
                mock.patch.object(bench, "change"),
                mock.patch.object(compare, "touch_memory", done.append),
            ):
                bench.run()
        self.assertEqual(len(done), 2 * len(S3_READ.peers) * S3_READ.repetitions)
        self.assertEqual(set(done[::2]), {S3_READ.bytes + 128 * MIB})
        self.assertEqual(done[1 : 2 * len(S3_READ.peers) : 2], list(S3_READ.peers))

    def test_without_a_server_there_is_no_cell(self) -> None:
        with (
            mock.patch.dict("os.environ", clear=True),
            tempfile.TemporaryDirectory() as folder,
            self.assertRaisesRegex(OSError, "no server: 'COFFER_TEST_MINIO' is not set"),
        ):
            compare.Bench(S3_READ, Path(folder), Path(folder), None)

    def test_a_proxy_says_where_it_is_and_what_it_counted(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "bin").mkdir()
            program = Path(folder) / "bin/fault_proxy_tool"
            program.write_text(
                """#!/bin/sh
                echo 80; cat; echo "{\\"by_method\\": {\\"$1 $2 $3\\": 7}}"
                """
            )
            program.chmod(0o755)
            proxy = server.Proxy(Path(folder), "http://10.0.0.1:9", 20)
            self.assertEqual(proxy.url, "http://127.0.0.1:80")
            self.assertEqual(proxy.close(), {"10.0.0.1:9 --latency-ms 20": 7})
            program.write_text("#!/bin/sh\nexit 2\n")
            with self.assertRaisesRegex(ProgramError, "ended with status 2"):
                server.Proxy(Path(folder), "http://10.0.0.1:9", 20)

    def test_the_server_s_own_time_is_found_by_its_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            variables = dict.fromkeys(server.VARIABLES, f"http://127.0.0.1:{port}")
            self.assertEqual(server.process_of(port), os.getpid())
            with mock.patch.dict("os.environ", variables):
                ours = server.Server()
        before = ours.processor()
        while ours.processor() < before + 0.02:
            pass
        self.assertAlmostEqual(ours.processor(), time.process_time(), delta=0.5)

    def test_the_limit_is_what_the_server_gives(self) -> None:
        limits = Limits("/x/bin/bench_limits", Path())
        limits._server = {0: {"GET": 2.0, "PUT": 0.5}, 20: {"GET": 1.0, "PUT": 0.25}}
        bucket = mock.Mock(**{"stored.return_value": 1_000_000_000})
        gather = S3_BY_NAME["gather, sharded, zstd, 20 ms"]  # 500 of 1,024 chunks.
        small = next(cell for cell in S3_CELLS if not cell.shard)
        for cell, seconds in (
            (S3_READ, 0.5), (S3_READ_LATE, 1.0), (S3_WRITE, 2.0), (gather, 500 / 1024),
            (small, None),
        ):  # fmt: skip
            found = limits.of_server(cell, bucket, "s3://b/x")
            self.assertAlmostEqual(found or -1, seconds or -1, msg=cell.name)


class SourcesOfCells(unittest.TestCase):
    """Where the elements lie that cells store."""

    def room(self, mebibytes: dict[str, int]) -> Any:
        """A machine whose folders have so much room."""

        def statvfs(folder: Path) -> Any:
            return mock.Mock(f_bavail=mebibytes[folder.name] << 8, f_frsize=1 << 12)

        return mock.patch.multiple("os", statvfs=statvfs, access=lambda *_: True)

    def test_the_first_folder_with_room_is_taken(self) -> None:
        shm, disk = Path("/a/shm"), Path("/a/disk")
        with self.room({"shm": 64, "disk": 1000}):
            self.assertEqual(sources.with_room([shm, disk], 48 << 20), shm)
            self.assertEqual(sources.with_room([shm, disk], (48 << 20) + 1), disk)
            text = "no room for a source of 1000 MiB: /a/shm has 64 MiB, /a/disk has 1000 MiB"
            with self.assertRaisesRegex(OSError, text):
                sources.with_room([shm, disk], 1000 << 20)

    def test_a_source_is_made_once_and_removed(self) -> None:
        made = []

        def make(*about: Any) -> mock.Mock:
            made.append(about[:3])
            about[3].write_text("elements")
            return mock.Mock()

        other = replace(READ_ALL, data="other")
        with tempfile.TemporaryDirectory() as folder:
            small, large = Path(folder) / "small", Path(folder) / "large"
            small.mkdir()
            large.mkdir()
            room = self.room({"small": 1, "large": 1 << 20})
            with mock.patch.object(sources, "make_source", make), room:
                kept = sources.Sources(small, large)
                for cell in (READ_ALL, RANDOM, other, READ_ALL):
                    kept.of(cell)
                    self.assertEqual(len(list(large.iterdir())), 1)
                kept.close()
            self.assertEqual(list(Path(folder).glob("*/*")), [])
        about = [(cell.data, cell.shape, cell.dtype) for cell in (READ_ALL, other, READ_ALL)]
        self.assertEqual(made, about)

    def test_a_source_that_failed_is_tried_anew(self) -> None:
        make = mock.Mock(side_effect=[OSError("no room"), mock.sentinel.source])
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch.object(sources, "make_source", make),
            self.room({Path(folder).name: 1 << 20}),
        ):
            kept = sources.Sources(Path(folder))
            with self.assertRaisesRegex(OSError, "no room"):
                kept.of(READ_ALL)
            self.assertIs(kept.of(READ_ALL), mock.sentinel.source)


class Cells(unittest.TestCase):
    """What is measured."""

    def test_there_are_as_many_as_the_issue_allows(self) -> None:
        self.assertGreater(len(CELLS), 80)
        self.assertLessEqual(len(CELLS), CELLS_MAX)

    def test_regions_lie_inside_and_are_the_same_every_time(self) -> None:
        for cell in CELLS:
            regions = cell.regions(1)
            self.assertEqual(regions, cell.regions(1))
            for region in regions:
                self.assertEqual(len(region), len(cell.shape))
                for (begin, end, step), extent in zip(region, cell.shape, strict=True):
                    self.assertTrue(0 <= begin < end <= extent and step >= 1, cell.name)

    def test_calls_go_to_other_places_in_every_repetition(self) -> None:
        for cell in CELLS:
            if cell.kind in ("random_chunks", "boxes", "open_one", "update"):
                self.assertNotEqual(cell.regions(1), cell.regions(2))

    def test_boxes_straddle_chunks_along_every_axis(self) -> None:
        cells = [cell for cell in CELLS if cell.kind == "boxes"]
        self.assertGreater(len(cells), 2)
        for cell in cells:
            self.assertEqual(len(cell.regions()), CALLS["boxes"])
            for region in cell.regions():
                for (begin, end, _), chunk in zip(region, cell.chunk, strict=True):
                    self.assertLess(begin // chunk, (end - 1) // chunk, cell.name)

    def test_chunk_by_chunk_is_everything_once(self) -> None:
        for cell in CELLS:
            if cell.kind == "chunk_by_chunk":
                sizes = [math.prod(b - a for a, b, _ in region) for region in cell.regions()]
                self.assertEqual(sum(sizes), math.prod(cell.shape))

    def test_random_chunks_are_chunks(self) -> None:
        for region in RANDOM.regions():
            for (begin, end, _), chunk in zip(region, RANDOM.chunk, strict=True):
                self.assertEqual((begin % chunk, end - begin), (0, chunk))

    def test_planes_are_one_thick(self) -> None:
        cell = BY_NAME["planes 2, sharded, zstd"]
        self.assertEqual({r[2][1] - r[2][0] for r in cell.regions()}, {1})
        self.assertEqual({tuple(r[0]) for r in cell.regions()}, {(0, 512, 1)})

    def test_a_reencoding_changes_layout_and_codec(self) -> None:
        sharded = BY_NAME["reencode, sharded, zstd"].target()
        self.assertEqual((sharded.shard, sharded.codec), ((), "blosc"))
        plain = BY_NAME["reencode, plain, zstd"].target()
        self.assertTrue(plain.shard)
        for extent, chunk in zip(plain.shard, plain.chunk, strict=True):
            self.assertEqual(extent % chunk, 0)

    def test_two_cells_of_one_name_are_refused(self) -> None:
        text = (ROOT / "benchmarks/compare/cells.json").read_text()
        doubled = text.replace('"vary": [{}]}', '"vary": [{}, {}]}', 1)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "cells.json"
            path.write_text(doubled)
            with self.assertRaisesRegex(ValueError, "twice: .'aa"):
                load_cells(path)

    def test_chunks_that_a_region_touches_are_counted(self) -> None:
        self.assertEqual(touched((8, 8), [(0, 8, 1), (7, 9, 1)]), 2)
        self.assertEqual(touched((8,), [(0, 64, 1)]), 8)
        self.assertEqual(touched((2,), [(0, 64, 8)]), 8)


class Jobs(unittest.TestCase):
    """The files between driver and workers."""

    def test_a_job_is_read_as_it_was_written(self) -> None:
        job = Job(
            source="/dev/shm/x y.raw", dtype="float32", shape=(4, 5), chunk=(2, 5), shard=(4, 5),
            codec="zstd", checksum=True, durable=False, cores=1,
            selections=[[(0, 4, 1), (1, 5, 2)], [(3, 4, 1), (0, 5, 1)]],
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.job"
            job.write(path)
            self.assertEqual(read_job(path), job)
            path.write_text("colour red\n")
            with self.assertRaisesRegex(ValueError, "unknown word colour"):
                read_job(path)


if __name__ == "__main__":
    unittest.main()
