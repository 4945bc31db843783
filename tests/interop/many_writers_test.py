"""Eight processes write interleaved parts of the same chunks and shards, or append to the same
array, with every rename delayed by a random time; zarr-python finds that nothing was lost.

COFFER_SOAK multiplies the rounds (5: the 50 of the issue)."""

import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.codecs import BytesCodec, Crc32cCodec, ShardingCodec, ZstdCodec

TOOL = Path(os.environ.get("COFFER_BUILD", "build/dev")) / "bin" / "many_writers_tool"
WRITERS = 8
ROUNDS = 10 * int(os.environ.get("COFFER_SOAK", "1"))
INNER = [BytesCodec(), ZstdCodec(level=1), Crc32cCodec()]


def run_all(what: str, path: Path, number: int) -> None:
    """Runs the writers at once; all must succeed."""
    seed = int(time.time())
    print(f"seeds from {seed}")
    running = [
        subprocess.Popen(
            [TOOL, what, path, str(w), str(number), str(seed + w)], stderr=subprocess.PIPE
        )
        for w in range(WRITERS)
    ]
    errors = [process.communicate()[1].decode() for process in running]
    assert errors == [""] * WRITERS
    assert [process.returncode for process in running] == [0] * WRITERS


def make(path: Path, shape: tuple[int, ...], chunk: tuple[int, ...], location: str | None) -> None:
    """An array of chunks of this shape, or (with an index location) of shards of 4 x 4 of them."""
    if location is None:
        codecs = INNER
        outer = chunk
    else:
        codecs = [ShardingCodec(chunk_shape=chunk, codecs=INNER, index_location=location)]
        outer = (*(4 * extent for extent in chunk[:-1]), chunk[-1])
    zarr.create_array(
        zarr.storage.LocalStore(path),
        shape=shape,
        chunks=outer,
        dtype="uint32",
        serializer=codecs[0],
        compressors=codecs[1:],
        fill_value=0,
    )


@pytest.mark.parametrize("location", [None, "start", "end"])
def test_nothing_is_lost(location: str | None, tmp_path: Path) -> None:
    """Every element was written once, by one of the processes."""
    shape = (ROUNDS, 32, 16)
    make(tmp_path / "a", shape, (4, 16, 16) if location is None else (1, 4, 16), location)
    run_all("write", tmp_path / "a", WRITERS)
    found = zarr.open_array(tmp_path / "a", mode="r")[...]
    expected = np.arange(1, np.prod(shape) + 1, dtype="uint32").reshape(shape)
    assert np.array_equal(found, expected), f"{np.sum(found != expected)} elements are lost"


@pytest.mark.parametrize("location", [None, "end"])
def test_appends_get_ranges_of_their_own(location: str | None, tmp_path: Path) -> None:
    """Each append stands whole, in one place, in the order of its writer."""
    make(tmp_path / "a", (0, 16), (8, 16), location)
    run_all("append", tmp_path / "a", ROUNDS)
    found = zarr.open_array(tmp_path / "a", mode="r")[...]
    assert (found == found[:, :1]).all()
    column = found[:, 0].tolist()
    runs = [value for i, value in enumerate(column) if i == 0 or column[i - 1] != value]
    expected = [w * 1000 + n + 1 for w in range(WRITERS) for n in range(ROUNDS)]
    assert sorted(runs) == expected
    for value in expected:
        writer, n = divmod(value - 1, 1000)
        assert column.count(value) == 1 + (writer + n) % 3
    for w in range(WRITERS):
        own = [value for value in runs if value // 1000 == w]
        assert own == sorted(own)
