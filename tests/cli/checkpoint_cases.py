"""Cases of cli_test.py: saving, restoring and showing checkpoints, copying and removing them."""

import json
import os
import zipfile
from pathlib import Path

from support import (
    CliTest,
    make_npz,
    npy,
    parse_npy,
    parse_safetensors,
    pattern,
    safetensors,
)

SHAPE = (5, 7, 9)
DATA = pattern("<i4", SHAPE)


class Checkpoints(CliTest):
    """save, restore, tree, info, ls, verify; and cp and rm of a checkpoint."""

    def setUp(self) -> None:
        super().setUp()
        self.tensors = {
            "embed.weight": ("F32", (10, 4), pattern("<f4", (10, 4))),
            "embed.bias": ("BF16", (10,), pattern("<u2", (10,))),
            "position": ("I32", (6, 3), pattern("<i4", (6, 3))),
        }
        self.source = self.write("model.safetensors", safetensors(self.tensors))
        self.url = self.path("ckpt")
        self.coffer("checkpoint", "save", self.source, self.url)

    def restore(self, *arguments: str) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
        """Restores into a safetensors file and returns its tensors."""
        out = self.path("out.safetensors")
        self.coffer("checkpoint", "restore", self.url, "-o", out, *arguments)
        return parse_safetensors(Path(out).read_bytes())[0]

    def test_round_trip(self) -> None:
        self.assertEqual(self.restore(), self.tensors)
        self.assertEqual(self.restore("--budget", "1"), self.tensors)
        self.coffer("checkpoint", "restore", self.url, "-o", self.path("out.npz"), "--only", "pos*")
        with zipfile.ZipFile(self.path("out.npz")) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(archive.namelist(), ["position.npy"])
            read = parse_npy(archive.read("position.npy"))
        self.assertEqual(read, ("<i4", (6, 3), self.tensors["position"][2]))

    def test_batches(self) -> None:
        large = {
            name: ("U8", (700_000,), pattern("|u1", (700,)) * 1000) for name in ("a", "b", "c")
        }
        self.url = self.path("large")
        source = self.write("large.safetensors", safetensors(large))
        self.coffer("checkpoint", "save", source, self.url)
        self.assertEqual(self.restore("--budget", "1"), large)

    def test_what_is_not_saved_is_said(self) -> None:
        tensors = {"a": ("F8_E4M3", (3,), b"abc"), "b": ("U8", (1,), b"d")}
        source = self.write("f8.safetensors", safetensors(tensors))
        arguments = ["checkpoint", "save", source, self.path("f8")]
        note = self.run_coffer(*arguments).stderr.decode().splitlines()[1]
        self.assertIn(
            "f8.safetensors: not saved: 1 text of __metadata__; the float8 types of 1 array", note
        )
        # It is no remark but a loss, so it is said also when quiet.
        done = self.run_coffer(*arguments, "--force", "--quiet")
        self.assertEqual((done.returncode, done.stderr.decode().splitlines()), (0, [note]))
        # What coffer itself notes there about types is kept.
        make_npz(self.path("c.npz"), {"c": npy("<c16", (2,))}, 0)
        self.coffer("checkpoint", "save", self.path("c.npz"), self.path("c"))
        whole = self.path("c.safetensors")
        self.coffer("checkpoint", "restore", self.path("c"), "-o", whole)
        done = self.run_coffer("checkpoint", "save", whole, self.path("c2"))
        self.assertNotIn("not saved", done.stderr.decode())

    def test_save_from_npz(self) -> None:
        make_npz(
            self.path("m.npz"), {"x": npy("<i4", SHAPE), "a/y": npy(">u2", (2,), b"\1\2\3\4")}, 8
        )
        self.coffer("checkpoint", "save", self.path("m.npz"), self.path("c2"))
        self.url = self.path("c2")
        expected = {"x": ("I32", SHAPE, DATA), "a/y": ("U16", (2,), b"\2\1\4\3")}
        self.assertEqual(self.restore(), expected)

    def test_shapes(self) -> None:
        weight = self.tensors["embed.weight"][2]
        position = self.tensors["position"][2]
        shapes = ["--shape", "embed.weight=12,4", "--shape", "position=2,3"]
        got = self.restore(*shapes, "--pad", "--truncate")
        self.assertEqual(got["embed.weight"], ("F32", (12, 4), weight + bytes(32)))
        self.assertEqual(got["position"], ("I32", (2, 3), position[:24]))
        out = self.path("out.safetensors")
        os.unlink(out)
        group = self.path("group")
        for place in (out, group):
            for allowed in ([], ["--truncate"]):
                arguments = ["checkpoint", "restore", self.url, "-o", place, *shapes[:2], *allowed]
                self.assertEqual(
                    self.fails(1, *arguments),
                    'InvalidArgument: ckpt: "embed.weight": stored shape [10, 4] does not match '
                    "the wanted [12, 4]; this needs --pad",
                )
        both = ["--shape", "position=2,9"]
        error = self.fails(1, "checkpoint", "restore", self.url, "-o", group, *both, "--pad")
        self.assertIn("; this needs --pad --truncate", error)
        self.assertFalse(os.path.exists(group))
        huge = ["--shape", "position=9223372036854775807,3", "--pad"]
        error = self.fails(1, "checkpoint", "restore", self.url, "-o", out, *huge)
        self.assertIn("more bytes than 2^63", error)
        arguments = ["checkpoint", "restore", self.url, "-o", out, "--shape", "none=2"]
        self.assertIn('--shape names no array that is restored: "none"', self.fails(1, *arguments))
        self.assertFalse(os.path.exists(out))

    def test_only(self) -> None:
        self.assertEqual(sorted(self.restore("--only", "embed.*")), ["embed.bias", "embed.weight"])
        error = self.fails(
            1, "checkpoint", "restore", self.url, "-o", self.path("x.npz"), "--only", "none*"
        )
        self.assertIn('--only "none*" matches no leaf', error)

    def test_into_a_group(self) -> None:
        group = self.path("group")
        self.coffer("checkpoint", "restore", self.url, "-o", group)
        self.assertEqual(self.lines("ls", group), sorted(self.tensors))
        self.assertEqual(self.cat(group + "/position")[2], self.tensors["position"][2])

    def test_info_and_tree(self) -> None:
        info = self.json("checkpoint", "info", self.url)
        self.assertEqual((info["kind"], info["arrays"], info["bytes"]), ("checkpoint", 3, 252))
        self.assertEqual(self.json("info", self.url), info)
        leaves = [json.loads(x) for x in self.lines("checkpoint", "tree", self.url, "--json")]
        self.assertEqual(
            {leaf["name"]: (leaf["data_type"], tuple(leaf["shape"])) for leaf in leaves},
            {
                "embed.weight": ("float32", (10, 4)),
                "embed.bias": ("bfloat16", (10,)),
                "position": ("int32", (6, 3)),
            },
        )
        text = self.coffer("checkpoint", "tree", self.url).decode()
        self.assertRegex(text, r"\n  embed\.weight +float32 +\[10, 4\] +160 B +\d+ B +[\d.]+x\n")
        self.assertIn("  3 values, 252 B in ", text)
        self.assertEqual(sorted(self.lines("ls", self.url)), sorted(self.tensors))

    def test_steps(self) -> None:
        run = self.path("run")
        for step in (5, 100, 20):
            self.coffer("checkpoint", "save", self.source, run, "--step", str(step))
        rows = [json.loads(line) for line in self.lines("checkpoint", "ls", run, "--json")]
        self.assertEqual([row["step"] for row in rows], [5, 20, 100])
        self.assertEqual(self.json("checkpoint", "info", run)["url"], run + "/100")
        self.assertEqual(self.json("checkpoint", "info", run, "--step", "20")["url"], run + "/20")
        self.assertIn(
            "no checkpoint of step 7", self.fails(1, "checkpoint", "info", run, "--step", "7")
        )
        self.url = run
        self.assertEqual(self.restore("--step", "5"), self.tensors)
        self.assertIn(
            "no complete checkpoint", self.fails(1, "checkpoint", "info", self.path("no"))
        )

    def test_a_damaged_step_hides_no_other(self) -> None:
        run = self.path("run")
        for step in (5, 20, 100):
            self.coffer("checkpoint", "save", self.source, run, "--step", str(step))
        self.write("run/20/commit", b"{}")
        rows = [json.loads(line) for line in self.lines("checkpoint", "ls", run, "--json")]
        self.assertEqual([row["step"] for row in rows], [5, 20, 100])
        self.assertEqual(["error" in row for row in rows], [False, True, False])
        self.assertIn("DataLoss", rows[1]["error"])
        self.assertRegex(self.lines("checkpoint", "ls", run)[1], "^ 20  damaged: DataLoss: ")
        self.url = run
        self.assertEqual(self.restore(), self.tensors)
        self.assertEqual(self.restore("--step", "5"), self.tensors)
        self.assertIn("20/commit", self.fails(1, "checkpoint", "info", run, "--step", "20"))
        for command in (["checkpoint", "verify", run, "--step", "20"], ["verify", run + "/20"]):
            done = self.run_coffer(*command)
            self.assertEqual((done.returncode, done.stderr), (3, b""))
        self.coffer("rm", "-r", run + "/100")
        self.assertIn("20/commit", self.fails(1, "checkpoint", "info", run))
        self.coffer("rm", "-r", run + "/20")
        self.assertEqual(self.json("checkpoint", "info", run)["url"], run + "/5")

    def test_existing_checkpoints_are_kept_unless_forced(self) -> None:
        other = self.write("b.safetensors", safetensors({"z": ("U8", (2,), b"ab")}))
        self.assertIn("AlreadyExists", self.fails(1, "checkpoint", "save", other, self.url))
        self.assertEqual(self.restore(), self.tensors)
        self.coffer("checkpoint", "save", other, self.url, "--force")
        self.assertEqual(self.restore(), {"z": ("U8", (2,), b"ab")})
        single = self.write("s.npy", npy("<i4", SHAPE))
        error = self.fails(1, "checkpoint", "save", single, self.path("x"))
        self.assertIn("a checkpoint is made of named arrays", error)

    def test_verify(self) -> None:
        self.assertIn("0 findings", self.lines("checkpoint", "verify", "--deep", self.url)[-1])
        self.assertIn("0 findings", self.lines("verify", "--deep", self.url)[-1])
        files = [
            p for p in Path(self.url).rglob("*") if p.is_file() and "/c" in str(p)[len(self.url) :]
        ]
        largest = max(files, key=lambda p: p.stat().st_size)
        data = bytearray(largest.read_bytes())
        data[5] ^= 1
        largest.write_bytes(data)
        done = self.run_coffer("checkpoint", "verify", "--deep", self.url)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(b"DataLoss", done.stdout)
        error = self.fails(1, "checkpoint", "restore", self.url, "-o", self.path("x.safetensors"))
        self.assertIn("DataLoss", error)
        self.assertNotIn("x.safetensors", os.listdir(self.folder))

    def test_cp_and_rm(self) -> None:
        copy = self.path("copy")
        # What a killed copy leaves, beside the place or in it, is no obstacle.
        for name in ("copy", "copy.coffer-tmp-0123456789abcdef"):
            os.makedirs(self.path(name + "/data-0123456789abcdef"))
            self.write(name + "/data-0123456789abcdef/checkpoint.json", b"{}")
        self.coffer("cp", self.url, copy)
        found = self.run_coffer("verify", copy)
        self.assertEqual(found.returncode, 3)
        self.assertIn(b"data-0123456789abcdef/: orphan: 1 key of an unfinished", found.stdout)
        self.coffer("rm", "-r", copy + "/data-0123456789abcdef")
        self.coffer("rm", "-r", self.path("copy.coffer-tmp-0123456789abcdef"))
        self.assertIn("0 findings", self.lines("verify", copy)[-1])
        self.assertIn("AlreadyExists", self.fails(1, "cp", self.url, copy))
        self.assertIn(
            "copied as it is", self.fails(1, "cp", self.url, self.path("d"), "--codec", "none")
        )
        self.assertIn("a checkpoint; -r deletes", self.fails(1, "rm", self.url))
        self.coffer("rm", "-r", self.url)
        self.assertIn("no complete checkpoint", self.fails(1, "checkpoint", "info", self.url))
        self.url = copy
        self.assertEqual(self.restore(), self.tensors)
