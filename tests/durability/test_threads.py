# SPDX-License-Identifier: Apache-2.0
"""No thread can be started, in the server or in the engine: what is accepted is stored once, errors say why, and all is well again once
there are some (R7)."""
import subprocess
import tempfile

import pytest

from kinglet_server import binary

from .history import EVERYTHING, WIDE_PROJECT, History
from .load import Load, engine_pid, workspace_of
from .scarcity import MIX, assert_well_again
from .strace import failing

NEW_THREADS = "clone,clone3"


@pytest.mark.parametrize("who", ["server", "engine"])
def test_r7_no_new_threads_under_load(start_server, who):
    server = start_server(flags=["--flush-interval-ms", "50", "--import-private-addresses"])
    ws = workspace_of(server, WIDE_PROJECT)
    load = Load(ws, mix=MIX, connections=8, released=50, history=History(9), patience=20)
    load.wait_for(50)
    with failing(server.process.pid if who == "server" else engine_pid(server), NEW_THREADS, "EAGAIN", "1+1"):
        before = load.ended
        load.release(200)
        load.wait_until(lambda: load.ended >= before + 100, 60)
        # The first name that the server resolves wants a thread.
        job = ws.job(ws.post("/v0/datasources", name=EVERYTHING.sources[0], mode="append", url="http://localhost:1/rows.csv"))
        assert job["status"] == "error", job
        if who == "server":
            assert "Resource temporarily unavailable" in job["error"], job
    load.release(50)
    load.wait_for(load.released, 90)
    assert_well_again(server, ws, load)
    assert "Stack trace" not in server.log_text()


@pytest.mark.parametrize("having", [0, 1, 4])
def test_r7_a_start_without_threads_says_so(having):
    with tempfile.TemporaryDirectory(prefix="kinglet-") as folder:
        command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={NEW_THREADS}", "-e", f"inject={NEW_THREADS}:error=EAGAIN:when={having + 1}+",
                   str(binary()), "serve", "--data", folder + "/db", "--port", "0", "--clickhouse-port", "0"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except FileNotFoundError:
            pytest.skip("strace is not installed")
        if "ptrace" in done.stderr:
            pytest.skip("strace cannot run programs here")
        assert done.returncode == 1, done.stderr
        assert "kinglet: the system starts no more threads (Resource temporarily unavailable): raise the limit" in done.stderr
