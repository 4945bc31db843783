"""What a peer must be able to do to take part in the comparison.

To add one: a file in this folder with a class like the others, and a line in PEERS of worker.py.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from benchmarks.compare.job import Job

SMALL_SIDE = 20  # Elements along each side of a small array, float32.
GATHERED = 32
TREE_CODEC = "zstd 3"  # What checkpoints of coffer have, if they are not told otherwise,
TREE_CHUNK = 1 << 20  # and in chunks
TREE_SHARD = 32 << 20  # and shards of about so many bytes.


class Peer(Protocol):
    """An array engine behind the calls that its Python users make. `array` is what it opened."""

    def __init__(self, job: Job) -> None: ...

    def create(self, path: str) -> Any:
        """Creates the job's array."""

    def open(self, path: str) -> Any:
        """Opens an array that is there."""

    def read(self, array: Any, region: tuple[slice, ...]) -> np.ndarray:
        """Reads a region into new memory."""

    def write(self, array: Any, region: tuple[slice, ...], values: np.ndarray) -> None:
        """Writes a region, as durably as the job asks if the peer can."""

    def null(self, array: Any) -> Callable[[], Any]:
        """A call into the peer that moves no element: what the way through Python costs."""

    def gather(self, array: Any, regions: list[tuple[slice, ...]]) -> list[np.ndarray]:
        """One read for each region, up to GATHERED at a time."""

    def tree_write(self, path: str, leaves: list[np.ndarray]) -> None:
        """A group of arrays "leaf_0" and so on, each with tree_chunks of its shape."""

    def tree_read(self, path: str, count: int) -> list[np.ndarray]:
        """Opens and reads all of them."""

    def checkpoint_read(self, path: str, count: int) -> list[np.ndarray]:
        """The same leaves of a checkpoint that coffer saved, found by its documents."""

    def reencode(self, source: Any, path: str) -> None:
        """Copies an array into a new one with the job's layout."""

    def small_write(self, folder: str, values: list[np.ndarray]) -> None:
        """A group of small arrays, each a chunk, named by their numbers; however it is fastest."""

    def small_read(self, folder: str, count: int) -> list[np.ndarray]:
        """Opens and reads all of them."""

    def list(self, folder: str) -> int:
        """How many arrays are directly below a group."""


def tree_job(leaf: np.ndarray) -> Job:
    """How a leaf of a tree is stored: in blocks of rows, as in a checkpoint that coffer saved.

    Its rows are a whole number of chunks and, above one shard, of shards.
    """
    rows = leaf.shape[0]
    row_bytes = leaf.nbytes // rows
    chunk = min(rows, max(1, TREE_CHUNK // row_bytes))
    shard = min(rows, max(1, TREE_SHARD // row_bytes))
    rest = leaf.shape[1:]
    return Job(
        dtype=str(leaf.dtype),
        shape=leaf.shape,
        chunk=(chunk, *rest),
        shard=(shard, *rest) if shard > chunk else (),
        codec=TREE_CODEC,
    )


def codec_list(codec: str, itemsize: int) -> list[dict[str, Any]]:
    """The compressor in Zarr v3's spelling."""
    shuffle = "shuffle" if itemsize > 1 else "noshuffle"
    blosc = {"cname": "lz4", "clevel": 5, "shuffle": shuffle, "typesize": itemsize, "blocksize": 0}
    return {
        "none": [],
        "zstd": [{"name": "zstd", "configuration": {"level": 1, "checksum": False}}],
        TREE_CODEC: [{"name": "zstd", "configuration": {"level": 3, "checksum": False}}],
        "blosc": [{"name": "blosc", "configuration": blosc}],
    }[codec]
