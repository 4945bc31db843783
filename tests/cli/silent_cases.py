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
        self.over = threading.Event()
        for name in [name for name in self.environment if name.startswith("AWS_")]:
            del self.environment[name]
        self.environment |= {
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

    def serve(self, answers: Any) -> tuple[str, threading.Event]:
        """Starts a server of the test's folder that answers only for some paths: its URL, and what
        is set when it is asked for another."""
        case, asked = self, threading.Event()

        class Handler(SimpleHTTPRequestHandler):
            """Silent until the test is over."""

            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=str(case.folder))

            def log_message(self, *_: Any) -> None:
                pass

            def parse_request(self) -> bool:
                parsed = super().parse_request()
                if parsed and not answers(self.path):
                    asked.set()
                    case.over.wait(120)
                    self.close_connection = True
                    return False
                return parsed

        url = self.serve_with(Handler)
        self.addCleanup(self.over.set)
        return url, asked

    def expect_cancelled(self, answers: Any, begin: str, *arguments: str) -> None:
        """Interrupts a command that asks a silent server, SERVER; it must say so alone. Each has a
        server of its own, which hears nothing of what the one before has asked."""
        url, asked = self.serve(answers)
        self.environment["AWS_ENDPOINT_URL_S3"] = url
        arguments = tuple(argument.replace("SERVER", url) for argument in arguments)
        status, text = self.interrupt(asked.is_set, *arguments)
        self.assertEqual(status, 1, (arguments, text))
        self.assertTrue(text.startswith(f"coffer: Cancelled: {begin}"), (arguments, text))
        self.assertEqual(text.count("\n"), 1, text)

    def test_servers_that_never_answer(self) -> None:
        before = sorted(os.listdir(self.folder))
        here = self.path("new")
        there = "s3://bucket/deep/below/a"
        for command in (
            ["cat", "SERVER/a.zarr", "-o", here],
            ["verify", "SERVER/a.zarr"],
            ["cp", "SERVER/a.zarr", here],
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
            ["checkpoint", "restore", "SERVER/ckpt", "-o", here + ".npz"],
            ["checkpoint", "restore", self.path("ckpt"), "-o", there],
        ):
            self.expect_cancelled(lambda path: False, "", *command)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_chunks_that_do_not_come(self) -> None:
        copy, out = self.path("copy"), self.write("out.npy", b"old")
        for begin, *command in (
            ["copy holds a part of the copy: ", "cp", "SERVER/a.zarr", copy],
            ["out.npy is as it was: ", "cat", "SERVER/a.zarr", "-o", out],
        ):
            self.expect_cancelled(lambda path: "/c/" not in path, begin, *command)
        self.assertEqual(Path(out).read_bytes(), b"old")
        self.coffer("cp", "--resume", self.array, copy)
        self.assertEqual(self.cat(copy), self.cat(self.array))
