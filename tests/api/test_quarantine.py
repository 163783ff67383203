# SPDX-License-Identifier: Apache-2.0
"""The quarantine as people work with it: grouped, replayed after a fix, cleared (docs/quarantine.md, asks 26 and 29)."""
import json
import random
import time

import pytest

from kinglet_server import Workspace, eventually

SOURCE = """
SCHEMA >
    `id` UInt32 `json:$.id`,
    `price` {price} `json:$.price`,
    `tags` Array(String) `json:$.tags[:]`,
    `who` String `json:$.user.name`,
    `note` Nullable(String) `json:$.note`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "id"
"""
TOTALS = {
    "totals.datasource": """
SCHEMA >
    `who` String,
    `rows` SimpleAggregateFunction(sum, UInt64)
ENGINE "AggregatingMergeTree"
ENGINE_SORTING_KEY "who"
""",
    "totals_mv.pipe": """
NODE totals
SQL >
    SELECT who, count() AS rows FROM orders GROUP BY who
TYPE materialized
DATASOURCE totals
""",
}


def project(price):
    return {"orders.datasource": SOURCE.format(price=price), **TOTALS}


def order(number, **changes):
    return {"id": number, "price": number * 10, "tags": ["a", "b,\"c\""], "user": {"name": "ada\n" + str(number % 3)}, **changes}


def send(ws, rows):
    reply = ws.post("/v0/events", "\n".join(json.dumps(r) for r in rows), name="orders", wait="true")
    assert reply.status_code == 200, reply.text
    return reply.json()


def replay(ws, **filters):
    reply = ws.post("/v0/datasources/orders/quarantine/replay", **filters)
    assert reply.status_code == 200, reply.text
    return finished(ws, reply.json()["id"])


def finished(ws, job_id):
    job = eventually(lambda: (lambda j: j if j["status"] in ("done", "error") else None)(ws.get(f"/v0/jobs/{job_id}").json()), 60)
    assert job, ws.get(f"/v0/jobs/{job_id}").text
    return job


def quarantine_table(ws):
    return ws.table("orders")[:-1] + "_quarantine`"


def rows_of(ws, table):
    return ws.rows(f"SELECT count() FROM {table}")[0][0]


@pytest.fixture()
def orders(server):
    """A workspace of its own, in which price is a whole number."""
    ws = server.workspace()
    ws.must_build(project("UInt32"))
    return ws


def test_grouped_view_names_what_went_wrong(orders):
    send(orders, [order(1), order(2, price="dear"), order(3, price=-1), order(4, price="cheap", tags=7), order(5, id="x")])
    reply = orders.get("/v0/datasources/orders/quarantine", group="true")
    assert reply.status_code == 200, reply.text
    groups = {(g["column"], g["error"]): g for g in reply.json()["data"]}
    price = groups["price", "value … on column 'price' is not UInt32"]
    assert (price["rows"], sorted(groups)[0][0]) == (3, "id")
    assert price["first_seen"] <= price["last_seen"]
    assert price["sample"]["price"] in ("dear", "-1", "cheap")
    assert price["sample_error"].startswith("value '")
    assert {g[0]: groups[g]["rows"] for g in groups} == {"price": 3, "tags": 1, "id": 1}


def test_rows_and_filters(orders):
    send(orders, [order(1, price="dear"), order(2, id=None), order(3, id="x", price="dear")])
    data = orders.get("/v0/datasources/orders/quarantine", column="id").json()["data"]
    assert sorted(r["id"] or "" for r in data) == ["", "x"]
    assert all("price" in r and r["c__error"] for r in data)
    assert len(orders.get("/v0/datasources/orders/quarantine", limit="1").json()["data"]) == 1
    assert len(orders.get("/v0/datasources/orders/quarantine", limit="9", offset="2").json()["data"]) == 1
    assert orders.get("/v0/datasources/orders/quarantine", since="2999-01-01").json()["data"] == []
    assert len(orders.get("/v0/datasources/orders/quarantine", since="2000-01-01 00:00:00").json()["data"]) == 3


