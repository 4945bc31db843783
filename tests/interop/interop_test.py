"""Goal: arrays that coffer writes are read by zarr-python, TensorStore and zarrs with exactly the
same elements, and the other way round.

Method: the arrays of cases.py. coffer writes them all in one process (interop_tool), and each peer
reads each; each peer writes each, and coffer reads them all in one process. Elements are compared
as bytes. What a peer cannot do is left out by name, with its reason (peers.py), and counted.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from cases import CASES, Case
from command import raw_bytes, run_tool, to_write
from peers import PEERS, Peer, gap, type_gap

COFFER = os.environ.get("COFFER", "build/dev/bin/coffer")
Results = dict[str, Any]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results]:
    """Every case, written by coffer."""
    folder = tmp_path_factory.mktemp("coffer")
    results = run_tool([to_write(case, str(folder / case.name), folder) for case in CASES], folder)
    return folder, {case.name: result for case, result in zip(CASES, results, strict=True)}


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Results]:
    """Every case, written by every peer that can, and read by coffer."""
    folder = tmp_path_factory.mktemp("peers")
    keys, tests, errors = [], [], {}
    for peer in PEERS:
        for case in CASES:
            if gap(peer.name, "write", case):
                continue
            key = f"{peer.name}-{case.name}"
            try:
                peer.write(peer.name, case, folder / key)
            except Exception as error:
                errors[key] = {"status": f"the peer failed to write: {error!r}"}
                continue
            keys.append(key)
            tests.append({"op": "read", "url": str(folder / key), "raw": f"{folder / key}.raw"})
    return folder, dict(zip(keys, run_tool(tests, folder), strict=True)) | errors


def pairs(direction: str) -> pytest.MarkDecorator:
    """Every case with every peer that can take part."""
    return pytest.mark.parametrize(
        ("case", "peer"),
        [
            pytest.param(case, peer, id=f"{case.name}-{peer.name}")
            for case in CASES
            for peer in PEERS
            if not gap(peer.name, direction, case)
        ],
    )


@pairs("read")
def test_peer_reads(written: tuple[Path, Results], case: Case, peer: Peer) -> None:
    """A peer reads what coffer wrote."""
    folder, results = written
    assert results[case.name]["status"] == "OK"
    elements = peer.read(peer.name, case, folder / case.name)
    expected = case.expected()
    assert elements.shape == expected.shape
    assert elements.dtype.newbyteorder("=") == expected.dtype
    assert raw_bytes(elements) == raw_bytes(expected)


@pairs("write")
def test_coffer_reads(read: tuple[Path, Results], case: Case, peer: Peer) -> None:
    """coffer reads what a peer wrote."""
    folder, results = read
    key = f"{peer.name}-{case.name}"
    result = results[key]
    assert result["status"] == "OK"
    assert result["shape"] == list(case.shape)
    assert result["data_type"] == case.data_type
    assert result["fill_value"] == raw_bytes(np.array(case.fill())).hex()
    assert result["attributes"] == case.attributes
    names = [name or "" for name in result["dimension_names"]]
    assert names == [name or "" for name in case.dimension_names]
    assert (folder / f"{key}.raw").read_bytes() == raw_bytes(case.expected())


@pytest.mark.parametrize(
    ("case", "peer"),
    [
        pytest.param(case, peer, id=f"{case.name}-{peer.name}")
        for case in CASES
        for peer in PEERS
        if case.name.startswith("shard") and "turned" not in case.name
        if type_gap(peer.name, "read", case) is None
    ],
)
def test_peer_reads_copies_of_shards(
    written: tuple[Path, Results], tmp_path: Path, case: Case, peer: Peer
) -> None:
    """What `coffer cp` makes of shards, nested ones too, has one level of them and checksums."""
    folder, _ = written
    copy = tmp_path / "copy"
    subprocess.run([COFFER, "--quiet", "cp", folder / case.name, copy], check=True, timeout=120)
    codecs = json.loads((copy / "zarr.json").read_text(encoding="utf-8"))["codecs"]
    assert [codec["name"] for codec in codecs] == ["sharding_indexed"]
    inner = [codec["name"] for codec in codecs[0]["configuration"]["codecs"]]
    assert inner[-1] == "crc32c"
    assert "sharding_indexed" not in inner
    elements = peer.read(peer.name, case, copy)
    assert raw_bytes(elements) == raw_bytes(case.expected())


NODES = {"a": "group", "a/b": "group", "a/b/x": "array", "g": "group", "g/y": "array", "z": "array"}


FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])


@FORMATS
def test_zarr_python_walks_our_tree(tmp_path: Path, zarr_format: Any) -> None:
    """Groups, with those that coffer makes above a node, as zarr-python sees them."""
    tree = {"op": "tree", "url": str(tmp_path / "tree"), "attributes": {"b": 1, "a": [None, 0.5]}}
    tree |= {"groups": ["g"], "arrays": ["a/b/x", "g/y", "z"], "driver": f"zarr{zarr_format}"}
    assert run_tool([tree], tmp_path) == [{"status": "OK"}]
    group = zarr.open_group(tmp_path / "tree", mode="r", zarr_format=zarr_format)
    assert group.attrs.asdict() == {"b": 1, "a": [None, 0.5]}
    kinds = {
        name: "array" if isinstance(node, zarr.Array) else "group"
        for name, node in group.members(max_depth=None)
    }
    assert kinds == NODES


@FORMATS
@pytest.mark.parametrize("consolidated", [False, True])
def test_coffer_walks_a_tree_of_zarr_python(
    tmp_path: Path, consolidated: bool, zarr_format: Any
) -> None:
    """The other way round, with consolidated metadata also where the documents are gone, and arrays
    as its API makes them."""
    root = tmp_path / "tree"
    attributes = {"b": 1, "a": [None, 0.5]}
    group = zarr.create_group(root, attributes=attributes, zarr_format=zarr_format)
    for name, kind in NODES.items():
        if kind == "group":
            group.create_group(name)
        else:
            group.create_array(name, shape=(3,), dtype="float32", fill_value=0.1)
    if consolidated:
        zarr.consolidate_metadata(root, zarr_format=zarr_format)
    test = {"op": "list", "url": str(root)}
    read = {"op": "read", "url": str(root / "a/b/x"), "raw": str(tmp_path / "raw")}
    listed, array = run_tool([test, read], tmp_path)
    expected = {"nodes": NODES, "attributes": attributes, "status": "OK"}
    expected["shapes"] = {name: [3] for name, kind in NODES.items() if kind == "array"}
    assert listed == expected
    assert array["status"] == "OK"
    assert (tmp_path / "raw").read_bytes() == np.full(3, 0.1, np.float32).tobytes()
    if consolidated:
        for document in ("zarr.json", ".zarray", ".zattrs", ".zgroup"):
            for path in root.glob(f"*/**/{document}"):
                path.unlink()
        assert run_tool([test | {"consolidated": True}], tmp_path) == [expected]


def test_there_are_enough_arrays() -> None:
    """The issue asks for 400."""
    assert len({case.name for case in CASES}) == len(CASES) >= 400
