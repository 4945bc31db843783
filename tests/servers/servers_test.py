"""Goal: scripts/with-servers gives a command real servers, passes its end on, and leaves nothing,
however it ends; scripts/test-servers builds what is missing, once.

Method: with-servers runs a command that prints its environment and waits to be told to end; the
servers it names are asked by urllib. Then its processes are looked for in /proc, its folder on
disk. What must go wrong goes wrong by programs of our own in the place of a server, or of Go.
What needs a server that is not here is skipped; with CI=true it fails.
    python3 tests/servers/servers_test.py -v
"""

import contextlib
import datetime
import hashlib
import hmac
import importlib.machinery
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import types
import unittest
import unittest.mock
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "with-servers"
SHOW = "import json, os; print(json.dumps(dict(os.environ)), flush=True); input()"
SECONDS_MAX = 30
EVERYWHERE = ssl.create_default_context()

sys.dont_write_bytecode = True


def load(script: str) -> types.ModuleType:
    """One of the scripts, as a module."""
    loader = importlib.machinery.SourceFileLoader(script, str(ROOT / "scripts" / script))
    spec = importlib.util.spec_from_loader(script, loader)
    assert spec is not None
    sys.modules[script] = importlib.util.module_from_spec(spec)
    loader.exec_module(sys.modules[script])
    return sys.modules[script]


with_servers = load("with-servers")
HERE = [name for name in with_servers.NAMES if name in with_servers.find_binaries()]
MISSING = [name for name in with_servers.NAMES if name not in HERE]
CI = os.environ.get("CI") == "true"


def needs(*names: str) -> Callable[[type[unittest.TestCase]], type[unittest.TestCase]]:
    """Skips a class whose servers are not here."""
    missing = [name for name in MISSING if name in names]
    return unittest.skipIf(missing and not CI, f"SKIPPED: no {', '.join(missing)} to test against")


class Answer(NamedTuple):
    """What an HTTP server said."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(
    url: str,
    headers: dict[str, str] | None = None,
    context: ssl.SSLContext | None = None,
    method: str = "GET",
    body: bytes | None = None,
) -> Answer:
    """Sends one request, by no proxy."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(url, headers=headers or {}, method=method, data=body)
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=SECONDS_MAX) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


class Bucket:
    """The bucket of one of the S3 servers; requests are signed by AWS Signature Version 4."""

    def __init__(self, variables: dict[str, str], server: str, secret: str = "") -> None:
        self.host = variables[server].removeprefix("http://")
        self.path = f"/{variables['COFFER_TEST_S3_BUCKET']}"
        self.region = variables["COFFER_TEST_S3_REGION"]
        self.access_key = variables["COFFER_TEST_S3_ACCESS_KEY"]
        self.secret = secret or variables["COFFER_TEST_S3_SECRET_KEY"]

    def list(self) -> Answer:
        """The first page of its keys."""
        return self.ask("GET", self.path, query="list-type=2")

    def put_new(self, key: str, value: bytes) -> Answer:
        """Writes a value if there is none."""
        return self.ask("PUT", f"{self.path}/{key}", if_none_match="*", body=value)

    def delete(self, key: str) -> Answer:
        """Deletes a value."""
        return self.ask("DELETE", f"{self.path}/{key}")

    def ask(
        self, method: str, path: str, *, query: str = "", if_none_match: str = "", body: bytes = b""
    ) -> Answer:
        """Sends a request whose path and query need no escaping."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": self.host, "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = b"AWS4" + self.secret.encode()
        for part in (*scope.split("/"), text):
            key = hmac.digest(key, part.encode(), "sha256")
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={names}, "
            f"Signature={key.hex()}"
        )
        if if_none_match:
            headers["if-none-match"] = if_none_match
        url = f"http://{self.host}{path}" + (f"?{query}" if query else "")
        return ask(url, headers, method=method, body=body or None)


def soon(condition: Callable[[], bool]) -> bool:
    """Whether it comes true before a limit that only a hang reaches."""
    end = time.monotonic() + SECONDS_MAX
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def parent_of(pid: int) -> int:
    """The parent of a process; 0 if it is gone, or a zombie."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return 0
    return 0 if state == "Z" else int(parent)


def descendants(pid: int) -> list[int]:
    """The processes below one."""
    parents = {int(entry.name): 0 for entry in Path("/proc").glob("[0-9]*")}
    parents = {one: parent_of(one) for one in parents}
    found = [pid]
    for one in found:
        found.extend(child for child, parent in parents.items() if parent == one)
    return found[1:]


