"""How fast a cell could be at most: its parts, measured alone (native/limits.cc) in the same run.

The parts of a read are work for the same processors, which no engine can leave out: the stored
bytes come out of the page cache, are decoded, and are put into their places in new memory. Their
times add up. A durable write also waits for the disk, which may go on meanwhile: its limit is the
longer of encoding plus copying into the page cache, and of writing as many files of that size with
fsync.
"""

import math
import statistics
from pathlib import Path

from benchmarks.compare.cells import SMALL, WRITES, Cell
from benchmarks.compare.job import Region
from benchmarks.compare.places import Bucket
from benchmarks.compare.process import output_of
from benchmarks.compare.server import Proxy, Server

REPETITIONS = 4
SMALL_WRITERS = 32
RESULT_NEW = 8 << 20  # Smaller results need cost no new pages: allocators keep that much.
PIECE_MAX = 4 << 20


class Limits:
    """Measures; the same question is asked once a run, but of what depends on an array's files."""

    def __init__(self, program: str, work: Path, object_bytes: int = 0) -> None:
        self.object_bytes = object_bytes  # Of what the server's rate is measured with.
        self._program = program
        self._work = work / "limits"
        self._known: dict[tuple[str, ...], float] = {}
        self._server: dict[int, dict[str, float]] = {}

    def seconds(self, threads: int, *words: object) -> float:
        """The median of bench_limits' seconds without the first; ProgramError if it fails."""
        arguments = (str(threads), *map(str, words))
        if arguments not in self._known:
            command = [self._program, arguments[0], str(REPETITIONS), *arguments[1:]]
            self._known[arguments] = statistics.median(
                list(map(float, output_of(command).split()))[1:]
            )
        return self._known[arguments]

    def machine(self, cores: int) -> dict[str, float]:
        """The machine's own limits, in GB/s."""
        size = 1 << 28
        rates = {
            f"memcpy, {what}, {threads} thread{'s' * (threads > 1)}": size
            / 1e9
            / self.seconds(threads, "copy", kind, size)
            for what, kind in (
                ("warm", "warm"),
                ("into new 4 KiB pages", "fresh"),
                ("into new huge pages", "huge"),
            )
            for threads in sorted({1, cores})
        }
        for files in (8, 64, 512):
            words = ("write", "sync", self._work, files, size // files)
            rates[f"write and fsync, {files} files, 8 threads"] = (
                size / 1e9 / self.seconds(8, *words)
            )
        return rates

    def server(self, latency_ms: int) -> dict[str, float]:
        """What the server gives, in GB/s by verb; measured once."""
        if latency_ms not in self._server:
            server = Server()
            if latency_ms == 0:
                self._server[0] = server.rates(self.object_bytes)
            else:
                proxy = Proxy(Path(self._program).parent.parent, server.url, latency_ms)
                self._server[latency_ms] = server.rates(self.object_bytes, proxy.url)
                proxy.close()
        return self._server[latency_ms]

    def of_server(self, cell: Cell, bucket: Bucket, place: str) -> float | None:
        """Seconds in which the server moves what the cell stores, in large pieces.

        None where it is asked for small objects.
        """
        if not cell.shard:
            return None
        stored = bucket.stored(place)
        if cell.workload == "gather":
            stored = stored * len(cell.regions()) // touched(cell.chunk, whole(cell))
        verb = "PUT" if cell.workload in WRITES else "GET"
        return stored / 1e9 / self.server(cell.latency)[verb]

    def forget(self) -> None:
        """The arrays of the last cell are gone; another's files may have their names."""
        self._known = {k: v for k, v in self._known.items() if k[1] not in ("pread", "list")}

    def _codec(self, verb: str, cell: Cell, source: str, threads: int) -> float:
        if cell.codec == "none":
            return 0.0
        shape, chunk = (",".join(map(str, dims)) for dims in (cell.shape, cell.chunk))
        words = ("codec", verb, cell.codec, cell.itemsize, shape, chunk, source)
        return self.seconds(threads, *words)

    def _write(self, cell: Cell, stored: int, files: int, *, durable: bool) -> float:
        how = "sync" if durable else "nosync"
        each = max(1, stored // max(1, files))
        threads = {min(files, 8), min(files, 32)} if durable else {cell.cores}
        return min(self.seconds(n, "write", how, self._work, files, each) for n in threads)

    def _read(self, cell: Cell, source: str, folder: Path, stored: int) -> float:
        """All calls of the cell together, in all its processes."""
        regions = cell.regions()
        chunks = math.prod(math.ceil(s / c) for s, c in zip(cell.shape, cell.chunk, strict=True))
        seen, taken = chunks, math.prod(cell.shape)
        if regions:
            seen = sum(touched(cell.chunk, region) for region in regions)
            taken = sum(math.prod(len(range(*part)) for part in region) for region in regions)
        threads = cell.cores if seen > len(regions) else 1
        shape, chunk = (",".join(map(str, dims)) for dims in (cell.shape, cell.chunk))
        # Small results come from memory that the last one has left.
        small = regions and taken * cell.itemsize < len(regions) * RESULT_NEW
        kind = "warm" if small else "new"
        place = self.seconds(threads, "strided", kind, cell.itemsize, shape, chunk)
        pread = self.seconds(threads, "pread", folder, max(1, min(PIECE_MAX, stored // chunks)))
        decode = self._codec("decode", cell, source, threads)
        alone = (pread + decode) * seen / chunks + place * taken / math.prod(cell.shape)
        return alone * max(1, cell.processes * threads / cell.cores)

    def of(self, cell: Cell, source: str, folder: Path) -> float:
        """Seconds of one repetition of the cell; `folder` holds coffer's array of it."""
        files = [f.stat().st_size for f in folder.rglob("*") if f.is_file()]
        stored, chunks = sum(files), max(1, len(files) - 1)
        how = "sync" if cell.durable else "nosync"
        if cell.workload in SMALL:
            if cell.workload == "list":
                return self.seconds(1, "list", folder)
            if cell.workload == "small_write":
                return self.seconds(SMALL_WRITERS, "small_write", how, self._work, cell.calls)
            return self.seconds(cell.cores, "small_read", self._work, cell.calls)
        if cell.workload == "update":
            calls = len(cell.regions())
            return calls * self._write(cell, stored // chunks, 1, durable=cell.durable)
        if cell.workload not in ("write_all", "reencode"):
            return self._read(cell, source, folder, stored)
        target = cell.target() if cell.workload == "reencode" else cell
        work = self._codec("encode", target, source, cell.cores)
        work += self._write(cell, stored, chunks, durable=False)
        if cell.workload == "reencode":
            work += self._codec("decode", cell, source, cell.cores)
        if not cell.durable:
            return work
        return max(work, self._write(cell, stored, chunks, durable=True))


def whole(cell: Cell) -> Region:
    """All of it."""
    return [(0, extent, 1) for extent in cell.shape]


def touched(chunk: tuple[int, ...], region: Region) -> int:
    """How many chunks a region lies in."""
    return math.prod(
        (b - 1) // c - a // c + 1 if s <= c else len(range(a, b, s))
        for (a, b, s), c in zip(region, chunk, strict=True)
    )
