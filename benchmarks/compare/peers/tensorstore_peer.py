"""TensorStore with its defaults, but for more requests at a time where it creates arrays."""

import json
import os
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorstore

from benchmarks.compare.job import Job
from benchmarks.compare.peers.peer import GATHERED, SMALL_SIDE, codec_list, tree_job

WRITERS = 32
IN_FLIGHT = 256  # Small arrays that are being written or read at a time.


def store_of(path: str) -> dict[str, Any]:
    """A file, or a key of the S3 server that the environment names."""
    if not path.startswith("s3://"):
        return {"driver": "file", "path": path}
    bucket, _, key = path.removeprefix("s3://").partition("/")
    return {
        "driver": "s3",
        "bucket": bucket,
        "path": key,
        "endpoint": os.environ["AWS_ENDPOINT_URL_S3"],
        "aws_region": os.environ["AWS_REGION"],
        "aws_credentials": {"type": "environment"},
    }


class TensorStore:
    """See Peer."""

    cache_bytes = 0  # Its default.

    def __init__(self, job: Job) -> None:
        self._job = job
        settings = {
            "file_io_sync": job.durable,
            "data_copy_concurrency": {"limit": job.cores},
            "cache_pool": {"total_bytes_limit": self.cache_bytes},
        }
        self._context = tensorstore.Context(settings)
        # Small durable writes are twice as fast so as with the default of 4; reads are slower.
        writing = settings | {"file_io_concurrency": {"limit": WRITERS}}
        self._writing = tensorstore.Context(writing)

    def _spec(self, path: str) -> dict[str, Any]:
        return {"driver": "zarr3", "kvstore": store_of(path)}

    def _metadata(self, job: Job) -> dict[str, Any]:
        codecs: list[Any] = [{"name": "bytes", "configuration": {"endian": "little"}}]
        if np.dtype(job.dtype).itemsize == 1:
            codecs = ["bytes"]
        codecs += codec_list(job.codec, np.dtype(job.dtype).itemsize)
        if job.shard:
            inner = {"chunk_shape": job.chunk, "codecs": codecs}
            codecs = [{"name": "sharding_indexed", "configuration": inner}]
        return {
            "shape": job.shape,
            "data_type": job.dtype,
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": job.shard or job.chunk},
            },
            "codecs": codecs,
        }

    def create(self, path: str) -> Any:
        spec = self._spec(path) | {"metadata": self._metadata(self._job)}
        return tensorstore.open(spec, create=True, context=self._writing).result()

    def open(self, path: str) -> Any:
        return tensorstore.open(self._spec(path), context=self._context).result()

    def read(self, array: Any, region: tuple[slice, ...]) -> np.ndarray:
        return array[region].read().result()

    def write(self, array: Any, region: tuple[slice, ...], values: np.ndarray) -> None:
        array[region].write(values).result()

    def gather(self, array: Any, regions: list[tuple[slice, ...]]) -> list[np.ndarray]:
        results: list[np.ndarray] = []
        reading: deque[Any] = deque()
        for region in regions:
            reading.append(array[region].read())
            if len(reading) >= GATHERED:
                results.append(reading.popleft().result())
        return [*results, *(read.result() for read in reading)]

    def tree_write(self, path: str, leaves: list[np.ndarray]) -> None:
        kvstore = tensorstore.KvStore.open(store_of(f"{path}/"), context=self._writing).result()
        group = kvstore.write("zarr.json", b'{"zarr_format": 3, "node_type": "group"}')
        opening = [
            tensorstore.open(
                self._spec(f"{path}/leaf_{number}") | {"metadata": self._metadata(tree_job(leaf))},
                create=True,
                context=self._writing,
            )
            for number, leaf in enumerate(leaves)
        ]
        pairs = zip(opening, leaves, strict=True)
        for write in [array.result().write(leaf) for array, leaf in pairs]:
            write.result()
        group.result()

    def _leaves(self, paths: list[str]) -> list[np.ndarray]:
        opening = [tensorstore.open(self._spec(path), context=self._context) for path in paths]
        return [read.result() for read in [array.result().read() for array in opening]]

    def tree_read(self, path: str, count: int) -> list[np.ndarray]:
        return self._leaves([f"{path}/leaf_{number}" for number in range(count)])

    def checkpoint_read(self, path: str, count: int) -> list[np.ndarray]:
        kvstore = tensorstore.KvStore.open(store_of(f"{path}/"), context=self._context).result()
        data = json.loads(kvstore.read("commit").result().value)["data"]
        document = json.loads(kvstore.read(f"{data}/checkpoint.json").result().value)
        leaves = [document["tree"]["dict"][f"leaf_{number}"] for number in range(count)]
        return self._leaves([f"{path}/{data}/arrays/{leaf['array']}" for leaf in leaves])

    def null(self, array: Any) -> Callable[[], Any]:
        empty = (slice(0, 0),) * array.rank
        return lambda: array[empty].read().result()

    def reencode(self, source: Any, path: str) -> None:
        self.create(path).write(source).result()

    def _small(self, folder: str, number: int, **metadata: Any) -> Any:
        spec = self._spec(f"{folder}/{number}") | metadata
        context = self._writing if metadata else self._context
        return tensorstore.open(spec, context=context, create=bool(metadata))

    def small_write(self, folder: str, values: list[np.ndarray]) -> None:
        kvstore = tensorstore.KvStore.open(f"file://{folder}/", context=self._writing).result()
        kvstore.write("zarr.json", b'{"zarr_format": 3, "node_type": "group"}').result()
        side = [SMALL_SIDE, SMALL_SIDE]
        metadata = {
            "shape": side,
            "data_type": "float32",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": side}},
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                *codec_list("zstd", 4),
            ],
        }
        opening: deque[Any] = deque()
        writing: deque[Any] = deque()
        for number, value in enumerate(values):
            opening.append((self._small(folder, number, metadata=metadata), value))
            if len(opening) >= IN_FLIGHT:
                array, value_of_array = opening.popleft()
                writing.append(array.result().write(value_of_array))
            if len(writing) >= IN_FLIGHT:
                writing.popleft().result()
        for array, value in opening:
            writing.append(array.result().write(value))
        for write in writing:
            write.result()

    def small_read(self, folder: str, count: int) -> list[np.ndarray]:
        results: list[np.ndarray] = []
        reading: deque[Any] = deque()
        for begin in range(0, count, IN_FLIGHT):
            numbers = range(begin, min(begin + IN_FLIGHT, count))
            opening = [self._small(folder, number) for number in numbers]
            reading.extend(array.result().read() for array in opening)
            while len(reading) > IN_FLIGHT:
                results.append(reading.popleft().result())
        results.extend(read.result() for read in reading)
        return results

    def list(self, folder: str) -> int:
        kvstore = tensorstore.KvStore.open(f"file://{folder}/", context=self._context).result()
        keys = kvstore.list().result()
        return len({key.split(b"/")[0] for key in keys if b"/" in key})


class TensorStoreCaching(TensorStore):
    """With room for shard indexes, as coffer has by default; it also keeps decoded chunks there."""

    cache_bytes = 32 << 20
