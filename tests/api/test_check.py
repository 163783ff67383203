# SPDX-License-Identifier: Apache-2.0
"""What only an engine can tell of a project: `POST /v1/deploy?check=true`, and the same checks before every deployment and build
(datafiles.md 4.4, 4.5, 11; platform.md 6.3)."""
import pytest

EVENTS = ("SCHEMA >\n    `id` UInt32 `json:$.id`,\n    `kind` String `json:$.kind`,\n    `ts` DateTime `json:$.ts`,\n"
          "    `note` Nullable(String) `json:$.note`\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"id\"\n")
BASE = {"events.datasource": EVENTS}


def node(sql, name="n", tail="TYPE endpoint\n"):
    return f"NODE {name}\nSQL >\n    " + sql.replace("\n", "\n    ") + "\n" + tail


def source(*columns, engine="MergeTree", key="tuple()"):
    return "SCHEMA >\n" + ",\n".join(f"    `{name}` {kind}" for name, kind in columns) + f"\nENGINE \"{engine}\"\nENGINE_SORTING_KEY \"{key}\"\n"


@pytest.fixture
def ws(new_workspace):
    return new_workspace()


@pytest.fixture
def live(ws):
    ws.must_build(BASE)
    return ws


def check(ws, files):
    """(result, errors, warnings): each finding as 'file:line:col: text (hint)'."""
    answer = ws.deploy(files, check="true").json()
    errors = [f"{e['filename']}:{e['error']}" for e in answer["deployment"]["errors"]]
    warnings = [f"{f['resource'].split()[-1]}:{f['message']}" for f in answer["deployment"]["feedback"] if f["level"] == "WARNING"]
    assert (answer["result"] == "failed") == bool(errors), answer
    return answer["result"], errors, warnings


def tables(ws):
    return ws.server.engine(f"SELECT count(), groupArray(name) FROM (SELECT name FROM system.tables WHERE database = '{ws.table('events')[0]}' ORDER BY name)").text


# ---- places and words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sql, want", [
    ("SELECT id,\n    knd\nFROM events", "p.pipe:4:9: node 'n': there is no column `knd` (did you mean `kind`?)"),
    ("SELECT e.knd FROM events AS e", "p.pipe:3:12: node 'n': there is no column `e.knd` (did you mean `e.kind`?)"),
    ("SELECT 'knd', knd FROM events", "p.pipe:3:19: node 'n': there is no column `knd` (did you mean `kind`?)"),
    ("SELECT id FROM events WHERE zzzzzzzz = 1", "p.pipe:3:33: node 'n': there is no column `zzzzzzzz`"),
    ("SELECT kind, count() FROM events", "p.pipe:3:12: node 'n': Column 'events.kind' is not under aggregate function and not in GROUP BY keys"),
    ("SELECT id, sum(kind) AS s FROM events", "p.pipe:3:16: node 'n': Illegal type String of argument for aggregate function sum"),
    ("SELECT toDate(1, 2, 3, 4) FROM events", "p.pipe:3:12: node 'n': An incorrect number of arguments was specified for function 'toDate'"),
    ("SELECT id FROM events FINAL", "p.pipe:3:5: node 'n': Storage MergeTree doesn't support FINAL"),
    ("SELECT kind + 1 FROM events", "p.pipe:3:5: node 'n': Illegal types String and UInt8 of arguments of function plus"),
    ("SELECT a.id FROM events AS a JOIN events AS b USING (idd)", "p.pipe:3:58: node 'n': there is no column `idd`"),
])
def test_an_error_of_the_engine_stands_where_the_file_has_it(live, sql, want):
    result, errors, warnings = check(live, {**BASE, "p.pipe": node(sql)})
    assert (result, len(errors), warnings) == ("failed", 1, []), errors
    assert errors[0].startswith(want), errors
    assert "ws_" not in errors[0] and "t_" not in errors[0]


def test_all_errors_in_one_go(live):
    files = {**BASE,
             "a.pipe": node("SELECT nothing FROM events"),
             "b.pipe": node("SELECT nothing FROM nowhere"),
             "c.pipe": node("SELECT FROM"),
             "d.pipe": node("SELECT x FROM fresh", "first", "") + "\n" + node("SELECT yy FROM fresh", "second"),
             "e.datasource": "SCHEMA >\n    `id` UInt32x\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"id\"\n",
             "f.pipe": node("SELECT nothing FROM e"),
             "fresh.datasource": source(("x", "UInt8")),
             "target.datasource": source(("id", "UInt64"), ("kind", "UInt8")),
             "mv.pipe": node("SELECT id, kind FROM events", "n", "TYPE materialized\nDATASOURCE target\n")}
    result, errors, _ = check(live, files)
    assert result == "failed"
    assert sorted({e.split(":")[0] for e in errors}) == ["a.pipe", "b.pipe", "c.pipe", "d.pipe", "e.datasource", "mv.pipe"], errors
    assert [e for e in errors if e.startswith("d.pipe")] == ["d.pipe:7:12: node 'second': there is no column `yy`"]


