"""The encodings of stored bytes, written anew from their specifications with the standard library
alone: what the generator of malformed arrays puts together rightly, to then break one thing.
"""

import gzip
import struct
import zlib
from collections.abc import Sequence

EMPTY = 2**64 - 1


def crc32c(data: bytes) -> bytes:
    """RFC 3720's checksum, little endian."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return struct.pack("<I", crc ^ 0xFFFFFFFF)


def gzipped(data: bytes) -> bytes:
    """RFC 1952, one member."""
    return gzip.compress(data, mtime=0)


def zstd(
    *blocks: tuple[int, bytes, int],
    content: int | None = None,
    window: int = 0x58,
    checksum: bytes | None = None,
    dictionary: bool = False,
) -> bytes:
    """RFC 8878, one frame of blocks (type, bytes, size): 0 raw, 1 a repeated byte, 3 reserved. The
    content size of 8 bytes is written if it is given, the window (2 MiB) is.
    """
    descriptor = (0xC0 if content is not None else 0) | (4 if checksum else 0) | int(dictionary)
    frame = b"\x28\xb5\x2f\xfd" + bytes([descriptor, window]) + (b"\x01" if dictionary else b"")
    frame += struct.pack("<Q", content) if content is not None else b""
    for k, (kind, data, size) in enumerate(blocks):
        last = k == len(blocks) - 1
        frame += struct.pack("<I", int(last) | kind << 1 | size << 3)[:3] + data
    return frame + (checksum or b"")


def zstd_raw(data: bytes) -> bytes:
    """A frame that stores the data as they are."""
    return zstd((0, data, len(data)), content=len(data))


def zstd_bomb(size: int) -> bytes:
    """As many zeros in four bytes for each 128 KiB."""
    return zstd(*[(1, b"\0", 1 << 17)] * (size >> 17))


def gzip_bomb(size: int) -> bytes:
    """As many zeros in one member, but for its checksum, which nobody reaches."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = compressor.compress(bytes(1 << 24)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return gzipped(b"")[:10] + zeros * (size >> 24) + b"\x03\0" + bytes(8)


def blosc(
    data: bytes,
    *,
    version: int = 2,
    flags: int = 0x02,
    typesize: int = 2,
    size: int | None = None,
    block: int | None = None,
    stored: int | None = None,
) -> bytes:
    """A Blosc 1 buffer that stores the data as they are (flag 2), with the header that is asked
    for.
    """
    size = len(data) if size is None else size
    block = len(data) if block is None else block
    stored = len(data) + 16 if stored is None else stored
    return bytes([version, 1, flags, typesize]) + struct.pack("<3I", size, block, stored) + data


def index(entries: Sequence[tuple[int, int]], checksum: bool = True) -> bytes:
    """The index of a shard."""
    words = b"".join(struct.pack("<2Q", *entry) for entry in entries)
    return words + (crc32c(words) if checksum else b"")


def shard(
    chunks: Sequence[bytes | None],
    entries: dict[int, tuple[int, int]] | None = None,
    at_start: bool = False,
) -> bytes:
    """Inner chunks in order and their index, in which `entries` replace the right ones."""
    at = len(chunks) * 16 + 4 if at_start else 0
    found = []
    for chunk in chunks:
        found.append((EMPTY, EMPTY) if chunk is None else (at, len(chunk)))
        at += 0 if chunk is None else len(chunk)
    for position, entry in (entries or {}).items():
        found[position] = entry
    data = b"".join(chunk for chunk in chunks if chunk is not None)
    return index(found) + data if at_start else data + index(found)
