"""Malformed arrays and the real command: whatever lies in a folder, info, cat and cp give a clear
error that names the file, verify and a dry repair a finding (or that it was not checked, where it
is only not supported), in bounded time and memory, and nothing worse.

Method: a generator (cases.py) makes folders with one thing wrong in each. On each the command runs
five times; exit status, the one line of error, the file it names and what it says of it are held
against the case's row. Time is the processor's, at most one second; memory is the process's peak,
at most 256 MiB; both also under AddressSanitizer.
    COFFER=path/to/coffer python3 tests/malformed/malformed_test.py [-v] [NAME]
"""

import os
import sys
import tempfile
import threading
import unittest
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import NamedTuple

import cases
import cases_v2

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("COFFER") or os.environ.get("COFFER_BUILD", "build/dev") + "/bin/coffer"
CASES_MIN = 150
CPU_SECONDS_MAX = 1.0
PEAK_BYTES_MAX = 256 << 20
HANG_SECONDS = 60


class Outcome(NamedTuple):
    """What one run of the command did."""

    status: int
    output: str
    error: str
    cpu_seconds: float
    peak_bytes: int


class Finding(NamedTuple):
    """What was not as the case says."""

    case: str
    command: str
    what: str


def run(folder: Path, *arguments: str) -> Outcome:
    """Runs the command in a folder; a run that hangs is killed, and fails by its status."""
    out, err = folder / "stdout", folder / "stderr"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = Popen(
            [ROOT / BINARY, *arguments], cwd=folder, stdin=DEVNULL, stdout=stdout, stderr=stderr
        )
        timer = threading.Timer(HANG_SECONDS, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    return Outcome(
        process.returncode,
        out.read_text(errors="replace"),
        err.read_text(errors="replace"),
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024,
    )


def make(case: cases.Case, folder: Path) -> None:
    """Makes the case's array in `folder`/a.zarr."""
    for key, content in case.files.items():
        path = folder / "a.zarr" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.symlink_to(content)
        elif content == cases.FIFO:
            os.mkfifo(path)
        else:
            with path.open("wb") as file:
                file.truncate(content)


COMMANDS = {
    "info": ("info", "a.zarr"),
    "cat": ("cat", "a.zarr", "-o", "out.npy"),
    "cp": ("cp", "a.zarr", "b.zarr", "--quiet"),
    "verify": ("verify", "a.zarr", "--deep"),
    "repair": ("repair", "a.zarr", "-n"),
}
FINDING = ("verify", "repair")


def wrong(case: cases.Case, command: str, outcome: Outcome) -> Iterator[str]:
    """What of one outcome is not as the case says."""
    finds = command in FINDING
    fails = finds or case.found_by in ("open", "group")
    fails = fails or (case.found_by == "read" and command in ("cat", "cp"))
    expected = 0 if not fails else 1 if not finds else 0 if case.unsupported else 3
    if outcome.status != expected:
        yield f"exit status {outcome.status}, expected {expected}"
    if finds and ("not checked (unsupported): 1" in outcome.output) != case.unsupported:
        yield "says wrongly whether it was checked"
    text = outcome.output if finds else outcome.error
    if fails and f"a.zarr/{case.key}" not in text.replace("%20", " "):
        yield f"names no {case.key}"
    expected_text = case.text
    if case.found_by == "group" and command == "cat":
        expected_text = "here is a group, not an array"
    if fails and not any(each in text for each in expected_text.split(" || ")):
        yield f"does not say {expected_text!r}"
    if outcome.status == 1 and (outcome.error.count("\n") != 1 or len(outcome.error) > 2000):
        yield "the error is not one short line"
    if outcome.status == 0 and outcome.error:
        yield "succeeded with an error"
    if outcome.cpu_seconds > CPU_SECONDS_MAX:
        yield f"took {outcome.cpu_seconds:.2f} s of processor time"
    if outcome.peak_bytes > PEAK_BYTES_MAX:
        yield f"took {outcome.peak_bytes >> 20} MiB"


def check(case: cases.Case) -> tuple[list[Finding], float, int]:
    """Every finding of one case, and the most time and memory that it took."""
    findings, seconds, peak = [], 0.0, 0
    with tempfile.TemporaryDirectory(prefix="coffer-malformed-") as name:
        folder = Path(name)
        make(case, folder)
        for command, arguments in COMMANDS.items():
            outcome = run(folder, *arguments)
            seconds = max(seconds, outcome.cpu_seconds)
            peak = max(peak, outcome.peak_bytes)
            shown = (outcome.error + outcome.output)[:600]
            for what in wrong(case, command, outcome):
                findings.append(Finding(case.name, command, f"{what}: {shown}"))
        if case.found_by != "verify" and (folder / "out.npy").exists():
            findings.append(Finding(case.name, "cat", "left an output"))
    return findings, seconds, peak


ALL = [*cases.all_cases(), *cases_v2.all_cases()]


class Malformed(unittest.TestCase):
    """The table and what the command does with it."""

    maxDiff = None

    def test_the_unit_tests_table_is_read_whole(self) -> None:
        for path, least in ((cases.TABLE, 100), (cases_v2.TABLE, 70)):
            entries = path.read_text(encoding="utf-8").count('{R"(')
            self.assertEqual(len(list(cases.table(path))), entries)
            self.assertGreater(entries, least)

    def test_there_are_enough_and_each_has_a_name(self) -> None:
        names = [case.name for case in ALL]
        self.assertGreaterEqual(len(names), CASES_MIN)
        self.assertEqual(len(names), len(set(names)))
        self.assertFalse([case.name for case in ALL if len(case.text) < 8])

    def test_the_good_array_is_good(self) -> None:
        with tempfile.TemporaryDirectory(prefix="coffer-malformed-") as name:
            folder = Path(name)
            make(
                cases.Case("", {"zarr.json": cases.document(), "c/1/0": cases.DATA}, "", ""), folder
            )
            for arguments in COMMANDS.values():
                self.assertEqual(run(folder, *arguments).status, 0, arguments)

    def test_every_one_gives_a_clear_error(self) -> None:
        chosen = [case for case in ALL if ONLY in case.name]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(check, chosen))
        findings = [finding for found, _, _ in results for finding in found]
        seconds = max(result[1] for result in results)
        peak = max(result[2] for result in results)
        print(
            f"{len(chosen)} malformed arrays, {len(chosen) * len(COMMANDS)} runs: "
            f"at most {seconds:.2f} s of processor time and {peak >> 20} MiB",
            file=sys.stderr,
        )
        lines = [f"{each.case} [{each.command}]: {each.what}" for each in findings]
        self.assertFalse(findings, "\n" + "\n".join(lines))


ONLY = ""

if __name__ == "__main__":
    ONLY = " ".join(argument for argument in sys.argv[1:] if not argument.startswith("-"))
    unittest.main(argv=[argument for argument in sys.argv if argument.startswith("-")] or [""])
