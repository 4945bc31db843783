"""The command under test, and the tool that does the same through the API for many arrays."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from cases import Case

BIN = Path(os.environ.get("COFFER_BUILD", "build/dev")) / "bin"
COFFER = os.environ.get("COFFER") or str(BIN / "coffer")
TOOL = BIN / "interop_tool"


def coffer(*arguments: str | Path) -> str:
    """Runs the command, which must succeed, and returns what it printed."""
    done = subprocess.run(
        [COFFER, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


def run_tool(tests: list[Any], folder: Path) -> list[Any]:
    """Runs coffer on a list of cases; returns its results."""
    cases, results = folder / "cases.json", folder / "results.json"
    cases.write_text(json.dumps(tests), encoding="utf-8")
    subprocess.run([str(TOOL), str(cases), str(results)], check=True, timeout=120)
    return json.loads(results.read_text(encoding="utf-8"))


def raw_bytes(array: Any) -> bytes:
    """The elements in C order and native byte order."""
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("=")).tobytes()


def to_write(case: Case, url: str, folder: Path) -> Any:
    """What the tool needs to write a case; its elements lie in the folder meanwhile."""
    raw = folder / f"{case.name}.raw"
    raw.write_bytes(raw_bytes(case.source()))
    test = {
        "op": "write",
        "url": url,
        "raw": str(raw),
        "shape": case.shape,
        "data_type": case.data_type,
        "chunk_shape": case.chunk_shape,
        "fill_value": case.fill_value,
        "key_encoding": case.key_encoding,
        "separator": case.separator,
        "dimension_names": case.dimension_names,
        "attributes": case.attributes,
        "box": case.box and {"origin": case.box[0], "shape": case.box[1]},
    }
    if case.v2:
        codecs = case.v2 | {"dtype": case.numpy_type()}
        return test | {"url": f"{url}|zarr2:", "key_encoding": "v2", "codecs": codecs}
    return test | (case.native or {"codecs": case.codecs})
