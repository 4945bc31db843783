"""Malformed arrays of Zarr v2: documents from the unit tests' table, and chunks of the compressors
that v3 lacks. The others are those of cases.py.
"""

import bz2
import json
import lzma
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from cases import DATA, GIB, ROOT, Case, Content, refused, table

TABLE = ROOT / "tests" / "unit" / "drivers" / "zarr2" / "bad_documents.h"
GOOD: dict[str, Any] = {
    "zarr_format": 2,
    "shape": [4, 6],
    "chunks": [2, 3],
    "dtype": "<u2",
    "compressor": {"id": "zstd", "level": 3},
    "fill_value": 7,
    "order": "C",
    "filters": None,
}
SHORT = "the chunk decodes to 11 bytes, expected 12"
# By verify, and by cp, which reads in place.
IN_PLACE = " || stored size 11, a chunk has 12 || stored size is not the 12 bytes of a chunk"


def document(**members: Any) -> bytes:
    """The good document with these members."""
    return json.dumps({k: v for k, v in (GOOD | members).items() if v != "absent"}).encode()


def document_cases() -> Iterator[Case]:
    """Documents that must be refused when the array is opened."""
    for number, (patch, error) in enumerate(table(TABLE)):
        name = f"v2 table {number}: {json.dumps(patch)[:60]}"
        yield refused(name, ".zarray", document(**patch), error)
    good = document()
    for name, (text, error) in {
        "empty": (b"", "JSON, line 1, column 1: syntax error"),
        "a list": (b"[]", "at $: expected an object, got []"),
        "cut short": (good[:-10], "JSON, line 1"),
        "10^5 lists": (b"[" * 10**5, "column 65: nested deeper than 64"),
        "a member twice": (good.replace(b"{", b'{"shape": [1], ', 1), 'duplicate key "shape"'),
    }.items():
        yield Case("v2 document: " + name, {".zarray": text}, ".zarray", error)


def lz4(data: bytes, size: int | None = None) -> bytes:
    """The decoded size and a block of literals."""
    size = len(data) if size is None else size
    return struct.pack("<I", size & 0xFFFFFFFF) + bytes([len(data) << 4]) + data


def chunk_case(name: str, compressor: Any, data: Content, text: str) -> Case:
    """An array whose chunk 1.0 is wrong."""
    files: dict[str, Content] = {".zarray": document(compressor=compressor), "1.0": data}
    return Case("v2 " + name, files, "1.0", text, "read")


def chunk_cases() -> Iterator[Case]:
    """Chunks that are wrong."""
    yield chunk_case("raw: cut short", None, DATA[:-1], SHORT + IN_PLACE)
    yield chunk_case("raw: too long", None, DATA + b"x", "stored size")
    packed = zlib.compress(DATA)
    for name, (data, text) in {
        "empty": (b"", "damaged zlib data"),
        "garbage": (b"garbage", "damaged zlib data"),
        "cut short": (packed[:-3], "damaged zlib data"),
        "a wrong sum": (packed[:-1] + bytes([packed[-1] ^ 1]), "damaged zlib data"),
        "too few": (zlib.compress(DATA[:-1]), SHORT),
        "too many": (zlib.compress(DATA + b"x"), "zlib data decodes to more than the 12 bytes"),
        "garbage behind": (packed + b"xyz", "zlib data with 3 bytes after its end"),
    }.items():
        yield chunk_case("zlib: " + name, {"id": "zlib", "level": 1}, data, text)
    packed = bz2.compress(DATA)
    for name, (data, text) in {
        "empty": (b"", "damaged bzip2 data: 0 bytes"),
        "garbage": (b"garbage", "damaged bzip2 data"),
        "cut short": (packed[:-3], "damaged bzip2 data: cut short"),
        "too few": (bz2.compress(DATA[:-1]), SHORT),
        "too many": (bz2.compress(DATA + b"x"), "bzip2 data decodes to more than the 12 bytes"),
        "a bomb": (bz2.compress(bytes(1 << 24)) * 64, "bzip2 data decodes to more than"),
    }.items():
        yield chunk_case("bz2: " + name, {"id": "bz2", "level": 1}, data, text)
    yield from small_cases()


def small_cases() -> Iterator[Case]:
    """The same of lz4 and lzma."""
    for name, (data, text) in {
        "empty": (b"", "damaged lz4 data: 0 bytes"),
        "three bytes": (b"\x0c\0\0", "damaged lz4 data: 3 bytes"),
        "declares nothing": (lz4(DATA, 0), "damaged lz4 data"),
        "declares fewer": (lz4(DATA, 11), "damaged lz4 data"),
        "declares more": (lz4(DATA, 13), "lz4 data decodes to 13 bytes"),
        "declares 2^32 - 1": (
            lz4(DATA, -1),
            "lz4 data decodes to 4294967295 bytes || damaged lz4 data",
        ),
        "cut short": (lz4(DATA)[:-1], "damaged lz4 data"),
        "garbage behind": (lz4(DATA) + b"\xff" * 8, "damaged lz4 data"),
        "too few": (lz4(DATA[:-1]), SHORT),
    }.items():
        yield chunk_case("lz4: " + name, {"id": "lz4", "acceleration": 1}, data, text)
    packed = lzma.compress(DATA)
    compressor = {"id": "lzma", "format": 1, "check": -1, "preset": None, "filters": None}
    for name, (data, text) in {
        "empty": (b"", "damaged lzma data"),
        "garbage": (b"garbage", "damaged lzma data"),
        "cut short": (packed[:-3], "damaged lzma data: cut short"),
        "too few": (lzma.compress(DATA[:-1]), SHORT),
        "too many": (lzma.compress(DATA + b"x"), "lzma data decodes to more than the 12 bytes"),
        "garbage behind": (packed + b"xyz", "lzma data with 3 bytes after its end"),
        "a bomb": (lzma.compress(bytes(GIB >> 4)), "lzma data decodes to more than"),
    }.items():
        yield chunk_case("lzma: " + name, compressor, data, text)


def all_cases() -> list[Case]:
    """Every case of v2."""
    return [*document_cases(), *chunk_cases()]
