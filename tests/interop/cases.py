"""The arrays of the interoperability tests: what is in them, and how they are laid out.

A case is independent of who writes it: it has a document (zarr.json, .zarray), the elements that
are written and the elements that must be read back. Everything follows from the case's name by a
fixed seed.
"""

import copy
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np

Json = Any

LITTLE: Json = {"name": "bytes", "configuration": {"endian": "little"}}
BIG: Json = {"name": "bytes", "configuration": {"endian": "big"}}
CRC: Json = {"name": "crc32c"}
INDEX: tuple[Json, ...] = (LITTLE, CRC)

DTYPES: dict[str, Any] = {
    **{
        name: np.dtype(name)
        for name in "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
    },
    **{name: np.dtype(name) for name in "float16 float32 float64 complex64 complex128".split()},
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}


def gzip(level: int) -> Json:
    """The gzip codec."""
    return {"name": "gzip", "configuration": {"level": level}}


def zstd(level: int, checksum: bool = False) -> Json:
    """The zstd codec."""
    return {"name": "zstd", "configuration": {"level": level, "checksum": checksum}}


def blosc(cname: str, shuffle: str, typesize: int, clevel: int = 5) -> Json:
    """The blosc codec."""
    members = {"cname": cname, "clevel": clevel, "shuffle": shuffle}
    return {"name": "blosc", "configuration": {**members, "typesize": typesize, "blocksize": 0}}


def transpose(*order: int) -> Json:
    """The transpose codec."""
    return {"name": "transpose", "configuration": {"order": list(order)}}


def sharding(
    chunk_shape: tuple[int, ...],
    codecs: tuple[Json, ...],
    index_codecs: tuple[Json, ...] = INDEX,
    index_location: str = "end",
) -> Json:
    """The sharding codec."""
    return {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": list(chunk_shape),
            "codecs": list(codecs),
            "index_codecs": list(index_codecs),
            "index_location": index_location,
        },
    }


