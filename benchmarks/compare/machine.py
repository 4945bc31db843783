"""What ran where: printed with every report, or a figure means nothing to its reader."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path


def _first(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return "unknown"


def describe(work: Path, zarrs_native: str) -> dict[str, str]:
    """Facts by name, in the order in which they are shown."""
    packages = ("tensorstore", "zarr", "zarrs", "obstore", "numpy")
    memory = int(_first("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    disk = subprocess.run(
        ["findmnt", "-nT", str(work), "-o", "SOURCE,FSTYPE,OPTIONS"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    huge = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return {
        "processor": _first("/proc/cpuinfo", "model name"),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "huge pages": huge.read_text().strip() if huge.exists() else "unknown",
        "file system": " ".join(disk.stdout.split()),
        "coffer": commit.stdout.strip(),
        **{name: importlib.metadata.version(name) for name in packages},
        "zarrs (native)": zarrs_native,
        "python": platform.python_version(),
    }


SETTINGS = {
    "coffer": "defaults (32 MiB for documents and shard indexes, no decoded chunks), crc32c in "
    "every chunk; C++ program, results in memory that they own; small arrays by 32 threads that "
    "write, as many as cores that read",
    "coffer (256 MiB)": "the same with a budget of 256 MiB in flight instead of 64, on S3: what it "
    "may hold is still less than what TensorStore holds there",
    "coffer (ctypes)": "the same engine through ctypes into new NumPy arrays; small arrays by "
    "futures",
    "TensorStore": "defaults: file driver, fsync on where the cell is durable, cache_pool 0; "
    "data_copy_concurrency as many as cores, file_io_concurrency 32 where it creates arrays (its "
    "default of 4 is slower there); small arrays by futures, 256 in flight",
    "TensorStore (cache)": "the same with a cache_pool of 32 MiB, where calls are small",
    "zarrs": "codec pipeline of zarr-python, strict, as many workers as cores; never durable",
    "zarr-python": "its own codec pipeline, as many workers as cores; never durable",
    "zarr-python + obstore": "the same on S3 by obstore, 32 requests at a time; small arrays, and "
    "chunks read one by one, by threads",
    "zarrs (native)": "zarrs_benchmark_read_sync of zarrs_tools; into its own buffers",
    "memmap": ".npy and numpy.memmap: no chunks, no codec; a floor and no rival",
}
