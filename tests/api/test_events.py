# SPDX-License-Identifier: Apache-2.0
"""POST /v0/events: what it refuses, how it answers, what lands in the table and what in quarantine (http-api.md 3)."""
import gzip
import json
import threading
import zlib

import pytest

from kinglet_server import eventually, lz4, zstd

PROJECT = {
    "datasources/events.datasource": """
TOKEN "tracker" APPEND
TOKEN "reader" READ
SCHEMA >
    `ts` DateTime64(3) `json:$.ts`,
    `user_id` UInt64 `json:$.user.id`,
    `kind` LowCardinality(String) `json:$.kind`,
    `amount` Nullable(Decimal(18, 4)) `json:$.amount`,
    `tags` Array(String) `json:$.tags[:]` DEFAULT [],
    `note` String `json:$.note` DEFAULT 'none'
ENGINE "MergeTree"
ENGINE_SORTING_KEY "ts"
""",
    "datasources/lines.datasource": """
SCHEMA >
    `a` String `json:$.a`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "a"
""",
    "datasources/numbers.datasource": """
SCHEMA >
    `id` UInt32 `json:$.id`,
    `i8` Nullable(Int8) `json:$.i8`,
    `u64` Nullable(UInt64) `json:$.u64`,
    `i128` Nullable(Int128) `json:$.i128`,
    `f` Nullable(Float64) `json:$.f`,
    `d` Nullable(Decimal(38, 10)) `json:$.d`,
    `t` Nullable(DateTime) `json:$.t`,
    `t64` Nullable(DateTime64(9)) `json:$.t64`,
    `day` Nullable(Date) `json:$.day`,
    `b` Nullable(Bool) `json:$.b`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "id"
""",
    "datasources/sums.datasource": """
SCHEMA >
    `kind` String,
    `n` UInt64
ENGINE "SummingMergeTree"
ENGINE_SORTING_KEY "kind"
""",
    "pipes/sums_mv.pipe": """
NODE sums
SQL >
    SELECT a AS kind, count() AS n FROM lines GROUP BY kind
TYPE materialized
DATASOURCE sums
""",
}
GOOD = {"ts": "2026-03-02 10:11:12.345", "user": {"id": 7}, "kind": "click", "amount": "12.5", "tags": ["a", "b"], "note": "x"}


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build(PROJECT)


@pytest.fixture
def empty_lines(ws):
    for name in ("lines", "lines_quarantine", "sums"):
        assert ws.post(f"/v0/datasources/{name}/truncate").status_code == 200


# ---- refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query, status", [
    ({}, 400),
    ({"name": ""}, 400),
    ({"name": "lines", "format": "csv"}, 400),
    ({"name": "lines", "wait": "maybe"}, 400),
    ({"name": "nowhere"}, 404),
    ({"name": "sums_mv"}, 404),
    ({"name": "lines'; DROP TABLE lines --"}, 404),
    ({"name": "../lines"}, 404),
])
def test_wrong_parameters(ws, query, status):
    reply = ws.post("/v0/events", '{"a":"x"}', **query)
    assert reply.status_code == status
    assert reply.headers["Content-Type"].startswith("application/json")
    assert isinstance(reply.json()["error"], str) and reply.json()["error"]


@pytest.mark.parametrize("token", [None, "", "p.e30.x", "nonsense", "Bearer"])
def test_bad_token_is_403_with_a_json_error(ws, token):
    reply = ws.post("/v0/events", '{"a":"x"}', name="lines", token=token)
    assert reply.status_code == 403 and reply.json()["error"]


def test_a_read_token_may_not_append_and_an_append_token_not_read(ws):
    tokens = {t["name"]: t["token"] for t in ws.get("/v0/tokens").json()["tokens"]}
    assert ws.events("events", [GOOD], token=tokens["reader"]).status_code == 403
    assert ws.events("lines", [{"a": "x"}], token=tokens["tracker"]).status_code == 403
    assert ws.events("events", [GOOD], token=tokens["tracker"]).status_code == 200
    assert ws.sql("SELECT count() FROM events", token=tokens["tracker"]).status_code in (400, 403, 404)


