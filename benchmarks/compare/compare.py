"""Runs the comparison: every cell, with every peer, in one run.

    python -m benchmarks.compare.compare --build FOLDER --work FOLDER --out FOLDER [--full]
        [--only TEXT] [--cells FILE] [--zarrs PROGRAM]

For each cell each peer gets a fresh process; they take turns within every repetition, another one
first in each. README.md says what is measured how. Writes results.json, report.md and report.html
into --out. Exit status 1 if a result was wrong, or coffer or a limit failed, 3 if the run was too
noisy.
"""

import argparse
import json
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compare import machine, report, rows, zarrs_native
from benchmarks.compare.cells import SMALL, TREES, Cell, load_cells
from benchmarks.compare.job import Job, Region, slices
from benchmarks.compare.limits import Limits
from benchmarks.compare.places import Bucket, place_of
from benchmarks.compare.process import PeerError, Worker, output_of
from benchmarks.compare.server import AT_ONCE
from benchmarks.compare.sources import Sources, is_there

HERE = Path(__file__).parent
AA_REPETITIONS = 9
MEMORY = Path("/dev/shm")
OBJECT_MAX = 64 << 20  # What a server's own rate is measured with; less where all cells are small.
OBJECTS_OF_A_CELL = 4
# The C++ program: with the library's budget, or with one in MiB.
COFFER_BUDGETS = {"coffer": [], "coffer again": [], "coffer (256 MiB)": ["256"]}
BESIDE_RESULT = 128 << 20  # What a peer may want besides.


def command_of(peer: str, build: Path, job: Path) -> list[str]:
    """How a peer's worker is started."""
    if peer in COFFER_BUDGETS:
        return [str(build / "bin/bench_coffer_worker"), str(job), *COFFER_BUDGETS[peer]]
    return [sys.executable, "-m", "benchmarks.compare.worker", peer, str(job)]


def rotated(names: list[str], by: int) -> list[str]:
    """The names, beginning with another one each time: who comes after whom matters."""
    by %= max(1, len(names))
    return names[by:] + names[:by]


