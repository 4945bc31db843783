"""Cases of cli_test.py: what unfinished saves left, and what coffer cannot read, inside groups."""

import json
import os
from pathlib import Path

from support import CliTest, npy, safetensors

ID = "0123456789abcdef"


class Unfinished(CliTest):
    """A group with an array, and a save to "live" that was killed before its last step."""

    def setUp(self) -> None:
        super().setUp()
        self.group = self.path("g")
        os.makedirs(self.group)
        self.write("g/zarr.json", b'{"zarr_format": 3, "node_type": "group"}')
        source = self.write("a.npy", npy("<u2", (8, 8)))
        self.coffer("import", source, self.group + "/a", "--codec", "none")
        self.live = self.group + "/live"
        self.staging = f"g/live.coffer-tmp-{ID}/"
        model = self.write("m.safetensors", safetensors({"w": ("U8", (4,), b"abcd")}))
        self.coffer("checkpoint", "save", model, self.live, "--quiet")
        os.rename(self.live, self.path(self.staging))

    def files(self) -> list[str]:
        """Every file of the group."""
        root = Path(self.group)
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def test_nothing_shows_it(self) -> None:
        info = self.json("info", self.group)
        self.assertEqual((info["arrays"], info["groups"]), (1, 0))
        self.assertEqual(self.lines("ls", self.group), ["a"])
        self.assertEqual(self.lines("ls", "-r", self.group), ["a"])
        copied = self.run_coffer("cp", "--quiet", self.group, self.path("copy"))
        self.assertEqual(
            (copied.returncode, copied.stderr.decode().replace(str(self.folder), "")),
            (
                0,
                f"coffer: left out, of unfinished saves: 1 place, such as file:///{self.staging}\n",
            ),
        )
        self.assertEqual(sorted(os.listdir(self.path("copy"))), ["a", "zarr.json"])

    def test_verify_names_it_and_repair_removes_it(self) -> None:
        keys = len([name for name in self.files() if name.startswith("live")])
        text = f"{self.staging}: orphan: {keys} keys of an unfinished save"
        before = self.files()
        for place in (self.group, self.live, self.path(self.staging)):
            name = os.path.relpath(place, self.folder)
            self.assertEqual(self.ends(3, "verify", place)[0], text)
            lines = self.ends(3, "repair", place, "--drop-foreign", "--drop-damaged")
            self.assertEqual(lines[0], "left (its saver may live (drop-unfinished)): " + text)
            self.assertEqual(lines[1].partition(": ")[2], "1 finding, 0 repaired, 1 left", name)
            self.assertEqual(self.files(), before)
        lines = self.ends(0, "repair", self.live, "--drop-unfinished")
        self.assertEqual(lines[0], "done (delete): " + text)
        self.assertEqual(self.files(), ["a/c/0/0", "a/zarr.json", "zarr.json"])
        error = self.fails(1, "verify", self.live)
        self.assertEqual(error, "NotFound: g/live: no array, group or checkpoint is there")

    def test_what_is_not_supported_is_no_finding(self) -> None:
        self.coffer("rm", "-r", self.path(self.staging))
        document = json.loads(Path(self.group, "a/zarr.json").read_bytes())
        document["data_type"] = "string"
        self.write("g/a/zarr.json", json.dumps(document).encode())
        reason = "not checked: g/a/: Unimplemented: g/a/zarr.json: at $.data_type: "
        for command in (["verify", "--deep"], ["repair"], ["repair", "-n", "--drop-damaged"]):
            lines = self.ends(0, *command, self.group)
            self.assertEqual(len(lines), 2)
            self.assertEqual(lines[0][: len(reason)], reason)
            self.assertIn("; not checked (unsupported): 1", lines[1])
            report = self.json(*command, self.group)
            self.assertEqual(report["num_unsupported"], 1)
            self.assertEqual(report["unsupported"][0]["kind"], "unsupported")
        rows = self.lines("ls", "-l", self.group)
        self.assertRegex(rows[0], r"^unsupported +a +Unimplemented: ")
