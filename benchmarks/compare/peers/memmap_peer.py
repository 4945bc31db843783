"""A .npy file and numpy.memmap: what the same work costs where there is no format at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compare.job import Job


class MemMap:
    """See Peer; of uncompressed arrays alone, which it holds as one file."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def _file(self, path: str) -> str:
        return f"{path}/array.npy"

    def create(self, path: str) -> Any:
        Path(path).mkdir(parents=True)
        return np.lib.format.open_memmap(
            self._file(path), mode="w+", dtype=self._job.dtype, shape=self._job.shape
        )

    def open(self, path: str) -> Any:
        return np.load(self._file(path), mmap_mode="r+")

    def read(self, array: Any, region: tuple[slice, ...]) -> np.ndarray:
        return np.array(array[region])

    def write(self, array: Any, region: tuple[slice, ...], values: np.ndarray) -> None:
        array[region] = values
        if self._job.durable:
            array.flush()

    def null(self, array: Any) -> Callable[[], Any]:
        empty = (slice(0, 0),) * array.ndim
        return lambda: np.array(array[empty])

    def reencode(self, source: Any, path: str) -> None:
        self.create(path)[...] = source

    def small_write(self, folder: str, values: list[np.ndarray]) -> None:
        Path(folder).mkdir(parents=True)
        for number, value in enumerate(values):
            np.save(f"{folder}/{number}.npy", value)

    def small_read(self, folder: str, count: int) -> list[np.ndarray]:
        return [np.load(f"{folder}/{number}.npy") for number in range(count)]

    def list(self, folder: str) -> int:
        return len(list(Path(folder).iterdir()))
