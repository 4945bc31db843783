"""The report: JSON for programs, Markdown for the documentation, one HTML page for people."""

import html
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.compare import rows
from benchmarks.compare.cells import SMALL
from benchmarks.compare.machine import SETTINGS

MIB = 1 << 20
COLUMNS = (
    "coffer",
    "coffer (256 MiB)",
    "coffer (ctypes)",
    "TensorStore",
    "TensorStore (cache)",
    "zarrs",
    "zarrs (native)",
    "zarr-python",
    "zarr-python + obstore",
)


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds * 1e6:.3g} µs"


def _figure(row: rows.Row, name: str) -> str:
    """GB/s of what moves everything, the time of a call of what is made of calls."""
    peer = row.peers.get(name)
    if peer is None:
        return "cannot" if name in row.failed else ""
    if row.cell.workload in SMALL or row.cell.store == "s3":
        return _time(peer.seconds)
    if row.by_call:
        return _time(peer.seconds / len(peer.runs[0]["calls"]))
    return f"{row.cell.bytes * row.cell.processes / 1e9 / peer.seconds:.2f} GB/s"


def _calls_of(row: rows.Row, name: str) -> list[str]:
    """p50, p99 and the null call; small arrays are overlapped, so that they have no times alone."""
    peer = row.peers[name]
    spans = [_time(peer.percentile(share)) if row.by_call else "" for share in (0.5, 0.99)]
    return [*spans, "~" * row.hidden(name) + _time(peer.null)]


def _verdict(row: rows.Row) -> str:
    missed = row.missed()
    if row.cell.workload == "aa" and not missed:
        return f"A/A {1 + rows.aa_off(row):.3f}"
    return "; ".join(missed) if missed else "ok"


def line(row: rows.Row) -> str:
    """A row, while the run goes on."""
    ratio = f"{row.ratio_text}x {row.best}" if row.best is not None else ""
    part = f"{row.of_limit:.2f} of limit" if row.of_limit is not None else ""
    words = [row.cell.name, _figure(row, "coffer"), ratio, part, _verdict(row)]
    return " | ".join([*words, *row.failed.values()])


def summary(done: list[rows.Row]) -> str:
    """The last lines of a run."""
    compared = [row for row in done if row.cell.workload != "aa"]
    missed = [row for row in compared if row.missed()]
    reads = [r for r in compared if r.cell.workload == "read_all" and r.ratio is not None]
    ahead = [row for row in reads if (row.ratio or 0) >= 1.5]
    words = [f"{len(compared) - len(missed)} of {len(compared)} cells reach every goal"]
    words.append(f"{len(ahead)} of {len(reads)} rows of read all at 1.5x the best peer or more")
    for row in done:
        if row.cell.workload == "aa":
            off = rows.aa_off(row)
            noisy = "" if off <= rows.NOISE_MAX else ": TOO NOISY, run it again"
            words += [f"A/A {1 + off:.3f}{noisy}", *row.missed()]
    return "; ".join(words)


def _tables(done: list[rows.Row]) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, head and lines of each table."""
    columns = [name for name in COLUMNS if any(name in row.cell.peers for row in done)]
    python = [name for name in columns if name != "zarrs (native)"]
    remote = any(row.cell.store == "s3" for row in done)
    requests = []
    speed = []
    for row in done:
        if row.cell.workload == "aa":
            continue
        ratio = f"{row.ratio_text} ({row.best})" if row.best is not None else ""
        part = f"{row.of_limit:.2f}" if row.of_limit is not None else ""
        figures = [_figure(row, name) for name in columns]
        speed.append([row.cell.name, *figures, ratio, part, _verdict(row)])
    calls: list[list[str]] = []
    memory: list[list[str]] = []
    use: list[list[str]] = []
    for row in done:
        if row.by_call or row.cell.workload in rows.SMALL_ARRAYS:
            for name in COLUMNS:
                if name in row.peers:
                    calls.append([row.cell.name, name, *_calls_of(row, name)])
        if row.cell.workload != "aa" and row.peers:
            figures = [
                f"{row.peers[name].memory / MIB:.0f}" if name in row.peers else ""
                for name in python
            ]
            memory.append([row.cell.name, f"{row.memory_allowed / MIB:.0f}", *figures])
        if row.requests:
            counted = [f"{row.sent(n):,.7g}" if n in row.requests else "" for n in columns]
            requests.append([row.cell.name, *counted])
        for name in (n for n in columns if n not in ("coffer (ctypes)", "zarrs (native)")):
            if name not in row.peers:
                continue
            peer = row.peers[name]
            counted = [f"{peer.middle(word) / MIB:.1f}" for word in ("rchar", "wchar")]
            counted += [f"{peer.middle(word):.0f}" for word in ("syscr", "syscw")]
            times = [_time(peer.least), f"{peer.spread:.0%}", f"{peer.middle('processor'):.3g} s"]
            if remote:
                times.append(f"{peer.middle('server'):.3g} s")
            use.append([row.cell.name, name, *times, *counted])
    ratio_head = ["ratio to the best rival", "of the limit", "goals"]
    use_head = ["cell", "peer", "minimum", "spread", "processor", *["server's"] * remote,
                "MiB read", "MiB written", "reads", "writes"]  # fmt: skip
    return [
        ("Speed", ["cell", *columns, *ratio_head], speed),
        ("Requests sent", ["cell", *columns], requests),
        ("Calls", ["cell", "peer", "p50", "p99", "null call"], calls),
        ("Peak memory above the result, MiB", ["cell", "allowed", *python], memory),
        ("What was used", use_head, use),
    ]


def _markdown(about: dict[str, str], rates: dict[str, float], done: list[rows.Row]) -> str:
    lines = [f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. {summary(done)}.", ""]
    lines += [f"* {name}: {value}" for name, value in about.items()]
    lines += ["", *[f"* {name}: {value}" for name, value in SETTINGS.items()], ""]
    lines += ["| limit of the machine | GB/s |", "|---|---|"]
    lines += [f"| {name} | {rate:.2f} |" for name, rate in rates.items()]
    for title, head, body in _tables(done):
        lines += ["", f"### {title}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        lines += ["| " + " | ".join(cells) + " |" for cells in body]
    return "\n".join(lines) + "\n"


STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em auto; max-width: 90em; padding: 0 1em;
       color: #1b1f24; background: #fff }
table { border-collapse: collapse; margin: 1em 0 } th { text-align: left; position: sticky; top: 0;
       background: #f3f4f6 }
td, th { padding: .25em .7em; border-bottom: 1px solid #e2e5e9; white-space: nowrap }
td { font-variant-numeric: tabular-nums } td:last-child { white-space: normal }
.bar { display: inline-block; height: .8em; background: #2f7d4f; vertical-align: middle }
.bar.low { background: #b5482f } .one { color: #6a737d } details { margin: 1em 0 }
summary { font-weight: 600; cursor: pointer }
"""


