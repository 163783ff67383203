# SPDX-License-Identifier: Apache-2.0
"""/v1/deploy and /v1/deployments: check, promote, stage, discard, destructive changes, failures (http-api.md 15, tb-client.md 3.6, 3.7)."""
import threading
import time

import pytest

from kinglet_server import project_parts

EVENTS = "SCHEMA >\n    `id` UInt32 `json:$.id`,\n    `kind` String `json:$.kind`\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"id\"\n"
TOP = "NODE n\nSQL >\n    SELECT kind, count() AS c FROM events GROUP BY kind ORDER BY kind\nTYPE endpoint\n"
PROJECT = {"datasources/events.datasource": EVENTS, "endpoints/top.pipe": TOP}
NEXT = {**PROJECT, "endpoints/top.pipe": TOP.replace("count() AS c", "count() AS c, max(id) AS last")}
LISTS = [f"{change}_{kind}_names" for change in ("new", "changed", "deleted") for kind in ("datasource", "pipe", "data_connector")]


@pytest.fixture
def ws(new_workspace):
    return new_workspace()


@pytest.fixture
def live(ws):
    """A workspace with the project deployed and one row."""
    reply = ws.deploy(PROJECT, auto_promote="true")
    assert reply.json()["result"] == "success", reply.text
    ws.must_append("events", [{"id": 1, "kind": "a"}])
    return ws


def ids(ws, **query):
    return [(d["id"], d["live"], d["status"]) for d in ws.get("/v1/deployments", **query).json()["deployments"]]


def test_check_creates_nothing(ws):
    """http-api.md 21.14"""
    answer = ws.deploy(PROJECT, check="true").json()
    assert answer["result"] == "success" and isinstance(answer["deployment"]["errors"], list)
    assert answer["deployment"]["new_datasource_names"] == ["events"]
    assert ids(ws) == [] or [live for _, live, _ in ids(ws)] == [True]  # nothing beyond what an empty workspace has
    assert ws.get("/v0/datasources").json() == {"datasources": []}
    assert ws.deploy({"a.pipe": TOP}, check="true").json()["result"] == "failed"


def test_auto_promote_ends_live(ws):
    answer = ws.deploy(PROJECT, auto_promote="true", from_="ts-sdk").json()
    deployment = answer["deployment"]
    assert answer["result"] == "success" and deployment["errors"] == [] and deployment["feedback"] == []
    assert isinstance(deployment["id"], str) and deployment["id"].isdigit()
    assert deployment["new_datasource_names"] == ["events"] and deployment["new_pipe_names"] == ["top"]
    assert all(isinstance(deployment[name], list) for name in LISTS)
    shown = ws.get(f"/v1/deployments/{deployment['id']}").json()["deployment"]
    assert (shown["status"], shown["live"]) == ("data_ready", True)
    time.strptime(shown["created_at"][:19].replace("T", " "), "%Y-%m-%d %H:%M:%S")
    assert ws.get("/v0/pipes/top.json").status_code == 200


def test_no_changes_is_a_reply_with_a_deployment_object(live):
    """tb-client.md 3.6: without the object that client fails."""
    before = ids(live)
    answer = live.deploy(PROJECT, auto_promote="true").json()
    assert answer["result"] == "no_changes"
    assert answer["deployment"]["errors"] == [] and answer["deployment"]["feedback"] == []
    assert ids(live) == before
    assert live.deploy(PROJECT, check="true").json()["result"] == "no_changes"


def test_a_second_deploy_keeps_rows_and_ends_the_first(live):
    """http-api.md 21.14"""
    first = live.get("/v1/deployments").json()["deployments"][0]["id"]
    answer = live.deploy(NEXT, auto_promote="true").json()
    assert answer["result"] == "success" and answer["deployment"]["changed_pipe_names"] == ["top"]
    second = answer["deployment"]["id"]
    assert int(second) > int(first)
    assert live.get("/v0/pipes/top.json").json()["data"] == [{"kind": "a", "c": 1, "last": 1}]
    assert ids(live) == [(second, True, "data_ready")]
    assert (first, False, "deleted") in ids(live, include_deleted="true")
    assert live.get(f"/v1/deployments/{first}").json()["deployment"]["status"] == "deleted"
    assert live.delete(f"/v1/deployments/{first}").status_code == 200  # http-api.md 15.6: again is fine
    assert live.post(f"/v1/deployments/{second}/set-live").json()["result"] == "success"


