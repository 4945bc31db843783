"""What a peer must be able to do to take part in the comparison.

To add one: a file in this folder with a class like the others, and a line in PEERS of worker.py.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from benchmarks.compare.job import Job

SMALL_SIDE = 20  # Elements along each side of a small array, float32.


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

    def reencode(self, source: Any, path: str) -> None:
        """Copies an array into a new one with the job's layout."""

    def small_write(self, folder: str, values: list[np.ndarray]) -> None:
        """A group of small arrays, each a chunk, named by their numbers; however it is fastest."""

    def small_read(self, folder: str, count: int) -> list[np.ndarray]:
        """Opens and reads all of them."""

    def list(self, folder: str) -> int:
        """How many arrays are directly below a group."""


def codec_list(codec: str, itemsize: int) -> list[dict[str, Any]]:
    """The compressor in Zarr v3's spelling."""
    shuffle = "shuffle" if itemsize > 1 else "noshuffle"
    blosc = {"cname": "lz4", "clevel": 5, "shuffle": shuffle, "typesize": itemsize, "blocksize": 0}
    return {
        "none": [],
        "zstd": [{"name": "zstd", "configuration": {"level": 1, "checksum": False}}],
        "blosc": [{"name": "blosc", "configuration": blosc}],
    }[codec]