def test_get_is_405_with_allow(ws):
    reply = ws.get("/v0/events", name="lines")
    assert reply.status_code == 405 and "POST" in reply.headers["Allow"]


@pytest.mark.parametrize("body", ["nonsense", "[1,2", "{", '"text"', "17", "null", "\x00\x01\x02", "SELECT 1"])
def test_a_body_without_one_object_is_400_and_stores_nothing(ws, empty_lines, body):
    reply = ws.events("lines", body)
    assert reply.status_code == 400 and "line 1" in reply.json()["error"], reply.text
    assert ws.value("SELECT count() FROM lines") == 0


@pytest.mark.parametrize("encoding, body, status", [
    ("br", b"\x0b\x02\x80\x03", 415),
    ("gzip, gzip", gzip.compress(gzip.compress(b'{"a":"x"}')), 415),
    ("gzip, zstd", gzip.compress(zstd(b'{"a":"x"}')), 415),
    ("x-unknown", b"{}", 415),
    ("gzip", b'{"a":"x"}', 400),
    ("gzip", gzip.compress(b'{"a":"x"}')[:-6], 400),
    ("zstd", zstd(b'{"a":"x"}' * 50)[:-4], 400),
    ("zstd", b"\x28\xb5\x2f\xfd", 400),
    ("lz4", lz4(b'{"a":"x"}' * 50)[:-4], 400),
    ("lz4", lz4(b'{"a":"x"}') + b"trailing rubbish", 400),
    ("deflate", zlib.compress(b'{"a":"x"}' * 50)[:-4], 400),
    ("gzip", gzip.compress(b'{"a":"x"}') + b"trailing rubbish", 400),
])
def test_i7_bad_encodings(ws, empty_lines, encoding, body, status):
    """I7: repeated, unknown, truncated and lying Content-Encoding; nothing of such a body is stored."""
    reply = ws.post("/v0/events", body, name="lines", wait="true", headers={"Content-Encoding": encoding})
    assert reply.status_code == status, reply.text
    assert reply.json()["error"]
    assert ws.value("SELECT count() FROM lines") == 0


def test_i7_bombs_and_large_bodies_are_413(start_server):
    """I7: 200 KB of limit against a body that says its size, one that does not, and one that grows 1,000 times."""
    server = start_server(flags=["--events-body-bytes-max", "200000"])
    ws = server.default_workspace()
    ws.must_build({"lines.datasource": PROJECT["datasources/lines.datasource"]})
    rows = b'{"a":"' + b"x" * 90 + b'"}\n'
    large = rows * 3000
    in_pieces = (large[i:i + 10000] for i in range(0, len(large), 10000))
    for body, headers in [(large, {}), (in_pieces, {}), (gzip.compress(large), {"Content-Encoding": "gzip"}),
                          (zstd(b" " * 300_000_000), {"Content-Encoding": "zstd"}),
                          (zlib.compress(b"\n" * 300_000_000), {"Content-Encoding": "deflate"})]:
        try:
            reply = ws.session.post(ws.base + "/v0/events", params={"name": "lines", "wait": "true"}, data=body,
                                    headers={"Authorization": f"Bearer {ws.token}", **headers}, timeout=30)
        except Exception as error:  # the server may close while a body that is refused is still being sent
            assert "reset" in str(error).lower() or "broken pipe" in str(error).lower(), error
            continue
        assert reply.status_code == 413 and reply.json()["error"]
    assert ws.value("SELECT count() FROM lines") == 0
    assert ws.events("lines", rows * 1000).json() == {"successful_rows": 1000, "quarantined_rows": 0}


# ---- accepted ----------------------------------------------------------------------------------------------------


