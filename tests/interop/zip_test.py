"""Zip archives that zarr-python's ZipStore writes: coffer reads every array and group in them, of
both formats, sharded or not, however the archive is compressed."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import zarr
from command import coffer

SHAPE = (50, 61)


def cat(place: str, folder: Path) -> np.ndarray:
    """An array as coffer reads it."""
    coffer("cat", place, "-o", folder / "out.npy")
    return np.load(folder / "out.npy")


@pytest.mark.parametrize("compression", ["STORED", "DEFLATED"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zip_store(zarr_format: int, compression: str, tmp_path: Path) -> None:
    """A group of two arrays, written chunk by chunk, so that the archive has names twice."""
    path = tmp_path / "a.zip"
    values: np.ndarray = np.arange(SHAPE[0] * SHAPE[1], dtype="f4").reshape(SHAPE)
    with zarr.storage.ZipStore(
        path, mode="w", compression=getattr(zipfile, f"ZIP_{compression}")
    ) as store:
        group = zarr.create_group(store, zarr_format=zarr_format, path="g")
        plain = group.create_array("plain", shape=SHAPE, chunks=(20, 20), dtype="f4", fill_value=3)
        plain[:40] = values[:40]
        if zarr_format == 3:
            sharded = group.create_array(
                "sharded", shape=SHAPE, chunks=(10, 10), shards=(40, 40), dtype="f4"
            )
            sharded[:] = values
    expected = values.copy()
    expected[40:] = 3
    place = f"file://{path}|zip:g/"
    names = [line.split()[0] for line in coffer("ls", place).splitlines()]
    assert names == (["plain", "sharded"] if zarr_format == 3 else ["plain"])
    assert np.array_equal(cat(place + f"plain/|zarr{zarr_format}:", tmp_path), expected)
    if zarr_format == 3:
        assert np.array_equal(cat(place + "sharded/", tmp_path), values)
        coffer("cat", place + "sharded/", "--region", "3:5,7", "-o", tmp_path / "part.npy")
        assert np.array_equal(np.load(tmp_path / "part.npy"), values[3:5, 7])


def test_an_array_at_the_root(tmp_path: Path) -> None:
    """The archive itself is the array."""
    values: np.ndarray = np.arange(24, dtype="u2").reshape(4, 6)
    with zarr.storage.ZipStore(tmp_path / "a.zip", mode="w") as store:
        zarr.create_array(store, data=values, chunks=(2, 3))
    assert np.array_equal(cat(f"{tmp_path}/a.zip|zip:", tmp_path), values)
