"""Goal: processes that write parts of the same shards and chunks in a bucket of a real S3 server
lose nothing, through a network that answers 5 % of the requests with 503 and loses 5 % of the
answers; also beside TensorStore, whose s3 driver keeps to the same conditions.

Method: every process owns rows, of which it reads a part, compares it with what was acknowledged,
and writes it anew with a larger number: runs of a row, all its rows, every third element. In the
end every element is what its owner was told last: for coffer, TensorStore and zarr-python, which
read the bucket without the proxy. COFFER_SOAK multiplies the rounds.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from command import BIN, COFFER, coffer
from s3_peers import SERVERS, Server, all_environment, server_named, ts_open

SOAK = int(os.environ.get("COFFER_SOAK", "1"))
SHAPE = [24, 40]
LAYOUTS: dict[str, Any] = {
    "chunks": {"chunks": [12, 20]},
    "shards": {"chunks": [4, 8], "shards": [12, 24]},
    "index-first": {"chunks": [4, 8], "shards": {"shape": [12, 24], "index_location": "start"}},
}


@contextmanager
def faulty(server: Server, seed: int) -> Iterator[Server]:
    """The server behind a proxy, which must have had something to do."""
    address = server.endpoint.removeprefix("http://")
    options = ["--fail-503", "0.05", "--lose-response", "0.05", "--seed", str(seed)]
    with subprocess.Popen(
        [BIN / "fault_proxy_tool", address, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as proxy:
        assert proxy.stdout
        port = int(proxy.stdout.readline())
        yield replace(server, endpoint=f"http://127.0.0.1:{port}")
        said, _ = proxy.communicate()
    told = json.loads(said)
    print(told)
    assert proxy.returncode == 0
    assert min(told["failed_503"], told["lost_responses"]) > 10


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Each of the servers."""
    return server_named(request.param, monkeypatch)


def make(server: Server, prefix: str, layout: Any) -> None:
    """An array of zeros that are not stored."""
    zarr.create_array(
        server.store(prefix), shape=SHAPE, dtype="uint32", fill_value=0, overwrite=True, **layout
    )


def start(server: Server, *command: str | Path) -> subprocess.Popen[str]:
    """A process that speaks to this server."""
    return subprocess.Popen(
        [*map(str, command)], env=all_environment(server), stderr=subprocess.PIPE, text=True
    )


def finish(processes: list[subprocess.Popen[str]]) -> None:
    """All must succeed, without a word."""
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert errors == [""] * len(processes)
    assert [process.returncode for process in processes] == [0] * len(processes)


def check(server: Server, prefix: str, expected: Any, folder: Path) -> None:
    """Everybody sees these elements."""
    coffer("cat", server.url(prefix), "-o", folder / "all.npy")
    for name, found in {
        "coffer": np.load(folder / "all.npy"),
        "TensorStore": ts_open(server, prefix, False).read().result(),
        "zarr-python": zarr.open_array(server.store(prefix), mode="r")[...],
    }.items():
        lost = np.argwhere(found != expected)
        assert len(lost) == 0, f"{name}: {len(lost)} elements, the first at {lost[0]}"
    done = subprocess.run(
        [COFFER, "verify", "--deep", server.url(prefix)],
        capture_output=True,
        text=True,
        check=False,
    )
    # The answer to the beginning of an upload was lost, and with it the upload's name.
    findings = done.stdout.splitlines()[:-1]
    assert all(": debris: an upload begun at 20" in line for line in findings), done


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_is_lost(server: Server, layout: str, tmp_path: Path) -> None:
    """Four processes of coffer."""
    make(server, layout, LAYOUTS[layout])
    writers, rounds = 4, 40 * SOAK
    seed = int(time.time())
    print(f"seeds from {seed}")
    outs = [tmp_path / f"{writer}.raw" for writer in range(writers)]
    with faulty(server, seed) as proxy:
        tool: list[Any] = [BIN / "mixed_writers_tool", "parts", proxy.url(layout)]
        finish(
            [
                start(proxy, *tool, str(w), str(writers), str(rounds), outs[w], str(seed + w))
                for w in range(writers)
            ]
        )
    told = [np.fromfile(out, np.uint32).reshape(SHAPE) for out in outs]
    assert all(np.count_nonzero(each) > 0 for each in told)
    check(server, layout, sum(told[1:], told[0]), tmp_path)


def write_by_tensorstore(server: Server, prefix: str, writer: int, writers: int, n: int) -> None:
    """Raises its rows by one, n times."""
    array = ts_open(server, prefix, False)
    for value in range(n):
        for i in range(writer, SHAPE[0], writers):
            row = array[i].read().result()
            assert np.all(row == value), f"row {i} holds {row}, not {value}"
            array[i].write(np.full(SHAPE[1], value + 1, np.uint32)).result()


@pytest.mark.parametrize("layout", ["chunks", "shards"])
def test_beside_tensorstore(server: Server, layout: str, tmp_path: Path) -> None:
    """Two processes of coffer, behind the proxy, and TensorStore, which is not. What it writes has
    no write id, so that coffer cannot tell what became of a write of which it lost the answer."""
    prefix = f"mixed-{layout}"
    make(server, prefix, LAYOUTS[layout])
    rounds = 6 * SOAK
    with faulty(server, rounds) as proxy:
        tool: list[Any] = [BIN / "mixed_writers_tool", "array", proxy.url(prefix)]
        processes = [start(proxy, *tool, str(w), "3", str(rounds)) for w in range(2)]
        command = [sys.executable, __file__, server.name, prefix, "2", "3", str(rounds)]
        finish([*processes, start(server, *command)])
    check(server, prefix, np.full(SHAPE, rounds, np.uint32), tmp_path)


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        write_by_tensorstore(
            server_named(sys.argv[1], patch), sys.argv[2], *map(int, sys.argv[3:6])
        )
