# SPDX-License-Identifier: Apache-2.0
"""The books: accepted = stored + quarantined + deduplicated + failed + dropped + sampled_out + waiting, and what happens when the engine has
other rows than they say."""
import json
import re

import pytest
import requests

from kinglet_server import Server, eventually

EVENTS = """
SCHEMA >
    `id` UInt32 `json:$.id`,
    `word` String `json:$.word`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "id"
"""
PROJECT = {
    "events.datasource": EVENTS,
    "latest.datasource": EVENTS.replace('"MergeTree"', '"ReplacingMergeTree"'),
    "totals.datasource": "SCHEMA >\n    `word` String,\n    `rows` UInt64\nENGINE \"SummingMergeTree\"\nENGINE_SORTING_KEY \"word\"\n",
    "totals_mv.pipe": "NODE n\nSQL >\n    SELECT word, count() AS rows FROM events WHERE throwIf(word = 'poison') = 0 GROUP BY word\n"
                      "TYPE materialized\nDATASOURCE totals\n",
}


@pytest.fixture(scope="module")
def books_server():
    running = Server(flags=["--flush-interval-ms", "50", "--books-interval-ms", "100"])
    yield running
    running.remove()


@pytest.fixture
def ws(books_server):
    made = books_server.workspace()
    made.must_build(PROJECT)
    return made


def rows(*ids):
    return [{"id": i, "word": f"w{i % 3}"} for i in ids]


def books(ws, name="events"):
    shown = ws.get(f"/v0/datasources/{name}").json()["rows"]
    assert shown["accepted"] == sum(v for k, v in shown.items() if k != "accepted"), shown
    return {k: v for k, v in shown.items() if v}


def metric(ws, name, **labels):
    labels = {"workspace": ws.id, "data_source": "events", **labels}
    for line in requests.get(ws.server.url + "/metrics", timeout=10).text.splitlines():
        found = re.fullmatch(re.escape(name) + r"\{(.*)\} (\S+)", line)
        if found and dict(re.findall(r'(\w+)="([^"]*)"', found[1])) == labels:
            return float(found[2])
    return None


def health(ws):
    return requests.get(ws.server.url + "/health", timeout=10).json()


def holds(ws):
    """The watcher has compared after now and found no difference: it sees one in two turns."""
    turns = []
    return eventually(lambda: turns.append(metric(ws, "kinglet_books_mismatch_rows")) or len(turns) > 20) and not any(turns)


def test_every_way_in_has_its_count(ws):
    assert ws.events("events", json.dumps({"id": 1, "word": "a"}) + '\n{"id": "x"}').status_code == 200
    for _ in range(3):
        assert ws.events("events", rows(2, 3), headers={"Idempotency-Key": "same"}).status_code == 200
    assert books(ws) == {"accepted": 8, "stored": 3, "quarantined": 1, "deduplicated": 4}
    csv = "id,word\n7,x\n8,y\nnine,z\n"
    reply = ws.post("/v0/datasources", csv, name="events", mode="append", headers={"Content-Type": "text/csv"})
    assert reply.json()["successful_rows"] == 2, reply.text
    assert books(ws) == {"accepted": 11, "stored": 5, "quarantined": 2, "deduplicated": 4}
    assert metric(ws, "kinglet_data_source_rows_total", outcome="stored") == 5
    assert metric(ws, "kinglet_data_source_rows_pending") == 0
    told = eventually(lambda: ws.rows(
        "SELECT sum(rows) AS r, sum(rows_quarantine) AS q, sum(toUInt64OrZero(arrayElement(Options.Values, indexOf(Options.Names, "
        "'rows_deduplicated')))) AS d FROM tinybird.datasources_ops_log WHERE datasource_name = 'events' FORMAT JSON") == [[5, 2, 4]])
    assert told, ws.rows("SELECT * FROM tinybird.datasources_ops_log FORMAT JSON")


def test_freshness_is_told(ws):
    before = ws.get("/v0/datasources/events").json()["freshness"]
    assert before == {"last_stored_at": None, "oldest_waiting_seconds": 0}
    ws.must_append("events", rows(1))
    after = ws.get("/v0/datasources/events").json()["freshness"]
    assert after["last_stored_at"] and after["oldest_waiting_seconds"] == 0
    assert metric(ws, "kinglet_data_source_stored_timestamp_seconds") > 1.6e9
    assert metric(ws, "kinglet_data_source_oldest_pending_seconds") == 0


def test_a_failing_view_leaves_its_rows_stored_once(ws):
    reply = ws.events("events", [{"id": 1, "word": "poison"}])
    assert reply.status_code == 422
    ws.must_append("events", rows(2, 3))
    assert books(ws) == {"accepted": 3, "stored": 3}
    assert ws.value("SELECT count() AS c FROM events FORMAT JSON") == 3
    assert holds(ws)


def test_rows_deleted_behind_its_back_are_seen_and_seen_to_be_back(ws):
    ws.must_append("events", rows(*range(20)))
    assert holds(ws) and not any("books" in r for r in health(ws).get("reasons", []))
    table = ws.table("events")
    assert ws.server.engine(f"ALTER TABLE {table} DELETE WHERE id < 7 SETTINGS mutations_sync = 2").status == 200
    assert eventually(lambda: metric(ws, "kinglet_books_mismatch_rows") == -7)
    shown = health(ws)
    assert shown["status"] == "degraded"
    assert any("the books of data source 'events'" in r and "20 rows were stored, the engine has 13" in r for r in shown["reasons"]), shown
    lines = [l for l in ws.server.log_text().splitlines() if "the books of a data source do not hold" in l and ws.name in l]
    assert len(lines) == 1 and "20" in lines[0] and "13" in lines[0], lines
    ws.must_append("events", rows(100))  # it goes on to be seen, and is told once
    assert metric(ws, "kinglet_books_mismatch_rows") == -7
    assert ws.server.engine(f"INSERT INTO {table} (id, word) SELECT number, concat('w', toString(number % 3)) FROM numbers(7)").status == 200
    assert eventually(lambda: metric(ws, "kinglet_books_mismatch_rows") == 0)
    assert not any("'events'" in r and ws.name in r for r in health(ws).get("reasons", []))


