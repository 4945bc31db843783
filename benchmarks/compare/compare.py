"""Writes and reads a 512^3 uint16 volume with coffer, TensorStore and zarrs, in one run.

    python compare.py COFFER_CELL WORK_FOLDER [REPETITIONS]

Layouts: plain (128^3 chunks), sharded (256^3 shards of 32^3). Codecs: none, zstd 1, blosc lz4 5.
The peers take turns within every repetition, another one first in each; the first repetition is
dropped; the median is shown in GB/s of decoded data, beside the limits of this machine measured in
the same run. Every peer writes its own array and reads that one. The result of every read is
compared with the source, outside the clock. zarrs runs as the codec pipeline of zarr-python, not as
the Rust library. coffer and TensorStore write durably, zarrs does not. Prints Markdown.
"""

import importlib.metadata
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore
import zarr
import zarrs

SIDE = 512
GIGABYTES = SIDE**3 * 2 / 1e9
LAYOUTS = ("plain", "sharded")
CODECS = ("none", "zstd", "blosc")
ZARRS = "zarrs (zarr-python)"


def make_volume() -> np.ndarray:
    """A smooth field with 4 bits of noise."""
    axis = np.linspace(0, 3, SIDE, dtype=np.float32)
    x, y, z = axis[:, None, None], axis[None, :, None], axis[None, None, :]
    smooth = (np.sin(x * 2) + np.cos(y * 3) + np.sin(z + x) + 3) * 9000
    noise = np.random.default_rng(7).integers(0, 16, (SIDE, SIDE, SIDE), dtype=np.uint16)
    return (smooth.astype(np.uint16) + noise).astype(np.uint16)


class Coffer:
    """The C++ driver, by a pipe; it takes the time itself."""

    def __init__(self, program: str, volume: Path, checksum: bool) -> None:
        self._process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._checksum = int(checksum)
        self.ask(f"volume {volume}")

    def ask(self, command: str) -> str:
        """One command, one answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        answer = self._process.stdout.readline().strip()
        if answer.startswith(("error", "unknown")):
            raise RuntimeError(f"{command}: {answer}")
        return answer

    def write(self, layout: str, codec: str, folder: Path) -> float:
        return float(self.ask(f"write {layout} {codec} {self._checksum} {folder}"))

    def read(self, folder: Path) -> float:
        return float(self.ask(f"read {folder}"))

    def check(self, _volume: np.ndarray) -> bool:
        return self.ask("check") == "ok"


def codec_list(codec: str) -> list[dict[str, Any]]:
    """The compressor in Zarr v3's spelling."""
    blosc = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2, "blocksize": 0}
    return {
        "none": [],
        "zstd": [{"name": "zstd", "configuration": {"level": 1}}],
        "blosc": [{"name": "blosc", "configuration": blosc}],
    }[codec]


class TensorStore:
    """TensorStore with its defaults: durable writes, threads as it likes."""

    def __init__(self) -> None:
        self._result: Any = None
        self._volume: np.ndarray | None = None

    def use(self, volume: np.ndarray) -> None:
        self._volume = volume

    def write(self, layout: str, codec: str, folder: Path) -> float:
        bytes_codec = {"name": "bytes", "configuration": {"endian": "little"}}
        codecs = [bytes_codec, *codec_list(codec)]
        grid = 128
        if layout == "sharded":
            grid = 256
            codecs = [
                {
                    "name": "sharding_indexed",
                    "configuration": {"chunk_shape": [32] * 3, "codecs": codecs},
                }
            ]
        spec = {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": str(folder)},
            "metadata": {
                "shape": [SIDE] * 3,
                "data_type": "uint16",
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [grid] * 3}},
                "codecs": codecs,
            },
        }
        begin = time.perf_counter()
        store = tensorstore.open(spec, create=True).result()
        store.write(self._volume).result()
        return time.perf_counter() - begin

    def read(self, folder: Path) -> float:
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(folder)}}
        self._result = None
        begin = time.perf_counter()
        self._result = tensorstore.open(spec).result().read().result()
        return time.perf_counter() - begin

    def check(self, volume: np.ndarray) -> bool:
        return bool(np.array_equal(self._result, volume))


