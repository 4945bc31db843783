#!/usr/bin/env python3
"""Compares how many instructions bench_instructions takes with what baseline.json says.

check.py PROGRAM              prints a table; exit status 1 if one takes over 5 % more, or if a name
                              is missing on either side
check.py PROGRAM --record     writes baseline.json anew
check.py PROGRAM --only NAME  that one alone

Counts are callgrind's, of one call inside the program; README.md says what they depend on.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE_PERCENT = 5
SECONDS_MAX = 120
MEASURED = "coffer_measured"
RECORD = "scripts/bench-check --record"

# The C library must not copy by `rep movsb`: callgrind counts an instruction for each byte of it,
# and whether it is used depends on the processor.
TUNABLES = "glibc.cpu.hwcaps=-ERMS"


class CheckError(Exception):
    """What keeps the comparison from being made; the text says why."""


class Row(NamedTuple):
    """One benchmark: its count before and now, None where there is none."""

    name: str
    baseline: int | None
    now: int | None

    @property
    def verdict(self) -> str:
        """Empty if all is well."""
        if self.baseline is None:
            return "NOT IN THE BASELINE"
        if self.now is None:
            return "GONE"
        if self.now * 100 > self.baseline * (100 + TOLERANCE_PERCENT):
            return "MORE"
        if self.now * 100 < self.baseline * (100 - TOLERANCE_PERCENT):
            return "less"
        return ""

    @property
    def failed(self) -> bool:
        return self.verdict not in ("", "less")

    def __str__(self) -> str:
        cells = ["-" if count is None else f"{count:,}" for count in (self.baseline, self.now)]
        both = self.baseline is not None and self.now is not None
        cells.append(f"{(self.now or 0) / (self.baseline or 1):.3f}" if both else "-")
        return f"| {self.name} | {' | '.join(cells)} | {self.verdict} |"


def compare(baseline: Mapping[str, int], now: Mapping[str, int]) -> list[Row]:
    """A row for each name of either, in the order of `now`, then of the baseline."""
    names = [*now, *(name for name in baseline if name not in now)]
    return [Row(name, baseline.get(name), now.get(name)) for name in names]


def run(command: Iterable[str | Path], folder: Path) -> str:
    """Runs a command in an environment that is the same everywhere; returns all its output."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "GLIBC_TUNABLES": TUNABLES}
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS_MAX,
        )
    except FileNotFoundError as error:
        raise CheckError(f"there is no {error.filename} (scripts/install-deps brings it)") from None
    except subprocess.TimeoutExpired:
        raise CheckError(f"{' '.join(words)}: still running after {SECONDS_MAX} s") from None
    if done.returncode != 0:
        raise CheckError(f"{' '.join(words)}: exit status {done.returncode}\n{done.stdout[-2000:]}")
    return done.stdout


class Program:
    """bench_instructions, run by its bare name in its folder: where it is must not be counted."""

    def __init__(self, path: Path) -> None:
        self.folder = path.resolve().parent
        self.command = f"./{path.name}"

    def names(self) -> list[str]:
        """The benchmarks it has."""
        return run([self.command, "--list"], self.folder).split()

    def made_with(self) -> dict[str, str]:
        """What the counts depend on, the processor as valgrind shows it."""
        command = ["valgrind", "--tool=none", "-q", self.command, "--about"]
        about = dict(line.split(": ", 1) for line in run(command, self.folder).splitlines())
        version = run(["valgrind", "--version"], self.folder).strip()
        return about | {"valgrind": version.removeprefix("valgrind-")}

    def count(self, name: str) -> int:
        """The instructions of one benchmark."""
        options = [f"--toggle-collect={MEASURED}", "--callgrind-out-file=/dev/null"]
        command = ["valgrind", "--tool=callgrind", *options, self.command, name]
        output = run(command, self.folder)
        found = re.search(r"Collected : (\d+)", output)
        if found is None or int(found[1]) == 0:
            raise CheckError(f"{name}: callgrind counted nothing\n{output[-2000:]}")
        return int(found[1])

    def counts(self, names: list[str]) -> dict[str, int]:
        """Those of many, as many at once as there are cores, which no count notices."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return dict(zip(names, pool.map(self.count, names), strict=True))


def report(rows: list[Row], old: Mapping[str, str], new: Mapping[str, str]) -> int:
    """Prints the table and what follows from it; returns the exit status."""
    print("| benchmark | baseline | now | ratio | |\n|---|---|---|---|---|")
    for row in rows:
        print(row)
    print()
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            print(
                f"{key}: the baseline was made with {old.get(key, 'none')}, this with "
                f"{new.get(key, 'none')}; counts may differ for that alone"
            )
    less = sum(row.verdict == "less" for row in rows)
    if less:
        print(
            f"{less} take over {TOLERANCE_PERCENT} % less than the baseline: renew it ({RECORD}), "
            "in a commit of its own that says why"
        )
    failed = [row for row in rows if row.failed]
    for row in failed:
        print(f"FAILED {row.name}: {row.verdict}")
    print(f"bench-check: {len(rows) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def main() -> int:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description="Compares instruction counts with the baseline.")
    parser.add_argument("program", type=Path)
    parser.add_argument("--record", action="store_true", help="write the baseline anew")
    parser.add_argument("--only", metavar="NAME", help="one benchmark")
    parser.add_argument("--baseline", type=Path, default=BASELINE)
    arguments = parser.parse_args()
    if arguments.record and arguments.only:
        parser.error("a baseline holds all benchmarks: --record goes without --only")
    try:
        program = Program(arguments.program)
        names = program.names()
        if arguments.only:
            names = [name for name in names if name == arguments.only]
        if not names:
            raise CheckError(f"there is no benchmark {arguments.only or 'in the program'}")
        now, made_with = program.counts(names), program.made_with()
        if arguments.record:
            text = json.dumps({"made_with": made_with, "counts": now}, indent=2)
            arguments.baseline.write_text(text + "\n", encoding="utf-8")
            print(f"bench-check: recorded {len(now)} counts in {arguments.baseline}")
            return 0
        baseline = json.loads(arguments.baseline.read_text(encoding="utf-8"))
        if not baseline.get("counts") or "made_with" not in baseline:
            raise CheckError(f"{arguments.baseline}: no baseline; make one by {RECORD}")
    except (CheckError, OSError, ValueError) as error:
        print(f"bench-check: {error}", file=sys.stderr)
        return 2
    counts = baseline["counts"]
    if arguments.only:
        counts = {name: count for name, count in counts.items() if name in names}
    return report(compare(counts, now), baseline["made_with"], made_with)


if __name__ == "__main__":
    sys.exit(main())