class Run:
    """A run of with-servers, whose command is up."""

    def __init__(self, *options: str, environment: dict[str, str] | None = None) -> None:
        self.front = subprocess.Popen(
            [sys.executable, "-B", str(SCRIPT), *options, sys.executable, "-c", SHOW],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (environment or {}),
        )
        assert self.front.stdout is not None
        line = self.front.stdout.readline()
        if not line:
            raise AssertionError(f"with-servers did not start: {self.front.communicate()}")
        environ = dict(json.loads(line))
        self.variables = {k: v for k, v in environ.items() if k.startswith("COFFER_TEST_")}
        self.folder = Path(next(v for k, v in self.variables.items() if k.endswith("_LOG"))).parent
        self.processes = descendants(self.front.pid)

    def end(self) -> tuple[int, str]:
        """Lets the command end; returns the status and what was said on stderr."""
        _, said = self.front.communicate("\n", timeout=SECONDS_MAX)
        return self.front.returncode, said

    def left(self) -> list[str]:
        """What is left of it."""
        alive = [f"process {pid}" for pid in self.processes if parent_of(pid) != 0]
        return alive + ([str(self.folder)] if self.folder.exists() else [])

    def kill(self) -> None:
        """Ends it, and all that is left, if a test has not."""
        self.front.kill()
        self.front.wait()
        for pid in [pid for pid in self.processes if parent_of(pid) != 0]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        for pipe in (self.front.stdin, self.front.stdout, self.front.stderr):
            if pipe is not None:
                pipe.close()


