"""The malformed arrays: what lies in each folder, and what its error must say.

Documents come from the table of the unit tests (tests/unit/drivers/zarr3/bad_documents.h), each
with its whole error, and from here where a document is no JSON object at all. Chunks are put
together by encoding.py, with one thing wrong in each.
"""

import copy
import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import encoding as enc

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests" / "unit" / "drivers" / "zarr3" / "bad_documents.h"
GIB = 1 << 30


FIFO = -1
Content = bytes | str | int
"""Of a file: its bytes, the target of a link, so many zeros, or FIFO."""


class Case(NamedTuple):
    """One folder. `text` is what the error says of the file `key`; " || " stands between several
    that it may say.
    """

    name: str
    files: Mapping[str, Content]
    key: str
    text: str
    found_by: str = "open"
    """open: by every command; group: by every one, but cat has another reason; read: by every one
    but info; verify: by verify and repair alone.
    """
    unsupported: bool = False
    """Not wrong as far as anybody can tell: verify and repair say that they did not check it."""


TOO_LONG = "bytes, but the reader takes at most 16777216"
LEADS_OUT = (
    "a symbolic link leads out of the store's root, or in a circle, or cannot be followed here"
)
NO_FILE = "not a regular file"
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
GOOD: dict[str, Any] = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [4, 6],
    "data_type": "uint16",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 7,
    "codecs": [LITTLE],
    "attributes": {"b": 1, "a": [None]},
}
DATA = bytes(range(12))  # Of one chunk.
KEYS = ("c/0/0", "c/0/1", "c/1/0", "c/1/1")


def document(**members: Any) -> bytes:
    """The good document with these members."""
    return json.dumps(copy.deepcopy(GOOD) | members).encode()


# Documents.

_ENTRY = re.compile(r'\{R"\((?P<patch>.*?)\)",\s*(?P<error>(?:"(?:\\.|[^"\\])*"\s*)+)\}', re.DOTALL)
_PART = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)


