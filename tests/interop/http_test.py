"""Goal: coffer reads through nginx what zarr-python wrote into the folder that nginx serves: plain
and sharded arrays, Zarr v2, a consolidated group, and the same in zip archives.

Method: whole arrays and regions by the command, compared with what was written; TensorStore's http
driver beside it. nginx's log tells that shards and archives are read in ranges.
"""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore as ts
import zarr
from command import coffer, run_tool
from s3_peers import variable

SHAPE = (37, 50)
LAYOUTS: dict[str, Any] = {
    "plain": {"chunks": (10, 16)},
    "sharded": {"chunks": (5, 8), "shards": (20, 32)},
    "v2": {"chunks": (10, 16), "zarr_format": 2},
}
DATA = np.random.default_rng(1).integers(0, 1 << 32, SHAPE, dtype=np.uint32)


@pytest.fixture
def served(tmp_path: Path) -> tuple[Path, str]:
    """A folder of its own below nginx's root, and its URL."""
    url, root = variable("HTTP"), Path(variable("HTTP_ROOT"))
    folder = root / tmp_path.name
    folder.mkdir()
    return folder, f"{url}/{tmp_path.name}"


def cat(url: str, folder: Path, *options: str) -> Any:
    """Elements by coffer."""
    coffer("cat", url, "-o", folder / "out.npy", *options)
    return np.load(folder / "out.npy")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays(served: tuple[Path, str], layout: str, tmp_path: Path) -> None:
    """All of it, and a region of which only the chunks are fetched."""
    folder, url = served
    array = zarr.create_array(folder / "a b", shape=SHAPE, dtype="uint32", **LAYOUTS[layout])
    array[...] = DATA
    array.attrs["unit"] = "mm"
    ours = f"{url}/a%20b"
    assert np.array_equal(cat(ours, tmp_path), DATA)
    log = Path(variable("HTTP_LOG"))
    before = log.stat().st_size
    region = cat(ours, tmp_path, "--threads", "1", "--region", "11:14,::7")
    assert np.array_equal(region, DATA[11:14, ::7])
    requests = [json.loads(line) for line in log.read_bytes()[before:].splitlines()]
    chunks = [r for r in requests if "zarr.json" not in r["uri"] and "/.z" not in r["uri"]]
    ranges = [r["range"] for r in chunks]
    if layout == "sharded":
        assert all(ranges)
        assert {r["status"] for r in chunks} == {206}
        assert sum(r["bytes"] for r in chunks) < DATA.nbytes / 2
    else:
        assert len(chunks) == 4  # Each once.
        assert not any(ranges)
    assert len({r["connection"] for r in requests}) < len(requests)
    assert json.loads(coffer("attrs", ours)) == {"unit": "mm"}
    info = json.loads(coffer("info", "--json", ours))
    assert (info["format"], info["shape"]) == ("zarr2" if layout == "v2" else "zarr3", [37, 50])
    kvstore = {"driver": "http", "base_url": variable("HTTP"), "path": f"/{folder.name}/a b/"}
    spec = {"driver": "zarr" if layout == "v2" else "zarr3", "kvstore": kvstore}
    assert np.array_equal(ts.open(spec).result().read().result(), DATA)


def test_a_consolidated_group(served: tuple[Path, str], tmp_path: Path) -> None:
    """By the API, its nodes are known without a listing; the command reads those that are named."""
    folder, url = served
    group = zarr.create_group(folder / "g", attributes={"a": 1})
    group.create_array("b/x", shape=(3,), dtype="f4")[...] = 1.5
    group.create_array("y", data=DATA)
    plain = (folder / "g/zarr.json").read_text(encoding="utf-8")
    zarr.consolidate_metadata(folder / "g")
    test = {"op": "list", "url": f"{url}/g", "consolidated": True}
    nodes = {"b": "group", "b/x": "array", "y": "array"}
    shapes = {"b/x": [3], "y": list(SHAPE)}
    expected = {"nodes": nodes, "shapes": shapes, "attributes": {"a": 1}, "status": "OK"}
    assert run_tool([test], tmp_path) == [expected]
    assert json.loads(coffer("attrs", f"{url}/g")) == {"a": 1}
    assert np.array_equal(cat(f"{url}/g/y", tmp_path), DATA)
    assert coffer("ls", "-r", f"{url}/g").split() == ["b/", "b/x", "y"]
    (folder / "g/zarr.json").write_text(plain, encoding="utf-8")
    with pytest.raises(AssertionError, match="this store cannot list its keys"):
        coffer("ls", f"{url}/g")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_in_archives(served: tuple[Path, str], layout: str, tmp_path: Path) -> None:
    """The archive is read in ranges, too; and TensorStore reads it by its own zip driver."""
    folder, url = served
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("ballast", bytes(200_000))  # An archive's last 66 KiB are read anyway.
    with zarr.storage.ZipStore(folder / "a.zip", mode="a") as store:
        array = zarr.create_array(store, name="in", shape=SHAPE, dtype="uint32", **LAYOUTS[layout])
        array[...] = DATA
    driver = "zarr2" if layout == "v2" else "zarr3"
    ours = f"{url}/a.zip|zip:in/|{driver}:"
    assert np.array_equal(cat(ours, tmp_path), DATA)
    assert np.array_equal(cat(ours, tmp_path, "--region", "36,:"), DATA[36])
    assert "0 findings" in coffer("verify", "--deep", ours)
    log = Path(variable("HTTP_LOG")).read_text(encoding="utf-8").splitlines()
    requests = [json.loads(line) for line in log]
    asked = [r for r in requests if r["uri"].startswith(f"/{folder.name}/a.zip")]
    assert asked
    assert {r["status"] for r in asked if r["method"] == "GET"} == {206}
    spec = {
        "driver": "zarr" if layout == "v2" else "zarr3",
        "kvstore": {
            "driver": "zip",
            "path": "in/",
            "base": {
                "driver": "http",
                "base_url": variable("HTTP"),
                "path": f"/{folder.name}/a.zip",
            },
        },
    }
    assert np.array_equal(ts.open(spec).result().read().result(), DATA)


def test_what_is_not_there(served: tuple[Path, str]) -> None:
    """A missing chunk is fill values; a missing array an error; nothing is written by HTTP."""
    folder, url = served
    array = zarr.create_array(folder / "a", shape=(4,), dtype="u1", chunks=(2,), fill_value=7)
    array[:2] = 1
    assert cat(f"{url}/a", folder).tolist() == [1, 1, 7, 7]
    os.chmod(folder / "a" / "c" / "0", 0)
    with pytest.raises(AssertionError, match="NotFound"):
        coffer("info", f"{url}/b")
    with pytest.raises(AssertionError, match="read-only"):
        coffer("import", folder / "out.npy", f"{url}/new")
