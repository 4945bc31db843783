"""Goal: TensorStore and coffer write one key, and one shard, at the same time, and nothing is lost.

Method: two processes of each. Every one owns a slot of the key (or rows of the array), which it
reads, checks and raises by one under the condition that nothing changed; a slot that holds another
number than its owner wrote last is a lost write. The ends are checked by zarr-python and by sum.
Beside a TensorStore that deletes, which removes the locks of living writers, too, coffer's writers
write values of one repeated byte, and every value that is read must be one. (TensorStore's own
writers do publish torn values then.) COFFER_SOAK multiplies the rounds.
"""

import json
import os
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


@pytest.mark.parametrize("mode", ["os", "lockfile"])
def test_values_beside_a_deleter(tmp_path: Path, mode: str) -> None:
    """No torn value is ever read while TensorStore's delete_range removes locks in use."""
    spec = {
        "driver": "file",
        "path": f"{tmp_path}/",
        "file_io_sync": False,
        "file_io_locking": {"mode": mode, "acquire_timeout": "20s"},
    }
    store = ts.KvStore.open(spec).result()
    command = [str(TOOL), "values", json.dumps(spec)]
    writers = [
        subprocess.Popen([*command, str(i), str(4 * ROUNDS)], stderr=subprocess.PIPE, text=True)
        for i in range(3)
    ]
    values = deletes = 0
    while any(writer.poll() is None for writer in writers):
        if values % 3 == 2 or deletes == 0:
            store.delete_range(ts.KvStore.KeyRange("d/", "d0")).result()
            deletes += 1
        value = store.read("d/value").result().value
        assert value == value[:1] * len(value), f"{len(value)} bytes, torn"
        assert len(value) % (1 << 20) == 0, f"{len(value)} bytes, torn"
        values += 1
    for writer in writers:
        _, errors = writer.communicate()
        assert writer.returncode == 0, errors
    assert min(values, deletes) > 20
    assert ts.KvStore.open(spec).result().write("d/value", b"end").result().generation
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
