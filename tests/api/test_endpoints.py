# SPDX-License-Identifier: Apache-2.0
"""Pipes: calls of endpoints in every format, parameters, errors, lists and details (http-api.md 2, 5)."""
import json
import re

import pytest

PROJECT = {
    "datasources/visits.datasource": """DESCRIPTION >
    Visits of pages

TOKEN "dashboard" READ

SCHEMA >
    `at` DateTime `json:$.at`,
    `page` LowCardinality(String) `json:$.page`,
    `country` String `json:$.country`,
    `ms` UInt64 `json:$.ms`,
    `tag` Nullable(String) `json:$.tag`

ENGINE "MergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(at)"
ENGINE_SORTING_KEY "page, at"
""",
    "pipes/cleaned.pipe": """NODE only_real
SQL >
    SELECT * FROM visits WHERE page != '/bot'

NODE with_day
SQL >
    SELECT *, toDate(at) AS day FROM only_real
""",
    "endpoints/top.pipe": """DESCRIPTION >
    The pages seen most

TOKEN "dashboard" READ

NODE counted
DESCRIPTION >
    Counts
SQL >
    %
    SELECT page, count() AS views, sum(ms) AS ms, max(tag) AS tag
    FROM cleaned
    WHERE day >= {{ Date(from_day, '2026-01-01') }}
    {% if defined(pages) %} AND page IN {{ Array(pages, 'String') }} {% end %}
    {% if defined(country) %} AND country = {{ String(country) }} {% end %}
    GROUP BY page

NODE endpoint
SQL >
    %
    SELECT * FROM counted ORDER BY views DESC, page
    LIMIT {{ UInt16(limit, 10, description='How many', required=False) }}

TYPE endpoint
""",
    "endpoints/needs.pipe": """NODE n
SQL >
    %
    SELECT {{ Int32(number) }} AS number, {{ String(text, 'none') }} AS text, {{ Boolean(flag, True) }} AS flag
TYPE endpoint
""",
    "endpoints/broken.pipe": """NODE n
SQL >
    %
    SELECT intDiv(1, {{ Int32(by, 1) }}) AS x
TYPE endpoint
""",
    "endpoints/guarded.pipe": """NODE n
SQL >
    %
    {% if not defined(key) %} {{ error('key is missing: ask the owner') }} {% end %}
    {% if key == 'json' %} {{ custom_error({'error': 'made by hand', 'code': 7}) }} {% end %}
    SELECT 1 AS ok
TYPE endpoint
""",
    "endpoints/slow.pipe": """NODE n
SQL >
    %
    SELECT count() AS n FROM numbers({{ UInt64(rows, 10) }}) WHERE cityHash64(number) % 3 = 7
TYPE endpoint
""",
    "endpoints/scrape.pipe": """NODE n
SQL >
    SELECT 'visits_total' AS name, toFloat64(count()) AS value, 'How many' AS help, 'counter' AS type,
           map('page', CAST(page, 'String')) AS labels
    FROM visits GROUP BY page ORDER BY page
TYPE endpoint
""",
    "endpoints/types.pipe": """NODE n
SQL >
    SELECT toUInt64(18446744073709551615) AS u, toInt64(-9223372036854775808) AS i, nan AS f, NULL AS nothing,
           toDateTime64('2026-01-02 03:04:05.678', 3, 'UTC') AS t, [1, 2] AS a, map('k', 1) AS m, (1, 'x') AS tup,
           toDecimal64('1.50', 2) AS d, true AS b, toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS id, 'a"b\\\\c/\\n\\t' AS s
TYPE endpoint
""",
    "endpoints/top_of_top.pipe": """NODE n
SQL >
    SELECT page, views * 2 AS twice FROM top WHERE views > 1
TYPE endpoint
""",
}
PAGES = ["/", "/docs", "/pricing", "/bot"]


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build(PROJECT)
    ws.must_append("visits", [{"at": f"2026-0{1 + i % 3}-05 10:00:{i % 60:02}", "page": PAGES[(i * i) % 4], "ms": i,
                               "country": "ES" if i % 5 else "DE", "tag": None if i % 2 else f"t{i}"} for i in range(200)])


