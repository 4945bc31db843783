"""Checks rules of the house that no compiler knows.

* A source, header or Python file has at most 800 lines, a function 70, a line 100 columns.
* Words that must not stay: forgotten notes, language features that our compilers lack or that we do
  without, macros beyond the two we allow. BANNED says where each is refused and why.
* json.hpp, which costs seconds of compile time, is included by at most three sources.

    style.py [ROOT]     prints each finding; exit status 1 if there was one

C++ is read with comments and strings blanked, by its braces: a function is a brace that follows a
closing parenthesis in a namespace or a class. No parser, but right on formatted code.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 70
JSON_INCLUDES_MAX = 3
LINE_COLUMNS_MAX = 100
ROOTS = (
    "include",
    "src",
    "kvstore",
    "drivers",
    "tools",
    "tests",
    "examples",
    "benchmarks",
    "scripts",
)

LIBRARY = r"^(include|src|kvstore|drivers)/"
CPP = r"\.(h|cc)$"


class Ban(NamedTuple):
    """A pattern refused in the code (comments too, if asked) of the files that match `where`."""

    pattern: str
    reason: str
    where: str = CPP
    unless: str = r"(?!)"
    in_comments: bool = False


# The only files that may take the text out of a coffer::Secret: its own, those that check and send
# credentials, and the one that signs.
REVEALING = (
    "include/coffer/base/secret.h",
    "src/base/secret.cc",
    "kvstore/http/http.cc",
    "kvstore/s3/bucket.cc",
    "kvstore/s3/credentials.cc",
    "kvstore/s3/instance_metadata.cc",
    "kvstore/s3/sigv4.cc",
)

BANNED = (
    Ban(r"\b(TODO|FIXME|XXX|HACK)\b", "finish it or file an issue", r"", in_comments=True),
    Ban(r"/(work|tmp)/(wt|main|shared|b-)", "names a local path", r"", in_comments=True),
    Ban(r"\bco_(await|return|yield)\b", "no coroutines: g++ 12.2 miscompiles them"),
    Ban(r"\bdynamic_cast\b", "no RTTI dispatch", LIBRARY),
    Ban(
        r"\bthrow\b",
        "no exceptions across the API",
        LIBRARY,
        r"^include/coffer/base/(result|status)\.h$",
    ),
    Ban(r"\bstd::(format|views|ranges::views)\b", "not in both compilers"),
    Ban(r"\bsource_location\b", "not in both compilers"),
    Ban(r"\bstd::(jthread|stop_token|stop_source)\b", "missing from libc++; use CancelToken"),
    Ban(r"\bstd::(basic_)?w?(regex|smatch|cmatch)\b", "it overflows the stack on long input"),
    Ban(r"\bstd::cout\b", "a library does not print", LIBRARY),
    Ban(
        r"\bReveal\b",
        "a secret stays one outside of the files that style.py lists",
        r"^(?!tests/).*" + CPP,
        "^(" + "|".join(map(re.escape, REVEALING)) + ")$",
    ),
    Ban(r"\busing\s+namespace\b", "spell the names", CPP),
    Ban(
        r"^[ \t]*#[ \t]*define[ \t]+"
        r"(?!COFFER_\w*_H_$|COFFER_(EXPORT|RETURN_IF_ERROR|ASSIGN_OR_RETURN)"
        r"|COFFER_(THREAD_ANNOTATION|GUARDED_BY|PT_GUARDED_BY|REQUIRES|EXCLUDES|CAPABILITY"
        r"|SCOPED_CAPABILITY|ACQUIRE|RELEASE|TRY_ACQUIRE|ACQUIRED_AFTER|ACQUIRED_BEFORE"
        r"|RETURN_CAPABILITY|ASSERT_CAPABILITY|NO_THREAD_SAFETY_ANALYSIS|INTERNAL_\w+)\b)",
        "macros are few: see CONTRIBUTING.md",
        LIBRARY,
    ),
    Ban(r"\bsleep_(for|until)\b", "no sleeps for synchronisation", r"^tests/unit/.*\.(h|cc)$"),
    Ban(
        r"^[^#\n]*\|\s*(grep\s+-\w*q|head\b)",
        "the writer may die of the closed pipe, which pipefail reports",
        r"^(scripts|benchmarks)/",
        CPP + r"|\.py$",
    ),
)


class Finding(NamedTuple):
    """One broken rule."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


_TOKEN = re.compile(
    r"//[^\n]*"
    r"|/\*.*?\*/"
    r'|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.DOTALL,
)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def strip_cpp(text: str) -> str:
    """The text with comments and literals blanked, every line in its place."""
    return _TOKEN.sub(_blank, text)


class _Scope(NamedTuple):
    kind: str  # "outer" (namespace or class), "function" or "inner"
    line: int  # where its head begins
    parens: int


