"""Cases of cli_test.py: no command tells a secret of the place that it is given, whatever it fails
for. Every command is run on URLs and specs that hold one, on a server that has nothing of the kind,
and on one that has an array and a group; no output of any has the secret."""

import json
from urllib.parse import urlsplit

from support import CliTest, make_npz, npy

CANARY = "cAnArY"
ONCE = {"attempts_max": 1, "connect_timeout": "2s", "retry_budget": "0s"}


def commands(place: str, file: str, local: str) -> list[list[str]]:
    """Every command on a place."""
    return [
        ["info", place],
        ["info", place, "--json"],
        ["ls", place],
        ["ls", "-l", place],
        ["ls", "-r", place, "--json"],
        ["cat", place, "-o", "-"],
        ["view", place, "-o", local + ".pgm"],
        ["cp", place, local],
        ["cp", file, place],
        ["cp", local + ".zarr", place],
        ["cp", place, place],
        ["import", file, place],
        ["import", place, local],
        ["attrs", place],
        ["attrs", place, "none"],
        ["attrs", place, "a=1"],
        ["resize", place, "3"],
        ["rm", place],
        ["rm", "-r", place],
        ["verify", place],
        ["verify", place, "--json"],
        ["repair", place],
        ["repair", place, "--json"],
        ["bench", place],
        ["checkpoint", "info", place],
        ["checkpoint", "info", place, "--step", "3"],
        ["checkpoint", "tree", place],
        ["checkpoint", "list", place],
        ["checkpoint", "save", file, place],
        ["checkpoint", "save", file, place, "--step", "3"],
        ["checkpoint", "restore", place, local],
        ["checkpoint", "restore", local, place],
        ["info", "a", place],  # One argument too many.
        [place],
    ]


class Secrets(CliTest):
    """Places with a secret, given to every command."""

    def setUp(self) -> None:
        super().setUp()
        for name in [name for name in self.environment if name.startswith("AWS_")]:
            del self.environment[name]
        self.environment |= {
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": CANARY,
            "AWS_SESSION_TOKEN": CANARY,
            "AWS_REGION": "us-east-1",
            "HOME": str(self.folder),
        }
        make_npz(self.path("g.npz"), {"x": npy("<i4", (5, 6))}, 0)
        self.coffer("import", self.path("g.npz"), self.path("served/g"))
        self.file = self.write("a.npy", npy("<i4", (5, 6)))
        self.coffer("import", self.file, self.path("local.zarr"))
        self.root = self.serve_folder(self.folder / "served")
        self.host = urlsplit(self.root).netloc
        self.environment["AWS_ENDPOINT_URL"] = self.root

    def tell_nothing(self, place: str) -> None:
        """Runs every command on a place that has the canary."""
        self.assertIn(CANARY, place)
        told = []
        for arguments in commands(place, self.file, self.path("local")):
            done = self.run_coffer(*arguments, cwd=self.folder)
            output = (done.stdout + done.stderr).decode(errors="replace")
            if CANARY.lower() in output.lower():
                told.append((arguments[:2], output))
        self.assertEqual(told, [])

    def test_in_a_query(self) -> None:
        for name in ("none", "g", "g/x"):
            self.tell_nothing(f"{self.root}/{name}?token={CANARY}")

    def test_in_the_query_of_what_has_adapters(self) -> None:
        self.tell_nothing(f"{self.root}/g/x?token={CANARY}|zarr3:")
        self.tell_nothing(f"{self.root}/none?token={CANARY}|zip:a/|zarr3:")

    def test_in_a_user(self) -> None:
        self.tell_nothing(f"http://user:{CANARY}@{self.host}/g")
        self.tell_nothing(f"http://user:a/{CANARY}@{self.host}/g")
        self.tell_nothing(f"http://h:{CANARY}/g")
        self.tell_nothing(f"file://user:{CANARY}@h/g")

    def test_in_an_s3_url(self) -> None:
        self.tell_nothing(f"s3://AKID:{CANARY}@bucket/x")
        self.tell_nothing(f"s3://AKID:a/{CANARY}@bucket/x")
        self.tell_nothing(f"s3://AKID%3A{CANARY}%40bucket/x")
        self.tell_nothing(f"s3://bucket?secret={CANARY}")

    def test_in_a_spec(self) -> None:
        http = {"driver": "http", "base_url": self.root, "network": ONCE}
        headers = [f"Authorization: Bearer {CANARY}"]
        for path in ("none", "g", "g/x"):
            self.tell_nothing(json.dumps(http | {"path": path, "headers": headers}))
        store = http | {"path": "g/x", "headers": headers}
        self.tell_nothing(json.dumps({"driver": "zarr3", "kvstore": store}))
        self.tell_nothing(json.dumps({"driver": "zip", "base": store, "path": "a"}))
        url = f"{self.root}/none?token={CANARY}"
        self.tell_nothing(json.dumps({"driver": "zarr3", "kvstore": url}))
        self.tell_nothing(json.dumps(http | {"base_url": url, "path": "x"}))

    def test_in_a_spec_that_is_wrong(self) -> None:
        http = {"driver": "http", "base_url": self.root, "path": "g"}
        header = f"Authorization: {CANARY}"
        self.tell_nothing(json.dumps(http | {"headers": {"Authorization": CANARY}}))
        self.tell_nothing(json.dumps(http | {"header": [header]}))
        self.tell_nothing(json.dumps(http | {"headers": [CANARY]}))
        text = json.dumps(http | {"headers": [header]})
        for broken in (text[:-1], text[:-3], text.replace(CANARY, CANARY + "\\q"), text + "{"):
            self.tell_nothing(broken)

    def test_in_a_spec_of_a_bucket(self) -> None:
        s3 = {"driver": "s3", "bucket": "bucket", "path": "x", "network": ONCE}
        self.tell_nothing(json.dumps(s3 | {"aws_credentials": CANARY}))
        self.tell_nothing(json.dumps(s3 | {"aws_credentials": {"secret_access_key": CANARY}}))
        self.tell_nothing(json.dumps(s3 | {"aws_credentials": {"type": CANARY}}))
        self.tell_nothing(json.dumps(s3 | {"encryption": {"customer_key": CANARY}}))
        self.tell_nothing(json.dumps(s3 | {"endpoint": f"http://u:{CANARY}@{self.host}"}))
        self.tell_nothing(json.dumps(s3 | {"endpoint": f"{self.root}/?t={CANARY}"}))
        self.tell_nothing(json.dumps(s3 | {"bucket": f"AKID:{CANARY}@bucket"}))
