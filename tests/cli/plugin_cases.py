"""Cases of cli_test.py: plugins that work, and every way in which one can fail to."""

import os
from pathlib import Path

from support import BINARY, CliTest

PLUGINS = Path(os.environ.get("COFFER_PLUGINS") or Path(BINARY).resolve().parents[1] / "plugins")


class Plugins(CliTest):
    """--plugin, with the libraries that tests/plugins/ is built into."""

    def plugin(self, name: str) -> str:
        """The path of a library."""
        return str(PLUGINS / f"{name}.so")

    def refused(self, path: str, reason: str) -> None:
        """Nothing runs, and the reason is the whole message but for what the loader says."""
        error = self.fails(1, "--plugin", path, "ls", self.path("absent"))
        self.assertRegex(error, f"^{reason}$")

    def test_store_of_a_plugin_is_used_by_url(self) -> None:
        out = self.coffer("--plugin", self.plugin("tape"), "ls", "tape://robot/17")
        self.assertEqual(out, b"label\n")
        error = self.fails(1, "ls", "tape://robot/17")
        self.assertIn('unknown scheme "tape" (known: file, memory)', error)

    def test_the_option_stands_anywhere_and_repeats(self) -> None:
        tape = self.plugin("tape")
        self.assertEqual(self.coffer("ls", "tape://robot/17", "--plugin", tape), b"label\n")
        error = self.fails(1, "--plugin", tape, "--plugin", tape, "ls", "tape://robot/17")
        self.assertEqual(
            error,
            f'AlreadyExists: --plugin {tape}: plugin "tape": '
            'a store driver named "tape" is there already',
        )

    def test_a_name_without_a_folder_is_a_file_here(self) -> None:
        done = self.run_coffer("--plugin", "tape.so", "ls", "tape://x", cwd=PLUGINS)
        self.assertEqual(done.stdout, b"label\n", done.stderr)
        # Not one that the loader would find elsewhere.
        self.refused("libz.so.1", r"FailedPrecondition: --plugin libz\.so\.1: \./libz\.so\.1: .*")

    def test_refusals(self) -> None:
        for name, reason in {
            "future_version": "the plugin was built against coffer 3.0.0, plugin API 99; "
            r"this is coffer [\d.]+, plugin API \d+",
            "no_entry": "exports no function coffer_register_v0, so it is no plugin of coffer",
            "nothing": "coffer_register_v0 returned nothing",
            "unbound": ".*undefined symbol: nobody_has_this",
        }.items():
            path = self.plugin(name)
            self.refused(path, f"FailedPrecondition: --plugin {path}: {reason}")
        path = self.plugin("half")
        self.refused(
            path, f'Unavailable: --plugin {path}: plugin "half": the robot does not answer'
        )
        path = self.plugin("throws")
        self.refused(path, f"Internal: --plugin {path}: coffer_register_v0: exception: out of tape")

    def test_what_is_no_shared_library(self) -> None:
        text = self.write("text.so", b"#!/bin/sh\necho not a library, however long it may be\n" * 9)
        self.refused(text, "FailedPrecondition: --plugin text.so: .*invalid ELF header")
        absent = self.path("absent.so")
        self.refused(absent, "FailedPrecondition: --plugin absent.so: .*No such file or directory")
        empty = self.write("empty.so", b"")
        self.refused(empty, "FailedPrecondition: --plugin empty.so: .*file too short")
        self.fails(2, "ls", "memory://x", "--plugin")
