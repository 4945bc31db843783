"""Cases of cli_test.py: bench measures what it says, checks what it reads, and leaves nothing."""

import json
import os
from pathlib import Path
from typing import Any

from plugin_cases import PLUGINS
from support import CliTest, npy, safetensors

WORKLOADS = (
    "write-all read-all chunks random-chunks boxes planes-0 planes-1 planes-2 strided open "
    "partial-write small-write small-read list"
).split()
# Eight chunks of 8 KiB.
TINY = "--size 64K --chunk-shape 16,16,16 --calls 5 --small-arrays 3".split()
RAW = ["--codec", "none", "--no-checksum"]


class Bench(CliTest):
    """coffer bench, on files, in memory and on stores that are wrong."""

    def bench(self, *arguments: str) -> Any:
        """The document of a run that must succeed."""
        return self.json("bench", str(self.folder), *TINY, *arguments)

    def left(self) -> list[str]:
        """What is in the test's folder."""
        return sorted(os.listdir(self.folder))

    def test_every_workload_shows(self) -> None:
        lines = self.lines("bench", str(self.folder), *TINY)
        self.assertEqual(
            lines[0],
            f"file://{self.folder}/coffer-bench/: uint16 [32, 32, 32], 64 KiB, chunks [16, 16, 16]",
        )
        self.assertEqual(
            lines[1].split(),
            "workload calls bytes seconds rate p50 ms p99 ms reads writes read written".split(),
        )
        self.assertEqual([line.split()[0] for line in lines[2:-1]], WORKLOADS)
        self.assertRegex(lines[-1], r"^  peak memory [\d.]+ MiB$")
        self.assertEqual(self.left(), [])

    def test_counts_are_exact(self) -> None:
        document = self.bench(*RAW)
        self.assertEqual(
            {name: document[name] for name in document if name not in ("workloads", "url")}
            | {"peak_memory_bytes": 0},
            {
                "format": "zarr3",
                "data_type": "uint16",
                "shape": [32, 32, 32],
                "chunk_shape": [16, 16, 16],
                "shard_shape": None,
                "bytes": 65536,
                "peak_memory_bytes": 0,
            },
        )
        self.assertGreater(document["peak_memory_bytes"], 1 << 20)
        moved = {one["workload"]: (one["calls"], one["bytes"]) for one in document["workloads"]}
        self.assertEqual(
            moved,
            {
                "write-all": (1, 65536),
                "read-all": (1, 65536),
                "chunks": (5, 5 * 8192),
                "random-chunks": (5, 5 * 8192),
                "boxes": (5, 5 * 8192),
                "planes-0": (1, 2048),
                "planes-1": (1, 2048),
                "planes-2": (1, 2048),
                "strided": (1, 1024),
                "open": (5, 10),
                "partial-write": (5, 5 * 1024),
                "small-write": (3, 3 * 8192),
                "small-read": (3, 3 * 8192),
                "list": (2, 0),
            },
        )
        asked = {
            one["workload"]: (one["bytes_read"], one["write_requests"], one["bytes_written"])
            for one in document["workloads"]
        }
        self.assertEqual(asked["write-all"], (0, 8, 65536))
        self.assertEqual(asked["read-all"], (65536, 0, 0))
        self.assertEqual(asked["boxes"][0], 5 * 65536)
        self.assertEqual(asked["planes-1"][0], 4 * 8192)
        self.assertEqual(asked["partial-write"], (5 * 8192, 5, 5 * 8192))
        self.assertEqual(asked["small-read"][1:], (0, 0))
        for one in document["workloads"]:
            self.assertGreater(one["seconds"], 0)
            alike = one["workload"] not in ("write-all", "read-all", "strided")
            self.assertEqual(one["p50_ms"] is not None, alike, one)
            self.assertTrue(not alike or one["p50_ms"] <= one["p99_ms"], one)

    def test_shards_formats_and_types(self) -> None:
        for more in (
            ["--shard-shape", "32,32,16"],
            ["--zarr-format", "2"],
            ["--dtype", "float32", "--shard-shape", "16,32,16"],
            ["--dtype", "bool", "--codec", "blosc"],
            ["--dtype", "r24"],
        ):
            document = self.bench(*more)
            names = [one["workload"] for one in document["workloads"]]
            self.assertEqual(names, WORKLOADS, more)
            self.assertEqual(self.left(), [], more)

    def test_defaults_of_a_small_size(self) -> None:
        document = self.json("bench", "memory://x", "--size", "1M", "--only", "list")
        self.assertEqual(document["shape"], [64, 64, 128])
        self.assertEqual(document["chunk_shape"], [32, 32, 64])

    def test_only_some(self) -> None:
        arguments = ["--only", "small-read", "--only", "chunks"]
        document = self.bench(*arguments)
        names = [one["workload"] for one in document["workloads"]]
        self.assertEqual(names, ["chunks", "small-read"])
        self.assertEqual(document["workloads"][0]["write_requests"], 0)

    def test_stats_and_quiet(self) -> None:
        done = self.run_coffer("bench", "memory://x", *TINY, "--stats", "--json", "--quiet")
        stats = json.loads(done.stderr)
        written = sum(one["write_requests"] for one in json.loads(done.stdout)["workloads"])
        # Beside those that are measured: the group's document and the array's, and the removal.
        self.assertGreater(stats["write_requests"], written)
        self.assertEqual(self.run_coffer("bench", "memory://x", *TINY, "--quiet").stderr, b"")

    def test_a_store_that_does_not_count(self) -> None:
        tape = ["--plugin", str(PLUGINS / "tape.so")]
        document = self.json(*tape, "bench", "tape://robot/17", *TINY, "--only", "list")
        self.assertIsNone(document["workloads"][0]["read_requests"])
        line = self.lines(*tape, "bench", "tape://robot/17", *TINY, "--only", "list")[2]
        self.assertEqual(line.split()[-4:], ["-"] * 4)

    def test_what_is_there_is_refused(self) -> None:
        place = Path(self.path("coffer-bench"))
        refused = (
            "AlreadyExists: file://coffer-bench: is there already; "
            "bench works in a folder of its own"
        )
        place.mkdir()
        self.assertEqual(self.fails(1, "bench", str(self.folder), *TINY), refused)
        self.write("coffer-bench/note", b"mine")
        self.assertEqual(self.fails(1, "bench", str(self.folder), *TINY), refused)
        place.rename(self.path("elsewhere"))
        place.symlink_to(self.path("elsewhere"))
        self.assertEqual(self.fails(1, "bench", str(self.folder), *TINY), refused)
        place.unlink()
        place.write_bytes(b"mine")
        self.assertEqual(self.fails(1, "bench", str(self.folder), *TINY), refused)
        self.assertEqual(self.left(), ["coffer-bench", "elsewhere"])
        self.assertEqual(Path(self.path("elsewhere/note")).read_bytes(), b"mine")

    def test_nothing_is_made_inside_an_array_or_checkpoint(self) -> None:
        array, saved = self.path("a.zarr"), self.path("saved")
        self.coffer("import", self.write("a.npy", npy("|u1", (4,))), array)
        tensors = self.write("m.safetensors", safetensors({"w": ("U8", (1,), b"x")}))
        self.coffer("checkpoint", "save", tensors, saved)
        before = sorted(self.folder.rglob("*"))
        for url, what in ((array, "array"), (f"{array}/deeper", "array"), (saved, "checkpoint")):
            error = self.fails(1, "bench", url, *TINY)
            self.assertRegex(error, f"^FailedPrecondition: .*: inside the {what} at file://")
        self.assertEqual(sorted(self.folder.rglob("*")), before)

    def test_others_are_not_touched(self) -> None:
        self.write("coffer-bench.txt", b"x")
        Path(self.path("coffer-bench2")).mkdir()
        self.bench()
        self.assertEqual(self.left(), ["coffer-bench.txt", "coffer-bench2"])

    def test_keep(self) -> None:
        self.bench("--keep", "--only", "write-all", "--zarr-format", "2")
        info = self.json("info", self.path("coffer-bench/array"))
        self.assertEqual((info["format"], info["shape"]), ("zarr2", [32, 32, 32]))
        self.assertIn("0 findings", self.lines("verify", "--deep", self.path("coffer-bench"))[-1])
        self.assertIn("AlreadyExists", self.fails(1, "bench", str(self.folder), *TINY))

    def test_wrong_bytes(self) -> None:
        wrong = ["--plugin", str(PLUGINS / "wrong.so"), "bench"]
        reads = [name for name in WORKLOADS if "write" not in name and name != "list"]
        for how, workload, reason in (
            *(("flip", name, f"array/: {name}: the element at [") for name in reads[:-1]),
            ("flip", "small-read", "small-0/: small-read: the element at [0, 0, 0] is not what"),
            ("forget", "partial-write", "array/: partial-write: the element at [8, 8, 8] is not"),
            ("hide", "list", "array/: list: 7 keys of the 8 that were written"),
        ):
            arguments = [*wrong, f"wrong://{how}", *TINY, *RAW, "--only", workload]
            error = self.fails(1, *arguments)
            self.assertIn(f"DataLoss: wrong://{how}/coffer-bench/{reason}", error)
        done = self.run_coffer(*wrong, "wrong://flip", *TINY, *RAW, "--json")
        self.assertEqual(done.returncode, 1)
        names = [one["workload"] for one in json.loads(done.stdout)["workloads"]]
        self.assertEqual(names, ["write-all"])

    def test_failures_leave_nothing_either(self) -> None:
        error = self.fails(1, "bench", str(self.folder), *TINY, "--shard-shape", "32,32,24")
        self.assertIn("InvalidArgument", error)
        self.assertEqual(self.left(), [])
        breaks = ["--plugin", str(PLUGINS / "breaks.so"), "bench"]
        done = self.run_coffer(*breaks, f"breaks://throw-DeleteRange{self.folder}", *TINY)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(
            done.stderr.decode(),
            "coffer: Internal: breaks:coffer-bench could not be removed: breaks:coffer-bench/: "
            'store driver "breaks": DeleteRange: exception: DeleteRange broke\n',
        )

    def test_sizes_that_do_not_fit(self) -> None:
        for argument, reason in (
            ("--shard-shape=64,64,64", "--size 64 KiB: less than one shard of shape [64, 64, 64]"),
            ("--chunk-shape=16,16", "--chunk-shape [16, 16]: the array has 3 dimensions"),
            ("--shard-shape=16,16", "--shard-shape [16, 16]: the array has 3 dimensions"),
        ):
            error = self.fails(1, "bench", str(self.folder), "--size", "64K", argument)
            self.assertIn("InvalidArgument: " + reason, error)
        self.assertEqual(self.left(), [])

    def test_a_store_that_does_not_list(self) -> None:
        breaks = ["--plugin", str(PLUGINS / "breaks.so"), "bench"]
        error = self.fails(1, *breaks, f"breaks://unlisted{self.folder}", *TINY)
        self.assertEqual(error, "FailedPrecondition: breaks:coffer-bench/: the store does not list")

    def test_wrong_usage(self) -> None:
        for arguments, reason in (
            ((), "URL is required"),
            (("--size", "lots"), '"lots" is no size'),
            (("--calls", "0"), '"0" is no integer from 1 on'),
            (("--small-arrays", "1000001"), "at most 1000000"),
            (("--dtype", "int7"), 'unknown data type "int7"'),
            (("--only", "nothing"), '"nothing" is no workload (write-all, read-all, chunks, '),
        ):
            url = (str(self.folder),) if arguments else ()
            self.assertIn(reason, self.fails(2, "bench", *url, *arguments))
