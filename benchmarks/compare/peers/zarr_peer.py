"""zarr-python, and zarrs as its codec pipeline: the way in which Python users have zarrs."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import zarr
from obstore.store import S3Store
from zarr.storage import ObjectStore

from benchmarks.compare.job import Job
from benchmarks.compare.peers.peer import GATHERED, SMALL_SIDE, codec_list, tree_job

TREE_THREADS = 12
S3_REQUESTS = 32
SMALL_THREADS = 8  # Around small arrays; more are slower, for the interpreter's lock.


class ZarrPython:
    """See Peer. Nothing it writes is durable."""

    def __init__(self, job: Job) -> None:
        self._job = job
        zarr.config.set({"threading.max_workers": job.cores})

    def _store(self, path: str) -> Any:
        """What zarr-python is to find the path in."""
        return path

    def create(self, path: str, of: Job | None = None) -> Any:
        job = of or self._job
        return zarr.create_array(
            store=self._store(path),
            shape=job.shape,
            dtype=job.dtype,
            chunks=job.chunk,
            shards=job.shard or None,
            compressors=codec_list(job.codec, np.dtype(job.dtype).itemsize) or None,
        )

    def open(self, path: str) -> Any:
        return zarr.open_array(self._store(path), mode="r+", zarr_format=3)

    def read(self, array: Any, region: tuple[slice, ...]) -> np.ndarray:
        return array[region]

    def write(self, array: Any, region: tuple[slice, ...], values: np.ndarray) -> None:
        array[region] = values

    def gather(self, array: Any, regions: list[tuple[slice, ...]]) -> list[np.ndarray]:
        with ThreadPoolExecutor(GATHERED) as pool:
            return list(pool.map(array.__getitem__, regions))

    def tree_write(self, path: str, leaves: list[np.ndarray]) -> None:
        zarr.create_group(self._store(path))

        def write(number: int) -> None:
            array = self.create(f"{path}/leaf_{number}", tree_job(leaves[number]))
            array[...] = leaves[number]

        with ThreadPoolExecutor(TREE_THREADS) as pool:
            for _ in pool.map(write, range(len(leaves))):
                pass

    def tree_read(self, path: str, count: int) -> list[np.ndarray]:
        with ThreadPoolExecutor(TREE_THREADS) as pool:
            return list(pool.map(lambda n: self.open(f"{path}/leaf_{n}")[...], range(count)))

    def checkpoint_read(self, path: str, count: int) -> list[np.ndarray]:
        raise NotImplementedError(f"{path}, {count}: TensorStore does this")

    def null(self, array: Any) -> Callable[[], Any]:
        empty = (slice(0, 0),) * array.ndim
        return lambda: array[empty]

    def reencode(self, source: Any, path: str) -> None:
        self.create(path)[...] = source[...]

    def small_write(self, folder: str, values: list[np.ndarray]) -> None:
        zarr.create_group(folder)
        side = (SMALL_SIDE, SMALL_SIDE)

        def write(number: int) -> None:
            array = zarr.create_array(
                store=f"{folder}/{number}",
                shape=side,
                dtype="float32",
                chunks=side,
                compressors=codec_list("zstd", 4),
            )
            array[...] = values[number]

        with ThreadPoolExecutor(SMALL_THREADS) as pool:
            for _ in pool.map(write, range(len(values))):
                pass

    def small_read(self, folder: str, count: int) -> list[np.ndarray]:
        def read(number: int) -> np.ndarray:
            return zarr.open_array(f"{folder}/{number}", mode="r", zarr_format=3)[...]

        with ThreadPoolExecutor(SMALL_THREADS) as pool:
            return list(pool.map(read, range(count)))

    def list(self, folder: str) -> int:
        return len(list(zarr.open_group(folder, mode="r", zarr_format=3).array_keys()))


class Zarrs(ZarrPython):
    """zarrs decodes and encodes; zarr-python does the rest. Strict: it never falls back."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        zarr.config.set(
            {
                "codec_pipeline.path": "zarrs.ZarrsCodecPipeline",
                "codec_pipeline.strict": True,
                "codec_pipeline.chunk_concurrent_maximum": job.cores,
            }
        )


class ZarrObstore(ZarrPython):
    """The same on S3, by obstore, with as many requests at a time as TensorStore has by default."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        zarr.config.set({"async.concurrency": S3_REQUESTS})

    def _store(self, path: str) -> Any:
        bucket, _, prefix = path.removeprefix("s3://").partition("/")
        return ObjectStore(
            S3Store(
                bucket,
                prefix=prefix,
                endpoint=os.environ["AWS_ENDPOINT_URL_S3"],
                client_options={"allow_http": True},
            )
        )
