"""coffer signs requests as botocore does: random methods, hosts, keys of any bytes, queries,
headers with odd white space, bodies hashed or not, session tokens; by S3's rules and the general
ones.

COFFER_SOAK multiplies the number of requests."""

import datetime
import hashlib
import json
import os
import random
import subprocess
import types
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TOOL = Path(os.environ.get("COFFER_BUILD", "build/dev")) / "bin" / "sigv4_tool"
REQUESTS = 1000 * int(os.environ.get("COFFER_SOAK", "1"))
UNSIGNED = "UNSIGNED-PAYLOAD"
PIECES = [
    *(b" ", b"%", b"+", b"/", b"//", b"~", b".", b"..", b"/./", b"/../", b"&", b"=", b"?", b"#"),
    *(b"%2F", b"%41", b"a", b"Z", b"0", b"-", b"_", b"*", b"'", b'"', b"!", b"(", b")", b";", b":"),
    *(b"@", b"$", b",", b"[", b"]", b"\\", b"^", b"`", b"{", b"|", b"}", b"<", b">", b"\t", b"\n"),
    *("ä".encode(), "ሴ".encode(), "😀".encode(), b"\xff", b"\x00", b"\x7f", b"key", b"c/0/1"),
]
TEXTS = [piece for piece in PIECES if piece.isascii() or piece[0] != 0xFF]


def joined(rng: random.Random, pieces: list[bytes], most: int) -> bytes:
    """Up to so many of the pieces, one after the other."""
    return b"".join(rng.choice(pieces) for _ in range(rng.randrange(most + 1)))


def random_headers(rng: random.Random) -> list[tuple[str, str]]:
    """Names that repeat, in any case; values with white space at the ends and inside."""
    names = ["Range", "content-type", "X-Amz-Meta-A", "x-amz-meta-b", "If-Match", "Content-MD5"]
    words = ["bytes=0-9", '"a  b"', "  x", "y  ", "\tz\t w", "", "a, b", "ü", "*"]
    return [
        (rng.choice(names), " ".join(rng.choice(words) for _ in range(rng.randrange(4))))
        for _ in range(rng.randrange(5))
    ]


def random_ask(rng: random.Random, general: bool) -> dict[str, Any]:
    """What the tool is to sign; its body stands beside it."""
    body = rng.randbytes(rng.randrange(100)) if rng.random() < 0.5 else b""
    unsigned = not general and rng.random() < 0.5
    by_params = rng.random() < 0.5
    pieces = TEXTS if by_params else PIECES
    query = [(joined(rng, pieces, 4), joined(rng, pieces, 4)) for _ in range(rng.randrange(5))]
    return {
        "method": rng.choice(["GET", "PUT", "HEAD", "POST", "DELETE"]),
        "host": rng.choice(["b.s3.eu-central-1.amazonaws.com", "localhost:9000", "[::1]:80"]),
        "path": b"/" + joined(rng, PIECES, 12),
        "query": query,
        "headers": random_headers(rng),
        "payload": UNSIGNED if unsigned else hashlib.sha256(body).hexdigest(),
        "time": rng.randrange(4_000_000_000),
        "region": rng.choice(["us-east-1", "eu-central-1", "auto"]),
        "service": "service" if general else "s3",
        "general": general,
        "id": "AKID" + str(rng.randrange(10)),
        "secret": rng.choice(["wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "k", "ünïcode key"]),
        "token": rng.choice(["", "", "AQoDYXdzEPT//////////wEXAMPLE=="]),
        "body": body,
        "by_params": by_params,
    }


def by_botocore(ask: dict[str, Any]) -> dict[str, str]:
    """The headers that botocore adds, in lower case, and the URL."""
    pairs = [f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in ask["query"]]
    path = quote(ask["path"], safe="/~")
    url = f"http://{ask['host']}{path}"
    request = AWSRequest(method=ask["method"], url=url, data=ask["body"])
    if ask["by_params"]:
        request.params = [(k.decode(), v.decode()) for k, v in ask["query"]]
    elif pairs:
        request.url += "?" + "&".join(pairs)
    request.headers["Host"] = ask["host"]
    for name, value in ask["headers"]:
        request.headers[name] = value
    config = types.SimpleNamespace(s3={"payload_signing_enabled": ask["payload"] != UNSIGNED})
    request.context["client_config"] = config
    signer = botocore.auth.SigV4Auth if ask["general"] else botocore.auth.S3SigV4Auth
    credentials = Credentials(ask["id"], ask["secret"], ask["token"] or None)
    now = datetime.datetime.fromtimestamp(ask["time"], datetime.UTC).replace(tzinfo=None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        signer(credentials, ask["service"], ask["region"]).add_auth(request)
    given = {"host", *(name.lower() for name, _ in ask["headers"])}
    added = {k.lower(): v for k, v in request.headers.items() if k.lower() not in given}
    return {"url": f"{path}?{'&'.join(sorted(pairs, key=lambda p: p.split('=')))}", **added}


def as_json(ask: dict[str, Any]) -> str:
    """The line for the tool: bytes in hex."""
    line = {key: value for key, value in ask.items() if key not in ("body", "by_params")}
    line["path"] = ask["path"].hex()
    line["query"] = [(k.hex(), v.hex()) for k, v in ask["query"]]
    return json.dumps(line)


@pytest.mark.parametrize("general", [False, True], ids=["s3", "general"])
def test_signs_as_botocore_does(general: bool) -> None:
    """Every request, every header that is added, and the URL as it is to be sent."""
    rng = random.Random(general)
    asks = [random_ask(rng, general) for _ in range(REQUESTS)]
    lines = "".join(as_json(ask) + "\n" for ask in asks)
    done = subprocess.run([TOOL], input=lines, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(asks)
    for ask, answer in zip(asks, answers, strict=True):
        assert {"url": answer["url"], **dict(answer["headers"])} == by_botocore(ask), ask
