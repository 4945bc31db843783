"""Cases of cli_test.py: every command on s3 URLs, on the real servers of scripts/with-servers; and
what a wrong secret, a missing bucket and a server that is down are called. No output of any of them
holds the secret."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from support import BINARY, InterruptingTest, make_npz, npy, parse_safetensors, pattern, safetensors

SHAPE = (9, 14)
DATA = pattern("<i4", SHAPE)
PATIENCE = {"attempts_max": 2, "retry_budget": "1s", "connect_timeout": "1s"}


class S3Test(InterruptingTest):
    """A test on a real server, with a prefix of its own."""

    server = "VERSITYGW"

    def setUp(self) -> None:
        super().setUp()
        for name in [name for name in self.environment if name.startswith("AWS_")]:
            del self.environment[name]
        self.secret = self.variable("S3_SECRET_KEY")
        self.environment |= {
            "AWS_ENDPOINT_URL_S3": self.variable(self.server),
            "AWS_REGION": self.variable("S3_REGION"),
            "AWS_ACCESS_KEY_ID": self.variable("S3_ACCESS_KEY"),
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(self.folder),
        }
        self.bucket = self.variable("S3_BUCKET")
        self.root = f"s3://{self.bucket}/{self.folder.name}"
        self.array = self.write("a.npy", npy("<i4", SHAPE, DATA))

    def variable(self, name: str) -> str:
        """One of the variables of tests/servers/README.md."""
        text = os.environ.get(f"COFFER_TEST_{name}", "")
        if not text:
            why = f"COFFER_TEST_{name} is not set (scripts/with-servers)"
            if os.environ.get("CI") == "true":
                self.fail(why)
            print(f"SKIPPED: {type(self).__name__}: {why}")
            self.skipTest(why)
        return text

    def run_coffer(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        done = super().run_coffer(*arguments, **options)
        for secret in (self.secret, self.environment.get("AWS_SECRET_ACCESS_KEY", self.secret)):
            self.assertNotIn(secret.encode(), done.stdout + done.stderr)
        return done


class S3OnVersitygw(S3Test):
    """On files below, as on a campus."""

    def names(self, *arguments: str) -> list[str]:
        """What ls prints."""
        return [line.rstrip("/") for line in self.lines("ls", *arguments)]

    def test_memory_is_that_of_the_budget(self) -> None:
        if b"__asan_init" in Path(BINARY).read_bytes():
            self.skipTest("ASan keeps freed memory")
        shape = (48, 1024, 1024)  # 192 MiB in 48 shards, which no codec makes smaller.
        array = self.write("large.npy", npy("<u4", shape, os.urandom(4 << 20) * 48))
        layout = ["--chunk-shape", "16,64,64", "--shard-shape", "16,256,256", "--codec", "none"]
        for options in (["import", array], ["cp", f"{self.root}/large0"]):
            url = f"{self.root}/large{int(options[0] == 'cp')}"
            arguments = [*options, url, *layout, "--budget", "16M", "--threads", "8"]
            done = self.run_coffer(*arguments, "--stats", "--json", "--quiet")
            self.assertEqual(done.returncode, 0, done.stderr)
            stats = json.loads(done.stderr.decode().splitlines()[-1])
            self.assertLessEqual(stats["peak_memory_bytes"], (16 + 40) << 20)

    def test_arrays(self) -> None:
        for layout in (
            ["--chunk-shape", "4,5"],
            ["--chunk-shape", "2,5", "--shard-shape", "4,10"],
            ["--zarr-format", "2", "--chunk-shape", "4,5"],
        ):
            url = f"{self.root}/a{len(layout)}-{layout[1]}"
            self.coffer("import", self.array, url, *layout, "--stats")
            info = self.json("info", url)
            self.assertEqual((info["shape"], info["data_type"]), (list(SHAPE), "int32"))
            self.assertEqual(info["stored_chunks"], 6 if "--shard-shape" in layout else 9)
            self.assertEqual(self.cat(url), ("<i4", SHAPE, DATA))
            row = self.cat(url, "--region", "3,2:9")
            self.assertEqual(row, ("<i4", (7,), DATA[4 * (3 * 14 + 2) : 4 * (3 * 14 + 9)]))
            ones = self.write("part.npy", npy("<i4", (3, 3), b"\1\0\0\0" * 9))
            self.coffer("import", ones, url, "--at", "3,4")
            self.assertEqual(self.cat(url, "--region", "4,3:8")[2], self.around(4, 3, 8))
            self.coffer("attrs", url, 'unit="mm"')
            self.assertEqual(json.loads(self.coffer("attrs", url)), {"unit": "mm"})
            self.coffer("resize", url, "4,5")
            self.assertEqual(self.json("info", url)["shape"], [4, 5])
            self.assertEqual(self.json("info", url)["stored_chunks"], 1)
            self.coffer("resize", url, "9,14")
            grown = self.cat(url)[2]
            self.assertEqual(grown[:20], DATA[:20])
            self.assertEqual(grown[20:56], bytes(36))
            self.assertIn(": 0 findings", self.lines("verify", url, "--deep")[-1])
            path = url.removeprefix(f"s3://{self.bucket}/") + "/inner"
            inner = json.dumps({"driver": "s3", "bucket": self.bucket, "path": path})
            self.coffer("import", self.array, inner)  # Nobody looks above a spec.
            self.assertIn("/inner/", self.fails(1, "rm", url))
            self.assertEqual(self.cat(url + "/inner")[2], DATA)
            self.coffer("rm", url + "/inner")
            self.coffer("rm", url)
            self.assertIn("NotFound", self.fails(1, "info", url))

    @staticmethod
    def around(row: int, begin: int, end: int) -> bytes:
        """A row of DATA whose columns 4 to 6 are ones."""
        elements = [DATA[4 * (row * 14 + j) : 4 * (row * 14 + j) + 4] for j in range(begin, end)]
        return b"".join(
            b"\1\0\0\0" if begin + k in (4, 5, 6) else e for k, e in enumerate(elements)
        )

    def test_groups_between_stores(self) -> None:
        arrays = {"a": npy("<i4", SHAPE, DATA), "b": npy("<u2", (5, 7))}
        make_npz(self.path("g.npz"), arrays, 0)
        here, there, again = self.path("g"), f"{self.root}/g", f"{self.root}/again"
        self.coffer("import", self.path("g.npz"), here, "--chunk-shape", "4,4")
        self.coffer("attrs", here + "/a", "k=[1,2]")
        self.coffer("cp", here, there)
        self.assertEqual(self.names(self.root), ["g"])
        self.assertEqual(self.names(there), ["a", "b"])
        self.coffer("cp", there, again, "--chunk-shape", "3,3", "--shard-shape", "6,6")
        self.assertEqual(self.json("info", again + "/a")["shard_shape"], [6, 6])
        self.coffer("cp", again, self.path("back"))
        for place in (there, again, self.path("back")):
            self.assertEqual(self.cat(place + "/a"), ("<i4", SHAPE, DATA))
            self.assertEqual(self.cat(place + "/b"), ("<u2", (5, 7), pattern("<u2", (5, 7))))
            self.assertEqual(json.loads(self.coffer("attrs", place + "/a")), {"k": [1, 2]})
            self.assertIn(": 0 findings", self.lines("verify", place, "--deep")[-1])
        keys = self.names("-r", self.root)
        self.assertEqual(len([key for key in keys if "/c/" in key]), 12 + 4 + 6 + 2)
        self.assertIn("again/b/zarr.json", keys)
        error = self.fails(1, "cp", here, there)
        self.assertIn("AlreadyExists", error)
        self.assertIn("-r deletes it", self.fails(1, "rm", again))
        self.coffer("rm", "-r", again)
        self.assertEqual(self.names(self.root), ["g"])
        self.assertIn("NotFound", self.fails(1, "ls", again))

    def test_checkpoints(self) -> None:
        tensors = {
            "embed.weight": ("F32", (10, 4), pattern("<f4", (10, 4))),
            "embed.bias": ("BF16", (10,), pattern("<u2", (10,))),
            "position": ("I32", (6, 3), pattern("<i4", (6, 3))),
        }
        source = self.write("model.safetensors", safetensors(tensors))
        run = f"{self.root}/run"
        self.coffer("checkpoint", "save", source, f"{run}/9", "--quiet")
        self.coffer("checkpoint", "save", self.array_file(), f"{run}/10", "--quiet")
        steps = [line.split()[0] for line in self.lines("checkpoint", "ls", run)]
        self.assertEqual(steps, ["9", "10"])
        self.assertIn("AlreadyExists", self.fails(1, "checkpoint", "save", source, f"{run}/9"))
        self.assertEqual(self.names(f"{run}/9"), sorted(tensors))
        out = self.path("out.safetensors")
        self.coffer("checkpoint", "restore", run, "--step", "9", "-o", out)
        self.assertEqual(parse_safetensors(Path(out).read_bytes())[0], tensors)
        self.coffer("checkpoint", "restore", run, "-o", self.path("newest.npz"))
        self.coffer("checkpoint", "restore", f"{run}/9", "-o", f"{self.root}/group")
        self.assertEqual(self.cat(f"{self.root}/group/position")[2], tensors["position"][2])
        self.assertIn(": 0 findings", self.lines("checkpoint", "verify", f"{run}/9", "--deep")[-1])
        # From store to store, and back.
        for source, destination in (
            (f"{run}/9", self.path("copy")),
            (self.path("copy"), f"{self.root}/copy"),
            (f"{self.root}/copy", f"{self.root}/copy2"),
        ):
            self.coffer("cp", source, destination)
            self.coffer("checkpoint", "restore", destination, "-o", out)
            self.assertEqual(parse_safetensors(Path(out).read_bytes())[0], tensors)
        self.coffer("rm", "-r", f"{run}/9")
        steps = [line.split()[0] for line in self.lines("checkpoint", "ls", run)]
        self.assertEqual(steps, ["10"])

    def test_checkpoints_between_two_services(self) -> None:
        tensors = {"w": ("F32", (10, 4), pattern("<f4", (10, 4)))}
        source = self.write("model.safetensors", safetensors(tensors))
        places = []
        for server in ("VERSITYGW", "MINIO"):
            spec = {"driver": "s3", "bucket": self.bucket, "path": f"{self.folder.name}/two/7"}
            places.append(json.dumps(spec | {"endpoint": self.variable(server)}))
        here, there = places
        self.coffer("checkpoint", "save", source, here)
        self.assertIn("no array, group or checkpoint", self.fails(1, "info", there))
        self.coffer("cp", here, there)
        out = self.path("out.safetensors")
        for place in places:
            self.assertEqual(self.json("info", place)["kind"], "checkpoint")
            self.assertEqual(self.names(place), ["w"])
            self.assertIn(": 0 findings", self.lines("verify", place, "--deep")[-1])
            self.assertIn(": 0 findings", self.lines("checkpoint", "verify", place)[-1])
            steps = place.replace("/two/7", "/two")
            self.coffer("checkpoint", "restore", steps, "--step", "7", "-o", out)
            self.assertEqual(parse_safetensors(Path(out).read_bytes())[0], tensors)
            rows = [line.split()[0] for line in self.lines("checkpoint", "ls", steps)]
            self.assertEqual(rows, ["7"])
            self.coffer("rm", "-r", place)

    def array_file(self) -> str:
        """Another thing to save."""
        make_npz(self.path("other.npz"), {"a": npy("<i4", SHAPE, DATA)}, 0)
        return self.path("other.npz")

    def test_a_wrong_secret(self) -> None:
        url = f"{self.root}/a"
        self.coffer("import", self.array, url)
        self.environment["AWS_SECRET_ACCESS_KEY"] = "not" + self.secret
        for command in (
            ["info", url],
            ["cat", url, "-o", "-"],
            ["ls", self.root],
            ["rm", url],
            ["import", self.array, url + "2"],
            ["resize", url, "2,2"],
        ):
            error = self.fails(1, *command)
            self.assertTrue(error.startswith("PermissionDenied: s3://"), error)
            self.assertIn("SignatureDoesNotMatch", error)
        del self.environment["AWS_SECRET_ACCESS_KEY"]
        error = self.fails(1, "info", url)
        self.assertIn("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set", error)

    def test_an_unknown_user(self) -> None:
        # versitygw answers 404, which must not read as "missing".
        url = f"{self.root}/a"
        self.coffer("import", self.array, url)
        self.environment["AWS_ACCESS_KEY_ID"] = "NOBODY"
        code = {"MINIO": "InvalidAccessKeyId", "VERSITYGW": "XAdminUserNotFound"}[self.server]
        for command in (["cat", url, "-o", "-"], ["ls", self.root], ["import", self.array, url]):
            error = self.fails(1, *command)
            self.assertTrue(error.startswith("PermissionDenied: "), error)
            self.assertIn(code, error)

    def test_no_such_bucket(self) -> None:
        url = f"s3://{self.bucket}-none/a"
        for command in (
            ["info", url],
            ["ls", url],
            ["rm", "-r", url],
            ["verify", url],
            ["import", self.array, url],
            ["checkpoint", "ls", url],
        ):
            error = self.fails(1, *command)
            self.assertTrue(error.startswith("NotFound: "), error)
            self.assertIn("NoSuchBucket", error)
        self.assertIn("is no name of a bucket", self.fails(1, "info", "s3://a/b"))

    def spec(self, **members: Any) -> str:
        """A place as JSON."""
        kvstore = {"driver": "s3", "bucket": self.bucket, "path": f"{self.folder.name}/j/"}
        return json.dumps({"driver": "zarr3", "kvstore": kvstore | members})

    def test_specs(self) -> None:
        self.coffer("import", self.array, self.spec(aws_region="us-east-1"))
        self.assertEqual(self.cat(f"{self.root}/j"), ("<i4", SHAPE, DATA))
        self.assertEqual(self.cat(f"{self.root}/j|zarr3:"), ("<i4", SHAPE, DATA))
        profile = (
            "aws_access_key_id={AWS_ACCESS_KEY_ID}\naws_secret_access_key={AWS_SECRET_ACCESS_KEY}"
        )
        self.write("credentials", f"[me]\n{profile.format(**self.environment)}\n".encode())
        self.environment["AWS_SHARED_CREDENTIALS_FILE"] = self.path("credentials")
        del self.environment["AWS_ACCESS_KEY_ID"]
        del self.environment["AWS_SECRET_ACCESS_KEY"]
        mine = self.spec(aws_credentials={"type": "profile", "profile": "me"})
        self.assertEqual(self.cat(mine), ("<i4", SHAPE, DATA))
        error = self.fails(1, "info", self.spec(aws_credentials={"type": "anonymous"}))
        self.assertIn("PermissionDenied", error)
        for name in ("aws_access_key_id", "secret_access_key"):
            error = self.fails(1, "info", self.spec(**{name: self.secret}))
            self.assertIn(name, error)

    def test_a_server_that_is_down(self) -> None:
        for command in (["info"], ["cat", "-o", "-"], ["attrs"], ["verify"], ["rm"]):
            down = self.spec(endpoint="http://127.0.0.1:1", network=PATIENCE)
            error = self.fails(1, command[0], down, *command[1:])
            self.assertTrue(error.startswith("Unavailable: s3://"), error)
            self.assertIn("Couldn't connect to server (2 attempts)", error)
        error = self.fails(1, "import", self.array, down)
        self.assertTrue(error.startswith("Unavailable: s3://"), error)
        # The environment's endpoint, too, is only spoken to by TLS if it is another machine.
        self.environment["AWS_ENDPOINT_URL_S3"] = "http://192.0.2.1"
        self.assertIn("not sent without TLS", self.fails(1, "info", f"{self.root}/a"))


class S3OnMinio(S3OnVersitygw):
    """On objects, as S3 has them."""

    server = "MINIO"
