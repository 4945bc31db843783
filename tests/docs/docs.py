"""Every C++ example in README.md and docs/ stands in a source that every test run compiles.

Besides: every relative link leads somewhere; every command in a `coffer ...` line exists.

Prints what is wrong, and a closing line with the count; exit status 1 if anything is.
"""

import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language, as they stand."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S)


def findings(root: Path) -> list[str]:
    """What is wrong below a root."""
    folders = ("examples", "tests", "kvstore", "drivers")
    sources = [path for folder in folders for path in (root / folder).rglob("*.cc")]
    code = [textwrap.dedent(path.read_text(encoding="utf-8")) for path in sources]
    flat = [re.sub(r"\s+", " ", text) for text in code]
    commands = {path.stem for path in (root / "tools/coffer/commands").glob("*.cc")}
    found = []
    for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        name = page.relative_to(root)
        for block in blocks(text, "cpp"):
            wanted = re.sub(r"\s+", " ", block).strip()
            if not any(wanted in source for source in flat):
                found.append(f"{name}: in no example: {block.strip().splitlines()[0]}")
        for line in "".join(blocks(text, "sh")).splitlines():
            used = re.match(r"coffer (?:--\S+ (?:\d\S* )?)*(\w+)", line)
            if used and used.group(1) not in commands:
                found.append(f"{name}: no such command: {line}")
        prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
        for link in re.findall(r"\]\(([^)#\s]+)", prose):
            if "://" not in link and not (page.parent / link).exists():
                found.append(f"{name}: no such file: {link}")
    return found


def main() -> int:
    """Checks this repository, or the one that the first argument names."""
    found = findings(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
    for finding in found:
        print(finding)
    print(f"{len(found)} findings of docs")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
