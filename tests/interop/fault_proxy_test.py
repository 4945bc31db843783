"""fault_proxy_tool between a client and a server of Python's own: what it says that it did is what
the client saw."""

import http.client
import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

TOOL = Path(os.environ.get("COFFER_BUILD", "build/dev")) / "bin" / "fault_proxy_tool"
BODY = b"b" * 5000


class Handler(BaseHTTPRequestHandler):
    """Answers each request with BODY, and counts them."""

    protocol_version = "HTTP/1.1"
    requests: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        """Reads what was sent and answers."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        Handler.requests[self.command] += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    do_PUT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def server() -> Iterator[int]:
    """A server's port."""
    Handler.requests.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_port
        running.shutdown()


def outcomes(upstream: int, count: int, *options: str) -> tuple[Counter[str], dict[str, Any]]:
    """What became of so many requests on connections of their own, and what the tool says."""
    with subprocess.Popen(
        [TOOL, f"127.0.0.1:{upstream}", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as tool:
        assert tool.stdout
        port = int(tool.stdout.readline())
        seen: Counter[str] = Counter()
        for i in range(count):
            client = http.client.HTTPConnection("127.0.0.1", port)
            method, value = ("PUT", b"value") if i % 3 == 0 else ("GET", None)
            try:
                client.request(method, "/", value)
                response = client.getresponse()
                body = response.read()
                assert body == BODY if response.status == 200 else b"<Code>SlowDown<" in body
                seen[str(response.status)] += 1
            except (http.client.HTTPException, ConnectionError):
                seen["broken"] += 1
            client.close()
        said, _ = tool.communicate()
    assert tool.returncode == 0
    return seen, json.loads(said)


def test_passes_what_it_is_not_told_to_fail() -> None:
    """No option, no fault; and the counts by method."""
    with server() as port:
        seen, said = outcomes(port, 9)
    assert seen == {"200": 9}
    assert said == {
        "requests": 9,
        "by_method": {"GET": 6, "PUT": 3},
        "failed_503": 0,
        "lost_responses": 0,
        "cut_responses": 0,
    }


def test_tells_of_every_fault() -> None:
    """Of each kind there are some; the server was asked whenever the proxy did not answer."""
    options = ["--latency-ms", "1", "--fail-503", "0.2", "--lose-response", "0.2"]
    options += ["--cut-response", "0.2", "--seed", "5"]
    with server() as port:
        seen, said = outcomes(port, 100, *options)
        asked = Handler.requests.total()
        again = outcomes(port, 100, *options)
    assert again == (seen, said)
    assert min(said[kind] for kind in ("failed_503", "lost_responses", "cut_responses")) > 5
    assert seen["503"] == said["failed_503"]
    assert seen["broken"] == said["lost_responses"] + said["cut_responses"]
    assert asked == 100 - said["failed_503"]


def test_refuses_what_it_does_not_know() -> None:
    """Usage errors end with status 2."""
    for bad in (["--what", "1"], ["--fail-503", "2"], ["--fail-503"], ["--latency-ms", "x"]):
        run = subprocess.run([TOOL, "127.0.0.1:1", *bad], capture_output=True, check=False)
        assert run.returncode == 2
        assert run.stderr.startswith(b"usage: fault_proxy_tool HOST:PORT")
