"""Goal: the style check finds each rule broken, and measures functions as a reader would.

Method: seed one broken rule into a small text, compare the findings literally; measure functions in
text whose shape (initialiser lists, lambdas, classes, literals) has misled simple brace counting.
"""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from style import (
    BANNED,
    check_json,
    check_lengths,
    check_tree,
    check_words,
    functions_of_cpp,
    main,
    strip_cpp,
)


def words(path: str, text: str) -> list[str]:
    return [str(finding) for finding in check_words(path, text)]


class FunctionsTest(unittest.TestCase):
    """What counts as a function, and how long it is."""

    def test_shapes_of_functions(self) -> None:
        for name, text, expected in (
            ("free", "int F() {\n  return 1;\n}\n", [(1, 3)]),
            ("signature over lines", "int F(int a,\n      int b) {\n  return a;\n}\n", [(1, 4)]),
            ("in a class", "namespace n {\nclass A {\n public:\n  A() {\n  }\n};\n}\n", [(3, 3)]),
            ("template", "template <class T, int N = 3>\nT F() {\n}\n", [(1, 3)]),
            ("nested blocks", "void F() {\n  if (a) {\n  }\n  for (;;) {\n  }\n}\n", [(1, 6)]),
            ("lambda", "void F() {\n  G([](int a) {\n    return a;\n  });\n}\n", [(1, 5)]),
            ("const method", "struct S {\n  int F() const {\n    return 1;\n  }\n};\n", [(2, 3)]),
            ("test", "TEST(A, B) {\n  EXPECT_EQ(1, 1);\n}\n", [(1, 3)]),
            ("table", "constexpr int kA[] = {\n  1,\n  2,\n};\n", []),
            ("brace initialiser", "A::A() : a_{1}, b_{2} {\n  F();\n}\n", [(1, 3)]),
            ("enum", "enum class E : int {\n  kA,\n};\n", []),
            ("braces in literals", "void F() {\n  G(\"}\", '}');  // }\n  /* } */\n}\n", [(1, 4)]),
            ("raw string", 'void F() {\n  G(R"(\n}\n)");\n}\n', [(1, 5)]),
            ("digit separators", "void F() {\n  G(1'000, 2'000);\n}\n", [(1, 3)]),
            ("macro", "#define A(x) \\\n  if (x) {\nvoid F() {\n}\n", [(3, 2)]),
            (
                "default member",
                "struct S {\n  int a{1};\n  int b = 2;\n  void F() {\n  }\n};\n",
                [(4, 2)],
            ),
        ):
            with self.subTest(name):
                found = [f for f in functions_of_cpp(text) if f[1] > 1]
                self.assertEqual(found, expected)

    def test_a_function_of_seventy_lines_passes_and_one_more_fails(self) -> None:
        def function(lines: int) -> str:
            return "\nvoid F() {\n" + "  G();\n" * (lines - 2) + "}\n"

        self.assertEqual(list(check_lengths("src/a.cc", function(70))), [])
        self.assertEqual(
            [str(f) for f in check_lengths("src/a.cc", function(71))],
            ["src/a.cc:2: a function of 71 lines; it has at most 70"],
        )
        python = "def f() -> None:\n" + "    g()\n" * 70
        self.assertEqual(
            [str(f) for f in check_lengths("scripts/a.py", python)],
            ["scripts/a.py:1: a function of 71 lines; it has at most 70"],
        )

    def test_a_line_of_a_hundred_columns_passes_and_one_more_fails(self) -> None:
        self.assertEqual(list(check_lengths("src/a.cc", "//" + "x" * 98 + "\n")), [])
        self.assertEqual(
            [str(f) for f in check_lengths("src/a.cc", "\n//" + "\u00e4" * 99 + "\n")],
            ["src/a.cc:2: 101 columns; a line has 100"],
        )

    def test_a_file_of_eight_hundred_lines_passes_and_one_more_fails(self) -> None:
        self.assertEqual(list(check_lengths("src/a.h", "\n" * 800)), [])
        self.assertEqual(
            [str(f) for f in check_lengths("src/a.h", "\n" * 801)],
            ["src/a.h:1: 801 lines; a file has at most 800"],
        )


