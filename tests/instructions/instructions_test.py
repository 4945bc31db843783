"""Goal: `make bench-check` fails exactly when it should, and says what is to be done.

Method: benchmarks/instructions/check.py runs as a user would run it, on a program and a valgrind
that are small scripts which print the counts that a case wants; its output is compared literally.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "instructions" / "check.py"

# Prints the names or what it was built with; with anything else it is only named, not run.
PROGRAM = """#!/bin/sh
case $1 in
  --list) cut -d= -f1 counts ;;
  --about) cat about ;;
  *) exit 3 ;;
esac
"""

# Counts what the file `counts` of the program's folder says; and that only as it should be asked.
VALGRIND = """#!/bin/sh
case "$*" in
  --version) echo valgrind-3.19.0 ;;
  *--about) ./bench --about ;;
  "--tool=callgrind --toggle-collect=coffer_measured --callgrind-out-file=/dev/null ./bench "*)
    for name; do :; done
    [ "$GLIBC_TUNABLES" = glibc.cpu.hwcaps=-ERMS ] || exit 4
    [ -z "$NOISE" ] || exit 5
    grep -q "^$name=fails" counts && echo "no memory" && exit 6
    echo "==1== Events    : Ir"
    sed -n "s/^$name=/==1== Collected : /p" counts ;;
