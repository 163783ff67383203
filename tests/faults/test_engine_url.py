# SPDX-License-Identifier: Apache-2.0
"""`--engine http://…`: the tables are behind a URL. The engine here is a kinglet-engine of the test's own, on TCP."""
import json
import os
import signal
import socket
import subprocess
import urllib.request

import pytest

from durability.checker import assert_holds
from durability.history import Mix
from durability.load import Load, health, wait_until_stored, workspace_of
from kinglet_server import EngineReply, binary, eventually

from .processes import serve


class TcpEngine:
    """A kinglet-engine on a port of 127.0.0.1; start() after stop() or kill() takes the same port and folder."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, 0, None

    def start(self):
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(binary().parent / "kinglet-engine"), "--role", "store", "--data", str(self.folder / "data"), "--listen", "127.0.0.1",
                 "--port", str(self.port), "--ready-file", str(ready)], stdin=subprocess.DEVNULL, stderr=log)
        told = eventually(lambda: ready.exists() and ready.read_text().endswith("\n") and ready.read_text(), 30)
        assert told, (self.folder / "log").read_text()
        self.port = int(json.loads(told)["address"].rpartition(":")[2])
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, sql):
        reply = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.url, sql.encode(), 20)
        return EngineReply(reply.status, reply.read())

    def tables(self):
        return int(self.ask("SELECT count() FROM system.tables WHERE database LIKE 'ws_%' AND database NOT LIKE '%_service'").text)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(20)


@pytest.fixture
def engine(tmp_path):
    one = TcpEngine(tmp_path).start()
    yield one
    one.stop()


def test_a_project_on_an_engine_behind_a_url(start_server, engine):
    server = start_server(flags=["--engine", engine.url, "--flush-interval-ms", "100"])
    ws = workspace_of(server)
    assert not (server.folder / "db" / "run" / "store.sock").exists(), "an own store was started beside the URL"
    load = Load(ws, 100, Mix(10))
    load.join()
    wait_until_stored(server)
    assert_holds(ws, load.history, ask=engine.ask)
    assert ws.get("/v0/pipes/answer.json").json()["data"] == [{"rows": 1000}]
    assert engine.tables() == 8, "three data sources with their quarantines, and two views"
    shown = health(server)
    assert shown["status"] == "ready" and shown["engine"] == {"up": True}

    server.stop()
    server.start()
    assert_holds(ws, load.history, ask=engine.ask)


def test_kills_of_an_engine_behind_a_url(start_server, engine):
    """The engine is nobody's child: rows wait until somebody starts it again, and are there once."""
    server = start_server(flags=["--engine", engine.url, "--flush-interval-ms", "50"])
    ws = workspace_of(server)
    load = Load(ws, 400, Mix(10), released=0)
    for _ in range(4):
        load.release(50)
        load.wait_for(load.released - 25)
        engine.kill()
        load.release(50)
        load.wait_for(load.released)
        engine.start()
    load.join()
    assert len(load.numbers("acknowledged")) == 400 and load.history.retries == 0
    wait_until_stored(server)
    assert eventually(lambda: health(server)["status"] == "ready", 10), health(server)
    assert_holds(ws, load.history, ask=engine.ask)


def test_an_engine_that_does_not_answer_at_first(start_server, engine):
    """The server starts without it, accepts events, says that it is degraded, and stores the rows when the engine comes."""
    server = start_server(flags=["--engine", engine.url, "--flush-interval-ms", "50"])
    ws = workspace_of(server)
    server.stop()
    engine.kill()

    server.start()
    ws.base = server.url
    assert health(server)["status"] == "degraded"
    assert health(server)["reasons"] == ["the engine does not answer; queries fail, events are accepted"]
    load = Load(ws, 100, Mix(10))
    load.join()
    assert len(load.numbers("acknowledged")) == 100 and load.history.retries == 0
    refused = ws.get("/v0/pipes/answer.json")
    assert refused.status_code == 503 and "engine" in refused.json()["error"], refused.text
    assert engine.url.removeprefix("http://") not in refused.text, "an inner address in a reply"

    engine.start()
    wait_until_stored(server)
    assert eventually(lambda: health(server)["status"] == "ready", 10), health(server)
    assert_holds(ws, load.history, ask=engine.ask)


def test_a_url_that_never_answers_does_not_keep_the_server_from_starting(start_server):
    """A listening port behind which nobody speaks: the connection is made, and that is all."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        server = start_server(flags=["--engine", f"http://127.0.0.1:{silent.getsockname()[1]}", "--shutdown-seconds", "1"])
        assert health(server)["status"] == "degraded"
        assert server.stop() == 0


@pytest.mark.parametrize("url, said", [
    ("ftp://127.0.0.1:1", "ftp"),
    ("127.0.0.1:8123", "http"),
    ("http://", "host"),
    ("http://127.0.0.1:99999", "port"),
    ("embeded", "`embedded` or the URL"),
    ("http://user:secret@127.0.0.1:99999", "port"),
])
def test_a_wrong_engine_url_is_refused(tmp_path, url, said):
    ended = serve("--data", tmp_path / "db", "--port", 0, "--clickhouse-port", 0, "--engine", url)
    assert ended.returncode == 1 and "--engine" in ended.stderr and said in ended.stderr, ended
    assert "secret" not in ended.stderr
