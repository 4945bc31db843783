"""The seam is honest: an error or a signal that strace injects into the real command has the same
outcome as that fault has in-process, where FileOps returns it.

Method: `coffer import` of an array of one chunk runs under strace with a fault at one system call;
seam_tool does the same work with that fault at the seam. What both say must be the same but for the
folder's name, and so must what both leave: the same files, and the same answer to `coffer cat`.
Then the import, repeated without a fault, must work on what the fault left.
    COFFER=path/to/coffer SEAM_TOOL=path/to/seam_tool python3 tests/outside/inject_test.py
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import strace

sys.path.append(str(Path(__file__).parents[1] / "cli"))
from support import BINARY, ROOT, npy

COFFER = str(ROOT / BINARY)
SEAM_TOOL = os.environ.get("SEAM_TOOL", str(ROOT / "build/dev/bin/seam_tool"))

# System call, the path that it concerns (one of its arguments, or the file behind a descriptor),
# errno by name or a signal; and the same at the seam: call, and which of its calls.
COMBINATIONS = [
    ("mkdir", "a.zarr", "ENOSPC", "MakeDirectory", 1),
    ("mkdirat", "a.zarr", "EACCES", "MakeDirectory", 2),
    ("openat", "a.zarr", "EMFILE", "OpenDirectory", 1),
    ("openat", "a.zarr/c/0", "ENOSPC", "OpenAt", 2),
    ("fcntl", "a.zarr/c/0/0.__lock", "ENOLCK", "TryLock", 2),
    ("writev", "a.zarr/zarr.json.__lock", "EDQUOT", "Write", 1),
    ("writev", "a.zarr/c/0/0.__lock", "ENOSPC", "Write", 2),
    ("writev", "a.zarr/c/0/0.__lock", "EIO", "Write", 2),
    ("utimensat", "a.zarr/c/0/0.__lock", "EIO", "SetMtime", 2),
    ("fsync", "a.zarr/zarr.json.__lock", "EIO", "Sync", 1),
    ("fsync", "a.zarr/c/0/0.__lock", "EIO", "Sync", 2),
    ("fsync", "a.zarr/c/0/0.__lock", "ENOSPC", "Sync", 2),
    ("renameat", "a.zarr", "EIO", "Rename", 1),
    ("renameat", "a.zarr/c/0", "ENOSPC", "Rename", 2),
    ("renameat", "a.zarr/c/0", "EROFS", "Rename", 2),
    ("mkdirat", "a.zarr/c", "KILL", "MakeDirectory", 3),
    ("writev", "a.zarr/c/0/0.__lock", "KILL", "Write", 2),
    ("fsync", "a.zarr/c/0/0.__lock", "KILL", "Sync", 2),
    ("renameat", "a.zarr/c/0", "KILL", "Rename", 2),
]
ERRNO = {"EIO": 5, "EACCES": 13, "EMFILE": 24, "ENOSPC": 28, "EROFS": 30, "ENOLCK": 37}
ERRNO |= {"EDQUOT": 122, "KILL": 0}


def tree(folder: Path) -> dict[str, bytes]:
    """The files below a folder and what they hold."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@unittest.skipIf(strace.MISSING, strace.MISSING)
class Inject(unittest.TestCase):
    """Both ways, combination by combination."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="coffer-outside-")))
        data = b"".join(k.to_bytes(4, "little") for k in range(64 * 64))
        (self.folder / "in.npy").write_bytes(npy("<i4", (64, 64), data))

    def import_command(self, place: Path) -> list[str]:
        """The command, in one thread and with one chunk."""
        command = [COFFER, "-q", "--threads", "1", "import", str(self.folder / "in.npy")]
        return [*command, str(place / "a.zarr"), "--chunk-shape", "64,64"]

    def cat(self, place: Path) -> tuple[int, str]:
        """What reading the array gives: status, and the bytes or the error."""
        done = subprocess.run(
            [COFFER, "cat", str(place / "a.zarr"), "-o", "-"],
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.returncode, (done.stdout.hex() or done.stderr.decode().replace(str(place), ""))

    def from_outside(self, place: Path, call: str, path: str, fault: str) -> tuple[int, str]:
        """Status and text of the real command under strace."""
        kind = f"signal={fault}" if fault == "KILL" else f"error={fault}"
        options = ["-P", str(place / path), "-e", f"trace={call}", "-e", f"inject={call}:{kind}"]
        trace = self.folder / "trace"
        done = strace.run(self.import_command(place), options, trace)
        injected = trace.read_text(encoding="utf-8")
        self.assertRegex(injected, r"INJECTED|killed by SIGKILL", f"{call} {path}")
        return done.returncode, done.stderr

    def at_the_seam(self, place: Path, call: str, number: int, fault: str) -> tuple[int, str]:
        """Status and text of the same work with the fault at the seam."""
        command = [SEAM_TOOL, str(place / "a.zarr"), call, str(number), str(ERRNO[fault])]
        command[-1] = fault if fault == "KILL" else command[-1]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    def test_at_least_sixteen(self) -> None:
        self.assertGreaterEqual(len(set(COMBINATIONS)), 16)

    def test_same_outcome(self) -> None:
        for number, (call, path, fault, seam_call, nth) in enumerate(COMBINATIONS):
            with self.subTest(call=call, path=path, fault=fault):
                outside = self.folder / f"outside{number}"
                seam = self.folder / f"seam{number}"
                outside.mkdir()
                seam.mkdir()
                status, text = self.from_outside(outside, call, path, fault)
                seam_status, seam_text = self.at_the_seam(seam, seam_call, nth, fault)
                expected = (-9, 137) if fault == "KILL" else (1,)
                self.assertIn(status, expected, text)
                self.assertIn(seam_status, expected, seam_text)
                self.assertEqual(text.replace(str(outside), ""), seam_text.replace(str(seam), ""))
                if fault != "KILL":
                    self.assertRegex(text, r"^coffer: \w+: file://.*: .+\n$")
                    self.assertIn(os.strerror(ERRNO[fault]), text)
                self.assertEqual(sorted(tree(outside)), sorted(tree(seam)))
                self.assertEqual(self.cat(outside), self.cat(seam))
                self.repeat(outside)

    def repeat(self, place: Path) -> None:
        """What was left is no obstacle."""
        if (place / "a.zarr/zarr.json").exists():
            subprocess.run([COFFER, "rm", str(place / "a.zarr")], check=True, timeout=60)
        done = subprocess.run(
            self.import_command(place), capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        hidden = [name for name in tree(place) if re.search(r"\.__lock$", name)]
        self.assertEqual(hidden, [])


if __name__ == "__main__":
    unittest.main()
