"""Cases of cli_test.py: `cp --resume`. Copies are broken off by removing what they would not have
written yet, and in earnest, by SIGKILL and Ctrl-C; what the second run copies is told by what it
prints and by its counters."""

import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

from s3_cases import S3Test
from support import InterruptingTest, make_npz, npy, pattern, safetensors

# 5 x 4 cells of 8 x 12, those at both edges are cut.
SHAPE = (37, 40)
DATA = pattern("<i4", SHAPE)
ALL = 37 * 40 * 4
LAYOUTS = {
    "chunks": ["--chunk-shape", "8,12"],
    "shards": ["--chunk-shape", "4,6", "--shard-shape", "8,12"],
    "zarr2": ["--chunk-shape", "8,12", "--zarr-format", "2"],
}


def bytes_of(text: str) -> float:
    """The inverse of FormatBytes."""
    number, unit = text.split()
    return float(number) * 1024 ** ["B", "KiB", "MiB"].index(unit)


class ResumingTest(InterruptingTest):
    """Runs cp --resume."""

    def resume(self, *arguments: str) -> tuple[float, float, dict[str, Any]]:
        """Bytes that were copied and that were there, as printed, and the counters."""
        done = self.run_coffer("cp", "--resume", *arguments, "--stats", "--json")
        said, stats = done.stderr.decode().splitlines()
        self.assertEqual(done.returncode, 0, said)
        found = re.fullmatch(r"coffer: (.*?) copied, (.*?) were there, .*", said)
        assert found is not None, said
        return bytes_of(found[1]), bytes_of(found[2]), json.loads(stats)

    def files(self, place: str) -> dict[str, bytes]:
        """All of a folder."""
        paths = sorted(path for path in Path(place).rglob("*") if path.is_file())
        return {str(path.relative_to(place)): path.read_bytes() for path in paths}


