# SPDX-License-Identifier: Apache-2.0
"""The service data sources `tinybird.*` and `organization.*`: their tables, who may read them, and the rows that calls, appends, jobs
and deployments leave (platform.md 3; attacks.md A4, S9)."""
import json
import os
import re
import signal

import pytest

from kinglet_server import eventually

PROJECT = {
    "events.datasource": """
SCHEMA >
    `id` UInt32 `json:$.id`,
    `org` String `json:$.org`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "id"
""",
    "top.pipe": "NODE top_n\nSQL >\n    %\n    SELECT org, count() AS c FROM events WHERE id < {{UInt32(below, 100)}} GROUP BY org ORDER BY org\n"
                "TYPE endpoint\n",
    "calls.pipe": "NODE calls_n\nSQL >\n    %\n    SELECT pipe_name, count() AS calls FROM tinybird.pipe_stats_rt\n"
                  "    WHERE pipe_name = {{String(name, 'top')}} GROUP BY pipe_name\nTYPE endpoint\n",
}

COLUMNS = {
    "pipe_stats_rt": "start_datetime DateTime, pipe_id String, pipe_name String, duration Float32, read_bytes UInt64, read_rows UInt64, "
                     "result_rows UInt64, url String, error UInt8, request_id String, token String, token_name String, status_code Int32, "
                     "method String, parameters Map(String, String), release String, user_agent Nullable(String), "
                     "resource_tags Array(String), cpu_time Float32, memory_usage UInt64",
    "pipe_stats": "date Date, pipe_id String, pipe_name String, view_count UInt64, error_count UInt64, "
                  "avg_duration_state AggregateFunction(avg, Float32), "
                  "quantile_timing_state AggregateFunction(quantilesTiming(0.9, 0.95, 0.99), Float64), read_bytes_sum UInt64, "
                  "read_rows_sum UInt64, resource_tags Array(String), cpu_time_sum Float64",
    "endpoint_errors": "start_datetime DateTime, request_id String, pipe_id String, pipe_name String, params Nullable(String), "
                       "url Nullable(String), status_code Nullable(Int32), error Nullable(String)",
    "datasources_ops_log": "timestamp DateTime, event_type String, operation_id String, datasource_id String, datasource_name String, "
                           "result String, elapsed_time Float32, error Nullable(String), import_id Nullable(String), "
                           "job_id Nullable(String), request_id String, rows Nullable(UInt64), rows_quarantine Nullable(UInt64), "
                           "blocks_ids Array(String), Options.Names Array(String), Options.Values Array(String), read_bytes UInt64, "
                           "read_rows UInt64, written_rows UInt64, written_bytes UInt64, written_rows_quarantine UInt64, "
                           "written_bytes_quarantine UInt64, pipe_id String, pipe_name String, release String, "
                           "resource_tags Array(String), cpu_time Float32, memory_usage UInt64",
    "datasources_storage": "datasource_id String, datasource_name String, timestamp DateTime, bytes UInt64, rows UInt64, "
                           "bytes_quarantine UInt64, rows_quarantine UInt64",
    "block_log": "timestamp DateTime, import_id String, job_id Nullable(String), request_id String, source String, block_id String, "
                 "status String, datasource_id String, datasource_name String, start_offset Nullable(Int64), end_offset Nullable(Int64), "
                 "rows Nullable(Int32), parser Nullable(String), quarantine_lines Nullable(UInt32), empty_lines Nullable(UInt32), "
                 "bytes Nullable(UInt32), processing_time Nullable(Float32), processing_error Nullable(String)",
    "kafka_ops_log": "timestamp DateTime, datasource_id String, topic String, partition Int16, msg_type String, lag Int64, "
                     "processed_messages Int32, processed_bytes Int32, committed_messages Int32, msg String, time_write Float32",
    "sinks_ops_log": "timestamp DateTime64(3), service LowCardinality(String), pipe_id String, pipe_name String, token_name String, "
                     "result String, error Nullable(String), elapsed_time Float64, job_id Nullable(String), read_rows UInt64, "
                     "written_rows UInt64, read_bytes UInt64, written_bytes UInt64, output Array(String), "
                     "parameters Map(String, String), options Map(String, String), cpu_time Float64, resource_tags Array(String)",
    "data_transfer": "timestamp DateTime, event String, origin_provider String, origin_region String, destination_provider String, "
                     "destination_region String, kind String, bytes UInt64",
    "jobs_log": "job_id String, job_type String, workspace_id String, pipe_id String, pipe_name String, created_at DateTime, "
                "updated_at DateTime, started_at DateTime, status String, error Nullable(String), job_metadata String",
    "llm_usage": "start_time DateTime, end_time DateTime, feature String, origin String, user_email String, workspace_id String, "
                 "request_id String, model String, prompt_tokens UInt64, completion_tokens UInt64, total_tokens UInt64, duration Float64, "
                 "cost Float64",
}


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build(PROJECT)
    ws.must_append("events", [{"id": i, "org": "acme" if i % 3 else "other"} for i in range(60)])


