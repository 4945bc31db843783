"""From what the workers measured to the rows of the report: medians, ratios, goals missed."""

import statistics
from dataclasses import dataclass, field
from typing import Any

from benchmarks.compare.cells import CALL_SIZED, SMALL, WRITES, Cell

SMALL_ARRAYS = ("small_write", "small_read")
MEMORY_EQUAL = 4 << 20  # Less of a difference is what an allocator happens to keep.
NOISE_MAX = 0.05  # The A/A cell may be off by this.
MIB = 1 << 20
DURABLE_PEERS = ("TensorStore", "TensorStore (cache)")
NO_RIVALS = ("memmap", "coffer", "coffer (ctypes)", "coffer again")
PYTHON_RIVALS = ("TensorStore", "TensorStore (cache)", "zarrs", "zarr-python")


@dataclass
class Peer:
    """One peer's repetitions of a cell, the first one dropped."""

    runs: list[dict[str, Any]]
    null: float = 0.0  # Seconds of a call that moves nothing.

    def _totals(self) -> list[float]:
        return [sum(run["calls"]) for run in self.runs]

    @property
    def seconds(self) -> float:
        """The median repetition."""
        return statistics.median(self._totals())

    def net(self, calls: int) -> float:
        """Without what so many calls cost on the way in."""
        return max(self.seconds - calls * self.null, self.seconds * 0.01)

    @property
    def least(self) -> float:
        return min(self._totals())

    @property
    def spread(self) -> float:
        """How far the repetitions are apart, of the median."""
        return (max(self._totals()) - min(self._totals())) / self.seconds

    def percentile(self, share: float) -> float:
        """Of single calls, in all repetitions."""
        calls = sorted(call for run in self.runs for call in run["calls"])
        return calls[min(len(calls) - 1, int(share * len(calls)))]

    def middle(self, name: str) -> float:
        """The median over the repetitions of something counted."""
        return statistics.median(run[name] for run in self.runs)

    @property
    def memory(self) -> int:
        """Peak above the result; the highest repetition."""
        return max(run["peak"] - run["result"] for run in self.runs)


@dataclass
class Row:
    """A cell with what was measured."""

    cell: Cell
    peers: dict[str, Peer]
    limit: float | None = None  # Seconds.
    largest_task: int = 0
    failed: dict[str, str] = field(default_factory=dict)  # Peers that could not, and why.

    @property
    def by_call(self) -> bool:
        """Whether the cell's calls are so small that the way into the peer counts."""
        return self.cell.kind in CALL_SIZED

    @property
    def rivals(self) -> list[str]:
        """Whom coffer is compared with: of durable writes those that are durable, too."""
        wanted = [name for name in self.peers if name not in NO_RIVALS]
        if self.cell.workload in WRITES and self.cell.durable:
            wanted = [name for name in wanted if name in DURABLE_PEERS]
        return wanted

    def _net(self, name: str) -> float:
        peer = self.peers[name]
        if self.cell.workload in SMALL_ARRAYS:
            return peer.net(self.cell.calls)
        return peer.net(len(peer.runs[0]["calls"])) if self.by_call else peer.seconds

    @property
    def best(self) -> str | None:
        """The rival that coffer is ahead of least."""
        return min(self.rivals, key=self._ratio_to, default=None)

    def ours(self, rival: str) -> str:
        """Like for like: a rival behind Python is compared with coffer behind Python.

        Not so for small arrays: who overlaps them from Python pays for its lock, if not by futures.
        There coffer in C++ is compared with the rival without a null call for each array.
        """
        if self.cell.workload in SMALL_ARRAYS:
            return "coffer"
        if rival in PYTHON_RIVALS and "coffer (ctypes)" in self.peers:
            return "coffer (ctypes)"
        return "coffer"

    @property
    def ratio(self) -> float | None:
        """How often coffer is done while the best rival is once."""
        return self._ratio_to(self.best) if self.best is not None else None

    def _ratio_to(self, name: str) -> float:
        return self._net(name) / self._net(self.ours(name))

    @property
    def of_limit(self) -> float | None:
        """Which part of the limit coffer (in C++) reaches."""
        return self.limit / self.peers["coffer"].seconds if self.limit else None

    @property
    def goal(self) -> tuple[float, float]:
        """The ratio and the part of the limit that are asked for; 0: none."""
        cell = self.cell
        if cell.workload in ("read_all", "chunk_by_chunk"):
            return 1.0, 0.8
        if cell.workload == "write_all":
            return 1.0, 0.8 if cell.durable else 0.0
        if cell.workload in ("small_write", "small_read"):
            return 3.0, 0.0
        if cell.workload == "open_one":
            return 2.0, 0.0
        if cell.kind in ("random_chunks", "boxes", "planes", "strided"):
            return 1.6, 0.0
        return 1.0, 0.0

    @property
    def memory_allowed(self) -> int:
        """The design's one formula, above the result."""
        return max(64 * MIB, self.largest_task) + 64 * MIB

    def missed(self) -> list[str]:
        """The goals that this row misses, in words."""
        if self.cell.workload == "aa":
            return []
        ratio, part = self.goal
        words = []
        if self.ratio is None:
            words.append("no rival was measured")
        elif self.ratio < ratio:
            words.append(f"{self.ratio:.2f}x {self.best}, {ratio:g}x wanted")
        if self.of_limit is not None and self.of_limit < part:
            words.append(f"{self.of_limit:.2f} of the limit, {part:g} wanted")
        ours = self.peers["coffer"].memory
        if ours > self.memory_allowed:
            words.append(f"{ours / MIB:.0f} MiB, {self.memory_allowed / MIB:.0f} allowed")
        small = self.cell.workload in SMALL or self.by_call
        for name in ("TensorStore", "zarrs"):
            if small or name not in self.peers:
                continue
            mine = self.peers[self.ours(name)].memory
            if mine > self.peers[name].memory + MEMORY_EQUAL:
                theirs = self.peers[name].memory / MIB
                words.append(f"{mine / MIB:.0f} MiB above the result, {name} {theirs:.0f}")
        return words


def aa_off(row: Row) -> float:
    """How far the two halves of the A/A cell are apart."""
    return abs(row.peers["coffer again"].seconds / row.peers["coffer"].seconds - 1)


def is_wrong(row: Row) -> list[str]:
    """What gave wrong bytes."""
    return [
        f"{row.cell.name}: {name}: {run['wrong']}"
        for name, peer in row.peers.items()
        for run in peer.runs
        if run["wrong"]
    ]
