"""zarrs without Python: its own reading benchmark, which prints how long it took."""

import os
import re
from pathlib import Path

from benchmarks.compare import process, rows

TIME = re.compile(r"in ([0-9.]+)(ns|µs|ms|s)\b")
SECONDS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


def version(program: str) -> str:
    """As the program zarrs_benchmark_read_sync of zarrs_tools says it."""
    if not program:
        return "not installed"
    done = process.run([program, "--version"])
    return done.stdout.splitlines()[0] if done.stdout else "unknown"


def add(program: str, row: rows.Row, array: Path) -> None:
    """Runs it on the peers' array and adds it to the row. It checks no bytes.

    ProgramError if it does not end; that it cannot is said in the row.
    """
    allowed = sorted(os.sched_getaffinity(0))[: row.cell.cores]
    cores = ",".join(map(str, allowed))
    # One chunk a call, as the others: it would read as many side by side as there are cores.
    calls = ["--read-all"] if row.cell.workload == "read_all" else ["--concurrent-chunks", "1"]
    command = ["taskset", "-c", cores, program, *calls, str(array)]
    runs = []
    for _ in range(row.cell.repetitions):
        done = process.run(command)
        found = TIME.search(done.stdout + done.stderr)
        if done.returncode != 0 or found is None:
            row.failed["zarrs (native)"] = (done.stderr or done.stdout).strip()[-200:]
            return
        seconds = float(found[1]) * SECONDS[found[2]]
        names = ("processor", "peak", "result", "rchar", "wchar", "syscr", "syscw")
        runs.append({"calls": [seconds], "wrong": "", **dict.fromkeys(names, 0)})
    row.peers["zarrs (native)"] = rows.Peer(runs[1:] or runs)
