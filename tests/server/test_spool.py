# SPDX-License-Identifier: Apache-2.0
"""The spool as operators see it: durability levels, the tables' settings that go with them, batches that the engine refused."""
import json
import os
import subprocess

import pytest

from kinglet_server import binary, eventually

PROJECT = {
    "datasources/events.datasource": "SCHEMA >\n    `n` UInt32 `json:$.n`\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"n\"\n",
    "datasources/sums.datasource": "SCHEMA >\n    `n` UInt32,\n    `rows` UInt64\nENGINE \"SummingMergeTree\"\nENGINE_SORTING_KEY \"n\"\n"
                                   "ENGINE_SETTINGS \"min_level_for_wide_part=3\"\n",
    "pipes/view.pipe": "NODE n\nSQL >\n    SELECT n, count() AS rows FROM events GROUP BY n\nTYPE materialized\nDATASOURCE sums\n",
}
SETTINGS = ["non_replicated_deduplication_window", "min_level_for_wide_part", "fsync_after_insert", "fsync_part_directory"]


def settings(ws, table):
    """The settings of a table that exactly-once rests on, as the engine shows them; absent: None."""
    database, name = [part.strip("`") for part in table.split(".")]
    text = ws.server.engine(f"SELECT engine_full FROM system.tables WHERE database = '{database}' AND name = '{name}'").text
    given = dict(part.split(" = ") for part in text.strip().split("SETTINGS ", 1)[1].split(", "))
    return [given.get(name) for name in SETTINGS]


def tables(ws):
    events, sums = ws.table("events"), ws.table("sums")
    quarantine = events[:-1] + "_quarantine`"
    found = ws.server.engine(f"EXISTS TABLE {quarantine}").text.strip()
    assert found == "1", "the quarantine table has another name"
    return events, sums, quarantine


def test_r10_tables_of_an_older_server_get_the_settings_of_exactly_once_at_the_start(start_server):
    """The window on landing tables and view targets, on a quarantine with its first rows; fsync as the durability says; the file's own
    settings stay."""
    server = start_server(flags=["--durability", "os"])
    ws = server.default_workspace()
    ws.must_build(PROJECT)
    events, sums, quarantine = tables(ws)
    assert settings(ws, events) == ["10000", "1", None, None]
    assert settings(ws, sums) == ["10000", "3", None, None]
    # As a server made them before it knew these settings.
    for table in (events, sums, quarantine):
        server.engine(f"ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 100")
    server.engine(f"ALTER TABLE {events} RESET SETTING min_level_for_wide_part")
    server.stop()

    server.flags = ["--durability", "fsync"]
    server.start()
    ws = server.default_workspace()
    assert settings(ws, events) == ["10000", "1", "1", "1"]
    assert settings(ws, sums) == ["10000", "3", "1", "1"]
    assert settings(ws, quarantine) == ["100", "1", "1", "1"]
    ws.must_append("events", [{"n": 1}])
    assert ws.events("events", [{"n": "none"}]).json()["quarantined_rows"] == 1
    assert settings(ws, quarantine) == ["10000", "1", "1", "1"]
    server.stop()

    server.flags = ["--durability", "memory"]
    server.start()
    ws = server.default_workspace()
    assert settings(ws, events) == ["10000", "1", "0", "0"]
    ws.must_append("events", [{"n": 2}])
    assert ws.rows("SELECT n FROM events ORDER BY n FORMAT JSON") == [[1], [2]]
    assert 'kinglet_spool_durability{level="memory"} 1' in server.admin.get("/metrics").text


@pytest.mark.parametrize("level", ["fsync", "os", "memory"])
def test_r1_each_level_survives_kill_nine_once_the_rows_are_written(start_server, level):
    server = start_server(flags=["--durability", level, "--flush-interval-ms", "600000"])
    ws = server.default_workspace()
    ws.must_build(PROJECT)
    for n in range(20):
        assert ws.events("events", [{"n": n}], wait="false").status_code == 202
    assert eventually(lambda: "kinglet_spool_appended_rows_total 20" in server.admin.get("/metrics").text)
    server.kill()
    server.flags = ["--durability", level]
    server.start()
    ws = server.default_workspace()
    assert eventually(lambda: ws.rows("SELECT count(), uniqExact(n) FROM events FORMAT JSON") == [["20", "20"]] or
                      ws.rows("SELECT count(), uniqExact(n) FROM events FORMAT JSON") == [[20, 20]])


