"""coffer behind ctypes (native/shim.cc): like for like with peers that are used through Python."""

import ctypes
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.compare.job import Job
from benchmarks.compare.peers.peer import SMALL_SIDE

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
            "shim_create": (pointer, [pointer, text]),
            "shim_close": (None, [pointer]),
            "shim_null": (ctypes.c_int, [pointer, pointer, pointer]),
            "shim_read": (ctypes.c_int, [pointer, pointer, pointer]),
            "shim_write": (ctypes.c_int, [pointer, pointer, pointer, pointer]),
            "shim_copy": (ctypes.c_int, [pointer, pointer]),
            "shim_folder": (pointer, [pointer, text, ctypes.c_int]),
            "shim_folder_close": (None, [pointer]),
            "shim_small_write": (pointer, [pointer, ctypes.c_int, pointer]),
            "shim_small_read": (pointer, [pointer, ctypes.c_int, pointer]),
            "shim_wait": (ctypes.c_int, [pointer]),
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

    def create(self, path: str) -> Any:
        pointer = self._checked(self.shim.shim_create(self._start, path.encode()))
        return _Array(self, pointer, len(self._job.shape))

    def open(self, path: str) -> Any:
        pointer = self._checked(self.shim.shim_open(self._start, path.encode()))
        return _Array(self, pointer, len(self._job.shape))

    def _numbers(self, region: tuple[slice, ...]) -> Any:
        numbers = [n for part in region for n in (part.start, part.stop, part.step or 1)]
        return (ctypes.c_int64 * len(numbers))(*numbers)

    def read(self, array: Any, region: tuple[slice, ...]) -> np.ndarray:
        shape = [len(range(part.start, part.stop, part.step or 1)) for part in region]
        result: np.ndarray = np.empty(shape, self._dtype)
        numbers = self._numbers(region)
        self._checked(self.shim.shim_read(array.pointer, numbers, result.ctypes.data))
        return result

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

    def _small(self, begin: Any, folder: str, arrays: list[np.ndarray], *, create: bool) -> None:
        """Begins with all of them, then waits."""
        group = self._checked(self.shim.shim_folder(self._start, folder.encode(), create))
        pending = [begin(group, n, array.ctypes.data) for n, array in enumerate(arrays)]
        results = [self.shim.shim_wait(one) for one in pending]
        self.shim.shim_folder_close(group)
        for result in results:
            self._checked(result)

    def small_write(self, folder: str, values: list[np.ndarray]) -> None:
        self._small(self.shim.shim_small_write, folder, values, create=True)

    def small_read(self, folder: str, count: int) -> list[np.ndarray]:
        results: list[np.ndarray] = [
            np.empty((SMALL_SIDE, SMALL_SIDE), np.float32) for _ in range(count)
        ]
        self._small(self.shim.shim_small_read, folder, results, create=False)
        return results

    def list(self, folder: str) -> int:
        return int(self._checked(self.shim.shim_list(self._start, folder.encode())))
