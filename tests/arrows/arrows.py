"""Checks that includes between the layers of coffer point down only.

Method: every #include "..." of every source and header is mapped to the layer that its path belongs
to, and compared with the layers that the including file may use. A file that fits no layer fails,
too, so that a new folder has to take its place in the table.

    arrows.py [ROOT]     prints each forbidden include; exit status 1 if there was one
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

# Path prefixes and the layer they belong to; the first that matches decides.
LAYER_OF_PREFIX: tuple[tuple[str, str], ...] = (
    ("src/base/", "base"),
    ("include/coffer/base/", "base"),
    ("src/async/", "async"),
    ("include/coffer/async/", "async"),
    ("src/net/", "net"),
    ("src/nd/", "nd"),
    ("include/coffer/nd/", "nd"),
    ("src/kvstore/", "kvstore"),
    ("include/coffer/kvstore/", "kvstore"),
    ("src/codec/", "codec"),
    ("include/coffer/codec/", "codec"),
    ("kvstore/", "store"),
    ("drivers/codecs/", "codecs"),
    ("src/array/", "array"),
    ("include/coffer/array/", "array"),
    ("drivers/zarr/", "zarr"),
    ("drivers/", "driver"),
    ("src/checkpoint/", "checkpoint"),
    ("include/coffer/checkpoint/", "checkpoint"),
    ("src/registry/", "registry"),
    ("include/coffer/registry/", "registry"),
    ("src/testing/", "testing"),
    ("include/coffer/testing/", "testing"),
    ("include/coffer/", "public"),  # coffer.h and its like: the whole public API
    ("tools/", "tools"),
    ("examples/", "examples"),
    ("benchmarks/", "benchmarks"),
    ("tests/", "tests"),
)

# What each layer may include besides itself. A store knows nothing of arrays, a codec nothing of
# stores, a driver nothing of checkpoints, and only the registry sees the stores that are built in.
_CORE = frozenset({"base", "async", "nd", "kvstore", "codec"})
_PUBLIC = _CORE | {"array", "checkpoint", "registry"}
_ALL = frozenset(layer for _, layer in LAYER_OF_PREFIX)
ALLOWED: dict[str, frozenset[str]] = {
    "base": frozenset(),
    "async": frozenset({"base"}),
    "net": frozenset({"base", "async"}),
    "nd": frozenset({"base", "async"}),
    "kvstore": frozenset({"base", "async", "net"}),
    "codec": frozenset({"base", "async", "nd"}),
    "store": frozenset({"base", "async", "net", "kvstore"}),
    "codecs": frozenset({"base", "async", "nd", "codec"}),
    "array": _CORE | {"codecs"},
    "zarr": _CORE | {"codecs", "array"},
    "driver": _CORE | {"codecs", "array", "zarr"},
    "checkpoint": _CORE | {"codecs", "array", "driver"},
    "registry": _CORE | {"store", "codecs", "array", "driver", "checkpoint"},
    "testing": _CORE | {"array"},
    "public": _PUBLIC,
    "tools": _PUBLIC | {"public", "codecs", "store", "driver"},
    "examples": _PUBLIC | {"public"},
    "benchmarks": _ALL,
    "tests": _ALL,
}

# Layers whose folders are independent of each other: one store does not include another.
ISOLATED = {"store": 2, "driver": 2}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
ROOTS = ("include", "src", "kvstore", "drivers", "tools", "examples", "benchmarks", "tests")

OUTSIDE = "tests/install/"  # users' projects: what they include is installed, or their own


class Violation(NamedTuple):
    """One include that points up (or nowhere)."""

    path: str
    line: int
    target: str
    reason: str

    def __str__(self) -> str:
        return f'{self.path}:{self.line}: #include "{self.target}": {self.reason}'


def layer_of(path: str) -> str | None:
    """The layer of a path relative to the repository, or None."""
    return next((layer for prefix, layer in LAYER_OF_PREFIX if path.startswith(prefix)), None)


def resolve(target: str) -> str:
    """The path in the repository that an include names: "coffer/..." stands under include/."""
    return f"include/{target}" if target.startswith("coffer/") else target


def check_text(path: str, text: str) -> Iterator[Violation]:
    """Yields the forbidden includes of one file."""
    layer = layer_of(path)
    if layer is None:
        yield Violation(path, 1, "", "this folder is in no layer; give it a place in arrows.py")
        return
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        target = match.group(1)
        reason = why_forbidden(path, layer, resolve(target))
        if reason:
            yield Violation(path, line, target, reason)


def why_forbidden(path: str, layer: str, target: str) -> str | None:
    """Why a file of `layer` may not include `target`, or None if it may."""
    target_layer = layer_of(target)
    if target_layer is None:
        return "not a path from the repository's root (or it is in no layer)"
    if path.startswith("include/") and not target.startswith("include/"):
        return "a public header includes public headers only"
    if layer == "examples" and not target.startswith(("include/", "examples/")):
        return "an example includes public headers only"
    if target_layer == layer:
        depth = ISOLATED.get(layer)
        if depth is None or target.startswith("include/"):
            return None
        here, there = (PurePosixPath(p).parts[:depth] for p in (path, target))
        return None if here == there else f"one {layer} may not know another"
    if target_layer not in ALLOWED[layer]:
        return f"{layer} may not use {target_layer}"
    return None


def check_tree(root: Path) -> list[Violation]:
    """Every forbidden include under a repository."""
    found: list[Violation] = []
    for top in ROOTS:
        for file in sorted((root / top).rglob("*")):
            path = file.relative_to(root).as_posix()
            if file.suffix in {".h", ".cc"} and not path.startswith(OUTSIDE):
                found.extend(check_text(path, file.read_text(encoding="utf-8")))
    return found


def main(argv: list[str]) -> int:
    """Checks the repository that argv names, or the one this file stands in."""
    root = Path(argv[1]) if len(argv) > 1 else Path(__file__).resolve().parents[2]
    found = check_tree(root)
    for violation in found:
        print(violation)
    print(f"{len(found)} forbidden includes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