TOP_SQL = """SELECT * FROM (SELECT page, count() AS views, sum(ms) AS ms, max(tag) AS tag FROM (SELECT *, toDate(at) AS day FROM
(SELECT * FROM {visits} WHERE page != '/bot')) WHERE day >= toDate('2026-02-01') GROUP BY page) ORDER BY views DESC, page LIMIT 2"""
FORMATS = {"json": "JSON", "csv": "CSV", "csvwithnames": "CSVWithNames", "ndjson": "JSONEachRow", "parquet": "Parquet",
           "prometheus": "Prometheus"}


def cut_statistics(body):
    return re.sub(rb',\s*"statistics":\s*\{[^}]*\}', b"", body)


# ---- the same SQL directly on the engine -----------------------------------------------------------------------------


# Not `types` as Parquet: a column of type Nullable(Nothing) has no Parquet form.
@pytest.mark.parametrize("pipe, suffix", [(p, s) for p in ("top", "types", "scrape") for s in FORMATS
                                          if s != "prometheus" and (p, s) != ("types", "parquet")])
def test_every_format_equals_the_engine(ws, pipe, suffix):
    visits = ws.table("visits")
    if pipe == "top":
        direct = TOP_SQL.format(visits=visits)
    else:
        text = PROJECT[f"endpoints/{pipe}.pipe"]
        direct = text[text.index("SELECT"):text.index("TYPE endpoint")].replace("FROM visits", "FROM " + visits)
    want = ws.server.engine(f"{direct} FORMAT {FORMATS[suffix]}", output_format_json_quote_64bit_integers=0,
                            output_format_json_quote_denormals=0)
    assert want.status == 200, want.text
    got = ws.get(f"/v0/pipes/{pipe}.{suffix}", from_day="2026-02-01", limit=2)
    assert got.status_code == 200, got.text
    assert cut_statistics(got.content) == cut_statistics(want.body)
    assert len(want.body) > 10


def test_prometheus_equals_the_engine(ws):
    text = PROJECT["endpoints/scrape.pipe"]
    direct = text[text.index("SELECT"):text.index("TYPE endpoint")].replace("FROM visits", "FROM " + ws.table("visits"))
    got = ws.get("/v0/pipes/scrape.prometheus")
    assert got.status_code == 200 and got.content == ws.server.engine(direct + " FORMAT Prometheus").body
    assert got.text.startswith("# HELP visits_total How many\n# TYPE visits_total counter\nvisits_total{")


@pytest.mark.parametrize("suffix, content_type", [
    ("json", "application/json; charset=UTF-8"), ("csv", "text/csv"), ("csvwithnames", "text/csv"),
    ("ndjson", "application/x-ndjson"), ("prometheus", "text/plain; version=0.0.4"),
])
def test_content_types(ws, suffix, content_type):
    reply = ws.get(f"/v0/pipes/scrape.{suffix}")
    assert reply.headers["Content-Type"] == content_type
    assert reply.headers["X-Request-Id"] and reply.headers["Access-Control-Allow-Origin"] == "*"


def test_json_shape(ws):
    answer = ws.get("/v0/pipes/top.json", limit=1).json()
    assert answer["meta"] == [{"name": "page", "type": "LowCardinality(String)"}, {"name": "views", "type": "UInt64"},
                              {"name": "ms", "type": "UInt64"}, {"name": "tag", "type": "Nullable(String)"}]
    assert len(answer["data"]) == answer["rows"] == 1
    assert answer["rows_before_limit_at_least"] == 2
    assert set(answer["statistics"]) == {"elapsed", "rows_read", "bytes_read"}
    assert answer["statistics"]["rows_read"] == 200 and answer["statistics"]["bytes_read"] > 0


