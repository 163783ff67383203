# SPDX-License-Identifier: Apache-2.0
"""The process: arguments, lock of the data folder, ready, ends of all kinds, and what survives them."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from conftest import BINARY, native
from kinglet_server import eventually


def fails(*arguments):
    result = subprocess.run([str(BINARY), *arguments], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert result.returncode != 0
    return result.stderr + result.stdout


def test_wrong_arguments(tmp_path):
    data, sock = str(tmp_path / "d"), str(tmp_path / "s")
    assert "--data is required" in fails("--socket", sock)
    assert "--socket PATH or --listen" in fails("--data", data)
    assert "writer" in fails("--data", data, "--socket", sock, "--role", "writer")
    assert "127.0.0.0/8" in fails("--data", data, "--listen", "0.0.0.0")
    assert "libchdb cannot be loaded" in fails("--data", data, "--socket", sock, "--libchdb", "/nosuch/libchdb.so")
    assert "not the libchdb we know" in fails("--data", data, "--socket", sock, "--libchdb", "libz.so.1")
    assert "allows" in fails("--data", data, "--socket", str(tmp_path / ("x" * 120)))
    assert "prefix with one *" in fails("--data", data, "--socket", sock, "--databases", "ws_*; GRANT")
    assert "is not the parent" in fails("--data", data, "--socket", sock, "--parent-pid", "1")
    (tmp_path / "file").write_text("")
    assert "data folder" in fails("--data", str(tmp_path / "file"), "--socket", sock)
    assert "no socket" in fails("--data", data, "--socket", str(tmp_path / "file"))


def test_two_engines_on_one_folder(start):
    first = start()
    second = fails("--data", str(first.data), "--socket", str(first.folder / "second.sock"))
    assert "another kinglet-engine uses the data folder" in second
    assert first.read("SELECT 1").text == "1\n"


def test_ready_line_and_ready_file(start, tmp_path):
    engine = start(extra=["--ready-file", str(tmp_path / "ready")])
    told = json.loads((tmp_path / "ready").read_text())
    assert told == {"pid": engine.process.pid, "address": "unix:" + engine.socket}
    assert os.stat(engine.socket).st_mode & 0o777 == 0o600 and os.stat(engine.data).st_mode & 0o777 == 0o700


def test_listens_on_loopback_tcp(tmp_path):
    ready = tmp_path / "ready"
    process = subprocess.Popen([str(BINARY), "--data", str(tmp_path / "d"), "--listen", "127.0.0.1", "--ready-file", str(ready)],
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: ready.exists() and ready.read_text(), 30)
        host, port = json.loads(ready.read_text())["address"].split(":")
        with socket.create_connection((host, int(port)), 5) as peer:
            peer.sendall(b"GET /ping HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n")
            assert peer.makefile("rb").read().endswith(b"Ok.\n")
    finally:
        process.terminate()
        assert process.wait(15) == 0


def test_clean_stop_and_start_keep_the_data(start):
    engine = start()
    engine.ok("CREATE DATABASE ws_a")
    engine.ok("CREATE TABLE ws_a.t (a UInt64, b String) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100")
    block = native([("a", "UInt64", range(100)), ("b", "String", ["x"] * 100)])
    assert engine.insert("INSERT INTO ws_a.t (a, b)", block, insert_deduplication_token="1").status == 200
    begun = time.monotonic()
    assert engine.stop() == 0 and time.monotonic() - begun < 5
    assert "engine stops" in engine.log_text()

    begun = time.monotonic()
    engine = start(folder=engine.folder)
    assert engine.ok("SELECT count() FROM ws_a.t") == "100\n"
    assert time.monotonic() - begun < 5
    assert engine.insert("INSERT INTO ws_a.t (a, b)", block, insert_deduplication_token="1").status == 200
    engine.process.kill()  # R24: whatever was acknowledged is there, also after SIGKILL
    engine.process.wait()
    engine = start(folder=engine.folder)
    assert engine.ok("SELECT count() FROM ws_a.t") == "100\n"


def test_stop_while_a_query_runs(start):
    engine = start()
    connection = engine.connection()
    connection.request("POST", "/?readonly=1&max_execution_time=60", b"SELECT count() FROM system.numbers")
    assert eventually(lambda: engine.status()["queries_running"] == 1)
    begun = time.monotonic()
    assert engine.stop() == 0
    assert time.monotonic() - begun < 10
    connection.close()


def test_standard_input_is_not_read(start):
    engine = start()
    assert os.readlink(f"/proc/{engine.process.pid}/fd/0") == "/dev/null"
    engine.ok("CREATE DATABASE ws_a")
    engine.ok("CREATE TABLE ws_a.t (a UInt64) ENGINE = MergeTree ORDER BY a")
    assert engine.insert("INSERT INTO ws_a.t (a)", b"").status == 200
    assert engine.ok("SELECT count() FROM ws_a.t") == "0\n"


@pytest.fixture
def place():
    folder = tempfile.mkdtemp(prefix="ke-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_ends_with_its_pipe(place):
    read_end, write_end = os.pipe()
    process = subprocess.Popen([str(BINARY), "--data", place + "/d", "--socket", place + "/s", "--parent-fd", str(read_end)],
                               pass_fds=[read_end], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(read_end)
    assert eventually(lambda: os.path.exists(place + "/s"), 30)
    os.close(write_end)
    assert process.wait(20) == 0


def test_ends_with_its_parent(place):
    # A shell starts the engine, tells its pid, and is killed.
    script = f'"{BINARY}" --data {place}/d --socket {place}/s --parent-pid $$ --ready-file {place}/r 2>{place}/log & echo $!; wait'
    parent = subprocess.Popen(["/bin/sh", "-c", script], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    child = int(parent.stdout.readline())
    ready = pathlib.Path(place + "/r")
    assert eventually(lambda: ready.exists() and ready.read_text(), 30), pathlib.Path(place + "/log").read_text()
    parent.send_signal(signal.SIGKILL)
    parent.wait()

    def gone():
        try:
            return pathlib.Path(f"/proc/{child}/stat").read_text().split()[2] == "Z"
        except FileNotFoundError:
            return True
    assert eventually(gone, 15)


def test_a_stale_socket_is_replaced(start):
    engine = start()
    engine.process.kill()
    engine.process.wait()
    assert os.path.exists(engine.socket)
    assert start(folder=engine.folder).read("SELECT 1").text == "1\n"


def test_idle_cost(start):
    """Store and reader together: under 300 MB and 1 % of a core (measured: 123 + 95 MB, 0.3 % each)."""
    engine = start()
    engine.ok("CREATE DATABASE ws_a")
    engine.ok("CREATE TABLE ws_a.t (a UInt64) ENGINE = MergeTree ORDER BY a")
    engine.ok("INSERT INTO ws_a.t SELECT number FROM numbers(1000000)")
    assert engine.read("SELECT uniq(a) FROM ws_a.t").status == 200

    def cpu():
        fields = pathlib.Path(f"/proc/{engine.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    before, begun = cpu(), time.monotonic()
    time.sleep(5)  # sleep: idleness is what is measured
    share = (cpu() - before) / (time.monotonic() - begun)
    resident = engine.status()["resident_kilobytes"] / 1024
    print(f"idle: {resident:.0f} MB, {share:.2%} of a core")
    assert resident < 190 and share < 0.02  # room for a loaded machine