class Resume(ResumingTest):
    """On files."""

    def setUp(self) -> None:
        super().setUp()
        self.array = self.path("a.zarr")
        file = self.write("a.npy", npy("<i4", SHAPE, DATA))
        self.coffer("import", file, self.array, "--chunk-shape", "8,12")
        self.coffer("attrs", self.array, 'unit="mm"', 'of={"a":[1,2.5]}')
        self.copy = self.path("copy")

    def cells(self) -> list[Path]:
        """The copy's files of chunks or shards, in order."""
        paths = [path for path in Path(self.copy).rglob("*") if path.is_file()]
        return sorted(path for path in paths if re.match(r"[0-9.]+$", path.name))

    def test_what_is_there_is_skipped(self) -> None:
        for name, layout in LAYOUTS.items():
            with self.subTest(name):
                command = [self.array, self.copy, *layout]
                copied, there, stats = self.resume(*command)  # Nothing is there: a copy.
                self.assertEqual((round(copied, -2), there), (round(ALL, -2), 0))
                whole = self.files(self.copy)
                cells = self.cells()
                self.assertEqual(len(cells), 20)
                per_cell = 4 if name == "shards" else 1
                # In the middle, at both edges and at the corner: of 8 x 12, 8 x 4, 5 x 12, 5 x 4.
                removed = [cells[0], cells[3], cells[16], cells[19]]
                for cell in removed:
                    cell.unlink()
                copied, there, stats = self.resume(*command)
                missing = 4 * (8 * 12 + 8 * 4 + 5 * 12 + 5 * 4)
                self.assertEqual(copied, missing)
                self.assertAlmostEqual(there, ALL - missing, delta=10)
                self.assertEqual(stats["chunks_decoded"], 4)
                self.assertLessEqual(stats["chunks_encoded"], 4 * per_cell)
                self.assertEqual(self.files(self.copy), whole)
                copied, there, stats = self.resume(*command)
                self.assertEqual((copied, round(there, -2)), (0, round(ALL, -2)))
                self.assertEqual((stats["chunks_decoded"], stats["bytes_written"]), (0, 0))
                self.assertEqual(self.cat(self.copy), ("<i4", SHAPE, DATA))
                self.assertIn("0 findings", self.lines("verify", "--deep", self.copy)[-1])
                self.coffer("rm", self.copy)

    def test_without_it_nothing_is_gone_into(self) -> None:
        self.coffer("cp", self.array, self.copy)
        self.assertIn("AlreadyExists: ", self.fails(1, "cp", self.array, self.copy))

    def test_a_part_of_the_source(self) -> None:
        region = ["--region", "3:30,5"]
        self.resume(self.array, self.copy, *region)
        self.cells()[-1].unlink()
        copied, there, _ = self.resume(self.array, self.copy, *region)
        self.assertEqual(copied + there, 27 * 4)
        self.assertEqual(self.cat(self.copy), self.cat(self.array, *region))

    def test_what_this_copy_would_not_make_is_refused(self) -> None:
        for layout, what in (
            (["--chunk-shape", "8,8"], "metadata, $.chunk_grid.configuration.chunk_shape[1] is "),
            (["--shard-shape", "16,24"], "metadata, $.chunk_grid.configuration.chunk_shape[0] "),
            (["--codec", "gzip"], "metadata, $.codecs"),
            (["--no-checksum"], "metadata, $.codecs"),
            (["--fill-value", "7"], "metadata, $.fill_value is 0, not 7; "),
            (["--region", "0:36"], "metadata, $.shape[0] is 37, not 36; "),
            (["--region", "0"], "metadata, $.shape is [37,40], not [40]; "),
        ):
            with self.subTest(layout=layout):
                self.coffer("cp", self.array, self.copy)
                before = self.files(self.copy)
                error = self.fails(1, "cp", "--resume", self.array, self.copy, *layout)
                begin = f"FailedPrecondition: file://copy/: not what this copy makes: {what}"
                self.assertEqual(error[: len(begin)], begin)
                self.assertTrue(error.endswith("; remove it, or copy elsewhere"), error)
                self.assertEqual(self.files(self.copy), before)
                self.coffer("rm", self.copy)

    def test_another_format_type_or_node_is_refused(self) -> None:
        self.coffer("cp", self.array, self.copy)
        error = self.fails(1, "cp", "--resume", self.array, self.copy, "--zarr-format", "2")
        self.assertEqual(
            error, "AlreadyExists: file://copy/: a node of format zarr3 is already here"
        )
        other = self.write("b.npy", npy("<u4", SHAPE, DATA))
        self.coffer("import", other, self.path("b.zarr"), "--chunk-shape", "8,12")
        self.coffer("attrs", self.path("b.zarr"), 'unit="mm"', 'of={"a":[1,2.5]}')
        error = self.fails(1, "cp", "--resume", self.path("b.zarr"), self.copy)
        self.assertIn('metadata, $.data_type is "int32", not "uint32"; ', error)
        make_npz(self.path("g.npz"), {"a": npy("<i4", SHAPE, DATA)}, 0)
        self.coffer("import", self.path("g.npz"), self.path("g"))
        error = self.fails(1, "cp", "--resume", self.path("g"), self.copy)
        self.assertEqual(error.split(": ")[0], "FailedPrecondition")
        error = self.fails(1, "cp", "--resume", self.array, self.path("g"))
        self.assertEqual(error.split(": ")[0], "FailedPrecondition")

    def test_attributes_are_compared(self) -> None:
        for layout in (LAYOUTS["chunks"], LAYOUTS["zarr2"]):
            self.coffer("cp", self.array, self.copy, *layout)
            where = "$.attributes" if layout is LAYOUTS["chunks"] else "$"
            for change, what in (
                (["unit=3"], f'{where}.unit is 3, not "mm"; '),
                (["--delete", "unit"], f"{where}.unit is missing; "),
                (['unit="mm"', "z=null"], f"{where}.z is there, null; "),
                (["--delete", "z", 'of={"a":[1,2]}'], f"{where}.of.a[1] is 2, not 2.5; "),
            ):
                self.coffer("attrs", self.copy, *change)
                error = self.fails(1, "cp", "--resume", self.array, self.copy, *layout)
                self.assertIn(what, error)
            self.coffer("attrs", self.copy, 'of={"a":[1,2.5]}')  # The order means nothing.
            self.resume(self.array, self.copy, *layout)
            self.coffer("rm", self.copy)

    def test_groups(self) -> None:
        arrays = {"a": npy("<i4", SHAPE, DATA), "b": npy("<u2", (5, 7)), "s/c": npy("<u2", (9,))}
        make_npz(self.path("g.npz"), arrays, 0)
        group = self.path("g")
        self.coffer("import", self.path("g.npz"), group, "--zarr-format", "3")
        self.coffer("attrs", group, "k=1")
        self.coffer("attrs", group + "/s", "k=NaN")
        self.coffer("cp", group, self.copy)
        whole = self.files(self.copy)
        shutil.rmtree(self.copy + "/b")
        copied, there, _ = self.resume(group, self.copy)
        self.assertEqual((copied, round(there, -2)), (70, round(ALL + 18, -2)))
        self.assertEqual(self.files(self.copy), whole)
        shutil.rmtree(self.copy + "/s")
        self.assertEqual(self.resume(group, self.copy)[0], 18)
        self.assertEqual(self.files(self.copy), whole)
        for changed in ("", "/s"):
            self.coffer("attrs", self.copy + changed, "k=2")
            error = self.fails(1, "cp", "--resume", group, self.copy)
            self.assertIn("not what this copy makes: attributes, $.k is 2, not ", error)
            self.coffer("attrs", self.copy + changed, "k=NaN" if changed else "k=1")
        self.coffer("attrs", self.copy + "/a", "more=1")
        self.assertIn("copy/a/: not what", self.fails(1, "cp", "--resume", group, self.copy))

    def test_checkpoints_are_there_as_a_whole(self) -> None:
        source = self.write("m.safetensors", safetensors({"w": ("U8", (4,), b"abcd")}))
        self.coffer("checkpoint", "save", source, self.path("m"), "--quiet")
        self.assertEqual(
            self.fails(1, "cp", "--resume", self.path("m"), self.copy),
            "InvalidArgument: m: a checkpoint is copied as it is and at once, "
            "without layout, region or --resume",
        )
        self.assertFalse(os.path.exists(self.copy))

    def test_killed_and_interrupted(self) -> None:
        # 4,096 chunks of 256 bytes, in shards, so that making it is quick.
        size = 1 << 20
        file = self.write("in.npy", npy("|u1", (size,), os.urandom(size)))
        source = self.path("large.zarr")
        layout = ["--chunk-shape", "256", "--shard-shape", "65536", "--codec", "none"]
        self.coffer("import", file, source, *layout)
        for how in (signal.SIGKILL, signal.SIGINT):
            self.copy = self.path(f"copy-{int(how)}")
            command = [source, self.copy, "--shard-shape", "none"]
            ended = self.interrupt(lambda: len(self.cells()) >= 50, "cp", *command, how=how)
            self.assertEqual(ended[0], -how if how == signal.SIGKILL else 1, ended[1])
            stored = self.json("info", self.copy)["stored_chunks"]
            self.assertGreaterEqual(stored, 50)
            self.assertLess(stored, 4096)
            copied, there, stats = self.resume(*command)
            self.assertAlmostEqual(there, 256 * stored, delta=size / 100)
            self.assertAlmostEqual(copied + there, size, delta=size / 100)
            self.assertEqual(stats["chunks_encoded"], 4096 - stored)
            self.assertEqual(self.cat(self.copy), self.cat(source))
            self.assertIn("0 findings", self.lines("verify", "--deep", self.copy)[-1])