def objects(ws, q, **arguments):
    reply = ws.sql(q, **arguments)
    assert reply.status_code == 200, reply.text
    return reply.json()["data"]


def wait_for(ws, q, count=1):
    """The rows of `q` once there are `count` of them."""
    found = eventually(lambda: (rows := objects(ws, q)) and len(rows) >= count and rows, 30)
    assert found, f"no row came: {q}"
    return found


def call_of(ws, reply):
    """What pipe_stats_rt says of a call."""
    return wait_for(ws, f"SELECT * FROM tinybird.pipe_stats_rt WHERE request_id = '{reply.headers['X-Request-Id']}'")[0]


# ---- the tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_and_types(ws, name):
    """platform.md 3.2-3.12: clients union these tables, so names, types and order are part of the interface."""
    meta = ws.sql(f"SELECT * FROM tinybird.{name} LIMIT 0").json()["meta"]
    assert ", ".join(f"{c['name']} {c['type']}" for c in meta) == COLUMNS[name]
    meta = ws.sql(f"SELECT * FROM organization.{name} LIMIT 0").json()["meta"]
    rest = ", ".join(f"{c['name']} {c['type']}" for c in meta[1:])
    assert (meta[0]["name"], meta[0]["type"]) == ("workspace_id", "String")
    assert rest == COLUMNS[name].replace("workspace_id String, ", "")


def test_the_log_query_of_the_command_line(ws):
    """cli.md 7.16: one SELECT for each source, united."""
    sources = {"pipe_stats_rt": "start_datetime", "block_log": "timestamp", "datasources_ops_log": "timestamp",
               "endpoint_errors": "start_datetime", "kafka_ops_log": "timestamp", "sinks_ops_log": "timestamp",
               "jobs_log": "created_at", "llm_usage": "start_time"}
    parts = " UNION ALL ".join(
        f"SELECT '{name}' AS source, {time} AS timestamp, formatRowNoNewline('JSONEachRow', *) AS data FROM tinybird.{name} "
        f"WHERE {time} >= parseDateTimeBestEffort('2020-01-01T00:00:00Z')" for name, time in sources.items())
    reply = ws.sql(f"SELECT * FROM ({parts}) ORDER BY timestamp DESC LIMIT 100 FORMAT JSON")
    assert reply.status_code == 200, reply.text


def test_they_are_not_in_the_list_of_data_sources(ws):
    listed = [d["name"] for d in ws.get("/v0/datasources").json()["datasources"]]
    assert listed == ["events"]


# ---- calls ---------------------------------------------------------------------------------------------------------------


def test_a_call_of_an_endpoint(ws):
    reply = ws.get("/v0/pipes/top.json", below=50, headers={"User-Agent": "tester/1"}, from_="console")
    assert reply.status_code == 200
    row = call_of(ws, reply)
    pipe = ws.get("/v0/pipes/top").json()
    assert (row["pipe_id"], row["pipe_name"]) == (pipe["id"], "top")
    assert (row["status_code"], row["error"], row["method"], row["user_agent"]) == (200, 0, "GET", "tester/1")
    assert (row["result_rows"], row["read_rows"]) == (2, 60) and row["read_bytes"] > 0 and 0 < row["duration"] < 30
    assert row["url"] == "/v0/pipes/top.json?below=50&from=console"
    assert row["parameters"] == {"below": "50", "from": "console"}
    assert row["token_name"] == "workspace admin token" and row["token"] and ws.token not in row.values()


