"""Cases of cli_test.py: arrays and groups inside zip archives."""

import shutil
import zipfile
from pathlib import Path

from support import CliTest, make_npz, npy, pattern

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