class Bench:
    """One cell at work: its folders, its source and its workers."""

    def __init__(self, cell: Cell, build: Path, work: Path, source: np.memmap | None) -> None:
        self.cell = cell
        self._build = build
        self._work = work / "cell"
        self._work.mkdir(parents=True)
        self.place = place_of(cell, build, work)
        self._source = source
        self.source_path = str(source.filename) if source is not None else ""
        self._log = work / "peers.log"
        self._workers: dict[str, list[Worker]] = {}
        self.failed: dict[str, str] = {}
        self.wrong: dict[str, list[str]] = {}
        self._dice = random.Random(11)
        self._jobs = self._write_jobs(cell, "")
        # The workers of a re-encoding create its target; what it reads is there by then.
        target = cell.target() if cell.workload == "reencode" else cell
        self._worker_jobs = self._write_jobs(target, "-worker")

    def _write_jobs(self, cell: Cell, suffix: str) -> dict[str, Path]:
        jobs = {kind: self._work / f"{kind}{suffix}.job" for kind in ("coffer", "peers")}
        for kind, path in jobs.items():
            cell.job(self.source_path, checksum=kind == "coffer").write(path)
        return jobs

    def close(self) -> None:
        """Ends the workers and removes the arrays."""
        for name in list(self._workers):
            self._end(name)
        self.place.close()
        shutil.rmtree(self._work, ignore_errors=True)

    def _end(self, name: str) -> None:
        for worker in self._workers.pop(name):
            worker.close()

    def _kind(self, peer: str) -> str:
        return "coffer" if peer.startswith("coffer") else "peers"

    def array(self, peer: str) -> str:
        """Reading cells have one array for coffer and one for its peers; others one each."""
        if self.cell.workload in ("write_all", "update", "small_write", "tree_save"):
            return self.place.of(peer.replace(" ", "-"))
        if peer == "memmap":
            return self.place.of("memmap")
        return self.place.of(self._kind(peer))

    def copy(self, peer: str) -> str:
        """What a re-encoding makes; coffer's last one is looked at after the turns."""
        return self.place.of(f"{self._kind(peer)}-copy")

    def start(self, peer: str, job: Path | None = None, measured: str = "") -> Worker:
        """A fresh process; `measured` names the peer whose requests are delayed and counted."""
        job = job or self._jobs[self._kind(peer)]
        environment = {
            "COFFER_SHIM": str(next(self._build.rglob("libbench_coffer_shim.so"))),
            "COFFER_JOB": str(job),
            "RAYON_NUM_THREADS": str(self.cell.cores),
            "PYTHONPATH": str(HERE.parent.parent),
            **self.place.environment(measured),
        }
        command = command_of(peer, self._build, job)
        return Worker(peer, command, environment, self.cell.cores, self._log)

    def once(self, peer: str, command: str, job: Path | None = None) -> None:
        """One command to a process of its own."""
        worker = self.start(peer, job)
        try:
            answer = worker.ask(command)
        finally:
            worker.close()
        if answer["wrong"]:
            raise PeerError(f"{peer}: {command}: {answer['wrong']}")

    def prepare(self) -> None:
        """The arrays that are read, and the workers."""
        peers = ["coffer", "coffer again"] if self.cell.workload == "aa" else [*self.cell.peers]
        if self.cell.workload == "update":
            for peer in peers:
                writer = "memmap" if peer == "memmap" else "coffer"
                self.once(writer, f"create {self.array(peer)}", self._jobs[self._kind(peer)])
        elif self.cell.workload not in ("write_all", "tree_save", *SMALL):
            verb = "tree_save" if self.cell.workload in TREES else "create"
            writers = {self.array("coffer"): "coffer"}
            if self.cell.workload != "aa":
                writers[self.array("TensorStore")] = "TensorStore"
            if "memmap" in peers:
                writers[self.array("memmap")] = "memmap"
            for path, writer in writers.items():
                self.once(writer, f"{verb} {path}")
        for peer in peers:
            processes = range(self.cell.processes)
            job = self._worker_jobs[self._kind(peer)]
            self._workers[peer] = [self.start(peer, job, peer) for _ in processes]

    def ask(self, peer: str, command: str) -> dict[str, Any] | None:
        """All processes of a peer at once; None if it cannot."""
        try:
            before = self.place.processor()
            answer = rows.together(self._answers(peer, command))
            return answer | {"server": self.place.processor() - before}
        except PeerError as error:
            if peer.startswith("coffer"):
                raise
            self.failed[peer] = str(error)
            self._end(peer)
            return None

    def _answers(self, peer: str, command: str) -> list[dict[str, Any]]:
        """Of all its processes. If one fails, the others are heard: they may have been wrong."""
        begun: list[Worker] = []
        answers: list[dict[str, Any]] = []
        errors: list[PeerError] = []
        for worker in self._workers[peer]:
            try:
                worker.begin(command)
                begun.append(worker)
            except PeerError as error:
                errors.append(error)
        for worker in begun:
            try:
                answers.append(worker.finish(command))
                self._keep_wrong(peer, answers[-1]["wrong"])
            except PeerError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return answers

    def _keep_wrong(self, peer: str, wrong: str) -> None:
        if wrong:
            self.wrong.setdefault(peer, []).append(wrong)

    def _take_regions(self, repetition: int) -> None:
        regions = self.cell.regions(repetition)
        if not regions:
            return
        job = self._work / "regions.job"
        Job(selections=regions).write(job)
        for name in list(self._workers):
            self.ask(name, f"job {job}")

    def change(self, repetition: int) -> None:
        """Rewrites a chunk in every array, so that nothing can be served from before."""
        cell = self.cell
        if cell.workload in ("small_read", "list"):
            for kind in ("coffer", "peers"):
                self.place.remove(self.place.of(kind))
                command = f"small_write {self.place.of(kind)} {cell.calls} {repetition}"
                job = self._work / "small.job"
                quick = cell.job("", checksum=kind == "coffer")
                quick.durable = False
                quick.write(job)
                self.once("coffer", command, job)
            if "memmap" in self._workers:
                self.place.remove(self.place.of("memmap"))
                command = f"small_write {self.place.of('memmap')} {cell.calls} {repetition}"
                self.once("memmap", command)
        elif cell.workload == "update":
            for region in cell.regions(repetition):
                self._flip(region, repetition)
        elif cell.workload != "small_write":
            grid = [range(0, s, c) for s, c in zip(cell.shape, cell.chunk, strict=True)]
            regions = cell.regions(repetition) or [[(0, s, 1) for s in cell.shape]]
            inside = self._dice.choice(regions)
            # A chunk that some call reads.
            place = [a // c * c for (a, _, _), c in zip(inside, cell.chunk, strict=True)]
            if not cell.regions(repetition):
                place = [self._dice.choice(starts) for starts in grid]
            ends = zip(place, cell.chunk, cell.shape, strict=True)
            region = [(a, min(a + c, s), 1) for a, c, s in ends]
            self._flip(region, repetition)
            if cell.workload == "tree_restore":
                for peer in ("coffer", "TensorStore"):
                    self.place.remove(self.array(peer))
                    self.once(peer, f"tree_save {self.array(peer)}")
            elif cell.workload not in ("write_all", "tree_save"):
                self._rewrite(region)

    def _flip(self, region: Region, repetition: int) -> None:
        assert self._source is not None
        part = self._source[slices(region)]
        size = part.dtype.itemsize
        pattern = np.dtype(f"u{size}").type(1 + repetition % 3)
        self._source[slices(region)] = (part.view(f"u{size}") ^ pattern).view(part.dtype)

    def _rewrite(self, region: Region) -> None:
        for peer in {self._kind(peer): peer for peer in self._workers if peer != "memmap"}.values():
            kind = self._kind(peer)
            job = self.cell.job(self.source_path, checksum=kind == "coffer")
            job.selections = [region]
            path = self._work / "change.job"
            job.write(path)
            self.once("coffer", f"update {self.place.of(kind)}", path)
        if "memmap" in self._workers:
            assert self._source is not None
            array = np.load(self.place.of("memmap/array.npy"), mmap_mode="r+")
            array[slices(region)] = self._source[slices(region)]

    def turn(self, peer: str, repetition: int) -> dict[str, Any] | None:
        """One repetition of one peer, checked."""
        cell, path = self.cell, self.array(peer)
        if cell.workload in ("write_all", "small_write", "tree_save"):
            self.place.remove(path)
            self.place.settle()
        if cell.workload == "write_all":
            return self._verified(peer, self.ask(peer, f"write {path}"), path)
        if cell.workload == "small_write":
            command = f"small_write {path} {cell.calls} {repetition}"
            answer = self.ask(peer, command)
            if peer == "memmap":
                return answer
            return self._verified(peer, answer, path, f"small_read {{}} {cell.calls} {repetition}")
        if cell.workload == "tree_save":
            return self._verified(peer, self.ask(peer, f"tree_save {path}"), path, "tree_verify {}")
        if cell.workload == "update":
            self.place.settle()
            return self._verified(peer, self.ask(peer, f"update {path}"), path)
        if cell.workload == "reencode":
            copy = self.copy(peer)
            self.place.remove(copy)
            self.place.settle()
            return self._verified(peer, self.ask(peer, f"reencode {path} {copy}"), copy)
        if cell.workload == "small_read":
            return self.ask(peer, f"small_read {path} {cell.calls} {repetition}")
        if cell.workload == "list":
            return self.ask(peer, f"list {path} {cell.calls}")
        verbs = {"open_one": "open", "gather": "gather", "tree_restore": "tree_restore"}
        verb = verbs.get(cell.workload, "read")
        return self.ask(peer, f"{verb} {path}")

    def _verified(
        self, peer: str, answer: dict[str, Any] | None, path: str, command: str = "verify {}"
    ) -> dict[str, Any] | None:
        """What another engine than its writer reads there."""
        if answer is not None and not answer["wrong"]:
            reader = "memmap" if peer == "memmap" else "coffer"
            if peer.startswith("coffer"):
                reader = "TensorStore"
            check = self.start(reader)
            try:
                answer["wrong"] = check.ask(command.format(path))["wrong"]
            except PeerError as error:
                answer["wrong"] = str(error)
            finally:
                check.close()
            self._keep_wrong(peer, answer["wrong"])
        return answer

    def count(self, peers: Iterable[str]) -> dict[str, dict[str, float]]:
        """How many requests each peer sends in one repetition, by method; none of local files.

        Where each has a proxy for its delays, those were counted in the repetitions. Else a fresh
        process does it once more, off the clock.
        """
        place = self.place
        if not isinstance(place, Bucket):
            return {}
        share = self.cell.repetitions
        if self.cell.latency == 0:
            share, place.counting = 1, True
            for peer in peers:
                self._end(peer)
                self._workers[peer] = [self.start(peer, self._jobs[self._kind(peer)], peer)]
                self.turn(peer, 0)
            place.counting = False
        counted = place.requests()
        return {
            peer: {verb: n / share for verb, n in counted[peer].items()}
            for peer in peers
            if peer not in self.failed
        }

    def run(self) -> dict[str, rows.Peer]:
        """All repetitions."""
        names = list(self._workers)
        peers = {name: rows.Peer([]) for name in names}
        count = AA_REPETITIONS if self.cell.workload == "aa" else self.cell.repetitions
        for repetition in range(count):
            self._take_regions(repetition)
            self.change(repetition)
            for name in rotated(names, repetition):
                if name not in self._workers:
                    continue
                if self.cell.store == "s3":  # Whose turns are so long that memory grows cold.
                    touch_memory(self.cell.bytes + BESIDE_RESULT)
                answer = self.turn(name, repetition)
                if answer is not None:
                    peers[name].runs.append(answer)
        for name in names:
            if name in self.failed:
                del peers[name]
                continue
            runs = peers[name].runs
            if len(runs) > 1:
                peers[name] = rows.Peer(runs[1:], first=runs[0])
            python = name not in COFFER_BUDGETS and self.cell.store == "file"
            if python and self.cell.workload not in ("write_all", "reencode", "list"):
                small = self.cell.workload in SMALL
                if small and name == "memmap":
                    continue
                answer = self.ask(name, f"null {self.array(name)}{'/0' * small}")
                if answer is None:
                    del peers[name]  # What it cost could not be told apart.
                else:
                    peers[name].null = sorted(answer["calls"])[len(answer["calls"]) // 2]
        return peers


def largest_task(
    build: Path, arrays: Iterable[str], environment: dict[str, str] | None = None
) -> int:
    """The largest of any of the arrays, as `coffer info` says it."""
    words = [str(build / "bin/coffer"), "info", "--json"]
    return max(
        int(json.loads(output_of([*words, array], environment))["largest_task_bytes"])
        for array in arrays
    )


def measure_beside(
    bench: Bench, row: rows.Row, arguments: argparse.Namespace, limits: Limits
) -> None:
    """What other programs say after the peers' turns; one that fails costs no figure of theirs."""
    cell = bench.cell
    array = bench.array("coffer")
    stored = bench.copy("coffer") if cell.workload == "reencode" else array

    def native() -> None:
        zarrs_native.add(arguments.zarrs, row, Path(bench.array("TensorStore")))

    def limit() -> None:
        if isinstance(bench.place, Bucket):
            row.limit = limits.of_server(cell, bench.place, stored)
        else:
            row.limit = limits.of(cell, bench.source_path, Path(stored))

    def task() -> None:
        row.largest_task = largest_task(
            arguments.build, {array, stored}, bench.place.environment("")
        )

    steps: dict[str, Callable[[], None]] = {}
    alone = cell.processes == 1 and cell.workload in ("read_all", "chunk_by_chunk")
    if arguments.zarrs and alone:
        steps["zarrs (native)"] = native
    steps["limit"] = limit
    if cell.workload not in (*SMALL, *TREES):
        steps["largest task"] = task
    for what, step in steps.items():
        try:
            step()
        except Exception as error:
            row.broken[what] = f"{type(error).__name__}: {error}"


def run_cell(
    cell: Cell, arguments: argparse.Namespace, sources: Sources, limits: Limits
) -> rows.Row:
    """Everything of one cell."""
    source = None if cell.workload in SMALL else sources.of(cell)
    bench = Bench(cell, arguments.build, arguments.work, source)
    row = rows.Row(cell, {}, failed=bench.failed, wrong=bench.wrong)
    limits.forget()
    try:
        bench.prepare()
        row.peers = bench.run()
        row.requests = bench.count(row.peers)
        if cell.workload != "aa":
            measure_beside(bench, row, arguments, limits)
    except Exception as error:  # What was wrong until then is told, too.
        row.failed["the cell"] = f"{type(error).__name__}: {error}"
    finally:
        bench.close()
    return row


def touch_memory(size: int) -> None:
    """The first touch of guest memory is slow, and no cell is to pay for it.

    Where the host is told of free pages, huge ones that were free for two seconds are as slow again
    (10 to 20 times); small ones are not, so that only who asks for huge ones would pay.
    """
    block: np.ndarray = np.empty(size, np.uint8)
    block[:: 1 << 12] = 1


def main() -> int:
    """See the top."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--full", action="store_true", help="all cells, not only the headline")
    parser.add_argument("--only", default="", help="cells whose names contain this")
    parser.add_argument("--cells", type=Path, default=HERE / "cells.json")
    parser.add_argument("--zarrs", default="", help="the program zarrs_benchmark_read_sync")
    arguments = parser.parse_args()
    cells = [c for c in load_cells(arguments.cells) if c.headline or arguments.full]
    cells = [c for c in cells if arguments.only in c.name]
    for cell in cells:
        if not is_there(cell.data):
            print(f"{cell.name} | left out: its data is not there (scripts/demo-data)")
    cells = [c for c in cells if is_there(c.data)]
    if not cells:
        parser.error(f"no cell's name contains {arguments.only!r}")
    # A folder of its own: what else is there is not ours to remove.
    arguments.work = arguments.work.resolve() / f"coffer-compare-{os.getpid()}"
    arguments.work.mkdir(parents=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        return compare(cells, arguments)
    finally:
        shutil.rmtree(arguments.work, ignore_errors=True)


def compare(cells: list[Cell], arguments: argparse.Namespace) -> int:
    """Measures and reports; the exit status."""
    touch_memory(max(2 * max(c.bytes for c in cells), 1 << 30))
    objects = min(OBJECT_MAX, max(c.bytes for c in cells) // OBJECTS_OF_A_CELL)
    limits = Limits(str(arguments.build / "bin/bench_limits"), arguments.work, objects)
    about = machine.describe(arguments.work, zarrs_native.version(arguments.zarrs))
    about["load at the start"] = " ".join(f"{x:.2f}" for x in os.getloadavg())
    rates: dict[str, float] = {}
    try:
        rates = rates_of(cells, limits)
    except Exception as error:  # The cells are still worth measuring.
        about["limits of the machine"] = f"failed: {type(error).__name__}: {error}"
    done = measure(cells, arguments, limits)
    report.write(arguments.out, about, rates, done)
    print(report.summary(done))
    if not rates or any(rows.spoils(row) for row in done):
        return 1
    noisy = (row for row in done if row.cell.workload == "aa" and rows.aa_off(row) > rows.NOISE_MAX)
    return 3 if any(noisy) else 0


def rates_of(cells: list[Cell], limits: Limits) -> dict[str, float]:
    """The limits of the machine, and of the server, as far as cells need them."""
    rates: dict[str, float] = {}
    if any(cell.store == "file" for cell in cells):
        rates |= limits.machine(len(os.sched_getaffinity(0)))
    for latency in sorted({cell.latency for cell in cells if cell.store == "s3"}):
        for verb, rate in limits.server(latency).items():
            size = f"{limits.object_bytes / 2**20:.3g} MiB"
            rates[f"{verb} of {size} by obstore, {AT_ONCE} at once, {latency} ms"] = rate
    return rates


def measure(cells: list[Cell], arguments: argparse.Namespace, limits: Limits) -> list[rows.Row]:
    """Runs the cells, in the order of their sources so that each is made once."""
    sources = Sources(MEMORY, arguments.work)
    done: dict[str, rows.Row] = {}
    try:
        order = sorted(cells, key=lambda c: (c.workload != "aa", c.data, c.shape, c.dtype))
        for cell in [*order, *(c for c in order if c.workload == "aa")]:
            try:
                row = run_cell(cell, arguments, sources, limits)
            except Exception as error:  # The other cells are still worth measuring.
                row = rows.Row(cell, {}, failed={"the cell": f"{type(error).__name__}: {error}"})
            # A/A is measured at the end once more: the worse counts.
            before = done.get(cell.name)
            done[cell.name] = row if before is None else rows.worse(before, row)
            print(report.line(row), flush=True)
    finally:
        sources.close()
    return [done[cell.name] for cell in cells]


if __name__ == "__main__":
    sys.exit(main())