def test_a_call_of_the_query_api(ws):
    row = call_of(ws, ws.sql("SELECT count() AS c FROM events"))
    assert (row["pipe_id"], row["pipe_name"], row["method"], row["result_rows"]) == ("query_api", "query_api", "POST", 1)
    assert row["parameters"] == {"q": "SELECT count() AS c FROM events"}


def test_a_streamed_reply_has_its_figures(ws):
    row = call_of(ws, ws.get("/v0/pipes/top.csv"))
    assert row["read_rows"] == 60 and row["status_code"] == 200


def test_a_body_of_parameters(ws):
    reply = ws.post("/v0/pipes/top.json", json.dumps({"below": 7, "list": [1, 2]}), headers={"Content-Type": "application/json"})
    row = call_of(ws, reply)
    assert row["parameters"] == {"below": "7", "list": "1,2"} and row["method"] == "POST"


@pytest.mark.parametrize("spelling", ["token", "%74oken", "TOKEN", "password"])
def test_no_token_is_kept(ws, spelling):
    """A4"""
    secret = "p.eyJ1Ijog_very_secret"
    reply = ws.server.admin.session.get(f"{ws.server.url}/v0/pipes/top.json?below=5&{spelling}={secret}&x=1",
                                        headers={"Authorization": f"Bearer {ws.token}"}, timeout=60)
    assert reply.status_code == 200, reply.text
    row = call_of(ws, reply)
    assert secret not in json.dumps(row) and row["url"] == "/v0/pipes/top.json?below=5&x=1"
    assert row["parameters"] == {"below": "5", "x": "1"}


def test_a_failed_call(ws):
    reply = ws.get("/v0/pipes/top.json", below="many")
    assert reply.status_code == 400
    row = call_of(ws, reply)
    assert (row["error"], row["status_code"]) == (1, 400)
    error = wait_for(ws, f"SELECT * FROM tinybird.endpoint_errors WHERE request_id = '{row['request_id']}'")[0]
    assert error["error"] == reply.json()["error"] and error["status_code"] == 400 and error["pipe_name"] == "top"
    assert json.loads(error["params"]) == {"below": "many"} and error["url"] == "/v0/pipes/top.json?below=many"


def test_a_call_that_a_bad_body_ends(ws):
    reply = ws.post("/v0/pipes/top.json", "{not json", headers={"Content-Type": "application/json"})
    assert reply.status_code == 400
    assert call_of(ws, reply)["error"] == 1


def test_the_daily_aggregate(ws):
    name = "daily"
    ws.must_build({**PROJECT, f"{name}.pipe": "NODE daily_n\nSQL >\n    %\n    SELECT {{Int32(n)}} AS n\nTYPE endpoint\n"})
    replies = [ws.get(f"/v0/pipes/{name}.json", n=n) for n in ("1", "2", "x")]
    for reply in replies:
        call_of(ws, reply)
    row = objects(ws, "SELECT sum(view_count) AS calls, sum(error_count) AS errors, avgMerge(avg_duration_state) AS mean, "
                      "quantilesTimingMerge(0.9, 0.95, 0.99)(quantile_timing_state) AS slow FROM tinybird.pipe_stats "
                      f"WHERE pipe_name = '{name}' AND date >= today() - 1")[0]
    assert (row["calls"], row["errors"]) == (3, 1) and row["mean"] > 0 and len(row["slow"]) == 3


def test_reading_them_leaves_no_row(ws):
    """platform.md 3.1: calls made against them are not logged in them."""
    reads = [ws.sql("SELECT 1 FROM tinybird.jobs_log"), ws.get("/v0/pipes/calls.json")]
    after = call_of(ws, ws.sql("SELECT 'later'"))
    assert after
    ids = ", ".join(f"'{r.headers['X-Request-Id']}'" for r in reads)
    assert objects(ws, f"SELECT url FROM tinybird.pipe_stats_rt WHERE request_id IN ({ids})") == []


