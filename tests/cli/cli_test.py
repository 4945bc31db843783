"""End-to-end tests of the command line.

Method: each command is run as a process on small arrays in files, on the real brain volume, and on
input that is wrong; what it prints, its exit status and the bytes it leaves are compared with what
the standard library says.   COFFER=path/to/coffer python3 tests/cli/cli_test.py
"""

import gzip
import json
import os
import shutil
import subprocess
import unittest
import zipfile
from pathlib import Path
from typing import Any

from bench_cases import Bench
from checkpoint_cases import Checkpoints
from http_cases import Http, HttpCheckpoints
from interruption_cases import Interruption
from plugin_cases import BreakingPlugins, Plugins
from repair_cases import Inside, Repair
from resume_cases import Resume, ResumeOnMinio, ResumeOnVersitygw
from s3_cases import S3OnMinio, S3OnVersitygw
from secret_cases import Secrets
from silent_cases import SilentServers
from support import (
    BINARY,
    BRAIN,
    ROOT,
    CliTest,
    make_npz,
    npy,
    pattern,
    safetensors,
)
from unfinished_cases import Unfinished
from zarr2_cases import Zarr2
from zip_cases import ZippedCheckpoints, Zips

# Of this suite, from files of their own.
__all__ = [
    "Bench",
    "BreakingPlugins",
    "Checkpoints",
    "Http",
    "HttpCheckpoints",
    "Inside",
    "Interruption",
    "Plugins",
    "Repair",
    "Resume",
    "ResumeOnMinio",
    "ResumeOnVersitygw",
    "S3OnMinio",
    "S3OnVersitygw",
    "Secrets",
    "SilentServers",
    "Unfinished",
    "Zarr2",
    "ZippedCheckpoints",
    "Zips",
]

SHAPE = (5, 7, 9)
DATA = pattern("<i4", SHAPE)


def part(data: bytes, size: int, shape: tuple[int, ...], region: list[range]) -> bytes:
    """A region of a C-order array."""
    if not shape:
        return data
    stride = size
    for extent in shape[1:]:
        stride *= extent
    rows = (data[i * stride : (i + 1) * stride] for i in region[0])
    return b"".join(part(row, size, shape[1:], region[1:]) for row in rows)


class Usage(CliTest):
    """Help, version, wrong usage."""

    def test_help_and_version(self) -> None:
        self.assertRegex(self.coffer("--version").decode(), r"^coffer \d+\.\d+\.\d+\n$")
        text = self.coffer("--help").decode()
        for (
            command
        ) in "info ls cat import cp resize rm attrs verify repair view checkpoint bench".split():
            self.assertIn(f"\n  {command} ", text)
        text = self.coffer("checkpoint", "--help").decode()
        for command in "ls info tree save restore verify".split():
            self.assertIn(f"\n  {command} ", text)

    def test_wrong_usage_is_2(self) -> None:
        array = self.path("a.zarr")
        for arguments, reason in {
            (): "subcommand is required",
            ("frobnicate",): '"frobnicate" was not expected',
            ("info",): "URL is required",
            ("info", array, "--budget", "lots"): '"lots" is no size',
            ("info", array, "--budget", "0"): "at least 1 byte",
            ("info", array, "--threads", "0"): '"0" is no integer from 1 on',
            ("info", array, "--frob"): '"--frob" was not expected',
            ("cat", array): "--output is required",
            ("import", "x.npy", array, "--codec", "zstd:high"): '"high" is no level of zstd',
            ("import", "x.npy", array, "--codec", "lz5"): "lz4 is blosc:lz4",
            ("import", "x.npy", array, "--codec", "gzip:1:2"): "too many parts for gzip",
            ("import", "x.npy", array, "--chunk-shape", "4,0"): "no list of integers from 1",
            ("import", "x.npy", array, "--at", "1,x"): "no list of integers from 0",
            ("import", "x.npy", array, "--dtype", "int7"): 'unknown data type "int7"',
            ("import", "x.npy", array, "--zarr-format", "4"): "expected 2 or 3",
            ("cp", array, array, "--dtype", "bfloat16"): '"--dtype" was not expected',
            ("resize", array, "5;6"): "no list of integers",
            ("view", array, "--slice", "0:3", "-o", "x.png"): '"0:3" is no slice',
            ("view", array, "--window", "9:1", "-o", "x.png"): '"9:1" is no window',
            ("checkpoint",): "subcommand is required",
            ("checkpoint", "restore", array, "-o", "x.npz", "--shape", "7,8"): "no PATH=SHAPE",
            ("checkpoint", "save", "x.npz", array, "--step", "-1"): "no integer from 0",
        }.items():
            with self.subTest(arguments=arguments):
                self.assertIn(reason, self.fails(2, *arguments))

    def test_broken_output(self) -> None:
        array = self.path("a.zarr")
        self.coffer("import", self.write("a.npy", npy("<i4", SHAPE)), array)
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [str(ROOT / BINARY), "info", array],
                stdout=full,
                stderr=subprocess.PIPE,
                check=False,
            )
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"cannot write to standard output", done.stderr)


