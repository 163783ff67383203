# SPDX-License-Identifier: Apache-2.0
"""mode=replace with replace_condition, by partition (connectors.md 5.7)."""
import json
import random
import threading

import pytest

PROJECT = {
    "sales.datasource": """
SCHEMA >
    `id` UInt32 `json:$.id`,
    `day` Date `json:$.day`,
    `city` String `json:$.city`,
    `amount` Nullable(Int32) `json:$.amount`
ENGINE "MergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(day)"
ENGINE_SORTING_KEY "id"
""",
    "daily.datasource": """
SCHEMA >
    `date` Date,
    `city` String,
    `n` SimpleAggregateFunction(sum, UInt64)
ENGINE "AggregatingMergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(date)"
ENGINE_SORTING_KEY "date, city"
""",
    "daily_mv.pipe": """
NODE day
SQL >
    SELECT day AS date, city, count() AS n FROM sales GROUP BY date, city
TYPE materialized
DATASOURCE daily
""",
    "monthly.datasource": """
SCHEMA >
    `month` Date,
    `n` SimpleAggregateFunction(sum, UInt64)
ENGINE "AggregatingMergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(month)"
ENGINE_SORTING_KEY "month"
""",
    "monthly_mv.pipe": """
NODE month
SQL >
    SELECT toStartOfMonth(date) AS month, sum(n) AS n FROM daily GROUP BY month
TYPE materialized
DATASOURCE monthly
""",
}
# A target in one partition: it cannot follow.
WITH_TOTALS = {
    **PROJECT,
    "totals.datasource": """
SCHEMA >
    `city` String,
    `n` SimpleAggregateFunction(sum, UInt64)
ENGINE "AggregatingMergeTree"
ENGINE_SORTING_KEY "city"
""",
    "totals_mv.pipe": """
NODE totals
SQL >
    SELECT city, count() AS n FROM sales GROUP BY city
TYPE materialized
DATASOURCE totals
""",
}
BEFORE = [[1, "2026-01-01", "Rome", 1], [2, "2026-01-02", "Bern", None], [3, "2026-02-01", "Rome", 3], [4, "2026-03-01", "Oslo", 4]]


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build(PROJECT)


@pytest.fixture(autouse=True)
def filled(ws, project):
    fill(ws)


def fill(ws, more=()):
    for name in ("sales", "sales_quarantine", "daily", "monthly", *more):
        assert ws.post(f"/v0/datasources/{name}/truncate").status_code == 200
    ws.must_append("sales", [dict(zip(("id", "day", "city", "amount"), row)) for row in BEFORE])


def replace(ws, rows, condition, **query):
    text = "\n".join(json.dumps(dict(zip(("id", "day", "city", "amount"), row))) for row in rows)
    return ws.post("/v0/datasources", files=[("csv", ("rows.ndjson", text.encode()))], name="sales", mode="replace",
                   replace_condition=condition, **query)


def stored(ws):
    return ws.rows("SELECT * FROM sales ORDER BY id")


def daily(ws):
    return ws.rows("SELECT date, city, sum(n) FROM daily GROUP BY date, city ORDER BY date, city")


def monthly(ws):
    return ws.rows("SELECT month, sum(n) FROM monthly GROUP BY month ORDER BY month")


def expected_daily(rows):
    counts = {}
    for _, day, city, _ in rows:
        counts[day, city] = counts.get((day, city), 0) + 1
    return [[day, city, n] for (day, city), n in sorted(counts.items())]


# ---- refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", ["city =", "nothing = 1", "1; DROP TABLE sales", "id IN (SELECT 1)", "file('/etc/passwd') != ''", "id) OR (1", "sleep(3)",
                                       "1 SETTINGS max_threads = 1", "city"])
def test_s4_conditions_are_expressions_only(ws, condition):
    """S2, S4, S8: parsed and printed, never pasted; refused before anything changes."""
    reply = replace(ws, [[9, "2026-01-05", "Rome", 9]], condition)
    assert reply.status_code == 400 and "replace_condition" in reply.json()["error"], reply.text
    assert stored(ws) == BEFORE


def test_it_goes_with_replace_only_and_needs_the_right(ws):
    reply = ws.post("/v0/datasources", b"id,day,city\n9,2026-01-01,x\n", headers={"Content-Type": "text/csv"}, name="sales", mode="append",
                    replace_condition="city = 'x'")
    assert reply.status_code == 400
    append_only = ws.new_token("only_append", "DATASOURCES:APPEND:sales")
    assert replace(ws, [], "city = 'x'", token=append_only).status_code == 403
    assert replace(ws, [[9, "2026-01-05", "Rome", 9]], "1", skip_incompatible_partition_key="perhaps").status_code == 400
    assert stored(ws) == BEFORE