@pytest.mark.parametrize("files, word", [
    ({**PROJECT, "endpoints/top.pipe": TOP.replace("FROM events", "FROM nowhere")}, "nowhere"),
    ({**PROJECT, "datasources/events.datasource": EVENTS.replace("UInt32", "Foo")}, "Foo"),
    ({**PROJECT, "b.pipe": "NODE n\nSQL >\n    SELECT throwaway() AS x FROM events\nTYPE endpoint\n"}, "throwaway"),
])
@pytest.mark.parametrize("query", [{"auto_promote": "true"}, {}, {"check": "true"}])
def test_a_failed_deploy_leaves_everything(live, files, word, query):
    before = ids(live)
    reply = live.deploy(files, **query)
    answer = reply.json()
    assert answer["result"] == "failed"
    assert any(word in e["error"] for e in answer["errors"]) and answer["deployment"]["errors"] == answer["errors"]
    assert {f["level"] for f in answer["deployment"]["feedback"]} >= {"ERROR"}
    assert all(f["resource"].split()[-1].endswith((".pipe", ".datasource")) for f in answer["deployment"]["feedback"])
    assert ids(live) == before
    assert live.get("/v0/pipes/top.json").json()["data"] == [{"kind": "a", "c": 1}]


def test_removing_a_data_source_needs_the_flag(live):
    """http-api.md 15.4, 21.14"""
    fewer = {"other.pipe": "NODE n\nSQL >\n    SELECT 1 AS one\nTYPE endpoint\n"}
    for query in ({"auto_promote": "true"}, {"check": "true"}, {}):
        answer = live.deploy(fewer, **query).json()
        assert answer["result"] == "failed" and "events" in str(answer["errors"]), answer
    assert live.get("/v0/pipes/top.json").json()["data"] == [{"kind": "a", "c": 1}]
    answer = live.deploy(fewer, auto_promote="true", allow_destructive_operations="true").json()
    assert answer["result"] == "success" and answer["deployment"]["deleted_datasource_names"] == ["events"]
    assert live.get("/v0/datasources/events").status_code == 404
    assert live.get("/v0/pipes/other.json").status_code == 200


def test_staging_waits_for_set_live(live):
    first = ids(live)[0][0]
    answer = live.deploy(NEXT).json()
    assert answer["result"] == "success"
    staged = answer["deployment"]["id"]
    assert (answer["deployment"]["status"], answer["deployment"]["live"]) == ("data_ready", False)
    # tb-client.md 3.7: live first, staging last.
    assert ids(live) == [(first, True, "data_ready"), (staged, False, "data_ready")]
    assert live.get("/v0/pipes/top.json").json()["data"] == [{"kind": "a", "c": 1}]

    for query in ({}, {"auto_promote": "true"}):
        busy = live.deploy({**NEXT, "x.pipe": TOP}, **query)
        assert busy.status_code == 409 and "deployment" in busy.json()["error"], busy.text
        assert busy.json()["deployment"]["errors"]

    live.must_append("events", [{"id": 2, "kind": "b"}])
    reply = live.post(f"/v1/deployments/{staged}/set-live")
    assert reply.status_code == 200 and reply.json()["result"] == "success"
    assert live.get("/v0/pipes/top.json").json()["data"] == [{"kind": "a", "c": 1, "last": 1}, {"kind": "b", "c": 1, "last": 2}]
    assert ids(live) == [(staged, True, "data_ready")]


def test_discard_frees_the_slot(live):
    staged = live.deploy(NEXT).json()["deployment"]["id"]
    assert live.delete(f"/v1/deployments/{staged}").json()["result"] == "success"
    assert live.delete(f"/v1/deployments/{staged}").status_code == 200
    assert live.get(f"/v1/deployments/{staged}").json()["deployment"]["status"] == "deleted"
    assert len(ids(live)) == 1
    assert live.post(f"/v1/deployments/{staged}/set-live").status_code in (400, 404, 409)
    assert live.deploy(NEXT, auto_promote="true").json()["result"] == "success"