def failed(ws):
    reply = ws.get("/v0/spool/failed")
    assert reply.status_code == 200, reply.text
    return reply.json()["batches"]


def command(ws, *arguments):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KINGLET_", "TB_"))}
    ended = subprocess.run([str(binary()), "--host", ws.server.url, "--token", ws.token, *arguments], text=True, capture_output=True, timeout=60,
                           env=clean)
    return ended


def test_batches_that_the_engine_refused_are_listed_tried_again_and_dropped(start_server):
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws, other = server.default_workspace(), server.workspace()
    ws.must_build(PROJECT)
    assert failed(ws) == []
    table = ws.table("events")
    away = table[:-1] + "_away`"
    server.engine(f"RENAME TABLE {table} TO {away}")
    for n in range(2):
        assert ws.events("events", [{"n": n}], wait="false").status_code == 202
        assert eventually(lambda: len(failed(ws)) == n + 1, 30)
    first, second = failed(ws)
    assert (first["data_source"], first["rows"], first["rows_stored"], first["damaged"]) == ("events", 1, False, False)
    assert first["error"] and first["failed_at"]
    assert server.admin.get("/health").json()["status"] == "degraded"

    assert failed(other) == [], "another workspace's batches are not seen"
    assert other.post(f"/v0/spool/failed/{first['id']}/retry").status_code == 404
    assert other.delete(f"/v0/spool/failed/{first['id']}").status_code == 404
    reader = ws.new_token("reader", "DATASOURCES:READ:events")
    assert ws.get("/v0/spool/failed", token=reader).status_code == 403
    assert ws.post(f"/v0/spool/failed/{first['id']}/retry", token=reader).status_code == 403
    assert len(server.admin.get("/v0/spool/failed").json()["batches"]) == 2, "the account's admin token sees all"

    shown = command(ws, "spool", "failed")
    assert shown.returncode == 0 and first["id"] in shown.stdout and "not stored" in shown.stdout, shown
    # They are still there after a restart.
    server.engine(f"RENAME TABLE {away} TO {table}")
    server.stop()
    server.start()
    ws = server.default_workspace()
    assert [batch["id"] for batch in failed(ws)] == [first["id"], second["id"]]
    retried = command(ws, "spool", "failed", "--retry", first["id"])
    assert retried.returncode == 0, retried
    assert eventually(lambda: ws.rows("SELECT n FROM events FORMAT JSON") == [[0]])
    assert eventually(lambda: ws.rows("SELECT n, sum(rows) AS rows FROM sums GROUP BY n FORMAT JSON") in ([[0, "1"]], [[0, 1]])), \
        "the view has it, too"
    assert command(ws, "spool", "failed", "--retry", first["id"]).returncode == 1
    dropped = command(ws, "spool", "failed", "--drop", second["id"])
    assert dropped.returncode == 0, dropped
    assert json.loads(command(ws, "--output", "json", "spool", "failed").stdout) == {"batches": []}
    assert server.admin.get("/health").json()["status"] == "ready"
    assert not list((server.folder / "db" / "spool" / "failed").iterdir())


def test_r11_a_failing_view_is_told_and_what_became_of_it_later_too(start_server):
    """422 with wait=true, a line in the log of operations, rows counted once; the view's repair is told as well."""
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws = server.default_workspace()
    ws.must_build(PROJECT)
    sums = ws.table("sums")
    server.engine(f"ALTER TABLE {sums} ADD CONSTRAINT small CHECK n < 5")
    assert ws.events("events", [{"n": 7}]).status_code == 422
    ws.must_append("events", [{"n": 1}])
    assert sorted(ws.rows("SELECT n FROM events FORMAT JSON")) == [[1], [7]]
    log = "SELECT result, error, rows FROM tinybird.datasources_ops_log WHERE event_type = 'append-hfi' ORDER BY timestamp FORMAT JSON"
    assert eventually(lambda: len(ws.rows(log)) == 2)
    refused = next(row for row in ws.rows(log) if row[0] == "error")
    assert "materialized view" in refused[1] and int(refused[2]) == 1
    server.engine(f"ALTER TABLE {sums} DROP CONSTRAINT small")
    assert eventually(lambda: ws.rows("SELECT n FROM sums ORDER BY n FORMAT JSON") == [[1], [7]], 30)
    assert eventually(lambda: len(ws.rows(log)) == 3)
    assert sum(int(row[2]) for row in ws.rows(log)) == 2, "no row counts twice"
    assert "kinglet_spool_view_failures_total" in server.admin.get("/metrics").text
