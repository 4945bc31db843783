"""The docs check catches a wrong example, a wrong command and a dead link, and only these."""

import tempfile
import unittest
from pathlib import Path

import docs


class DocsTest(unittest.TestCase):
    """Small trees with one fault each."""

    def check(self, readme: str) -> list[str]:
        """Findings of a tree with this README."""
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            for folder in ("examples", "docs", "tools/coffer/commands"):
                (root / folder).mkdir(parents=True)
            (root / "examples/a.cc").write_text("int main() {\n  int x = 1;\n  return x;\n}\n")
            (root / "tools/coffer/commands/info.cc").write_text("")
            (root / "README.md").write_text(readme)
            return docs.findings(root)

    def test_good(self) -> None:
        self.assertEqual(
            self.check(
                "```cpp\n  int x = 1;\n  return x;\n```\n"
                "[a](examples/a.cc)\n```sh\ncoffer info x\n```\n"
            ),
            [],
        )

    def test_example(self) -> None:
        self.assertEqual(len(self.check("```cpp\nint y = 1;\n```\n")), 1)

    def test_command(self) -> None:
        self.assertEqual(len(self.check("```sh\ncoffer --budget 16M fly x\n```\n")), 1)

    def test_link(self) -> None:
        self.assertEqual(len(self.check("[a](docs/none.md)")), 1)


if __name__ == "__main__":
    unittest.main()