_OUTER = re.compile(
    r"^(inline\s+)?namespace\b|^extern\b|\b(class|struct|union|enum)\b(?!.*\)\s*\w*$)"
)
_TEMPLATE = re.compile(r"^template\s*<(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*>\s*")


def _kind_of(head: str, enclosing: str) -> str:
    if enclosing != "outer":
        return "inner"
    head = _TEMPLATE.sub("", re.sub(r"^((public|private|protected)\s*:\s*)+", "", head.strip()))
    if _OUTER.search(head):
        return "outer"
    if head.endswith("=") or (head and ")" not in head):
        return "inner"
    return "function"


def functions_of_cpp(text: str) -> Iterator[tuple[int, int]]:
    """Yields the first line and the number of lines of each function, its signature included."""
    text = _DIRECTIVE.sub(_blank, strip_cpp(text))
    scopes = [_Scope("outer", 1, 0)]
    line, parens, head, head_line = 1, 0, "", 0
    for char in text:
        if char == "{":
            kind = "inner" if parens else _kind_of(head, scopes[-1].kind)
            scopes.append(_Scope(kind, head_line or line, parens))
            parens, head, head_line = 0, "", 0
        elif char == "}" and len(scopes) > 1:
            scope = scopes.pop()
            parens = scope.parens
            if scope.kind == "function":
                yield scope.line, line - scope.line + 1
            head, head_line = ("", 0) if scope.kind != "inner" else (")", scope.line)
        elif char == ";" and not parens:
            head, head_line = "", 0
        else:
            parens += {"(": 1, ")": -1}.get(char, 0)
            if not char.isspace() and not head_line:
                head_line = line
            head += char
        line += char == "\n"


def functions_of_python(text: str) -> Iterator[tuple[int, int]]:
    """The same for Python."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def check_lengths(path: str, text: str) -> Iterator[Finding]:
    """Yields what is too long in one file."""
    for number, content in enumerate(text.splitlines(), 1):
        breakable = not content.startswith("#include") and 'R"(' not in content
        if len(content) > LINE_COLUMNS_MAX and breakable:
            yield Finding(path, number, f"{len(content)} columns; a line has {LINE_COLUMNS_MAX}")
    lines = text.count("\n") + (not text.endswith("\n"))
    if lines > FILE_LINES_MAX:
        yield Finding(path, 1, f"{lines} lines; a file has at most {FILE_LINES_MAX}")
    functions = functions_of_cpp if path.endswith((".h", ".cc")) else functions_of_python
    for line, length in functions(text):
        if length > FUNCTION_LINES_MAX:
            yield Finding(
                path, line, f"a function of {length} lines; it has at most {FUNCTION_LINES_MAX}"
            )


def check_words(path: str, text: str) -> Iterator[Finding]:
    """Yields the banned words of one file."""
    code = strip_cpp(text) if path.endswith((".h", ".cc")) else text
    for ban in BANNED:
        if not re.search(ban.where, path) or re.search(ban.unless, path):
            continue
        for match in re.finditer(ban.pattern, text if ban.in_comments else code, re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            yield Finding(path, line, f"'{match.group().strip()}': {ban.reason}")


def check_json(files: dict[str, str]) -> Iterator[Finding]:
    """Yields the sources that include json.hpp, if they are too many."""
    including = [
        path
        for path, text in files.items()
        if re.search(LIBRARY, path) and re.search(r"#\s*include\s*<nlohmann/json\.hpp>", text)
    ]
    if len(including) > JSON_INCLUDES_MAX:
        for path in including:
            yield Finding(path, 1, f"json.hpp is included by more than {JSON_INCLUDES_MAX} sources")


def read_tree(root: Path) -> dict[str, str]:
    """Every source, header, Python file and script under a repository, by its path. This file and
    its test, which have to name the banned words, are left out."""
    files = {}
    for top in ROOTS:
        for file in sorted((root / top).rglob("*")):
            path = file.relative_to(root).as_posix()
            known = file.suffix in {".h", ".cc", ".py"} or (top == "scripts" and file.is_file())
            if known and "__pycache__" not in path and not path.startswith("tests/style/"):
                files[path] = file.read_text(encoding="utf-8")
    return files


def check_tree(root: Path) -> list[Finding]:
    """Every finding in a repository."""
    files = read_tree(root)
    found = list(check_json(files))
    for path, text in files.items():
        python = path.endswith(".py") or text.startswith("#!/usr/bin/env python3")
        if python or path.endswith((".h", ".cc")):
            found.extend(check_lengths(path, text))
        found.extend(check_words(path, text))
    return found


def main(argv: list[str]) -> int:
    """Checks the repository that argv names, or the one this file stands in."""
    root = Path(argv[1]) if len(argv) > 1 else Path(__file__).resolve().parents[2]
    found = check_tree(root)
    for finding in found:
        print(finding)
    print(f"{len(found)} findings of style")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
