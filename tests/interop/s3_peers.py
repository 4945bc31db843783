"""The real S3 servers of scripts/with-servers, as coffer, TensorStore and zarr-python (with its
obstore) are told of them."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import obstore.store
import pytest
import tensorstore as ts
import zarr
from cases import Case
from peers import pipeline
from zarr.core.buffer import cpu, default_buffer_prototype
from zarr.core.metadata.v2 import ArrayV2Metadata
from zarr.core.metadata.v3 import ArrayV3Metadata
from zarr.core.sync import sync

SERVERS = ("versitygw", "minio")


def variable(name: str) -> str:
    """One of the variables of tests/servers/README.md; skips, or fails with CI=true, without it."""
    text = os.environ.get(f"COFFER_TEST_{name}", "")
    if not text:
        why = f"COFFER_TEST_{name} is not set (scripts/with-servers)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        print(f"SKIPPED: tests against {name.lower()}: {why}")
        pytest.skip(why)
    return text


@dataclass(frozen=True)
class Server:
    """One server, or a proxy before it."""

    name: str
    endpoint: str
    bucket: str
    region: str
    access_key: str
    secret_key: str

    def environment(self) -> dict[str, str]:
        """What the AWS command line, coffer and TensorStore take from it."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def url(self, prefix: str) -> str:
        """The same for all of them."""
        return f"s3://{self.bucket}/{prefix}"

    def kvstore(self, prefix: str) -> Any:
        """A spec for TensorStore, which takes the keys from the environment."""
        return {
            "driver": "s3",
            "bucket": self.bucket,
            "path": f"{prefix}/",
            "endpoint": self.endpoint,
            "aws_region": self.region,
            "aws_credentials": {"type": "environment"},
        }

    def store(self, prefix: str) -> Any:
        """A store for zarr-python."""
        store: Any = obstore.store.S3Store(
            self.bucket,
            prefix=prefix,
            endpoint=self.endpoint,
            region=self.region,
            access_key_id=self.access_key,
            secret_access_key=self.secret_key,
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )
        return zarr.storage.ObjectStore(store)


def server_named(name: str, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server that runs; its variables are set in this process, too, for TensorStore."""
    server = Server(
        name,
        variable(name.upper()),
        variable("S3_BUCKET"),
        variable("S3_REGION"),
        variable("S3_ACCESS_KEY"),
        variable("S3_SECRET_KEY"),
    )
    for key, value in server.environment().items():
        monkeypatch.setenv(key, value)
    return server


def ts_open(server: Server, prefix: str, v2: bool, **options: Any) -> Any:
    """An array by TensorStore's s3 driver."""
    spec = {"driver": "zarr" if v2 else "zarr3", "kvstore": server.kvstore(prefix), **options}
    return ts.open(spec, context=ts.Context()).result()


def ts_write(server: Server, case: Case, prefix: str) -> None:
    """Creates the array and writes its elements."""
    metadata = case.zarray() if case.v2 else case.document()
    array = ts_open(server, prefix, bool(case.v2), metadata=metadata, create=True)
    if case.shape:
        array = array[case.selection()]
    array.write(case.source()[case.selection()]).result()


def ts_read(server: Server, case: Case, prefix: str) -> Any:
    """All elements."""
    return np.asarray(ts_open(server, prefix, bool(case.v2), open=True).read().result())


def zarr_write(server: Server, case: Case, prefix: str) -> None:
    """Writes the document as zarr-python spells it, then the elements."""
    with pipeline("zarr-python"):
        model = ArrayV2Metadata if case.v2 else ArrayV3Metadata
        metadata = model.from_dict(case.zarray() if case.v2 else case.document())
        documents = metadata.to_buffer_dict(default_buffer_prototype()).items()
        texts = {key: value.to_bytes() for key, value in documents}
        if case.v2:
            texts[".zattrs"] = json.dumps(case.attributes).encode()
        store = server.store(prefix)
        for key, text in texts.items():
            sync(store.set(key, cpu.Buffer.from_bytes(text)))
        array = zarr.open_array(store, mode="r+", zarr_format=2 if case.v2 else 3)
        array[case.selection() or ...] = case.source()[case.selection()]


def zarr_read(server: Server, case: Case, prefix: str) -> Any:
    """All elements."""
    with pipeline("zarr-python"):
        return np.asarray(zarr.open_array(server.store(prefix), mode="r")[...])


PEERS = {"TensorStore": (ts_write, ts_read), "zarr-python": (zarr_write, zarr_read)}


def all_environment(server: Server, **more: str) -> Mapping[str, str]:
    """Of a process that speaks to this server."""
    return {**os.environ, **server.environment(), **more}