def _bar(value: float, full: float, *, low: bool, text: str = "") -> str:
    width = min(value / full, 1) * 160
    kind = "bar low" if low else "bar"
    return f'<span class="{kind}" style="width: {width:.0f}px"></span> {text or f"{value:.2f}"}'


def _page(about: dict[str, str], rates: dict[str, float], done: list[rows.Row]) -> str:
    bars = ["<tr><th>cell</th><th>ratio to the best rival (bar: 4)</th><th>rival</th>"
            "<th>of the limit (bar: 1)</th><th>peak memory above the result</th></tr>"]  # fmt: skip
    for row in done:
        if row.cell.workload == "aa" or row.ratio is None:
            continue
        wanted, part = row.goal
        ratio = _bar(row.ratio, 4, low=row.ratio < wanted, text=row.ratio_text)
        limit = _bar(row.of_limit or 0, 1, low=(row.of_limit or 0) < part)
        memory = f"{row.peers['coffer'].memory / MIB:.0f} of {row.memory_allowed / MIB:.0f} MiB"
        cells = [html.escape(row.cell.name), ratio, html.escape(row.best or ""), limit, memory]
        bars.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    parts = [f"<h1>coffer and its peers</h1><p>{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. "
             f"{html.escape(summary(done))}.</p>", f"<table>{''.join(bars)}</table>"]  # fmt: skip
    facts = [("Machine", about), ("Peers' settings", SETTINGS)]
    facts.append(("Limits of the machine, GB/s", {k: f"{v:.2f}" for k, v in rates.items()}))
    for title, values in facts:
        pairs = "".join(
            f"<tr><td>{html.escape(k)}</td><td>{html.escape(v)}</td></tr>"
            for k, v in values.items()
        )
        parts.append(f"<details><summary>{title}</summary><table>{pairs}</table></details>")
    for title, head, body in _tables(done):
        lines = ["<tr>" + "".join(f"<th>{html.escape(word)}</th>" for word in head) + "</tr>"]
        for cells in body:
            lines.append("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>")
        table = f"<table>{''.join(lines)}</table>"
        parts.append(f"<details open><summary>{title}</summary>{table}</details>")
    top = f"<meta charset='utf-8'><title>coffer and its peers</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang='en'><head>{top}</head><body>{''.join(parts)}</body></html>"


def _as_json(row: rows.Row) -> dict[str, Any]:
    peers = {name: asdict(peer) for name, peer in row.peers.items()}
    for name, peer in peers.items():
        if row.by_call:
            for share in (50, 99):
                peer[f"p{share}"] = row.peers[name].percentile(share / 100)
        # Ten thousands of calls are of no use to anyone.
        for run in filter(None, [peer["first"], *peer["runs"]]):
            run.pop("every", None)
            run["seconds"] = sum(run["calls"])
            if len(run["calls"]) > 1:
                run["calls"] = len(run["calls"])
    measured = {
        "limit": row.limit,
        "of_limit": row.of_limit if "coffer" in row.peers else None,
        "ratio": row.ratio,
        "ratio_is_rough": row.ratio_text.startswith("~"),
        "best": row.best,
        "memory_allowed": row.memory_allowed,
        "requests": row.requests,
        "failed": row.failed,
        "broken": row.broken,
        "wrong": {name: told for name, told in row.told.items() if told},
    }
    return {"cell": asdict(row.cell), "peers": peers, "missed": row.missed(), **measured}


def write(
    folder: Path, about: dict[str, str], rates: dict[str, float], done: list[rows.Row]
) -> None:
    """results.json, report.md and report.html."""
    results = {"about": about, "limits": rates, "rows": [_as_json(row) for row in done]}
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    (folder / "report.md").write_text(_markdown(about, rates, done))
    (folder / "report.html").write_text(_page(about, rates, done))
