"""What a piece of work took, measured in the process that does it; native/usage.h is its twin.

The process is measured as a whole, from /proc; so nothing else may run in it meanwhile. Peak memory
is the highest resident size meanwhile, above that of the process before its first work: what a peer
keeps from one piece of work for the next counts, too.
"""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

IO_NAMES = ("rchar", "wchar", "syscr", "syscw", "write_bytes")


def _fields(path: str) -> dict[str, int]:
    fields = {}
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if value.split() and value.split()[0].isdigit():
            fields[name] = int(value.split()[0])
    return fields


@functools.cache
def _resident_at_first() -> int:
    return _fields("/proc/self/status")["VmRSS"]


class Usage:
    """Starts when it is made, and resets the process's high-water mark."""

    def __init__(self) -> None:
        self._resident = _resident_at_first()
        Path("/proc/self/clear_refs").write_text("5")
        self._io = _fields("/proc/self/io")
        self._calls: list[float] = []
        self._processor = 0.0
        self._result = 0
        self._wrong = ""

    def time(self, call: Callable[[], Any]) -> Any:
        """Runs one call on the clock."""
        processor = time.process_time()
        begin = time.perf_counter()
        result = call()
        self._calls.append(time.perf_counter() - begin)
        self._processor += time.process_time() - processor
        return result

    def result(self, size: int) -> None:
        """A call gave so many bytes; the largest counts."""
        self._result = max(self._result, size)

    def wrong(self, what: str) -> None:
        """A result was not as it should be."""
        self._wrong = what

    def report(self) -> dict[str, Any]:
        """What the driver gets."""
        io = _fields("/proc/self/io")
        peak = _fields("/proc/self/status")["VmHWM"] - self._resident
        report = {name: io[name] - self._io[name] for name in IO_NAMES}
        return report | {
            "calls": self._calls,
            "processor": self._processor,
            "peak": peak * 1024,
            "result": self._result,
            "wrong": self._wrong,
        }