def test_views_that_cannot_follow_refuse_it_before_anything_changes(new_workspace):
    ws = new_workspace()
    ws.must_build(WITH_TOTALS)
    fill(ws, more=["totals"])
    new = [[9, "2026-01-05", "Rome", 9]]
    reply = replace(ws, new, "city = 'Rome'")
    assert reply.status_code == 409 and "'totals'" in reply.json()["error"], reply.text
    assert stored(ws) == BEFORE and daily(ws) == expected_daily(BEFORE)
    reply = replace(ws, new, "city = 'Rome'", skip_incompatible_partition_key="true")
    assert reply.status_code == 200, reply.text
    after = [BEFORE[1], BEFORE[2], BEFORE[3], new[0]]
    assert stored(ws) == after and daily(ws) == expected_daily(after)
    assert ws.rows("SELECT city, sum(n) FROM totals GROUP BY city ORDER BY city") == [["Bern", 1], ["Oslo", 1], ["Rome", 2]]
    ws.must_append("sales", [{"id": 10, "day": "2026-01-06", "city": "Oslo"}])  # all views are still fed
    assert ws.value("SELECT sum(n) FROM totals WHERE city = 'Oslo'") == 2
    assert ws.value("SELECT sum(n) FROM monthly") == 5


# ---- what it does ------------------------------------------------------------------------------------------------


def test_rows_outside_the_condition_survive_and_new_ones_outside_are_dropped(ws):
    reply = replace(ws, [[9, "2026-01-05", "Rome", 9], [8, "2026-01-06", "Paris", 8]], "city = 'Rome'")
    assert reply.status_code == 200, reply.text
    assert (reply.json()["successful_rows"], reply.json()["dropped_rows"]) == (1, 1), reply.text
    # January: Rome's row is replaced, Bern's stays. February has no new row: its Rome stays.
    after = [BEFORE[1], BEFORE[2], BEFORE[3], [9, "2026-01-05", "Rome", 9]]
    assert stored(ws) == after
    assert daily(ws) == expected_daily(after)
    assert monthly(ws) == [["2026-01-01", 2], ["2026-02-01", 1], ["2026-03-01", 1]]


def test_a_condition_that_is_null_for_a_row_leaves_it(ws):
    reply = replace(ws, [[9, "2026-01-05", "Rome", None], [8, "2026-01-06", "Rome", 5]], "amount > 0")
    assert (reply.json()["successful_rows"], reply.json()["dropped_rows"]) == (1, 1), reply.text
    assert stored(ws) == [BEFORE[1], BEFORE[2], BEFORE[3], [8, "2026-01-06", "Rome", 5]]


def test_no_new_rows(ws):
    reply = replace(ws, [[9, "2026-01-05", "Paris", 9]], "city = 'Rome'")
    assert reply.status_code == 200 and reply.json()["successful_rows"] == 0, reply.text
    assert stored(ws) == BEFORE and daily(ws) == expected_daily(BEFORE)
    reply = replace(ws, [[9, "2026-01-05", "Paris", 9]], "city = 'Rome'", replace_truncate_when_empty="true")
    assert reply.status_code == 200, reply.text
    after = [BEFORE[1], BEFORE[3]]
    assert stored(ws) == after and daily(ws) == expected_daily(after)
    assert monthly(ws) == [["2026-01-01", 1], ["2026-03-01", 1]]


def test_bad_rows_are_quarantined(ws):
    reply = replace(ws, [[9, "2026-01-05", "Rome", 9], [-1, "2026-01-05", "Rome", 9]], "city = 'Rome'")
    assert (reply.json()["successful_rows"], reply.json()["quarantined_rows"]) == (1, 1), reply.text
    assert ws.value("SELECT count() FROM sales_quarantine") == 1


def test_rows_of_a_target_that_its_source_no_longer_has_stay(ws):
    """A source may have forgotten old rows (TTL, delete): partitions that are not touched keep what was made of them."""
    job = ws.job(ws.post("/v0/datasources/sales/delete", form={"delete_condition": "day >= '2026-03-01'"}))
    assert job["status"] == "done" and monthly(ws)[2] == ["2026-03-01", 1]
    assert replace(ws, [[9, "2026-01-05", "Rome", 9]], "city = 'Rome'").status_code == 200
    assert monthly(ws) == [["2026-01-01", 2], ["2026-02-01", 1], ["2026-03-01", 1]]


def test_it_equals_doing_it_by_hand(ws):
    """Property: for random tables, new rows and conditions, the result is that of connectors.md 5.7 on lists."""
    chance = random.Random(11)
    for _ in range(6):
        def rows(n, first):
            return [[first + i, f"2026-{chance.randrange(1, 5):02}-{chance.randrange(1, 28):02}", chance.choice(["Rome", "Bern", "Oslo"]), chance.randrange(10)]
                    for i in range(n)]
        fill(ws)
        old = BEFORE + rows(chance.randrange(1, 200), 100)
        ws.must_append("sales", [dict(zip(("id", "day", "city", "amount"), row)) for row in old[4:]])
        new, city, low = rows(chance.randrange(1, 100), 1000), chance.choice(["Rome", "Bern"]), chance.randrange(10)
        empties = chance.random() < 0.5

        def fits(row):
            return row[2] == city and row[3] is not None and row[3] >= low

        assert replace(ws, new, f"city = '{city}' AND amount >= {low}", replace_truncate_when_empty=str(empties).lower()).status_code == 200
        kept = [row for row in new if fits(row)]
        months = {row[1][:7] for row in kept} | ({row[1][:7] for row in old if fits(row)} if empties else set())
        after = sorted([row for row in old if row[1][:7] not in months or not fits(row)] + kept)
        assert stored(ws) == after
        assert daily(ws) == expected_daily(after)


