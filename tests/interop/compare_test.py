"""Goal: the comparison of benchmarks/compare works, and tells who gives wrong bytes.

Method: runs compare.py on tiny cells of every workload, with every peer; then with a coffer worker
that is a script between driver and worker, which spoils what the worker writes; and without a
program that it asks when the peers are done. The same on S3, with MinIO.
"""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from s3_peers import server_named

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["COFFER_BUILD"])
S3_PEERS = {"coffer", "TensorStore", "zarr-python + obstore"}
PEERS = ["TensorStore", "coffer", "coffer (ctypes)", "zarr-python", "zarrs"]
#: What zarrs' codec pipeline says it cannot, strictly.
CANNOT = {("strided", "zarrs")}


def compare(
    build: Path, folder: Path, *options: str, cells: str = "compare_cells.json"
) -> subprocess.CompletedProcess[str]:
    """A run in a folder of its own."""
    places = ["--build", str(build), "--work", str(folder / "work"), "--out", str(folder / "out")]
    places += ["--cells", str(ROOT / "tests/interop" / cells)]
    return subprocess.run(
        [sys.executable, "-B", "-m", "benchmarks.compare.compare", *places, *options],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def results(folder: Path) -> list[dict[str, Any]]:
    """The rows that it wrote."""
    rows: list[dict[str, Any]] = json.loads((folder / "out/results.json").read_text())["rows"]
    return rows


def sources() -> set[Path]:
    """The sources that runs have in memory."""
    return set(Path("/dev/shm").glob("coffer-bench-*"))


def test_every_peer_runs_every_workload(tmp_path: Path) -> None:
    before = sources()
    done = compare(BUILD, tmp_path)
    assert done.returncode in (0, 3), done.stdout + done.stderr  # 3: too noisy, which tests are.
    rows = results(tmp_path)
    assert len(rows) == 22
    for row in rows:
        cell = row["cell"]
        assert "1 cores" not in cell["name"]  # No headline.
        if cell["workload"] == "aa":
            assert sorted(row["peers"]) == ["coffer", "coffer again"]
            continue
        can = {peer for peer in PEERS if (cell["workload"], peer) not in CANNOT}
        if cell["workload"] in ("boxes", "random_chunks", "planes_1", "update", "open_one"):
            can.add("TensorStore (cache)")
        if cell["codec"] == "none":
            can.add("memmap")
        assert set(row["peers"]) == can, (cell["name"], row["failed"])
        assert set(row["failed"]) == {peer for peer in PEERS if (cell["workload"], peer) in CANNOT}
        for name, peer in row["peers"].items():
            assert len(peer["runs"]) == 1, (cell["name"], name)  # Two, the first one dropped.
            (run,) = peer["runs"]
            assert run["wrong"] == ""
            assert run["seconds"] > 0
            reads = cell["workload"] in ("read_all", "chunk_by_chunk", "small_read")
            if cell["workload"] == "small_read":
                assert run["result"] == 5 * 20 * 20 * 4
            assert run["rchar"] > 0 or not reads or name == "memmap", (cell["name"], name)
        assert row["limit"] > 0
        assert (row["broken"], row["wrong"]) == ({}, {})
    report = (tmp_path / "out/report.md").read_text()
    page = (tmp_path / "out/report.html").read_text()
    for row in rows[1:]:
        assert row["cell"]["name"] in report
        assert row["cell"]["name"] in page
    assert sources() == before
    assert not list((tmp_path / "work").iterdir())


@pytest.fixture
def minio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips where it is not."""
    server_named("minio", monkeypatch)


@pytest.mark.usefixtures("minio")
def test_every_peer_runs_every_workload_on_a_server(tmp_path: Path) -> None:
    done = compare(BUILD, tmp_path, cells="compare_s3_cells.json")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = results(tmp_path)
    assert len(rows) == 10
    for row in rows:
        name = row["cell"]["name"]
        assert set(row["peers"]) == S3_PEERS, (name, row["failed"])
        assert (row["failed"], row["broken"], row["wrong"]) == ({}, {}, {}), name
        for peer in S3_PEERS:
            sent = row["requests"][peer]
            writes = row["cell"]["workload"] in ("write_all", "tree_save")
            assert sent["PUT" if writes else "GET"] >= 1, (name, peer, sent)
            assert writes or set(sent) <= {"GET", "HEAD"}, (name, peer, sent)
            # As many as there are chunks, and what opening takes.
            if row["cell"]["shard"] == [] and not writes:
                assert 18 < sum(sent.values()) < 18 + 10, (name, peer, sent)
    assert "by obstore, 8 at once, 1 ms" in (tmp_path / "out/report.md").read_text()


@pytest.mark.usefixtures("minio")
def test_wrong_bytes_of_a_checkpoint_on_a_server_are_told(tmp_path: Path) -> None:
    """The spoiled worker saves another last element."""
    build = programs(tmp_path)
    worker = build / "bin/bench_coffer_worker"
    real = worker.readlink()
    worker.unlink()
    worker.write_text(
        f"""#!{sys.executable}
import subprocess, sys
text = open(sys.argv[1]).read()
source = text.split()[1]
old = open(source, "rb").read()
open("{tmp_path}/other", "wb").write(old[:-4] + bytes(4))
open("{tmp_path}/job", "w").write(text.replace(source, "{tmp_path}/other"))
for line in sys.stdin:
    job = "{tmp_path}/job" if line.startswith("tree_save") else sys.argv[1]
    done = subprocess.run([{str(real)!r}, job], input=line, text=True, capture_output=True)
    print(done.stdout, end="", flush=True)
"""
    )
    worker.chmod(worker.stat().st_mode | stat.S_IXUSR)
    options = ("--only", "tree save")
    done = compare(build, tmp_path, *options, cells="compare_s3_cells.json")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "WRONG: tree save, tree, zstd, 0 ms: coffer: a saved leaf holds other" in done.stdout


def programs(folder: Path) -> Path:
    """A build folder of links to the real programs, to be taken away or put others in place of."""
    build = folder / "build"
    (build / "bin").mkdir(parents=True)
    for name in ("bench_limits", "coffer", "bench_coffer_worker", "fault_proxy_tool"):
        (build / "bin" / name).symlink_to(next(BUILD.rglob(f"bin/{name}")))
    (build / "libbench_coffer_shim.so").symlink_to(next(BUILD.rglob("libbench_coffer_shim.so")))
    return build


def test_what_fails_beside_the_peers_keeps_their_figures(tmp_path: Path) -> None:
    build = programs(tmp_path)
    (build / "bin/coffer").unlink()
    done = compare(build, tmp_path, "--only", "reencode, sharded, zstd")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "largest task failed: FileNotFoundError" in done.stdout
    (row,) = results(tmp_path)
    assert set(row["peers"]) == set(PEERS)
    assert row["limit"] > 0
    assert list(row["broken"]) == ["largest task"]


@pytest.mark.parametrize("workload", ["write all", "read all"])
def test_wrong_bytes_are_told(tmp_path: Path, workload: str) -> None:
    """The spoiled worker leaves out the last write, or reads what was there before."""
    build = programs(tmp_path)
    worker = build / "bin/bench_coffer_worker"
    real = worker.readlink()
    worker.unlink()
    # After the first repetition it repeats its answer without doing anything, or (read all) reads a
    # copy of the array made then.
    worker.write_text(
        f"""#!{sys.executable}
import os, shutil, subprocess, sys
real = subprocess.Popen([{str(real)!r}, sys.argv[1]], stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE, text=True, bufsize=1)
for line in sys.stdin:
    verb, path, *rest = line.split()
    kept = "{tmp_path}/" + verb
    if verb == "read":
        if not os.path.exists(kept):
            shutil.copytree(path, kept)
        line = " ".join([verb, kept, *rest]) + "\\n"
    real.stdin.write(line)
    answer = real.stdout.readline()
    if verb == "write":
        if os.path.exists(kept):
            shutil.rmtree(path)
            shutil.copytree(kept, path)
        else:
            shutil.copytree(path, kept)
    print(answer, end="", flush=True)
"""
    )
    worker.chmod(worker.stat().st_mode | stat.S_IXUSR)
    done = compare(build, tmp_path, "--only", f"{workload}, sharded, zstd")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "WRONG: " in done.stdout
    wrong = [row["peers"]["coffer"]["runs"][0]["wrong"] for row in results(tmp_path)]
    said = "the array holds other bytes" if workload == "write all" else "a read gave other bytes"
    assert said in wrong