def once(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs with-servers to its end."""
    return subprocess.run(
        [sys.executable, "-B", str(SCRIPT), *arguments],
        env=os.environ | {"CI": "false"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX * 2,
        check=False,
    )


class Shared(unittest.TestCase):
    """One run for all tests of a class, after which nothing is left."""

    names = ""
    run_of_all: Run
    variables: dict[str, str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.run_of_all = Run("--only", cls.names)
        cls.addClassCleanup(cls.run_of_all.kill)
        cls.variables = cls.run_of_all.variables

    @classmethod
    def tearDownClass(cls) -> None:
        status, said = cls.run_of_all.end()
        assert (status, said, cls.run_of_all.left()) == (0, "", []), said


@needs("nginx")
class HttpTest(Shared):
    """What nginx answers."""

    names = "nginx"

    def setUp(self) -> None:
        (Path(self.variables["COFFER_TEST_HTTP_ROOT"]) / "a").write_bytes(bytes(range(100)))

    def own_ca(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.variables["COFFER_TEST_CA"])

    def expect_ranges(self, url: str, context: ssl.SSLContext | None) -> None:
        whole = ask(f"{url}/a", context=context)
        self.assertEqual((whole.status, whole.body), (200, bytes(range(100))))
        part = ask(f"{url}/a", {"Range": "bytes=10-19"}, context)
        self.assertEqual((part.status, part.body), (206, bytes(range(10, 20))))
        self.assertEqual(part.headers["Content-Range"], "bytes 10-19/100")
        self.assertEqual(part.headers["ETag"], whole.headers["ETag"])
        tag = {"If-None-Match": whole.headers["ETag"]}
        self.assertEqual(ask(f"{url}/a", tag, context).status, 304)
        self.assertEqual(ask(f"{url}/b", None, context).status, 404)

    def test_http_and_https_serve_ranges_and_etags(self) -> None:
        self.expect_ranges(self.variables["COFFER_TEST_HTTP"], None)
        self.expect_ranges(self.variables["COFFER_TEST_HTTPS"], self.own_ca())
        logged = Path(self.variables["COFFER_TEST_HTTP_LOG"]).read_text().splitlines()
        ranges = [json.loads(line)["range"] for line in logged if '"/a"' in line]
        self.assertEqual(ranges.count("bytes=10-19"), 2)

    def test_each_bad_certificate_is_refused_for_its_own_fault(self) -> None:
        faults = {  # OpenSSL's X509_V_ERR_...
            "COFFER_TEST_HTTPS_WRONG_HOST": 62,  # HOSTNAME_MISMATCH
            "COFFER_TEST_HTTPS_EXPIRED": 10,  # CERT_HAS_EXPIRED
            "COFFER_TEST_HTTPS_SELF_SIGNED": 18,  # DEPTH_ZERO_SELF_SIGNED_CERT
        }
        for variable, fault in faults.items():
            with self.subTest(variable), self.assertRaises(urllib.error.URLError) as caught:
                ask(f"{self.variables[variable]}/a", context=self.own_ca())
            reason = caught.exception.reason
            assert isinstance(reason, ssl.SSLCertVerificationError), reason
            self.assertEqual(reason.verify_code, fault)

    def test_the_ca_is_nobody_else_s(self) -> None:
        with self.assertRaises(urllib.error.URLError) as caught:
            ask(f"{self.variables['COFFER_TEST_HTTPS']}/a", context=EVERYWHERE)
        self.assertIsInstance(caught.exception.reason, ssl.SSLCertVerificationError)


@needs("versitygw", "minio")
class S3Test(Shared):
    """What the S3 servers answer and log."""

    names = "versitygw,minio"

    def test_each_s3_server_lets_in_its_user_alone(self) -> None:
        for name in ("COFFER_TEST_VERSITYGW", "COFFER_TEST_MINIO"):
            with self.subTest(name):
                bucket = f"{self.variables[name]}/{self.variables['COFFER_TEST_S3_BUCKET']}"
                self.assertEqual(ask(f"{bucket}/none").status, 403)
                listed = Bucket(self.variables, name).list()
                self.assertEqual(listed.status, 200, listed.body)
                self.assertIn(b"<KeyCount>0</KeyCount>", listed.body)
                wrong = Bucket(self.variables, name, secret="wrong").list()
                self.assertEqual(wrong.status, 403)
                self.assertIn(b"SignatureDoesNotMatch", wrong.body)

    def test_conditional_writes_are_logged(self) -> None:
        for name in ("COFFER_TEST_VERSITYGW", "COFFER_TEST_MINIO"):
            with self.subTest(name):
                bucket = Bucket(self.variables, name)
                answers = [bucket.put_new("once", b"value").status for _ in range(2)]
                self.assertEqual(answers, [200, 412])
                self.assertEqual(bucket.delete("once").status, 204)
                log = Path(self.variables[f"{name}_LOG"])

                def told(log: Path = log) -> bool:
                    return "DeleteObject" in log.read_text()

                self.assertTrue(soon(told))
        gateway = Path(self.variables["COFFER_TEST_VERSITYGW_LOG"]).read_text()
        for request in ("s3_PutObject once /coffer-test/once 200", "/coffer-test/once 412"):
            self.assertIn(request, gateway)
        logged = Path(self.variables["COFFER_TEST_MINIO_LOG"]).read_text().splitlines()
        entries = [json.loads(line) for line in logged]
        self.assertEqual(
            [
                (entry["api"]["statusCode"], entry["requestHeader"].get("If-None-Match"))
                for entry in entries
                if (entry["api"]["name"], entry["requestPath"])
                == ("PutObject", "/coffer-test/once")
            ],
            [(200, "*"), (412, "*")],
        )

    def test_two_runs_know_nothing_of_each_other(self) -> None:
        other = Run("--only", "minio")
        self.addCleanup(other.kill)
        self.assertNotEqual(
            other.variables["COFFER_TEST_MINIO"], self.variables["COFFER_TEST_MINIO"]
        )
        mixed = self.variables | {"COFFER_TEST_MINIO": other.variables["COFFER_TEST_MINIO"]}
        self.assertEqual(Bucket(mixed, "COFFER_TEST_MINIO").list().status, 403)
        self.assertEqual(other.end(), (0, ""))


@needs("nginx")
class EndTest(unittest.TestCase):
    """However it ends, nothing is left of all servers that are here."""

    def start(self) -> Run:
        run = Run("--only", ",".join(HERE))
        self.addCleanup(run.kill)
        self.assertEqual(len(run.left()), len(HERE) + 3)  # Keeper, command and folder.
        return run

    def test_after_sigterm(self) -> None:
        run = self.start()
        run.front.terminate()
        self.assertEqual(run.front.wait(SECONDS_MAX), 128 + signal.SIGTERM)
        self.assertEqual(run.left(), [])

    def test_after_sigkill(self) -> None:
        run = self.start()
        run.front.kill()
        self.assertEqual(run.front.wait(SECONDS_MAX), -signal.SIGKILL)
        self.assertTrue(soon(lambda: not run.left()), run.left())

    def test_after_sigkill_of_the_keeper(self) -> None:
        run = self.start()
        keeper = next(pid for pid in run.processes if os.getsid(pid) == pid)
        servers = descendants(keeper)
        self.assertEqual(len(servers), len(HERE))
        os.kill(keeper, signal.SIGKILL)
        self.assertTrue(soon(lambda: not any(map(parent_of, servers))), servers)
        run.end()
        self.assertEqual(run.left(), [])


@needs("nginx")
class CommandTest(unittest.TestCase):
    """The command's side; nginx alone, which starts fastest."""

    def test_its_exit_status_is_passed_on(self) -> None:
        for script, status in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)):
            with self.subTest(script):
                done = once("--only", "nginx", "sh", "-c", script)
                self.assertEqual((done.returncode, done.stderr), (status, ""))
        done = once("--only", "nginx", "/none")
        self.assertEqual(done.returncode, 127)
        self.assertEqual(done.stderr, "with-servers: /none: No such file or directory\n")

    def test_it_has_its_own_options_and_the_callers_signals(self) -> None:
        script = "import signal, sys; print(sys.argv[1:], signal.pthread_sigmask(0, []))"
        done = once("--only", "nginx", sys.executable, "-c", script, "--only", "-x")
        self.assertEqual((done.returncode, done.stdout), (0, "['--only', '-x'] set()\n"))

    def test_a_signal_is_its_own_to_answer(self) -> None:
        script = (
            "import signal, sys, time\nsignal.signal(signal.SIGINT, lambda *_: sys.exit(9))\n"
            "import json, os; print(json.dumps(dict(os.environ)), flush=True)\n"
            "while True: time.sleep(0.01)"
        )
        command = [
            sys.executable,
            "-B",
            str(SCRIPT),
            "--only",
            "nginx",
            sys.executable,
            "-c",
            script,
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as front:
            assert front.stdout is not None
            folder = Path(json.loads(front.stdout.readline())["COFFER_TEST_CA"]).parent
            self.assertTrue(folder.exists())
            front.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                front.wait(SECONDS_MAX)
            front.kill()
            self.assertEqual(front.returncode, 9)
            self.assertFalse(folder.exists())

    def test_a_server_that_dies_early_is_told(self) -> None:
        run = Run("--only", "nginx")
        self.addCleanup(run.kill)
        pid = int((run.folder / "nginx.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        self.assertTrue(soon(lambda: not parent_of(pid)))
        self.assertEqual(run.end(), (0, "with-servers: nginx ended with status -9:\n\n"))
        self.assertEqual(run.left(), [])


class ListensTest(unittest.TestCase):
    """A port is told to be a process's own."""

    def test_of_whom_it_is(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.assertTrue(with_servers.listens(os.getpid(), port))
            self.assertFalse(with_servers.listens(os.getppid(), port))
        self.assertFalse(with_servers.listens(os.getpid(), port))


GATEWAY = """#!{python}
import http.server, os, sys
open("starts", "a").write("x")
if len(open("starts").read()) <= {failures}:
    sys.exit("the port is taken")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(403)
host, port = sys.argv[sys.argv.index("--port") + 1].split(":")
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""


class MissingTest(unittest.TestCase):
    """Servers that are not there, or do not start: programs of our own are in their place."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()

    def once(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        places = {"COFFER_SERVERS": str(self.folder), "TMPDIR": str(self.temporary)}
        done = once(*arguments, **places, **environment)
        self.assertEqual(list(self.temporary.iterdir()), [])
        return done

    def put_gateway(self, failures: int) -> None:
        versions = (ROOT / "tests/servers/versions.txt").read_text().splitlines()
        (version,) = (line.split()[2] for line in versions if line.startswith("versitygw "))
        program = self.folder / f"versitygw-{version}"
        program.write_text(GATEWAY.format(python=sys.executable, failures=failures))
        program.chmod(0o755)

    def test_what_is_missing_is_named_and_left_out(self) -> None:
        self.put_gateway(0)
        done = self.once("env", PATH=os.environ["PATH"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("SKIPPED: tests against minio", done.stdout)
        self.assertIn("COFFER_TEST_VERSITYGW=http://127.0.0.1:", done.stdout)
        self.assertNotIn("COFFER_TEST_MINIO=", done.stdout)

    def test_in_ci_it_is_an_error(self) -> None:
        done = self.once("echo", "ran", CI="true")
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("with-servers: versitygw, minio", done.stderr)

    def test_where_it_is_asked_for_it_is_an_error(self) -> None:
        self.put_gateway(0)
        done = self.once("--only", "versitygw,minio", "echo", "ran")
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("with-servers: minio: not here", done.stderr)
        done = self.once("--only", "apache", "echo", "ran")
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("no server apache", done.stderr)

    def test_a_server_that_fails_at_first_is_started_anew(self) -> None:
        self.put_gateway(2)
        done = self.once("--only", "versitygw", "echo", "ran")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "ran\n", ""))

    def test_a_server_that_never_starts_is_an_error(self) -> None:
        self.put_gateway(1000)
        done = self.once("--only", "versitygw", "echo", "ran")
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        said = "with-servers: versitygw ended with status 1:\nthe port is taken\n"
        self.assertEqual(done.stderr, said + "It does not start.\n")


GO = """#!/bin/sh
if [ "$1" = env ]; then echo {version}; exit; fi
echo "$PWD $*" >>"{calls}"
{fail}
for last; do :; done
last=${{last%@*}}
echo made >"$GOBIN/${{last##*/}}"
chmod +x "$GOBIN/${{last##*/}}"
"""


class BuildTest(unittest.TestCase):
    """scripts/test-servers with a Go of our own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "scripts").mkdir()
        (self.folder / "tests/servers").mkdir(parents=True)
        shutil.copy(ROOT / "scripts/test-servers", self.folder / "scripts")
        self.pin("v1", "v1")

    def pin(self, a: str, b: str) -> None:
        text = f"# A comment.\nalpha example.org/cmd/alpha {a}\nbeta example.org/beta {b}\n"
        (self.folder / "tests/servers/versions.txt").write_text(text)

    def build(self, fail: str = "", ci: str = "") -> tuple[int, str, list[str]]:
        """Runs it; returns status, output and the calls of Go."""
        calls = self.folder / "calls"
        calls.unlink(missing_ok=True)
        go = self.folder / "bin" / "go"
        go.parent.mkdir(exist_ok=True)
        go.write_text(GO.format(version="go1.99.1", calls=calls, fail=fail))
        go.chmod(0o755)
        done = subprocess.run(
            [self.folder / "scripts/test-servers"],
            env=os.environ | {"PATH": f"{go.parent}:{os.environ['PATH']}", "CI": ci},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        called: list[str] = []
        with contextlib.suppress(FileNotFoundError):
            called = [line.split()[-1] for line in calls.read_text().splitlines()]
        return done.returncode, done.stdout, called

    def there(self) -> list[str]:
        return sorted(path.name for path in (self.folder / ".cache/servers").iterdir())

    def test_builds_once_and_prints_the_folder(self) -> None:
        printed = f"{self.folder}/.cache/servers\n"
        packages = ["example.org/cmd/alpha@v1", "example.org/beta@v1"]
        self.assertEqual(self.build(), (0, printed, packages))
        self.assertEqual(self.there(), ["alpha-v1", "beta-v1"])
        self.assertEqual(self.build(), (0, printed, []))

    def test_a_new_version_replaces_the_old(self) -> None:
        self.build()
        self.pin("v1", "v2")
        self.assertEqual(self.build()[2], ["example.org/beta@v2"])
        self.assertEqual(self.there(), ["alpha-v1", "beta-v2"])

    def test_what_cannot_be_built_is_said(self) -> None:
        fail = "echo 'go: no proxy' >&2; exit 1"
        said = "SKIPPED: tests against real S3 servers: alpha v1 cannot be built: go: no proxy\n"
        self.assertEqual(self.build(fail)[:2], (3, said))
        self.assertEqual(self.build(fail, ci="true")[:2], (1, said))
        self.assertEqual(self.there(), [])


class StepTest(unittest.TestCase):
    """What `make test` makes of it."""

    def run_step(self, script: str, may_skip: bool = True) -> tuple[tuple[int, ...], str]:
        whole = load("test")
        output = io.StringIO()
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stdout(output),
            unittest.mock.patch.object(whole, "LOGS", Path(folder)),
        ):
            count = whole.run(whole.Step("servers", ("sh", "-c", script), may_skip))
        return tuple(count), output.getvalue()

    def test_skipped_servers_are_told_and_no_failure(self) -> None:
        count, output = self.run_step("echo SKIPPED: no Go; exit 3")
        self.assertEqual(count, (0, 0, 1))
        self.assertIn("SKIP servers: 0 passed, 0 failed, 1 skipped", output)
        self.assertIn("  SKIPPED: no Go\n", output)

    def test_all_else_is_a_failure(self) -> None:
        self.assertEqual(self.run_step("exit 1")[0], (0, 1, 0))
        self.assertEqual(self.run_step("exit 3", may_skip=False)[0], (0, 1, 0))
        self.assertEqual(self.run_step("exit 0")[0], (1, 0, 0))


if __name__ == "__main__":
    unittest.main()