def table(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """The patches and errors of a table of the unit tests."""
    text = path.read_text(encoding="utf-8")
    for match in _ENTRY.finditer(text):
        error = "".join(_PART.findall(match["error"]))
        yield json.loads(match["patch"]), error.replace('\\"', '"')


def patched(patch: dict[str, Any]) -> bytes:
    """The document that the unit tests make of a patch: the good one has more codecs there."""
    zstd = {"name": "zstd", "configuration": {"level": 3, "checksum": False}}
    members = GOOD | {"codecs": [LITTLE, zstd, {"name": "crc32c"}]} | patch
    return json.dumps({k: v for k, v in members.items() if v != "absent"}).encode()


def refused(name: str, key: str, content: bytes, error: str) -> Case:
    """Of a document that is refused with this error, its code included."""
    code, _, text = error.partition(": ")
    return Case(name, {key: content}, key, text, unsupported=code == "Unimplemented")


def document_cases() -> Iterator[Case]:
    """Documents that must be refused when the array is opened."""
    for number, (patch, error) in enumerate(table(TABLE)):
        name = f"table {number}: {json.dumps(patch)[:60]}"
        yield refused(name, "zarr.json", patched(patch), error)
    good = document()
    raw: dict[str, tuple[bytes, str]] = {
        "empty": (b"", "JSON, line 1, column 1: syntax error"),
        "a list": (b"[]", "at $: expected an object, got []"),
        "null": (b"null", "at $: expected an object, got null"),
        "cut short": (good[:-40], "unexpected end of input"),
        "cut in a string": (good[: good.index(b"uint16") + 3], "missing closing quote"),
        "twice": (good + good, "unexpected '{'; expected end of input"),
        "no UTF-8": (good.replace(b"uint16", b"uint\xff\xfe"), "ill-formed UTF-8 byte"),
        "UTF-16": (good.decode().encode("utf-16"), "column 4: a NUL byte"),
        "NUL behind it": (good + b"\0", "a NUL byte"),
        "NaN": (
            good.replace(b'"fill_value": 7', b'"fill_value": NaN'),
            "at $.fill_value: expected an integer from 0 to 65535, got NaN",
        ),
        "Infinity": (
            good.replace(b'"fill_value": 7', b'"fill_value": -Infinity'),
            "at $.fill_value: expected an integer from 0 to 65535, got -Infinity",
        ),
        "a comment": (good.replace(b"{", b"{ // a comment\n", 1), "invalid literal"),
        "a comma too much": (good[:-1] + b",}", "unexpected '}'"),
        "a member twice": (
            good.replace(b"{", b'{"shape": [1, 1], ', 1),
            'column 65: duplicate key "shape"',
        ),
        "10^5 lists": (b"[" * 10**5 + b"]" * 10**5, "column 65: nested deeper than 64"),
        "10^6 open objects": (b'{"a":' * 10**6, "nested deeper than 64"),
        "a number of 10^6 digits": (
            good.replace(b'"fill_value": 7', b'"fill_value": ' + b"9" * 10**6),
            ": number overflow",
        ),
        "1e400": (
            document(data_type="float64").replace(b'"fill_value": 7', b'"fill_value": 1e400'),
            ": number overflow",
        ),
    }
    for name, (text, error) in raw.items():
        yield Case("document: " + name, {"zarr.json": text}, "zarr.json", error)
    yield Case("document: 17 MiB", {"zarr.json": good + b" " * (17 << 20)}, "zarr.json", TOO_LONG)
    yield Case("document: 1 TiB of zeros", {"zarr.json": 1 << 40}, "zarr.json", TOO_LONG)
    yield Case("document: a link out", {"zarr.json": "/etc/hostname"}, "zarr.json", LEADS_OUT)
    yield Case("document: a link to itself", {"zarr.json": "zarr.json"}, "zarr.json", LEADS_OUT)
    yield Case("document: a FIFO", {"zarr.json": FIFO}, "zarr.json", NO_FILE)
    group: dict[str, Any] = {"zarr_format": 3, "node_type": "group"}
    wrong: dict[str, tuple[dict[str, Any], str]] = {
        "attributes, a list": ({"attributes": []}, "at $.attributes: expected an object, got []"),
        "attributes, a text": ({"attributes": "x"}, "at $.attributes: expected an object"),
        "unknown member": ({"extra": 1}, 'at $: unknown member "extra"'),
    }
    for name, (member, error) in wrong.items():
        files = {"zarr.json": json.dumps(group | member).encode()}
        yield Case("group: " + name, files, "zarr.json", error, "group")


# Chunks.


def chunk_case(
    name: str, codecs: list[Any], data: Content, text: str, key: str = "c/1/0", **more: Any
) -> Case:
    """An array whose chunk `key` is wrong; the others are missing, which is legal."""
    files: dict[str, Content] = {"zarr.json": document(codecs=codecs, **more), key: data}
    return Case(name, files, key, text, "read")


def large_chunk(name: str, codec: Any, data: bytes, text: str) -> Case:
    """The same with a chunk of 2 MiB, which may be stored in as many bytes."""
    large = {"name": "regular", "configuration": {"chunk_shape": [1024, 1024]}}
    return chunk_case(name, [LITTLE, codec], data, text, key="c/0/0", chunk_grid=large)


CRC32C = {"name": "crc32c"}
GZIP = {"name": "gzip", "configuration": {"level": 1}}
ZSTD = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
BLOSC = {
    "name": "blosc",
    "configuration": {
        "cname": "lz4",
        "clevel": 5,
        "shuffle": "noshuffle",
        "typesize": 2,
        "blocksize": 0,
    },
}


CUT_CHECKSUM = (
    "checksum of 11 bytes is 0xfb159dfa, stored is 0x83aaba0b || stored size 15, a chunk has 16"
)


def plain_cases() -> Iterator[Case]:
    """Chunks without compression, with and without a checksum."""
    codecs: list[Any] = [LITTLE]
    in_place = " || stored size is not the 12 bytes of a chunk"  # By cp, which reads in place.
    for name, (data, text) in {
        "empty": (b"", "decodes to 0 bytes, expected 12 || stored size 0, a chunk has 12"),
        "cut short": (
            DATA[:-1],
            "decodes to 11 bytes, expected 12 || stored size 11, a chunk has 12",
        ),
        "one byte": (b"x", "decodes to 1 bytes, expected 12 || stored size 1, a chunk has 12"),
        "a byte too long": (DATA + b"x", "stored size 13 is more than a chunk can have"),
        "twice": (DATA * 2, "stored size 24 is more than a chunk can have"),
    }.items():
        yield chunk_case("bytes: " + name, codecs, data, text + in_place)
    yield chunk_case(
        "bytes: 1 TiB of zeros",
        codecs,
        1 << 40,
        "stored size 1099511627776 is more than" + in_place,
    )
    yield chunk_case("bytes: a link out", codecs, "/etc/hostname", LEADS_OUT)
    yield chunk_case("bytes: a link to itself", codecs, "0", LEADS_OUT)
    yield chunk_case("bytes: a FIFO", codecs, FIFO, NO_FILE)
    transposed = [{"name": "transpose", "configuration": {"order": [1, 0]}}, LITTLE]
    yield chunk_case(
        "transpose: cut short",
        transposed,
        DATA[:-2],
        "the chunk decodes to 10 bytes, expected 12 || stored size 10, a chunk has 12",
    )
    right = DATA + enc.crc32c(DATA)
    flipped = bytes([DATA[0] ^ 1]) + right[1:]
    for name, (data, text) in {
        "empty": (b"", "got 0 bytes, fewer than a checksum || stored size 0, a chunk has 16"),
        "three bytes": (
            right[:3],
            "got 3 bytes, fewer than a checksum || stored size 3, a chunk has 16",
        ),
        "of nothing": (
            enc.crc32c(b""),
            "decodes to 0 bytes, expected 12 || stored size 4, a chunk has 16",
        ),
        "a flipped bit": (flipped, "checksum of 12 bytes is 0x62f27e8a, stored is 0x5383aaba"),
        "a flipped bit of the sum": (
            right[:-1] + bytes([right[-1] ^ 0x80]),
            "checksum of 12 bytes is 0x5383aaba, stored is 0xd383aaba",
        ),
        "big endian": (
            DATA + enc.crc32c(DATA)[::-1],
            "checksum of 12 bytes is 0x5383aaba, stored is 0xbaaa8353",
        ),
        "zlib's crc32": (
            DATA + b"\x92\x5a\xad\x7e",
            "checksum of 12 bytes is 0x5383aaba, stored is 0x7ead5a92",
        ),
        "cut short": (right[:-1], CUT_CHECKSUM),
        "a byte behind": (right + b"x", "stored size 17 is more than a chunk can have"),
        "right, of too few": (
            DATA[:-2] + enc.crc32c(DATA[:-2]),
            "the chunk decodes to 10 bytes, expected 12 || stored size 14, a chunk has 16",
        ),
        "right, of too many": (
            DATA + b"xx" + enc.crc32c(DATA + b"xx"),
            "stored size 18 is more than a chunk can have",
        ),
    }.items():
        yield chunk_case("crc32c: " + name, [LITTLE, CRC32C], data, text)


def gzip_cases() -> Iterator[Case]:
    """Chunks that gzip packed."""
    right = enc.gzipped(DATA)
    for name, (data, text) in {
        "empty": (b"", "no gzip data: 0 bytes"),
        "garbage": (
            b"garbage, for sure",
            "damaged gzip data in the member that begins 17 bytes before the end",
        ),
        "header alone": (
            right[:10],
            "damaged gzip data in the member that begins 10 bytes before the end",
        ),
        "cut in the middle": (
            right[:15],
            "damaged gzip data in the member that begins 15 bytes before the end",
        ),
        "cut in the trailer": (
            right[:-5],
            "damaged gzip data in the member that begins 27 bytes before the end",
        ),
        "wrong checksum": (
            right[:-8] + bytes(4) + right[-4:],
            "damaged gzip data in the member that begins 32 bytes before the end",
        ),
        "wrong size": (
            right[:-4] + b"\xff\xff\xff\xff",
            "damaged gzip data in the member that begins 32 bytes before the end",
        ),
        "another method": (
            right[:2] + b"\x07" + right[3:],
            "damaged gzip data in the member that begins 32 bytes before the end",
        ),
        "a reserved block": (
            right[:10] + b"\x07" + right[11:],
            "damaged gzip data in the member that begins 32 bytes before the end",
        ),
        "too few": (enc.gzipped(DATA[:-1]), "the chunk decodes to 11 bytes, expected 12"),
        "too many": (
            enc.gzipped(DATA + b"x"),
            "gzip data decodes to more than the 12 bytes expected",
        ),
        "garbage behind": (
            right + b"x",
            "damaged gzip data in the member that begins 1 bytes before the end",
        ),
        "a second member": (
            right + enc.gzipped(b"x"),
            "gzip data decodes to more than the 12 bytes expected",
        ),
        "zlib instead": (
            b"\x78\x9c" + right[10:-8],
            "damaged gzip data in the member that begins 16 bytes before the end",
        ),
        "a bomb of 1 GiB": (
            enc.gzip_bomb(GIB),
            "stored size 1044180 is more than a chunk can have",
        ),
        "members of nothing, and one byte": (
            enc.gzipped(b"") * 50 + enc.gzipped(b"x"),
            "the chunk decodes to 1 bytes, expected 12",
        ),
    }.items():
        yield chunk_case("gzip: " + name, [LITTLE, GZIP], data, text)
    yield large_chunk(
        "gzip: a bomb that fits", GZIP, enc.gzip_bomb(GIB), "gzip data decodes to more"
    )


def zstd_cases() -> Iterator[Case]:
    """Chunks that zstd packed."""
    right = enc.zstd_raw(DATA)
    raw = (0, DATA, 12)
    for name, (data, text) in {
        "empty": (b"", "no zstd data: 0 bytes"),
        "garbage": (b"garbage, for sure", "damaged zstd data: no frame begins"),
        "another magic": (b"\x27" + right[1:], "damaged zstd data: no frame begins"),
        "magic alone": (right[:4], "damaged zstd data: Src size"),
        "header alone": (right[:14], "damaged zstd data: Src size"),
        "cut in a block": (right[:-3], "damaged zstd data: Src size"),
        "too few": (enc.zstd_raw(DATA[:-1]), "the chunk decodes to 11 bytes, expected 12"),
        "too many": (
            enc.zstd_raw(DATA + b"x"),
            "zstd data decodes to more than the 12 bytes expected",
        ),
        "declares fewer": (enc.zstd(raw, content=11), "damaged zstd data: Data corruption"),
        "declares more": (enc.zstd(raw, content=13), "damaged zstd data: Data corruption"),
        "declares 2^62": (enc.zstd(raw, content=1 << 62), "damaged zstd data: Data corruption"),
        "declares 2^64 - 2": (enc.zstd(raw, content=2**64 - 2), "damaged zstd data: "),
        "a window of 2^41": (
            enc.zstd(raw, window=0xF8),
            "damaged zstd data: Frame requires too much memory",
        ),
        "a dictionary": (
            enc.zstd(raw, content=12, dictionary=True),
            "damaged zstd data: Dictionary mismatch",
        ),
        "a reserved block": (
            enc.zstd((3, DATA, 12), content=12),
            "damaged zstd data: Data corruption",
        ),
        "a wrong checksum": (
            enc.zstd(raw, content=12, checksum=b"abcd"),
            "damaged zstd data: Restored data doesn't match checksum",
        ),
        "garbage behind": (right + b"garbage", "damaged zstd data: no frame begins"),
        "a second frame": (right + right, "zstd data decodes to more than the 12 bytes expected"),
        "a skippable frame alone": (
            b"\x50\x2a\x4d\x18\x04\0\0\0abcd",
            "the chunk decodes to 0 bytes, expected 12",
        ),
        "a cut skippable frame": (
            right + b"\x50\x2a\x4d\x18\xff\xff\xff\xffabcd",
            "damaged zstd data: Unsupported frame parameter",
        ),
        "a bomb of 1 GiB": (
            enc.zstd_bomb(GIB),
            "zstd data decodes to more than the 12 bytes expected",
        ),
        "a block larger than the window": (
            enc.zstd((1, b"\0", (1 << 21) - 1), window=0),
            "zstd data decodes to more than the 12 bytes expected",
        ),
    }.items():
        yield chunk_case("zstd: " + name, [LITTLE, ZSTD], data, text)
    yield large_chunk(
        "zstd: a bomb that fits", ZSTD, enc.zstd_bomb(GIB), "zstd data decodes to more"
    )


def blosc_cases() -> Iterator[Case]:
    """Chunks that blosc packed."""
    right = enc.blosc(DATA)
    for name, (data, text) in {
        "empty": (b"", "damaged blosc data: no header of a buffer of 0 bytes"),
        "half a header": (right[:8], "damaged blosc data: no header of a buffer of 8 bytes"),
        "header alone": (right[:16], "damaged blosc data: no header of a buffer of 16 bytes"),
        "cut short": (right[:-1], "damaged blosc data: no header of a buffer of 27 bytes"),
        "a byte behind": (right + b"x", "damaged blosc data: no header of a buffer of 29 bytes"),
        "garbage": (
            b"garbage, and more than a header",
            "damaged blosc data: no header of a buffer of 31 bytes",
        ),
        "another version": (
            enc.blosc(DATA, version=99),
            "damaged blosc data: no header of a buffer of 28 bytes",
        ),
        "typesize 0": (
            enc.blosc(DATA, typesize=0, flags=0x01),
            "damaged blosc data: c-blosc says -1",
        ),
        "declares fewer": (
            enc.blosc(DATA, size=10, stored=28),
            "damaged blosc data: c-blosc says -1",
        ),
        "declares 2^31 - 1": (
            enc.blosc(DATA, size=2**31 - 1),
            "damaged blosc data: no header of a buffer of 28 bytes",
        ),
        "declares 2^32 - 1": (
            enc.blosc(DATA, size=2**32 - 1),
            "damaged blosc data: no header of a buffer of 28 bytes",
        ),
        "declares more stored": (
            enc.blosc(DATA, stored=2**31 - 1),
            "damaged blosc data: no header of a buffer of 28 bytes",
        ),
        "declares less stored": (
            enc.blosc(DATA, stored=17),
            "damaged blosc data: no header of a buffer of 28 bytes",
        ),
        "declares none stored": (
            enc.blosc(DATA, stored=0),
            "damaged blosc data: no header of a buffer of 28 bytes",
        ),
    }.items():
        yield chunk_case("blosc: " + name, [LITTLE, BLOSC], data, text)


def blosc_block_cases() -> Iterator[Case]:
    """The same with headers that are right by themselves."""
    for name, (data, text) in {
        "blocks of nothing": (
            enc.blosc(DATA, flags=0x20, block=0),
            "damaged blosc data: c-blosc says -1",
        ),
        "blocks of 2^31": (
            enc.blosc(DATA, flags=0x20, block=2**31),
            "blosc data in blocks of 2147483648 bytes, expected at most 4194304",
        ),
        "blocks of one byte, starts past the end": (
            enc.blosc(b"\xff" * 60, size=12, block=1, flags=0x20),
            "damaged blosc data: c-blosc says -1",
        ),
        "a codec that is none": (
            enc.blosc(DATA, flags=0xE0),
            "damaged blosc data: c-blosc says -5",
        ),
        "lz4 that is none": (
            enc.blosc(b"\x14\0\0\0" + b"\xff" * 20, size=12, block=12, flags=0x30),
            "damaged blosc data: c-blosc says -1",
        ),
        "zstd that is none": (
            enc.blosc(b"\x14\0\0\0" + b"\xff" * 20, size=12, block=12, flags=0x90),
            "damaged blosc data: c-blosc says -1",
        ),
        "too few": (enc.blosc(DATA[:-2]), "the chunk decodes to 10 bytes, expected 12"),
        "too many": (
            enc.blosc(DATA + b"xx"),
            "blosc data decodes to 14 bytes, more than the 12 expected",
        ),
        "a reserved flag": (enc.blosc(DATA, flags=0x08), "damaged blosc data: c-blosc says -1"),
    }.items():
        yield chunk_case("blosc: " + name, [LITTLE, BLOSC], data, text)
    claim = enc.blosc(bytes(64), size=2**31 - 1, block=1 << 21, flags=0x90)
    yield large_chunk(
        "blosc: a claim of 2 GiB",
        BLOSC,
        claim,
        "damaged blosc data: no header of a buffer of 80 bytes",
    )


# Shards: of shape [2, 3], with six inner chunks of one element.


def sharding(codecs: list[Any], location: str = "end", inner: tuple[int, int] = (1, 1)) -> Any:
    """The codec."""
    configuration = {
        "chunk_shape": list(inner),
        "codecs": codecs,
        "index_codecs": [LITTLE, CRC32C],
        "index_location": location,
    }
    return {"name": "sharding_indexed", "configuration": configuration}


INNER = [DATA[k : k + 2] for k in range(0, 12, 2)]


def entry_cases() -> Iterator[Case]:
    """Shards whose index has a right sum and a wrong entry."""
    top = 2**63
    wrong_entries = {
        "past the end": (
            (112, 2),
            "inner chunk [1, 1] at offset 112, size 2: beyond the shard of 112 bytes",
        ),
        "far past the end": (
            (1 << 40, 2),
            "[1, 1] at offset 1099511627776, size 2: beyond the shard of 112 bytes",
        ),
        "begins at the end, of one byte": (
            (12, 1),
            "[1, 1] at offset 12, size 1: inside the index of 100 bytes at the end",
        ),
        "reaches into the index": (
            (11, 3),
            "[1, 1] at offset 11, size 3: inside the index of 100 bytes at the end",
        ),
        "ends past 2^63": (
            (top - 1, 2),
            "[1, 1] at offset 9223372036854775807, size 2: their sum overflows",
        ),
        "begins at 2^63": (
            (top, 2),
            "[1, 1] at offset 9223372036854775808, size 2: their sum overflows",
        ),
        "overflows 64 bits": (
            (2**64 - 2, 4),
            "[1, 1] at offset 18446744073709551614, size 4: their sum overflows",
        ),
        "half empty, offset": ((enc.EMPTY, 2), "only one of them says that the chunk is absent"),
        "half empty, size": ((0, enc.EMPTY), "only one of them says that the chunk is absent"),
        "of no bytes": ((0, 0), "the chunk decodes to 0 bytes, expected 2"),
        "too few bytes": ((0, 1), "the chunk decodes to 1 bytes, expected 2"),
        "too many bytes": (
            (0, 3),
            "gives an inner chunk 3 bytes, it can have 2 || gives it 3 bytes, it can have 2",
        ),
        "too many bytes, all": (
            (0, 12),
            "gives an inner chunk 12 bytes, it can have 2 || gives it 12 bytes, it can have 2",
        ),
        "2^40 bytes": (
            (0, 1 << 40),
            "[1, 1] at offset 0, size 1099511627776: beyond the shard of 112 bytes",
        ),
    }
    for name, (entry, text) in wrong_entries.items():
        data = enc.shard(INNER, {4: entry})
        yield chunk_case("shard, an entry: " + name, [sharding([LITTLE])], data, text)
    for name, (entry, text) in {
        "within the index": ((50, 2), "inside the index of 100 bytes at the start"),
        "at 0": ((0, 2), "inside the index of 100 bytes at the start"),
        "past the end": ((111, 2), "at offset 111, size 2: beyond the shard of 112 bytes"),
    }.items():
        data = enc.shard(INNER, {4: entry}, at_start=True)
        yield chunk_case(
            "shard, index first, an entry: " + name, [sharding([LITTLE], "start")], data, text
        )


def shard_cases() -> Iterator[Case]:
    """Shards whose index is wrong, or its place."""
    right = enc.shard(INNER)
    for name, (data, text) in {
        "empty": (b"", "shorter than its index of 100"),
        "shorter than its index": (right[-50:], "shorter than its index of 100"),
        "a byte": (b"x", "shorter than its index of 100"),
        "a flipped bit of the index": (
            right[:20] + bytes([right[20] ^ 4]) + right[21:],
            "index: codecs[1] (crc32c): checksum of 96 bytes is 0x59a9b7d2, stored is 0x45fe8e9e",
        ),
        "a flipped bit of the sum": (
            right[:-1] + bytes([right[-1] ^ 4]),
            "index: codecs[1] (crc32c): checksum of 96 bytes is 0x45fe8e9e, stored is 0x41fe8e9e",
        ),
        "a byte behind": (
            right + b"x",
            "index: codecs[1] (crc32c): checksum of 96 bytes is ",
        ),
        "zeros": (
            bytes(len(right)),
            "index: codecs[1] (crc32c): checksum of 96 bytes is 0x51f204ab, stored is 0x00000000",
        ),
    }.items():
        yield chunk_case("shard: " + name, [sharding([LITTLE])], data, text)
    start = enc.shard(INNER, at_start=True)
    for name, (data, text) in {
        "cut in the data": (start[:-3], "at offset 108, size 2: beyond the shard of 109 bytes"),
        "cut in the index": (start[:50], "shorter than its index of 100"),
        "the index at the end": (
            right,
            "index: codecs[1] (crc32c): checksum of 96 bytes is ",
        ),
    }.items():
        yield chunk_case("shard, index first: " + name, [sharding([LITTLE], "start")], data, text)


def inner_chunk_cases() -> Iterator[Case]:
    """Shards with a right index."""
    chunks = INNER
    checked: list[bytes | None] = [chunk + enc.crc32c(chunk) for chunk in chunks]
    bad = bytes([chunks[2][0] ^ 1]) + (checked[2] or b"")[1:]
    yield chunk_case(
        "inner chunk: a flipped bit",
        [sharding([LITTLE, CRC32C])],
        enc.shard([*checked[:2], bad, *checked[3:]]),
        "checksum of 2 bytes is 0x99b89a65, stored is 0x8a1a0212",
    )
    bombs = [None, enc.zstd_bomb(1 << 26), None, None, None, None]
    yield chunk_case(
        "inner chunk: a bomb",
        [sharding([LITTLE, ZSTD])],
        enc.shard(bombs),
        "zstd data decodes to more than the 2 bytes expected",
    )
    short: list[bytes | None] = [None, None, enc.gzipped(b"x"), None, None, None]
    yield chunk_case(
        "inner chunk: too few",
        [sharding([LITTLE, GZIP])],
        enc.shard(short),
        "the chunk decodes to 1 bytes, expected 2",
    )
    nested = [sharding([sharding([LITTLE])], inner=(2, 3))]
    right = enc.shard(chunks)
    for name, (data, text) in {
        "an entry past the end": (
            enc.shard([enc.shard(chunks, {0: (200, 2)})]),
            "[0, 0] at offset 200, size 2: beyond the shard of 112 bytes",
        ),
        "a flipped bit": (
            enc.shard([right[:-1] + bytes([right[-1] ^ 1])]),
            "index: codecs[1] (crc32c): checksum of 96 bytes is 0x45fe8e9e, stored is 0x44fe8e9e",
        ),
        "shorter than its index": (
            enc.shard([right[-20:]]),
            "a shard of 20 bytes is shorter than its index of 100",
        ),
    }.items():
        yield chunk_case("nested shard: " + name, nested, data, text)
    yield chunk_case(
        "packed shard: a wrong sum",
        [sharding([LITTLE]), CRC32C],
        right + b"abcd",
        "checksum of 112 bytes is 0xd5c3dc22, stored is 0x64636261",
    )
    yield chunk_case(
        "packed shard: a bomb",
        [sharding([LITTLE]), ZSTD],
        enc.zstd_bomb(GIB),
        "zstd data decodes to more than the 4215 bytes expected",
    )
    yield chunk_case(
        "packed shard: too short",
        [sharding([LITTLE]), ZSTD],
        enc.zstd_raw(right[-60:]),
        "a shard of 60 bytes is shorter than its index of 100",
    )
    many = {"name": "regular", "configuration": {"chunk_shape": [2048, 2048]}}
    yield chunk_case(
        "shard of 2^22 inner chunks: a byte",
        [sharding([LITTLE])],
        b"x",
        "shorter than its index of 67108868",
        key="c/0/0",
        chunk_grid=many,
    )


def key_cases() -> Iterator[Case]:
    """Keys that are none of the array's."""
    for key in (
        "c/2/0",
        "c/0/2",
        "c/00/0",
        "c/0",
        "c/0/0/0",
        "c/+1/0",
        "c/-1/0",
        "c/ 1/0",
        "c/0x1/0",
        "c/18446744073709551616/0",
        "c.0.0",
        "0.0",
        "stray",
        "c/1/0.partial",
    ):
        outside = key in ("c/2/0", "c/0/2")
        text = "orphan: " + (
            "a chunk outside the array's shape" if outside else "no key of this array's"
        )
        yield Case(f"key: {key}", {"zarr.json": document(), key: DATA}, key, text, "verify")


@functools.cache
def all_cases() -> list[Case]:
    """Every case, each with a name of its own."""
    makers = (
        document_cases,
        plain_cases,
        gzip_cases,
        zstd_cases,
        blosc_cases,
        blosc_block_cases,
        entry_cases,
        shard_cases,
        inner_chunk_cases,
        key_cases,
    )
    return [case for make in makers for case in make()]
