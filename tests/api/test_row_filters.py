# SPDX-License-Identifier: Apache-2.0
"""Row filters of JWTs: what a caller sees through a filter equals what an admin sees in a table that holds only those rows (S10, S18)."""
import pytest

COLUMNS = """
SCHEMA >
    `id` UInt32 `json:$.id`,
    `org` String `json:$.org`,
    `n` Int32 `json:$.n`,
    `tags` Array(String) `json:$.tags[:]`
ENGINE "ReplacingMergeTree"
ENGINE_VER "n"
ENGINE_SORTING_KEY "id"
"""
PROJECT = {
    "rows.datasource": COLUMNS,
    "only_acme.datasource": COLUMNS,
    "through.pipe": "NODE n\nSQL >\n    SELECT org, count() AS c FROM rows GROUP BY org ORDER BY org\nTYPE endpoint\n",
}


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build(PROJECT)
    rows = [{"id": i, "org": ["acme", "other", "acme' OR '1'='1"][i % 3], "n": i % 7 - 3, "tags": [str(i % 2), "t"]} for i in range(90)]
    ws.must_append("rows", rows)
    ws.must_append("only_acme", [r for r in rows if r["org"] == "acme"])


def scope(condition, resource="rows"):
    return [{"type": "DATASOURCES:READ", "resource": resource, "filter": condition}]


@pytest.fixture(scope="module")
def token(ws):
    return ws.jwt(scope("org = 'acme'"))


ESCAPES = [
    "SELECT count() FROM {t}",
    "SELECT * FROM {t} ORDER BY id",
    "SELECT count() FROM {t} WHERE org = 'other'",
    "SELECT count() FROM {t} WHERE org = 'acme' OR 1 = 1",
    "SELECT count() FROM {t} WHERE 1 OR org = 'other'",
    "SELECT id, 'acme' AS org FROM {t} ORDER BY id",
    "SELECT id AS org, org AS id FROM {t} ORDER BY 1",
    "WITH 'acme' AS org SELECT count() FROM {t}",
    "SELECT count() FROM (SELECT 'acme' AS org, id FROM {t})",
    "SELECT count() FROM {t} AS x WHERE x.org != 'acme'",
    "SELECT org FROM {t} UNION ALL SELECT org FROM {t} ORDER BY org",
    "SELECT uniqExact(org) FROM {t} PREWHERE id >= 0",
    "SELECT count() FROM {t} FINAL",
    "SELECT a.id, b.org FROM {t} AS a JOIN {t} AS b USING (id) ORDER BY a.id",
    "SELECT a.id FROM {t} AS a LEFT JOIN {t} AS b ON a.id = b.id + 1 ORDER BY a.id",
    "SELECT number, r.org FROM numbers(5) AS x LEFT JOIN {t} AS r ON r.id = x.number ORDER BY number",
    "SELECT count() FROM numbers(90) WHERE number IN (SELECT id FROM {t})",
    "SELECT count() FROM numbers(90) WHERE number NOT IN (SELECT id FROM {t})",
    "SELECT tag, count() FROM {t} ARRAY JOIN tags AS tag GROUP BY tag ORDER BY tag",
    "SELECT id, row_number() OVER (ORDER BY id) FROM {t} ORDER BY id",
    "SELECT id, sum(n) OVER () FROM {t} ORDER BY id",
    "SELECT max(id), (SELECT uniqExact(org) FROM {t}) FROM {t}",
    "SELECT id FROM {t} EXCEPT SELECT id FROM {t} WHERE org = 'acme'",
    "SELECT org, count() AS c FROM {t} GROUP BY org HAVING c > 0 ORDER BY org",
    "SELECT org, count() FROM {t} GROUP BY org WITH TOTALS ORDER BY org",
    "WITH c AS (SELECT * FROM {t}) SELECT count() FROM c WHERE org LIKE '%'",
    "SELECT countIf(org = 'other'), countIf(1) FROM {t}",
    "SELECT org, min(id) FROM {t} GROUP BY org LIMIT 1 BY org",
    "SELECT * EXCEPT (org) FROM {t} ORDER BY id",
    "SELECT * REPLACE ('acme' AS org) FROM {t} ORDER BY id",
    "SELECT count() FROM {t} WHERE org = org",
    "SELECT count() FROM {t} WHERE NOT (org = 'acme')",
    "SELECT any(org), argMax(org, id) FROM {t}",
    "SELECT count() FROM {t} SETTINGS optimize_move_to_prewhere = 0, max_threads = 1",
    "SELECT count() FROM {t} SETTINGS final = 1",
]


