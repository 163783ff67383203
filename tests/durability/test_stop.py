# SPDX-License-Identifier: Apache-2.0
"""SIGTERM: an orderly end in bounded time, and nothing acknowledged is lost (R2)."""
import os
import signal
import socket
import time
import urllib.parse

import pytest

from faults.processes import gone_within

from .checker import assert_holds
from .history import Mix
from .load import Load, at_new_address, engine_pid, wait_until_stored, workspace_of


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_r2_a_stop_under_load_loses_nothing(start_server, sent):
    server = start_server(flags=["--flush-interval-ms", "200"])
    ws = workspace_of(server)
    load = Load(ws, None, Mix(20, keyed=0))
    load.wait_for(300)
    engine = engine_pid(server)
    begun = time.monotonic()
    server.process.send_signal(sent)
    status = server.process.wait(30)
    took = time.monotonic() - begun
    load.stop()
    load.join()
    assert status == 0 and took < 8, (status, took)
    assert gone_within(engine, 0.5), "the engine outlived its server"
    server.stop()
    server.start()
    wait_until_stored(server)
    assert len(load.numbers("acknowledged")) >= 300
    assert_holds(ws, load.history)  # what got a 503 is not there


def test_r2_a_stop_stores_what_waits(start_server):
    """With a long flush interval everything waits in the spool at the signal; the stop sends it, and leaves the spool empty."""
    server = start_server(flags=["--flush-interval-ms", "600000"])
    ws = workspace_of(server)
    load = Load(ws, 200, Mix(10))
    load.join()
    assert ws.value("SELECT count() AS c FROM events FORMAT JSON") == 0
    assert server.stop() == 0
    assert not list((server.folder / "db" / "spool").glob("*.segment"))
    server.start()
    assert_holds(ws, load.history)


def test_r2_a_stop_with_a_hung_engine_is_bounded(start_server):
    """The engine answers nothing: the rows stay in the spool, the server ends in time, the next start stores them."""
    server = start_server(flags=["--flush-interval-ms", "50", "--shutdown-seconds", "1"])
    ws = workspace_of(server)
    engine = engine_pid(server)
    os.kill(engine, signal.SIGSTOP)
    load = Load(ws, 100, Mix(10))
    load.join()
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 12, "shutdown-seconds and the engine's grace"
    assert gone_within(engine, 0.5)
    assert "wait in the spool for the next start" in server.log_text()
    server.start()
    wait_until_stored(server)
    assert_holds(ws, load.history)


def test_open_connections_do_not_keep_a_server(start_server):
    """Idle ones, half a head and half a body: they end with --shutdown-seconds at the latest."""
    server = start_server(flags=["--shutdown-seconds", "2"])
    ws = workspace_of(server)
    where = urllib.parse.urlsplit(server.url)
    peers = []
    for text in ("", "GET /health HT", f"POST /v0/events?name=events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ws.token}\r\n"
                                       "Content-Length: 1000\r\n\r\n{\"request\":"):
        peers.append(socket.create_connection((where.hostname, where.port), 10))
        peers[-1].sendall(text.encode())
    assert ws.get("/health").status_code == 200
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 6
    for peer in peers:
        peer.close()
    server.start()
    assert at_new_address(ws).value("SELECT count() AS c FROM events FORMAT JSON") == 0


def test_a_second_signal_does_not_break_a_stop(start_server):
    server = start_server()
    ws = workspace_of(server)
    load = Load(ws, 50, Mix(10))
    load.join()
    for sent in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        server.process.send_signal(sent)
    assert server.process.wait(20) == 0
    server.stop()
    server.start()
    wait_until_stored(server)
    assert_holds(ws, load.history)