@dataclass(frozen=True)
class Case:
    """One array."""

    name: str
    data_type: str = "uint16"
    shape: tuple[int, ...] = (7, 10)
    chunk_shape: tuple[int, ...] = (3, 4)  # Of the grid: the shard where there is one.
    codecs: tuple[Json, ...] = (LITTLE, zstd(3), CRC)
    fill_value: Json = 0
    fill_bits: str = ""  # The element's bytes, native order; "" is zero.
    key_encoding: str = "default"
    separator: str = "/"
    dimension_names: tuple[str | None, ...] = ()
    attributes: Json = field(default_factory=dict)
    box: tuple[tuple[int, ...], tuple[int, ...]] | None = None  # Written: origin and shape.
    native: Json = None  # Options of coffer's Create that mean the same codecs.
    nan_payload: bool = False
    v2: Json = None  # "compressor", "order" and maybe "dtype" of .zarray; then codecs mean nothing.
    special: bool = False  # Any bits: NaNs with payloads, infinities, subnormal numbers.
    features: tuple[str, ...] = ()  # Rows of docs/formats.md.

    @property
    def dtype(self) -> Any:
        """The NumPy type."""
        return DTYPES[self.data_type]

    def numpy_type(self) -> str:
        """The data type as .zarray spells it."""
        if self.v2 and "dtype" in self.v2:
            return str(self.v2["dtype"])
        return self.data_type if self.data_type == "bfloat16" else self.dtype.str

    def zarray(self) -> Json:
        """The array's .zarray."""
        return copy.deepcopy(
            {
                "zarr_format": 2,
                "shape": list(self.shape),
                "chunks": list(self.chunk_shape),
                "dtype": self.numpy_type(),
                "compressor": self.v2["compressor"],
                "fill_value": self.fill_value,
                "order": self.v2["order"],
                "filters": None,
                "dimension_separator": self.separator,
            }
        )

    def document(self) -> Json:
        """The array's zarr.json."""
        grid = {"name": "regular", "configuration": {"chunk_shape": list(self.chunk_shape)}}
        keys = {"name": self.key_encoding, "configuration": {"separator": self.separator}}
        document = {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(self.shape),
            "data_type": self.data_type,
            "chunk_grid": grid,
            "chunk_key_encoding": keys,
            "fill_value": self.fill_value,
            "codecs": list(self.codecs),
            "attributes": self.attributes,
        }
        if self.dimension_names:
            document["dimension_names"] = list(self.dimension_names)
        return copy.deepcopy(document)

    def fill(self) -> Any:
        """The fill value as a NumPy scalar array, bit for bit."""
        bits = bytes.fromhex(self.fill_bits) if self.fill_bits else bytes(self.dtype.itemsize)
        return np.frombuffer(bits, self.dtype)[0]

    def source(self) -> Any:
        """The elements that are written (the whole array, also where only a box is)."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        size = int(np.prod(self.shape, dtype=np.int64))
        if self.data_type == "bool":
            flat = rng.integers(0, 2, size).astype(bool)
        else:
            raw = rng.integers(0, 256, size * self.dtype.itemsize, dtype=np.uint8)
            flat = raw.view(self.dtype)
            if self.dtype.kind not in "iu" and not self.special:  # Numbers, not any bits.
                flat = rng.integers(-99, 99, size).astype(self.dtype)
            if self.dtype.kind == "c" and not self.special:
                flat = flat + self.dtype.type(1j) * rng.integers(-9, 9, size).astype(self.dtype)
        array = flat.reshape(self.shape)
        if size > 8:  # Some of it compresses.
            array[..., -1] = array.flat[0]
        return array

    def selection(self) -> tuple[slice, ...]:
        """The box that is written, as slices."""
        if self.box is None:
            return tuple(slice(0, extent) for extent in self.shape)
        return tuple(slice(o, o + s) for o, s in zip(*self.box, strict=True))

    def expected(self) -> Any:
        """The elements that must be read back."""
        if self.box is None:
            return self.source()
        flat = np.empty(int(np.prod(self.shape, dtype=np.int64)), self.dtype)
        flat.view(np.uint8).reshape(-1, self.dtype.itemsize)[:] = np.frombuffer(
            self.fill().tobytes(), np.uint8
        )
        array = flat.reshape(self.shape)
        array[self.selection()] = self.source()[self.selection()]
        return array


ZEROS: dict[str, Json] = {"bool": False, "complex64": [0.0, 0.0], "complex128": [0.0, 0.0]}


def of_types() -> Iterator[Case]:
    """Every data type, in both byte orders and in shards."""
    for name, dtype in DTYPES.items():
        zero = ZEROS.get(name, 0 if dtype.kind in "iu" else 0.0)
        codec = blosc("lz4", "shuffle", dtype.itemsize)
        crc: tuple[Json, ...] = (codec, CRC)
        for label, codecs, cell in (
            ("little", (LITTLE, *crc), (3, 4)),
            ("big", (BIG, *crc), (3, 4)),
            ("shard", (sharding((3, 4), (LITTLE, zstd(1), CRC)),), (6, 8)),
        ):
            yield Case(
                f"type-{name}-{label}",
                name,
                chunk_shape=cell,
                codecs=codecs,
                fill_value=zero,
                features=(f"type {name}",) + (("big-endian",) if label == "big" else ()),
            )


def of_codecs() -> Iterator[Case]:
    """Every codec in its variants."""
    chains: dict[str, tuple[Json, ...]] = {
        "none": (LITTLE,),
        "crc": (LITTLE, CRC),
        "crc-twice": (LITTLE, CRC, CRC),
        "big-crc": (BIG, CRC),
        "gzip1": (LITTLE, gzip(1)),
        "gzip9-crc": (LITTLE, gzip(9), CRC),
        "gzip0": (LITTLE, gzip(0)),
        "zstd-5": (LITTLE, zstd(-5)),
        "zstd0": (LITTLE, zstd(0)),
        "zstd3-checksum": (LITTLE, zstd(3, True)),
        "zstd22-crc": (LITTLE, zstd(22), CRC),
        "zstd-then-gzip": (LITTLE, zstd(1), gzip(1)),
        "crc-then-zstd": (LITTLE, CRC, zstd(1)),
        "transpose": (transpose(1, 0), LITTLE),
        "transpose-big-zstd-crc": (transpose(1, 0), BIG, zstd(3), CRC),
        "transpose-identity": (transpose(0, 1), LITTLE, zstd(3)),
        "transpose-twice": (transpose(1, 0), transpose(1, 0), LITTLE, gzip(5)),
    }
    for cname in "lz4 lz4hc blosclz zstd zlib snappy".split():
        for shuffle in "noshuffle shuffle bitshuffle".split():
            chains[f"blosc-{cname}-{shuffle}"] = (LITTLE, blosc(cname, shuffle, 2))
    chains["blosc-level0"] = (LITTLE, blosc("lz4", "shuffle", 2, 0))
    chains["blosc-level9-crc"] = (LITTLE, blosc("zstd", "bitshuffle", 2, 9), CRC)
    for label, chain in chains.items():
        yield Case(f"codec-{label}", shape=(50, 60), chunk_shape=(20, 32), codecs=chain)
    for order in ((2, 1, 0), (1, 2, 0), (2, 0, 1)):
        yield Case(
            f"codec-transpose-{''.join(map(str, order))}",
            "int32",
            (5, 6, 7),
            (2, 3, 4),
            (transpose(*order), LITTLE, zstd(1)),
        )
    native = (
        ("none", {"name": "none", "configuration": {}}, (LITTLE, CRC)),
        ("gzip", gzip(6), (LITTLE, gzip(6), CRC)),
        ("zstd", zstd(3), (LITTLE, zstd(3), CRC)),
        ("blosc", blosc("lz4", "shuffle", 2), (LITTLE, blosc("lz4", "shuffle", 2), CRC)),
    )
    for label, codec, chain in native:
        yield Case(f"native-{label}", codecs=chain, native={"codec": codec})
        yield Case(
            f"native-{label}-sharded",
            shape=(50, 60),
            chunk_shape=(20, 30),
            codecs=(sharding((10, 15), chain),),
            native={"codec": codec, "chunk_shape": [10, 15], "shard_shape": [20, 30]},
        )


def of_shapes() -> Iterator[Case]:
    """Ranks from 0 to 5, zero-length dimensions, edge chunks; plain and sharded."""
    shapes: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
        ((), ()),
        ((1,), (1,)),
        ((0,), (5,)),
        ((13,), (5,)),
        ((13,), (100,)),
        ((5, 0), (2, 3)),
        ((0, 5, 3), (1, 2, 2)),
        ((7, 9), (7, 9)),
        ((7, 9), (2, 4)),
        ((3, 4, 5), (2, 2, 2)),
        ((2, 3, 4, 5), (1, 2, 3, 4)),
        ((2, 3, 2, 3, 2), (2, 2, 1, 2, 2)),
        ((1, 1, 1, 1, 1), (1, 1, 1, 1, 1)),
        ((1, 300), (1, 7)),
    )
    for shape, chunk in shapes:
        label = (
            f"{'x'.join(map(str, shape)) or 'scalar'}-by-{'x'.join(map(str, chunk)) or 'scalar'}"
        )
        yield Case(f"shape-{label}", "int32", shape, chunk)
        shard = tuple(2 * extent for extent in chunk)
        codecs = (sharding(chunk, (LITTLE, zstd(1), CRC)),)
        yield Case(f"shape-{label}-sharded", "int32", shape, shard, codecs)


def of_shards() -> Iterator[Case]:
    """The sharding codec: index place and codecs, inner codecs, neighbours, nesting."""
    indexes: dict[str, tuple[Json, ...]] = {"crc": INDEX, "bare": (LITTLE,), "big": (BIG, CRC)}
    inners: dict[str, tuple[Json, ...]] = {
        "raw": (LITTLE,),
        "zstd-crc": (LITTLE, zstd(3), CRC),
        "transpose": (transpose(1, 0), LITTLE, gzip(1)),
    }
    for where in ("start", "end"):
        for index_label, index in indexes.items():
            for inner_label, inner in inners.items():
                yield Case(
                    f"shard-{where}-{index_label}-{inner_label}",
                    shape=(13, 17),
                    chunk_shape=(8, 9),
                    codecs=(sharding((4, 3), inner, index, where),),
                    box=((2, 1), (9, 15)),
                )
    nested = sharding((8, 6), (sharding((2, 3), (LITTLE, zstd(1)), INDEX, "start"),))
    shape, cell = (30, 20), (16, 12)
    yield Case("shard-nested", shape=shape, chunk_shape=cell, codecs=(nested,))
    inner = sharding((2, 3), (LITTLE, CRC))
    yield Case("shard-then-gzip", shape=shape, chunk_shape=cell, codecs=(inner, gzip(1)))
    yield Case("shard-then-crc", shape=shape, chunk_shape=cell, codecs=(inner, CRC))
    turned = (transpose(1, 0), sharding((3, 2), (LITTLE, CRC)))
    yield Case("shard-transposed", shape=shape, chunk_shape=(4, 6), codecs=turned)
    square = (transpose(1, 0), sharding((4, 4), (LITTLE, zstd(1))))
    yield Case("shard-transposed-square", shape=shape, chunk_shape=(8, 8), codecs=square)


def of_fill_values() -> Iterator[Case]:
    """Fill values in all their forms, seen in chunks that were never written."""
    values: tuple[tuple[str, Json, str, bool], ...] = (
        ("bool", True, "01", False),
        ("int8", -128, "80", False),
        ("int64", -(2**63), "0000000000000080", False),
        ("uint64", 2**64 - 1, "ffffffffffffffff", False),
        ("uint64", 2**53 + 1, "0100000000002000", False),
        ("float16", "NaN", "007e", False),
        ("float32", "NaN", "0000c07f", False),
        ("float64", "NaN", "000000000000f87f", False),
        ("float64", "-Infinity", "000000000000f0ff", False),
        ("float32", "Infinity", "0000807f", False),
        ("float32", -1.5, "0000c0bf", False),
        ("float64", -0.0, "0000000000000080", False),
        ("float64", 0.1, "9a9999999999b93f", False),
        ("bfloat16", "NaN", "c07f", False),
        ("bfloat16", 1.5, "c03f", False),
        ("complex64", [1.0, "NaN"], "0000803f0000c07f", False),
        ("complex128", ["-Infinity", 0.5], "000000000000f0ff000000000000e03f", False),
        ("float16", "0x7d00", "007d", True),
        ("float32", "0x7fc00001", "0100c07f", True),
        ("float64", "0x7ff8000000000abc", "bc0a00000000f87f", True),
        ("bfloat16", "0x7fc1", "c17f", True),
    )
    for name, value, bits, payload in values:
        label = "".join(c if c.isalnum() else "_" for c in json.dumps(value))
        yield Case(
            f"fill-{name}-{label}",
            name,
            fill_value=value,
            fill_bits=bits,
            box=((3, 4), (2, 5)),
            nan_payload=payload,
        )


def of_keys() -> Iterator[Case]:
    """Key encodings, dimension names, attributes."""
    for encoding in ("default", "v2"):
        for separator in ("/", "."):
            for rank in (0, 1, 3):
                yield Case(
                    f"keys-{encoding}-{'slash' if separator == '/' else 'dot'}-rank{rank}",
                    "uint8",
                    (3, 25, 2)[:rank],
                    (1, 2, 2)[:rank],
                    key_encoding=encoding,
                    separator=separator,
                )
    yield Case("names", dimension_names=("y", "x"), attributes={"b": [1, None], "a": {"c": 0.5}})
    yield Case("names-null", dimension_names=(None, "x"))
    yield Case("names-empty", dimension_names=("", "x"))
    yield Case("names-twice", dimension_names=("x", "x"))


def of_deep_shards() -> Iterator[Case]:
    """Nested shards, transposes around and inside, codecs after sharding, shards at edges."""
    inners: dict[str, tuple[Json, ...]] = {
        "raw": (LITTLE,),
        "zstd-crc": (LITTLE, zstd(3), CRC),
        "transpose": (transpose(1, 0), BIG, gzip(1)),
    }
    for outer in ("start", "end"):
        for inner in ("start", "end"):
            for label, chain in inners.items():
                nested = sharding((8, 6), (sharding((2, 3), chain, INDEX, inner),), INDEX, outer)
                yield Case(
                    f"shard-nested-{outer}-{inner}-{label}",
                    shape=(30, 20),
                    chunk_shape=(16, 12),
                    codecs=(nested,),
                    box=((1, 2), (22, 17)),
                )
    for order in ((2, 1, 0), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2)):
        for where in ("start", "end"):
            turned = (transpose(*order), sharding((2, 2, 2), (LITTLE, zstd(1), CRC), INDEX, where))
            yield Case(
                f"shard-turned-{''.join(map(str, order))}-{where}",
                "int32",
                (9, 5, 6),
                (4, 4, 4),
                turned,
                box=((1, 0, 2), (7, 5, 3)),
            )
    after = {"gzip": gzip(1), "zstd": zstd(1), "crc": CRC, "blosc": blosc("lz4", "shuffle", 2)}
    for label, codec in after.items():
        for where in ("start", "end"):
            chain = (sharding((4, 3), (LITTLE, CRC), INDEX, where), codec)
            yield Case(
                f"shard-{where}-then-{label}", shape=(13, 17), chunk_shape=(8, 9), codecs=chain
            )
    edges: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], ...] = (
        ((1,), (64,), (1,)),
        ((65,), (64,), (8,)),
        ((7, 1), (6, 4), (3, 2)),
        ((1, 129), (2, 128), (1, 64)),
        ((0, 7), (4, 4), (2, 2)),
        ((3, 5, 7), (2, 4, 8), (2, 4, 8)),
    )
    for shape, shard, chunk in edges:
        label = "x".join(map(str, shape))
        for kind in ("float32", "uint8"):
            chain = (sharding(chunk, (LITTLE, zstd(1), CRC)),)
            yield Case(f"shard-edge-{label}-{kind}", kind, shape, shard, chain)


def of_typed_shards() -> Iterator[Case]:
    """Nested shards with the index at the start and big-endian elements, of every data type."""
    for name, dtype in DTYPES.items():
        zero = ZEROS.get(name, 0 if dtype.kind in "iu" else 0.0)
        inner = sharding((2, 3), (BIG, zstd(1), CRC), INDEX, "end")
        chain = (sharding((4, 6), (inner,), INDEX, "start"),)
        yield Case(f"shard-typed-{name}", name, (9, 13), (8, 12), chain, zero)
        if dtype.kind not in "biu":
            chain = (sharding((2, 3), (LITTLE, CRC)),)
            yield Case(f"shard-special-{name}", name, (9, 13), (8, 12), chain, zero, special=True)


def of_specials() -> Iterator[Case]:
    """Elements of any bits: NaNs with payloads, infinities, subnormal numbers, negative zeros."""
    for name in "float16 float32 float64 complex64 complex128 bfloat16".split():
        zero = ZEROS.get(name, 0.0)
        for label, endian in (("little", LITTLE), ("big", BIG)):
            chain = (endian, zstd(1), CRC)
            yield Case(f"special-{name}-{label}", name, codecs=chain, fill_value=zero, special=True)


def numcodec(name: str, **members: Json) -> Json:
    """A compressor of Zarr v2."""
    return {"id": name, **members}


def numcodec_blosc(cname: str, shuffle: int, clevel: int = 5) -> Json:
    """The compressor blosc."""
    return numcodec("blosc", cname=cname, clevel=clevel, shuffle=shuffle, blocksize=0)


ZSTD2 = numcodec("zstd", level=3)
LZMA2 = 33
DELTA = 3
COMPRESSORS: dict[str, Json] = {
    "none": None,
    "zlib1": numcodec("zlib", level=1),
    "zlib9": numcodec("zlib", level=9),
    "gzip0": numcodec("gzip", level=0),
    "gzip6": numcodec("gzip", level=6),
    "bz2-1": numcodec("bz2", level=1),
    "bz2-9": numcodec("bz2", level=9),
    "zstd-1": numcodec("zstd", level=-1),
    "zstd0": numcodec("zstd", level=0),
    "zstd22": numcodec("zstd", level=22),
    "lz4-1": numcodec("lz4", acceleration=1),
    "lz4-50": numcodec("lz4", acceleration=50),
    "lzma-xz": numcodec("lzma", format=1, check=-1, preset=None, filters=None),
    "lzma-xz9": numcodec("lzma", format=1, check=10, preset=9, filters=None),
    "lzma-alone": numcodec("lzma", format=2, check=-1, preset=1, filters=None),
    "lzma-raw": numcodec(
        "lzma",
        format=3,
        check=-1,
        preset=None,
        filters=[{"id": DELTA, "dist": 2}, {"id": LZMA2, "preset": 1}],
    ),
    **{f"blosc-{cname}": numcodec_blosc(cname, 1) for cname in "lz4hc blosclz zlib zstd".split()},
    **{f"blosc-shuffle{shuffle}": numcodec_blosc("lz4", shuffle) for shuffle in (-1, 0, 1, 2)},
    "blosc-level0": numcodec_blosc("lz4", 1, 0),
}


def of_zarr2_encodings() -> Iterator[Case]:
    """Zarr v2: every data type in both byte orders, every compressor in both orders."""
    for name, dtype in DTYPES.items():
        zero = ZEROS.get(name, 0 if dtype.kind in "iu" else 0.0)
        orders = {"little": dtype.str}
        if name == "bfloat16":
            orders = {"little": "bfloat16"}
        elif dtype.itemsize > 1:
            orders["big"] = dtype.newbyteorder(">").str
        for order, text in orders.items():
            for special in (False, True)[: 2 if dtype.kind in "fcV" else 1]:
                yield Case(
                    f"v2-type-{name}-{order}" + ("-special" if special else ""),
                    name,
                    fill_value=zero,
                    separator=".",
                    v2={"compressor": numcodec("zlib", level=1), "order": "C", "dtype": text},
                    special=special,
                    features=(f"v2 type {name}",) + (("v2 big-endian",) if order == "big" else ()),
                )
    for label, compressor in COMPRESSORS.items():
        family = "no compressor" if compressor is None else compressor["id"]
        for order in ("C", "F"):
            yield Case(
                f"v2-codec-{label}-{order}",
                shape=(50, 60),
                chunk_shape=(20, 32),
                separator=".",
                v2={"compressor": compressor, "order": order},
                features=(f"v2 {family}", f"v2 order {order}"),
            )
    yield Case(
        "v2-codec-blosc-bytes",
        "uint8",
        separator=".",
        v2={"compressor": numcodec_blosc("zstd", -1), "order": "C"},
        features=("v2 blosc",),
    )


def of_zarr2_shapes() -> Iterator[Case]:
    """Zarr v2: ranks, zero-length dimensions and edges in both orders; keys; attributes."""
    shapes: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
        ((), ()),
        ((1,), (1,)),
        ((0,), (5,)),
        ((13,), (5,)),
        ((13,), (100,)),
        ((5, 0), (2, 3)),
        ((7, 9), (7, 9)),
        ((7, 9), (2, 4)),
        ((3, 4, 5), (2, 2, 2)),
        ((2, 3, 4, 5), (1, 2, 3, 4)),
        ((2, 3, 2, 3, 2), (2, 2, 1, 2, 2)),
        ((1, 300), (1, 7)),
    )
    for shape, chunk in shapes:
        label = "x".join(map(str, shape)) or "scalar"
        cell = "x".join(map(str, chunk)) or "scalar"
        for order in ("C", "F"):
            yield Case(
                f"v2-shape-{label}-by-{cell}-{order}",
                "int32",
                shape,
                chunk,
                separator=".",
                v2={"compressor": ZSTD2, "order": order, "dtype": ">i4"},
                features=("v2 shapes and edges",),
            )
    for separator, word in ((".", "dot"), ("/", "slash")):
        for rank in (0, 1, 3):
            yield Case(
                f"v2-keys-{word}-rank{rank}",
                "uint8",
                (3, 25, 2)[:rank],
                (1, 2, 2)[:rank],
                separator=separator,
                v2={"compressor": None, "order": "C"},
                features=(f"v2 separator {separator}",),
            )
    yield Case(
        "v2-attributes",
        separator=".",
        attributes={"b": [1, None], "a": {"c": 0.5}},
        v2={"compressor": ZSTD2, "order": "C"},
        features=("v2 attributes",),
    )


def of_zarr2_fill_values() -> Iterator[Case]:
    """Zarr v2: fill values, seen in chunks that were never written."""
    values: tuple[tuple[str, Json, str], ...] = (
        ("bool", True, "01"),
        ("bool", False, "00"),
        ("int8", -128, "80"),
        ("int64", -(2**63), "0000000000000080"),
        ("uint64", 2**64 - 1, "ffffffffffffffff"),
        ("float16", "NaN", "007e"),
        ("float32", "NaN", "0000c07f"),
        ("float64", "NaN", "000000000000f87f"),
        ("float64", "-Infinity", "000000000000f0ff"),
        ("float32", "Infinity", "0000807f"),
        ("float32", -1.5, "0000c0bf"),
        ("float64", 0.1, "9a9999999999b93f"),
        ("bfloat16", 1.5, "c03f"),
        ("complex64", [1.0, "NaN"], "0000803f0000c07f"),
        ("complex128", ["-Infinity", 0.5], "000000000000f0ff000000000000e03f"),
        ("uint16", None, "0000"),
        ("float64", None, "0000000000000000"),
    )
    for name, value, bits in values:
        label = "".join(c if c.isalnum() else "_" for c in json.dumps(value))
        orders = ["<"] if name == "bfloat16" or DTYPES[name].itemsize == 1 else ["<", ">"]
        for order in orders:
            text = name if name == "bfloat16" else DTYPES[name].newbyteorder(order).str
            yield Case(
                f"v2-fill-{name}-{label}-{'big' if order == '>' else 'little'}",
                name,
                fill_value=value,
                fill_bits=bits,
                separator=".",
                box=((3, 4), (2, 5)),
                v2={"compressor": ZSTD2, "order": "C", "dtype": text},
                features=("v2 fill value null" if value is None else "v2 fill values",),
            )


def codec_features(codecs: tuple[Json, ...], depth: int = 0) -> Iterator[str]:
    """What a list of codecs of Zarr v3 shows."""
    names = [codec["name"] for codec in codecs]
    for codec in codecs:
        name, configuration = codec["name"], codec.get("configuration", {})
        if name == "blosc":
            yield f"blosc {configuration['cname']}"
        elif name == "bytes":
            if configuration["endian"] == "big":
                yield "big-endian"
        elif name == "sharding_indexed":
            yield "sharding, nested" if depth else "sharding"
            if configuration["index_location"] == "start":
                yield "sharding, index at the start"
            yield from codec_features(tuple(configuration["codecs"]), depth + 1)
        else:
            yield name
    if "sharding_indexed" in names:
        if names[-1] != "sharding_indexed":
            yield "sharding, codecs after it"
        if names[0] == "transpose":
            yield "sharding, transpose before it"


def features_of(case: Case) -> list[str]:
    """The rows of docs/formats.md that a case counts in."""
    if case.v2:
        return sorted(set(case.features))
    found = set(case.features) | set(codec_features(case.codecs))
    found.add("rank 0" if not case.shape else "ranks 1 to 5")
    if 0 in case.shape:
        found.add("dimensions of no length")
    if case.name.startswith("fill-"):
        found.add("fill values, NaNs with payloads" if case.nan_payload else "fill values")
    if case.special:
        found.add("elements of any bits")
    if case.name.startswith("keys-"):
        found.add(f"chunk keys {case.key_encoding} {case.separator}")
    if case.dimension_names:
        found.add("dimension names")
    return sorted(found)


CASES: tuple[Case, ...] = (
    *of_types(),
    *of_codecs(),
    *of_shapes(),
    *of_shards(),
    *of_fill_values(),
    *of_keys(),
    *of_deep_shards(),
    *of_typed_shards(),
    *of_specials(),
    *of_zarr2_encodings(),
    *of_zarr2_shapes(),
    *of_zarr2_fill_values(),
)