class Zarrs:
    """zarrs as the codec pipeline of zarr-python."""

    def __init__(self) -> None:
        zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
        self._result: Any = None
        self._volume: np.ndarray | None = None

    def use(self, volume: np.ndarray) -> None:
        self._volume = volume

    def write(self, layout: str, codec: str, folder: Path) -> float:
        compressors: Any = codec_list(codec) or None
        begin = time.perf_counter()
        array = zarr.create_array(
            store=str(folder),
            shape=(SIDE,) * 3,
            dtype="uint16",
            chunks=(32,) * 3 if layout == "sharded" else (128,) * 3,
            shards=(256,) * 3 if layout == "sharded" else None,
            compressors=compressors,
        )
        array[...] = self._volume
        return time.perf_counter() - begin

    def read(self, folder: Path) -> float:
        self._result = None
        begin = time.perf_counter()
        self._result = zarr.open_array(str(folder), mode="r")[...]
        return time.perf_counter() - begin

    def check(self, volume: np.ndarray) -> bool:
        return bool(np.array_equal(self._result, volume))


def rate(seconds: list[float]) -> float:
    """Median GB/s without the first repetition."""
    return GIGABYTES / statistics.median(seconds[1:] or seconds)


def limits(coffer: Coffer, volume: Path, work: Path, repetitions: int) -> None:
    """What the machine can do."""
    (work / "fsync").mkdir()
    rows = (
        ("memcpy, warm, 2 threads", "memcpy-warm"),
        ("memcpy into fresh huge pages, 2 threads", "memcpy-fresh"),
        ("page cache into fresh huge pages, 2 threads", f"page-cache {volume}"),
        ("write + fsync, 8 files, 4 threads", f"fsync {work / 'fsync'} 8"),
        ("write + fsync, 64 files, 4 threads", f"fsync {work / 'fsync'} 64"),
    )
    print("| limit | GB/s |\n|---|---|")
    for name, command in rows:
        print(f"| {name} | {rate([float(coffer.ask(command)) for _ in range(repetitions)]):.2f} |")
    shutil.rmtree(work / "fsync")


def main(arguments: list[str]) -> int:
    """Runs all cells and prints the tables; 1 if a result was wrong."""
    program, work = arguments[0], Path(arguments[1])
    repetitions = int(arguments[2]) if len(arguments) > 2 else 4
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    volume = make_volume()
    raw = work / "volume.raw"
    volume.tofile(raw)
    # Guest memory is touched once before anything is timed.
    np.ones(3 * SIDE**3, dtype=np.uint16)
    peers: dict[str, Any] = {
        "coffer": Coffer(program, raw, checksum=True),
        "coffer, no checksum": Coffer(program, raw, checksum=False),
        "TensorStore": TensorStore(),
        ZARRS: Zarrs(),
    }
    for name in ("TensorStore", ZARRS):
        peers[name].use(volume)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores;", end=" ")
    tensorstore_version = importlib.metadata.version("tensorstore")
    print(f"tensorstore {tensorstore_version}, zarr {zarr.__version__},", end=" ")
    print(f"zarrs {zarrs.__version__};", end=" ")
    print(f"{repetitions} repetitions, first dropped, medians\n")
    limits(peers["coffer"], raw, work, repetitions)
    wrong = 0
    print("\n| GB/s | " + " | ".join(peers) + " | ratio |\n|---|" + "---|" * (len(peers) + 1))
    for verb in ("write", "read"):
        for layout in LAYOUTS:
            for codec in CODECS:
                times: dict[str, list[float]] = {name: [] for name in peers}
                for repetition in range(repetitions):
                    for name in rotated(list(peers), repetition):
                        folder = work / f"{layout}-{codec}-{re.sub('[^A-Za-z]+', '-', name)}"
                        times[name].append(run_cell(verb, peers[name], layout, codec, folder))
                        if verb == "read" and not peers[name].check(volume):
                            print(f"WRONG DATA: {name} {layout} {codec}")
                            wrong += 1
                rates = {name: rate(seconds) for name, seconds in times.items()}
                rivals = ("TensorStore",) if verb == "write" else ("TensorStore", ZARRS)
                ratio = rates["coffer"] / max(rates[name] for name in rivals)
                cells = " | ".join(f"{value:.2f}" for value in rates.values())
                print(f"| {verb} {layout} {codec} | {cells} | {ratio:.2f} |", flush=True)
    print("\nratio: coffer (with its checksums) to TensorStore for writes, which are durable in")
    print("both and not in zarrs; to the better peer for reads.")
    shutil.rmtree(work)
    return 1 if wrong else 0


def rotated(names: list[str], by: int) -> list[str]:
    """The names, beginning with another one each time: who comes after whom matters."""
    by %= len(names)
    return names[by:] + names[:by]


def run_cell(verb: str, peer: Any, layout: str, codec: str, folder: Path) -> float:
    """One timed operation, from a clean state."""
    if verb == "read":
        return float(peer.read(folder))
    shutil.rmtree(folder, ignore_errors=True)
    settle: Callable[[], None] = os.sync
    settle()
    return float(peer.write(layout, codec, folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
