"""Makes docs/formats.md of the recorded results of the interoperability tests.

COFFER_RECORD_FORMATS=1 scripts/test-interop     records tests/interop/results.json
python3 tests/interop/formats_table.py           writes docs/formats.md
"""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).with_name("results.json")
TABLE = ROOT / "docs" / "formats.md"

HEAD = (
    "# Formats and readers\n\n"
    "What coffer and other readers exchange, feature by feature. Made by "
    "`tests/interop/formats_table.py` from the recorded results of `scripts/test-interop` "
    "({arrays} arrays, with {versions}); a test holds that this page says what the results say. "
    "To make it anew: `COFFER_RECORD_FORMATS=1 scripts/test-interop && "
    "python3 tests/interop/formats_table.py`.\n\n"
    '"reads": the peer reads what coffer wrote; "writes": coffer reads what the peer wrote; both '
    "bit for bit. `3` means that all three arrays with this feature agree; `2 of 3`, that one was "
    "left out because the peer cannot (the reasons are below); `none`, that it can do none of "
    "them. An array counts in the row of every feature it has.\n"
)


def cell(counts: list[int]) -> str:
    """Passed, failed and left out, for people."""
    passed, failed, left_out = counts
    if failed:
        return f"**{failed} fail**"
    if not passed:
        return "none"
    return f"{passed} of {passed + left_out}" if left_out else str(passed)


def section(title: str, rows: dict[str, Any], peers: list[str]) -> list[str]:
    """One table."""
    heads = [f"{peer} {verb}" for peer in peers for verb in ("reads", "writes")]
    lines = ["", f"## {title}", "", f"| feature | {' | '.join(heads)} |"]
    lines.append("|---" * (len(heads) + 1) + "|")
    for feature, results in sorted(rows.items()):
        cells = [cell(results[peer][way]) for peer in peers for way in ("read", "write")]
        lines.append(f"| {feature} | {' | '.join(cells)} |")
    return lines


def table(results: Any) -> str:
    """The whole page."""
    peers = list(results["versions"])
    versions = ", ".join(f"{peer} {version}" for peer, version in results["versions"].items())
    lines = HEAD.format(arrays=results["arrays"], versions=versions).splitlines()
    rows = results["rows"]
    of_v2 = {name[3:]: row for name, row in rows.items() if name.startswith("v2 ")}
    of_v3 = {name: row for name, row in rows.items() if not name.startswith("v2 ")}
    lines += section("Zarr v3", of_v3, peers)
    lines += section("Zarr v2", of_v2, peers)
    lines += ["", "## What was left out, and why", ""]
    for reason, count in sorted(results["reasons"].items()):
        lines.append(f"- {reason} ({count} {'array' if count == 1 else 'arrays'})")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the page."""
    TABLE.write_text(table(json.loads(RESULTS.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