def test_a_fault_is_told_once_where_it_is(live):
    files = {**BASE, "low.pipe": node("SELECT knd FROM events", "a", "") + "\n" + node("SELECT * FROM a", "b", ""),
             "mid.pipe": node("SELECT * FROM low"), "top.pipe": node("SELECT * FROM mid UNION ALL SELECT * FROM low")}
    _, errors, _ = check(live, files)
    assert errors == ["low.pipe:3:12: node 'a': there is no column `knd` (did you mean `kind`?)"]


# ---- tables as they will be --------------------------------------------------------------------------------------------


def test_sources_of_the_same_deployment(live):
    files = {**BASE, "new.datasource": source(("a", "UInt8"), ("brand", "String")), "p.pipe": node("SELECT a, brand FROM new JOIN events ON events.id = new.a")}
    assert check(live, files)[:2] == ("success", [])
    _, errors, _ = check(live, {**files, "p.pipe": node("SELECT a, bramd FROM new")})
    assert errors == ["p.pipe:3:15: node 'n': there is no column `bramd` (did you mean `brand`?)"]


def test_a_changed_source_is_read_as_it_will_be(live):
    """Whether or not the change itself can be carried out."""
    changed = EVENTS.replace("`id` UInt32", "`id` String").replace("`note`", "`remark`")
    _, errors, _ = check(live, {"events.datasource": changed, "p.pipe": node("SELECT upper(id), remark FROM events"), "q.pipe": node("SELECT note FROM events")})
    assert [e for e in errors if e.startswith("p.pipe")] == []
    assert [e.split(" (")[0] for e in errors if e.startswith("q.pipe")] == ["q.pipe:3:12: node 'n': there is no column `note`"]


def test_nodes_above_a_changed_pipe_are_asked_again(live):
    files = {**BASE, "low.pipe": node("SELECT id, kind FROM events"), "top.pipe": node("SELECT kind FROM low")}
    live.must_build(files)
    _, errors, _ = check(live, {**files, "low.pipe": node("SELECT id FROM events")})
    assert errors == ["top.pipe:3:12: node 'n': there is no column `kind`"]


@pytest.mark.parametrize("files", [
    {"new.datasource": source(("a", "UInt8")), "p.pipe": node("SELECT a FROM new")},
    {"new.datasource": source(("a", "UInt8")), "p.pipe": node("SELECT b FROM new")},
    {"events.datasource": EVENTS.replace("UInt32", "Int64"), "p.pipe": node("SELECT id, kind FROM events")},
    {"new.datasource": source(("a", "UInt32")), "mv.pipe": node("SELECT id AS a FROM events", "n", "TYPE materialized\nDATASOURCE new\n")},
])
def test_a_check_leaves_nothing_behind(live, files):
    before = tables(live)
    live.deploy({**BASE, **files}, check="true")
    assert tables(live) == before


# ---- with and without parameters ---------------------------------------------------------------------------------------


def test_both_worlds_of_a_template(live):
    without = "%\nSELECT {% if defined(x) %} id {% else %} knd {% end %} FROM events WHERE {{Boolean(x, 1)}}"
    result, errors, _ = check(live, {**BASE, "p.pipe": node(without)})
    assert result == "failed" and "p.pipe:4:" in errors[0] and "`knd`" in errors[0]
    with_all = without.replace("defined(x)", "not defined(x)")
    result, errors, warnings = check(live, {**BASE, "p.pipe": node(with_all)})
    assert (result, errors) == ("success", []) and len(warnings) == 1
    assert "`knd`" in warnings[0] and "(when every optional parameter is sent)" in warnings[0]


@pytest.mark.parametrize("sql", [
    "%\nSELECT id FROM events WHERE 1 {% if defined(x) %} AND id IN {{Array(x)}} {% end %}",
    "%\nSELECT toDateTime({{String(d)}}) AS d FROM events",
    "%\nSELECT id FROM events WHERE id = {{String(i)}}",
])
def test_a_stand_in_that_does_not_fit_is_no_error(live, sql):
    result, errors, _ = check(live, {**BASE, "p.pipe": node(sql)})
    assert (result, errors) == ("success", [])


# ---- materialized and copy pipes against their targets -----------------------------------------------------------------


def filled(sql, columns, kind="materialized", engine="AggregatingMergeTree"):
    word = "DATASOURCE" if kind == "materialized" else "TARGET_DATASOURCE"
    key = columns[0][0]
    return {**BASE, "target.datasource": source(*columns, engine=engine, key=key), "p.pipe": node(sql, "n", f"TYPE {kind}\n{word} target\n")}