def test_two_lines_without_a_last_newline(ws, empty_lines):
    """http-api.md 21.1"""
    reply = ws.post("/v0/events", '{"a":"1"}\n{"a":"2"}', name="lines", wait="true", from_="ts-sdk")
    assert (reply.status_code, reply.json()) == (200, {"successful_rows": 2, "quarantined_rows": 0})
    assert ws.value("SELECT count() FROM lines") == 2  # seen at once: wait means that the engine has them


def test_without_wait_202_and_soon_there(ws, empty_lines):
    reply = ws.post("/v0/events", '{"a":"1"}', name="lines")
    assert (reply.status_code, reply.json()) == (202, {"successful_rows": 1, "quarantined_rows": 0})
    assert ws.post("/v0/events", '{"a":"2"}', name="lines", wait="false").status_code == 202
    assert eventually(lambda: ws.value("SELECT count() FROM lines") == 2)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json", "text/plain", None,
                                          "multipart/form-data; boundary=x"])
def test_the_content_type_does_not_matter(ws, empty_lines, content_type):
    """http-api.md 21.2: curl -d sends a form type."""
    headers = {"Content-Type": content_type} if content_type else {}
    reply = ws.post("/v0/events", b'{"a":"1&b=2"}', name="lines", wait="true", headers=headers)
    assert reply.status_code == 200
    assert ws.value("SELECT a FROM lines") == "1&b=2"


@pytest.mark.parametrize("encoding, pack", [("gzip", gzip.compress), ("zstd", zstd), ("deflate", zlib.compress),
                                            ("x-gzip", gzip.compress), ("lz4", lz4), ("identity", bytes)])
def test_compressed_bodies(ws, empty_lines, encoding, pack):
    body = "\n".join(json.dumps({"a": f"row {i}"}) for i in range(1000)).encode()
    reply = ws.post("/v0/events", pack(body), name="lines", wait="true", headers={"Content-Encoding": encoding})
    assert (reply.status_code, reply.json()) == (200, {"successful_rows": 1000, "quarantined_rows": 0}), reply.text
    assert ws.value("SELECT uniqExact(a) FROM lines") == 1000


def test_two_gzip_members_are_one_body(ws, empty_lines):
    body = gzip.compress(b'{"a":"1"}\n') + gzip.compress(b'{"a":"2"}\n')
    reply = ws.post("/v0/events", body, name="lines", wait="true", headers={"Content-Encoding": "gzip"})
    assert reply.json() == {"successful_rows": 2, "quarantined_rows": 0}


def test_chunked_body(ws, empty_lines):
    pieces = (p for p in [b'{"a":', b'"1"}\n{"a"', b':"2"}'])
    reply = ws.session.post(ws.base + "/v0/events", params={"name": "lines", "wait": "true"}, data=pieces,
                            headers={"Authorization": f"Bearer {ws.token}"}, timeout=30)
    assert reply.json() == {"successful_rows": 2, "quarantined_rows": 0}


@pytest.mark.parametrize("body, rows", [
    ('{"a":"1"}\r\n\r\n\r\n{"a":"2"}\r\n', 2),
    ("\ufeff" + '{"a":"1"}', 1),
    ('\n\n{"a":"1"}\n\n\n', 1),
    ('{"a":"1"} \t\n', 1),
])
def test_blank_lines_crlf_and_bom(ws, empty_lines, body, rows):
    assert ws.events("lines", body).json() == {"successful_rows": rows, "quarantined_rows": 0}


@pytest.mark.parametrize("body", ['{\n  "a": "1"\n}', '[\n{"a":"1"}]'])
def test_format_json_may_span_lines(ws, empty_lines, body):
    reply = ws.events("lines", body, format="json")
    assert (reply.status_code, reply.json()) == (200, {"successful_rows": 1, "quarantined_rows": 0}), reply.text


