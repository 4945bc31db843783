"""Goal: scripts/mutants tells a caught mutant from a survivor, and refuses what proves nothing.

Method: a repository of two files in a temporary folder, whose "test" is a command, so that nothing
is compiled; the script runs on it as a user would run it.
"""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "mutants"
CHECK = [sys.executable, "-c", "import a; assert a.add(2, 3) == 5"]


def mutant(**changes: Any) -> dict[str, Any]:
    base = {
        "name": "minus",
        "file": "a.py",
        "find": "x + y",
        "replace": "x - y",
        "why": "sums would be wrong",
        "test": {"command": CHECK},
    }
    return base | changes


class MutantsTest(unittest.TestCase):
    """Runs of the script on a small repository."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / "tests/mutants").mkdir(parents=True)
        (self.root / "a.py").write_text("def add(x, y):\n    return x + y\n\nB = 1\nC = 1\n")
        (self.root / ".gitignore").write_text("/build/\n")
        subprocess.run(["git", "init", "-q", folder.name], check=True)

    def run_script(
        self, *mutants: dict[str, Any], options: tuple[str, ...] = ()
    ) -> tuple[int, str]:
        (self.root / "tests/mutants/sums.json").write_text(json.dumps(mutants))
        command = [sys.executable, str(SCRIPT), "--root", str(self.root), *options]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_a_mutant_that_fails_its_test_is_caught(self) -> None:
        status, output = self.run_script(mutant())
        self.assertEqual(status, 0, output)
        self.assertIn("caught     sums: minus", output)
        self.assertEqual(output.splitlines()[-1], "1 caught, 0 survived")

    def test_a_mutant_that_passes_its_test_survives(self) -> None:
        harmless = mutant(name="swapped", replace="y + x")
        status, output = self.run_script(mutant(), harmless)
        self.assertEqual(status, 1, output)
        self.assertIn("survived   sums: swapped", output)
        self.assertEqual(output.splitlines()[-1], "1 caught, 1 survived")

    def test_each_mutant_starts_from_the_original(self) -> None:
        other = mutant(name="times", replace="x * y")
        both = "import a; assert a.B == 1 and a.add(2, 3) == 5"
        third = mutant(
            name="b",
            find="B = 1",
            replace="B = 2",
            test={"command": [sys.executable, "-c", both]},
        )
        harmless = mutant(name="c", find="C = 1", replace="C = 2")
        status, output = self.run_script(mutant(), other, third, harmless, options=("--jobs", "1"))
        self.assertEqual((status, output.splitlines()[-1]), (1, "3 caught, 1 survived"))
        self.assertEqual((self.root / "a.py").read_text().count("x + y"), 1)

    def test_what_proves_nothing_is_refused(self) -> None:
        fails = {"command": [sys.executable, "-c", "raise SystemExit(3)"]}
        for entry, message in (
            (mutant(find="x ** y"), "its text occurs 0 times in a.py, not once"),
            (mutant(find="= 1", replace="= 2"), "its text occurs 2 times in a.py, not once"),
            (mutant(replace="x + y"), "find and replace are the same"),
            (mutant(test=fails), "fails without any mutant"),
            (mutant(test={"filter": "A.B"}), "test must have target and filter, or command"),
            (mutant(test={"command": CHECK, "servers": "gopher"}), "no server gopher"),
            (mutant(reason="?"), "members must be"),
        ):
            with self.subTest(message):
                status, output = self.run_script(entry)
                self.assertEqual(status, 2, output)
                self.assertIn(message, output)
        status, output = self.run_script(mutant(), mutant(replace="0"))
        self.assertEqual((status, "the name is taken twice" in output), (2, True))

    def test_only_area_and_list_select(self) -> None:
        two = (mutant(), mutant(name="zero", replace="0"))
        self.assertIn("1 caught", self.run_script(*two, options=("--only", "zero"))[1])
        self.assertIn("2 caught", self.run_script(*two, options=("--area", "sums.json"))[1])
        self.assertEqual(self.run_script(*two, options=("--area", "nd"))[0], 2)
        status, output = self.run_script(*two, options=("--list",))
        self.assertEqual((status, len(output.splitlines())), (0, 2))


if __name__ == "__main__":
    unittest.main()
