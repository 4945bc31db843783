"""Cases of cli_test.py: arrays, groups and checkpoints inside zip archives."""

import json
import shutil
import zipfile
from pathlib import Path

from support import CliTest, make_npz, npy, parse_safetensors, pattern, safetensors

SHAPE = (6, 7)
DATA = pattern("<i4", SHAPE)


class Zips(CliTest):
    """What reads, reads in an archive, too; what writes is refused."""

    def setUp(self) -> None:
        super().setUp()
        make_npz(self.path("g.npz"), {"a": npy("<i4", SHAPE), "b": npy("<u2", SHAPE)}, 0)
        self.coffer("import", self.path("g.npz"), self.path("g"), "--chunk-shape", "4,4")
        for name, method in {
            "stored": zipfile.ZIP_STORED,
            "deflated": zipfile.ZIP_DEFLATED,
        }.items():
            with zipfile.ZipFile(self.path(f"{name}.zip"), "w", method) as archive:
                for path in sorted(Path(self.path("g")).rglob("*")):
                    archive.write(path, "in/" + str(path.relative_to(self.path("g"))))

    def test_reading(self) -> None:
        for name in ("stored", "deflated"):
            for url in (
                f"file://{self.path(name)}.zip|zip:in/",
                f"{self.path(name)}.zip|zip:in",
                f'{{"driver":"zip","base":{{"driver":"file","path":"{self.path(name)}.zip"}},'
                '"path":"in"}',
            ):
                names = [line.split()[0] for line in self.lines("ls", url)]
                self.assertEqual(names, ["a", "b"], url)
                self.assertEqual(self.json("info", url)["kind"], "group")
            array = f"file://{self.path(name)}.zip|zip:in/a/"
            info = self.json("info", array)
            self.assertEqual((info["format"], info["shape"]), ("zarr3", list(SHAPE)))
            self.assertEqual(info["chunks"]["stored"] if "chunks" in info else 4, 4)
            self.assertEqual(self.cat(array), ("<i4", SHAPE, DATA))
            self.assertEqual(self.cat(array + "|zarr3:"), ("<i4", SHAPE, DATA))
            row = self.cat(array + "|zarr3:", "--region", "2,:")
            self.assertEqual(row, ("<i4", (7,), DATA[56:84]))
            self.assertIn(": 0 findings", self.lines("verify", array, "--deep")[-1])
            self.coffer("cp", array, self.path(name + ".zarr"))
            self.assertEqual(self.cat(self.path(name + ".zarr")), ("<i4", SHAPE, DATA))

    def test_an_archive_in_an_archive(self) -> None:
        with zipfile.ZipFile(self.path("outer.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(self.path("stored.zip"), "d/e f.zip")
        url = f"file://{self.path('outer.zip')}|zip:d/e%20f.zip|zip:in/a/|zarr3:"
        self.assertEqual(self.cat(url), ("<i4", SHAPE, DATA))

    def test_what_is_refused(self) -> None:
        archive = f"{self.path('stored.zip')}|zip:"
        error = self.fails(1, "import", self.path("g.npz"), archive + "new/")
        self.assertIn("read-only", error)
        error = self.fails(1, "rm", "-r", archive + "in/")
        self.assertIn("read-only", error)
        error = self.fails(1, "info", self.path("none.zip") + "|zip:in/")
        self.assertIn("none.zip: there is no zip archive", error)
        error = self.fails(1, "info", archive + "in/c/")
        self.assertIn("no array, group or checkpoint is there", error)
        shutil.copy(self.path("g.npz"), self.path("cut.zip"))
        with open(self.path("cut.zip"), "r+b") as file:
            file.truncate(100)
        error = self.fails(1, "ls", self.path("cut.zip") + "|zip:")
        self.assertIn("cut.zip: no zip archive: it does not end with an end record", error)
        error = self.fails(1, "ls", f"file://{self.folder}/|zip:")
        self.assertIn('expected the name of a value, behind the last "/" of a path', error)


class ZippedCheckpoints(CliTest):
    """Whatever reads a checkpoint reads one in an archive; none is written there."""

    def setUp(self) -> None:
        super().setUp()
        self.tensors = {"w": ("I32", SHAPE, DATA), "b": ("U8", (3,), b"abc")}
        self.source = self.write("m.safetensors", safetensors(self.tensors))
        self.saved = self.path("runs/10")
        for step in ("9", "10"):
            url = self.path("runs")
            self.coffer("checkpoint", "save", self.source, url, "--step", step)
        with zipfile.ZipFile(self.path("ck.zip"), "w") as archive:
            for path in sorted(self.folder.glob("runs/**/*")):
                archive.write(path, str(path.relative_to(self.folder)))
        self.archive = self.path("ck.zip") + "|zip:"

    def places(self, name: str) -> list[str]:
        """The ways to name a place in the archive."""
        base = json.dumps({"driver": "file", "path": self.path("ck.zip")})
        spec = f'{{"driver":"zip","base":{base},"path":"{name}"}}'
        return [self.archive + name, f"file://{self.archive}{name}/", spec]

    def test_reading(self) -> None:
        for place in self.places("runs/10"):
            self.assertEqual(self.json("info", place)["kind"], "checkpoint")
            self.assertEqual(self.lines("ls", place), ["b", "w"])
            self.assertIn("  2 values, ", self.lines("checkpoint", "tree", place)[-1])
            self.assertIn(": 0 findings", self.lines("verify", place, "--deep")[-1])
            self.assertIn(": 0 findings", self.lines("checkpoint", "verify", place)[-1])
            self.coffer("cp", place, self.path("copy"))
            for url in (place, self.path("copy")):
                self.check(url)
            self.coffer("rm", "-r", self.path("copy"))

    def check(self, url: str, *arguments: str) -> None:
        """Restores a checkpoint and compares it with what was saved."""
        out = self.path("out.safetensors")
        self.coffer("checkpoint", "restore", url, "-o", out, *arguments)
        self.assertEqual(parse_safetensors(Path(out).read_bytes())[0], self.tensors)

    def test_steps(self) -> None:
        for place in self.places("runs"):
            rows = [line.split()[0] for line in self.lines("checkpoint", "ls", place)]
            self.assertEqual(rows, ["9", "10"])
            self.check(place)
            self.check(place, "--step", "9")
            self.fails(1, "checkpoint", "restore", place, "-o", "x.npz", "--step", "8")

    def test_writing_is_refused_and_nothing_is_made_elsewhere(self) -> None:
        before = sorted(self.folder.rglob("*"))
        for place in (*self.places("new"), *self.places("runs/10"), self.archive):
            for command in (
                ("checkpoint", "save", self.source, place),
                ("checkpoint", "save", self.source, place, "--force"),
                ("checkpoint", "save", self.source, place, "--step", "11"),
                ("cp", self.saved, place),
            ):
                error = self.fails(1, *command)
                self.assertIn("FailedPrecondition", error)
                self.assertIn("this store is read-only", error)
        self.assertEqual(sorted(self.folder.rglob("*")), before)
