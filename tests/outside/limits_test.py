"""The command meets the limits of a real system: a full disk, a limit of the file size, a full
table of descriptors, and signals. It says so clearly, what was there stays readable, and once there
is room again the same command works.

Method: a tmpfs of one mebibyte in a mount namespace of its own (needs root; says so where it cannot
run), setrlimit, and SIGINT and SIGTERM to a copy that is seen to work.
    COFFER=path/to/coffer [COFFER_SANITIZE=address,undefined] python3 tests/outside/limits_test.py
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "cli"))
from support import BINARY, ROOT, npy, parse_npy, pattern, safetensors

COFFER = str(ROOT / BINARY)
NAMESPACE = ["unshare", "-m", "--propagation", "private"]
PLAIN = ["--codec", "none"]


def in_namespace(folder: str, script: str) -> subprocess.CompletedProcess[str]:
    """Runs a script where `folder` is a tmpfs of one mebibyte that nobody else sees."""
    script = f"set -u; mount -t tmpfs -o size=1m tmpfs {folder} || exit 99\n" + script
    return subprocess.run(
        [*NAMESPACE, "bash", "-c", script], capture_output=True, text=True, timeout=120, check=False
    )


class Limits(unittest.TestCase):
    """Arrays of half a mebibyte and of two, and what limits do to them."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="coffer-outside-")))
        self.small = self.write("small.npy", npy("|u1", (1 << 19,)))
        self.large = self.write("large.npy", npy("|u1", (1 << 21,)))

    def write(self, name: str, data: bytes) -> str:
        """Writes a file and returns its path."""
        (self.folder / name).write_bytes(data)
        return str(self.folder / name)

    def run_limited(
        self, arguments: list[str], limit: Callable[[], None] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs the command under a limit of its own process. Python ignores SIGXFSZ; what it starts
        inherits that. The sanitizer's leak checker needs descriptors of its own."""
        return subprocess.run(
            [COFFER, "-q", *arguments],
            capture_output=True,
            timeout=120,
            check=False,
            preexec_fn=limit,
            restore_signals=False,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
        )

    def coffer(self, *arguments: str) -> bytes:
        """Runs the command, which must succeed."""
        done = self.run_limited(list(arguments))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout

    def test_full_disk(self) -> None:
        disk = self.folder / "disk"
        disk.mkdir()
        array, other = f"{disk}/a.zarr", f"{disk}/b.zarr"
        options = "--chunk-shape 65536 --codec none"
        script = f"""
          coffer="{COFFER} -q"
          $coffer import {self.small} {array} {options} || exit 10
          $coffer import {self.large} {other} {options} && exit 11
          df --output=avail {disk} >&2
          $coffer cat {array} -o {self.folder}/kept.npy || exit 12
          $coffer verify --deep {array} || exit 13
          $coffer cat {other} -o {self.folder}/part.npy || exit 14
          $coffer verify --deep {other} || exit 15
          find {disk} -name '*__lock*' >&2
          $coffer rm {other} || exit 16
          $coffer rm {array} || exit 17
          $coffer import {self.small} {other} {options} || exit 18
          $coffer cat {other} -o {self.folder}/again.npy || exit 19
        """
        done = in_namespace(str(disk), script)
        if done.returncode in (1, 99) and "exit" not in done.stderr and not done.stdout:
            self.skipTest("SKIPPED: no tmpfs can be mounted: " + done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(
            done.stderr, r"coffer: ResourceExhausted: .*b\.zarr/c/\d+: .*: No space left on device"
        )
        self.assertNotIn("__lock", done.stderr)
        for name in ("kept", "again"):
            shape, data = parse_npy((self.folder / f"{name}.npy").read_bytes())[1:]
            self.assertEqual((shape, data), ((1 << 19,), pattern("|u1", (1 << 19,))))
        part = parse_npy((self.folder / "part.npy").read_bytes())[2]
        whole = pattern("|u1", (1 << 21,))
        for at in range(0, len(part), 65536):
            self.assertIn(part[at : at + 65536], (whole[at : at + 65536], bytes(65536)))

    def test_full_disk_while_saving(self) -> None:
        disk = self.folder / "disk"
        disk.mkdir()
        model = {"w": ("U8", (1 << 18,), pattern("|u1", (1 << 18,)))}
        good = self.write("good.safetensors", safetensors(model))
        model["w"] = ("U8", (1 << 21,), pattern("|u1", (1 << 21,)))
        big = self.write("big.safetensors", safetensors(model))
        layout = "--codec none --chunk-bytes 32K --shard-bytes 128K"
        script = f"""
          coffer="{COFFER} -q"
          $coffer checkpoint save {good} {disk}/c {layout} || exit 10
          $coffer checkpoint save {big} {disk}/d {layout} && exit 11
          ls -A {disk} >&2
          $coffer checkpoint verify --deep {disk}/c || exit 13
          $coffer checkpoint restore {disk}/c -o {self.folder}/out.safetensors || exit 14
          $coffer checkpoint save {good} {disk}/d {layout} || exit 15
        """
        done = in_namespace(str(disk), script)
        if done.returncode in (1, 99) and not done.stdout:
            self.skipTest("SKIPPED: no tmpfs can be mounted: " + done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        note = re.escape(f"coffer: {good}: not saved: 1 text of __metadata__") + r"\n"
        full = r"coffer: ResourceExhausted: .*: No space left on device\n"
        self.assertRegex(done.stderr, "^" + note + full + r"c\n" + note + "$")

    def test_file_size(self) -> None:
        array = str(self.folder / "a.zarr")
        command = ["import", self.large, array, "--chunk-shape", "1048576", *PLAIN]

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_001, resource.RLIM_INFINITY))

        done = self.run_limited(command, limit)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(
            done.stderr.decode(), r"^coffer: ResourceExhausted: .*/c/\d: .*: File too large\n$"
        )
        left = [path for path in Path(array).rglob("*") if path.is_file()]
        self.assertEqual([path.name for path in left], ["zarr.json"])
        self.coffer("import", self.large, array, "--at", "0")
        out = str(self.folder / "out.npy")
        self.coffer("cat", array, "-o", out)
        self.assertEqual(parse_npy(Path(out).read_bytes())[2], pattern("|u1", (1 << 21,)))

    @unittest.skipIf(
        "undefined" in os.environ.get("COFFER_SANITIZE", ""),
        "SKIPPED: no descriptors left under UBSan, which needs a pipe to know a type",
    )
    def test_no_descriptor_left(self) -> None:
        checkpoint = self.write(
            "m.safetensors", safetensors({"w": ("U8", (4096,), pattern("|u1", (4096,)))})
        )
        layout = ["--chunk-bytes", "256", "--shard-bytes", "0"]
        commands = {
            "import": ["import", self.small, "{}", "--chunk-shape", "16384", *PLAIN],
            "save": ["checkpoint", "save", checkpoint, "{}", *layout],
        }
        for name, command in commands.items():
            refused = 0
            for limit in range(4, 40):
                place = str(self.folder / f"{name}{limit}")
                arguments = [place if word == "{}" else word for word in command]

                def few(count: int = limit) -> None:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))

                done = self.run_limited(arguments, few)
                text = done.stderr.decode()
                if done.returncode == 127:
                    continue  # The loader itself had too few.
                if done.returncode == 1:
                    self.assertRegex(
                        text, r"^coffer: ResourceExhausted: .*: Too many open files\n$"
                    )
                    refused += 1
                    if name == "save":
                        self.assertFalse(Path(place).exists())
                        # Who could open nothing could not take its staging away either.
                        for staged in self.folder.glob(f"{name}{limit}.coffer-tmp-*"):
                            shutil.rmtree(staged)
                    shutil.rmtree(place, ignore_errors=True)
                    self.coffer(*arguments)
                else:
                    self.assertEqual(done.returncode, 0, text)
                verify = [name == "save" and "checkpoint", "verify", "--deep", place]
                self.coffer(*[word for word in verify if word])
            self.assertGreater(refused, 0, name)

    def test_no_thread_left(self) -> None:
        """Not even the one that waits for signals. What is small needs no other; a signal then ends
        the command as it would any."""
        array = str(self.folder / "a.zarr")
        self.coffer("import", self.small, array, "--chunk-shape", "65536", *PLAIN)
        binary = shutil.copy(COFFER, self.folder / "coffer")
        self.folder.chmod(0o755)
        # Root has no limit; any other user has this process already.
        other = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        limited = [*other, "prlimit", "--nproc=1", binary]
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        for arguments, expected in {
            ("cat", array, "--region", "0:4", "-o", "-"): pattern("|u1", (4,)),
            ("info", array): b"8 of 8 chunks",
            ("ls", array): b"zarr.json\n",
        }.items():
            done = subprocess.run(
                [*limited, *arguments],
                capture_output=True,
                timeout=120,
                check=False,
                env=environment,
            )
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertIn(expected, done.stdout)
        with subprocess.Popen(
            [*limited, "cat", array, "--region", "0:131072", "-o", "-"],
            stdout=subprocess.PIPE,
            env=environment,
        ) as writing:
            assert writing.stdout is not None
            writing.stdout.read(1)  # It is at work, and then waits: a pipe holds half of it.
            writing.send_signal(signal.SIGTERM)
            try:
                self.assertEqual(writing.wait(timeout=30), -signal.SIGTERM)
            finally:
                writing.kill()

    def test_signals_during_cp(self) -> None:
        array = str(self.folder / "a.zarr")
        layout = ["--chunk-shape", "64", "--shard-shape", "65536", *PLAIN]
        self.coffer("import", self.large, array, *layout)
        for number in (signal.SIGINT, signal.SIGTERM):
            copy = self.folder / f"copy{int(number)}.zarr"
            command = [COFFER, "-q", "cp", array, str(copy), "--shard-shape", "none"]
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
                deadline = time.monotonic() + 60
                while not (copy / "c").exists():
                    self.assertIsNone(process.poll(), "the copy ended by itself")
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.0005)
                process.send_signal(number)
                text = process.communicate(timeout=100)[1]
            self.assertEqual(process.returncode, 1, f"{number!r}: {text}")
            self.assertRegex(
                text, r"^coffer: Cancelled: .*copy\d+\.zarr holds a part of the copy: "
            )
            self.coffer("verify", "--deep", str(copy))
            hidden = [name for name in os.listdir(copy / "c") if name.endswith("__lock")]
            self.assertEqual(hidden, [])


if __name__ == "__main__":
    unittest.main()
