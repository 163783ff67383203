# SPDX-License-Identifier: Apache-2.0
"""A deployment killed at any moment: the old project or the new one is live, all of it; nothing is left over; the same
deployment runs again and ends (R17)."""
import os
import signal
import threading
import time

import pytest

from durability.history import PROJECT, Mix, generator
from durability.load import Load, at_new_address, engine_pid, wait_until_stored, workspace_of

PER_BUCKET = """
SCHEMA >
    `bucket` UInt8,
    `rows` UInt64,
    `total` Int64
ENGINE "SummingMergeTree"
ENGINE_SORTING_KEY "bucket"
"""
ROUNDS = 8
TARGETS = 4


def project(generation):
    """Generation n has endpoints that say n, data sources a_n and b_n, and views into new targets, filled from `events`."""
    files = dict(PROJECT)
    files["pipes/generation.pipe"] = f"NODE n\nSQL >\n    SELECT {generation} AS generation\nTYPE endpoint\n"
    for t in range(TARGETS):
        files[f"datasources/sums_{generation}_{t}.datasource"] = PER_BUCKET
        files[f"pipes/sums_{generation}_{t}_mv.pipe"] = (
            f"NODE n\nSQL >\n    SELECT toUInt8(request % 16) AS bucket, count() AS rows, sum(value) AS total\n"
            f"    FROM events WHERE n % {TARGETS} = {t} GROUP BY bucket\nTYPE materialized\nDATASOURCE sums_{generation}_{t}\n")
    return files


def tables_in_engine(server, ws):
    database = ws.table("events").split("`")[1]
    return set(server.engine(f"SELECT name FROM system.tables WHERE database = '{database}'").text.split())


def tables_expected(ws):
    """Names that the catalog gives: ids of data sources, with their quarantines, and one view for each materialized pipe."""
    sources = {s["id"] for s in ws.get("/v0/datasources").json()["datasources"]}
    views = sum(p["type"] == "materialized" for p in ws.get("/v0/pipes").json()["pipes"])
    return sources, views


def assert_nothing_left_over(server, ws):
    found = tables_in_engine(server, ws)
    sources, views = tables_expected(ws)
    assert sources <= found
    assert len(found) == 2 * len(sources) + views, f"tables of a deployment that is not live: {sorted(found - sources)}"


def live_generation(ws):
    reply = ws.get("/v0/pipes/generation.json")
    if reply.status_code == 404:
        return 0
    assert reply.status_code == 200, reply.text
    return reply.json()["data"][0]["generation"]


def assert_whole(ws, generation, rows):
    names = {s["name"] for s in ws.get("/v0/datasources").json()["datasources"]}
    sums = {f"sums_{generation}_{t}" for t in range(TARGETS)} if generation else set()
    assert names == {"events", "per_request", "chained"} | sums
    if sums:
        found = sum(int(ws.value(f"SELECT sum(rows) AS c FROM {name} FORMAT JSON")) for name in sums)
        assert found == rows, f"generation {generation}: the views hold {found} of {rows} rows"


def kill_while(server, ws, victim, after, work):
    """Runs `work` on a thread, kills `victim` after so many seconds, and answers what `work` gave; None when the kill took it."""
    replies = []

    def run():
        try:
            replies.append(work())
        except OSError:  # the server is gone
            pass

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(after)  # sleep: the moment of death varies
    if victim == "server":
        server.kill()
    else:
        os.kill(engine_pid(server), signal.SIGKILL)
    thread.join()
    if victim == "server":
        server.start()
        at_new_address(ws)
    return replies[0] if replies else None


def succeeded(reply):
    return reply is not None and reply.status_code == 200 and reply.json()["result"] == "success"


@pytest.mark.parametrize("victim", ["server", "engine"])
def test_r17_a_deployment_killed_at_random(start_server, victim):
    random = generator(171717)
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws = workspace_of(server)
    Load(ws, 100, Mix(20)).join()
    wait_until_stored(server)
    begun = time.monotonic()
    assert succeeded(ws.build(project(1)))
    live, took, rows = 1, time.monotonic() - begun, 2000
    outcomes = {"old": 0, "new": 0}
    # An engine that is killed again and again is started after longer and longer pauses, up to 5 s: fewer rounds.
    rounds = ROUNDS if victim == "server" else 5
    for generation in range(2, 2 + rounds):
        # One kill in each part of a deployment, and a little behind it.
        after = took * 1.1 * (generation - 2 + random.random()) / rounds
        answer = kill_while(server, ws, victim, after, lambda: ws.build(project(generation)))
        now = live_generation(ws)
        assert now in (live, generation)
        assert now == generation or not succeeded(answer), "a deployment that answered is not live"
        outcomes["new" if now == generation else "old"] += 1
        assert_whole(ws, now, rows)
        if victim == "server":
            assert_nothing_left_over(server, ws)
        again = ws.build(project(generation))
        assert again.status_code == 200 and again.json()["result"] in ("success", "no_changes"), again.text
        live = live_generation(ws)
        assert live == generation
        ws.must_append("events", [{"request": 100 + generation, "n": n, "bucket": "b", "value": 0} for n in range(TARGETS)])
        rows += TARGETS
        assert_whole(ws, live, rows)  # rows of before and new ones, each once
    if victim == "server":
        assert_nothing_left_over(server, ws)
    print(outcomes, f"{took:.2f} s a deployment")


def test_r17_rows_of_before_go_once_into_a_target_that_was_there(start_server):
    """A view onto a data source with rows of its own: a killed deployment has either added all rows of before, or none."""
    random = generator(1717)
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws = server.workspace()
    base = {"datasources/events.datasource": PROJECT["datasources/events.datasource"],
            "datasources/totals.datasource": PER_BUCKET + 'ENGINE_PARTITION_KEY "bucket"\n'}

    def with_view(number):
        return {**base, f"pipes/into_{number}_mv.pipe":
                "NODE n\nSQL >\n    SELECT toUInt8(request % 16) AS bucket, count() AS rows, sum(value) AS total FROM events GROUP BY bucket\n"
                "TYPE materialized\nDATASOURCE totals\n"}

    def totals():
        return int(ws.value("SELECT sum(rows) AS c FROM totals FORMAT JSON"))

    ws.must_build(base)
    Load(ws, 100, Mix(20)).join()
    wait_until_stored(server)
    begun = time.monotonic()
    assert succeeded(ws.build(with_view(1)))
    took, stored = time.monotonic() - begun, 2000
    assert totals() == stored
    for number in range(2, 2 + ROUNDS):
        after = took * 1.1 * (number - 2 + random.random()) / ROUNDS
        answer = kill_while(server, ws, "server", after, lambda: ws.build(with_view(number)))
        live = {p["name"] for p in ws.get("/v0/pipes").json()["pipes"]} == {f"into_{number}_mv"}
        assert live or not succeeded(answer)
        assert totals() == stored + (2000 if live else 0), f"round {number}, {'live' if live else 'not live'}"
        assert ws.build(with_view(number)).json()["result"] == ("no_changes" if live else "success")
        stored += 2000
        assert totals() == stored
        assert_nothing_left_over(server, ws)
