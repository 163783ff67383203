# SPDX-License-Identifier: Apache-2.0
"""Descriptors run out under load, in the server or in the engine: what is accepted is stored once, errors say why, and all is well again
once there are some (R7)."""
import contextlib
import os
import resource
import socket
import subprocess
import urllib.parse

import pytest

import kinglet_server

from .history import WIDE_PROJECT, History
from .load import Load, engine_pid, workspace_of
from .scarcity import MIX, assert_clear_answers, assert_well_again


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@contextlib.contextmanager
def few_descriptors(pid, spare):
    """`pid` may open `spare` more than it has now. Given back at the end, when it still lives."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(pid) + spare, before[1]))
    yield
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def held_by_tables(pid):
    """Files of tables that the engine `pid` holds open, whoever asks it for something."""
    links = []
    for one in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/{pid}/fd/{one}"))
    return sum("/deduplication_logs/" in link for link in links)


def test_r7_a_data_source_holds_one_descriptor_and_with_bad_rows_two(start_server):
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws = server.workspace()
    engine = engine_pid(server)
    before = held_by_tables(engine)
    names = [f"events_{i}" for i in range(30)]
    ws.must_build({f"{name}.datasource": "SCHEMA >\n    `id` UInt32 `json:$.id`\n" for name in names})
    assert held_by_tables(engine) - before == len(names)
    for name in names[:3]:
        for _ in range(2):
            assert ws.events(name, '{"id": "none"}\n{"id": 1}\n').json() == {"successful_rows": 1, "quarantined_rows": 1}
    assert ws.value(f"SELECT count() FROM {names[0]}_quarantine FORMAT JSON") == 2
    assert held_by_tables(engine) - before == len(names) + 3


@pytest.mark.parametrize("spare", [0, 6])
@pytest.mark.parametrize("who", ["server", "engine"])
def test_r7_descriptors_run_out_under_load(start_server, pick, who, spare):
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws = workspace_of(server, WIDE_PROJECT)
    load = Load(ws, mix=MIX, connections=8, released=50, history=History(7), patience=20)
    load.wait_for(50)
    for _ in range(pick(1, 20)):
        with few_descriptors(server.process.pid if who == "server" else engine_pid(server), spare):
            before = load.ended
            load.release(pick(100, 400))
            # Without any descriptor no request may come through at all; so this waits only as long as some do.
            load.wait_until(lambda: load.ended >= before + 50 or len(load.history.of_state("unsent")) >= 8 and load.history.retries > 20, 60)
        load.release(50)
        load.wait_for(load.released, 90)
    assert_well_again(server, ws, load)


def test_r7_a_machine_with_few_descriptors(start_server, monkeypatch, pick):
    """160 for each process, from its start: enough to work with, not for all that come. (The engine has 30 open, one for each table, and
    a dozen for each part that it writes.)"""
    real = subprocess.Popen
    monkeypatch.setattr(kinglet_server.subprocess, "Popen", lambda command, **kw: real(["prlimit", "--nofile=160:160", *command], **kw))
    server = start_server(flags=["--flush-interval-ms", "50", "--io-threads", "1"])
    monkeypatch.undo()
    ws = workspace_of(server, WIDE_PROJECT)
    address = urllib.parse.urlsplit(server.url)
    with contextlib.ExitStack() as idle:
        # Of the 96 connections that the limit leaves, these hold most: some of the load's are refused until they go.
        for _ in range(90):
            idle.enter_context(socket.create_connection((address.hostname, address.port)))
        load = Load(ws, pick(500, 5000), MIX, connections=24, history=History(8), patience=20)
        load.wait_until(lambda: any("connections" in text for _, text in assert_clear_answers(load.history)), 60, lambda: "none was refused")
    load.join(120)
    assert_well_again(server, ws, load)
