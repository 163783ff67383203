# SPDX-License-Identifier: Apache-2.0
"""One server for a data folder, and no engine without its server (R25)."""
import os
import signal
import time

from durability.checker import assert_holds
from durability.history import Mix
from durability.load import Load, at_new_address, engine_pid, health, wait_until_stored, workspace_of

from .processes import gone_within, serve


def test_r25_a_second_server_refuses_and_the_first_goes_on(start_server, tmp_path):
    server = start_server(flags=["--flush-interval-ms", "100"])
    ws = workspace_of(server)
    load = Load(ws, 400, Mix(10, keyed=0), released=200)
    link = tmp_path / "same"
    link.symlink_to(server.folder / "db")
    for folder in (server.folder / "db", link, server.folder / "db" / ".." / "db"):
        begun = time.monotonic()
        second = serve("--data", folder, "--port", 0, "--clickhouse-port", 0, "--ready-file", tmp_path / "ready")
        assert second.returncode == 1, second
        assert "another Kinglet server is using this data folder" in second.stderr
        assert time.monotonic() - begun < 5 and not (tmp_path / "ready").exists()
    load.release(200)
    load.join()
    wait_until_stored(server)
    assert len(load.numbers("acknowledged")) == 400
    assert health(server)["status"] == "ready" and health(server)["engine"]["restarts"] == 0
    assert_holds(ws, load.history)


def test_a_port_in_use_is_refused_with_its_number(start_server, tmp_path):
    server = start_server()
    port = server.url.rpartition(":")[2]
    second = serve("--data", tmp_path / "db", "--port", port, "--clickhouse-port", 0)
    assert second.returncode == 1 and port in second.stderr, second
    assert health(server)["status"] == "ready"


def test_an_engine_does_not_outlive_its_server(start_server):
    server = start_server()
    engine = engine_pid(server)
    server.kill()
    assert gone_within(engine, 2)
    server.start()
    assert health(server)["status"] == "ready"


def test_an_orphan_does_not_block_the_next_start(start_server):
    """The engine hangs, and its server is killed: whatever state the orphan is in, the next server has its own within seconds."""
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws = workspace_of(server)
    load = Load(ws, 50, Mix(10))
    load.join()
    engine = engine_pid(server)
    os.kill(engine, signal.SIGSTOP)
    server.kill()
    try:
        begun = time.monotonic()
        server.start()
        took = time.monotonic() - begun
    finally:
        try:
            os.kill(engine, signal.SIGKILL)
        except ProcessLookupError:
            pass
    assert took < 10, took
    wait_until_stored(server)
    assert engine_pid(server) != engine
    assert_holds(ws, load.history)


def test_a_server_killed_while_it_starts_leaves_a_folder_that_starts(start_server, tmp_path):
    """kill -9 at ten moments of a start: the next start works, with the rows of before."""
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws = workspace_of(server)
    load = Load(ws, 50, Mix(10))
    load.join()
    server.kill()
    import subprocess
    from kinglet_server import binary
    for number in range(10):
        half = subprocess.Popen([str(binary()), "serve", "--data", str(server.folder / "db"), "--port", "0", "--clickhouse-port", "0"],
                                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.03 * number)  # sleep: the moment of death varies
        half.kill()
        half.wait()
    server.start()
    wait_until_stored(server)
    assert_holds(ws, load.history)