# ---- grants --------------------------------------------------------------------------------------------------------------


def test_who_may_read_them(ws):
    """S9: to others they are as unknown as a name that does not exist."""
    reader = ws.new_token("service_reader", "DATASOURCES:READ:events", "PIPES:READ:top")
    for name in ("tinybird.pipe_stats_rt", "organization.pipe_stats_rt", "tinybird.nothing"):
        refused = ws.sql(f"SELECT 1 FROM {name}", token=reader)
        assert refused.status_code == 400 and refused.json()["error"].endswith(f"Resource '{name}' not found"), refused.text
    all_reader = ws.new_token("all_reader", "WORKSPACE:READ_ALL")
    assert ws.sql("SELECT 1 FROM tinybird.pipe_stats_rt LIMIT 0", token=all_reader).status_code == 200
    assert ws.sql("SELECT 1 FROM organization.pipe_stats_rt LIMIT 0", token=all_reader).status_code == 400
    organization = ws.new_token("organization_reader", "ORG_DATASOURCES:READ")
    assert ws.sql("SELECT 1 FROM organization.pipe_stats_rt LIMIT 0", token=organization).status_code == 200
    assert ws.sql("SELECT 1 FROM tinybird.pipe_stats_rt LIMIT 0", token=organization).status_code == 400


def test_an_endpoint_over_them_is_granted_as_a_pipe(ws):
    call_of(ws, ws.get("/v0/pipes/top.json"))
    reader = ws.new_token("calls_reader", "PIPES:READ:calls")
    reply = ws.get("/v0/pipes/calls.json", token=reader, name="top")
    assert reply.status_code == 200 and reply.json()["data"][0]["calls"] >= 1


def test_other_workspaces_are_not_seen(ws, new_workspace):
    """S9"""
    other = new_workspace()
    other.must_build(PROJECT)
    mine = call_of(other, other.get("/v0/pipes/top.json"))
    assert objects(ws, f"SELECT 1 AS a FROM tinybird.pipe_stats_rt WHERE request_id = '{mine['request_id']}'") == []
    assert objects(ws, f"SELECT 1 AS a FROM organization.pipe_stats_rt WHERE request_id = '{mine['request_id']}'") == []
    assert objects(other, "SELECT workspace_id, name FROM organization.workspaces") == [{"workspace_id": other.id, "name": other.name}]


def test_a_misspelt_name_gets_a_hint(ws):
    reply = ws.sql("SELECT 1 FROM tinybird.pipe_stat_rt")
    assert reply.status_code == 400
    assert reply.json()["error"] == ("line 1, column 15: Resource 'tinybird.pipe_stat_rt' not found. "
                                     "Did you mean 'tinybird.pipe_stats_rt'?")
    assert "Did you mean" not in ws.sql("SELECT 1 FROM tinybird.entirely_else").text


def test_an_error_shows_no_inner_name(ws):
    for q in ("SELECT nothing FROM tinybird.pipe_stats_rt", "SELECT toUInt8(url, 1, 2, 3) FROM tinybird.pipe_stats_rt"):
        reply = ws.sql(q)
        assert reply.status_code == 400 and not re.search(r"ws_|_service", reply.text), reply.text


def test_a_materialized_view_cannot_read_them(ws, new_workspace):
    """platform.md 3.1"""
    other = new_workspace()
    files = {
        "kept.datasource": "SCHEMA >\n    `pipe_name` String\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"pipe_name\"\n",
        "keep.pipe": "NODE keep_n\nSQL >\n    SELECT pipe_name FROM tinybird.pipe_stats_rt\nTYPE materialized\nDATASOURCE kept\n",
    }
    reply = other.build(files).json()
    assert reply["result"] == "failed"
    assert "'tinybird.pipe_stats_rt' is a service data source, which a materialized view cannot read" in json.dumps(reply)


# ---- operations ----------------------------------------------------------------------------------------------------------


def operations(ws, event_type, count=1, source="events"):
    return wait_for(ws, f"SELECT * FROM tinybird.datasources_ops_log WHERE event_type = '{event_type}' "
                        f"AND datasource_name = '{source}' ORDER BY timestamp", count)


