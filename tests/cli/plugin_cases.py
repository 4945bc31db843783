"""Cases of cli_test.py: plugins that work, and every way in which one can fail to."""

import json
import os
from pathlib import Path

from support import BINARY, CliTest, npy

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
        self.assertIn('unknown scheme "tape" (known: file, http, https, memory, s3)', error)

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
        for name, number in (("zeroed", 0), ("no_version", 5)):
            path = self.plugin(name)
            self.refused(
                path,
                f"FailedPrecondition: --plugin {path}: the plugin does not say against which "
                rf"coffer it was built, plugin API {number}; this is coffer [\d.]+, plugin API 5",
            )
        path = self.plugin("half")
        self.refused(
            path, f'Unavailable: --plugin {path}: plugin "half": the robot does not answer'
        )
        path = self.plugin("throws")
        self.refused(path, f"Internal: --plugin {path}: coffer_register_v0: exception: out of tape")
        path = self.plugin("mute")
        self.refused(path, f"Internal: --plugin {path}: coffer_register_v0: exception: ")

    def test_what_is_no_shared_library(self) -> None:
        text = self.write("text.so", b"#!/bin/sh\necho not a library, however long it may be\n" * 9)
        self.refused(text, "FailedPrecondition: --plugin text.so: .*invalid ELF header")
        absent = self.path("absent.so")
        self.refused(absent, "FailedPrecondition: --plugin absent.so: .*No such file or directory")
        empty = self.write("empty.so", b"")
        self.refused(empty, "FailedPrecondition: --plugin empty.so: .*file too short")
        self.fails(2, "ls", "memory://x", "--plugin")


