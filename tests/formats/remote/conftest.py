"""Servers on loopback that count what they send and fail when they are told to."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from xent.cli.app import app
from xent.io import stores

MOTO = ("moto", "flask", "flask_cors")


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """No proxy and no credentials but those of the tests; and nobody waits long before trying again."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(stores, "_FIRST_PAUSE", 0.01)


@pytest.fixture
def xent(tmp_path, monkeypatch) -> Callable[..., Any]:
    """Runs the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(app, args)


@pytest.fixture(scope="session")
def wide() -> bytes:
    """A Parquet file of 40 columns of which an evaluation needs three, in row groups, none of it compressible."""
    rng = np.random.default_rng(7)
    rows = 60_000
    score = rng.random(rows)
    columns = {f"x{k}": rng.random(rows) for k in range(37)}
    columns |= {"label": rng.integers(0, 2, rows), "p_0": 1 - score, "p_1": score}
    names = sorted(columns, key=lambda name: hashlib.sha256(name.encode()).digest())
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({name: columns[name] for name in names}), sink, row_group_size=20_000)
    return sink.getvalue().to_pybytes()


@pytest.fixture(scope="session")
def wide_needs(wide) -> int:
    """How many bytes of it those three columns take."""
    columns = ("label", "p_0", "p_1")
    metadata = pq.ParquetFile(pa.BufferReader(wide)).metadata
    groups = (metadata.row_group(at) for at in range(metadata.num_row_groups))
    chunks = (group.column(at) for group in groups for at in range(group.num_columns))
    return sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in columns)


class Handler(BaseHTTPRequestHandler):
    """Answers by the fault whose turn it is, else as it should."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.server.heads += 1
        self.reply()

    def do_GET(self) -> None:
        self.server.gets.append(self.headers.get("Range"))
        fault = self.server.faults.popleft() if self.server.faults and self.server.is_faulty(self) else None
        if fault is None or not self.fail(fault):
            self.reply(short=fault == "short")

    def reply(self, *, short: bool = False) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        status = self.server.before(self)
        if status is None:
            self.answer(short=short)
        else:
            self.respond(status, {}, b"no")

    def fail(self, fault: str) -> bool:
        """Whether the request was dealt with by that."""
        if fault.isdigit():
            self.respond(int(fault), {}, b"not now")
        elif fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif fault == "stall":
            self.server.ending.wait(20)
        elif fault == "slow":
            time.sleep(0.3)
            return False
        else:
            return False
        self.close_connection = True
        return True

    def respond(self, status: int, headers: dict[str, str], body: bytes, *, short: bool = False) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            if "Content-Length" not in headers and self.server.tells_length:
                headers["Content-Length"] = str(len(body))
            for name, value in headers.items():
                self.send_header(name, value)
            if not self.server.tells_length or short:
                self.close_connection = True
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command == "GET":
                self.server.sent += len(body)
                self.wfile.write(body[: len(body) // 2] if short else body)
                self.wfile.flush()

    def answer(self, *, short: bool = False) -> None:
        name = self.path.partition("?")[0]
        if name not in self.server.files:
            return self.respond(404, {}, b"no")
        body = self.server.files[name]
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "Content-Type": "application/octet-stream"}
        stretch = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not stretch or not self.server.ranges:
            if self.command == "HEAD" and self.server.tells_length:
                headers["Content-Length"] = str(len(body))
            return self.respond(200, headers, body, short=short)
        start, stop = int(stretch[1]), min(int(stretch[2]) + 1, len(body))
        if start >= len(body):
            return self.respond(416, headers, b"")
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
        return self.respond(206, headers, body[start:stop], short=short)


class Server(ThreadingHTTPServer):
    """Files by path.

    `faults` befall the GETs to come, one each, for which `is_faulty` holds; `before` is called with every request and may answer it with
    a status; `sent` counts the bytes that were answered with, `gets` and `heads` the requests.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handler: type[Handler] = Handler) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.files: dict[str, bytes] = {}
        self.faults: deque[str] = deque()
        self.sent = self.heads = 0
        self.gets: list[str | None] = []
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.ranges = self.tells_length = True
        self.ending = threading.Event()
        self.is_faulty: Callable[[Handler], bool] = lambda request: True
        self.before: Callable[[Handler], int | None] = lambda request: None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def handle_error(self, *_: object) -> None:
        pass  # Clients that hang up are what is tried here.


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def web() -> Iterator[Server]:
    """A server of files."""
    pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    with serving(Server()) as server:
        yield server


class Forwarding(Handler):
    """Hands requests on to a store, and its answers back."""

    def answer(self, *, short: bool = False) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        connection = http.client.HTTPConnection(*self.server.behind, timeout=30)
        connection.request(self.command, self.path, self.rfile.read(length) or None, dict(self.headers))
        response = connection.getresponse()
        body = response.read()
        headers = {name: value for name, value in response.getheaders() if name.lower() not in ("transfer-encoding", "connection")}
        if self.command != "HEAD":
            headers["Content-Length"] = str(len(body))
        connection.close()
        self.respond(response.status, headers, body, short=short)


@pytest.fixture(scope="session")
def moto() -> Iterator[tuple[str, int]]:
    """S3 without a cloud."""
    if not all(map(find_spec, MOTO)):
        pytest.skip("moto is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = probe.getsockname()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", place[0], "-p", str(place[1])],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(place, timeout=1):
                break
            time.sleep(0.1)
        yield place
    finally:
        process.kill()
        process.wait()


class Store:
    """A bucket, what lies in it, and the proxy it is reached by."""

    def __init__(self, proxy: Server, bucket: str) -> None:
        from pyarrow import fs

        self.proxy = proxy
        self.bucket = bucket
        self._system = fs.S3FileSystem(endpoint_override=f"http://{proxy.behind[0]}:{proxy.behind[1]}", allow_bucket_creation=True)
        self._system.create_dir(bucket)

    def put(self, key: str, content: bytes) -> str:
        with self._system.open_output_stream(f"{self.bucket}/{key}", compression=None) as stream:
            stream.write(content)
        return self.url(key)

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


@pytest.fixture
def s3(moto, monkeypatch, request) -> Iterator[Store]:
    """A bucket of the test's own; only requests for objects fail, not those for lists."""
    server = Server(Forwarding)
    server.behind = moto
    server.is_faulty = lambda handler: "Range" in handler.headers
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDNOTASECRET")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "whispered")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url(""))
    with serving(server):
        yield Store(server, "b" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20])
        stores._arrow_store.cache_clear()
