"""Attributes with numbers that are not finite, which Python writes as bare words: read, kept while
others change, and read again by zarr-python, in both formats, consolidated or not.

Method: the command and the real zarr-python, in turns, on one group with one array."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import zarr
from command import coffer

WRITTEN = {"_FillValue": math.nan, "range": [-math.inf, math.inf], "word": "NaN", "k": 1}


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_numbers_that_are_not_finite_stay(zarr_format: Any, tmp_path: Path) -> None:
    """zarr-python writes, coffer shows and changes, zarr-python reads."""
    root = str(tmp_path / "g")
    group = zarr.create_group(root, attributes=WRITTEN, zarr_format=zarr_format)
    array = group.create_array("a", shape=(4,), dtype="i4", attributes=WRITTEN)
    array[:] = 7
    zarr.consolidate_metadata(root)
    for place in (root, f"{root}/a"):
        shown = json.loads(coffer("attrs", place, "--json"))
        assert repr(shown) == repr(WRITTEN)
        coffer("attrs", place, "k=2")
    assert "NaN" in coffer("info", f"{root}/a")
    changed = {**WRITTEN, "k": 2}
    again = zarr.open_group(root, mode="r", use_consolidated=False)
    assert repr(dict(again.attrs)) == repr(changed)
    assert repr(dict(again["a"].attrs)) == repr(changed)
    assert list(again["a"][:]) == [7, 7, 7, 7]
