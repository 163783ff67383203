# SPDX-License-Identifier: Apache-2.0
"""The engine dies, hangs or starts late: events are accepted all the while, queries come back, health tells (R24)."""
import os
import signal
import time

import pytest
import requests

from durability.checker import assert_holds
from durability.history import Mix
from durability.load import Load, engine_pid, health, wait_until_stored, workspace_of
from kinglet_server import eventually

from .processes import HeldEngine, gone_within

BACK_SECONDS = 3


def answers(ws):
    reply = ws.get("/v0/pipes/answer.json")
    return reply.status_code == 200 and reply.json()["data"][0]["rows"] >= 0


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_r24_a_dead_engine_is_back_in_three_seconds(start_server, death):
    """Each of five rounds: endpoints answer again in under 3 s; no request of the load is refused or left without an answer."""
    server = start_server(flags=["--flush-interval-ms", "100"])
    ws = workspace_of(server)
    load = Load(ws, None, Mix(10, keyed=0), connections=4)
    slowest = 0.0
    for _ in range(5):
        pid = engine_pid(server)
        before = len(load.numbers("acknowledged"))
        os.kill(pid, death)
        begun = time.monotonic()
        assert gone_within(pid, 5)
        assert eventually(lambda: answers(ws), BACK_SECONDS), "endpoints did not come back"
        slowest = max(slowest, time.monotonic() - begun)
        load.wait_for(before + 1)
    load.stop()
    load.join()
    wait_until_stored(server)
    assert slowest < BACK_SECONDS
    assert not load.numbers("refused", "unanswered")
    assert health(server)["engine"]["restarts"] == 5
    assert_holds(ws, load.history)


def test_r24_events_are_accepted_and_health_tells_while_the_engine_is_away(start_server, tmp_path):
    engine = HeldEngine(tmp_path)
    server = start_server(flags=["--engine-binary", str(engine.path), "--flush-interval-ms", "100", "--query-seconds-max", "1"])
    ws = workspace_of(server)
    assert health(server)["status"] == "ready" and "reasons" not in health(server)
    engine.hold()
    os.kill(engine_pid(server), signal.SIGKILL)
    assert eventually(lambda: health(server)["status"] == "degraded", 20)
    assert health(server)["reasons"] == ["the engine is starting; queries wait, events are accepted"]
    assert requests.get(server.url + "/health", timeout=10).status_code == 200
    assert 'kinglet_engine_up{role="store"} 0' in requests.get(server.url + "/metrics", timeout=10).text

    load = Load(ws, 100, Mix(10, keyed=0))
    load.join()
    assert len(load.numbers("acknowledged")) == 100
    assert health(server)["spool"]["bytes"] > 0
    begun = time.monotonic()
    late = ws.get("/v0/pipes/answer.json")  # a query waits for its own time limit, and then says what is the matter
    assert late.status_code in (408, 503) and "engine" in late.json()["error"], late.text
    assert time.monotonic() - begun < 8
    Load(ws, 10, Mix(10, keyed=0), first=1000, history=load.history).join()

    engine.release()
    assert eventually(lambda: health(server)["status"] == "ready", 20)
    wait_until_stored(server)
    assert len(load.numbers("acknowledged")) == 110
    assert_holds(ws, load.history)


def test_an_engine_that_hangs_loses_nothing(start_server):
    """It neither answers nor ends: queries end at their limit, events are accepted, and nothing is stored twice afterwards."""
    server = start_server(flags=["--flush-interval-ms", "50", "--query-seconds-max", "1"])
    ws = workspace_of(server)
    load = Load(ws, 400, Mix(10), released=100)
    load.wait_for(50)
    pid = engine_pid(server)
    os.kill(pid, signal.SIGSTOP)
    try:
        load.release(300)
        load.wait_for(400)
        begun = time.monotonic()
        assert ws.get("/v0/pipes/answer.json").status_code in (408, 503)
        assert time.monotonic() - begun < 10
    finally:
        os.kill(pid, signal.SIGCONT)
    load.join()
    wait_until_stored(server)
    assert len(load.numbers("acknowledged")) == 400 and load.history.retries == 0
    assert health(server)["engine"]["restarts"] == 0
    assert_holds(ws, load.history)


def test_faults_of_a_project_are_told_while_the_engine_is_away(start_server, tmp_path):
    """A deployment asks the engine about every node, but what is wrong already is told without it."""
    engine = HeldEngine(tmp_path)
    server = start_server(flags=["--engine-binary", str(engine.path), "--flush-interval-ms", "100"])
    ws = workspace_of(server)
    engine.hold()
    os.kill(engine_pid(server), signal.SIGKILL)
    assert eventually(lambda: health(server)["status"] == "degraded", 5)
    begun = time.monotonic()
    answer = ws.build({"new.datasource": "SCHEMA >\n    `a` UInt8\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"a\"\n",
                       "p.pipe": "NODE n\nSQL >\n    SELECT a FROM nowhere\nTYPE endpoint\n"}).json()
    assert answer["result"] == "failed" and "'nowhere' not found" in answer["errors"][0]["error"], answer
    assert time.monotonic() - begun < 10
    engine.release()
