"""Running a command under strace, and what its trace says.

A call begins on one line and may end on a later one, when another thread's come between. What it
did holds from its end on; what it could count on is what had ended when it began.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CALLS = "open,openat,creat,mkdir,mkdirat,write,writev,pwrite64,pwritev,pwritev2,ftruncate"
CALLS += ",fallocate,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir"
CALLS += ",fsync,fdatasync,exit_group"
MISSING = "" if shutil.which("strace") else "SKIPPED: no strace (scripts/install-deps)"


@dataclass
class Call:
    """One system call: lines begin..end of the trace."""

    begin: int
    end: int
    name: str
    arguments: str
    result: int


def run(command: list[str], options: list[str], trace: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command under strace, which writes its trace to a file."""
    # The leak checker is a tracer, too, and there can be only one.
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return subprocess.run(
        ["strace", "-f", "-q", "-s", "16", "-o", str(trace), *options, *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "ASAN_OPTIONS": sanitizer},
    )


def parse(text: str) -> Iterator[Call]:
    """The calls of a trace that ended, in the order of their ends."""
    begun: dict[str, tuple[int, str, str]] = {}
    for number, line in enumerate(text.splitlines()):
        head = re.match(r"(\d+) +(?:<\.\.\. )?(\w+)(?:\(| resumed>)", line)
        if head is None:
            continue  # A signal, or the end of a thread.
        pid, name = head.groups()
        rest = line[head.end() :]
        if rest.endswith("<unfinished ...>"):
            begun[pid] = (number, name, rest.removesuffix("<unfinished ...>"))
            continue
        start, arguments = number, ""
        if " resumed>" in head.group(0):
            start, name, arguments = begun.pop(pid)
        ended = re.search(r"\) += (-?\d+|\?)", rest)
        if ended is None:
            continue
        result = ended.group(1)
        arguments += rest[: ended.start()]
        yield Call(start, number, name, arguments, 0 if result == "?" else int(result))