def test_the_live_one_cannot_be_discarded(live):
    reply = live.delete(f"/v1/deployments/{ids(live)[0][0]}")
    assert reply.status_code in (400, 409) and reply.json()["error"]
    assert live.get("/v0/pipes/top.json").status_code == 200


def test_a11_deployments_of_another_workspace_are_not_there(live, new_workspace):
    """A11: ids count within a workspace; a guessed one is 404."""
    other = new_workspace()
    for method, path in [("GET", "/v1/deployments/77"), ("DELETE", "/v1/deployments/77"), ("POST", "/v1/deployments/77/set-live")]:
        assert other.request(method, path).status_code == 404
    assert other.get("/v1/deployments/not-a-number").status_code == 404


@pytest.mark.parametrize("query", [{"auto_promote": "true"}, {"check": "true"}, {}])
def test_a_change_that_needs_another_table_works_or_says_so(live, query):
    """http-api.md 15.1: rows are kept, through the forward query or because nothing happens."""
    changed = EVENTS.replace("`id` UInt32", "`id` UInt64") + "FORWARD_QUERY >\n    SELECT toUInt64(id) AS id, upper(kind) AS kind\n"
    answer = live.deploy({**PROJECT, "datasources/events.datasource": changed}, **query).json()
    if answer["result"] == "failed":
        assert "events.datasource" in answer["errors"][0]["filename"] and "id" in answer["errors"][0]["error"]
        assert live.rows("SELECT id, kind, toTypeName(id) FROM events") == [[1, "a", "UInt32"]]
        live.must_append("events", [{"id": 2, "kind": "b"}])
    elif query.get("auto_promote"):
        assert live.rows("SELECT id, kind, toTypeName(id) FROM events") == [[1, "A", "UInt64"]]


def test_readers_and_writers_do_not_notice_deployments(live):
    """R16 in small: reads and writes run through deployments of new pipes and views; none fails, no row is lost or doubled,
    and each view holds every row: those from before it, from meanwhile, and from after."""
    stop, failures, sent = threading.Event(), [], [1]

    def write():
        n = 1000
        while not stop.is_set():
            n += 1
            reply = live.session.post(f"{live.base}/v0/events?name=events&wait=true", data='{"id":%d,"kind":"w"}' % n,
                                      headers={"Authorization": f"Bearer {live.token}"}, timeout=30)
            if reply.status_code not in (200, 202) or reply.json()["successful_rows"] != 1:
                failures.append(("write", reply.status_code, reply.text))
            else:
                sent[0] += 1

    def read():
        while not stop.is_set():
            reply = live.session.get(f"{live.base}/v0/pipes/top.json", headers={"Authorization": f"Bearer {live.token}"}, timeout=30)
            if reply.status_code != 200:
                failures.append(("read", reply.status_code, reply.text))

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    [t.start() for t in threads]
    files = dict(PROJECT)
    for i in range(4):
        files[f"sums{i}.datasource"] = "SCHEMA >\n    `kind` String,\n    `n` SimpleAggregateFunction(sum, UInt64)\nENGINE \"AggregatingMergeTree\"\nENGINE_SORTING_KEY \"kind\"\n"
        files[f"sums{i}_mv.pipe"] = f"NODE n\nSQL >\n    SELECT kind, count() AS n FROM events GROUP BY kind\nTYPE materialized\nDATASOURCE sums{i}\n"
        files["endpoints/top.pipe"] = TOP.replace("count() AS c", f"count() AS c, {i} AS generation")
        answer = live.post("/v1/deploy", files=project_parts(files), auto_promote="true").json()
        if answer["result"] != "success":
            failures.append(("deploy", answer))
    stop.set()
    [t.join() for t in threads]
    assert failures == []
    live.must_append("events", [{"id": 5, "kind": "last"}])
    assert live.rows("SELECT count(), uniqExact(id) FROM events") == [[sent[0] + 1, sent[0] + 1]]
    for i in range(4):
        assert live.value(f"SELECT sum(n) FROM sums{i}") == sent[0] + 1


def test_a_token_with_deploy_is_enough(ws):
    token = ws.new_token("ci", "WORKSPACE:DEPLOY")
    assert ws.deploy(PROJECT, auto_promote="true", token=token).json()["result"] == "success"
    assert ws.get("/v1/deployments", token=token).status_code == 200
    assert ws.sql("SELECT count() FROM events", token=token).status_code in (400, 403, 404)