def test_by_id_by_query_token_and_with_telemetry(ws, empty_lines):
    source = ws.get("/v0/datasources/lines").json()["id"]
    reply = ws.post("/v0/events", '{"a":"1"}', name=source, wait="true", token=None, from_="mockingbird",
                    mode="append", __tb_min_deployment="1", headers={"Authorization": f"Bearer {ws.token}"})
    assert reply.status_code == 200
    reply = ws.session.post(f"{ws.base}/v0/events?name=lines&wait=true&token={ws.token}", data='{"a":"2"}', timeout=30)
    assert reply.status_code == 200
    reply = ws.session.post(f"{ws.base}/api/v0/events/?name=lines&wait=true&token={ws.token}", data='{"a":"3"}', timeout=30)
    assert reply.status_code == 200
    assert ws.value("SELECT count() FROM lines") == 3


def test_an_empty_body_is_nothing(ws, empty_lines):
    reply = ws.events("lines", "")
    assert (reply.status_code, reply.json()) == (200, {"successful_rows": 0, "quarantined_rows": 0})


def test_the_row_arrives_as_it_was_sent(ws):
    ws.post("/v0/datasources/events/truncate")
    sparse = {"ts": "2026-03-02T10:11:13Z", "user": {"id": 2**64 - 1, "more": [1]}, "kind": "", "unknown": {"a": 1}}
    assert ws.events("events", [GOOD, sparse]).json() == {"successful_rows": 2, "quarantined_rows": 0}
    assert ws.rows("SELECT * FROM events ORDER BY ts") == [
        ["2026-03-02 10:11:12.345", 7, "click", 12.5, ["a", "b"], "x"],
        ["2026-03-02 10:11:13.000", 2**64 - 1, "", None, [], "none"]]


# ---- quarantine --------------------------------------------------------------------------------------------------


def test_one_bad_row_does_not_spoil_the_others(ws):
    """http-api.md 21.1: counts 1/1 and a row in the quarantine table, with every failing column named."""
    for name in ("events", "events_quarantine"):
        ws.post(f"/v0/datasources/{name}/truncate")
    bad = {"ts": "yesterday", "user": {"id": -1}, "kind": "click"}
    reply = ws.events("events", [GOOD, bad])
    assert (reply.status_code, reply.json()) == (200, {"successful_rows": 1, "quarantined_rows": 1})
    assert ws.value("SELECT count() FROM events") == 1
    reply = ws.sql("SELECT * FROM events_quarantine")
    names = [c["name"] for c in reply.json()["meta"]]
    assert names == ["c__error_column", "c__error", "c__import_id", "ts", "user_id", "kind", "amount", "tags", "note",
                     "insertion_date"]
    row = reply.json()["data"][0]
    assert row["c__error_column"] == ["ts", "user_id"] and len(row["c__error"]) == 2
    assert "yesterday" in row["c__error"][0] and "-1" in row["c__error"][1]
    assert (row["ts"], row["user_id"], row["kind"]) == ("yesterday", "-1", "click")
    assert ws.get("/v0/datasources/events").json()["quarantine_rows"] == 1


def test_all_rows_bad_is_still_accepted(ws, empty_lines):
    reply = ws.events("lines", '{"b":1}\n{"a":null}')
    assert (reply.status_code, reply.json()) == (200, {"successful_rows": 0, "quarantined_rows": 2})


def test_the_quarantine_reads_with_the_token_of_its_source(ws):
    token = {t["name"]: t["token"] for t in ws.get("/v0/tokens").json()["tokens"]}["reader"]
    assert ws.sql("SELECT count() FROM events_quarantine", token=token).status_code == 200
    assert ws.sql("SELECT count() FROM lines_quarantine", token=token).status_code in (400, 403, 404)


