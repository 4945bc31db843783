"""Compares two safetensors files tensor by tensor: names, types, shapes, bytes.

With --resized a tensor may have another shape in the second file: the common part must be equal,
and what was padded must be zero. Standard library only; exit status 1 if anything differs.
"""

import json
import mmap
import struct
import sys
from pathlib import Path
from typing import NamedTuple


class Tensor(NamedTuple):
    """One tensor of a file: type, shape and bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: memoryview


def load(path: Path) -> dict[str, Tensor]:
    """Maps a file and returns its tensors by name."""
    with path.open("rb") as file:
        memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    (size,) = struct.unpack("<Q", memory[:8])
    header = json.loads(bytes(memory[8 : 8 + size]))
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = Tensor(
            entry["dtype"], tuple(entry["shape"]), memory[8 + size + begin : 8 + size + end]
        )
    return tensors


def resized_equal(a: Tensor, b: Tensor) -> bool:
    """Whether `b` is `a` cut and padded with zeros; only the first dimension may differ."""
    if a.dtype != b.dtype or len(a.shape) != len(b.shape) or a.shape[1:] != b.shape[1:]:
        return False
    common = min(len(a.data), len(b.data))
    return a.data[:common] == b.data[:common] and not any(b.data[common:])


def main(arguments: list[str]) -> int:
    """Prints what differs and a closing line."""
    resized = "--resized" in arguments
    first, second = (load(Path(name)) for name in arguments if not name.startswith("--"))
    differing = sorted(first.keys() ^ second.keys())
    changed = 0
    for name in first.keys() & second.keys():
        a, b = first[name], second[name]
        if resized and a.shape != b.shape:
            changed += 1
            print(f"  {name}: {list(a.shape)} -> {list(b.shape)}")
            equal = resized_equal(a, b)
        else:
            equal = (a.dtype, a.shape) == (b.dtype, b.shape) and a.data == b.data
        if not equal:
            differing.append(name)
    for name in differing:
        print(f"differs: {name}")
    total = sum(len(tensor.data) for tensor in second.values())
    print(
        f"{len(second)} tensors, {total:,} bytes: "
        + (f"{len(differing)} differ" if differing else "every byte equal")
        + (f", {changed} resized" if resized else "")
    )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
