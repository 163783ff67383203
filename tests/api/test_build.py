# SPDX-License-Identifier: Apache-2.0
"""POST /v1/build: whole projects, their differences and their faults (http-api.md 14, tb-client.md 3.2)."""
import json

import pytest

from kinglet_server import project_parts

EVENTS = "SCHEMA >\n    `id` UInt32 `json:$.id`,\n    `kind` String `json:$.kind`\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"id\"\n"
TOP = "NODE n\nSQL >\n    SELECT kind, count() AS c FROM events GROUP BY kind ORDER BY kind\nTYPE endpoint\n"
PROJECT = {"datasources/events.datasource": EVENTS, "endpoints/top.pipe": TOP}
NAMES = [f"{change}_{kind}_names" for change in ("new", "changed", "deleted") for kind in ("datasource", "pipe")]


@pytest.fixture
def ws(new_workspace):
    return new_workspace()


def names(answer):
    return {k: v for k, v in answer["build"].items() if k in NAMES and v}


# ---- refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body, content_type", [
    (b"", None), (b"{}", "application/json"), (b"a=b", "application/x-www-form-urlencoded"), (b"x", "multipart/form-data"),
    (b"rubbish", "multipart/form-data; boundary=X"), (b"--X\r\n\r\n", "multipart/form-data; boundary=X"),
    (b"--X\r\nContent-Disposition: form-data; name=\"data_project://\"\r\n\r\nSCHEMA\r\n--X--\r\n", "multipart/form-data; boundary=X"),
    (b"--X\r\nContent-Disposition: form-data; name=\"data_project://\"; filename=\"a.datasource\"\r\n\r\nSCHEMA", "multipart/form-data; boundary=X"),
])
def test_bodies_that_are_no_project(ws, body, content_type):
    """http-api.md 14.3: JSON with `result` in every case, or the clients hide the message."""
    for path in ("/v1/build", "/v1/deploy"):
        reply = ws.post(path, body, headers={"Content-Type": content_type} if content_type else {})
        assert 400 <= reply.status_code < 500, reply.text
        answer = reply.json()
        assert answer["result"] == "failed" and answer["error"] and answer["errors"][0]["error"]


def test_without_the_right_token_it_is_403_and_json(ws):
    reply = ws.build(PROJECT, token="nonsense")
    assert reply.status_code == 403 and reply.json()["result"] == "failed" and reply.json()["error"]


BROKEN = [
    ({"events.datasource": EVENTS, "top.pipe": TOP.replace("FROM events", "FROM eventz")}, "top.pipe", "eventz"),
    ({"events.datasource": EVENTS.replace("UInt32", "UInt33")}, "events.datasource", "UInt33"),
    ({"events.datasource": EVENTS.replace("ENGINE_SORTING_KEY \"id\"", "ENGINE_SORTING_KEY \"idd\"")}, "events.datasource", "idd"),
    ({"events.datasource": EVENTS, "top.pipe": TOP.replace("kind,", "nothing,")}, "top.pipe", "nothing"),
    ({"events.datasource": EVENTS, "top.pipe": TOP.replace("count()", "countt()")}, "top.pipe", "countt"),
    ({"events.datasource": EVENTS, "top.pipe": TOP.replace("SELECT kind", "SELEC kind")}, "top.pipe", ""),
    ({"events.datasource": EVENTS, "top.pipe": TOP.replace("SELECT kind", "%\n    SELECT {{ Strin(x) }} AS kind")}, "top.pipe", "Strin"),
    ({"events.datasource": EVENTS, "top.pipe": TOP.replace("SELECT kind", "%\n    {% if x %} SELECT kind")}, "top.pipe", ""),
    ({"events.datasource": EVENTS, "top.pipe": TOP.replace("FROM events", "FROM system.tables")}, "top.pipe", "system"),
    ({"events.datasource": EVENTS, "top.pipe": TOP.replace("FROM events", "FROM url('http://127.0.0.1/', 'TSV')")}, "top.pipe", "url"),
    ({"events.datasource": EVENTS, "top.pipe": TOP.replace("count()", "file('/etc/passwd')")}, "top.pipe", "file"),
    ({"events.datasource": EVENTS, "top.pipe": TOP + "DATASOURCE events\n"}, "top.pipe", ""),
    ({"events.datasource": EVENTS, "top.pipe": "NODE n\nSQL >\n    SELECT * FROM top\nTYPE endpoint\n"}, "top.pipe", "top"),
    ({"events.datasource": EVENTS, "events.pipe": TOP}, "events.pipe", "events"),
    ({"events.datasource": EVENTS, "top.pipe": TOP.replace("SELECT kind", "SELECT 1; DROP TABLE events --")}, "top.pipe", ""),
    ({"events.datasource": EVENTS.replace("ENGINE_SORTING_KEY \"id\"", "ENGINE_TTL \"id + file('/etc/passwd')\"\nENGINE_SORTING_KEY \"id\"")}, "events.datasource", ""),
    ({"events.datasource": EVENTS.replace("`json:$.kind`", "`json:$.kind` DEFAULT file('/etc/passwd')")}, "events.datasource", "file"),
    ({"nonsense.txt": "x"}, "nonsense.txt", ""),
    ({"events.datasource": "nothing of sense"}, "events.datasource", ""),
]


