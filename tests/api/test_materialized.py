# SPDX-License-Identifier: Apache-2.0
"""Materialized pipes: fed by every way in, filled with the rows that were there before, chained, rebuilt."""
import pytest

LANDING = "SCHEMA >\n    `day` Date `json:$.day`,\n    `page` String `json:$.page`,\n    `ms` UInt32 `json:$.ms`\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"day\"\n"
DAILY = ("SCHEMA >\n    `day` Date,\n    `page` String,\n    `visits` SimpleAggregateFunction(sum, UInt64),\n"
         "    `time` AggregateFunction(avg, UInt32)\nENGINE \"AggregatingMergeTree\"\nENGINE_SORTING_KEY \"day, page\"\n")
DAILY_MV = ("NODE raw\nSQL >\n    SELECT * FROM landing WHERE page != '/bot'\n\nNODE daily\nSQL >\n"
            "    SELECT day, page, count() AS visits, avgState(ms) AS time FROM raw GROUP BY day, page\nTYPE materialized\nDATASOURCE daily\n")
TOTAL = "SCHEMA >\n    `page` String,\n    `visits` SimpleAggregateFunction(sum, UInt64)\nENGINE \"AggregatingMergeTree\"\nENGINE_SORTING_KEY \"page\"\n"
TOTAL_MV = "NODE n\nSQL >\n    SELECT page, sum(visits) AS visits FROM daily GROUP BY page\nTYPE materialized\nDATASOURCE total\n"
ENDPOINT = "NODE n\nSQL >\n    SELECT page, sum(visits) AS visits, round(avgMerge(time), 1) AS time FROM daily GROUP BY page ORDER BY page\nTYPE endpoint\n"
BASE = {"landing.datasource": LANDING}
WITH_VIEW = {**BASE, "daily.datasource": DAILY, "daily_mv.pipe": DAILY_MV, "pages.pipe": ENDPOINT}
CHAIN = {**WITH_VIEW, "total.datasource": TOTAL, "total_mv.pipe": TOTAL_MV}


@pytest.fixture
def ws(new_workspace):
    return new_workspace()


def row(i):
    return {"day": f"2026-01-{1 + i % 28:02}", "page": ["/", "/a", "/bot"][i % 3], "ms": i}


def check(ws, rows):
    """The views hold exactly what the landing table says."""
    want = {}
    for r in rows:
        if r["page"] != "/bot":
            want.setdefault(r["page"], []).append(r["ms"])
    got = {r["page"]: (r["visits"], r["time"]) for r in ws.get("/v0/pipes/pages.json").json()["data"]}
    assert got == {page: (len(ms), pytest.approx(sum(ms) / len(ms), abs=0.06)) for page, ms in want.items()}
    if ws.get("/v0/datasources/total").status_code == 200:
        assert dict(ws.rows("SELECT page, sum(visits) FROM total GROUP BY page")) == {page: len(ms) for page, ms in want.items()}


@pytest.mark.parametrize("how", ["build", "deploy"])
def test_rows_from_before_are_filled_in(ws, how):
    """A view that arrives later holds all rows, also of the view below it."""
    apply = ws.must_build if how == "build" else lambda f: ws.deploy(f, auto_promote="true").json()["result"] == "success" or pytest.fail(how)
    apply(BASE)
    rows = [row(i) for i in range(300)]
    ws.must_append("landing", rows[:200])
    apply(CHAIN)
    check(ws, rows[:200])
    ws.must_append("landing", rows[200:])
    check(ws, rows)


def test_each_way_in_feeds_the_views_once(ws):
    ws.must_build(CHAIN)
    rows = [row(i) for i in range(40)]
    ws.must_append("landing", rows[:10])
    lines = "day,page,ms\n" + "".join(f"{r['day']},{r['page']},{r['ms']}\n" for r in rows[10:20])
    assert ws.post("/v0/datasources", lines, name="landing", mode="append", headers={"Content-Type": "text/csv"}).status_code == 200
    for r in rows[20:]:
        ws.post("/v0/events", '{"day":"%s","page":"%s","ms":%d}' % (r["day"], r["page"], r["ms"]), name="landing")
    ws.must_append("landing", [row(40)])
    from kinglet_server import eventually
    assert eventually(lambda: ws.value("SELECT count() FROM landing") == 41)
    check(ws, rows + [row(40)])