def test_64_bit_integers_and_denormals_by_request(ws):
    plain = ws.get("/v0/pipes/types.json").text
    assert '"u": 18446744073709551615' in plain.replace("\t", "") and '"f": null' in plain
    quoted = ws.get("/v0/pipes/types.json", output_format_json_quote_64bit_integers="1", output_format_json_quote_denormals="1").text
    assert '"u": "18446744073709551615"' in quoted and '"f": "nan"' in quoted
    assert ws.get("/v0/pipes/types.json", output_format_json_quote_64bit_integers="yes").status_code == 400


# ---- parameters ------------------------------------------------------------------------------------------------------


def pages(reply):
    assert reply.status_code == 200, reply.text
    return sorted(row["page"] for row in reply.json()["data"])


@pytest.mark.parametrize("query", ["pages=/&pages=/docs", "pages=/,/docs", "pages=%2F%2C%2Fdocs", "pages=/docs&pages=/"])
def test_arrays_repeated_or_with_commas(ws, query):
    """http-api.md 21.6"""
    assert pages(ws.get("/v0/pipes/top.json?" + query)) == ["/", "/docs"]
    assert pages(ws.get("/v0/pipes/top.json?" + query.replace("docs", "x"))) == ["/"]


def test_array_parameters_reach_every_element(ws, new_workspace):
    two = new_workspace()
    two.must_build({"echo.pipe": "NODE n\nSQL >\n    %\n    SELECT {{ Array(ids, 'String') }} AS ids, {{ Array(nums, 'Int32', '7,8') }} AS nums\nTYPE endpoint\n"})
    for query, ids in [("ids=a&ids=b", ["a", "b"]), ("ids=a,b", ["a", "b"]), ("ids=a", ["a"]), ("ids=a,b&ids=c", ["a", "b", "c"])]:
        assert two.get("/v0/pipes/echo.json?" + query).json()["data"] == [{"ids": ids, "nums": [7, 8]}], query
    assert two.get("/v0/pipes/echo.json?ids=x&nums=1,two").status_code == 400
    reply = two.post("/v0/pipes/echo.json", '{"ids": ["a", "b,c"], "nums": [1]}', headers={"Content-Type": "application/json"})
    assert reply.json()["data"][0]["nums"] == [1]


@pytest.mark.parametrize("method, arguments", [
    ("GET", {"number": "5", "text": "a b+c"}),
    ("POST", {"form": {"number": "5", "text": "a b+c"}}),
    ("POST", {"body": '{"number": 5, "text": "a b+c"}', "headers": {"Content-Type": "application/json"}}),
    ("POST", {"body": '{"number": 5}', "text": "a b+c"}),
])
def test_the_forms_of_a_call(ws, method, arguments):
    reply = ws.request(method, "/v0/pipes/needs.json", **arguments)
    assert reply.status_code == 200, reply.text
    assert reply.json()["data"] == [{"number": 5, "text": "a b+c", "flag": 1}] or reply.json()["data"][0]["flag"] is True


def test_unknown_parameters_and_telemetry_are_ignored(ws):
    reply = ws.get("/v0/pipes/top.json", limit=1, from_="ts-sdk", __tb__client="mcp", whatever="x", cli_version="5.0.3")
    assert reply.status_code == 200 and len(reply.json()["data"]) == 1


def test_a_plus_is_a_space_and_the_odd_query_forms(ws):
    reply = ws.session.get(f"{ws.base}/v0/pipes/needs.json?&number=1&text=a+b%2B&token={ws.token}&token={ws.token}", timeout=30)
    assert reply.status_code == 200 and reply.json()["data"][0]["text"] == "a b+"


@pytest.mark.parametrize("q, data", [
    ("SELECT count() AS n FROM _", [{"n": 2}]),
    ("SELECT page FROM _ ORDER BY page LIMIT 1", [{"page": "/"}]),
    ("SELECT page FROM top ORDER BY page DESC LIMIT 1;", [{"page": "/docs"}]),
    ("%SELECT count() AS n FROM _ WHERE page = {{String(p, '/')}}", [{"n": 1}]),
])
def test_q_runs_over_the_result(ws, q, data):
    """http-api.md 21.7"""
    reply = ws.get("/v0/pipes/top.json", q=q)
    assert reply.status_code == 200, reply.text
    assert reply.json()["data"] == data
    assert ws.post("/v0/pipes/top.json", q, headers={"Content-Type": "application/x-www-form-urlencoded"}).json()["data"] == data


