"""Goal: TensorStore and coffer write one key, and one shard, at the same time, and nothing is lost.

Method: two processes of each. Every one owns a slot of the key (or rows of the array), which it
reads, checks and raises by one under the condition that nothing changed; a slot that holds another
number than its owner wrote last is a lost write. The ends are checked by zarr-python and by sum.
TensorStore's delete_range removes the locks of living writers, too: there a writer is stopped while
it holds one, and a third writer, which follows the protocol, takes the next. COFFER_SOAK multiplies
the rounds.
"""

import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore as ts
import zarr

TOOL = Path(os.environ.get("COFFER_BUILD", "build/dev")) / "bin" / "mixed_writers_tool"
ROUNDS = 25 * int(os.environ.get("COFFER_SOAK", "1"))
WRITERS = 4  # Every other one is TensorStore.
F_OFD_SETLK = 37  # Linux; Python 3.11 has no name for it.
SHAPE, SHARD, CHUNK = [16, 24], [8, 24], [4, 8]


def ts_key(spec: str, slot: int, rounds: int) -> None:
    """Raises a slot of the key "slots"."""
    store = ts.KvStore.open(json.loads(spec)).result()
    done = 0
    while done < rounds:
        read = store.read("d/slots").result()
        slots = [int(each) for each in read.value.split()]
        assert slots[slot] == done, f"slot {slot} holds {slots[slot]}, not {done}"
        slots[slot] += 1
        text = " ".join(map(str, slots)).encode()
        stamp = store.write("d/slots", text, if_equal=read.stamp.generation).result()
        done += 1 if stamp.generation else 0


def ts_array(path: str, writer: int, rounds: int) -> None:
    """Raises the rows of one writer."""
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/"}}
    array = ts.open(spec).result()
    for value in range(rounds):
        for i in range(writer, SHAPE[0], WRITERS):
            row = array[i].read().result()
            assert np.all(row == value), f"row {i} holds {row}, not {value}"
            array[i].write(np.full(SHAPE[1], value + 1, np.uint32)).result()


def run_all(work: str, place: str) -> None:
    """All writers at once; each exits with 0."""
    processes = []
    for writer in range(WRITERS):
        numbers = [str(writer), str(ROUNDS)]
        if writer % 2 == 0:
            command = [sys.executable, __file__, work, place, *numbers]
        elif work == "key":
            command = [str(TOOL), work, place, *numbers]
        else:
            command = [str(TOOL), work, place, numbers[0], str(WRITERS), numbers[1]]
        processes.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    for process in processes:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors


def left_over(place: Path) -> list[str]:
    """Locks and temporaries."""
    return [str(path) for path in place.rglob("*.__lock")]


@pytest.mark.parametrize("mode", ["os", "lockfile"])
def test_one_key(tmp_path: Path, mode: str) -> None:
    """Every increment of every process counts, in both modes of locking that both know."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "slots").write_text("0 " * WRITERS, encoding="utf-8")
    spec = {"driver": "file", "path": f"{tmp_path}/", "file_io_locking": {"mode": mode}}
    run_all("key", json.dumps(spec))
    slots = (tmp_path / "d" / "slots").read_text(encoding="utf-8").split()
    assert slots == [str(ROUNDS)] * WRITERS
    assert left_over(tmp_path) == []


def stop_while_it_writes(command: list[str], lock: Path) -> subprocess.Popen[str]:
    """A writer that has its lock, has written into it, and has not yet published."""
    for _ in range(50):
        writer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while writer.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                if lock.stat().st_size > 0:
                    break
        writer.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, writer.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if lock.exists():
            return writer
        writer.send_signal(signal.SIGCONT)  # It was quicker.
        writer.communicate(timeout=60)
    raise AssertionError("it was quicker fifty times")


@pytest.mark.parametrize("mode", ["os", "lockfile"])
def test_a_deleter_removes_a_lock_in_use(tmp_path: Path, mode: str) -> None:
    """While a writer stands still TensorStore deletes, and the next writer is half done."""
    spec = {
        "driver": "file",
        "path": f"{tmp_path}/",
        "file_io_sync": False,
        "file_io_locking": {"mode": mode},
    }
    store = ts.KvStore.open(spec).result()
    store.write("d/value", b"old").result()
    place = tmp_path / "d"
    lock = place / "value.__lock"
    size = 64 << 20
    writer = stop_while_it_writes([str(TOOL), "value", json.dumps(spec), str(size)], lock)
    store.delete_range(ts.KvStore.KeyRange("d/", "d0")).result()
    assert left_over(tmp_path) == []  # It takes locks that are held.
    place.mkdir(exist_ok=True)
    with lock.open("xb", buffering=0) as third:
        if mode == "os":
            whole_file = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
            fcntl.fcntl(third, F_OFD_SETLK, whole_file)
        third.write(b"half of ")
        writer.send_signal(signal.SIGCONT)
        seen = {store.read("d/value").result().value for _ in range(2000)}
        assert seen == {b""}
        assert writer.poll() is None
        third.write(b"the third's")
        lock.rename(place / "value")
        assert store.read("d/value").result().value[:1] in (b"h", b"A")
    _, errors = writer.communicate(timeout=60)
    assert writer.returncode == 0, errors
    assert store.read("d/value").result().value == b"A" * size
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("location", ["end", "start"])
def test_one_sharded_array(tmp_path: Path, location: Any) -> None:
    """Rows of one shard that belong to different processes."""
    path = tmp_path / "array"
    array = zarr.create_array(
        store=str(path),
        shape=SHAPE,
        dtype="uint32",
        chunks=CHUNK,
        shards={"shape": SHARD, "index_location": location},
    )
    array[...] = 0
    run_all("array", str(path))
    assert np.all(zarr.open_array(str(path), mode="r")[...] == ROUNDS)
    assert left_over(path) == []


if __name__ == "__main__":
    {"key": ts_key, "array": ts_array}[sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:5]))