# ---- I1: text that is not data must never run ------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "TRUNCATE TABLE {table}",
    "DROP TABLE {table}",
    ";DROP TABLE {table};",
    "{{}}; DROP TABLE {table}",
    "INSERT INTO {table} VALUES ('evil')",
    "\\i /etc/passwd",
])
@pytest.mark.parametrize("gap", ["\n\n", "\r\n\r\n", "\n;\n", "\n\n;\n\n"])
def test_i1_sql_after_a_blank_line_is_data(ws, empty_lines, text, gap):
    """I1: the measured hole of inline INSERT data. The lines count as quarantined, the table keeps its rows."""
    ws.must_append("lines", [{"a": "keep"}])
    statement = text.format(table=ws.table("lines"))
    reply = ws.events("lines", '{"a":"one"}' + gap + statement + gap + '{"a":"two"}')
    assert reply.status_code == 200 and reply.json()["successful_rows"] == 2, reply.text
    assert reply.json()["quarantined_rows"] >= 1
    assert ws.rows("SELECT a FROM lines ORDER BY a") == [["keep"], ["one"], ["two"]]


def test_i1_blank_lines_and_sql_inside_a_value(ws, empty_lines):
    value = "a\n\n;DROP TABLE x;\r\n\r\n'\"\\`--/*"
    ws.must_append("lines", [{"a": value}])
    assert ws.value("SELECT a FROM lines") == value


# ---- I3: broken and hostile JSON -------------------------------------------------------------------------------------


