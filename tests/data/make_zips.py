"""Makes tests/data/zips/: small archives written by Python's zipfile.

Run once, with Python 3.11; the files are committed. Each has the members of MEMBERS, with the same
values, in one of the forms that zip archives come in.
"""

import io
import zipfile
from pathlib import Path
from unittest import mock

MEMBERS = {
    "zarr.json": b"{}",
    "c/0/0": b"the first chunk " * 8,
    "c/0/1": b"",
    "\u00fc\u20ac": "\u00fc\u20ac".encode(),
    "raw": bytes(range(256)),
}
FOLDER = "c/"


class Unseekable(io.RawIOBase):
    """A stream, on which sizes can only be written behind the data."""

    def __init__(self, file: io.BytesIO) -> None:
        self.file = file

    def writable(self) -> bool:
        """Only that."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """At the end."""
        return self.file.write(data)


def fill(archive: zipfile.ZipFile, zip64: bool = False) -> None:
    """Writes a folder and all members."""
    archive.writestr(zipfile.ZipInfo(FOLDER, (2024, 1, 2, 3, 4, 6)), b"")
    for name, value in MEMBERS.items():
        info = zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6))
        info.compress_type = archive.compression
        with archive.open(info, "w", force_zip64=zip64) as member:
            member.write(value)


def make(path: Path, method: int = zipfile.ZIP_STORED, zip64: bool = False) -> None:
    """An archive in a file."""
    with zipfile.ZipFile(path, "w", method) as archive:
        fill(archive, zip64)


def main() -> None:
    """All forms."""
    folder = Path(__file__).parent / "zips"
    folder.mkdir(exist_ok=True)
    make(folder / "stored.zip")
    make(folder / "deflated.zip", zipfile.ZIP_DEFLATED)
    make(folder / "zip64_members.zip", zip64=True)
    with mock.patch.multiple(zipfile, ZIP64_LIMIT=10, ZIP_FILECOUNT_LIMIT=2):
        make(folder / "zip64.zip", zip64=True)
    with zipfile.ZipFile(folder / "comment.zip", "w") as archive:
        fill(archive)
        archive.comment = b"PK\x05\x06 looks like an end record, but is none" + b"!" * 300
    for name, method in {"stream": zipfile.ZIP_STORED, "stream_deflated": 8}.items():
        buffer = io.BytesIO()
        with zipfile.ZipFile(Unseekable(buffer), "w", method) as archive:
            fill(archive)
        (folder / f"{name}.zip").write_bytes(buffer.getvalue())
    junk = b"#!/bin/sh\nexit 0\n"
    (folder / "prefix_counted.zip").write_bytes(junk)
    with zipfile.ZipFile(folder / "prefix_counted.zip", "a") as archive:
        fill(archive)
    for name in ("stored", "zip64"):
        data = (folder / f"{name}.zip").read_bytes()
        (folder / f"prefix_{name}.zip").write_bytes(junk + data)
    with zipfile.ZipFile(folder / "twice.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("raw"), b"an older value")
        fill(archive)
    with zipfile.ZipFile(folder / "empty.zip", "w"):
        pass


if __name__ == "__main__":
    main()