@pytest.mark.parametrize("query, status, words", [
    ({"limit": "many"}, 400, "limit is a whole number"),
    ({"limit": "10001"}, 400, "limit is a whole number"),
    ({"group": "maybe"}, 400, "group is true or false"),
    ({"since": "yesterday"}, 400, "since is YYYY-MM-DD"),
    ({"column": "x" * 600}, 400, "column has more than 512 bytes"),
])
def test_wrong_input(orders, query, status, words):
    reply = orders.get("/v0/datasources/orders/quarantine", **query)
    assert (reply.status_code, words in reply.json()["error"]) == (status, True), reply.text


def test_s2_filters_are_literals(orders):
    send(orders, [order(1, price="dear")])
    for text in ("' OR 1=1 --", "price') OR has(c__error_column, 'price", "\\', 1) --"):
        for path in ("/v0/datasources/orders/quarantine", ):
            assert orders.get(path, column=text).json()["data"] == [], text
        assert orders.post("/v0/datasources/orders/quarantine/clear", column=text).json()["deleted_rows"] == 0
        assert replay(orders, import_id=text)["rows_chosen"] == 0
    assert rows_of(orders, "orders_quarantine") == 1


def test_scopes(orders):
    token = orders.new_token("reader", "DATASOURCES:READ:orders")
    assert orders.get("/v0/datasources/orders/quarantine", token=token).status_code == 200
    for action in ("replay", "clear"):
        assert orders.post(f"/v0/datasources/orders/quarantine/{action}", token=token).status_code == 403
    other = orders.new_token("elsewhere", "DATASOURCES:READ:totals")
    assert orders.get("/v0/datasources/orders/quarantine", token=other).status_code in (403, 404)
    assert orders.get("/v0/datasources/nothing/quarantine").status_code == 404


def test_replay_after_a_fix_moves_rows_once(orders):
    send(orders, [order(n, price=n + 0.5) for n in range(20)] + [order(50), order(51, id="x")])
    assert (rows_of(orders, "orders"), rows_of(orders, "orders_quarantine")) == (1, 21)
    orders.post("/v0/events", "this is no row\n" + json.dumps(order(52)), name="orders", wait="true")

    job = replay(orders)  # nothing is fixed yet
    assert (job["status"], job["rows_chosen"], job["successful_rows"], job["quarantined_rows"]) == ("done", 21, 0, 21)

    orders.must_build({**project("UInt32"), "orders_v2.datasource": SOURCE.format(price="Float64")})
    job = replay(orders, into="orders_v2")
    assert (job["rows_chosen"], job["successful_rows"], job["quarantined_rows"]) == (21, 20, 1)
    assert orders.rows("SELECT count(), sum(price) FROM orders_v2") == [[20, 200.0]]
    assert (rows_of(orders, "orders_v2_quarantine"), rows_of(orders, "orders_quarantine")) == (1, 1)
    job = replay(orders, into="orders_v2")
    assert (job["rows_chosen"], rows_of(orders, "orders_v2")) == (0, 20)
    assert orders.post("/v0/datasources/orders/quarantine/replay", into="nowhere").status_code == 404


def test_replay_reads_every_kind_of_value(orders):
    """Lists, nested paths, line breaks, quotes, NULL: as they were sent."""
    wanted = [order(n, note=[None, "", "a\"b,c\n"][n % 3]) for n in range(6)]
    send(orders, [{**row, "price": "?"} for row in wanted])
    assert rows_of(orders, "orders_quarantine") == 6
    name = quarantine_table(orders)
    orders.server.engine(f"ALTER TABLE {name} UPDATE price = toString(toUInt32(id) * 10) WHERE 1 SETTINGS mutations_sync = 2")
    job = replay(orders)
    assert (job["successful_rows"], job["quarantined_rows"], rows_of(orders, "orders_quarantine")) == (6, 0, 0)
    got = orders.rows("SELECT id, price, tags, who, note FROM orders ORDER BY id")
    assert got == [[r["id"], r["price"], r["tags"], r["user"]["name"], r["note"]] for r in wanted]
    assert sum(r[0] for r in orders.rows("SELECT sum(rows) FROM totals GROUP BY who")) == 6