def test_replacing_the_landing_rows_recomputes_the_chain(ws):
    ws.must_build(CHAIN)
    ws.must_append("landing", [row(i) for i in range(50)])
    new = [row(i) for i in range(100, 130)]
    lines = "day,page,ms\n" + "".join(f"{r['day']},{r['page']},{r['ms']}\n" for r in new)
    reply = ws.post("/v0/datasources", lines, name="landing", mode="replace", headers={"Content-Type": "text/csv"})
    assert reply.status_code == 200, reply.text
    check(ws, new)


def test_a_changed_view_is_refused_or_goes_on_as_asked(ws):
    """A new query for a view: refused with its reason, or, with DEPLOYMENT_METHOD alter, in force for new rows."""
    ws.must_build(CHAIN)
    rows = [row(i) for i in range(60)]
    ws.must_append("landing", rows)
    narrower = DAILY_MV.replace("page != '/bot'", "page != '/bot' AND ms >= 65")
    answer = ws.deploy({**CHAIN, "daily_mv.pipe": narrower}, auto_promote="true", allow_destructive_operations="true").json()
    if answer["result"] == "failed":
        assert answer["errors"][0]["filename"] == "daily_mv.pipe" and "DEPLOYMENT_METHOD alter" in answer["errors"][0]["error"]
        check(ws, rows)
    answer = ws.deploy({**CHAIN, "daily_mv.pipe": narrower + "DEPLOYMENT_METHOD alter\n"}, auto_promote="true").json()
    assert answer["result"] == "success", answer
    ws.must_append("landing", [row(60), row(69)])
    ws.must_append("landing", [{**row(61), "ms": 64}])
    check(ws, rows + [row(69)])


def test_a_removed_view_stops(ws):
    ws.must_build(CHAIN)
    ws.must_append("landing", [row(0)])
    ws.must_build({k: v for k, v in CHAIN.items() if not k.startswith("total")})
    assert ws.get("/v0/datasources/total").status_code == 404
    ws.must_append("landing", [row(1)])
    check(ws, [row(0), row(1)])


@pytest.mark.parametrize("files, filename", [
    ({**WITH_VIEW, "daily_mv.pipe": DAILY_MV.replace("DATASOURCE daily", "DATASOURCE nowhere")}, "daily_mv.pipe"),
    ({**WITH_VIEW, "daily_mv.pipe": DAILY_MV.replace("count() AS visits", "'x' AS visits")}, "daily_mv.pipe"),
    ({**WITH_VIEW, "daily_mv.pipe": DAILY_MV.replace("count() AS visits", "count() AS visit")}, "daily_mv.pipe"),
    ({**WITH_VIEW, "daily_mv.pipe": DAILY_MV.replace("FROM landing", "FROM daily")}, "daily_mv.pipe"),
    ({**WITH_VIEW, "daily_mv.pipe": DAILY_MV.replace("DATASOURCE daily", "")}, "daily_mv.pipe"),
])
def test_views_that_cannot_work_are_refused_before_anything_changes(ws, files, filename):
    ws.must_build(BASE)
    ws.must_append("landing", [row(0)])
    answer = ws.build(files).json()
    assert answer["result"] == "failed" and filename in [e["filename"] for e in answer["errors"]], answer
    assert [d["name"] for d in ws.get("/v0/datasources").json()["datasources"]] == ["landing"]
    ws.must_append("landing", [row(1)])


def test_details_of_a_materialized_pipe(ws):
    """http-api.md 5.4"""
    ws.must_build(WITH_VIEW)
    pipe = ws.get("/v0/pipes/daily_mv").json()
    assert pipe["type"] == "materialized" and pipe["materialized_datasource"] == "daily" and pipe["endpoint"] is None
    assert pipe["nodes"][-1]["materialized"] == ws.get("/v0/datasources/daily").json()["id"]
    assert ws.get("/v0/pipes/daily_mv.json").status_code == 404
    assert ws.events("daily", [{"day": "2026-01-01"}]).status_code in (200, 400)  # not an ingest target by path
