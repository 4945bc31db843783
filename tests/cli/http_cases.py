"""Cases of cli_test.py: groups on a server of plain HTTP, which lists nothing and knows no ranges:
what the consolidated metadata names is all that is seen."""

import json

from support import CliTest, make_npz, npy, pattern


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
