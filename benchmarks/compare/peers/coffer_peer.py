"""coffer behind ctypes (native/shim.cc): like for like with peers that are used through Python."""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compare.job import Job
from benchmarks.compare.peers.peer import SMALL_SIDE

SMALL_WRITERS = 32  # Small writes wait for the disk, not for a processor.
SHIM = "COFFER_SHIM"  # The environment variable that names the library.
JOB = "COFFER_JOB"  # And the one that names the job file.


class _Array:
    def __init__(self, peer: "CofferCtypes", pointer: int, rank: int) -> None:
        self.peer = peer
        self.pointer = pointer
        self.rank = rank

    def __del__(self) -> None:
        self.peer.shim.shim_close(self.pointer)


class CofferCtypes:
    """See Peer."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._dtype = np.dtype(job.dtype)
        shim = ctypes.CDLL(os.environ[SHIM])
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        signatures: dict[str, tuple[Any, list[Any]]] = {
            "shim_error": (text, []),
            "shim_start": (pointer, [text]),
            "shim_open": (pointer, [pointer, text]),
            "shim_create": (pointer, [pointer, text, ctypes.c_int]),
            "shim_close": (None, [pointer]),
            "shim_null": (ctypes.c_int, [pointer, pointer, pointer]),
            "shim_read": (ctypes.c_int, [pointer, pointer, pointer]),
            "shim_write": (ctypes.c_int, [pointer, pointer, pointer, pointer]),
            "shim_copy": (ctypes.c_int, [pointer, pointer]),
            "shim_list": (ctypes.c_int64, [pointer, text]),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(shim, name)
            function.restype, function.argtypes = result, arguments
        self.shim = shim
        self._start = self._checked(shim.shim_start(os.environ[JOB].encode()))

    def _checked(self, result: Any) -> Any:
        if result is None or result < 0:
            raise RuntimeError(self.shim.shim_error().decode())
        return result

    def create(self, path: str, *, small: bool = False) -> Any:
        pointer = self._checked(self.shim.shim_create(self._start, path.encode(), small))
        return _Array(self, pointer, 2 if small else len(self._job.shape))

    def open(self, path: str, rank: int = 0) -> Any:
        pointer = self._checked(self.shim.shim_open(self._start, path.encode()))
        return _Array(self, pointer, rank or len(self._job.shape))

    def _numbers(self, region: tuple[slice, ...]) -> Any:
        numbers = [n for part in region for n in (part.start, part.stop, part.step or 1)]
        return (ctypes.c_int64 * len(numbers))(*numbers)

    def _read(self, array: Any, region: tuple[slice, ...], dtype: Any) -> np.ndarray:
        shape = [len(range(part.start, part.stop, part.step or 1)) for part in region]
        result: np.ndarray = np.empty(shape, dtype)
        numbers = self._numbers(region)
        self._checked(self.shim.shim_read(array.pointer, numbers, result.ctypes.data))
        return result

    def read(self, array: Any, region: tuple[slice, ...]) -> np.ndarray:
        return self._read(array, region, self._dtype)

    def write(self, array: Any, region: tuple[slice, ...], values: np.ndarray) -> None:
        strides = (ctypes.c_int64 * values.ndim)(*values.strides)
        numbers = self._numbers(region)
        self._checked(self.shim.shim_write(array.pointer, numbers, values.ctypes.data, strides))

    def null(self, array: Any) -> Callable[[], Any]:
        empty = (slice(0, 0),) * array.rank

        def call() -> np.ndarray:
            result: np.ndarray = np.empty([0] * array.rank, self._dtype)
            self.shim.shim_null(array.pointer, self._numbers(empty), result.ctypes.data)
            return result

        return call

    def reencode(self, source: Any, path: str) -> None:
        target = self.create(path)
        self._checked(self.shim.shim_copy(source.pointer, target.pointer))

    def small_write(self, folder: str, values: list[np.ndarray]) -> None:
        Path(folder).mkdir(parents=True)
        (Path(folder) / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
        region = (slice(0, SMALL_SIDE),) * 2

        def write(number: int) -> None:
            self.write(self.create(f"{folder}/{number}", small=True), region, values[number])

        with ThreadPoolExecutor(SMALL_WRITERS) as pool:
            for _ in pool.map(write, range(len(values))):
                pass

    def small_read(self, folder: str, count: int) -> list[np.ndarray]:
        region = (slice(0, SMALL_SIDE),) * 2
        dtype = np.dtype("float32")

        def read(number: int) -> np.ndarray:
            return self._read(self.open(f"{folder}/{number}", 2), region, dtype)

        return [read(number) for number in range(count)]

    def list(self, folder: str) -> int:
        return int(self._checked(self.shim.shim_list(self._start, folder.encode())))