def test_q_keeps_the_parameters_and_its_own_limits(ws):
    assert ws.get("/v0/pipes/top.json", q="SELECT count() AS n FROM _", limit=1).json()["data"] == [{"n": 1}]
    for q in ["SELECT * FROM system.tables", "DROP TABLE visits", "SELECT 1; SELECT 2", "SELECT * FROM nowhere",
              "SELECT * FROM numbers(10) SETTINGS max_threads = 1, readonly = 0"]:
        assert ws.get("/v0/pipes/top.json", q=q).status_code in (400, 403, 404), q


def test_a_token_of_the_pipe_reads_through_q_only_the_pipe(ws):
    token = ws.new_token("only_top", "PIPES:READ:top")
    assert ws.get("/v0/pipes/top.json", token=token, q="SELECT count() FROM _").status_code == 200
    for q in ["SELECT * FROM visits", "SELECT * FROM cleaned", "SELECT * FROM _ WHERE page IN (SELECT page FROM visits)"]:
        assert ws.get("/v0/pipes/top.json", token=token, q=q).status_code in (400, 403, 404), q


def test_pipes_read_pipes_and_hand_parameters_down(ws):
    whole = {r["page"]: r["views"] for r in ws.get("/v0/pipes/top.json").json()["data"]}
    twice = {r["page"]: r["twice"] for r in ws.get("/v0/pipes/top_of_top.json").json()["data"]}
    assert twice == {page: 2 * views for page, views in whole.items()} and twice
    assert len(ws.get("/v0/pipes/top_of_top.json", limit=1).json()["data"]) == 1


# ---- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path, query, status, text", [
    ("nowhere.json", {}, 404, "The pipe 'nowhere' does not exist"),
    ("cleaned.json", {}, 404, "does not have an endpoint yet"),
    ("visits.json", {}, 404, "does not exist"),
    ("top.xml", {}, 404, ""),
    ("top.", {}, 404, ""),
    (".json", {}, 404, ""),
    ("needs.json", {}, 400, "number"),
    ("needs.json", {"number": "five"}, 400, "number"),
    ("needs.json", {"number": "2147483648"}, 400, "number"),
    ("top.json", {"limit": "-1"}, 400, "limit"),
    ("top.json", {"from_day": "yesterday"}, 400, "from_day"),
    ("top.json", {"q": "SELECT nothing FROM _"}, 400, "nothing"),
    ("top.json", {"q": "SELEC 1"}, 400, ""),
    ("broken.json", {"by": "0"}, 400, "[Error]"),
    ("guarded.json", {}, 400, "key is missing: ask the owner"),
    ("guarded.json", {"key": "json"}, 400, "made by hand"),
])
def test_documented_errors(ws, path, query, status, text):
    """http-api.md 1.6, 5.1, 21.8: a JSON body with `error`, and nothing of the server inside it."""
    reply = ws.get(f"/v0/pipes/{path}", **query)
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == "application/json; charset=UTF-8"
    error = reply.json()["error"]
    assert isinstance(error, str) and text in error
    for secret in ("t_", "ws_", "/tmp", "DB::", "chdb"):
        assert secret not in error


def test_engine_errors_carry_the_code(ws):
    reply = ws.get("/v0/pipes/broken.json", by=0)
    assert reply.status_code == 400 and reply.headers["X-DB-Exception-Code"] == "153"
    assert ws.get("/v0/pipes/broken.json", by=2).json()["data"] == [{"x": 0}]


def test_a_slow_query_is_408(start_server):
    ws = start_server(flags=["--query-seconds-max", "1"]).default_workspace()
    ws.must_build({"slow.pipe": PROJECT["endpoints/slow.pipe"]})
    reply = ws.get("/v0/pipes/slow.json", rows=10**15)
    assert reply.status_code == 408 and reply.json()["error"]
    assert ws.get("/v0/pipes/slow.json", rows=10).json()["data"] == [{"n": 0}]


