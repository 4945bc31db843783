"""Seen from outside, what `coffer import` acknowledges is durable: every name it made, in however
many new directories, is in a directory that was synced afterwards, and every file was synced before
the rename that published it.

Method: strace tells every system call of an import into new nested directories; check() holds the
rules against it, knowing nothing of how the store works. That check() is no rubber stamp is tested
by doctored traces: without the syncs of one path, with a sync that failed, or that came too late.
    COFFER=path/to/coffer python3 tests/outside/fsync_order_test.py
"""

import os
import re
import sys
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import strace

sys.path.append(str(Path(__file__).parents[1] / "cli"))
from support import BINARY, ROOT, npy

SYNCS = ("fsync", "fdatasync")
WRITES = ("write", "writev", "pwrite64", "pwritev", "pwritev2", "ftruncate")


def paths_of(arguments: str) -> list[str]:
    """The paths among the arguments of a call: a descriptor shows its own as 4</path>, a name comes
    behind that of the directory it is looked up in."""
    found = []
    pattern = r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"([^"]*)"'
    for folder, name in re.findall(pattern, arguments):
        found.append(os.path.normpath(os.path.join(folder, name)))
    return found


def file_of(arguments: str) -> str:
    """The path of a call whose first argument is a descriptor."""
    match = re.match(r"\d+<([^>]*)>", arguments)
    return match.group(1) if match else ""


class Names:
    """What a trace has done so far."""

    def __init__(self, top: str) -> None:
        self.top = top
        self.created: dict[str, int] = {}  # Name: the line since which it is there.
        self.written: dict[str, int] = {}  # File, by its name of now: the line of its last write.
        self.synced: dict[str, int] = {}  # The line at which its last good sync began.
        self.faults: list[str] = []

    def inside(self, path: str) -> bool:
        """Whether a path lies in the folder that is looked at."""
        return path.startswith(self.top + "/")

    def add(self, call: strace.Call) -> None:
        """Takes in a call that succeeded."""
        name = call.name
        if name in SYNCS:
            self.synced[file_of(call.arguments)] = call.begin
        elif name in WRITES:
            self.written[file_of(call.arguments)] = call.end
        elif name.startswith("mkdir") or (name.startswith("open") and "O_CREAT" in call.arguments):
            self.create(paths_of(call.arguments)[0], call)
        elif name.startswith(("rename", "link")):
            old, new = paths_of(call.arguments)
            if self.inside(new) and old in self.written:
                if not self.written[old] < self.synced.get(old, -1):
                    self.faults.append(f"{old} was not synced before it became {new}")
                self.written[new] = self.written[old]
            if name.startswith("rename"):
                self.created.pop(old, None)
                self.written.pop(old, None)
            self.create(new, call)
        elif name in ("unlink", "unlinkat", "rmdir"):
            self.created.pop(paths_of(call.arguments)[0], None)

    def create(self, path: str, call: strace.Call) -> None:
        """A name that a call has made."""
        if self.inside(path):
            self.created[path] = call.end


def check(calls: list[strace.Call], top: str) -> list[str]:
    """What is wrong with a trace: names below `top` that nobody made durable before the end."""
    names = Names(top)
    ended = False
    for call in calls:
        if call.name == "exit_group":
            ended = True
            break
        if call.result >= 0:
            names.add(call)
    if not ended:
        names.faults.append("the command did not end")
    for path, line in names.created.items():
        folder = os.path.dirname(path)
        if not line < names.synced.get(folder, -1):
            names.faults.append(f"{path}: {folder} was not synced afterwards")
    for there in {str(found) for found in Path(top).rglob("*")} - set(names.created):
        names.faults.append(f"{there} is there, and the trace does not tell why")
    return names.faults


@unittest.skipIf(strace.MISSING, strace.MISSING)
class FsyncOrder(unittest.TestCase):
    """An import into a/b/c.zarr, none of which is there."""

    def setUp(self) -> None:
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="coffer-outside-"))
        self.top = os.path.realpath(folder) + "/new"
        os.mkdir(self.top)
        source = Path(folder, "in.npy")
        source.write_bytes(npy("<i4", (64, 64)))
        command = [str(ROOT / BINARY), "import", str(source), self.top + "/a/b/c.zarr"]
        command += ["--chunk-shape", "32,32"]
        trace = Path(folder, "trace")
        done = strace.run(command, ["-y", "-e", "trace=" + strace.CALLS], trace)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.calls = list(strace.parse(trace.read_text(encoding="utf-8")))

    def test_every_name_is_durable_at_the_end(self) -> None:
        self.assertEqual(check(self.calls, self.top), [])
        made = sorted(str(path.relative_to(self.top)) for path in Path(self.top).rglob("*"))
        chunks = [f"a/b/c.zarr/c/{i}/{j}" for i in (0, 1) for j in (0, 1)]
        folders = ["a", "a/b", "a/b/c.zarr", "a/b/c.zarr/c", "a/b/c.zarr/c/0", "a/b/c.zarr/c/1"]
        self.assertEqual(made, sorted([*folders, *chunks, "a/b/c.zarr/zarr.json"]))

    def test_doctored_traces_are_rejected(self) -> None:
        synced = {file_of(call.arguments) for call in self.calls if call.name in SYNCS}
        synced = {path for path in synced if path == self.top or path.startswith(self.top + "/")}
        self.assertEqual(len(synced), 7 + 5)  # The folders from `top` down, and the values.
        for path in synced:
            mine = [c for c in self.calls if c.name in SYNCS and file_of(c.arguments) == path]
            without = [call for call in self.calls if call not in mine]
            self.assertNotEqual(check(without, self.top), [], f"no sync of {path}")
            early = [replace(call, begin=-1) if call in mine else call for call in self.calls]
            self.assertNotEqual(check(early, self.top), [], f"syncs of {path} began too early")
            failed = [replace(call, result=-1) if call in mine else call for call in self.calls]
            self.assertNotEqual(check(failed, self.top), [], f"syncs of {path} failed")

    def test_a_trace_without_an_end_is_rejected(self) -> None:
        cut = [call for call in self.calls if call.name != "exit_group"]
        self.assertEqual(check(cut, self.top), ["the command did not end"])


if __name__ == "__main__":
    unittest.main()
