"""A peer of the comparison that is used through Python: does what the driver tells it.

    python -m benchmarks.compare.worker PEER JOB_FILE

Reads commands from standard input, one a line, and answers each with a line of JSON: what was used
(usage.py), or {"error": TEXT}. native/coffer_worker.cc does the same for coffer in C++, and lists
the commands; README.md says what is timed, and what is checked outside the clock.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compare.job import Job, Region, read_job, slices
from benchmarks.compare.peers.peer import SMALL_SIDE, Peer
from benchmarks.compare.usage import Usage

PEERS = {
    "TensorStore": ("tensorstore_peer", "TensorStore"),
    "TensorStore (cache)": ("tensorstore_peer", "TensorStoreCaching"),
    "zarrs": ("zarr_peer", "Zarrs"),
    "zarr-python": ("zarr_peer", "ZarrPython"),
    "zarr-python + obstore": ("zarr_peer", "ZarrObstore"),
    "memmap": ("memmap_peer", "MemMap"),
    "coffer (ctypes)": ("coffer_peer", "CofferCtypes"),
}
NULL_CALLS = 200


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Compares row by row, so that little memory is held."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.nbytes <= 1 << 20 or a.ndim < 2:
        return bool(np.array_equal(a, b))
    return all(same(x, y) for x, y in zip(a, b, strict=True))


def small_values(number: int) -> np.ndarray:
    """What a small array holds."""
    ramp = np.arange(SMALL_SIDE * SMALL_SIDE, dtype=np.float32) / np.float32(1024)
    return (np.float32(number) + ramp).reshape(SMALL_SIDE, SMALL_SIDE)


class Worker:
    """One peer, with the job's source in memory."""

    def __init__(self, name: str, job: Job) -> None:
        module, cls = PEERS[name]
        kind = getattr(import_module(f"benchmarks.compare.peers.{module}"), cls)
        self._job = job
        self._peer: Peer = kind(job)
        self._source = np.empty(0)
        if job.source:
            self._source = np.memmap(job.source, dtype=job.dtype, mode="r", shape=job.shape)
            self._source.view(np.ndarray).max()  # Every page is mapped before anything is measured.
        self._all: Region = [(0, extent, 1) for extent in job.shape]

    def run(self, line: str) -> dict[str, Any]:
        """One command, one answer."""
        verb, path, *rest = line.split()
        usage = Usage()
        commands: dict[str, Callable[[], None]] = {
            "job": lambda: self._take_selections(path),
            "create": lambda: self._write(path),
            "verify": lambda: self._verify(path, usage),
            "write": lambda: usage.time(lambda: self._write(path)),
            "read": lambda: self._read(path, usage),
            "open": lambda: self._open_each(path, usage),
            "update": lambda: self._update(path, usage),
            "gather": lambda: self._gather(path, usage),
            "tree_save": lambda: self._tree_save(path, usage),
            "tree_restore": lambda: self._tree_restore(path, usage),
            "tree_verify": lambda: self._tree_verify(path, usage),
            "reencode": lambda: usage.time(lambda: self._reencode(path, rest[0])),
            "small_write": lambda: self._small_write(path, int(rest[0]), int(rest[1]), usage),
            "small_read": lambda: self._small_read(path, int(rest[0]), int(rest[1]), usage),
            "list": lambda: self._list(path, int(rest[0]), usage),
            "null": lambda: self._null(path, usage),
        }
        commands[verb]()
        return usage.report()

    def _take_selections(self, path: str) -> None:
        self._job.selections = read_job(Path(path)).selections

    def _part(self, region: Region) -> np.ndarray:
        return self._source[slices(region)].view(np.ndarray)

    def _write(self, path: str) -> None:
        self._peer.write(self._peer.create(path), slices(self._all), self._part(self._all))

    def _checked(self, usage: Usage, region: Region, opened: Any, path: str = "") -> None:
        """One read; opens the array first if it is not yet."""
        peer, part = self._peer, slices(region)
        result = usage.time(lambda: peer.read(peer.open(path) if opened is None else opened, part))
        usage.result(result.nbytes)
        if not same(result, self._part(region)):
            usage.wrong("a read gave other bytes")

    def _read(self, path: str, usage: Usage) -> None:
        if not self._job.selections:
            self._checked(usage, self._all, None, path)
            return
        array = self._peer.open(path)
        for region in self._job.selections:
            self._checked(usage, region, array)

    def _open_each(self, path: str, usage: Usage) -> None:
        for region in self._job.selections:
            self._checked(usage, region, None, path)

    def _update(self, path: str, usage: Usage) -> None:
        array, write = self._peer.open(path), self._peer.write
        for region in self._job.selections:
            usage.time(partial(write, array, slices(region), self._part(region)))

    def _verify(self, path: str, usage: Usage) -> None:
        array = self._peer.open(path)
        step = (self._job.shard or self._job.chunk)[0]
        for begin in range(0, self._job.shape[0], step):
            end = min(begin + step, self._job.shape[0])
            region = [(begin, end, 1), *self._all[1:]]
            if not same(self._peer.read(array, slices(region)), self._part(region)):
                usage.wrong("the array holds other bytes")

    def _gather(self, path: str, usage: Usage) -> None:
        array, regions = self._peer.open(path), self._job.selections
        parts = [slices(region) for region in regions]
        results = usage.time(lambda: self._peer.gather(array, parts))
        self._compare(results, "a read gave other bytes", usage)

    def _compare(self, results: list[np.ndarray], wrong: str, usage: Usage) -> None:
        """With the selections."""
        usage.result(sum(result.nbytes for result in results))
        pairs = zip(results, map(self._part, self._job.selections), strict=True)
        if not all(same(result, wanted) for result, wanted in pairs):
            usage.wrong(wrong)

    def _tree_save(self, path: str, usage: Usage) -> None:
        leaves = [self._part(region) for region in self._job.selections]
        usage.time(lambda: self._peer.tree_write(path, leaves))

    def _tree_restore(self, path: str, usage: Usage) -> None:
        count = len(self._job.selections)
        results = usage.time(lambda: self._peer.tree_read(path, count))
        self._compare(results, "a restored leaf has other bytes", usage)

    def _tree_verify(self, path: str, usage: Usage) -> None:
        """Of a checkpoint that coffer wrote."""
        results = self._peer.checkpoint_read(path, len(self._job.selections))
        self._compare(results, "a saved leaf holds other bytes", usage)

    def _reencode(self, source: str, path: str) -> None:
        self._peer.reencode(self._peer.open(source), path)

    def _small_write(self, folder: str, count: int, first: int, usage: Usage) -> None:
        values = [small_values(first + number) for number in range(count)]
        usage.time(lambda: self._peer.small_write(folder, values))
        usage.result(sum(value.nbytes for value in values))  # The worker's, as a result is.

    def _small_read(self, folder: str, count: int, first: int, usage: Usage) -> None:
        results = usage.time(lambda: self._peer.small_read(folder, count))
        usage.result(sum(result.nbytes for result in results))
        if len(results) != count:
            usage.wrong(f"{len(results)} small arrays were read")
        if not all(same(result, small_values(first + n)) for n, result in enumerate(results)):
            usage.wrong("a small array holds other values")

    def _list(self, folder: str, count: int, usage: Usage) -> None:
        seen = usage.time(lambda: self._peer.list(folder))
        if seen != count:
            usage.wrong(f"a listing shows {seen} arrays")

    def _null(self, path: str, usage: Usage) -> None:
        call = self._peer.null(self._peer.open(path))
        call()
        for _ in range(NULL_CALLS):
            usage.time(call)


def main(arguments: list[str]) -> int:
    """Serves until standard input ends; 1 after an error, which the driver was told."""
    try:
        worker = Worker(arguments[0], read_job(Path(arguments[1])))
        for line in sys.stdin:
            print(json.dumps(worker.run(line)), flush=True)
    except Exception as error:  # Whatever a peer throws, the driver is to hear of it.
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