@pytest.mark.parametrize("files, filename, word", BROKEN, ids=[f"{i}" for i in range(len(BROKEN))])
def test_a_broken_project_changes_nothing(ws, files, filename, word):
    """http-api.md 14.3, 21.13: the fault names its file, and the workspace stays as it was."""
    ws.must_build(PROJECT)
    ws.must_append("events", [{"id": 1, "kind": "a"}])
    before = [ws.get(p).text for p in ("/v0/datasources/events.datasource", "/v1/pipes/top.pipe", "/v0/tokens")]
    reply = ws.build(files)
    answer = reply.json()
    assert answer["result"] == "failed", answer
    assert filename in [e.get("filename", "").rsplit("/", 1)[-1] for e in answer["errors"]], answer["errors"]
    assert any(word in e["error"] for e in answer["errors"]), answer["errors"]
    for secret in ("t_", "ws_", "/tmp", "DB::Exception"):
        assert secret not in json.dumps(answer["errors"]), answer["errors"]
    assert [ws.get(p).text for p in ("/v0/datasources/events.datasource", "/v1/pipes/top.pipe", "/v0/tokens")] == before
    assert ws.get("/v0/pipes/top.json").json()["data"] == [{"kind": "a", "c": 1}]


def test_all_faults_at_once(ws):
    """asks 10: not one fault at a time."""
    answer = ws.build({"a.datasource": "SCHEMA >\n    `x` Foo `json:$.x`\n    `y Int8\n", "b.pipe": TOP.replace("events", "nowhere"),
                       "c.pipe": "NODE\nSQL >\n    SELECT 1\n"}).json()
    assert {"a.datasource", "b.pipe", "c.pipe"} <= {e["filename"] for e in answer["errors"]}


# ---- accepted ----------------------------------------------------------------------------------------------------


def test_the_life_of_a_project(ws):
    """http-api.md 21.13"""
    first = ws.must_build(PROJECT)
    assert first["result"] == "success"
    assert names(first) == {"new_datasource_names": ["events"], "new_pipe_names": ["top"]}
    assert {"name": "events", "type": "datasource"} in first["build"]["datasources"]
    assert {"name": "top", "type": "endpoint"} in first["build"]["pipes"]
    ws.must_append("events", [{"id": 1, "kind": "a"}])

    assert ws.build(PROJECT).json()["result"] == "no_changes"

    changed = {**PROJECT, "endpoints/top.pipe": TOP.replace("count() AS c", "count() AS c, max(id) AS last")}
    assert names(ws.must_build(changed)) == {"changed_pipe_names": ["top"]}
    assert ws.get("/v0/pipes/top.json").json()["data"] == [{"kind": "a", "c": 1, "last": 1}]

    more = {**changed, "endpoints/all.pipe": "NODE n\nSQL >\n    SELECT * FROM events\nTYPE endpoint\n"}
    assert names(ws.must_build(more)) == {"new_pipe_names": ["all"]}

    fewer = {k: v for k, v in more.items() if k != "endpoints/top.pipe"}
    assert names(ws.must_build(fewer)) == {"deleted_pipe_names": ["top"]}
    assert ws.get("/v0/pipes/top.json").status_code == 404
    assert ws.get("/v0/pipes/all.json").json()["rows"] == 1  # rows outlive builds that do not touch their table


def test_tb_gets_success_with_empty_lists_instead_of_no_changes(ws):
    """tb-client.md 3.2: `no_changes` makes that client fail."""
    parts = [("context://", ("cli-version", b"1.0.0", "text/plain"))] + project_parts(PROJECT)
    for expected in ({"new_datasource_names": ["events"], "new_pipe_names": ["top"]}, {}):
        answer = ws.post("/v1/build", files=parts, cli_version="5.0.3").json()
        assert answer["result"] == "success" and names(answer) == expected


def test_an_empty_project_removes_everything(ws):
    ws.must_build(PROJECT)
    answer = ws.post("/v1/build", b"--X--\r\n", headers={"Content-Type": "multipart/form-data; boundary=X"})
    assert answer.status_code == 200, answer.text
    assert names(answer.json()) == {"deleted_datasource_names": ["events"], "deleted_pipe_names": ["top"]}
    assert ws.get("/v0/datasources").json() == {"datasources": []}
    assert ws.get("/v0/pipes").json() == {"pipes": []}
    ws.must_build(PROJECT)
    assert ws.value("SELECT count() FROM events") == 0  # the rows went with their data source


def test_folders_of_files_do_not_matter(ws):
    ws.must_build(PROJECT)
    assert ws.build({"events.datasource": EVENTS, "top.pipe": TOP}).json()["result"] in ("no_changes", "success")
    assert names(ws.build({"a/b/c/events.datasource": EVENTS, "top.pipe": TOP + "\n"}).json()) in ({}, {"changed_pipe_names": ["top"]})


