"""Cases of cli_test.py: commands that are interrupted while a server says nothing, and so would not
end for minutes. Servers are this process's own: one is silent to all, the other gives an array's
metadata and keeps its chunks to itself."""

import os
import threading
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

from support import InterruptingTest, make_npz, npy, safetensors


class SilentServers(InterruptingTest):
    """An interruption ends every command, whoever is silent, and leaves what was there."""

    patience = 20.0  # Without help each would take two minutes.

    def setUp(self) -> None:
        super().setUp()
        self.asked = threading.Event()
        self.over = threading.Event()
        self.root = self.serve(lambda path: False)
        for name in [name for name in self.environment if name.startswith("AWS_")]:
            del self.environment[name]
        self.environment |= {
            "AWS_ENDPOINT_URL_S3": self.root,
            "AWS_REGION": "r",
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
        }
        self.file = self.write("in.npy", npy("|u1", (64, 64)))
        self.model = self.write("m.safetensors", safetensors({"w": ("U8", (4,), b"abcd")}))
        self.array = self.path("a.zarr")
        self.coffer("import", self.file, self.array, "--chunk-shape", "16,16")
        self.coffer("checkpoint", "save", self.model, self.path("ckpt"), "--quiet")
        make_npz(self.path("g.npz"), {"a": npy("|u1", (4, 4))}, 0)
        self.coffer("import", self.path("g.npz"), self.path("g"))

    def serve(self, answers: Any) -> str:
        """Starts a server of the test's folder that answers only for some paths."""
        case = self

        class Handler(SimpleHTTPRequestHandler):
            """Silent until the test is over."""

            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=str(case.folder))

            def log_message(self, *_: Any) -> None:
                pass

            def parse_request(self) -> bool:
                parsed = super().parse_request()
                if parsed and not answers(self.path):
                    case.asked.set()
                    case.over.wait(120)
                    self.close_connection = True
                    return False
                return parsed

        url = self.serve_with(Handler)
        self.addCleanup(self.over.set)
        return url

    def expect_cancelled(self, begin: str, *arguments: str) -> None:
        """Interrupts a command that the silent server was asked by; it must say so alone."""
        self.asked.clear()
        status, text = self.interrupt(self.asked.is_set, *arguments)
        self.assertEqual(status, 1, (arguments, text))
        self.assertTrue(text.startswith(f"coffer: Cancelled: {begin}"), (arguments, text))
        self.assertEqual(text.count("\n"), 1, text)

    def test_servers_that_never_answer(self) -> None:
        before = sorted(os.listdir(self.folder))
        here = self.path("new")
        there = "s3://bucket/deep/below/a"
        for command in (
            ["cat", self.root + "/a.zarr", "-o", here],
            ["verify", self.root + "/a.zarr"],
            ["cp", self.root + "/a.zarr", here],
            ["cp", there, here],
            ["cp", self.array, there],
            ["cp", "--resume", self.array, there],
            ["cp", self.path("g"), there],
            ["cp", self.path("ckpt"), there],
            ["import", self.file, there],
            ["import", self.file, there, "--at", "0,0"],
            ["repair", there],
            ["bench", there, "--size", "1M"],
            ["checkpoint", "save", self.model, there],
            ["checkpoint", "restore", self.root + "/ckpt", "-o", here + ".npz"],
            ["checkpoint", "restore", self.path("ckpt"), "-o", there],
        ):
            self.expect_cancelled("", *command)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_chunks_that_do_not_come(self) -> None:
        root = self.serve(lambda path: "/c/" not in path)
        copy = self.path("copy")
        self.expect_cancelled("copy holds a part of the copy: ", "cp", root + "/a.zarr", copy)
        out = self.write("out.npy", b"old")
        self.expect_cancelled("out.npy is as it was: ", "cat", root + "/a.zarr", "-o", out)
        self.assertEqual(Path(out).read_bytes(), b"old")
        self.coffer("cp", "--resume", self.array, copy)
        self.assertEqual(self.cat(copy), self.cat(self.array))
