"""The table at the end of the interoperability tests: who wrote, who read, what was left out."""

import json
import os
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from cases import CASES, features_of
from formats_table import RESULTS
from peers import PEERS, gap

TESTS = {"test_peer_reads": "read", "test_coffer_reads": "write"}


def record(stats: Any, reasons: dict[tuple[str, str], list[str]]) -> None:
    """Writes results.json: for feature, peer and direction what passed, failed, was left out."""
    outcomes = {
        (name, way): kind
        for kind in ("passed", "failed")
        for report in stats.get(kind, [])
        for test, _, name in [report.nodeid.partition("::")[2].partition("[")]
        if (way := TESTS.get(test))
    }
    rows: dict[str, Any] = {}
    for case in CASES:
        for peer in PEERS:
            for way in ("read", "write"):
                outcome = outcomes.get((f"{case.name}-{peer.name}]", way))
                slot = ("passed", "failed", None).index(outcome)
                for feature in features_of(case):
                    row = rows.setdefault(feature, {p.name: {} for p in PEERS})
                    row[peer.name].setdefault(way, [0, 0, 0])[slot] += 1
    packages = {"zarr-python": "zarr", "TensorStore": "tensorstore", "zarrs": "zarrs"}
    results = {
        "arrays": len(CASES),
        "versions": {peer.name: version(packages[peer.name]) for peer in PEERS},
        "rows": dict(sorted(rows.items())),
        "reasons": {f"{p}: {why}": len(set(c)) for (p, why), c in sorted(reasons.items())},
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints a row for each direction, each gap of a peer by name, and the totals."""
    stats = terminalreporter.stats
    outcome = Counter(
        (report.nodeid.partition("::")[2].partition("[")[0], peer.name, kind)
        for kind in ("passed", "failed")
        for report in stats.get(kind, [])
        for peer in PEERS
        if report.nodeid.endswith(f"-{peer.name}]")
    )
    write = terminalreporter.write_line
    rows = (("coffer -> ", "", "test_peer_reads"), ("", " -> coffer", "test_coffer_reads"))
    write(f"\n{'direction':<26}{'passed':>8}{'failed':>8}{'left out':>10}")
    reasons: dict[tuple[str, str], list[str]] = {}
    for before, after, test in rows:
        direction = "read" if test == "test_peer_reads" else "write"
        for peer in PEERS:
            left_out = 0
            for case in CASES:
                if reason := gap(peer.name, direction, case):
                    reasons.setdefault((peer.name, reason), []).append(case.name)
                    left_out += 1
            passed, failed = (outcome[test, peer.name, kind] for kind in ("passed", "failed"))
            write(f"{before + peer.name + after:<26}{passed:>8}{failed:>8}{left_out:>10}")
    write("left out, because the peer")
    for (name, reason), cases in sorted(reasons.items()):
        write(f"  {name}: {reason}: {', '.join(sorted(set(cases)))}")
    if os.environ.get("COFFER_RECORD_FORMATS"):
        record(stats, reasons)
    passed, failed = (len(stats.get(kind, [])) for kind in ("passed", "failed"))
    failed += len(stats.get("error", []))
    write(f"{len(CASES)} arrays: {passed} passed, {failed} failed")
