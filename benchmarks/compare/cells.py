"""Which cells there are: reads cells.json and makes each cell's regions."""

import itertools
import json
import math
import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.compare.job import Job, Region

CELLS_MAX = 150
ITEM_SIZES = {"uint8": 1, "uint16": 2, "float32": 4}
ALL_PEERS = ("coffer", "coffer (ctypes)", "TensorStore", "zarrs", "zarr-python", "memmap")
#: A call that gives few bytes is dear for its way through Python, so only the shim's is compared.
CALL_SIZED = ("random_chunks", "boxes", "planes", "open_one", "update")
WRITES = ("write_all", "update", "small_write", "reencode", "tree_save")
SMALL = ("small_write", "small_read", "list")
TREES = ("tree_save", "tree_restore")
CALLS = {"random_chunks": 500, "boxes": 200, "planes": 8, "open_one": 100, "update": 8}
CALLS |= {"gather": 500}
#: Of the arrays of a tree, in parts of all rows: a dozen, the largest 64 times the smallest.
LEAVES = (1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 64)


@dataclass(frozen=True)
class Cell:
    """One line of the report: a workload on a layout."""

    workload: str
    headline: bool
    name: str
    data: str
    shape: tuple[int, ...]
    dtype: str
    chunk: tuple[int, ...]
    shard: tuple[int, ...]
    codec: str
    durable: bool
    cores: int
    processes: int
    repetitions: int
    calls: int
    peers: tuple[str, ...] = field(default=ALL_PEERS)
    store: str = "file"  # Or "s3": of the server that scripts/with-servers starts.
    latency: int = 0  # Milliseconds that are added to every request.

    @property
    def kind(self) -> str:
        """The workload without its axis."""
        return "planes" if self.workload.startswith("planes") else self.workload

    @property
    def write_chunk(self) -> tuple[int, ...]:
        """The unit of writing."""
        return self.shard or self.chunk

    @property
    def itemsize(self) -> int:
        return ITEM_SIZES[self.dtype]

    @property
    def bytes(self) -> int:
        """Decoded, of the whole array."""
        return math.prod(self.shape) * self.itemsize

    def job(self, source: str, *, checksum: bool) -> Job:
        """What the workers get."""
        return Job(
            source=source,
            dtype=self.dtype,
            shape=self.shape,
            chunk=self.chunk,
            shard=self.shard,
            codec=self.codec,
            checksum=checksum,
            durable=self.durable,
            cores=self.cores,
            selections=self.regions(),
        )

    def target(self) -> "Cell":
        """What a re-encoding makes of it: shards of plain chunks or back, with another codec."""
        other = "blosc" if self.codec == "zstd" else "zstd"
        if self.shard:
            return replace(self, codec=other, chunk=tuple(s // 2 for s in self.shard), shard=())
        shard = tuple(2 * c for c in self.chunk)
        return replace(self, codec=other, chunk=tuple(c // 4 for c in self.chunk), shard=shard)

    def _grid_box(self, unit: tuple[int, ...], index: tuple[int, ...]) -> Region:
        parts = zip(index, unit, self.shape, strict=True)
        return [(i * u, min((i + 1) * u, extent), 1) for i, u, extent in parts]

    def regions(self, repetition: int = 0) -> list[Region]:
        """One a call, the same for every peer; none: one call for everything.

        Others in each repetition, or a peer that keeps decoded chunks would have them already.
        """
        dice = random.Random(7 + repetition)
        count = self.calls or CALLS.get(self.kind, 0)
        grid = [math.ceil(s / c) for s, c in zip(self.shape, self.chunk, strict=True)]
        if self.kind == "chunk_by_chunk":
            units = [math.ceil(s / c) for s, c in zip(self.shape, self.write_chunk, strict=True)]
            every = itertools.product(*map(range, units))
            return [self._grid_box(self.write_chunk, index) for index in every]
        if self.kind in TREES:  # A leaf each.
            rows = [self.shape[0] * part // sum(LEAVES) for part in itertools.accumulate(LEAVES)]
            columns: Region = [(0, extent, 1) for extent in self.shape[1:]]
            return [[(a, b, 1), *columns] for a, b in itertools.pairwise([0, *rows])]
        if self.kind in ("random_chunks", "gather", "update"):
            places = [tuple(dice.randrange(n) for n in grid) for _ in range(count)]
            return [self._grid_box(self.chunk, place) for place in places]
        if self.kind == "boxes":  # As large as a chunk, never on its borders.
            limits = list(zip(self.chunk, self.shape, strict=True))
            sides = list(zip(grid, self.chunk, strict=True))
            starts = [
                [dice.randrange(n - 1) * c + dice.randrange(1, c) for n, c in sides]
                for _ in range(count)
            ]
            return [
                [(a, min(a + c, n), 1) for a, (c, n) in zip(start, limits, strict=True)]
                for start in starts
            ]
        if self.kind == "planes":
            axis = int(self.workload.rsplit("_", maxsplit=1)[1])
            everything: Region = [(0, extent, 1) for extent in self.shape]
            at = [dice.randrange(self.shape[axis]) for _ in range(count)]
            return [[*everything[:axis], (i, i + 1, 1), *everything[axis + 1 :]] for i in at]
        if self.kind == "strided":
            steps = (2, 3, 4, 5)
            return [[(0, extent, step) for extent, step in zip(self.shape, steps, strict=False)]]
        if self.kind == "open_one":
            points = [[dice.randrange(extent) for extent in self.shape] for _ in range(count)]
            return [[(i, i + 1, 1) for i in point] for point in points]
        return []


def _cell(
    workload: str,
    headline: bool,
    base: dict[str, Any],
    layouts: dict[str, Any],
    variation: dict[str, Any],
) -> Cell:
    facts = base | layouts.get(variation.get("layout", ""), {}) | variation
    shown = {k: v for k, v in variation.items() if k not in ("repetitions", "peers")}
    words = [shown.pop("layout", "sharded")] if workload not in SMALL else []
    if workload not in SMALL and workload != "aa":
        words.append(facts["codec"])
    shown.pop("codec", None)
    durable = shown.pop("durable", True)
    latency = shown.pop("latency", 0)
    words += [str(shown.pop("dtype"))] if "dtype" in shown else []
    shown = {"arrays" if key == "calls" else key: value for key, value in shown.items()}
    words += [f"{value:,} {key}" for key, value in shown.items()]
    words += [] if durable else ["not durable"]
    store = facts.get("store", "file")
    words += [f"{latency} ms"] if store == "s3" else []
    peers = tuple(facts.get("peers", ALL_PEERS))
    if any(workload.startswith(kind) for kind in CALL_SIZED) and "TensorStore" in peers:
        peers += ("TensorStore (cache)",)
    if facts["codec"] != "none":
        peers = tuple(peer for peer in peers if peer != "memmap")
    about: dict[str, Any] = {k: tuple(facts[k]) for k in ("shape", "chunk", "shard")}
    plain = ("data", "dtype", "codec", "durable", "cores", "processes", "repetitions", "calls")
    about |= {k: facts[k] for k in plain}
    name = ", ".join([workload.replace("_", " "), *words])
    return Cell(
        workload=workload,
        headline=headline,
        name=name,
        peers=peers,
        store=store,
        latency=latency,
        **about,
    )


def load_cells(path: Path) -> list[Cell]:
    """All cells; ValueError for too many, or for two of one name."""
    described = json.loads(path.read_text())
    cells = [
        _cell(workload, group.get("headline", False), described["base"], described["layouts"], v)
        for group in described["groups"]
        for workload in group["workloads"]
        for v in group["vary"]
    ]
    names = [cell.name for cell in cells]
    if len(cells) > CELLS_MAX or len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{path}: {len(cells)} cells of at most {CELLS_MAX}; twice: {twice}")
    return cells