def test_more_rows_than_were_stored_are_seen_in_any_engine(ws):
    ws.must_append("latest", rows(1, 2, 3))
    assert eventually(lambda: metric(ws, "kinglet_books_mismatch_rows", data_source="latest") == 0)
    assert ws.server.engine(f"INSERT INTO {ws.table('latest')} SELECT number + 10, 'x' FROM numbers(5)").status == 200
    assert eventually(lambda: (metric(ws, "kinglet_books_mismatch_rows", data_source="latest") or 0) > 0)
    assert ws.post("/v0/datasources/latest/truncate").status_code == 200
    assert eventually(lambda: metric(ws, "kinglet_books_mismatch_rows", data_source="latest") == 0)


def test_truncate_delete_and_replace_are_no_differences(ws):
    ws.must_append("events", rows(*range(30)))
    job = ws.job(ws.post("/v0/datasources/events/delete", form={"delete_condition": "id >= 20"}))
    assert job["status"] == "done"
    assert holds(ws)
    ws.must_append("events", rows(50, 51))
    assert holds(ws) and ws.value("SELECT count() AS c FROM events FORMAT JSON") == 22
    csv = "id,word\n1,x\n2,y\n"
    reply = ws.post("/v0/datasources", csv, name="events", mode="replace", headers={"Content-Type": "text/csv"})
    assert reply.status_code == 200, reply.text
    assert holds(ws) and books(ws) == {"accepted": 32, "stored": 32}, "rows of a replace are no accepted rows"
    assert ws.post("/v0/datasources/events/truncate").status_code == 200
    ws.must_append("events", rows(1))
    assert holds(ws)
    # And the new baseline is one: what goes now is seen.
    assert eventually(lambda: metric(ws, "kinglet_data_source_rows_pending") == 0)
    assert ws.server.engine(f"TRUNCATE TABLE {ws.table('events')}").status == 200
    assert eventually(lambda: metric(ws, "kinglet_books_mismatch_rows") == -1)


def kill_and_start(server, ws, books_interval_ms):
    server.kill()
    server.flags = ["--flush-interval-ms", "50", "--books-interval-ms", str(books_interval_ms)]
    server.start()
    ws.base = server.url


@pytest.mark.parametrize("change", ["truncate", "delete", "replace"])
def test_a_server_that_is_killed_behind_a_change_takes_no_old_count_for_a_measure(change):
    server = Server(flags=["--flush-interval-ms", "50", "--books-interval-ms", "100"])
    try:
        ws = server.workspace()
        ws.must_build(PROJECT)
        ws.must_append("events", rows(*range(20)))
        assert holds(ws)
        kill_and_start(server, ws, 3_600_000)  # no watcher sees the change
        if change == "truncate":
            assert ws.post("/v0/datasources/events/truncate").status_code == 200
        elif change == "delete":
            assert ws.job(ws.post("/v0/datasources/events/delete", form={"delete_condition": "id >= 5"}))["status"] == "done"
        else:
            reply = ws.post("/v0/datasources", "id,word\n1,x\n", name="events", mode="replace", headers={"Content-Type": "text/csv"})
            assert reply.status_code == 200, reply.text
        kill_and_start(server, ws, 100)
        assert holds(ws), server.log_text()
        # And what it counts anew is a measure.
        ws.must_append("events", rows(50))
        assert holds(ws) and ws.server.engine(f"TRUNCATE TABLE {ws.table('events')}").status == 200
        assert eventually(lambda: (metric(ws, "kinglet_books_mismatch_rows") or 0) < 0)
    finally:
        server.remove()


def test_targets_of_views_are_not_compared(ws):
    ws.must_append("events", rows(*range(40)))
    assert holds(ws)
    assert metric(ws, "kinglet_books_mismatch_rows", data_source="totals") in (None, 0)


def test_i14_a_flood_of_bad_rows_is_sampled_and_good_rows_are_not_touched():
    server = Server(flags=["--flush-interval-ms", "50", "--quarantine-rows-burst", "100", "--quarantine-rows-per-second", "0"])
    try:
        ws = server.workspace()
        ws.must_build(PROJECT)
        bad = "\n".join('{"id": "no", "word": "x"}' for _ in range(50))
        for _ in range(10):
            reply = ws.events("events", bad)
            assert (reply.status_code in (200, 202), reply.json()) == (True, {"successful_rows": 0, "quarantined_rows": 50}), reply.text
        good = ws.events("latest", rows(1, 2, 3))
        assert (good.status_code, good.json()["successful_rows"]) == (200, 3)
        mixed = ws.events("events", bad + "\n" + json.dumps({"id": 1, "word": "a"}))
        assert (mixed.status_code, mixed.json()) == (200, {"successful_rows": 1, "quarantined_rows": 50})
        assert books(ws) == {"accepted": 551, "stored": 1, "quarantined": 100, "sampled_out": 450}
        assert ws.value("SELECT count() AS c FROM events_quarantine FORMAT JSON") == 100
        server.stop()
        server.start()
        ws.base = server.url
        assert books(ws) == {"accepted": 551, "stored": 1, "quarantined": 100, "sampled_out": 450}, "over a restart"
    finally:
        server.remove()