class ImportAndCat(CliTest):
    """Files into arrays and back."""

    def test_types_and_shapes_round_trip(self) -> None:
        for number, (descr, shape) in enumerate(
            [
                ("|b1", (3, 4)),
                ("|u1", ()),
                ("<i2", (1000,)),
                ("<u2", (0, 3)),
                ("<f4", (2, 3, 4, 5)),
                ("<c16", (17, 3)),
            ]
        ):
            with self.subTest(descr=descr, shape=shape):
                array = self.path(f"{number}.zarr")
                self.coffer("import", self.write("in.npy", npy(descr, shape)), array)
                self.assertEqual(self.cat(array), (descr, shape, pattern(descr, shape)))

    def test_fortran_order_and_big_endian(self) -> None:
        data = bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])  # >u2, (2, 3), column by column
        array = self.path("a.zarr")
        self.coffer("import", self.write("in.npy", npy(">u2", (2, 3), data, fortran=True)), array)
        rows = bytes([2, 1, 6, 5, 10, 9, 4, 3, 8, 7, 12, 11])
        self.assertEqual(self.cat(array), ("<u2", (2, 3), rows))

    def test_layouts(self) -> None:
        source = self.write("in.npy", npy("<i4", SHAPE))
        for number, layout in enumerate(
            [
                ["--chunk-shape", "2,3,4"],
                ["--chunk-shape", "2,3,4", "--shard-shape", "4,6,8"],
                ["--codec", "none", "--no-checksum"],
                ["--codec", "gzip:9", "--chunk-shape", "5,7,9"],
                ["--codec", "blosc:lz4:5:bitshuffle", "--chunk-shape", "3,3,3"],
                ["--codec", "zstd:1", "--budget", "1", "--threads", "1"],
            ]
        ):
            with self.subTest(layout=layout):
                array = self.path(f"{number}.zarr")
                self.coffer("import", source, array, *layout)
                self.assertEqual(self.cat(array), ("<i4", SHAPE, DATA))
                self.assertIn("0 findings", self.lines("verify", array, "--deep")[-1])

    def test_regions(self) -> None:
        array = self.path("a.zarr")
        self.coffer(
            "import", self.write("a.npy", npy("<i4", SHAPE)), array, "--chunk-shape", "2,3,4"
        )
        whole = [range(5), range(7), range(9)]
        for region, shape, ranges in [
            ("1:4,2:7,3:5", (3, 5, 2), [range(1, 4), range(2, 7), range(3, 5)]),
            ("3", (7, 9), [range(3, 4), *whole[1:]]),
            (":,::2,:", (5, 4, 9), [range(5), range(0, 7, 2), range(9)]),
            ("4,6,8", (), [range(4, 5), range(6, 7), range(8, 9)]),
            ("2:2", (0, 7, 9), [range(0), *whole[1:]]),
        ]:
            with self.subTest(region=region):
                got = self.cat(array, "--region", region)
                self.assertEqual(got, ("<i4", shape, part(DATA, 4, SHAPE, ranges)))
        copy = self.path("c.zarr")
        for command in (["cat", array, "-o", "-"], ["cp", array, copy]):
            error = self.fails(1, *command, "--region", "0:6")
            self.assertRegex(error, "^OutOfRange: file://.*a.zarr/: .*0:6")
            error = self.fails(1, *command, "--region", "1:x")
            self.assertRegex(error, "^InvalidArgument: file://.*a.zarr/: .*1:x")

    def test_import_at(self) -> None:
        array = self.path("a.zarr")
        self.coffer(
            "import", self.write("a.npy", npy("<i4", SHAPE)), array, "--chunk-shape", "2,3,4"
        )
        patch = self.write("b.npy", npy("<i4", (2, 3, 2), b"\xff" * 48))
        self.coffer("import", patch, array, "--at", "1,2,3")
        expected = bytearray(DATA)
        for x in range(1, 3):
            for y in range(2, 5):
                at = ((x * 7 + y) * 9 + 3) * 4
                expected[at : at + 8] = b"\xff" * 8
        self.assertEqual(self.cat(array)[2], bytes(expected))
        self.assertIn("OutOfRange", self.fails(1, "import", patch, array, "--at", "4,0,0"))
        for layout in (["--codec", "none"], ["--chunk-shape", "1,1,1"], ["--no-checksum"]):
            error = self.fails(1, "import", patch, array, "--at", "1,2,3", *layout)
            self.assertIn("InvalidArgument: ", error)
            self.assertIn("a.zarr: --at writes into an array that has its layout already", error)
        other = self.write("c.npy", npy("<f4", (1, 1, 1)))
        self.assertIn("float32", self.fails(1, "import", other, array, "--at", "0,0,0"))

    def test_existing_destination_is_kept(self) -> None:
        array = self.path("a.zarr")
        self.coffer("import", self.write("a.npy", npy("<i4", SHAPE)), array)
        error = self.fails(1, "import", self.write("b.npy", npy("<f4", (3,))), array)
        self.assertIn("AlreadyExists", error)
        self.assertIn("a.zarr", error)
        self.assertEqual(self.cat(array)[2], DATA)

    def test_dtype_renames_only(self) -> None:
        array = self.path("a.zarr")
        source = self.write("a.npy", npy("<u2", (4,)))
        self.coffer("import", source, array, "--dtype", "bfloat16")
        self.assertEqual(self.json("info", array)["data_type"], "bfloat16")
        self.assertEqual(self.cat(array), ("<u2", (4,), pattern("<u2", (4,))))
        error = self.fails(1, "import", source, self.path("b.zarr"), "--dtype", "float32")
        self.assertEqual(
            error, "Unimplemented: --dtype float32: elements of type uint16 cannot be converted"
        )

    def test_dtype_of_sets_fits_one_array_at_least(self) -> None:
        tensors = {"a": ("F32", (2,), bytes(8)), "b": ("U16", (2,), bytes(4))}
        source = self.write("m.safetensors", safetensors(tensors))
        group = self.path("g")
        error = self.fails(1, "import", source, group, "--dtype", "float16")
        self.assertIn("m.safetensors: --dtype float16: no array can take that type", error)
        self.assertFalse(os.path.exists(group))
        self.coffer("import", source, group, "--dtype", "bfloat16")
        types = [self.json("info", f"{group}/{name}")["data_type"] for name in "ab"]
        self.assertEqual(types, ["float32", "bfloat16"])

    def test_sets_become_groups(self) -> None:
        tensors = {
            "b.weight": ("F32", (2, 3), pattern("<f4", (2, 3))),
            "a": ("BF16", (4,), pattern("<u2", (4,))),
        }
        group = self.path("g")
        self.coffer("import", self.write("m.safetensors", safetensors(tensors)), group)
        self.assertEqual(self.lines("ls", group), ["a", "b.weight"])
        self.assertEqual(self.cat(group + "/b.weight")[2], tensors["b.weight"][2])
        self.assertEqual(self.json("attrs", group), {"safetensors_metadata": {"made": "by hand"}})
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            members = {"x": npy("<i4", SHAPE), "layer/y": npy("<f8", (3,))}
            make_npz(self.path("m.npz"), members, compression)
            group = self.path(f"npz{compression}")
            self.coffer("import", self.path("m.npz"), group)
            self.assertEqual(self.lines("ls", group, "-r"), ["layer/", "layer/y", "x"])
            self.assertEqual(self.cat(group + "/x"), ("<i4", SHAPE, DATA))
            self.assertEqual(self.cat(group + "/layer/y")[2], pattern("<f8", (3,)))

    def test_output_is_all_or_nothing(self) -> None:
        array = self.path("a.zarr")
        self.coffer("import", self.write("a.npy", npy("<i4", SHAPE)), array)
        out = self.write("out.npy", b"old")
        for file in Path(array).rglob("*"):
            if file.is_file() and file.name != "zarr.json":
                data = bytearray(file.read_bytes())
                data[len(data) // 2] ^= 1
                file.write_bytes(data)
        error = self.fails(1, "cat", array, "-o", out)
        self.assertIn("DataLoss", error)
        self.assertIn("a.zarr", error)
        self.assertEqual(Path(out).read_bytes(), b"old")
        names = sorted(os.listdir(self.folder))
        self.assertEqual(names, ["a.npy", "a.zarr", "out.npy"])

    @unittest.skipUnless(BRAIN.exists(), "mricron-data is not installed")
    def test_brain(self) -> None:
        volume = gzip.decompress(BRAIN.read_bytes())[352:]
        self.assertEqual(len(volume), 181 * 217 * 181)
        array = self.path("brain.zarr")
        layout = ["--chunk-shape", "64,64,64", "--shard-shape", "128,128,128"]
        self.coffer("import", str(BRAIN), array, *layout, "--budget", "16M")
        info = self.json("info", array)
        self.assertEqual(info["shape"], [181, 217, 181])
        self.assertEqual(info["data_type"], "uint8")
        self.assertEqual(info["attributes"]["nifti"]["version"], 1)
        descr, shape, data = self.cat(array, "--region", "90", "--budget", "16M")
        self.assertEqual((descr, shape), ("|u1", (217, 181)))
        # x is the fastest in the file.
        self.assertEqual(
            data, bytes(volume[90 + 181 * (y + 217 * z)] for y in range(217) for z in range(181))
        )
        self.coffer("view", array, "--slice", "0=90", "-o", self.path("s.png"))
        self.assertTrue(Path(self.path("s.png")).read_bytes().startswith(b"\x89PNG\r\n\x1a\n"))


class Nodes(CliTest):
    """info, ls, attrs, rm, resize, cp, verify, view."""

    def setUp(self) -> None:
        super().setUp()
        self.array = self.path("a.zarr")
        self.source = self.write("a.npy", npy("<i4", SHAPE))
        self.coffer(
            "import", self.source, self.array, "--chunk-shape", "2,3,4", "--shard-shape", "4,6,8"
        )

    def damage(self, at: int) -> Path:
        """Flips a bit in the first stored chunk, `at` bytes from its begin."""
        files = [p for p in Path(self.array).rglob("*") if p.is_file() and p.name != "zarr.json"]
        first = min(files)
        data = bytearray(first.read_bytes())
        data[at] ^= 1
        first.write_bytes(data)
        return first

    def test_info(self) -> None:
        info = self.json("info", self.array)
        self.assertEqual(info["format"], "zarr3")
        self.assertEqual(info["kind"], "array")
        self.assertEqual(info["shape"], list(SHAPE))
        self.assertEqual(info["data_type"], "int32")
        self.assertEqual(info["chunk_shape"], [2, 3, 4])
        self.assertEqual(info["shard_shape"], [4, 6, 8])
        self.assertEqual(info["fill_value"], 0)
        self.assertEqual(info["codecs"][0]["name"], "sharding_indexed")
        self.assertEqual((info["stored_chunks"], info["possible_chunks"]), (8, 8))
        self.assertEqual(info["bytes"], 1260)
        files = [p for p in Path(self.array).rglob("*") if p.is_file() and p.name != "zarr.json"]
        self.assertEqual(info["stored_bytes"], sum(p.stat().st_size for p in files))
        self.assertGreater(info["largest_task_bytes"], 0)
        text = self.coffer("info", self.array).decode()
        self.assertIn("  shape         [5,7,9]\n", text)
        self.assertIn("  stored        8 of 8 shards, ", text)
        self.assertIn("NotFound", self.fails(1, "info", self.path("none")))

    def test_info_of_what_is_stored_in_shards(self) -> None:
        """Of 7 elements in 4 shards of 2: elements that are the fill value are not stored."""
        source = self.write("a.npy", npy("|u1", (7,), bytes([1, 2, 0, 3, 0, 0, 4])))
        array = self.path("sparse.zarr")
        self.coffer("import", source, array, "--chunk-shape", "1", "--shard-shape", "2")
        info = self.json("info", array, "--coverage")
        self.assertEqual((info["stored_chunks"], info["possible_chunks"]), (3, 4))
        self.assertEqual((info["stored_inner_chunks"], info["possible_inner_chunks"]), (4, 7))
        text = self.coffer("info", array, "--coverage").decode()
        self.assertIn("\n  inner chunks  4 of 7\n", text)
        self.assertNotIn("stored_inner_chunks", self.json("info", array))
        self.assertNotIn("inner chunks", self.coffer("info", array).decode())
        plain = self.path("plain.zarr")
        self.coffer("import", source, plain, "--chunk-shape", "1")
        self.assertEqual(self.json("info", plain, "--coverage"), self.json("info", plain))

    def test_ls(self) -> None:
        self.assertEqual(self.lines("ls", self.array), ["c/", "zarr.json"])
        keys = self.lines("ls", "-r", self.array)
        self.assertIn("c/1/1/1", keys)
        self.assertEqual(len(keys), 9)
        group = self.path("g")
        make_npz(self.path("m.npz"), {"x": npy("<i4", SHAPE), "l/y": npy("<f8", (3,))}, 0)
        self.coffer("import", self.path("m.npz"), group)
        self.assertEqual(self.lines("ls", group), ["l/", "x"])
        details = self.lines("ls", "-l", "-r", group)
        self.assertRegex(details[0], r"^group +l/$")
        self.assertRegex(details[1], r"^float64 +\d+ B +\[3\] +l/y$")
        entries = [json.loads(line) for line in self.lines("ls", "-lr", group, "--json")]
        self.assertEqual([entry["name"] for entry in entries], ["l", "l/y", "x"])
        self.assertEqual(entries[2]["shape"], list(SHAPE))
        self.assertIn("NotFound", self.fails(1, "ls", self.path("none")))
        rows = [json.loads(line) for line in self.lines("ls", "-l", self.array, "--json")]
        files = [p for p in Path(self.array, "c").rglob("*") if p.is_file()]
        self.assertEqual(rows[0]["stored_bytes"], sum(p.stat().st_size for p in files))

    def test_what_a_group_holds_beside_its_nodes_is_named(self) -> None:
        group = self.path("g")
        make_npz(self.path("m.npz"), {"x": npy("<i4", SHAPE)}, 0)
        self.coffer("import", self.path("m.npz"), group)
        self.assertNotIn("left out", self.run_coffer("cp", group, self.path("all")).stderr.decode())
        self.coffer("verify", group)
        os.symlink(os.path.abspath(self.array), group + "/elsewhere")
        with open(group + "/README", "w", encoding="utf-8") as note:
            note.write("two\n")
        copied = self.run_coffer("cp", group, self.path("copy")).stderr.decode()
        self.assertIn("left out, of no array or group: 2 keys, such as file://", copied)
        self.assertEqual(self.lines("ls", self.path("copy")), ["x"])
        found = self.run_coffer("verify", group).stdout.decode()
        self.assertIn("/elsewhere: orphan: of no array or group\n", found)
        self.assertIn("/README: orphan: of no array or group\n", found)

    def test_attrs(self) -> None:
        self.assertEqual(self.json("attrs", self.array), {})
        self.coffer("attrs", self.array, 'a={"b": [1, 2.5]}', "c=null")
        self.assertEqual(self.json("attrs", self.array), {"a": {"b": [1, 2.5]}, "c": None})
        self.assertEqual(self.lines("attrs", self.array, "a"), ['{"b":[1,2.5]}'])
        self.coffer("attrs", self.array, "--delete", "c")
        self.assertEqual(self.json("attrs", self.array), {"a": {"b": [1, 2.5]}})
        self.assertIn('no attribute "c"', self.fails(1, "attrs", self.array, "c"))
        self.assertIn('no attribute "c"', self.fails(1, "attrs", self.array, "--delete", "c"))
        self.assertEqual(
            self.fails(1, "attrs", self.array, "d={bad"),
            'InvalidArgument: a.zarr: value of "d": JSON, line 1, column 2: syntax error '
            "while parsing object key - invalid literal; expected string literal",
        )
        self.assertEqual(self.cat(self.array)[2], DATA)

    def test_resize(self) -> None:
        self.coffer("resize", self.array, "3,9,9")
        self.coffer("resize", self.array, "5,7,9")
        expected = part(DATA, 4, SHAPE, [range(3), range(7), range(9)]) + bytes(2 * 7 * 9 * 4)
        self.assertEqual(self.cat(self.array), ("<i4", SHAPE, expected))
        self.assertIn("InvalidArgument", self.fails(1, "resize", self.array, "5,7"))

    def test_places_by_other_names(self) -> None:
        os.symlink(os.path.basename(self.array), self.path("link"))
        for place in (self.array + "/.", self.path("link"), self.array + "/../link"):
            self.assertEqual(json.loads(self.coffer("info", "--json", place))["kind"], "array")
            self.assertIn("0 findings", self.lines("verify", place)[-1])
            self.assertEqual(self.cat(place)[2], DATA)
        self.coffer("cp", self.path("link"), self.path("copy"))
        self.assertEqual(self.cat(self.path("copy"))[2], DATA)
        # A link is not followed to be emptied.
        self.assertIn("a symbolic link", self.fails(1, "rm", "-r", self.path("link") + "/"))
        self.assertEqual(self.cat(self.array)[2], DATA)

    def test_rm(self) -> None:
        group = self.path("g")
        make_npz(self.path("m.npz"), {"x": npy("<i4", SHAPE), "y": npy("<f8", (3,))}, 0)
        self.coffer("import", self.path("m.npz"), group)
        self.assertIn("-r deletes", self.fails(1, "rm", group))
        self.coffer("rm", group + "/x")
        self.assertEqual(self.lines("ls", group), ["y"])
        self.coffer("rm", "-r", group)
        self.assertIn("NotFound", self.fails(1, "rm", "-r", group))
        self.assertEqual(self.cat(self.array)[2], DATA)
        # What an interrupted command left has keys, but is no node.
        os.makedirs(group + "/c/0")
        self.write("g/c/0/1", b"x")
        self.assertIn("g: no node; -r deletes it", self.fails(1, "rm", group))
        self.coffer("rm", "-r", group)
        self.assertFalse(os.path.exists(group + "/c/0/1"))
        self.assertIn("g: nothing is there", self.fails(1, "rm", "-r", group))

    def test_rm_of_an_array_leaves_what_is_not_its_own(self) -> None:
        for layout in (["--zarr-format", "2"], ["--shard-shape", "none"]):
            array = self.path("own" + layout[-1])
            self.coffer("import", self.path("a.npy"), array, "--chunk-shape", "4,4,4", *layout)
            self.coffer("attrs", array, "unit=3")
            inner = array + "/z/inner"
            self.coffer("import", self.path("a.npy"), self.path("inner"))
            os.makedirs(array + "/z")
            os.rename(self.path("inner"), inner)
            error = self.fails(1, "rm", array)
            self.assertIn("FailedPrecondition", error)
            self.assertIn("/z/inner/", error)
            self.assertIn("is not the array's own; -r deletes everything below", error)
            self.assertEqual(self.cat(array)[2], DATA)
            self.assertEqual(self.cat(inner)[2], DATA)
            os.rename(inner, self.path("inner"))
            notes = self.write(os.path.basename(array) + "/notes.txt", b"mine")
            self.assertIn("/notes.txt is not the array's own", self.fails(1, "rm", array))
            self.assertTrue(os.path.exists(notes))
            os.remove(notes)
            outside = "99.0.0" if "2" in layout else "c/99/0/0"
            os.makedirs(os.path.dirname(f"{array}/{outside}"), exist_ok=True)
            self.write(f"{os.path.basename(array)}/{outside}", b"x")
            self.coffer("rm", array)
            self.assertFalse(os.path.exists(f"{array}/{outside}"))
            self.assertIn("NotFound", self.fails(1, "info", array))
            self.coffer("rm", self.path("inner"))
        # Of one that cannot be read nobody knows the chunks; with -r it goes all the same.
        document = Path(self.array, "zarr.json")
        document.write_text(document.read_text(encoding="utf-8")[:-9], encoding="utf-8")
        error = self.fails(1, "rm", self.array)
        self.assertIn("may not be the array's own, whose metadata cannot be read (", error)
        self.assertTrue(document.exists())
        self.coffer("rm", "-r", self.array)
        self.assertFalse(document.exists())

    def test_cp_array(self) -> None:
        copy = self.path("copy.zarr")
        self.coffer("attrs", self.array, "unit=3")
        self.coffer("cp", self.array, copy)
        self.assertEqual(self.cat(copy), ("<i4", SHAPE, DATA))
        before, after = self.json("info", self.array), self.json("info", copy)
        for key in ("chunk_shape", "shard_shape", "codecs", "attributes", "fill_value"):
            self.assertEqual(after[key], before[key], key)
        other = self.path("other.zarr")
        layout = ["--chunk-shape", "3,3,3", "--codec", "gzip:1", "--fill-value", "7"]
        self.coffer("cp", self.array, other, *layout)
        info = self.json("info", other)
        self.assertEqual((info["chunk_shape"], info["shard_shape"]), ([3, 3, 3], None))
        names = [codec["name"] for codec in info["codecs"]]
        self.assertEqual(names, ["bytes", "gzip", "crc32c"])
        self.assertEqual(info["fill_value"], 7)
        self.assertEqual(self.cat(other)[2], DATA)
        self.coffer("cp", copy, self.path("plain.zarr"), "--shard-shape", "none", "--no-checksum")
        info = self.json("info", self.path("plain.zarr"))
        self.assertEqual([codec["name"] for codec in info["codecs"]], ["bytes", "zstd"])
        self.assertEqual(self.cat(self.path("plain.zarr"))[2], DATA)
        self.assertIn("AlreadyExists", self.fails(1, "cp", self.array, copy))

    def test_cp_of_nested_shards(self) -> None:
        def sharding(chunk: list[int], codecs: list[Any]) -> dict[str, Any]:
            index = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
            configuration = {"chunk_shape": chunk, "codecs": codecs, "index_codecs": index}
            return {"name": "sharding_indexed", "configuration": configuration}

        nested = self.path("nested.zarr")
        self.coffer("import", self.source, nested, "--chunk-shape", "4,6,8")
        metadata = json.loads(Path(nested, "zarr.json").read_bytes())
        metadata["codecs"] = [sharding([2, 6, 4], [sharding([2, 3, 2], metadata["codecs"][:-1])])]
        for entry in Path(nested).iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
        self.write("nested.zarr/zarr.json", json.dumps(metadata).encode())
        self.coffer("import", self.source, nested, "--at", "0,0,0")
        self.assertEqual(self.cat(nested)[2], DATA)
        for number, (layout, names, shapes) in enumerate(
            [
                ([], ["sharding_indexed"], ([2, 3, 2], [4, 6, 8])),
                (["--shard-shape", "none"], ["bytes", "zstd", "crc32c"], ([2, 3, 2], None)),
                (["--codec", "gzip"], ["sharding_indexed"], ([2, 3, 2], [4, 6, 8])),
                (["--chunk-shape", "5,5,5"], ["bytes", "zstd", "crc32c"], ([5, 5, 5], None)),
            ]
        ):
            with self.subTest(layout=layout):
                copy = self.path(f"copy{number}.zarr")
                self.coffer("cp", nested, copy, *layout)
                info = self.json("info", copy)
                self.assertEqual([codec["name"] for codec in info["codecs"]], names)
                self.assertEqual((info["chunk_shape"], info["shard_shape"]), shapes)
                if info["shard_shape"]:
                    inner = info["codecs"][0]["configuration"]["codecs"]
                    self.assertEqual([codec["name"] for codec in inner][::2], ["bytes", "crc32c"])
                self.assertEqual(self.cat(copy)[2], DATA)

    def test_cp_region(self) -> None:
        copy = self.path("copy.zarr")
        self.coffer("cp", self.array, copy, "--region", "1:5,:,3")
        expected = part(DATA, 4, SHAPE, [range(1, 5), range(7), range(3, 4)])
        self.assertEqual(self.cat(copy), ("<i4", (4, 7), expected))

    def test_cp_group(self) -> None:
        members = {"x": npy("<i4", SHAPE), "l/y": npy("<f8", (3,))}
        make_npz(self.path("m.npz"), members, 0)
        self.coffer("import", self.path("m.npz"), self.path("g"))
        self.coffer("attrs", self.path("g/l"), "deep=1")
        self.coffer("cp", self.path("g"), self.path("h"))
        self.assertEqual(self.lines("ls", "-r", self.path("h")), ["l/", "l/y", "x"])
        self.assertEqual(self.cat(self.path("h/x"))[2], DATA)
        self.assertEqual(self.json("attrs", self.path("h/l")), {"deep": 1})
        error = self.fails(1, "cp", self.path("g"), self.path("i"), "--region", "1")
        self.assertIn("--region needs an array", error)

    def test_verify(self) -> None:
        self.assertIn("0 findings; chunks were not read", self.lines("verify", self.array)[-1])
        report = self.json("verify", "--deep", self.array)
        self.assertEqual((report["num_findings"], report["findings"]), (0, []))
        self.assertEqual(report["chunks_unchecked"], 0)
        self.assertGreater(report["chunks_checked"], 7)
        damaged = self.damage(3)
        done = self.run_coffer("verify", "--deep", self.array)
        self.assertEqual(done.returncode, 3)
        text = done.stdout.decode()
        self.assertIn(str(damaged.relative_to(self.folder)), text)
        self.assertIn("DataLoss", text)
        self.assertIn("1 finding;", text)
        done = self.run_coffer("verify", "--deep", "--json", self.array)
        self.assertEqual(done.returncode, 3)
        self.assertEqual(json.loads(done.stdout)["num_findings"], 1)

    def test_verify_goes_on_after_damaged_metadata(self) -> None:
        group = self.path("g")
        members = {name: npy("<i4", SHAPE) for name in ("a", "b", "d/e", "z")}
        make_npz(self.path("m.npz"), members, 0)
        self.coffer("import", self.path("m.npz"), group)
        clean = self.json("verify", "--deep", group)
        for name in ("b", "d/e"):
            self.write(f"g/{name}/zarr.json", b'{"zarr_format": 3, "node_type": "array"')
        last = next(p for p in Path(group, "z").rglob("*") if p.is_file() and p.name != "zarr.json")
        last.write_bytes(last.read_bytes()[:-1])
        done = self.run_coffer("verify", "--deep", group, "--json")
        self.assertEqual(done.returncode, 3, done.stderr)
        report = json.loads(done.stdout)
        keys = [finding["key"].split("/g/")[1] for finding in report["findings"]]
        self.assertEqual(keys, ["b/", "d/e/", str(last.relative_to(group))])
        self.assertEqual(report["num_findings"], 3)
        self.assertEqual(report["chunks_checked"], clean["chunks_checked"] // 4)
        done = self.run_coffer("verify", group + "/b")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("1 finding;", done.stdout.decode())
        self.write("g/zarr.json", b'{"zarr_format": 9, "node_type": "group"}')
        done = self.run_coffer("verify", group)
        self.assertEqual(done.returncode, 3, done.stderr)

    def test_view(self) -> None:
        out = self.path("s.png")
        self.coffer("view", self.array, "--slice", "2=4", "-o", out)
        png = Path(out).read_bytes()
        self.assertEqual(png[16:24], (7).to_bytes(4, "big") + (5).to_bytes(4, "big"))
        self.assertEqual(png[24:26], b"\x08\x00")
        error = self.fails(1, "view", self.array, "-o", out)
        self.assertIn("--slice must leave two dimensions of [5, 7, 9], not 3", error)
        error = self.fails(1, "view", self.array, "--slice", "2=9", "-o", out)
        self.assertRegex(error, "^OutOfRange: file://.*a.zarr/: ")
        self.assertEqual(Path(out).read_bytes(), png)

    def test_stats_and_quiet(self) -> None:
        done = self.run_coffer("cat", self.array, "-o", self.path("o.npy"), "--stats", "--json")
        stats = json.loads(done.stderr)
        self.assertGreater(stats["read_requests"], 0)
        self.assertGreater(stats["bytes_read"], 0)
        self.assertGreater(stats["chunks_decoded"], 0)
        self.assertGreater(stats["peak_memory_bytes"], 1 << 20)
        done = self.run_coffer("cat", self.array, "-o", self.path("o.npy"), "--stats")
        self.assertRegex(done.stderr.decode(), r"  peak memory bytes +[\d.]+ MiB\n")
        done = self.run_coffer("cp", self.array, self.path("c1.zarr"))
        self.assertRegex(done.stderr.decode(), r"^coffer: 1\.23 KiB copied, .*/s\n$")
        done = self.run_coffer("cp", self.array, self.path("c2.zarr"), "--quiet")
        self.assertEqual(done.stderr, b"")


class BadFiles(CliTest):
    """Files that are not what they claim: refused at once, by name, and nothing is created."""

    def test_table(self) -> None:
        huge = npy("<f8", (1 << 47,), b"x" * 100)
        claims = safetensors({"a": ("F64", (1 << 47,), b"x" * 64)})
        cut = npy("<i4", SHAPE)[:-1]
        for data, code, reason in [
            (b"", "InvalidArgument", "neither .npy, .npz, NIfTI nor safetensors"),
            (b"hello, world", "InvalidArgument", "neither .npy"),
            (huge, "DataLoss", "needs 1125899906842624 bytes"),
            (cut, "DataLoss", "needs 1260 bytes"),
            (npy("|O", (2,), b"x" * 16), "InvalidArgument", "pickles are never read"),
            (claims, "InvalidArgument", "64 bytes, but shape [140737488355328]"),
            (b"\x00" * 7 + b"\x01{}", "InvalidArgument", "is above 100000000"),
            (b"PK\x03\x04 not really", "InvalidArgument", "not a whole .npz archive"),
            (gzip.compress(b"not a volume"), "InvalidArgument", "not a NIfTI file"),
        ]:
            with self.subTest(reason=reason):
                error = self.fails(1, "import", self.write("f", data), self.path("a.zarr"))
                self.assertTrue(error.startswith(f"{code}: f: "), error)
                self.assertIn(reason, error)
                self.assertEqual(os.listdir(self.folder), ["f"])

    def test_missing_file(self) -> None:
        error = self.fails(1, "import", self.path("none.npy"), self.path("a.zarr"))
        self.assertEqual(error, "NotFound: none.npy: cannot open: No such file or directory")

    def test_names_that_cannot_be_nodes(self) -> None:
        for name in ("a//b", "/a"):
            make_npz(self.path("m.npz"), {name: npy("<i4", (2,))}, 0)
            error = self.fails(1, "import", self.path("m.npz"), self.path("g"))
            self.assertIn("cannot name a node", error)
        tensors = {"..": ("U8", (1,), b"x")}
        source = self.write("m.safetensors", safetensors(tensors))
        self.fails(1, "import", source, self.path("inner"))
        self.assertNotIn("zarr.json", os.listdir(self.folder))


if __name__ == "__main__":
    unittest.main()
