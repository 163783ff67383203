# SPDX-License-Identifier: Apache-2.0
"""Starts real kinglet-engine processes on Unix sockets in temporary folders."""
import http.client
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import urllib.parse

import pytest

from kinglet_server import UnixConnection

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("KINGLET_BIN_DIR") or ROOT / "build" / "bin") / "kinglet-engine"
START_SECONDS = 30


class Reply:
    def __init__(self, response, body, broken=False):
        self.status, self.headers, self.body = response.status, response.headers, body
        self.broken = broken  # the body ended without its last chunk

    @property
    def text(self):
        return self.body.decode()

    @property
    def code(self):
        value = self.headers.get("X-ClickHouse-Exception-Code")
        return int(value) if value else None

    @property
    def summary(self):
        return {k: int(v) for k, v in json.loads(self.headers["X-ClickHouse-Summary"]).items()}


class Engine:
    """One kinglet-engine process. `extra` are further arguments."""

    def __init__(self, folder, role="store", extra=(), environment=None, wait=True):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        self.socket = str(self.folder / "e.sock")
        self.log = open(self.folder / "log", "ab")
        ready_in, ready_out = os.pipe()
        arguments = [str(BINARY), "--role", role, "--data", str(self.data), "--socket", self.socket,
                     "--ready-fd", str(ready_out), *extra]
        self.process = subprocess.Popen(arguments, pass_fds=[ready_out], stdin=subprocess.PIPE, stdout=self.log,
                                        stderr=self.log, env=environment)
        os.close(ready_out)
        self.ready_line = None
        if wait:
            with os.fdopen(ready_in) as ready:
                self.ready_line = ready.readline()  # ends when the process ends, too
            assert self.ready_line, f"the engine did not start:\n{self.log_text()}"
        else:
            os.close(ready_in)

    def log_text(self):
        return (self.folder / "log").read_text(errors="replace")

    def connection(self, timeout=60):
        return UnixConnection(self.socket, timeout)

    def request(self, method, target, body=None, headers=None, timeout=60):
        connection = self.connection(timeout)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            response = connection.getresponse()
            try:
                return Reply(response, response.read())
            except http.client.IncompleteRead as error:
                return Reply(response, error.partial, broken=True)
        finally:
            connection.close()

    def run(self, sql, readonly=0, headers=None, timeout=60, **parameters):
        query = urllib.parse.urlencode({"readonly": readonly, **parameters})
        body = sql if isinstance(sql, bytes) else sql.encode()
        return self.request("POST", "/?" + query, body, headers, timeout)

    def read(self, sql, **parameters):
        return self.run(sql, readonly=1, **parameters)

    def ok(self, sql, **parameters):
        reply = self.run(sql, **parameters)
        assert reply.status == 200, reply.text
        return reply.text

    def insert(self, statement, block, headers=None, **parameters):
        return self.request("POST", "/?" + urllib.parse.urlencode({"query": statement, **parameters}), block, headers)

    def status(self):
        return json.loads(self.request("GET", "/status").body)

    def stop(self, timeout=15):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.log.close()
        return self.process.returncode


def varuint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def native(columns):
    """A Native block from [(name, type, values)] for UInt64 and String columns."""
    rows = len(columns[0][2])
    out = bytearray(varuint(len(columns)) + varuint(rows))
    for name, kind, values in columns:
        for text in (name, kind):
            out += varuint(len(text)) + text.encode()
        for value in values:
            if kind == "UInt64":
                out += struct.pack("<Q", value)
            else:
                data = value if isinstance(value, bytes) else value.encode()
                out += varuint(len(data)) + data
    return bytes(out)


@pytest.fixture
def start(tmp_path_factory):
    """Starts engines that the test's end stops: start(role=…, extra=[…], folder=…)."""
    engines, folders = [], []

    def start_engine(**arguments):
        folder = arguments.pop("folder", None)
        if folder is None:
            folder = tempfile.mkdtemp(prefix="ke-")  # short: a socket path has 107 bytes at most
            folders.append(folder)
        engine = Engine(folder, **arguments)
        engines.append(engine)
        return engine

    yield start_engine
    for engine in engines:
        engine.stop()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def store():
    """A store with ws_a.t (k UInt64, s String): 1,000 rows, s = o0, o1, o2 in turn."""
    folder = tempfile.mkdtemp(prefix="ke-")
    engine = Engine(folder)
    engine.ok("CREATE DATABASE ws_a")
    engine.ok("CREATE TABLE ws_a.t (k UInt64, s String) ENGINE = MergeTree ORDER BY k")
    engine.ok("INSERT INTO ws_a.t SELECT number, concat('o', toString(number % 3)) FROM numbers(1000)")
    yield engine
    engine.stop()
    shutil.rmtree(folder, ignore_errors=True)