@pytest.mark.parametrize("q", ESCAPES)
def test_s10_a_filtered_table_is_a_table_of_those_rows(ws, token, q):
    """S10: OR, UNION, aliases, sub-queries, windows, PREWHERE, FINAL, joins, ARRAY JOIN, EXCEPT."""
    assert ws.rows(q.format(t="rows"), token=token) == ws.rows(q.format(t="only_acme"))


@pytest.mark.parametrize("q", ["SELECT count() FROM only_acme", "SELECT count() FROM rows_quarantine", "SELECT * FROM rows SETTINGS additional_table_filters = {}",
                               "SELECT getSetting('additional_table_filters')", "SELECT * FROM merge('', 'rows')"])
def test_s10_ways_around(ws, token, q):
    reply = ws.sql(q, token=token)
    assert reply.status_code in (400, 403, 404) and "'acme'" not in reply.text and '"data"' not in reply.text


@pytest.mark.parametrize("condition, ids", [
    ("id < 3 OR id = 50", [0, 1, 2, 50]),
    ("org = 'acme'' OR ''1''=''1' AND id < 9", [2, 5, 8]),
    ("org = 'acme\\' OR \\'1\\'=\\'1' AND id < 9", [2, 5, 8]),
    ("id IN (1, 2) -- comment", [1, 2]),
    ("has(tags, '0') AND id < 4", [0, 2]),
    ("id BETWEEN 1 AND 2", [1, 2]),
    ("0", []),
])
def test_filters_are_whole_conditions(ws, condition, ids):
    got = ws.rows("SELECT id FROM rows WHERE 1 OR 1 ORDER BY id", token=ws.jwt(scope(condition)))
    assert [r[0] for r in got] == ids


@pytest.mark.parametrize("condition", ["1) OR (1", "org = 'acme' UNION ALL SELECT * FROM rows", "", "1; SELECT 1", "id IN (SELECT id FROM only_acme)",
                                       "file('/etc/passwd') = ''", "nothing = 1", "org = 'acme", "id = (SELECT 1)", "currentUser() != ''"])
def test_filters_that_are_no_condition_read_nothing(ws, condition):
    """A filter that cannot be understood closes the table; it never opens it."""
    reply = ws.sql("SELECT count() AS c FROM rows", token=ws.jwt(scope(condition)))
    if condition == "":
        assert reply.status_code in (200, 400, 403)  # an empty filter is no filter
    else:
        assert reply.status_code in (400, 403), reply.text


def test_several_filters_add_up(ws):
    token = ws.jwt(scope("id = 1") + scope("id = 2"))
    assert ws.rows("SELECT id FROM rows ORDER BY id", token=token) == [[1], [2]]


def test_the_filter_holds_inside_pipes(ws, token):
    both = ws.jwt(scope("org = 'acme'") + [{"type": "PIPES:READ", "resource": "through"}])
    assert ws.get("/v0/pipes/through.json", token=both).json()["data"] == [{"org": "acme", "c": 30}]
    assert ws.rows("SELECT * FROM through", token=both) == [["acme", 30]]


def test_s18_answers_never_cross_tokens(ws):
    """S18: the same call with different filters, in turn and again: each sees its own rows."""
    pipe = [{"type": "PIPES:READ", "resource": "through"}]
    tokens = {c: ws.jwt(scope(f"id < {c}") + pipe, name="same") for c in (3, 30, 60)}
    for _ in range(3):
        for count, token in tokens.items():
            rows = ws.get("/v0/pipes/through.json", token=token).json()["data"]
            assert sum(r["c"] for r in rows) == count
            assert ws.value("SELECT count() FROM rows", token=token) == count
        assert sum(r["c"] for r in ws.get("/v0/pipes/through.json").json()["data"]) == 90
