"""Cases of cli_test.py: groups and checkpoints on a server of plain HTTP, which lists nothing and
knows no ranges: what the consolidated metadata, or the checkpoint's document, names is all that is
seen."""

import json
from pathlib import Path

from support import CliTest, make_npz, npy, parse_safetensors, pattern, safetensors


class Http(CliTest):
    """A data set as the public ones are."""

    def setUp(self) -> None:
        super().setUp()
        self.arrays = {"x": npy("<i4", (5, 6)), "y": npy("<u2", (7,))}
        make_npz(self.path("g.npz"), self.arrays, 0)
        self.coffer("import", self.path("g.npz"), self.path("g"))
        self.root = self.serve_folder(self.folder)

    def consolidate(self) -> None:
        """Writes what zarr-python's consolidate_metadata() would."""
        path = self.folder / "g/zarr.json"
        group = json.loads(path.read_text(encoding="utf-8"))
        group["consolidated_metadata"] = {
            "kind": "inline",
            "must_understand": False,
            "metadata": {
                name: json.loads((self.folder / f"g/{name}/zarr.json").read_text(encoding="utf-8"))
                for name in self.arrays
            },
        }
        path.write_text(json.dumps(group), encoding="utf-8")

    def test_a_group_without_a_list_of_its_nodes(self) -> None:
        self.assertIn("cannot list its keys", self.fails(1, "ls", self.root + "/g"))
        self.assertEqual(self.cat(self.root + "/g/x")[2], pattern("<i4", (5, 6)))

    def test_a_consolidated_group(self) -> None:
        self.consolidate()
        group = self.root + "/g"
        self.assertEqual(self.lines("ls", group), ["x", "y"])
        self.assertEqual(self.lines("ls", "-r", group), ["x", "y"])
        rows = [line.split() for line in self.lines("ls", "-l", group)]
        self.assertEqual(rows, [["int32", "[5,6]", "x"], ["uint16", "[7]", "y"]])
        self.assertEqual(self.json("info", group)["arrays"], 2)
        self.coffer("cp", group, self.path("copy"))
        self.assertEqual(self.lines("ls", self.path("copy")), ["x", "y"])
        self.assertEqual(self.cat(self.path("copy/x")), ("<i4", (5, 6), pattern("<i4", (5, 6))))
        self.assertEqual(self.cat(self.path("copy/y")), ("<u2", (7,), pattern("<u2", (7,))))

    def test_what_a_list_can_read_goes_by_what_is_there(self) -> None:
        self.consolidate()
        self.coffer("rm", self.path("g/y"))
        self.assertEqual(self.lines("ls", self.path("g")), ["x"])

    def test_verify(self) -> None:
        unlisted = (
            "only what the metadata names was looked for, since the store cannot list its keys"
        )
        self.assertIn("cannot list its keys", self.fails(1, "verify", self.root + "/g"))
        for place, chunks in (("/g/x", 1), ("/g", 2)):
            line = self.lines("verify", "--deep", self.root + place)[-1]
            self.assertIn(f": 0 findings; {chunks} chunk", line)
            self.assertTrue(line.endswith(unlisted), line)
            self.consolidate()
        chunk = self.folder / "g/y/c/0"
        chunk.write_bytes(chunk.read_bytes()[:-1])
        for place in ("/g/y", "/g"):
            report = json.loads(
                "\n".join(self.ends(3, "verify", "--deep", "--json", self.root + place))
            )
            self.assertTrue(report["unlisted"])
            self.assertEqual([found["kind"] for found in report["findings"]], ["damaged"])
            self.assertTrue(report["findings"][0]["key"].endswith("/g/y/c/0"))
        self.assertIn("cannot list its keys", self.fails(1, "repair", self.root + "/g/y"))


class HttpCheckpoints(CliTest):
    """Whatever reads a checkpoint goes by its document."""

    def setUp(self) -> None:
        super().setUp()
        self.tensors = {
            "w": ("I32", (6, 5), pattern("<i4", (6, 5))),
            "b": ("U8", (3,), b"abc"),
        }
        source = self.write("m.safetensors", safetensors(self.tensors))
        self.coffer("checkpoint", "save", source, self.path("ck"))
        self.url = self.serve_folder(self.folder) + "/ck"

    def test_reading(self) -> None:
        info = self.json("info", self.url)
        self.assertEqual((info["kind"], info["arrays"], info["bytes"]), ("checkpoint", 2, 123))
        self.assertIsNone(info["stored_bytes"])
        stored = [
            line.split(None, 1)[1] for line in self.lines("info", self.url) if "stored" in line
        ]
        self.assertEqual(stored, ["unknown for 123 B: the store does not list"])
        rows = [line.split() for line in self.lines("ls", "-l", self.url)]
        self.assertEqual(rows, [["uint8", "[3]", "b"], ["int32", "[6,5]", "w"]])
        tree = [line.split() for line in self.lines("checkpoint", "tree", self.url)]
        self.assertEqual(tree[1], ["b", "uint8", "[3]", "3", "B"])
        self.assertEqual(tree[2], ["w", "int32", "[6,", "5]", "120", "B"])
        self.assertEqual(
            " ".join(tree[3]), "2 values, 123 B in an unknown size: the store does not list"
        )
        for line in self.coffer("checkpoint", "tree", "--json", self.url).decode().splitlines():
            self.assertIsNone(json.loads(line)["stored_bytes"])
        self.coffer("cp", self.url, self.path("copy"))
        out = self.path("out.safetensors")
        for place in (self.url, self.path("copy")):
            self.coffer("checkpoint", "restore", place, "-o", out)
            self.assertEqual(parse_safetensors(Path(out).read_bytes())[0], self.tensors)
        for verify in (("verify",), ("checkpoint", "verify")):
            line = self.lines(*verify, self.url, "--deep")[-1]
            self.assertIn(": 0 findings; 2 chunks", line)
            self.assertIn("only what the metadata names was looked for", line)

    def test_where_none_is(self) -> None:
        place = self.url.removesuffix("/ck")
        error = self.fails(1, "checkpoint", "info", place)
        self.assertIn("and the store cannot list the steps below it (--step)", error)
        self.assertIn("NotFound", self.fails(1, "checkpoint", "info", place, "--step", "7"))
        self.assertIn("cannot list its keys", self.fails(1, "checkpoint", "ls", place))
        error = self.fails(1, "checkpoint", "save", self.path("m.safetensors"), place + "/new")
        self.assertIn("this store is read-only", error)

    def test_what_is_missing(self) -> None:
        next(self.folder.glob("ck/data-*/arrays/0/c*")).unlink()
        self.assertIn(
            "missing, but the checkpoint says it is there",
            self.fails(1, "cp", self.url, self.path("copy")),
        )
        self.assertFalse((self.folder / "copy").exists())
        found = self.ends(3, "verify", self.url)[0]
        self.assertIn("DataLoss: at b: 0 of 1 chunks are stored", found)
