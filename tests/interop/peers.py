"""zarr-python, TensorStore and zarrs behind one face, and what each of them is known not to do."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore as ts
import zarr
import zarrs  # noqa: F401  (registers its pipeline)
from cases import Case
from zarr.core.buffer import default_buffer_prototype
from zarr.core.metadata.v2 import ArrayV2Metadata
from zarr.core.metadata.v3 import ArrayV3Metadata

PIPELINES = {
    "zarr-python": "zarr.core.codec_pipeline.BatchedCodecPipeline",
    "zarrs": "zarrs.ZarrsCodecPipeline",
}


@contextmanager
def pipeline(peer: str) -> Iterator[None]:
    """Inside, zarr-python works with its own codecs or with those of zarrs, which would hand what
    it cannot do back to zarr-python."""
    settings = {"codec_pipeline.path": PIPELINES[peer], "codec_pipeline.strict": True}
    with zarr.config.set(settings):
        yield


def zarr_write(peer: str, case: Case, path: Path) -> None:
    """Writes the document as zarr-python spells it, then the elements."""
    with pipeline(peer):
        model = ArrayV2Metadata if case.v2 else ArrayV3Metadata
        metadata = model.from_dict(case.zarray() if case.v2 else case.document())
        path.mkdir(parents=True, exist_ok=True)
        for key, value in metadata.to_buffer_dict(default_buffer_prototype()).items():
            (path / key).write_bytes(value.to_bytes())
        if case.v2:
            (path / ".zattrs").write_text(json.dumps(case.attributes), encoding="utf-8")
        array = zarr.open_array(path, mode="r+")
        array[case.selection() or ...] = case.source()[case.selection()]


def zarr_read(peer: str, case: Case, path: Path) -> Any:
    """Reads all elements."""
    with pipeline(peer):
        array = zarr.open_array(path, mode="r")
        if not case.v2:
            assert array.metadata.dimension_names == (case.dimension_names or None)
        assert array.attrs.asdict() == case.attributes
        return np.asarray(array[...])


def ts_spec(path: Path, case: Case) -> Any:
    """The array at a path."""
    kvstore = {"driver": "file", "path": f"{path}/"}
    return {"driver": "zarr" if case.v2 else "zarr3", "kvstore": kvstore}


def ts_write(_: str, case: Case, path: Path) -> None:
    """Creates the array from the members of the document, then writes the elements."""
    metadata = case.zarray() if case.v2 else case.document()
    store = ts.open({**ts_spec(path, case), "metadata": metadata}, create=True).result()
    if case.shape:
        store = store[case.selection()]
    store.write(case.source()[case.selection()]).result()


def ts_read(_: str, case: Case, path: Path) -> Any:
    """Reads all elements."""
    store = ts.open(ts_spec(path, case), open=True).result()
    if case.dimension_names:
        assert store.domain.labels == tuple(name or "" for name in case.dimension_names)
    return np.asarray(store.read().result())


@dataclass(frozen=True)
class Peer:
    """One reader and writer."""

    name: str
    write: Callable[[str, Case, Path], None]
    read: Callable[[str, Case, Path], Any]


PEERS = (
    Peer("zarr-python", zarr_write, zarr_read),
    Peer("TensorStore", ts_write, ts_read),
    Peer("zarrs", zarr_write, zarr_read),
)


def zarr2_gap(peer: str, direction: str, case: Case) -> str | None:
    """The same for Zarr v2."""
    compressor = (case.v2["compressor"] or {}).get("id")
    many = bool(np.prod(case.shape, dtype=np.int64))
    if peer == "TensorStore":
        if compressor in ("lz4", "lzma"):
            return "TensorStore has no compressor lz4 or lzma of Zarr v2"
        if direction == "write" and case.attributes:
            return "TensorStore writes no attributes of Zarr v2"
        if direction == "write" and case.v2["order"] == "F" and len(case.shape) < 2:
            return "TensorStore cannot create order F with fewer than two dimensions"
    if peer == "zarrs":
        if compressor in ("lz4", "lzma"):
            return "zarrs has no compressor lz4 or lzma of Zarr v2"
        if direction == "write" and case.v2["order"] == "F" and not case.shape:
            return "zarrs cannot write order F of rank 0"
        if direction == "read" and many:
            if case.numpy_type().startswith(">"):
                return "zarrs reads no big-endian data of Zarr v2"
            if case.v2["order"] == "F" and len(case.shape) > 1:
                return "zarrs reads no order F of Zarr v2"
    return None


def type_gap(peer: str, direction: str, case: Case) -> str | None:
    """The same for the elements of a case, however they are laid out."""
    if peer in PIPELINES and case.data_type == "bfloat16":
        return "zarr-python has no bfloat16"
    big = not case.v2 and '"endian": "big"' in json.dumps(case.codecs)
    if peer == "zarrs" and direction == "read" and case.dtype.kind == "c" and big:
        return "zarrs swaps the bytes of a whole complex number, not of its parts"
    return None


def gap(peer: str, direction: str, case: Case) -> str | None:
    """Why a peer cannot write, or read, a case; None if it can. Each reason was tried with the
    pinned versions: the peer alone, or with another peer."""
    python = peer in PIPELINES
    if reason := type_gap(peer, direction, case):
        return reason
    if case.v2:
        return zarr2_gap(peer, direction, case)
    names = [codec["name"] for codec in case.codecs]
    sharded = "sharding_indexed" in names
    if peer == "zarr-python" and "-snappy-" in case.name:
        return "the c-blosc of its wheel has no snappy"
    if python and case.name == "shard-transposed":
        return "zarr-python checks inner chunks against the shard before it is transposed"
    if peer == "zarr-python" and direction == "write" and sharded and not case.shape:
        return "zarr-python fails to write a sharded array of rank 0"
    if python and case.nan_payload:
        if direction == "write":
            return "zarr-python writes every NaN fill value as NaN, without its payload"
        if peer == "zarrs" or case.data_type == "float16":
            return "reads this NaN fill value without its payload"
    if peer == "TensorStore" and sharded and names[-1] != "sharding_indexed":
        return "TensorStore refuses codecs after sharding"
    if peer == "TensorStore" and len(set(case.dimension_names)) < len(case.dimension_names):
        return "TensorStore refuses equal dimension names"
    return None
