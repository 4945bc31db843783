"""From what the workers measured to the rows of the report: medians, ratios, goals missed."""

import math
import statistics
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.compare.cells import CALL_SIZED, WRITES, Cell

SMALL_ARRAYS = ("small_write", "small_read")
MEMORY_EQUAL = 4 << 20  # Less of a difference is what an allocator happens to keep.
NET_LEAST = 0.01  # Of a call, where the null call is as dear.
NOISE_MAX = 0.05  # The A/A cell may be off by this.
LIMIT_PASSED = 1.05  # Who is faster than the limit shows that it was none.
MIB = 1 << 20
DURABLE_PEERS = ("TensorStore", "TensorStore (cache)")
NO_RIVALS = ("memmap", "coffer", "coffer (256 MiB)", "coffer (ctypes)", "coffer again")
PYTHON_RIVALS = ("TensorStore", "TensorStore (cache)", "zarrs", "zarr-python")


@dataclass
class Peer:
    """One peer's repetitions of a cell, the first one dropped."""

    runs: list[dict[str, Any]]
    null: float = 0.0  # Seconds of a call that moves nothing.
    first: dict[str, Any] | None = None  # What was dropped: it counts for nothing but memory.

    @property
    def all_runs(self) -> list[dict[str, Any]]:
        """With the one that was dropped."""
        return self.runs if self.first is None else [self.first, *self.runs]

    @property
    def wrong(self) -> list[str]:
        """What was wrong, in whichever repetition."""
        return [run["wrong"] for run in self.all_runs if run["wrong"]]

    def _totals(self) -> list[float]:
        return [sum(run["calls"]) for run in self.runs]

    @property
    def seconds(self) -> float:
        """The median repetition."""
        return statistics.median(self._totals())

    def net(self, calls: int) -> float:
        """Without what so many calls cost on the way in."""
        return max(self.seconds - calls * self.null, self.seconds * NET_LEAST)

    def hidden(self, calls: int) -> bool:
        """Whether the way in is all that was seen, so that what is left of it is a guess."""
        return calls * self.null > self.seconds * (1 - NET_LEAST)

    @property
    def least(self) -> float:
        return min(self._totals())

    @property
    def spread(self) -> float:
        """How far the repetitions are apart, of the median."""
        return (max(self._totals()) - min(self._totals())) / self.seconds

    def percentile(self, share: float) -> float:
        """Of single calls, in all repetitions and processes: the nearest rank, as coffer bench."""
        calls = sorted(call for run in self.runs for call in run.get("every", run["calls"]))
        return calls[max(math.ceil(share * len(calls)), 1) - 1]

    def middle(self, name: str) -> float:
        """The median over the repetitions of something counted."""
        return statistics.median(run[name] for run in self.runs)

    @property
    def memory(self) -> int:
        """Peak above the result; the highest repetition."""
        return max(run["peak"] - run["result"] for run in self.all_runs)


