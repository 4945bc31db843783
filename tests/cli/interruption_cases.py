"""Cases of cli_test.py: every command that takes long, interrupted once it is seen to work."""

import os
from pathlib import Path

from support import InterruptingTest, npy, pattern, safetensors


class Interruption(InterruptingTest):
    """Interrupting leaves what was there, or whole chunks, and says which."""

    def expect_cancelled(self, expected: str, sign: str | int, *arguments: str) -> None:
        """Interrupts a command, which must say so and nothing else."""
        status, text = self.interrupt(sign, *arguments)
        self.assertEqual(status, 1, text)
        self.assertTrue(text.startswith(f"coffer: Cancelled: {expected}"), text)
        self.assertEqual(text.count("\n"), 1, text)

    def make_array(self) -> str:
        """An array of 32,768 chunks of 256 bytes, in shards, so that making it is quick."""
        source = self.write("in.npy", npy("|u1", (1 << 23,), bytes(range(256)) * (1 << 15)))
        array = self.path("a.zarr")
        layout = ["--chunk-shape", "256", "--shard-shape", "65536", "--codec", "none"]
        self.coffer("import", source, array, *layout)
        return array

    def make_checkpoint(self) -> str:
        """A checkpoint of the same size."""
        tensors = {"w": ("U8", (1 << 23,), bytes(range(256)) * (1 << 15))}
        source = self.write("m.safetensors", safetensors(tensors))
        place = self.path("ckpt")
        layout = ["--chunk-bytes", "256", "--shard-bytes", "64K", "--codec", "none"]
        self.coffer("checkpoint", "save", source, place, *layout)
        return place

    def test_reading_arrays(self) -> None:
        array = self.make_array()
        out = self.write("out.npy", b"old")
        self.expect_cancelled("out.npy is as it was: ", 1 << 20, "cat", array, "-o", out)
        self.assertEqual(Path(out).read_bytes(), b"old")
        self.expect_cancelled("", 1 << 20, "verify", "--deep", array)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.zarr", "in.npy", "out.npy"])

    def test_cp(self) -> None:
        array = self.make_array()
        copy = ["cp", array, self.path("copy.zarr"), "--shard-shape", "none"]
        self.expect_cancelled("copy.zarr holds a part of the copy: ", "copy.zarr/c", *copy)
        self.assertIn("0 findings", self.lines("verify", "--deep", self.path("copy.zarr"))[-1])

    def test_checkpoints(self) -> None:
        place = self.make_checkpoint()
        before = ["ckpt", "m.safetensors", "out.safetensors"]
        out = self.write("out.safetensors", b"old")
        restore = ["checkpoint", "restore", place, "-o", out]
        self.expect_cancelled("out.safetensors is as it was: ", 1 << 20, *restore)
        self.assertEqual(Path(out).read_bytes(), b"old")
        self.expect_cancelled("", 1 << 20, "checkpoint", "verify", "--deep", place)
        copy = ["cp", place, self.path("copy")]
        self.expect_cancelled(
            "copy: nothing was published: ", "copy.coffer-tmp-*/data-*/arrays", *copy
        )
        # Chunks without shards: far more files than can be written before the signal comes.
        save = ["checkpoint", "save", self.path("m.safetensors"), self.path("new")]
        save += ["--chunk-bytes", "64", "--shard-bytes", "0"]
        self.expect_cancelled(
            "new: nothing was published: ", "new.coffer-tmp-*/data-*/arrays", *save
        )
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_import(self) -> None:
        # Chunks of 64 bytes: far more of them than can be written before the signal comes.
        source = self.write("in.npy", npy("|u1", (1 << 21,)))
        array = self.path("a.zarr")
        layout = ["--chunk-shape", "64"]
        expected = "a.zarr holds a part of in.npy: "
        self.expect_cancelled(expected, "a.zarr/c", "import", source, array, *layout)
        self.assertIn("0 findings", self.lines("verify", "--deep", array)[-1])
        info = self.json("info", array)
        self.assertLess(info["stored_chunks"], info["possible_chunks"])
        region = f"0:{64 * 1}"
        got = self.cat(array, "--region", region)[2]
        self.assertIn(got, (pattern("|u1", (64,)), bytes(64)))

    def test_bench(self) -> None:
        # Chunks of 32 bytes, as above.
        bench = ["bench", str(self.folder), "--size", "4M", "--chunk-shape", "4,4,2"]
        expected = "file://coffer-bench is removed: "
        self.expect_cancelled(expected, "coffer-bench/array/c", *bench)
        self.assertEqual(os.listdir(self.folder), [])