def test_appended_events(ws):
    ws.events("events", '{"id": 1000, "org": "a"}\n{"id": "no number", "org": "b"}\n{"id": 1001, "org": "c"}')
    source = ws.get("/v0/datasources/events").json()["id"]
    rows = eventually(lambda: [r for r in objects(ws, "SELECT * FROM tinybird.datasources_ops_log WHERE event_type = 'append-hfi'")
                               if r["rows_quarantine"]], 30)
    assert rows and sum(r["rows_quarantine"] for r in rows) == 1
    first = operations(ws, "append-hfi")[0]
    assert (first["datasource_id"], first["result"], first["rows"], first["error"]) == (source, "ok", 60, None)
    assert first["written_rows"] == 60 and first["written_bytes"] > 0 and len(first["blocks_ids"]) == 1
    block = wait_for(ws, f"SELECT * FROM tinybird.block_log WHERE block_id = '{first['blocks_ids'][0]}'")[0]
    assert (block["rows"], block["status"], block["datasource_name"], block["source"]) == (60, "done", "events", "stream")


def test_deployments_create_change_and_drop(ws, new_workspace):
    other = new_workspace()
    other.must_build(PROJECT)
    created = operations(other, "create")[0]
    assert (created["datasource_id"], created["result"]) == (other.get("/v0/datasources/events").json()["id"], "ok")
    other.must_build({"rest.datasource": PROJECT["events.datasource"]})
    assert operations(other, "drop")[0]["datasource_id"] == created["datasource_id"]


def test_imports_and_their_jobs(ws):
    reply = ws.post("/v0/datasources", '{"id": 5, "org": "file"}\n', name="events", mode="append", format="ndjson")
    assert reply.status_code == 200, reply.text
    row = operations(ws, "append")[-1]
    assert (row["result"], row["rows"], row["import_id"]) == ("ok", 1, reply.json()["import_id"])


def test_truncating_and_deleting(ws, new_workspace):
    other = new_workspace()
    other.must_build(PROJECT)
    other.must_append("events", [{"id": i, "org": "x"} for i in range(10)])
    job = other.job(other.post("/v0/datasources/events/delete", form={"delete_condition": "id < 4"}))
    row = operations(other, "delete")[0]
    assert (row["result"], row["job_id"]) == ("ok", job["job_id"])
    assert dict(zip(row["Options.Names"], row["Options.Values"]))["delete_condition"] == "id < 4"
    logged = wait_for(other, f"SELECT * FROM tinybird.jobs_log WHERE job_id = '{job['job_id']}' AND status = 'done'")
    assert len(objects(other, "SELECT * FROM tinybird.jobs_log")) == 1, "a job has one row, with its newest state"
    assert (logged[0]["job_type"], logged[0]["error"], logged[0]["workspace_id"]) == ("delete_data", None, other.id)
    assert json.loads(logged[0]["job_metadata"])["datasource_name"] == "events"
    assert other.post("/v0/datasources/events/truncate").status_code in (200, 205)
    assert operations(other, "truncate")[0]["result"] == "ok"


# ---- the engine and the server go ----------------------------------------------------------------------------------------


def test_rows_survive_the_engine_and_the_server(start_server):
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws = server.workspace()
    ws.must_build(PROJECT)
    ws.must_append("events", [{"id": 1, "org": "a"}])
    call_of(ws, ws.get("/v0/pipes/top.json"))
    os.kill(server.ready["engine_pid"], signal.SIGKILL)
    last = ws.get("/v0/pipes/top.json", below=3)
    server.stop()
    server.start()
    again = type(ws)(server, ws.name, ws.id, ws.token)
    rows = wait_for(again, "SELECT request_id, url FROM tinybird.pipe_stats_rt WHERE pipe_name = 'top' ORDER BY start_datetime", 2)
    assert rows[-1]["request_id"] == last.headers["X-Request-Id"], "what was waiting is written before the server ends"
    sample = wait_for(again, "SELECT rows, bytes FROM tinybird.datasources_storage WHERE datasource_name = 'events' "
                             "ORDER BY timestamp DESC LIMIT 1")[0]
    assert sample["rows"] == 1 and sample["bytes"] > 0