esac
"""


class CheckTest(unittest.TestCase):
    """Runs of the script."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.baseline = self.root / "baseline.json"
        for name, text in (("bench", PROGRAM), ("valgrind", VALGRIND)):
            (self.root / name).write_text(text)
            (self.root / name).chmod(0o755)
        (self.root / "about").write_text("compiler: g++ 12.2.0\ncpu: AVX2\n")

    def count(self, **counts: object) -> None:
        lines = [f"{name}={count}\n" for name, count in counts.items()]
        (self.root / "counts").write_text("".join(lines))

    def keep(self, **counts: int) -> None:
        made_with = {"compiler": "g++ 12.2.0", "cpu": "AVX2", "valgrind": "3.19.0"}
        self.baseline.write_text(json.dumps({"made_with": made_with, "counts": counts}))

    def run_script(self, *options: str, path: str | None = None) -> tuple[int, str]:
        command = [sys.executable, "-B", str(SCRIPT), str(self.root / "bench"), *options]
        environment = os.environ | {"NOISE": "1", "PATH": path or f"{self.root}:/usr/bin:/bin"}
        done = subprocess.run(
            [*command, "--baseline", str(self.baseline)],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
        )
        return done.returncode, done.stdout + done.stderr

    def recorded(self) -> Any:
        return json.loads(self.baseline.read_text())

    def test_what_takes_five_percent_more_passes_and_one_instruction_more_fails(self) -> None:
        self.keep(steady=100000, edge=100000, beyond=100000)
        self.count(steady=100000, edge=105000, beyond=105001)
        self.assertEqual(
            self.run_script(),
            (
                1,
                "| benchmark | baseline | now | ratio | |\n"
                "|---|---|---|---|---|\n"
                "| steady | 100,000 | 100,000 | 1.000 |  |\n"
                "| edge | 100,000 | 105,000 | 1.050 |  |\n"
                "| beyond | 100,000 | 105,001 | 1.050 | MORE |\n"
                "\n"
                "FAILED beyond: MORE\n"
                "bench-check: 2 passed, 1 failed\n",
            ),
        )

    def test_what_takes_less_passes_and_asks_for_a_new_baseline(self) -> None:
        self.keep(edge=100000, beyond=100000)
        self.count(edge=95000, beyond=94999)
        status, output = self.run_script()
        self.assertEqual(status, 0)
        self.assertEqual(
            output.splitlines()[2:],
            [
                "| edge | 100,000 | 95,000 | 0.950 |  |",
                "| beyond | 100,000 | 94,999 | 0.950 | less |",
                "",
                "1 take over 5 % less than the baseline: renew it (scripts/bench-check --record), "
                "in a commit of its own that says why",
                "bench-check: 2 passed, 0 failed",
            ],
        )

    def test_a_name_that_is_missing_on_either_side_fails(self) -> None:
        self.keep(old=7, both=8)
        self.count(both=8, new=9)
        status, output = self.run_script()
        self.assertEqual(status, 1)
        self.assertEqual(
            output.splitlines()[2:],
            [
                "| both | 8 | 8 | 1.000 |  |",
                "| new | - | 9 | - | NOT IN THE BASELINE |",
                "| old | 7 | - | - | GONE |",
                "",
                "FAILED new: NOT IN THE BASELINE",
                "FAILED old: GONE",
                "bench-check: 1 passed, 2 failed",
            ],
        )

    def test_one_alone_leaves_the_others_be(self) -> None:
        self.keep(a=100, b=100)
        self.count(a=100, b=200)
        status, output = self.run_script("--only", "a")
        self.assertEqual((status, output.splitlines()[-1]), (0, "bench-check: 1 passed, 0 failed"))
        status, output = self.run_script("--only", "b")
        self.assertEqual((status, output.splitlines()[-1]), (1, "bench-check: 0 passed, 1 failed"))
        self.assertEqual(
            self.run_script("--only", "c"), (2, "bench-check: there is no benchmark c\n")
        )

    def test_a_recorded_baseline_holds_all_counts_and_what_they_depend_on(self) -> None:
        self.count(a=100, b=200)
        self.assertEqual(
            self.run_script("--record"),
            (0, f"bench-check: recorded 2 counts in {self.baseline}\n"),
        )
        made_with = {"compiler": "g++ 12.2.0", "cpu": "AVX2", "valgrind": "3.19.0"}
        self.assertEqual(self.recorded(), {"made_with": made_with, "counts": {"a": 100, "b": 200}})
        self.assertEqual(self.run_script()[0], 0)
        self.assertEqual(self.run_script("--record", "--only", "a")[0], 2)
        self.assertEqual(self.recorded()["counts"], {"a": 100, "b": 200})

    def test_another_compiler_or_processor_is_told(self) -> None:
        self.keep(a=100)
        self.count(a=100)
        (self.root / "about").write_text("compiler: g++ 13.1.0\nzstd: 1.5.4\ncpu: AVX2\n")
        status, output = self.run_script()
        self.assertEqual(status, 0)
        self.assertEqual(
            output.splitlines()[4:6],
            [
                "compiler: the baseline was made with g++ 12.2.0, this with g++ 13.1.0; counts may "
                "differ for that alone",
                "zstd: the baseline was made with none, this with 1.5.4; counts may differ for "
                "that alone",
            ],
        )

    def test_what_cannot_be_counted_is_an_error_and_no_count(self) -> None:
        self.keep(a=100)
        self.count(a=0)
        self.assertEqual(
            self.run_script("--record"),
            (
                2,
                "bench-check: a: callgrind counted nothing\n"
                "==1== Events    : Ir\n==1== Collected : 0\n\n",
            ),
        )
        self.count(a="fails")
        status, output = self.run_script()
        self.assertEqual(status, 2)
        self.assertIn("./bench a: exit status 6\nno memory\n", output)
        self.assertEqual(self.recorded()["counts"], {"a": 100})

    def test_nothing_to_compare_is_an_error(self) -> None:
        self.keep(a=100)
        self.count()
        self.assertEqual(
            self.run_script(), (2, "bench-check: there is no benchmark in the program\n")
        )
        self.count(a=100)
        for text in ("{}", '{"counts": {}, "made_with": {}}', '{"counts": {"a": 100}}'):
            self.baseline.write_text(text)
            status, output = self.run_script()
            self.assertEqual(status, 2, text)
            self.assertIn("no baseline; make one by scripts/bench-check --record", output)

    def test_without_valgrind_it_says_who_brings_it(self) -> None:
        self.keep(a=100)
        self.count(a=100)
        tools = self.root / "tools"
        tools.mkdir()
        for name in ("sh", "cut", "cat"):
            (tools / name).symlink_to(f"/usr/bin/{name}")
        self.assertEqual(
            self.run_script(path=str(tools)),
            (2, "bench-check: there is no valgrind (scripts/install-deps brings it)\n"),
        )


if __name__ == "__main__":
    unittest.main()