def test_replay_of_some(orders):
    send(orders, [order(1, price="dear"), order(2, id="x"), order(3, price="dear")])
    name = quarantine_table(orders)
    orders.server.engine(f"ALTER TABLE {name} UPDATE price = '1' WHERE 1 SETTINGS mutations_sync = 2")
    job = replay(orders, column="price")
    assert (job["rows_chosen"], job["successful_rows"]) == (2, 2)
    left = orders.get("/v0/datasources/orders/quarantine").json()["data"]
    assert [r["id"] for r in left] == ["x"]
    assert left[0]["c__import_id"] is None, "rows that were not chosen stay as they were"


def test_lines_that_were_no_rows_stay(orders):
    orders.post("/v0/events", "this is no row\n" + json.dumps(order(1)), name="orders", wait="true")
    assert replay(orders)["rows_chosen"] == 0
    groups = orders.get("/v0/datasources/orders/quarantine", group="true").json()["data"]
    assert [(g["column"], g["rows"]) for g in groups] == [("", 1)]


def test_clear(orders):
    send(orders, [order(1, price="dear"), order(2, id="x"), order(3, price="dear")])
    reply = orders.post("/v0/datasources/orders/quarantine/clear", column="price")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok", "deleted_rows": 2})
    assert rows_of(orders, "orders_quarantine") == 1
    assert orders.post("/v0/datasources/orders/quarantine/clear").json()["deleted_rows"] == 1
    assert orders.post("/v0/datasources/orders/quarantine/clear").json()["deleted_rows"] == 0


def test_a_view_over_the_quarantine_forbids_replay(orders):
    orders.must_build({**project("UInt32"),
                       "bad.datasource": "SCHEMA >\n    `at` DateTime,\n    `n` UInt64\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"at\"\n",
                       "bad_mv.pipe": "NODE b\nSQL >\n    SELECT insertion_date AS at, toUInt64(1) AS n FROM orders_quarantine\nTYPE materialized\nDATASOURCE bad\n"})
    send(orders, [order(1, price="dear")])
    job = replay(orders)
    assert (job["status"], "materialized view" in job["error"]) == ("error", True)
    assert rows_of(orders, "orders_quarantine") == 1


def test_r1_killed_replays_move_each_row_once(start_server):
    """The server dies at random points of a replay; when it has gone on, every row is in the table and the view once."""
    rng = random.Random(20261128)
    server = start_server()
    try:
        ws = server.workspace()
        ws.must_build(project("UInt32"))
        count, kills = 6_000, 0
        for start in range(0, count, 2_000):
            send(ws, [order(n, price="?", note="x" * 50) for n in range(start, start + 2_000)])
        name = quarantine_table(ws)
        server.engine(f"ALTER TABLE {name} UPDATE price = '7' WHERE toUInt32(id) % 10 != 0 SETTINGS mutations_sync = 2")
        reply = ws.post("/v0/datasources/orders/quarantine/replay")
        assert reply.status_code == 200, reply.text
        job_id = reply.json()["id"]
        for _ in range(8):
            time.sleep(rng.random() * 0.25)  # sleep: the moment of death varies
            server.kill()
            kills += 1
            server.start()
            ws = Workspace(server, ws.name, ws.id, ws.token)
            if ws.get(f"/v0/jobs/{job_id}").json()["status"] == "done":
                break
        job = finished(ws, job_id)
        assert (job["status"], job["successful_rows"], job["quarantined_rows"]) == ("done", 5_400, 600), (job, kills)
        assert eventually(lambda: (rows_of(ws, "orders"), rows_of(ws, "orders_quarantine")) == (5_400, 600)), \
            (rows_of(ws, "orders"), rows_of(ws, "orders_quarantine"), kills)
        assert ws.rows("SELECT uniqExact(id) FROM orders") == [[5_400]]
        assert ws.rows("SELECT uniqExact(id) FROM orders_quarantine") == [[600]]
        assert ws.rows("SELECT sum(rows) FROM totals") == [[5_400]]
        left = server.engine("SELECT name FROM system.tables WHERE name LIKE '%chosen%' OR name LIKE '%others%' FORMAT TabSeparated").text
        assert left.strip() == ""
    finally:
        server.stop()
