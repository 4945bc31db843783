"""The elements that cells store: made, or read from what `make demo` fetches."""

import gzip
import json
import math
import struct
from pathlib import Path

import numpy as np

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
