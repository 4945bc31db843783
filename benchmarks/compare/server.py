"""The S3 server of cells whose arrays lie in a bucket: MinIO, as scripts/with-servers started it.

Workers find it as any program finds S3: by the AWS variables of their environment, which name the
server itself, or a proxy before it that delays each request and counts them (FaultProxy of the
tests). What is done outside the clock goes to the server itself.
"""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.compare.process import ProgramError

AT_ONCE = 8  # So many objects show what the server gives.
GETS = 3  # So often; the first is dropped.
PROXY_SECONDS = 60
#: Of scripts/with-servers.
VARIABLES = (
    "COFFER_TEST_MINIO",
    "COFFER_TEST_S3_BUCKET",
    "COFFER_TEST_S3_REGION",
    "COFFER_TEST_S3_ACCESS_KEY",
    "COFFER_TEST_S3_SECRET_KEY",
)


def process_of(port: int) -> int:
    """Whose process listens on a port of 127.0.0.1; 0 if nobody's that we may look at."""
    here = f"{int.from_bytes(socket.inet_aton('127.0.0.1'), sys.byteorder):08X}:{port:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1] == here and row[3] == "0A"}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # It has ended, or is another user's.
            if os.readlink(link) in sockets:
                return int(link.parts[2])
    return 0


class Proxy:
    """Stands before the server until it is closed; `url` is its address."""

    def __init__(self, build: Path, server: str, latency_ms: int) -> None:
        program = str(build / "bin/fault_proxy_tool")
        address = server.removeprefix("http://")
        self._process = subprocess.Popen(
            [program, address, "--latency-ms", str(latency_ms)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        if not port:
            self._process.communicate()
            raise ProgramError(f"{program}: ended with status {self._process.returncode}")
        self.url = f"http://127.0.0.1:{port}"

    def close(self) -> dict[str, int]:
        """Ends it; how many requests came, by their methods."""
        try:
            said, _ = self._process.communicate(timeout=PROXY_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise ProgramError(f"the proxy did not end in {PROXY_SECONDS} s") from None
        counted: dict[str, int] = json.loads(said)["by_method"]
        return counted


class Server:
    """The server that the variables of with-servers name; OSError if they name none."""

    def __init__(self) -> None:
        try:
            self.url, self.bucket, *credentials = [os.environ[name] for name in VARIABLES]
        except KeyError as missing:
            raise OSError(f"no server: {missing} is not set (scripts/with-servers)") from None
        self._stat = Path(f"/proc/{process_of(int(self.url.rpartition(':')[2]))}/stat")
        names = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        self._credentials = dict(zip(names, credentials, strict=True))

    def processor(self) -> float:
        """How much processor time it has used, in seconds."""
        ticks = self._stat.read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def environment(self, url: str = "") -> dict[str, str]:
        """What a program needs that is to find it, behind a proxy or not."""
        return {
            "AWS_ENDPOINT_URL_S3": url or self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            **self._credentials,
        }

    def _store(self, url: str = "") -> Any:
        from obstore.store import S3Store  # noqa: PLC0415  Only here: tests run without it.

        return S3Store(
            self.bucket,
            endpoint=url or self.url,
            region=self._credentials["AWS_REGION"],
            access_key_id=self._credentials["AWS_ACCESS_KEY_ID"],
            secret_access_key=self._credentials["AWS_SECRET_ACCESS_KEY"],
            client_options={"allow_http": True, "timeout": "300s"},
        )

    def remove(self, prefix: str) -> None:
        """Removes all objects below a prefix."""
        import obstore  # noqa: PLC0415

        store = self._store()
        for page in obstore.list(store, prefix):
            obstore.delete(store, [found["path"] for found in page])

    def stored(self, prefix: str) -> int:
        """How many bytes lie below a prefix."""
        import obstore  # noqa: PLC0415

        pages = obstore.list(self._store(), prefix)
        return sum(found["size"] for page in pages for found in page)

    def rates(self, size: int, url: str = "") -> dict[str, float]:
        """GB/s of the server itself by obstore, in objects of that size, AT_ONCE at once."""
        import obstore  # noqa: PLC0415

        store = self._store(url)
        value = os.urandom(size)
        names = [f"rates/{number}" for number in range(AT_ONCE)]

        def put(name: str) -> None:
            obstore.put(store, name, value, use_multipart=False)

        def get(name: str) -> None:
            if len(obstore.get(store, name).bytes()) != size:
                raise ProgramError(f"{name}: the server gave another size")

        found = {}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for verb, call, count in (("PUT", put, 1), ("GET", get, GETS)):
                seconds = []
                for _ in range(count):
                    begin = time.perf_counter()
                    list(pool.map(call, names))
                    seconds.append(time.perf_counter() - begin)
                found[verb] = AT_ONCE * size / 1e9 / statistics.median(seconds[-GETS + 1 :])
        self.remove("rates")
        return found