class ResumeOnVersitygw(ResumingTest, S3Test):
    """From files to S3: objects are whole or not there."""

    def test_killed_on_the_way_to_s3(self) -> None:
        # Values of the unsharded copy are single PUTs; shards of 1 MiB, too.
        file = self.write("in.npy", npy("|u1", (1 << 21,), os.urandom(1 << 21)))
        source = self.path("a.zarr")
        layout = ["--chunk-shape", "1024", "--shard-shape", "65536", "--codec", "none"]
        self.coffer("import", file, source, *layout)
        for shard in ("none", "4096"):
            copy = f"{self.root}/copy-{shard}"
            command = [source, copy, "--shard-shape", shard]

            def stored(place: str = copy) -> int:
                done = self.run_coffer("info", place, "--json")
                return int(json.loads(done.stdout)["stored_chunks"]) if done.returncode == 0 else 0

            ended = self.interrupt(lambda: stored() >= 3, "cp", *command, how=signal.SIGKILL)
            self.assertEqual(ended[0], -signal.SIGKILL, ended[1])
            before = stored()
            cell = 1024 if shard == "none" else 4096
            self.assertLess(before, (1 << 21) // cell)
            copied, there, stats = self.resume(*command)
            self.assertGreaterEqual(there, 3 * cell)
            self.assertAlmostEqual(copied + there, 1 << 21, delta=1 << 13)
            self.assertLess(stats["bytes_read"], (1 << 21) - there + (1 << 18))
            self.assertEqual(self.cat(copy), self.cat(source))
            self.assertIn(": 0 findings", self.lines("verify", copy, "--deep")[-1])
            copied, there, stats = self.resume(*command)
            self.assertEqual((copied, there, stats["chunks_decoded"]), (0, 1 << 21, 0))

    def test_back_and_refused(self) -> None:
        file = self.write("a.npy", npy("<i4", SHAPE, DATA))
        source = f"{self.root}/a"
        copy = self.path("copy")
        self.coffer("import", file, source, *LAYOUTS["shards"])
        self.coffer("cp", source, copy)
        whole = self.files(copy)
        (self.folder / "copy/c/4/3").unlink()
        self.assertEqual(self.resume(source, copy)[0], 5 * 4 * 4)
        self.assertEqual(self.files(copy), whole)
        self.coffer("attrs", source, "k=1")
        error = self.fails(1, "cp", "--resume", source, copy)
        self.assertIn("metadata, $.attributes.k is missing; ", error)


class ResumeOnMinio(ResumeOnVersitygw):
    """On objects, as S3 has them."""

    server = "MINIO"