HOSTILE = [
    ("invalid UTF-8", b'{"a":"\xff\xfe"}', "quarantined"),
    ("overlong UTF-8", b'{"a":"\xc0\xaf"}', "quarantined"),
    ("UTF-16 surrogate in UTF-8", b'{"a":"\xed\xa0\x80"}', "quarantined"),
    ("lone high surrogate", rb'{"a":"\ud800"}', "quarantined"),
    ("lone low surrogate", rb'{"a":"\udc00x"}', "quarantined"),
    ("surrogate pair", rb'{"a":"\ud83d\ude00"}', "😀"),
    ("NUL", rb'{"a":"x\u0000y"}', "x\0y"),
    ("raw NUL", b'{"a":"x\x00y"}', "quarantined"),
    ("raw newline escape", rb'{"a":"x\ny"}', "x\ny"),
    ("bad escape", rb'{"a":"\x41"}', "quarantined"),
    ("single quotes", b"{'a':'x'}", "quarantined"),
    ("trailing comma", b'{"a":"x",}', "quarantined"),
    ("two objects on a line", b'{"a":"x"}{"a":"y"}', "quarantined"),
    ("duplicate key, last wins", b'{"a":"x","a":"y"}', "y"),
    ("deep nesting", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "quarantined"),
    ("deep nesting unclosed", b'{"a":' + b'{"a":' * 100_000, "quarantined"),
    ("deep nesting beside", b'{"a":"x","b":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "quarantined"),
    ("object as text", b'{"a": {"k" : [1, 2.50, "z"]}}', '{"k":[1,2.50,"z"]}'),
    ("number as text", b'{"a": 1.50}', "1.50"),
    ("long key", b'{"' + b"k" * 1_000_000 + b'":1,"a":"x"}', "x"),
    ("100,000 keys", b"{" + b",".join(b'"k%d":%d' % (i, i) for i in range(100_000)) + b',"a":"x"}', "x"),
]


@pytest.mark.parametrize("name, line, outcome", HOSTILE, ids=[h[0] for h in HOSTILE])
def test_i3_hostile_json(ws, empty_lines, name, line, outcome):
    """I3: bounded time, and for each text either exactly its value or quarantine."""
    reply = ws.events("lines", b'{"a":"first"}\n' + line + b'\n{"a":"last"}\n')
    good = 0 if outcome == "quarantined" else 1
    assert reply.status_code == 200, reply.text
    assert reply.json() == {"successful_rows": 2 + good, "quarantined_rows": 1 - good}, name
    stored = [r[0] for r in ws.rows("SELECT a FROM lines WHERE a NOT IN ('first', 'last')")]
    assert stored == ([outcome] if good else []), name


# ---- I4, I5, I6: values that do not fit are quarantined, never changed ----------------------------------------------------

BAD = None


@pytest.mark.parametrize("column, text, stored", [
    ("i8", "127", "127"), ("i8", "-128", "-128"), ("i8", "128", BAD), ("i8", "300", BAD), ("i8", "1.7", BAD),
    ("i8", "1.0", "1"), ("i8", "1e2", "100"), ("i8", '"3"', BAD), ("i8", '""', BAD), ("i8", "true", BAD), ("i8", "[]", BAD),
    ("i8", "-0", "0"), ("i8", "00012", BAD), ("i8", "+1", BAD), ("i8", "0x10", BAD),
    ("u64", "9007199254740993", "9007199254740993"), ("u64", "18446744073709551615", "18446744073709551615"),
    ("u64", "18446744073709551616", BAD), ("u64", "-1", BAD), ("u64", "1e30", BAD), ("u64", "9007199254740993.5", BAD),
    ("i128", "170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
    ("i128", "170141183460469231731687303715884105728", BAD),
    ("i128", '"-170141183460469231731687303715884105728"', "-170141183460469231731687303715884105728"),
    ("f", "1e400", BAD), ("f", "-1e400", BAD), ("f", "NaN", BAD), ("f", "Infinity", BAD), ("f", '"nan"', BAD), ("f", '""', BAD),
    ("f", "0.1", "0.1"), ("f", "5e-324", "5e-324"), ("f", "-0.0", "-0"), ("f", "1.7976931348623157e308", "1.7976931348623157e308"),
    ("d", "1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"),
    ("d", '"1234567890123456789012345678.0123456789"', "1234567890123456789012345678.0123456789"),
    ("d", "12345678901234567890123456789.1", BAD), ("d", '"1e5"', "100000"), ("d", '"abc"', BAD), ("d", "NaN", BAD),
    ("t", '"1969-12-31 23:59:59"', BAD), ("t", '"2106-02-07 06:28:16"', BAD), ("t", '"2106-02-07 06:28:15"', "2106-02-07 06:28:15"),
    ("t", '"2024-02-30 00:00:00"', BAD), ("t", '"2024-13-01 00:00:00"', BAD), ("t", '"2024-06-30 24:00:00"', BAD),
    ("t", '"2016-12-31 23:59:60"', BAD), ("t", '"0000-00-00 00:00:00"', BAD), ("t", '""', BAD), ("t", '"1704413030"', BAD),
    ("t", "1704413030", "2024-01-05 00:03:50"), ("t", "-5", BAD), ("t", "4294967296", BAD), ("t", "1704413030123", BAD),
    ("t", '"2024-03-10T02:30:00-05:00"', "2024-03-10 07:30:00"), ("t", '"2024-01-05T00:03:50.999Z"', "2024-01-05 00:03:50"),
    ("t", '"02/01/2024 03:04"', BAD), ("t", '"Fri, 05 Jan 2024 00:03:50 GMT"', BAD),
    ("t64", '"2024-01-05 00:03:50.123456789"', "2024-01-05 00:03:50.123456789"),
    ("t64", '"1800-01-01 00:00:00"', BAD), ("t64", '"1969-12-31 23:59:59.5"', "1969-12-31 23:59:59.500000000"),
    ("t64", '"2299-12-31 23:59:59"', BAD),
    ("day", '"1969-12-31"', BAD), ("day", '"2024-02-29"', "2024-02-29"), ("day", '"2023-02-29"', BAD), ("day", "19000", BAD),
    ("day", '"2149-06-06"', "2149-06-06"), ("day", '"2149-06-07"', BAD), ("day", '"20240102"', BAD),
    ("b", "true", "true"), ("b", "1", "true"), ("b", "0", "false"), ("b", "2", BAD), ("b", '"true"', BAD),
])
def test_i4_i5_exact_or_quarantined(ws, column, text, stored):
    """I4, I5: numbers, dates and times at and behind the edges of their types (connectors.md 2.3, 2.5, 2.6)."""
    ws.post("/v0/datasources/numbers/truncate")
    ws.post("/v0/datasources/numbers_quarantine/truncate")
    reply = ws.events("numbers", f'{{"id":1}}\n{{"id":2,"{column}":{text}}}')
    assert reply.status_code == 200, reply.text
    counts = reply.json()
    assert counts == {"successful_rows": 1 if stored is BAD else 2, "quarantined_rows": 1 if stored is BAD else 0}
    found = ws.rows(f"SELECT toString({column}) FROM numbers WHERE id = 2")
    assert found == ([] if stored is BAD else [[stored]])
    assert ws.value("SELECT count() FROM numbers_quarantine") == (1 if stored is BAD else 0)


@pytest.mark.parametrize("row, outcome", [
    ({}, "bad"),
    ({"id": None}, "bad"),
    ({"id": 5}, "good"),
    ({"id": 5, "i8": None}, "good"),
    ({"id": 5, "extra": "dropped"}, "good"),
    ({"id": "5"}, "bad"),
    ({"id": 5.5}, "bad"),
    ({"id": {"v": 5}}, "bad"),
    ({"id": [5]}, "bad"),
    ({"ID": 5}, "bad"),
])
def test_i6_missing_null_and_drifting_types(ws, row, outcome):
    """I6: no silent default for a column that has none, and no matching of keys by guess."""
    reply = ws.events("numbers", [row, {"id": 1}])
    good = outcome == "good"
    assert reply.json() == {"successful_rows": 1 + good, "quarantined_rows": 1 - good}


def test_i6_null_takes_the_default_of_its_column(ws):
    ws.post("/v0/datasources/events/truncate")
    ws.must_append("events", [{**GOOD, "note": None, "tags": None}])
    assert ws.rows("SELECT note, tags FROM events") == [["none", []]]


def test_i6_one_bad_element_spoils_its_row(ws):
    reply = ws.events("events", [{**GOOD, "tags": ["a", None]}, {**GOOD, "tags": [["x"]]}, {**GOOD, "tags": "a"}, GOOD])
    assert reply.json()["quarantined_rows"] in (2, 3)  # an array inside is JSON text for a String element
    assert ws.events("events", [{**GOOD, "tags": "a"}]).json()["quarantined_rows"] == 1


# ---- idempotency and views -------------------------------------------------------------------------------------------


def test_r10_one_key_one_set_of_rows(ws, empty_lines):
    """R10: repeated and concurrent requests with one Idempotency-Key, in the table and in the view below it."""
    body = "\n".join(json.dumps({"a": f"k{i % 3}"}) for i in range(30))
    replies = []

    def send():
        replies.append(ws.session.post(f"{ws.base}/v0/events?name=lines&wait=true", data=body, timeout=30,
                                       headers={"Authorization": f"Bearer {ws.token}", "Idempotency-Key": "batch-1"}))

    threads = [threading.Thread(target=send) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    send()
    assert [r.status_code for r in replies] == [200] * 9, [r.text for r in replies]
    assert all(r.json() == {"successful_rows": 30, "quarantined_rows": 0} for r in replies)
    assert ws.value("SELECT count() FROM lines") == 30
    assert ws.value("SELECT sum(n) FROM sums") == 30


def test_r10_a_key_that_comes_back_with_another_body_is_409(ws, empty_lines):
    headers = {"Idempotency-Key": "batch-2"}
    assert ws.events("lines", [{"a": "1"}], headers=headers).status_code == 200
    reply = ws.events("lines", [{"a": "2"}], headers=headers)
    assert reply.status_code == 409 and reply.json()["error"]
    assert ws.rows("SELECT a FROM lines") == [["1"]]
    assert ws.events("lines", [{"a": "3"}], headers={"Idempotency-Key": "k" * 300}).status_code == 400


def test_the_same_rows_twice_without_a_key_are_two_sets(ws, empty_lines):
    ws.must_append("lines", [{"a": "same"}])
    ws.must_append("lines", [{"a": "same"}])
    assert ws.value("SELECT count() FROM lines") == 2
    assert ws.value("SELECT sum(n) FROM sums") == 2


def test_a_view_that_fails_is_422_and_the_rows_are_stored(new_workspace):
    """http-api.md 3.5: 422 says that the rows are in, so nobody sends them again."""
    ws = new_workspace()
    ws.must_build({
        "landing.datasource": "SCHEMA >\n    `x` UInt8 `json:$.x`\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"x\"\n",
        "target.datasource": "SCHEMA >\n    `y` UInt8\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"y\"\n",
        "view.pipe": "NODE n\nSQL >\n    SELECT toUInt8(x + throwIf(x = 13)) AS y FROM landing\nTYPE materialized\nDATASOURCE target\n",
    })
    ws.must_append("landing", [{"x": 1}])
    reply = ws.events("landing", [{"x": 13}])
    assert reply.status_code == 422, reply.text
    assert reply.json()["successful_rows"] == 1 and reply.json()["error"]
    assert ws.rows("SELECT x FROM landing ORDER BY x") == [[1], [13]]
    ws.must_append("landing", [{"x": 2}])  # one poisoned batch does not stop the next
    assert ws.rows("SELECT y FROM target ORDER BY y") == [[1], [2]]


def test_r10_keys_and_rows_survive_a_restart(start_server):
    """R10: a request repeated after the server came back is known by its key; rows accepted just before are there."""
    server = start_server(flags=["--flush-interval-ms", "600000"])
    ws = server.default_workspace()
    ws.must_build({"lines.datasource": PROJECT["datasources/lines.datasource"]})
    headers = {"Idempotency-Key": "over-restart"}
    assert ws.post("/v0/events", '{"a":"1"}\n{"a":"2"}', name="lines", headers=headers).status_code == 202
    server.stop()
    server.start()
    ws = server.default_workspace()
    reply = ws.events("lines", '{"a":"1"}\n{"a":"2"}', headers=headers)
    assert (reply.status_code, reply.json()) == (200, {"successful_rows": 2, "quarantined_rows": 0})
    assert ws.value("SELECT count() FROM lines") == 2


def test_the_books_balance(start_server):
    """design.md 4: accepted = stored + quarantined + deduplicated, per data source, whatever way the rows came in."""
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws = server.default_workspace()
    ws.must_build({"lines.datasource": PROJECT["datasources/lines.datasource"]})
    body = '{"a":"1"}\n{"b":"2"}\n{"a":"3"}'

    def books():
        found = {}
        for line in ws.get("/metrics", token=None).text.splitlines():
            if line.startswith("kinglet_data_source_rows"):
                name, value = line.rsplit(" ", 1)
                found[name.split('outcome="')[-1].rstrip('"}') if "outcome" in name else "pending"] = int(value)
        return found

    none = dict.fromkeys(("accepted", "stored", "quarantined", "deduplicated", "failed", "dropped", "sampled_out", "pending"), 0)
    for _ in range(2):
        ws.events("lines", body, headers={"Idempotency-Key": "m"})
    assert eventually(lambda: books() == {**none, "accepted": 6, "stored": 2, "quarantined": 1, "deduplicated": 3}), books()
    for mode in ("append", "replace"):
        reply = ws.post("/v0/datasources", body, name="lines", mode=mode, headers={"Content-Type": "application/x-ndjson"})
        assert (reply.json()["successful_rows"], reply.json()["quarantined_rows"]) == (2, 1)
        assert eventually(lambda: books()["pending"] == 0, 3), (mode, books())
    assert ws.post("/v0/datasources", body + "\n\x1f\x8b rubbish", name="lines", mode="append", headers={"Content-Type": "application/x-ndjson"}).status_code == 200
    assert eventually(lambda: books()["pending"] == 0, 3), books()
