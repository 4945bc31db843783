"""Plain files, both ways: what the real NumPy, safetensors and nibabel write, `coffer import` and
`checkpoint save` take; what `coffer cat` and `checkpoint restore` write, they read."""

from pathlib import Path

import ml_dtypes
import nibabel
import numpy as np
import pytest
from command import coffer
from safetensors.numpy import load_file, save_file

TYPES = "bool i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16 V3".split()
SHAPES = [(), (7,), (0, 3), (5, 6, 7)]


def some(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of any type, of random bytes that are valid for it."""
    random = np.random.default_rng(len(shape))
    if dtype == "bool":
        return random.integers(0, 2, shape).astype(bool)
    size = np.dtype(dtype).itemsize
    return np.frombuffer(random.bytes(int(np.prod(shape)) * size), dtype).reshape(shape)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Same type, shape and bytes (NaNs too)."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_numpy(shape: tuple[int, ...], tmp_path: Path) -> None:
    """numpy.savez, import, cat, numpy.load: all types, both orders of elements and of bytes."""
    arrays = {}
    for dtype in TYPES:
        arrays[f"c-{dtype}"] = array = some(dtype, shape)
        swapped = array.byteswap().view(array.dtype.newbyteorder(">"))
        arrays[f"f-{dtype}"] = np.array(swapped, order="F")
    np.savez(tmp_path / "in.npz", **arrays)  # type: ignore[arg-type]
    coffer("checkpoint", "save", tmp_path / "in.npz", tmp_path / "ckpt")
    coffer("checkpoint", "restore", tmp_path / "ckpt", "-o", tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as restored:
        assert [n for n in arrays if not same(restored[n], some(n[2:], shape))] == []
    coffer("import", tmp_path / "in.npz", tmp_path / "group")
    for name in ("c-bool", "f-i2", "f-c16", "c-V3"):
        coffer("cat", tmp_path / "group" / name, "-o", tmp_path / "out.npy")
        assert same(np.load(tmp_path / "out.npy"), some(name[2:], shape)), name


@pytest.mark.parametrize("dtype", "i2 f4 u1 f8".split())
def test_nifti(dtype: str, tmp_path: Path) -> None:
    """nibabel's volumes hold the same stored values."""
    array = some(dtype, (6, 5, 4))
    for number, (image, suffix) in enumerate(
        [
            (nibabel.Nifti1Image, "nii"),
            (nibabel.Nifti1Image, "nii.gz"),
            (nibabel.Nifti2Image, "nii.gz"),
        ]
    ):
        path = tmp_path / f"{number}.{suffix}"
        volume = image(array, np.eye(4))
        volume.header.set_data_dtype(array.dtype)
        nibabel.save(volume, path)
        coffer("import", path, tmp_path / f"{number}.zarr")
        coffer("cat", tmp_path / f"{number}.zarr", "-o", tmp_path / "out.npy")
        stored = np.asarray(nibabel.load(path).dataobj.get_unscaled())
        assert np.load(tmp_path / "out.npy").tobytes() == stored.tobytes("C")


def test_safetensors_through_a_checkpoint(tmp_path: Path) -> None:
    """save_file, checkpoint save, checkpoint restore, load_file: every type, bfloat16 too."""
    tensors = {
        f"layer.{dtype}.{len(shape)}": some(dtype, shape)
        for dtype in TYPES
        if dtype not in ("c16", "V3")
        for shape in SHAPES
    }
    tensors["brain"] = some("u2", (8, 8)).view(ml_dtypes.bfloat16)
    save_file(tensors, tmp_path / "in.safetensors", {"note": "x"})
    coffer("checkpoint", "save", tmp_path / "in.safetensors", tmp_path / "ckpt")
    coffer("checkpoint", "restore", tmp_path / "ckpt", "-o", tmp_path / "out.safetensors")
    restored = load_file(tmp_path / "out.safetensors")
    assert sorted(restored) == sorted(tensors)
    assert [name for name in tensors if not same(tensors[name], restored[name])] == []


def test_npz_through_a_checkpoint(tmp_path: Path) -> None:
    """savez, checkpoint save, restore into .npz and .safetensors, numpy.load without pickles."""
    arrays = {f"a/{dtype}": some(dtype, (3, 4)) for dtype in TYPES}
    for number, save in enumerate((np.savez, np.savez_compressed)):
        checkpoint = tmp_path / f"ckpt{number}"
        save(tmp_path / "in.npz", **arrays)  # type: ignore[arg-type]
        coffer("checkpoint", "save", tmp_path / "in.npz", checkpoint)
        coffer("checkpoint", "restore", checkpoint, "-o", tmp_path / "out.npz")
        with np.load(tmp_path / "out.npz", allow_pickle=False) as restored:
            assert sorted(restored.files) == sorted(arrays)
            assert [name for name in arrays if not same(arrays[name], restored[name])] == []
    # What safetensors has no type for comes as bytes, and finds its type again.
    coffer("checkpoint", "restore", checkpoint, "-o", tmp_path / "out.safetensors")
    plain = load_file(tmp_path / "out.safetensors")
    assert plain["a/c16"].dtype == np.uint8 and plain["a/c16"].shape == (3, 4, 16)
    assert plain["a/c16"].tobytes() == arrays["a/c16"].tobytes()
    coffer("checkpoint", "save", tmp_path / "out.safetensors", tmp_path / "again")
    coffer("checkpoint", "restore", tmp_path / "again", "-o", tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as restored:
        assert [name for name in arrays if not same(arrays[name], restored[name])] == []