def test_deployments_survive_a_restart(start_server):
    server = start_server()
    ws = server.default_workspace()
    assert ws.deploy(PROJECT, auto_promote="true").json()["result"] == "success"
    ws.must_append("events", [{"id": 1, "kind": "a"}])
    staged = ws.deploy(NEXT).json()["deployment"]["id"]
    assert server.stop() == 0
    server.start()
    again = server.default_workspace()
    assert again.token == ws.token  # http-api.md 12.1: tokens survive if the data does
    assert again.get("/v0/pipes/top.json").json()["data"] == [{"kind": "a", "c": 1}]
    assert again.post(f"/v1/deployments/{staged}/set-live").json()["result"] == "success"
    assert again.get("/v0/pipes/top.json").json()["data"] == [{"kind": "a", "c": 1, "last": 1}]


# ---- columns that come into a table ------------------------------------------------------------------------------------


def test_a_column_is_added_in_place(live):
    """platform.md 6.4: old rows have the default, the quarantine follows, readers and writers go on."""
    more = EVENTS.replace("`json:$.kind`\n", "`json:$.kind`,\n    `level` UInt8 `json:$.level` DEFAULT 7,\n    `tag` LowCardinality(String) `json:$.tag`\n")
    top = TOP.replace("count() AS c", "count() AS c, max(level) AS level, max(tag) AS tag")
    changed = {"datasources/events.datasource": more, "endpoints/top.pipe": top}
    for query in ({"check": "true"}, {"auto_promote": "true"}):
        answer = live.deploy(changed, **query).json()
        assert answer["result"] == "success" and answer["deployment"]["changed_datasource_names"] == ["events"], answer
    assert live.get("/v0/pipes/top.json").json()["data"] == [{"kind": "a", "c": 1, "level": 7, "tag": ""}]
    live.must_append("events", [{"id": 2, "kind": "b", "level": 9, "tag": "x"}])
    assert live.rows("SELECT * FROM events ORDER BY id") == [[1, "a", 7, ""], [2, "b", 9, "x"]]
    assert live.events("events", [{"id": 3, "kind": "c", "level": "many", "tag": "y"}]).json()["quarantined_rows"] == 1
    assert live.rows("SELECT level, tag FROM events_quarantine") == [["many", "y"]]
    assert live.deploy(changed, check="true").json()["result"] == "no_changes"


def test_a_column_in_front(live):
    changed = {**PROJECT, "datasources/events.datasource": EVENTS.replace("SCHEMA >\n", "SCHEMA >\n    `org` String `json:$.org`,\n")}
    assert live.deploy(changed, auto_promote="true").json()["result"] == "success"
    assert live.rows("SELECT * FROM events") == [["", 1, "a"]]


def test_an_added_column_that_does_not_become_live_is_taken_back(live):
    """The view of the same deployment is refused at the last moment; the table is as before."""
    changed = {**PROJECT, "datasources/events.datasource": EVENTS.replace("`json:$.kind`\n", "`json:$.kind`,\n    `n` UInt8 `json:$.n`\n"),
               "sums.datasource": "SCHEMA >\n    `n` UInt64\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"n\"\n",
               "sums_mv.pipe": "NODE x\nSQL >\n    SELECT throwIf(n = 0, 'not this one') + n AS n FROM events\nTYPE materialized\nDATASOURCE sums\n"}
    answer = live.deploy(changed, auto_promote="true").json()
    assert answer["result"] == "failed" and "not this one" in str(answer["errors"]), answer
    assert live.rows("SELECT * FROM events") == [[1, "a"]]
    live.must_append("events", [{"id": 2, "kind": "b"}])


def test_a_killed_deployment_leaves_no_column(start_server):
    server = start_server()
    ws = server.default_workspace()
    assert ws.deploy(PROJECT, auto_promote="true").json()["result"] == "success"
    ws.must_append("events", [{"id": 1, "kind": "a"}])
    table = ws.table("events")
    # What a deployment has done when it is killed between its tables and its end.
    assert server.engine(f"ALTER TABLE {table} ADD COLUMN `n` UInt8 COMMENT 'added by a deployment' FIRST").status == 200
    server.kill()
    server.start()
    ws = server.default_workspace()
    assert ws.rows("SELECT * FROM events") == [[1, "a"]]