def test_resources_in_any_order(ws):
    """asks 10: the graph decides the order, not the author."""
    files = {f"p{i}.pipe": f"NODE n\nSQL >\n    SELECT x + 1 AS x FROM p{i + 1}\nTYPE endpoint\n" for i in range(5)}
    files["p5.pipe"] = "NODE n\nSQL >\n    SELECT toInt64(count()) AS x FROM events\n"
    files["events.datasource"] = EVENTS
    ws.must_build(files)
    ws.must_append("events", [{"id": 1, "kind": "a"}])
    assert ws.get("/v0/pipes/p0.json").json()["data"] == [{"x": 6}]


def test_a_circle_is_found(ws):
    files = {"a.pipe": "NODE n\nSQL >\n    SELECT * FROM b\n", "b.pipe": "NODE n\nSQL >\n    SELECT * FROM a\n"}
    answer = ws.build(files).json()
    assert answer["result"] == "failed" and {e["filename"] for e in answer["errors"]} & {"a.pipe", "b.pipe"}


@pytest.mark.parametrize("change, kept", [
    (lambda s: "DESCRIPTION >\n    About it\n\n" + s, [[1, "a"]]),
    (lambda s: 'TOKEN "t" READ\n' + s, [[1, "a"]]),
    (lambda s: s.replace("`json:$.kind`", "`json:$.type`"), [[1, "a"]]),
])
def test_changes_of_a_data_source_keep_its_rows_where_they_can(ws, change, kept):
    ws.must_build(PROJECT)
    ws.must_append("events", [{"id": 1, "kind": "a"}])
    answer = ws.must_build({**PROJECT, "datasources/events.datasource": change(EVENTS)})
    assert answer["build"]["changed_datasource_names"] == ["events"]
    assert ws.rows("SELECT * FROM events") == kept
    assert ws.events("events", [{"id": 2, "kind": "b", "type": "b"}]).json()["successful_rows"] == 1


@pytest.mark.parametrize("change, word", [
    (lambda s: s.replace("`kind` String `json:$.kind`", "`kind` String `json:$.kind`,\n    `more` Int32 `json:$.more` DEFAULT 5"), "more"),
    (lambda s: s.replace("`id` UInt32", "`id` UInt64"), "id"),
    (lambda s: s.replace(",\n    `kind` String `json:$.kind`", ""), "kind"),
    (lambda s: s.replace('ENGINE_SORTING_KEY "id"', 'ENGINE_SORTING_KEY "kind"'), ""),
    (lambda s: s.replace("MergeTree", "ReplacingMergeTree"), ""),
])
def test_changes_that_need_another_table_work_or_say_so(ws, change, word):
    """A change of columns, key or engine is either done with the rows kept, or refused with its reason; never half of it."""
    ws.must_build(PROJECT)
    ws.must_append("events", [{"id": 1, "kind": "a"}])
    answer = ws.build({"datasources/events.datasource": change(EVENTS)}).json()
    if answer["result"] == "failed":
        assert answer["errors"][0]["filename"].endswith("events.datasource") and word in answer["errors"][0]["error"]
        assert ws.rows("SELECT * FROM events") == [[1, "a"]]
        ws.must_append("events", [{"id": 2, "kind": "b"}])
    else:
        assert ws.value("SELECT count() FROM events") == 1
        assert ws.events("events", [{"id": 2, "kind": "b"}]).json()["successful_rows"] == 1


def test_two_builds_at_once_end_one_after_the_other(ws):
    import threading
    replies = []
    files = [{**PROJECT, "endpoints/top.pipe": TOP.replace("count() AS c", f"count() + {i} AS c")} for i in range(4)]
    threads = [threading.Thread(target=lambda f=f: replies.append(ws.session.post(
        ws.base + "/v1/build", files=project_parts(f), headers={"Authorization": f"Bearer {ws.token}"}, timeout=60))) for f in files]
    [t.start() for t in threads]
    [t.join() for t in threads]
    results = [(r.status_code, r.json()["result"]) for r in replies]
    assert all(s in (200, 409) for s, _ in results) and ("success" in [r for _, r in results]), results
    assert ws.get("/v0/pipes/top.json").status_code == 200


def test_column_names_and_text_that_look_like_sql(ws):
    """S2, S3: names and descriptions from files go through checks, values through literals."""
    files = {"odd.datasource": "DESCRIPTION >\n    '); DROP TABLE x; --\n\nSCHEMA >\n    `select` UInt8 `json:$.select`,\n    `from` String `json:$.from` DEFAULT 'it''s \\\\ `x`'\n"
                               "ENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"`select`\"\n",
             "odd_top.pipe": "NODE `n`\nSQL >\n    SELECT `select`, `from` FROM odd\nTYPE endpoint\n".replace("`n`", "n")}
    ws.must_build(files)
    ws.must_append("odd", [{"select": 1}, {"select": 2, "from": "x'y"}])
    assert [r["from"] for r in ws.get("/v0/pipes/odd_top.json", q="SELECT * FROM _ ORDER BY `select`").json()["data"]] == ["it's \\ `x`", "x'y"]
