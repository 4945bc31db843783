"""Cases of cli_test.py: repair, what verify says to programs, and places inside other places."""

import hashlib
import json
import os
from pathlib import Path

from support import CliTest, make_npz, npy, safetensors

SHAPE = (8, 8)
PLAIN = ["--chunk-shape", "2,2", "--codec", "none"]
SHARDS = [*PLAIN, "--shard-shape", "4,4"]


class Repair(CliTest):
    """repair and verify of arrays, groups and checkpoints in files."""

    def setUp(self) -> None:
        super().setUp()
        self.source = self.write("a.npy", npy("<u2", SHAPE))
        self.array = self.path("g/a")
        make_npz(self.path("m.npz"), {"b": npy("<u2", SHAPE)}, 0)
        self.coffer("import", self.path("m.npz"), self.path("g"))
        self.coffer("import", self.source, self.array, *SHARDS)
        self.model = self.write("m.safetensors", safetensors({"w": ("U8", (4,), b"abcd")}))

    def tree(self) -> dict[str, str]:
        """Every file and link below the test's folder, with a hash of what it holds."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_symlink():
                found[str(path)] = os.readlink(path)
            elif path.is_file():
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                found[str(path)] = oct(path.stat().st_mode)
        return found

    def shrink_and_die(self) -> None:
        """What a resize to 3,8 leaves that is killed once the metadata is written."""
        metadata = json.loads(Path(self.array, "zarr.json").read_bytes())
        metadata["shape"] = [3, 8]
        self.write("g/a/zarr.json", json.dumps(metadata).encode())

    def test_repairs_what_verify_finds(self) -> None:
        group = self.path("g")
        self.assertEqual(
            self.ends(0, "repair", group)[-1], group + ": 0 findings, 0 repaired, 0 left"
        )
        self.shrink_and_die()
        before = self.cat(self.array)
        self.write("g/a/c/0/0.__lock", b"part")
        lines = self.ends(3, "verify", "--deep", group)
        edge = ": beyond the edge: holds elements outside the array's shape"
        outside = ": orphan: a chunk outside the array's shape"
        lock = ": debris: the lock of a writer, perhaps with a part of its value; nobody holds it"
        found = [
            "g/a/c/0/0" + edge,
            "g/a/c/0/0.__lock" + lock,
            "g/a/c/0/1" + edge,
            "g/a/c/1/0" + outside,
            "g/a/c/1/1" + outside,
        ]
        self.assertEqual(lines[:-1], found)
        report = json.loads(self.run_coffer("verify", "--deep", group, "--json").stdout)
        kinds = ["beyond-edge", "debris", "beyond-edge", "outside", "outside"]
        self.assertEqual([finding["kind"] for finding in report["findings"]], kinds)
        tree = self.tree()
        verbs = ["clear", "delete", "clear", "delete", "delete"]
        lines = self.ends(3, "repair", "--dry-run", group)
        planned = [f"would {verb}: {text}" for verb, text in zip(verbs, found, strict=True)]
        self.assertEqual(lines[:-1], planned)
        self.assertEqual(lines[-1], group + ": 5 findings, 5 to be repaired, 0 left")
        self.assertEqual(self.tree(), tree)
        lines = self.ends(0, "repair", group)
        done = [f"done ({verb}): {text}" for verb, text in zip(verbs, found, strict=True)]
        self.assertEqual(lines[:-1], done)
        self.assertEqual(lines[-1], group + ": 5 findings, 5 repaired, 0 left")
        self.assertEqual(self.cat(self.array), before)
        tree = self.tree()
        self.assertEqual(len(self.ends(0, "repair", group)), 1)
        self.assertEqual(len(self.ends(0, "verify", "--deep", group)), 1)
        self.assertEqual(self.tree(), tree)
        self.coffer("resize", self.array, "8,8")
        self.assertEqual(self.cat(self.array)[2], before[2] + bytes(2 * 5 * 8))

    def test_leaves_what_would_cost_data(self) -> None:
        shard = Path(self.array, "c/0/0")
        data = bytearray(shard.read_bytes())
        data[13] ^= 1
        shard.write_bytes(data)
        self.write("g/README", b"hello")
        lines = self.ends(3, "repair", self.path("g"))
        self.assertEqual(
            lines[0],
            "left (nobody knows whose it is (drop-foreign)): g/README: "
            "orphan: of no array or group",
        )
        self.assertTrue(
            lines[1].startswith(
                "left (its data would be lost (drop-damaged)): g/a/c/0/0: DataLoss: inner chunk 1: "
            ),
            lines[1],
        )
        self.assertEqual(shard.read_bytes(), bytes(data))
        self.assertIn("1 left", self.ends(3, "repair", "--drop-damaged", self.path("g"))[-1])
        lines = self.ends(0, "repair", "--drop-foreign", self.path("g"), "--json")
        report = json.loads(lines[0])
        self.assertEqual((report["num_planned"], report["num_done"], report["num_left"]), (0, 1, 0))
        item = report["items"][0]
        self.assertEqual(
            (item["key"], item["kind"], item["outcome"], item["action"]),
            ("g/README", "foreign", "done", "delete"),
        )
        self.ends(0, "verify", "--deep", self.path("g"))
        expected = npy("<u2", SHAPE)[-128:]
        got = self.cat(self.array)[2]
        dropped = [2 * (8 * row + column) for row in (0, 1) for column in (2, 3)]
        for at in range(0, 128, 2):
            wanted = b"\0\0" if at in dropped else expected[at : at + 2]
            self.assertEqual(got[at : at + 2], wanted, at)

    def test_shallow_reads_no_chunk(self) -> None:
        self.shrink_and_die()
        lines = self.ends(0, "repair", "--shallow", self.array)
        self.assertEqual([line.split(":")[0] for line in lines[:-1]], ["done (delete)"] * 2)
        self.assertIn("2 findings", self.ends(3, "verify", "--deep", self.array)[-1])

    def test_checkpoints(self) -> None:
        run = self.path("run")
        self.coffer("checkpoint", "save", self.model, run, "--step", "7", "--quiet")
        for name in (
            "7/data-0123456789abcdef/",
            "7.coffer-tmp-0123456789abcdef/data-00000000ffffffff/",
        ):
            os.makedirs(self.path("run/" + name))
            self.write(f"run/{name}checkpoint.json", b"x")
        lines = self.ends(3, "verify", run + "/7")
        found = [
            "run/7.coffer-tmp-0123456789abcdef/: orphan: 1 key of an unfinished save",
            "run/7/data-0123456789abcdef/: orphan: 1 key of an unfinished save",
        ]
        self.assertEqual(lines[:-1], found)
        self.ends(3, "repair", run + "/7")
        self.assertEqual(self.ends(3, "verify", run + "/7")[:-1], found)
        self.ends(0, "repair", run + "/7", "--drop-unfinished")
        self.ends(0, "verify", run + "/7")
        self.assertEqual(os.listdir(run), ["7"])

    def test_errors_and_usage(self) -> None:
        error = self.fails(1, "repair", self.path("none"))
        self.assertEqual(error, "NotFound: none: no array, group or checkpoint is there")
        self.assertIn("URL is required", self.fails(2, "repair"))


class Inside(CliTest):
    """Things inside other things: refused when made, one finding where they are; and what is
    damaged or no value hides nothing else."""

    def setUp(self) -> None:
        super().setUp()
        self.source = self.write("a.npy", npy("<u2", SHAPE))
        self.model = self.write("m.safetensors", safetensors({"w": ("U8", (4,), b"abcd")}))
        make_npz(self.path("m.npz"), {"b": npy("<u2", SHAPE)}, 0)
        self.group = self.path("g")
        self.coffer("import", self.path("m.npz"), self.group)
        self.coffer("import", self.source, self.group + "/a", *PLAIN)
        self.coffer("checkpoint", "save", self.model, self.group + "/ckpt", "--quiet")

    def test_nothing_is_made_inside(self) -> None:
        for inside, what in (
            (self.group + "/a/x", "array"),
            (self.group + "/ckpt/x", "checkpoint"),
        ):
            for command in (
                ["import", self.source, inside],
                ["import", self.path("m.npz"), inside],
                ["cp", self.group + "/b", inside],
                ["cp", self.group, inside],
                ["cp", self.group + "/ckpt", inside],
                ["checkpoint", "save", self.model, inside],
                ["checkpoint", "restore", self.group + "/ckpt", "-o", inside],
            ):
                error = self.fails(1, *command)
                place = os.path.relpath(os.path.dirname(inside), self.folder)
                self.assertEqual(
                    error,
                    f"FailedPrecondition: {place}/x: inside the {what} at "
                    f"file://{place}/, where nothing else can stand",
                    command,
                )
            self.assertFalse(os.path.exists(inside))

    def test_what_is_inside_is_one_thing(self) -> None:
        self.coffer("import", self.source, self.path("other"), *PLAIN)
        os.rename(self.path("other"), self.group + "/a/inner")
        self.assertEqual(self.lines("ls", self.group), ["a", "b", "ckpt/"])
        self.assertEqual(self.lines("ls", "-r", self.group), ["a", "b", "ckpt/"])
        rows = [json.loads(line) for line in self.lines("ls", "-r", self.group, "--json")]
        self.assertEqual([row["kind"] for row in rows], ["array", "array", "checkpoint"])
        done = self.run_coffer("verify", "--deep", self.group, "--json")
        self.assertEqual(done.returncode, 3)
        findings = json.loads(done.stdout)["findings"]
        self.assertEqual([finding["kind"] for finding in findings], ["inner-node"])
        self.assertTrue(findings[0]["key"].endswith("/g/a/inner/"))
        copied = self.run_coffer("cp", "--quiet", self.group, self.path("copy"))
        self.assertEqual(copied.returncode, 0)
        self.assertEqual(
            copied.stderr.decode().replace(str(self.folder), ""),
            "coffer: left out, to be copied by itself: 1 place, such as file:///g/ckpt/\n"
            "coffer: left out, inside an array: 1 node, such as file:///g/a/inner/\n",
        )
        self.assertEqual(self.lines("ls", "-r", self.path("copy")), ["a", "b"])
        self.coffer("rm", "-r", self.group + "/a/inner")
        self.coffer("verify", "--deep", self.group)

    def test_what_is_left_out_is_said_also_when_quiet(self) -> None:
        self.write("g/README", b"x")
        copied = self.run_coffer("cp", "-q", self.group, self.path("copy")).stderr.decode()
        self.assertEqual(
            copied.replace(str(self.folder), ""),
            "coffer: left out, of no array or group: 1 key, such as file:///g/README\n"
            "coffer: left out, to be copied by itself: 1 place, such as file:///g/ckpt/\n",
        )

    def test_ls_shows_damage_and_goes_on(self) -> None:
        self.write("g/a/zarr.json", b"{")
        done = self.run_coffer("ls", "-l", self.group)
        self.assertEqual(done.returncode, 1)
        lines = done.stdout.decode().splitlines()
        self.assertRegex(lines[0], r"^damaged +a +InvalidArgument: file://.*/g/a/zarr.json: ")
        self.assertRegex(lines[1], r"^uint16 +\d+ B +\[8,8\] +b$")
        error = done.stderr.decode().replace(str(self.folder) + "/", "")
        self.assertEqual(error, "coffer: DataLoss: g: 1 node is damaged\n")
        done = self.run_coffer("ls", "-l", self.group, "--json")
        rows = [json.loads(line) for line in done.stdout.decode().splitlines()]
        self.assertEqual([("error" in row) for row in rows], [True, False, False])
        self.assertEqual(self.lines("ls", self.group), ["a", "b", "ckpt/"])

    def test_a_name_that_is_taken_is_said(self) -> None:
        os.symlink("nowhere", self.path("link"))
        error = self.fails(1, "checkpoint", "save", self.model, self.path("link"))
        taken = "something without keys has this name, such as a link that leads"
        refused = (  # The POSIX twin follows none.
            "a symbolic link leads out of the store's root, or in a circle, "
            "or cannot be followed here"
        )
        self.assertTrue(taken in error or refused in error, error)

    def test_rm_takes_what_is_no_value(self) -> None:
        os.mkfifo(self.group + "/a/pipe")
        os.remove(self.group + "/a/c/0/0")
        os.mkfifo(self.group + "/a/c/0/0")
        done = self.run_coffer("repair", self.group + "/a", "--drop-damaged", "--drop-foreign")
        self.assertEqual(done.returncode, 3)
        self.assertIn("2 left", done.stdout.decode())
        self.coffer("rm", "-r", self.group)
        self.assertEqual(os.listdir(self.group), [])
