"""The elements that cells store: made, or read from what `make demo` fetches."""

import gzip
import json
import math
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compare.cells import Cell

ROOM_LEFT = 16 << 20  # For what else lies there.
DEMO = Path(".cache/demo")
FILES = {"brain": DEMO / "brain.nii.gz", "weights": DEMO / "model.safetensors"}


def synthetic(shape: tuple[int, ...], dtype: str, out: np.memmap) -> None:
    """A smooth field with 4 bits of noise, of any rank, slab by slab."""
    dice = np.random.default_rng(7)
    axes = [np.linspace(0, 3 * math.pi, extent, dtype=np.float32) for extent in shape]
    rest: np.ndarray = np.zeros(shape[1:], np.float32)
    for d, axis in enumerate(axes[1:]):
        view = [1] * len(shape[1:])
        view[d] = shape[d + 1]
        rest = rest + np.sin(axis * np.float32(d + 0.7)).reshape(view)
    slab = max(1, (1 << 24) // max(1, math.prod(shape[1:])))
    top = {"uint8": 64, "uint16": 9000, "float32": 1.0}[dtype]
    for begin in range(0, shape[0], slab):
        first = np.cos(axes[0][begin : begin + slab]).reshape(-1, *[1] * (len(shape) - 1))
        field = (first + rest + np.float32(len(shape))) * np.float32(top / len(shape))
        noise = dice.integers(0, 16, field.shape, dtype=np.uint8)
        if dtype == "float32":
            out[begin : begin + slab] = field + noise.astype(np.float32) / 4096
        else:
            out[begin : begin + slab] = field.astype(dtype) + noise.astype(dtype)


def brain(out: np.memmap) -> None:
    """Debian's ch2 volume (NIfTI-1, uint8), which stands in Fortran order."""
    raw = gzip.decompress(FILES["brain"].read_bytes())
    dims = struct.unpack("<8h", raw[40:56])
    offset = int(struct.unpack("<f", raw[108:112])[0])
    volume = np.frombuffer(raw, np.uint8, math.prod(dims[1:4]), offset)
    out[...] = volume.reshape(dims[1:4], order="F")


def weights(out: np.memmap) -> None:
    """The embedding matrix of the demo's model: the largest of its tensors."""
    raw = np.memmap(FILES["weights"], np.uint8, "r")
    length = int(raw[:8].view("<u8")[0])
    header = json.loads(bytes(raw[8 : 8 + length]))
    (begin, end) = next(
        tensor["data_offsets"]
        for name, tensor in header.items()
        if name != "__metadata__" and tuple(tensor["shape"]) == out.shape
    )
    out[...] = raw[8 + length + begin : 8 + length + end].view("<f4").reshape(out.shape)


def is_there(data: str) -> bool:
    """Whether it can be made; real data is fetched by scripts/demo-data."""
    return data not in FILES or FILES[data].exists()


def make_source(data: str, shape: tuple[int, ...], dtype: str, path: Path) -> np.memmap:
    """Writes the elements to a file and returns them, open for changes that its readers see."""
    out: np.memmap = np.memmap(path, dtype=dtype, mode="w+", shape=shape)
    if data == "synthetic":
        synthetic(shape, dtype, out)
    else:
        {"brain": brain, "weights": weights}[data](out)
    return out


def with_room(folders: Iterable[Path], size: int) -> Path:
    """The first folder that holds a file of so many bytes; OSError if none does.

    Who maps a file and finds no room for a page of it is killed, and could tell nobody.
    """
    found = []
    for folder in folders:
        if os.access(folder, os.W_OK):
            stat = os.statvfs(folder)
            room = stat.f_bavail * stat.f_frsize
            if room >= size + ROOM_LEFT:
                return folder
            found.append(f"{folder} has {room >> 20} MiB")
    raise OSError(f"no room for a source of {size >> 20} MiB: {', '.join(found)}")


class Sources:
    """One source at a time, made once for cells in a row that share it.

    It lies in the first of the folders that has the room.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._made: tuple[Any, ...] = ()
        self._path: Path | None = None
        self._source: np.memmap | None = None

    def of(self, cell: Cell) -> np.memmap:
        """Of a cell that has one. OSError if there is no room, or its data cannot be read."""
        wanted = (cell.data, cell.shape, cell.dtype)
        if self._source is None or wanted != self._made:
            self.close()
            folder = with_room(self._folders, cell.bytes)
            self._path = folder / f"coffer-bench-{os.getpid()}.raw"
            self._source = make_source(*wanted, self._path)
            self._made = wanted
        return self._source

    def close(self) -> None:
        """Removes it; nobody else may still hold it, or its room is not given back."""
        self._source = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)