@pytest.mark.parametrize("value", [
    "'; DROP TABLE visits; --", "' OR '1'='1", "\\' OR 1=1 --", "\\", "'", "''", "{country:String}", "{{country}}", "%",
    "ＥＳ＇ OR 1=1", "ʼ OR 1=1 --", "a\nb", "/* */", "ES' UNION ALL SELECT * FROM visits --", "$$", "{% raw %}", "0x41",
])
def test_s2_string_parameters_are_always_literals(ws, value):
    """S2: whatever the text, it is compared with, never run."""
    reply = ws.get("/v0/pipes/top.json", country=value)
    assert reply.status_code == 200 and reply.json()["data"] == [], reply.text
    assert ws.get("/v0/pipes/needs.json", number="1", text=value).json()["data"][0]["text"] == value
    reply = ws.get("/v0/pipes/top.json", pages=value)
    assert reply.status_code == 200 and reply.json()["data"] == [], reply.text


def test_s2_a_nul_byte_is_refused(ws):
    """S2: the engine's texts end at NUL in places; such a value never gets there."""
    assert ws.get("/v0/pipes/needs.json?number=1&text=a%00b").status_code == 400


@pytest.mark.parametrize("value", ["1 OR 1=1", "1; SELECT 1", "1)", "0x10", "1e3", "٣", "1 --", "", " ", "NULL", "true", "1,2"])
def test_s2_s3_numeric_parameters_take_numbers_only(ws, value):
    """S2, S3: LIMIT is a typed number, so nothing else gets there."""
    reply = ws.get("/v0/pipes/top.json", limit=value)
    assert reply.status_code == 400 or (value in ("", " ", "1e3") and reply.status_code == 200), reply.text