def test_readers_see_one_state_or_the_other_while_rows_come_in(ws):
    """Atomic for readers over all partitions; rows that arrive meanwhile are kept."""
    ws.post("/v0/datasources/sales/truncate")
    generation = lambda n: [[i, f"2026-{1 + i % 3:02}-01", f"g{n}", 1] for i in range(300)]  # noqa: E731
    assert replace(ws, generation(0), "startsWith(city, 'g')").status_code == 200
    stop, mixed, appended, failures = threading.Event(), [], [0], []

    def read():
        while not stop.is_set():
            seen = ws.session.get(f"{ws.base}/v0/sql", params={"q": "SELECT city, count() AS n FROM sales WHERE startsWith(city, 'g') GROUP BY city"},
                                  headers={"Authorization": f"Bearer {ws.token}"}, timeout=30).json()["data"]
            if len(seen) != 1 or seen[0]["n"] != 300:
                mixed.append(seen)

    def write():
        while not stop.is_set():
            reply = ws.session.post(f"{ws.base}/v0/events", params={"name": "sales"}, data=json.dumps({"id": 9000 + appended[0], "day": "2026-02-02", "city": "event"}),
                                    headers={"Authorization": f"Bearer {ws.token}"}, timeout=30)
            if reply.status_code == 202:
                appended[0] += 1
            else:
                failures.append(reply.text)

    threads = [threading.Thread(target=read), threading.Thread(target=write)]
    [t.start() for t in threads]
    try:
        for n in range(1, 5):
            reply = replace(ws, generation(n), "startsWith(city, 'g')")
            assert reply.status_code == 200, reply.text
    finally:
        stop.set()
        [t.join() for t in threads]
    assert mixed == [] and failures == []
    ws.must_append("sales", [{"id": 8999, "day": "2026-02-02", "city": "event"}])
    assert ws.rows("SELECT count(), uniqExact(id) FROM sales WHERE city = 'event'") == [[appended[0] + 1, appended[0] + 1]]
    assert ws.value("SELECT sum(n) FROM daily WHERE city = 'event'") == appended[0] + 1


def test_by_url_and_as_a_job(ws):
    text = b'{"id":9,"day":"2026-01-05","city":"Rome"}\n{"id":8,"day":"2026-01-05","city":"Paris"}\n'
    reply = ws.post("/v1/datasources/sales/replace", text, headers={"Content-Type": "application/x-ndjson"}, format="ndjson", replace_condition="city = 'Rome'")
    job = ws.job(reply)
    assert job["status"] == "done" and job["statistics"]["row_count"] == 1, job
    assert stored(ws) == [BEFORE[1], BEFORE[2], BEFORE[3], [9, "2026-01-05", "Rome", None]]


@pytest.mark.parametrize("seed", range(6))
def test_r17_a_server_killed_in_the_middle_has_the_old_rows_or_the_new(start_server, seed):
    """The next start finishes or undoes it: data source and targets agree, no staging table is left."""
    server = start_server(flags=["--flush-interval-ms", "100"])
    ws = server.default_workspace()
    ws.must_build(PROJECT)
    fill(ws)
    new = [[100 + i, f"2026-{1 + i % 2:02}-05", "Rome", 1] for i in range(50)]
    after = sorted([row for row in BEFORE if row[2] != "Rome"] + new)
    chance = random.Random(seed)
    stop = threading.Event()

    def send():
        try:
            replace(ws, new, "city = 'Rome'")
        except Exception:  # the server died under it
            pass
        stop.set()

    sender = threading.Thread(target=send)
    sender.start()
    stop.wait(0.02 + chance.random() * 0.5)
    server.kill()
    sender.join()
    server.start()
    ws = server.default_workspace()
    found = stored(ws)
    assert found in (BEFORE, after), found
    assert daily(ws) == expected_daily(found)
    tables = server.engine("SELECT name FROM system.tables WHERE startsWith(database, 'ws_') AND match(name, '_(new|was|ids)_[0-9a-f]{8}$')")
    assert tables.text == ""
    ws.must_append("sales", [{"id": 7, "day": "2026-01-09", "city": "Oslo"}])
    assert daily(ws) == expected_daily(found + [[7, "2026-01-09", "Oslo", None]])
    for job in ws.get("/v0/jobs").json()["jobs"]:
        assert job["status"] in ("done", "error"), job