class WordsTest(unittest.TestCase):
    """Every ban finds its word, only where it holds."""

    def test_each_ban_is_caught(self) -> None:
        samples = {
            "finish it or file an issue": "// TODO: later",
            "names a local path": "// see " + "/work" + "/main/x",
            "no coroutines: g++ 12.2 miscompiles them": "co_await f();",
            "no RTTI dispatch": "dynamic_cast<A*>(b);",
            "no exceptions across the API": "throw 1;",
            "not in both compilers": "std::format(a);",
            "missing from libc++; use CancelToken": "std::jthread t;",
            "it overflows the stack on long input": "std::regex r;",
            "a library does not print": "std::cout << 1;",
            "a secret stays one outside of the files that style.py lists": "Log(key.Reveal());",
            "spell the names": "using namespace std;",
            "macros are few: see CONTRIBUTING.md": "#define FOO 1",
            "no sleeps for synchronisation": "sleep_for(a);",
            "the writer may die of the closed pipe, which pipefail reports": "ldd a | grep -Fq b",
        }
        places = {"no sleeps": "tests/unit/a.cc", "the writer": "scripts/a"}
        self.assertEqual({ban.reason for ban in BANNED}, set(samples))
        for reason, text in samples.items():
            path = places.get(" ".join(reason.split()[:2]), "src/a.cc")
            with self.subTest(reason):
                self.assertEqual(len(words(path, f"\n{text}\n")), 1)
                self.assertTrue(words(path, f"\n{text}\n")[0].startswith(f"{path}:2: "))
                self.assertTrue(words(path, f"\n{text}\n")[0].endswith(reason))

    def test_words_in_comments_and_literals_pass(self) -> None:
        self.assertEqual(words("src/a.cc", '// we never throw\nF("throw");\n'), [])

    def test_allowed_places_pass(self) -> None:
        self.assertEqual(words("include/coffer/base/result.h", "throw E();\n"), [])
        self.assertEqual(words("tests/unit/a_test.cc", "throw 1;\n"), [])
        self.assertEqual(words("kvstore/s3/sigv4.cc", "key.Reveal();\n"), [])
        self.assertEqual(len(words("tools/coffer/app.cc", "key->Reveal();\n")), 1)
        self.assertEqual(words("include/coffer/a.h", "#define COFFER_A_H_\n"), [])
        self.assertEqual(words("src/a.cc", "#define COFFER_RETURN_IF_ERROR(x) x\n"), [])

    def test_blanking_keeps_lines(self) -> None:
        self.assertEqual(strip_cpp('a /* 1\n2 */ b "c" // d\ne'), "a     \n     b         \ne")


class TreeTest(unittest.TestCase):
    """The check of a whole repository."""

    def test_json_may_be_included_three_times(self) -> None:
        files = {f"src/{name}.cc": "#include <nlohmann/json.hpp>\n" for name in "abc"}
        self.assertEqual(list(check_json(files)), [])
        files["drivers/d.cc"] = "#  include <nlohmann/json.hpp>\n"
        self.assertEqual(len(list(check_json(files))), 4)

    def test_a_finding_fails_the_run(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "kvstore" / "file" / "a.cc"
            file.parent.mkdir(parents=True)
            file.write_text("std::regex a;\n", encoding="utf-8")
            self.assertEqual(len(check_tree(Path(folder))), 1)
            self.assertEqual(main(["style.py", folder]), 1)
            file.write_text("int a;\n", encoding="utf-8")
            self.assertEqual(main(["style.py", folder]), 0)


if __name__ == "__main__":
    unittest.main()
