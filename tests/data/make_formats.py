"""Makes tests/data/formats/: small files written by the libraries that own the formats.

Run once, with numpy 2.4, safetensors 0.8 and nibabel 5.4 (see scripts/requirements.txt); the files
are committed, so that the tests need none of these. Every array holds the same pattern: byte j of
the k-th element in C order is (7 * k + 13 * j + 1) mod 256 (booleans: whether 3 divides k), always
counted in little-endian order, so that the tests can tell each byte without reading a second file.
"""

import json
import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy
import safetensors

SHAPE = (2, 3, 4)


def pattern(dtype: str, shape: tuple[int, ...] = SHAPE) -> numpy.ndarray:
    """The array of this type and shape, little-endian, C order."""
    count = int(numpy.prod(shape, dtype=int))
    if dtype == "b1":
        return (numpy.arange(count) % 3 == 0).reshape(shape)
    size = numpy.dtype(dtype).itemsize
    values = 7 * numpy.arange(count)[:, None] + 13 * numpy.arange(size)[None, :] + 1
    return numpy.frombuffer(values.astype("u1").tobytes(), dtype=dtype).reshape(shape)


def big_endian(array: numpy.ndarray) -> numpy.ndarray:
    """The same values in the other byte order, bit for bit (no conversion of NaNs)."""
    return array.byteswap().view(array.dtype.newbyteorder(">"))


def make_npy(folder: Path) -> None:
    """Every type in C order, every swappable one in big-endian Fortran order, odd shapes."""
    types = "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16 V3".split()
    for name in types:
        numpy.save(folder / f"c_{name}.npy", pattern("<" + name if name != "b1" else name))
    for name in "i2 u4 f8 c8 c16".split():
        numpy.save(folder / f"f_{name}.npy", numpy.asfortranarray(big_endian(pattern("<" + name))))
    numpy.save(folder / "rank0.npy", pattern("<i4", ()))
    numpy.save(folder / "rank1.npy", pattern("<i4", (5,)))
    numpy.save(folder / "empty.npy", pattern("<i4", (3, 0, 2)))
    for version in (2, 3):
        with open(folder / f"version{version}.npy", "wb") as file:
            numpy.lib.format.write_array(file, pattern("<i4"), version=(version, 0))
    numpy.save(folder / "text.npy", numpy.array(["a", "bc"]))
    numpy.save(folder / "object.npy", numpy.array([{}, None]), allow_pickle=True)
    numpy.save(folder / "record.npy", numpy.zeros(2, dtype=[("a", "<i4"), ("b", "<f8")]))
    numpy.save(folder / "date.npy", numpy.zeros(2, dtype="<M8[s]"))


def make_npz(folder: Path) -> None:
    """Stored and deflated members, one in a folder, one big-endian."""
    arrays = {
        "a": pattern("<i4"),
        "layer/b": numpy.asfortranarray(big_endian(pattern("<f8"))),
        "scalar": pattern("<u2", ()),
        "long": pattern("<u2", (100, 40)),
    }
    numpy.savez(folder / "stored.npz", **arrays)
    numpy.savez_compressed(folder / "deflated.npz", **arrays)
    numpy.savez(folder / "none.npz")


def make_safetensors(folder: Path) -> None:
    """Every type of the format that is a whole number of bytes."""
    sizes = {"bool": "b1", "uint8": "u1", "int8": "i1", "uint16": "u2", "int16": "i2"}
    sizes |= {"uint32": "u4", "int32": "i4", "uint64": "u8", "int64": "i8", "float16": "u2"}
    sizes |= {"bfloat16": "u2", "float32": "u4", "float64": "u8", "complex64": "u8"}
    sizes |= {"float8_e4m3fn": "u1", "float8_e5m2": "u1"}
    arrays = {f"{name} tensor": (name, pattern(code)) for name, code in sizes.items()}
    arrays["rank0"] = ("int32", pattern("<i4", ()))
    arrays["empty"] = ("float32", pattern("<f4", (3, 0)))
    tensors = {
        name: safetensors.TensorSpec(
            dtype=dtype, shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes
        )
        for name, (dtype, array) in arrays.items()
    }
    metadata = {"format": "np", "note": "made by the real library"}
    (folder / "types.safetensors").write_bytes(safetensors.serialize(tensors, metadata))


def make_nifti(folder: Path) -> None:
    """Both versions, both byte orders, plain and gzipped."""
    affine = numpy.diag([1.5, 2.0, 2.5, 1.0])
    int16 = nibabel.Nifti1Image(pattern("<i2"), affine)
    int16.header["descrip"] = b"made by nibabel"
    nibabel.save(int16, folder / "int16.nii")
    nibabel.save(int16, folder / "int16.nii.gz")
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(">f4")
    swapped = nibabel.Nifti1Image(pattern("<f4"), affine, header)
    swapped.header["vox_offset"] = 352
    (folder / "big_float32.nii").write_bytes(
        swapped.header.binaryblock[:348] + b"\0\0\0\0" + big_endian(pattern("<f4")).tobytes("F")
    )
    nibabel.save(nibabel.Nifti2Image(pattern("<u2"), affine), folder / "version2.nii")
    rgb: Any = pattern("V3").view([("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(rgb, affine), folder / "rgb.nii")


def main() -> None:
    """Writes every file, and checks that the owners read them back."""
    folder = Path(__file__).parent / "formats"
    folder.mkdir(exist_ok=True)
    make_npy(folder)
    make_npz(folder)
    make_safetensors(folder)
    make_nifti(folder)
    big = nibabel.load(folder / "big_float32.nii")
    stored = numpy.asarray(big.dataobj.get_unscaled())
    assert stored.dtype.str == ">f4"
    assert big_endian(stored).tobytes("C") == pattern("<f4").tobytes()
    raw = (folder / "types.safetensors").read_bytes()
    header = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])
    print(len(header), "tensors and metadata;", len(list(folder.iterdir())), "files")


if __name__ == "__main__":
    main()