# ---- lists, details, text ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v0/pipes", "/v1/pipes", "/v0/pipes/", "/api/v0/pipes"])
def test_list(ws, path):
    found = {p["name"]: p for p in ws.get(path).json()["pipes"]}
    assert {name: p["type"] for name, p in found.items() if name in ("top", "cleaned")} == {"top": "endpoint", "cleaned": "default"}
    assert found["top"]["endpoint"] and found["cleaned"]["endpoint"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", found["top"]["updated_at"])


def test_list_attributes(ws):
    found = ws.get("/v0/pipes?dependencies=false&attrs=name,updated_at,type&node_attrs=name").json()["pipes"]
    assert all(set(p) <= {"name", "updated_at", "type", "nodes"} and set(p) >= {"name", "updated_at", "type"} for p in found)
    assert all(set(n) == {"name"} for p in found for n in p.get("nodes", []))
    assert set(ws.get("/v0/pipes?dependencies=false&attrs=&node_attrs=").json()["pipes"][0]) >= {"id", "name", "nodes"}


def test_details(ws):
    pipe = ws.get("/v0/pipes/top").json()
    assert (pipe["name"], pipe["description"], pipe["type"]) == ("top", "The pages seen most", "endpoint")
    assert pipe["id"].startswith("t_") and len(pipe["id"]) == 34 and pipe["url"].endswith("/v0/pipes/top.json")
    assert [n["name"] for n in pipe["nodes"]] == ["counted", "endpoint"]
    assert pipe["nodes"][1]["id"] == pipe["endpoint"]
    limit = [p for p in pipe["nodes"][1]["params"] if p["name"] == "limit"][0]
    assert limit == {**limit, "type": "UInt16", "default": 10, "required": False, "description": "How many"}
    assert ws.get("/v0/pipes/" + pipe["id"]).json() == pipe
    assert ws.get(f"/v0/pipes/{pipe['id']}.json").status_code == 200
    assert ws.get("/v1/pipes/top").json()["name"] == "top"
    assert ws.get("/v0/pipes/nowhere").status_code == 404
    required = ws.get("/v0/pipes/needs").json()["nodes"][0]["params"]
    assert {p["name"]: p["required"] for p in required} == {"number": True, "text": False, "flag": False}


@pytest.mark.parametrize("path", ["/v1/pipes/top.pipe", "/v0/pipes/top.pipe", "/v1/pipes/top?format=pipe", "/v0/pipes/top?format=pipe"])
def test_pipe_text(ws, path):
    """tb-client.md 1.2: exactly text/plain. http-api.md 21.16: the same text each time."""
    reply = ws.get(path)
    assert reply.headers["Content-Type"] == "text/plain"
    assert reply.text.rstrip() == PROJECT["endpoints/top.pipe"].rstrip()
    assert ws.get(path).text == reply.text


def test_data_source_list_details_and_text(ws):
    source = ws.get("/v0/datasources/visits").json()
    assert source in ws.get("/v0/datasources").json()["datasources"]
    assert source["description"] == "Visits of pages" and source["statistics"]["row_count"] == 200
    assert source["engine"]["engine"] == "MergeTree"
    assert source["engine"]["sorting_key"] == source["engine"]["engine_sorting_key"] == "page, at"
    assert source["engine"]["partition_key"] == "toYYYYMM(at)"
    column = source["columns"][4]
    assert (column["name"], column["type"], column["nullable"], column["jsonpath"]) == ("tag", "Nullable(String)", True, "$.tag")
    assert source["schema"]["columns"] == source["columns"]
    assert "cleaned" in [p["name"] for p in source["used_by"]]
    assert ws.get(f"/v0/datasources/{source['id']}").json()["name"] == "visits"
    for path in ("/v0/datasources/visits.datasource", "/v0/datasources/visits?format=datasource"):
        reply = ws.get(path, include_all_shared_with="false")
        assert reply.headers["Content-Type"] == "text/plain"
        assert reply.text.rstrip() == PROJECT["datasources/visits.datasource"].rstrip()
    assert ws.get("/v0/datasources/nowhere").status_code == 404
    assert ws.get("/v0/datasources/nowhere.datasource").status_code == 404


def test_every_listed_name_has_its_text(ws):
    """http-api.md 21.16: `pull` stops at the first name without one."""
    for source in ws.get("/v0/datasources").json()["datasources"]:
        assert ws.get(f"/v0/datasources/{source['name']}.datasource").status_code == 200
    for pipe in ws.get("/v0/pipes").json()["pipes"]:
        assert ws.get(f"/v1/pipes/{pipe['name']}.pipe").status_code == 200


def test_lists_hold_only_what_the_token_reads(ws):
    token = ws.new_token("narrow", "PIPES:READ:top", "DATASOURCES:READ:visits")
    assert [p["name"] for p in ws.get("/v0/pipes", token=token).json()["pipes"]] == ["top"]
    assert [d["name"] for d in ws.get("/v0/datasources", token=token).json()["datasources"]] == ["visits"]
    other = ws.new_token("narrower", "PIPES:READ:needs")
    assert ws.get("/v0/datasources", token=other).json()["datasources"] == []
    assert ws.get("/v0/pipes/top", token=other).status_code == 403


def test_classic_management_is_refused(ws):
    for method, path in [("POST", "/v0/pipes"), ("PUT", "/v0/pipes/top"), ("DELETE", "/v0/pipes/top")]:
        reply = ws.request(method, path)
        assert reply.status_code == 400
        assert "Tinybird Forward workspace" in reply.json()["error"] and "Tinybird Classic workspaces" in reply.json()["error"]


def test_large_answers_stream_and_equal_the_engine(ws):
    """A reply of several blocks and about 20 MB, in each streamed format."""
    q = "SELECT number AS n, repeat('x', 80) AS s FROM numbers(200000)"
    for word in ("JSONEachRow", "CSV", "CSVWithNames", "JSON"):
        got = ws.sql(f"{q} FORMAT {word}")
        want = ws.server.engine(f"{q} FORMAT {word}", output_format_json_quote_64bit_integers=0)
        assert cut_statistics(got.content) == cut_statistics(want.body), word
    assert json.loads(got.content)["rows"] == 200000
