"""What the tests of the command line share: running the binary, and reading and writing small files
of the formats it knows, with the standard library alone."""

import json
import math
import os
import signal
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import zipfile
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("COFFER") or os.environ.get("COFFER_BUILD", "build/dev") + "/bin/coffer"
BRAIN = Path("/usr/share/mricron/templates/ch2.nii.gz")

SIZES = {"|b1": 1, "|u1": 1, "<u2": 2, "<i2": 2, "<i4": 4, "<u4": 4, "<f4": 4, "<f8": 8, "<c16": 16}


def pattern(descr: str, shape: tuple[int, ...]) -> bytes:
    """Bytes that are all different for a while: what arrays in these tests hold."""
    size = math.prod(shape) * SIZES[descr]
    if descr == "|b1":
        return bytes(k % 3 == 0 for k in range(size))
    return bytes((k * 131 + k // 251) % 251 for k in range(size))


def npy(
    descr: str, shape: tuple[int, ...], data: bytes | None = None, fortran: bool = False
) -> bytes:
    """A .npy file."""
    header = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    data = pattern(descr, shape) if data is None else data
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def parse_npy(file: bytes) -> tuple[str, tuple[int, ...], bytes]:
    """Type, shape and bytes of a version 1 .npy file."""
    assert file[:8] == b"\x93NUMPY\x01\x00", file[:16]
    end = 10 + struct.unpack("<H", file[8:10])[0]
    text = file[10:end].decode().replace("'", '"').replace("(", "[").replace(")", "]")
    text = text.replace("False", "false").replace(",]", "]").replace(", }", "}")
    header = json.loads(text)
    assert header["fortran_order"] is False
    return header["descr"], tuple(header["shape"]), file[end:]


Tensor = tuple[str, tuple[int, ...], bytes]


def safetensors(tensors: Mapping[str, Tensor]) -> bytes:
    """A .safetensors file of name: (type, shape, bytes)."""
    header: dict[str, Any] = {"__metadata__": {"made": "by hand"}}
    at = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())


def parse_safetensors(file: bytes) -> tuple[dict[str, Tensor], Any]:
    """The tensors and the metadata of a .safetensors file."""
    end = 8 + struct.unpack("<Q", file[:8])[0]
    header = json.loads(file[8:end])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, stop = entry["data_offsets"]
        data = file[end + begin : end + stop]
        tensors[name] = (entry["dtype"], tuple(entry["shape"]), data)
    return tensors, metadata


class CliTest(unittest.TestCase):
    """A test with a folder of its own and the binary at hand."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="coffer-cli-")))
        self.environment = dict(os.environ)

    def path(self, name: str) -> str:
        """A path in the test's folder."""
        return str(self.folder / name)

    def write(self, name: str, data: bytes) -> str:
        """Writes a file into the test's folder and returns its path."""
        (self.folder / name).write_bytes(data)
        return self.path(name)

    def serve_with(self, handler: type[BaseHTTPRequestHandler]) -> str:
        """Starts a server of this process that ends with the test; its URL."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}"

    def serve_folder(self, folder: Path) -> str:
        """The same of a server of the files in a folder; folders themselves are nothing."""

        class Handler(SimpleHTTPRequestHandler):
            """Says nothing on standard error."""

            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments, directory=str(folder))

            def log_message(self, *_: Any) -> None:
                pass

            def list_directory(self, _: Any) -> None:
                self.send_error(404)

        return self.serve_with(Handler)

    def run_coffer(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        """Runs the binary and returns what it did."""
        command = [str(ROOT / BINARY), *arguments]
        options.setdefault("env", self.environment)
        return subprocess.run(command, capture_output=True, timeout=120, check=False, **options)

    def coffer(self, *arguments: str) -> bytes:
        """Runs the binary, which must succeed, and returns its standard output."""
        done = self.run_coffer(*arguments)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stderr.decode()}")
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """The same for a command that prints one JSON document."""
        return json.loads(self.coffer(*arguments, "--json"))

    def lines(self, *arguments: str) -> list[str]:
        """The same for a command that prints lines."""
        return self.coffer(*arguments).decode().splitlines()

    def fails(self, status: int, *arguments: str) -> str:
        """Runs the binary, which must fail with this status and one line; returns that line."""
        done = self.run_coffer(*arguments)
        text = done.stderr.decode()
        self.assertEqual(done.returncode, status, f"{arguments}: {text}")
        self.assertEqual(text.count("\n"), 1, text)
        self.assertTrue(text.startswith("coffer: "), text)
        return text[len("coffer: ") :].rstrip("\n").replace(str(self.folder) + "/", "")

    def ends(self, status: int, *arguments: str) -> list[str]:
        """Runs a command that ends with this status and says nothing on standard error."""
        done = self.run_coffer(*arguments)
        self.assertEqual((done.returncode, done.stderr), (status, b""), arguments)
        return done.stdout.decode().replace(f"file://{self.folder}/", "").splitlines()

    def cat(self, url: str, *arguments: str) -> tuple[str, tuple[int, ...], bytes]:
        """Type, shape and bytes of an array or a part of it."""
        return parse_npy(self.coffer("cat", url, "-o", "-", *arguments))


class InterruptingTest(CliTest):
    """A test that ends commands while they work."""

    patience = 100.0  # Seconds that an interrupted command may take to end.

    def interrupt(
        self, sign: str | int | Callable[[], bool], *arguments: str, how: int = signal.SIGINT
    ) -> tuple[int, str]:
        """Starts a command and sends it a signal once there is a sign that it works: files that
        match a pattern, so many bytes that it has read, or whatever a function says."""
        command = [str(ROOT / BINARY), *arguments]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=self.environment) as process:
            deadline = time.monotonic() + 60
            while not self.seen(sign, process.pid):
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    text = process.communicate()[1].decode()
                    self.fail(f"{arguments} gave no sign that it works: {text}")
                time.sleep(0.0005)
            process.send_signal(how)
            try:
                text = process.communicate(timeout=self.patience)[1].decode()
            except subprocess.TimeoutExpired:
                process.kill()
                self.fail(f"{arguments} did not end")
        return process.returncode, text.replace(str(self.folder) + "/", "")

    def seen(self, sign: str | int | Callable[[], bool], pid: int) -> bool:
        """Whether a sign is there."""
        if callable(sign):
            return sign()
        if isinstance(sign, str):
            return any(self.folder.glob(sign))
        for line in Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines():
            name, value = line.split(": ")
            if name == "rchar":
                return int(value) > sign
        return False


def make_npz(path: str, arrays: dict[str, bytes], compression: int) -> None:
    """A .npz file of .npy files."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in arrays.items():
            archive.writestr(name + ".npy", data)
