"""Goal: the arrow check catches an include that points up, and lets pass what the design allows.

Method: seed single includes into otherwise empty files, and small trees on disk.
"""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from arrows import LAYER_OF_PREFIX, check_text, check_tree, main


def reasons(path: str, target: str) -> list[str]:
    return [v.reason for v in check_text(path, f'// line one\n#include "{target}"\n')]


class ArrowsTest(unittest.TestCase):
    """Seeded includes, upward and downward."""

    def test_upward_includes_are_caught(self) -> None:
        for path, target, reason in (
            ("src/base/status.cc", "src/async/future.h", "base may not use async"),
            ("src/async/budget.cc", "coffer/nd/box.h", "async may not use nd"),
            ("src/nd/copy.cc", "src/codec/chain.h", "nd may not use codec"),
            ("src/kvstore/url.cc", "coffer/array/array.h", "kvstore may not use array"),
            ("kvstore/file/file.cc", "coffer/nd/shape.h", "store may not use nd"),
            ("kvstore/file/file.cc", "kvstore/memory/memory.h", "one store may not know another"),
            ("drivers/codecs/zstd.cc", "coffer/kvstore/kvstore.h", "codecs may not use kvstore"),
            ("src/array/planner.cc", "drivers/zarr3/driver.h", "array may not use driver"),
            ("src/array/planner.cc", "kvstore/file/file.h", "array may not use store"),
            ("drivers/zarr3/a.cc", "src/checkpoint/save.h", "driver may not use checkpoint"),
            ("drivers/zarr3/a.cc", "drivers/zarr2/b.h", "one driver may not know another"),
            ("src/checkpoint/save.cc", "src/registry/builtin.h", "checkpoint may not use registry"),
            ("src/registry/builtin.cc", "tools/coffer/main.h", "registry may not use tools"),
            ("examples/a.cc", "src/nd/copy.h", "an example includes public headers only"),
            ("src/nd/a.cc", "tests/support/temp.h", "nd may not use tests"),
        ):
            with self.subTest(path=path, target=target):
                self.assertEqual(reasons(path, target), [reason])

    def test_public_headers_are_held_to_the_same_order(self) -> None:
        self.assertEqual(
            reasons("include/coffer/base/status.h", "coffer/async/future.h"),
            ["base may not use async"],
        )
        self.assertEqual(
            reasons("include/coffer/nd/shape.h", "src/base/internal.h"),
            ["a public header includes public headers only"],
        )

    def test_downward_includes_pass(self) -> None:
        for path, target in (
            ("src/async/future.cc", "coffer/base/status.h"),
            ("kvstore/file/file.cc", "src/kvstore/registry.h"),
            ("kvstore/file/file.cc", "kvstore/file/lock.h"),
            ("drivers/codecs/sharding.cc", "drivers/codecs/crc32c.h"),
            ("drivers/zarr3/driver.cc", "coffer/array/driver.h"),
            ("src/registry/builtin.cc", "kvstore/s3/s3.h"),
            ("include/coffer/coffer.h", "coffer/checkpoint/checkpoint.h"),
            ("tests/unit/nd/copy_test.cc", "src/nd/copy.h"),
        ):
            with self.subTest(path=path, target=target):
                self.assertEqual(reasons(path, target), [])

    def test_spelling_of_the_include_does_not_hide_it(self) -> None:
        text = '\t #  include   "src/async/future.h"  // NOLINT\n'
        self.assertEqual(len(list(check_text("src/base/a.cc", text))), 1)
        self.assertEqual(reasons("src/base/a.cc", "../async/future.h")[0][:10], "not a path")

    def test_a_folder_in_no_layer_is_refused(self) -> None:
        self.assertIn("in no layer", reasons("src/misc/a.cc", "coffer/base/status.h")[0])

    def test_line_and_text_of_a_violation(self) -> None:
        (found,) = check_text("src/base/a.cc", '#include <a>\n\n#include "src/nd/b.h"\n')
        self.assertEqual(str(found), 'src/base/a.cc:3: #include "src/nd/b.h": base may not use nd')

    def test_a_tree_on_disk_is_searched_in_every_layer(self) -> None:
        for prefix, layer in LAYER_OF_PREFIX:
            if layer in {"tests", "benchmarks"}:
                continue
            with self.subTest(prefix=prefix), tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / prefix / "a.cc"
                file.parent.mkdir(parents=True)
                file.write_text('#include "tests/support/x.h"\n', encoding="utf-8")
                self.assertEqual(len(check_tree(Path(folder))), 1)
                self.assertEqual(main(["arrows.py", folder]), 1)
                file.write_text("", encoding="utf-8")
                self.assertEqual(main(["arrows.py", folder]), 0)


if __name__ == "__main__":
    unittest.main()
