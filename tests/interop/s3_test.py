"""Goal: in a bucket of a real S3 server, arrays and groups of coffer, TensorStore (its s3 driver)
and zarr-python (with obstore) are each other's, to the bit; also after each has changed a part.

Method: arrays of cases.py, chosen so that plain, sharded and Zarr v2 ones, odd shapes, keys and
fill values are among them, on versitygw and on MinIO. What a peer cannot do is left out by name
(peers.py).
"""

from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from cases import CASES
from command import coffer, raw_bytes, run_tool, to_write
from peers import gap
from s3_peers import PEERS, SERVERS, Server, server_named, ts_open

NAMES = """
    type-int64-little type-float64-big type-bfloat16-shard type-complex128-shard codec-none
    codec-gzip9-crc codec-zstd3-checksum codec-blosc-lz4-shuffle codec-transpose-big-zstd-crc
    native-zstd native-zstd-sharded native-blosc-sharded shape-scalar-by-scalar shape-13-by-100
    shape-0-by-5 shape-2x3x4x5-by-1x2x3x4-sharded shard-start-crc-raw shard-end-big-transpose
    shard-nested fill-float32-_NaN_ fill-int64-_9223372036854775808 keys-default-dot-rank1
    keys-v2-slash-rank3 names shard-edge-3x5x7-float32 v2-type-int32-big v2-codec-none-F
    v2-codec-zlib1-C v2-codec-zstd0-F v2-codec-blosc-lz4hc-C v2-shape-7x9-by-2x4-C
    v2-keys-slash-rank3 v2-fill-float64-_NaN_-little v2-attributes
""".split()
CHOSEN = [case for case in CASES if case.name in NAMES]


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Each of the servers."""
    return server_named(request.param, monkeypatch)


def test_the_cases_are_there() -> None:
    """None was renamed."""
    assert len(CHOSEN) == len(NAMES)


def test_peers_read_what_coffer_wrote(server: Server, tmp_path: Path) -> None:
    """Every array, by both."""
    tests = [to_write(case, server.url(f"ours/{case.name}"), tmp_path) for case in CHOSEN]
    results = run_tool(tests, tmp_path)
    assert [r["status"] for r in results] == ["OK"] * len(CHOSEN)
    read = 0
    for case in CHOSEN:
        for name, (_, reads) in PEERS.items():
            if gap(name, "read", case):
                continue
            elements = reads(server, case, f"ours/{case.name}")
            assert elements.shape == case.shape, (name, case.name)
            assert raw_bytes(elements) == raw_bytes(case.expected()), (name, case.name)
            read += 1
    assert read >= 2 * len(CHOSEN) - 4


@pytest.mark.parametrize("peer", PEERS)
def test_coffer_reads_what_a_peer_wrote(server: Server, peer: str, tmp_path: Path) -> None:
    """Every array that it can write."""
    cases = [case for case in CHOSEN if not gap(peer, "write", case)]
    assert len(cases) >= len(CHOSEN) - 3
    for case in cases:
        PEERS[peer][0](server, case, f"{peer}/{case.name}")
    tests = [
        {
            "op": "read",
            "url": server.url(f"{peer}/{case.name}"),
            "raw": str(tmp_path / f"{case.name}.raw"),
        }
        for case in cases
    ]
    for case, result in zip(cases, run_tool(tests, tmp_path), strict=True):
        assert result["status"] == "OK", case.name
        assert result["shape"] == list(case.shape), case.name
        assert result["attributes"] == case.attributes, case.name
        found = (tmp_path / f"{case.name}.raw").read_bytes()
        assert found == raw_bytes(case.expected()), case.name


LAYOUTS = {
    "plain": ["--chunk-shape", "5,4"],
    "sharded": ["--chunk-shape", "3,4", "--shard-shape", "9,8"],
    "v2": ["--zarr-format", "2", "--chunk-shape", "5,4"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_changes_a_part(server: Server, layout: str, tmp_path: Path) -> None:
    """One after the other, over the edges of chunks and shards, also to nothing but fill values;
    after each change all see the same."""
    prefix = f"parts/{layout}"
    model: Any = np.arange(1, 21 * 18 + 1, dtype=np.uint32).reshape(21, 18)
    np.save(tmp_path / "a.npy", model)
    coffer("import", tmp_path / "a.npy", server.url(prefix), *LAYOUTS[layout])
    rng = np.random.default_rng(len(layout))
    v2 = layout == "v2"

    def by_coffer(begin: Any, value: Any) -> None:
        np.save(tmp_path / "part.npy", value)
        coffer(
            "import", tmp_path / "part.npy", server.url(prefix), "--at", ",".join(map(str, begin))
        )

    def by_tensorstore(begin: Any, value: Any) -> None:
        box = tuple(slice(b, b + s) for b, s in zip(begin, value.shape, strict=True))
        ts_open(server, prefix, v2)[box].write(value).result()

    def by_zarr(begin: Any, value: Any) -> None:
        box = tuple(slice(b, b + s) for b, s in zip(begin, value.shape, strict=True))
        zarr.open_array(server.store(prefix), mode="r+")[box] = value

    for turn, write in zip(range(9), cycle((by_coffer, by_tensorstore, by_zarr)), strict=False):
        begin = rng.integers(0, (15, 12))
        shape = rng.integers(1, (7, 7))
        value = rng.integers(0, 1 << 32, shape, dtype=np.uint32)
        if turn % 4 == 3:
            begin, value = np.array([2, 1]), np.zeros((12, 11), np.uint32)
        end = begin + value.shape
        model[begin[0] : end[0], begin[1] : end[1]] = value
        write(begin, value)
        coffer("cat", server.url(prefix), "-o", tmp_path / "all.npy")
        assert np.array_equal(np.load(tmp_path / "all.npy"), model), write
        assert np.array_equal(ts_open(server, prefix, v2).read().result(), model), write
        assert np.array_equal(zarr.open_array(server.store(prefix), mode="r")[...], model), write
    assert "0 findings" in coffer("verify", "--deep", server.url(prefix))


NODES = {"a": "group", "a/b": "group", "a/b/x": "array", "g": "group", "g/y": "array", "z": "array"}
FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])


@FORMATS
def test_zarr_python_walks_our_tree(server: Server, tmp_path: Path, zarr_format: Any) -> None:
    """Groups and attributes, also as the command has changed them."""
    url = server.url(f"tree{zarr_format}")
    tree = {"op": "tree", "url": url, "attributes": {"b": 1, "a": [None, 0.5]}}
    tree |= {"groups": ["g"], "arrays": ["a/b/x", "g/y", "z"], "driver": f"zarr{zarr_format}"}
    assert run_tool([tree], tmp_path) == [{"status": "OK"}]
    coffer("attrs", url, 'c={"d":"ü"}')
    coffer("attrs", url + "/g/y", "unit=1.5")
    store = server.store(f"tree{zarr_format}")
    group = zarr.open_group(store, mode="r", zarr_format=zarr_format)
    assert group.attrs.asdict() == {"b": 1, "a": [None, 0.5], "c": {"d": "ü"}}
    assert group["g/y"].attrs.asdict() == {"unit": 1.5}
    kinds = {
        name: "array" if isinstance(node, zarr.Array) else "group"
        for name, node in group.members(max_depth=None)
    }
    assert kinds == NODES


@FORMATS
def test_coffer_walks_a_tree_of_zarr_python(
    server: Server, tmp_path: Path, zarr_format: Any
) -> None:
    """The other way round, with consolidated metadata, and in both by listing."""
    prefix = f"theirs{zarr_format}"
    attributes = {"b": 1, "a": [None, 0.5]}
    store = server.store(prefix)
    group = zarr.create_group(store, attributes=attributes, zarr_format=zarr_format)
    for name, kind in NODES.items():
        if kind == "group":
            group.create_group(name)
        else:
            array = group.create_array(name, shape=(3,), dtype="float32", fill_value=0.1)
            array[1:] = [1.5, 2.5]
            array.attrs["name"] = name
    zarr.consolidate_metadata(store, zarr_format=zarr_format)
    url = server.url(prefix)
    test = {"op": "list", "url": url}
    reads = [{"op": "read", "url": f"{url}/a/b/x", "raw": str(tmp_path / "raw")}]
    results = run_tool([test, test | {"consolidated": True}, *reads], tmp_path)
    expected = {"nodes": NODES, "attributes": attributes, "status": "OK"}
    expected["shapes"] = {name: [3] for name, kind in NODES.items() if kind == "array"}
    assert results[:2] == [expected, expected]
    assert results[2]["attributes"] == {"name": "a/b/x"}
    assert (tmp_path / "raw").read_bytes() == np.array([0.1, 1.5, 2.5], np.float32).tobytes()
    listed = [line.split()[0] for line in coffer("ls", "-r", url).splitlines()]
    assert sorted(name.rstrip("/") for name in listed) == sorted(NODES)