@pytest.mark.parametrize("kind", ["materialized", "copy"])
@pytest.mark.parametrize("expression, column, want", [
    ("count()", "AggregateFunction(count)", "3:27: node 'n': column `c`: the query gives UInt64 by count(), data source 'target' has AggregateFunction(count) (write countState())"),
    ("countState()", "UInt64", "column `c`: the query gives AggregateFunction(count) by countState(), data source 'target' has UInt64 (write count(…)"),
    ("max(id)", "UInt8", "column `c`: the query gives UInt32 by max(), data source 'target' has UInt8 (write CAST(…, 'UInt8')"),
    ("sumState(id)", "AggregateFunction(sum, UInt64)", "its arguments must be UInt64"),
    ("uniqState(kind)", "AggregateFunction(uniqExact, String)", "(write uniqExactState(…))"),
    ("any(kind)", "UInt64", "the query gives String by any()"),
    ("countState()", "AggregateFunction(count)", None),
    ("countIfState(id > 1)", "AggregateFunction(count)", None),
    ("sumIfState(toUInt64(id), id > 1)", "AggregateFunction(sum, UInt64)", None),
    ("quantilesState(0.5, 0.9)(id)", "AggregateFunction(quantiles(0.5, 0.9), UInt32)", None),
    ("count()", "SimpleAggregateFunction(sum, UInt64)", None),
    ("max(ts)", "SimpleAggregateFunction(max, DateTime('Europe/Madrid'))", None),
    ("any(kind)", "LowCardinality(String)", None),
    ("max(id)", "UInt64", None),
])
def test_types_against_the_target(live, kind, expression, column, want):
    files = filled(f"SELECT id, {expression} AS c FROM events GROUP BY id", [("id", "UInt32"), ("c", column)], kind)
    result, errors, _ = check(live, files)
    if want is None:
        assert (result, errors) == ("success", [])
        live.must_build(files)
    else:
        assert result == "failed" and len(errors) == 1 and want in errors[0] and errors[0].startswith("p.pipe:3:"), errors


@pytest.mark.parametrize("kind", ["materialized", "copy"])
def test_names_against_the_target(live, kind):
    columns = [("id", "UInt32"), ("visits", "UInt64"), ("page", "String")]
    _, errors, _ = check(live, filled("SELECT id, count() AS visit FROM events GROUP BY id", columns, kind))
    assert errors == ["p.pipe:3:27: node 'n': the query gives a column `visit` that data source 'target' does not have (did you mean visits?)",
                      f"p.pipe:5:{12 if kind == 'materialized' else 19}: data source 'target' has a column `page` that the query does not give"], errors


def test_what_can_be_null_is_a_warning(live):
    result, errors, warnings = check(live, filled("SELECT id, note FROM events", [("id", "UInt32"), ("note", "String")]))
    assert (result, errors) == ("success", []) and len(warnings) == 1 and "can be NULL" in warnings[0]


def test_a_view_is_not_made_when_it_does_not_fit(live):
    before = tables(live)
    answer = live.build(filled("SELECT id, count() AS c FROM events GROUP BY id", [("id", "UInt32"), ("c", "AggregateFunction(count)")])).json()
    assert answer["result"] == "failed" and "countState()" in answer["errors"][0]["error"]
    assert tables(live) == before


# ---- many --------------------------------------------------------------------------------------------------------------


def test_many_nodes_are_checked_together(live):
    """The order of the answers does not decide what is reported: every wrong node is, and only those."""
    files = dict(BASE)
    for i in range(60):
        files[f"p{i:02}.pipe"] = node(f"SELECT id + {i} AS x, kind FROM events WHERE id > {i}" if i % 7 else f"SELECT wrong{i} FROM events")
    _, errors, _ = check(live, files)
    assert [e.split(":")[0] for e in errors] == [f"p{i:02}.pipe" for i in range(0, 60, 7)]


# ---- what a pipe gives -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sql, columns", [
    ("SELECT kind, count() AS c, avg(id) FROM events GROUP BY kind", [("kind", "String"), ("c", "UInt64"), ("avg(id)", "Float64")]),
    ("%\nSELECT id {% if defined(x) %}, kind {% end %} FROM events WHERE id < {{UInt32(below)}}", [("id", "UInt32")]),
    ("%\nSELECT {% if not defined(x) %}{{error('x is missing')}}{% end %} 1 AS one", None),
])
def test_the_columns_of_an_endpoint(live, sql, columns):
    """http-api.md 5.4: `nodes[].columns` of the output node."""
    live.must_build({**BASE, "p.pipe": node("SELECT * FROM events", "first", "") + "\n" + node(sql, "last")})
    nodes = live.get("/v0/pipes/p").json()["nodes"]
    assert nodes[1].get("columns") == (None if columns is None else [{"name": n, "type": t} for n, t in columns])
    assert "columns" not in nodes[0]