@dataclass
class Row:
    """A cell with what was measured."""

    cell: Cell
    peers: dict[str, Peer]
    limit: float | None = None  # Seconds.
    largest_task: int = 0
    failed: dict[str, str] = field(default_factory=dict)  # Peers that could not, and why.
    requests: dict[str, dict[str, float]] = field(default_factory=dict)  # By peer and method.
    broken: dict[str, str] = field(default_factory=dict)  # What else was not measured, and why.
    #: As the answers came: a peer that fails later has no figures, and was wrong all the same.
    wrong: dict[str, list[str]] = field(default_factory=dict)

    @property
    def told(self) -> dict[str, list[str]]:
        """What was wrong, by peer."""
        return {name: peer.wrong for name, peer in self.peers.items()} | self.wrong

    @property
    def by_call(self) -> bool:
        """Whether the cell's calls are so small that the way into the peer counts."""
        return self.cell.kind in CALL_SIZED

    @property
    def rivals(self) -> list[str]:
        """Whom coffer is compared with: of durable writes those that are durable, too.

        On a server all of them are.
        """
        wanted = [n for n, peer in self.peers.items() if n not in NO_RIVALS and not peer.wrong]
        if self.cell.workload in WRITES and self.cell.durable and self.cell.store == "file":
            wanted = [name for name in wanted if name in DURABLE_PEERS]
        return wanted

    def _null_calls(self, name: str) -> int:
        """How many ways in are taken off."""
        if self.cell.workload in SMALL_ARRAYS:
            return self.cell.calls
        return len(self.peers[name].runs[0]["calls"]) if self.by_call else 0

    def _net(self, name: str) -> float:
        return self.peers[name].net(self._null_calls(name))

    def hidden(self, name: str) -> bool:
        """Whether a peer's null call is as dear as its call."""
        return self.peers[name].hidden(self._null_calls(name))

    @property
    def best(self) -> str | None:
        """The rival that coffer is ahead of least."""
        return min(self.rivals, key=self._ratio_to, default=None)

    def ours(self, rival: str) -> str:
        """Like for like: a rival behind Python is compared with coffer behind Python."""
        if rival in PYTHON_RIVALS and "coffer (ctypes)" in self.peers:
            return "coffer (ctypes)"
        return "coffer"

    @property
    def ratio(self) -> float | None:
        """How often coffer is done while the best rival is once."""
        return self._ratio_to(self.best) if self.best is not None else None

    @property
    def ratio_text(self) -> str:
        """For people: with a mark where a null call leaves nothing to compare; empty: no rival."""
        best = self.best
        if best is None:
            return ""
        mark = "~" if self.hidden(best) or self.hidden(self.ours(best)) else ""
        return f"{mark}{self._ratio_to(best):.2f}"

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
        if cell.store == "s3":
            return 2.0 if cell.latency else 1.0, 0.0
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

    def sent(self, name: str) -> float:
        """How many requests a peer sends in a repetition."""
        return sum(self.requests[name].values())

    def missed_requests(self) -> list[str]:
        """Who sends fewer requests, in words."""
        if "coffer" not in self.requests:
            return ["requests were not counted"] if self.cell.store == "s3" else []
        best = min((n for n in self.rivals if n in self.requests), key=self.sent, default="coffer")
        if self.sent("coffer") <= self.sent(best):
            return []
        return [f"{self.sent('coffer'):,.7g} requests, {best} {self.sent(best):,.7g}"]

    def missed(self) -> list[str]:
        """The goals that this row misses, in words."""
        ratio, part = self.goal
        words = [f"WRONG: {wrong}" for wrong in is_wrong(self)]
        words += [f"{what} failed: {why}" for what, why in self.broken.items()]
        if "coffer" not in self.peers:
            return [*words, "coffer failed"]
        if self.cell.workload == "aa":
            return words
        if self.ratio is None:
            words.append("no rival was measured")
        elif self.ratio < ratio:
            words.append(f"{self.ratio_text}x {self.best}, {ratio:g}x wanted")
        if self.of_limit is not None and self.of_limit < part:
            words.append(f"{self.of_limit:.2f} of the limit, {part:g} wanted")
        elif self.of_limit is not None and part and self.of_limit > LIMIT_PASSED:
            words.append(f"{self.of_limit:.2f} of a limit that was measured too slow to judge by")
        ours = self.peers["coffer"].memory
        if ours > self.memory_allowed:
            words.append(f"{ours / MIB:.0f} MiB, {self.memory_allowed / MIB:.0f} allowed")
        words += self.missed_requests()
        for name in ("TensorStore", "zarrs"):
            if name not in self.peers or self.cell.store == "s3":
                continue
            mine = self.peers[self.ours(name)].memory
            if mine > self.peers[name].memory + MEMORY_EQUAL:
                theirs = self.peers[name].memory / MIB
                words.append(f"{mine / MIB:.0f} MiB above the result, {name} {theirs:.0f}")
        return words


def together(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Several processes at once: the slowest one's calls, and all that was used or wrong.

    `every` has the calls of all of them, for percentiles.
    """
    slowest = max(answers, key=lambda answer: sum(answer["calls"]))
    sums = ("processor", "rchar", "wchar", "syscr", "syscw", "write_bytes")
    wrong = next((answer["wrong"] for answer in answers if answer["wrong"]), "")
    used = {name: sum(answer[name] for answer in answers) for name in sums}
    peak = max(answer["peak"] for answer in answers)
    every = [call for answer in answers for call in answer["calls"]]
    return slowest | used | {"wrong": wrong, "peak": peak, "every": every}


def aa_off(row: Row) -> float:
    """How far the two halves of the A/A cell are apart; far, if there are none."""
    if "coffer again" not in row.peers:
        return float("inf")
    return abs(row.peers["coffer again"].seconds / row.peers["coffer"].seconds - 1)


def spoils(row: Row) -> bool:
    """Whether a run with this row has failed."""
    return bool(is_wrong(row) or row.broken or "coffer" not in row.peers)


def worse(first: Row, last: Row) -> Row:
    """Of the two A/A rows the one that is farther off, with what was wrong in either."""
    names = dict.fromkeys([*first.told, *last.told])
    wrong = {name: first.told.get(name, []) + last.told.get(name, []) for name in names}
    return replace(max(first, last, key=aa_off), wrong=wrong)


def is_wrong(row: Row) -> list[str]:
    """What gave wrong bytes."""
    return [
        f"{row.cell.name}: {name}: {wrong}" for name, told in row.told.items() for wrong in told
    ]