class BreakingPlugins(CliTest):
    """What a part of a plugin throws, or returns as null, ends a command, never the process."""

    def setUp(self) -> None:
        super().setUp()
        self.breaks = ["--plugin", str(PLUGINS / "breaks.so")]
        self.input = self.write("a.npy", npy("|u1", (4,)))
        self.array = self.path("a.zarr")
        layout = ["--chunk-shape", "2", "--codec", "none", "--no-checksum"]
        self.coffer("import", self.input, self.array, *layout)

    def place(self, how: str, path: str | None = None) -> str:
        """A folder, by a store that breaks."""
        return f"breaks://{how}{path or self.array}"

    def breaks_with(self, error: str, *arguments: str) -> None:
        """The command fails with exactly this."""
        folder = str(self.folder) + "/"
        self.assertEqual(self.fails(1, *self.breaks, *arguments), error.replace(folder, ""))

    def test_a_store_that_does_not_open(self) -> None:
        blame = 'store driver "breaks": '
        for command in (["info"], ["ls"], ["verify"], ["cat", "-o", "-"]):
            for how, said in {
                "throw-open": "exception: open broke",
                "int-open": "exception of no standard type",
                "mute-open": "exception: ",
                "null-open": "opened no store",
            }.items():
                url = self.place(how)
                self.breaks_with(f'Internal: URL "{url}": {blame}{said}', *command, url)
                spec = f'{{"driver": "breaks", "how": "{how}"}}'
                self.breaks_with(f"Internal: at $: {blame}{said}", *command, spec)
        url = self.place("memory-open")
        self.breaks_with(f'ResourceExhausted: URL "{url}": {blame}out of memory', "info", url)

    def test_a_store_that_breaks_at_work(self) -> None:
        blame = 'store driver "breaks": '
        for how, command, said in (
            ("throw-Read", ["info"], f"breaks:commit: {blame}Read: exception: Read broke"),
            ("null-Read", ["cat", "-o", "-"], f"breaks:zarr.json: {blame}Read: returned no future"),
            ("throw-List", ["info"], f"breaks:: {blame}List: exception: List broke"),
            ("null-List", ["verify"], f"breaks:: {blame}List: returned nothing"),
            ("null-Next", ["ls"], f"breaks:: {blame}List: returned no future"),
            ("int-Next", ["ls"], f"breaks:: {blame}List: exception of no standard type"),
            ("throw-ClearDebris", ["repair"],
             f"breaks:: {blame}ClearDebris: exception: ClearDebris broke"),
            ("throw-DeleteRange", ["rm", "-r"],
             f"breaks:: {blame}DeleteRange: exception: DeleteRange broke"),
            ("throw-Write", ["attrs"], f"breaks:zarr.json: {blame}Write: exception: Write broke"),
        ):  # fmt: skip
            more = ["a=1"] if command == ["attrs"] else []
            self.breaks_with(f"Internal: {said}", *command, self.place(how), *more)
        new = self.path("new.zarr")
        self.breaks_with(
            f"Internal: breaks:zarr.json: {blame}Write: exception of no standard type",
            "import",
            self.input,
            self.place("int-Write", new),
        )
        self.assertFalse(Path(new).exists())

    def test_a_repair_that_breaks_midway_tells_what_it_had_found(self) -> None:
        Path(self.path("g")).mkdir()
        self.write("g/zarr.json", b'{"zarr_format": 3, "node_type": "group"}')
        self.write("g/note", b"x")
        self.coffer("import", self.input, self.path("g/a"), "--chunk-shape", "4")
        Path(self.path("g/a/c")).mkdir(exist_ok=True)
        self.write("g/a/c/9", b"x")
        url = self.place("throw-Delete", self.path("g"))
        done = self.run_coffer(*self.breaks, "repair", url)
        self.assertEqual(
            (done.returncode, done.stdout.decode(), done.stderr.decode()),
            (
                1,
                "left (nobody knows whose it is (drop-foreign)): breaks:note: orphan: of no array "
                f"or group\n{url}: 1 finding, 0 repaired, 1 left\n",
                'coffer: Internal: breaks:a/c/9: store driver "breaks": Delete: exception: '
                "Delete broke\n",
            ),
        )

    def test_a_verify_that_breaks_midway_tells_what_it_had_found(self) -> None:
        self.write("a.zarr/c/9", b"x")
        url = self.place("throw-ClearDebris")
        done = self.run_coffer(*self.breaks, "verify", url)
        self.assertEqual(
            (done.returncode, done.stdout.decode(), done.stderr.decode()),
            (
                1,
                "breaks:c/9: orphan: a chunk outside the array's shape\n"
                f"{url}: 1 finding; chunks were not read (--deep)\n",
                'coffer: Internal: breaks:: store driver "breaks": ClearDebris: exception: '
                "ClearDebris broke\n",
            ),
        )

    def test_info_through_a_store_that_does_not_list(self) -> None:
        url = self.place("unlisted")
        info = json.loads(self.coffer(*self.breaks, "info", url, "--json"))
        self.assertEqual(
            [info[name] for name in ("stored_chunks", "possible_chunks", "stored_bytes")],
            [None, 2, None],
        )
        text = self.coffer(*self.breaks, "info", url).decode()
        self.assertIn("\n  stored        of 2 chunks: the store does not list\n", text)

    def test_a_codec_that_breaks(self) -> None:
        document = Path(self.array, "zarr.json")
        whole = json.loads(document.read_text())
        url = f"file://{self.array}/"

        def told(how: str) -> None:
            codecs = [whole["codecs"][0], {"name": "breaks", "configuration": {"break": how}}]
            document.write_text(json.dumps(whole | {"codecs": codecs}))

        for how, said in {
            "throw-make": 'at $.codecs[1]: codec "breaks": exception: make broke',
            "null-make": 'at $.codecs[1]: codec "breaks": its `make` returned no codec',
            "int-Bind": "at $.codecs[1] (breaks): exception of no standard type",
            "null-Bind": "at $.codecs[1] (breaks): bound to nothing",
        }.items():
            told(how)
            self.breaks_with(f"Internal: {url}zarr.json: {said}", "info", self.array)
        label = "codecs[1] (breaks): exception"
        told("int-Decode")
        self.breaks_with(
            f"Internal: {url}c/0, chunk at [0]: {label} of no standard type",
            "--threads",
            "1",
            "cat",
            self.array,
            "-o",
            "-",
        )
        self.breaks_with(
            f"Internal: {url}c/0: {label} of no standard type",
            "--threads",
            "1",
            "verify",
            "--deep",
            self.array,
        )
        told("throw-Encode")
        self.breaks_with(
            f"Internal: {url}c/0, chunk at [0]: {label}: Encode broke",
            "--threads",
            "1",
            "import",
            self.input,
            self.array,
            "--at",
            "0",
        )

    def test_an_array_driver_that_breaks(self) -> None:
        for how, said in {
            "throw-Create": "Create: exception: Create broke",
            "null-Create": "Create: returned no array",
            "null-chain": "Create: the array has no driver, store or codecs",
        }.items():
            place = self.path(how)
            self.breaks_with(
                f'Internal: file://{place}/: driver "breaks": {said}',
                "import",
                self.input,
                f"{place}|breaks:",
            )
        for how, said in {
            "throw-Find": "Find: exception: Find broke",
            "int-Find": "Find: exception of no standard type",
        }.items():
            # Whoever looks for an array asks every format.
            place = self.path(how)
            os.mkdir(place)
            for url in (place, f"{place}|breaks:"):
                self.breaks_with(f'Internal: file://{place}/: driver "breaks": {said}', "info", url)
