"""Cases of cli_test.py: arrays and groups of Zarr v2, written by hand and by the command."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

from support import CliTest, make_npz, npy, pattern

SHAPE = (5, 6)
DATA = pattern("<i4", SHAPE)


class Zarr2(CliTest):
    """Every command on Zarr v2, and between the two formats."""

    def document(self, path: str) -> Any:
        """A document of the tree as JSON."""
        return json.loads((self.folder / path).read_text(encoding="utf-8"))

    def imported(self, *layout: str) -> str:
        """An array made by import."""
        array = self.path("a.zarr")
        source = self.write("a.npy", npy("<i4", SHAPE))
        self.coffer("import", source, array, "--zarr-format", "2", *layout)
        return array

    def test_import_and_cat(self) -> None:
        codecs = "none zstd zstd:9 gzip blosc:zstd:5 lz4 lz4:3 zlib zlib:9 bz2 lzma:1".split()
        for number, codec in enumerate(codecs):
            array = self.path(f"{number}.zarr")
            source = self.write("a.npy", npy("<i4", SHAPE))
            layout = ["--zarr-format", "2", "--codec", codec, "--chunk-shape", "2,4"]
            self.coffer("import", source, array, *layout)
            self.assertEqual(self.cat(array), ("<i4", SHAPE, DATA), codec)
            self.assertIn(": 0 findings", self.lines("verify", array, "--deep")[-1], codec)
            document = self.document(f"{number}.zarr/.zarray")
            expected = None if codec == "none" else codec.split(":")[0]
            self.assertEqual((document["compressor"] or {}).get("id"), expected)

    def test_info_attrs_resize_rm(self) -> None:
        array = self.imported("--chunk-shape", "2,4", "--fill-value", "7")
        info = self.json("info", array)
        self.assertEqual(info["format"], "zarr2")
        self.assertEqual(info["shape"], [5, 6])
        self.assertEqual(info["chunk_shape"], [2, 4])
        self.assertEqual(info["fill_value"], 7)
        self.assertEqual([codec["name"] for codec in info["codecs"]], ["bytes", "zstd"])
        self.coffer("attrs", array, 'unit="mm"')
        self.assertEqual(self.document("a.zarr/.zattrs"), {"unit": "mm"})
        self.assertEqual(self.json("attrs", array), {"unit": "mm"})
        self.coffer("resize", array, "2,6")
        self.assertEqual(self.document("a.zarr/.zarray")["shape"], [2, 6])
        self.assertEqual(self.cat(array), ("<i4", (2, 6), DATA[:48]))
        self.assertFalse((Path(array) / "2.0").exists())
        self.coffer("resize", array, "3,6")
        self.assertEqual(self.cat(array)[2][48:], struct.pack("<i", 7) * 6)
        self.coffer("rm", array)
        self.assertFalse((Path(array) / ".zarray").exists())

    def test_checksums(self) -> None:
        array = self.imported()
        compressor = {"id": "zstd", "level": 3}  # TensorStore refuses a member "checksum".
        self.assertEqual(self.document("a.zarr/.zarray")["compressor"], compressor)
        self.assertEqual(self.json("verify", array, "--deep")["chunks_unchecked"], 0)
        chunk = Path(array) / "0.0"
        data = bytearray(chunk.read_bytes())
        data[-1] ^= 1
        chunk.write_bytes(data)
        self.assertIn("DataLoss", self.fails(1, "cat", array, "-o", self.path("x.npy")))
        for number, (layout, unchecked) in enumerate(
            (
                (["--no-checksum"], 1),
                (["--codec", "lz4"], 1),
                (["--codec", "blosc"], 1),
                (["--codec", "gzip"], 0),  # It has a checksum of its own, as the next three.
                (["--codec", "zlib"], 0),
                (["--codec", "bz2"], 0),
                (["--codec", "lzma"], 0),
            )
        ):
            other = self.path(f"{number}.zarr")
            self.coffer("import", self.path("a.npy"), other, "--zarr-format", "2", *layout)
            report = self.json("verify", other, "--deep")
            self.assertEqual((report["chunks_checked"], report["chunks_unchecked"]), (1, unchecked))

    def test_foreign_array(self) -> None:
        folder = self.folder / "foreign"
        folder.mkdir()
        document = {
            "zarr_format": 2,
            "shape": [2, 3],
            "chunks": [2, 2],
            "dtype": ">i2",
            "compressor": {"id": "zlib", "level": 1},
            "fill_value": -1,
            "order": "F",
            "filters": [],
            "dimension_separator": "/",
            "unknown": 1,
        }
        (folder / ".zarray").write_text(json.dumps(document), encoding="utf-8")
        (folder / ".zattrs").write_text('{"bad": NaN}', encoding="utf-8")
        (folder / "0").mkdir()
        (folder / "0/0").write_bytes(zlib.compress(struct.pack(">4h", 1, 4, 2, 5)))
        array = self.path("foreign")
        expected = ("<i2", (2, 3), struct.pack("<6h", 1, 2, -1, 4, 5, -1))
        self.assertEqual(self.cat(array), expected)
        self.assertEqual(repr(self.json("attrs", array)), "{'bad': nan}")
        # A copy keeps the layout; into the other format it keeps order and byte order.
        self.coffer("cp", array, self.path("same"))
        kept = {k: v for k, v in document.items() if k not in ("unknown", "filters")}
        self.assertEqual(self.document("same/.zarray"), {**kept, "filters": None})
        self.assertEqual(self.cat(self.path("same")), expected)
        self.coffer("cp", array, self.path("three"), "--zarr-format", "3")
        codecs = self.document("three/zarr.json")["codecs"]
        names = [codec["name"] for codec in codecs]
        self.assertEqual(names, ["transpose", "bytes", "zstd", "crc32c"])
        self.assertEqual(codecs[1]["configuration"], {"endian": "big"})
        self.assertEqual(self.cat(self.path("three")), expected)

    def test_copies_of_groups_between_formats(self) -> None:
        make_npz(self.path("in.npz"), {"x": npy("<i4", SHAPE), "g/y": npy("|u1", (3,))}, 0)
        self.coffer("import", self.path("in.npz"), self.path("two"), "--zarr-format", "2")
        self.assertEqual(self.document("two/g/.zgroup"), {"zarr_format": 2})
        self.assertEqual(self.json("info", self.path("two"))["format"], "zarr2")
        self.assertEqual(self.lines("ls", "-r", self.path("two")), ["g/", "g/y", "x"])
        self.assertIn(": 0 findings", self.lines("verify", self.path("two"), "--deep")[-1])
        self.coffer("attrs", self.path("two/g"), "k=1")
        self.coffer("cp", self.path("two"), self.path("three"), "--zarr-format", "3")
        self.assertEqual(self.json("info", self.path("three"))["format"], "zarr3")
        self.assertEqual(self.json("attrs", self.path("three/g")), {"k": 1})
        shards = ["--chunk-shape", "2,2", "--shard-shape", "4,4"]
        self.coffer("cp", self.path("three/x"), self.path("sharded"), *shards)
        self.coffer("cp", self.path("sharded"), self.path("back"), "--zarr-format", "2")
        self.assertEqual(self.document("back/.zarray")["chunks"], [2, 2])
        self.coffer("cp", self.path("three"), self.path("all") + "|zarr2:")
        for array in ("three/x", "sharded", "back", "all/x"):
            self.assertEqual(self.cat(self.path(array)), ("<i4", SHAPE, DATA), array)

    def test_what_is_refused(self) -> None:
        array = self.imported()
        source = self.path("a.npy")
        new = self.path("new.zarr")
        two = ["--zarr-format", "2"]
        for arguments, reason in (
            (["import", source, array], "a node of format zarr2 is already here"),
            (["import", source, new, *two, "--shard-shape", "5,6"], "Zarr v2 has no shards"),
            (["import", source, new, "--codec", "lz4"], "lz4 is blosc:lz4"),
            (["import", source, new, "--codec", "bz2"], "--codec bz2 needs --zarr-format 2"),
            (["import", source, new + "|zarr3:", *two], "the adapter for zarr3"),
        ):
            with self.subTest(arguments=arguments):
                self.assertIn(reason, self.fails(1, *arguments))
        document = self.document("a.zarr/.zarray")
        for change, reason in (
            ({"filters": [{"id": "delta"}]}, 'filter "delta" is not supported yet'),
            ({"dtype": "|S3"}, 'data type "|S3" (byte strings) is not supported yet'),
        ):
            text = json.dumps(document | change)
            (self.folder / "a.zarr/.zarray").write_text(text, encoding="utf-8")
            self.assertIn(reason, self.fails(1, "info", array))
