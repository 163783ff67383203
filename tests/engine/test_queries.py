# SPDX-License-Identifier: Apache-2.0
"""Queries over the ClickHouse HTTP protocol: refusals, limits, formats, headers, row filters."""
import json

import pytest


def test_ping_and_unknown_routes(store):
    assert store.request("GET", "/ping").body == b"Ok.\n"
    assert store.request("GET", "/nosuch").status == 404
    assert store.request("GET", "/?query=SELECT+1").status == 405


@pytest.mark.parametrize("sql", ["", ";", "exit", "quit", r"\i /etc/passwd", "SHOW TABLES", "KILL QUERY WHERE 1", "1+1", "??",
                                 "INSERT INTO ws_a.t VALUES (1, 'x')", "DROP TABLE ws_a.t", "EXPLAIN SELECT 1", "SET readonly = 0",
                                 "DESCRIBE ws_a.t", "SYSTEM SHUTDOWN"])
def test_readonly_runs_nothing_but_select(store, sql):  # attacks.md S8; sql-resolution.md finding 8
    reply = store.read(sql)
    assert reply.status in (400, 403) and reply.code in (62, 164), (reply.status, reply.text)
    assert store.ok("SELECT count() FROM ws_a.t") == "1000\n"


@pytest.mark.parametrize("sql", ["SELECT 1; DROP TABLE ws_a.t", "SELECT 1\n\n;TRUNCATE TABLE ws_a.t", "SELECT 1 INTO OUTFILE 'x.csv'",
                                 "SELECT 1 INTO OUTFILE '/tmp/kinglet_outfile_test'"])
@pytest.mark.parametrize("form", ["JSONEachRow", "JSON"])
def test_readonly_takes_one_statement_without_outfile(store, sql, form):
    reply = store.read(sql, default_format=form)
    assert reply.status in (400, 403) and reply.code in (62, 164), (reply.status, reply.text)
    assert store.ok("SELECT count() FROM ws_a.t") == "1000\n"
    assert not (store.data / "x.csv").exists()


def test_unknown_setting_is_refused_at_once(store):
    for readonly in (0, 1):
        reply = store.run("SELECT 1", readonly=readonly, max_execution_tim="1")
        assert (reply.status, reply.code) == (404, 115)
        assert "max_execution_tim" in reply.text and reply.text.endswith("(official build))\n")


@pytest.mark.parametrize("name,value,code", [("max_execution_time", "abc", 72), ("max_execution_time", "-1", 72), ("max_threads", "-1", 72),
                                             ("max_memory_usage", "10000000000000000000000", 72), ("max_rows_to_read", "x", 72),
                                             ("join_algorithm", "nosuch", 72)])
def test_values_that_the_engine_would_wrap_or_refuse(store, name, value, code):
    reply = store.read("SELECT 1", **{name: value})
    assert (reply.status, reply.code) == (400, code), reply.text


@pytest.mark.parametrize("name", ["allow_introspection_functions", "implicit_select", "allow_ddl", "max_subquery_depth"])
def test_a_user_query_cannot_loosen_the_fixed_limits(store, name):
    assert store.read("SELECT 1", **{name: "1"}).code == 452


def test_formats_unknown_or_refused(store):
    for name in ("nosuch", "Template", "Null", "Protobuf", "MySQLWire"):
        assert (store.read("SELECT 1", default_format=name).status, store.read("SELECT 1", default_format=name).code) == (404, 73)
        assert store.read(f"SELECT 1 FORMAT {name}").code == 73


def test_bad_urls(store):
    assert store.read("SELECT 1", query_id="a\nb").code == 36
    assert store.request("POST", "/?readonly=2", b"SELECT 1").code == 36
    assert store.request("POST", "/?query=SELECT+1", b"").code == 36
    assert store.request("POST", "/?readonly=1", b"SELECT 'abc").code == 62
    assert store.request("POST", "/?readonly=1", b"SELECT 1 /* open").code == 62
    assert store.request("POST", "/?readonly=1", b"SELECT\0 1").code == 62


def test_errors_carry_code_name_and_version(store):
    reply = store.read("SELECT nosuch FROM ws_a.t", query_id="q-err")
    assert (reply.status, reply.code) == (404, 47)
    assert reply.text.startswith("Code: 47. DB::Exception: ") and "(UNKNOWN_IDENTIFIER) (version 26." in reply.text
    assert reply.headers["X-ClickHouse-Query-Id"] == "q-err"
    assert store.read("SELECT * FROM ws_a.nosuch").code == 60


def test_limits_of_a_request_hold(store):
    assert store.read("SELECT count() FROM system.numbers", max_execution_time="0.3").code == 159
    assert store.read("SELECT groupArray(number) FROM numbers(100000000)", max_memory_usage=50_000_000).code == 241
    assert store.read("SELECT number FROM numbers(1000)", max_result_rows=10).code == 396
    assert store.read("SELECT count() FROM ws_a.t WHERE NOT ignore(*)", max_rows_to_read=10).code == 158
    # A constant column is not counted by the engine: we count (sql-resolution.md finding 12).
    reply = store.read("SELECT repeat('x', 1000000) FROM numbers(100)", max_result_bytes=100_000, default_format="TabSeparated")
    assert reply.code == 396
    reply = store.read("SELECT repeat('x', 1000000) FROM numbers(100)", max_result_bytes=100_000, default_format="JSON")
    assert reply.code == 396


@pytest.mark.parametrize("form,body,kind", [
    ("JSONEachRow", b'{"n":0}\n{"n":1}\n', "application/x-ndjson; charset=UTF-8"),
    ("CSV", b"0\n1\n", "text/csv; charset=UTF-8; header=absent"),
    ("TSV", b"0\n1\n", "text/tab-separated-values; charset=UTF-8"),
    ("JSONCompactEachRow", b"[0]\n[1]\n", "text/plain; charset=UTF-8"),
    ("RowBinary", b"\0" * 8 + b"\1" + b"\0" * 7, "application/octet-stream"),
    ("Native", b"\1\2\1n\6UInt64" + b"\0" * 8 + b"\1" + b"\0" * 7, "application/octet-stream"),
    ("CSVWithNames", b'"n"\n0\n1\n', "text/csv; charset=UTF-8; header=present"),
])
def test_formats(store, form, body, kind):
    for reply in (store.read("SELECT number AS n FROM numbers(2)", default_format=form),
                  store.read(f"SELECT number AS n FROM numbers(2) FORMAT {form};")):
        assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, body, kind)
        assert reply.headers["X-ClickHouse-Format"] == {"TSV": "TabSeparated"}.get(form, form)
        assert reply.headers["X-ClickHouse-Timezone"] == "UTC"
        tag = reply.headers["X-ClickHouse-Exception-Tag"]
        assert len(tag) == 16 and tag.isalpha() and tag.islower()


def test_json_of_many_blocks_is_one_document(store):
    reply = store.read("SELECT number FROM numbers(200000)", default_format="JSON")
    document = json.loads(reply.body)
    assert document["rows"] == 200_000 and document["data"][-1] == {"number": 199_999}


def test_stream_of_many_blocks_is_complete(store):
    reply = store.read("SELECT number FROM numbers(2000000)", default_format="RowBinary")
    assert len(reply.body) == 16_000_000 and reply.body[-8:] == (1_999_999).to_bytes(8, "little") and not reply.broken


def test_summary_in_header_and_trailer(store):
    reply = store.read("SELECT sum(k) FROM ws_a.t")
    assert reply.summary["read_rows"] == 1000 and reply.summary["elapsed_ns"] > 0
    # A long stream has it in the trailer, for those who ask.
    connection = store.connection()
    connection.request("POST", "/?readonly=1&default_format=RowBinary", b"SELECT number FROM numbers(2000000)", {"TE": "trailers"})
    raw = b""
    while part := connection.sock.recv(1 << 20):
        raw += part
        if b"X-ClickHouse-Summary: " in raw[-2000:] and raw.endswith(b"\r\n\r\n"):
            break
    connection.close()
    trailer = raw[raw.rindex(b"X-ClickHouse-Summary: "):]
    assert b'"read_rows":"2000000"' in trailer and b'"result_rows":"2000000"' in trailer, trailer


def test_parameters_are_values_not_text(store):
    sql = "SELECT count() FROM ws_a.t WHERE s = {x:String}"
    assert store.read(sql, param_x="o1").text == "333\n"
    assert store.read(sql, param_x="o1' OR 1 = 1 --").text == "0\n"
    assert store.read(sql, param_x="a\\'b\\\\").text == "0\n"
    assert store.read(sql).code == 456
    assert store.read(sql, param_x="o1", default_format="JSONCompact").text.count("333") == 1
    # They are gone for the next request of the same profile.
    assert store.read(sql).code == 456


@pytest.mark.parametrize("value", ["o1", "q'\\uote", "tab\there", "nl\nhere", "semi;colon -- /* ", "`back` \"double\" {brace}"])
def test_row_filters_by_setting(store, value):  # sql-resolution.md 6.2, with correct quoting on the connect line
    name = "ws_a.f"
    store.ok(f"CREATE OR REPLACE TABLE {name} (k UInt64, s String) ENGINE = MergeTree ORDER BY k")
    lit = value.replace("\\", "\\\\").replace("'", "\\'")
    store.ok(f"INSERT INTO {name} SELECT number, if(number < 7, '{lit}', 'other') FROM numbers(100)")
    condition = f"`s` = '{lit}'"
    filters = "{'" + name + "':'" + condition.replace("\\", "\\\\").replace("'", "\\'") + "'}"
    for form in ("TabSeparated", "TabSeparatedWithNames"):
        reply = store.read(f"SELECT count() FROM {name}", additional_table_filters=filters, default_format=form)
        assert reply.status == 200 and reply.text.splitlines()[-1] == "7", reply.text
        # Also where a caller's lambda would replace the operator (finding 6), and in joins and sub-queries.
        sql = f"WITH (x, y) -> 1 AS equals SELECT count() FROM (SELECT * FROM {name}) AS a INNER JOIN {name} AS b USING k"
        reply = store.read(sql, additional_table_filters=filters, default_format=form)
        assert reply.status == 200 and reply.text.splitlines()[-1] == "7", reply.text
    # The filter is part of the profile: the next request without it sees all rows, and the next with it does not.
    assert store.read(f"SELECT count() FROM {name}").text == "100\n"
    assert store.read(f"SELECT count() FROM {name}", additional_table_filters=filters).text == "7\n"


def test_settings_that_read_back_otherwise(store):
    for settings in ({"max_threads": 0}, {"max_threads": 4}, {"max_execution_time": "0"}, {"max_execution_time": "1.5"}, {"max_memory_usage": 2 << 30},
                     {"session_timezone": "Europe/Berlin"}, {"join_use_nulls": 1}, {"output_format_json_quote_64bit_integers": 1},
                     {"join_algorithm": "hash,grace_hash"}, {"max_block_size": 1000}, {"http_receive_timeout": 30}):
        assert store.read("SELECT 1", **settings).status == 200, settings
        assert store.run("SELECT 1", **settings).status == 200, settings


def test_broken_row_filters_are_refused_not_dropped(store):
    for filters in ("", "{", "{'ws_a.t'}", "{'ws_a.t':'s ='}", "{'ws_a.t':'s = ''}", "x"):
        reply = store.read("SELECT count() FROM ws_a.t", additional_table_filters=filters)
        assert reply.status != 200 or not filters, (filters, reply.text)


def test_no_output_of_a_failed_query_reaches_the_next(store):  # sql-resolution.md finding 7
    for form in ("JSON", "TabSeparated", "JSONEachRow"):
        for _ in range(4):
            bad = store.read("SELECT number, throwIf(number = 150000) FROM numbers(200000)", default_format=form, max_block_size=1000)
            assert bad.status == 500 or bad.broken
            good = store.read("SELECT 42 AS x", default_format=form)
            assert good.status == 200 and b"42" in good.body and len(good.body) < 400


def test_late_error_block_and_no_last_chunk(store):  # clickhouse-interface.md 7
    reply = store.read("SELECT number, throwIf(number = 1900000, 'late') FROM numbers(2000000)",
                       default_format="TabSeparated", max_threads=1)
    assert reply.status == 200 and reply.broken
    tag = reply.headers["X-ClickHouse-Exception-Tag"].encode()
    end = b"\r\n__exception__\r\n"
    assert reply.body.endswith(b" " + tag + end)
    head, _, rest = reply.body.partition(end + tag + b"\r\n")
    text, _, length = rest[: -len(b" " + tag + end)].rpartition(b"\n")
    assert head.endswith(b"\n") and text.startswith(b"Code: 395. DB::Exception: late") and int(length) == len(text) + 1


def test_the_current_database_is_empty(store):
    assert store.read("SELECT currentDatabase()").text == "kinglet_empty\n"
    assert store.read("SELECT count() FROM t").code == 60
    assert store.read("SELECT count() FROM default.t").code in (60, 81)


def test_own_statements(store):
    assert store.ok("SHOW TABLES FROM ws_a LIKE 't'") == "t\n"
    assert store.ok("SELECT count() FROM ws_a.t", default_format="JSONCompact").count("1000") == 1
    reply = store.run("CREATE TABLE ws_a.t (x Int8) ENGINE = MergeTree ORDER BY x")
    assert reply.code == 57 and reply.status == 500
    assert store.run("SELECT 1; SELECT 2").code == 62
    assert store.run("CREATE DATABASE IF NOT EXISTS ws_a", default_format="Null").body == b""
    assert store.run("SELECT 1", default_format="Null").body == b""
    assert store.run("ALTER TABLE ws_a.t ADD COLUMN IF NOT EXISTS k2 UInt8; DROP TABLE ws_a.t").code == 62


@pytest.mark.parametrize("sql, table", [("SELECT a FROM ws_a.t WHERE b IN (SELECT 1)", "ws_a.t"), ("WITH c AS (SELECT 1) SELECT * FROM c", "c"),
                                        ("(SELECT a FROM nowhere.x)", "nowhere.x"), ("select 1 from `ws_a`.`t`", "ws_a.t")])
def test_the_tree_of_a_text_for_users(store, sql, table):
    """S17: what the gateway compares its own reading with. Names are not looked up: nothing of the text runs."""
    reply = store.read("EXPLAIN AST " + sql, default_format="TabSeparatedRaw")
    assert reply.status == 200, reply.text
    assert reply.text.startswith("SelectWithUnionQuery") and f"TableIdentifier {table}\n" in reply.text


@pytest.mark.parametrize("sql", ["EXPLAIN SELECT 1", "EXPLAIN AST FROM ws_a.t", "EXPLAIN AST DROP TABLE ws_a.t", "EXPLAIN AST INSERT INTO ws_a.t SELECT 1",
                                 "EXPLAIN AST WITH c AS (SELECT 1) INSERT INTO ws_a.t SELECT * FROM c", "EXPLAIN AST SELECT 1; SELECT 2",
                                 "EXPLAIN AST SELECT 1 INTO OUTFILE 'x'", "EXPLAIN PLAN SELECT 1", "EXPLAIN AST optimize = 1 SELECT 1", "EXPLAIN AST"])
def test_s17_only_the_tree_of_one_select_is_shown(store, sql):
    reply = store.read(sql)
    assert reply.status != 200 and reply.code in (36, 62, 164), (reply.status, reply.text)


def test_s17_a_text_with_scalar_subqueries_is_only_read(store):
    """sql-resolution.md 9: EXPLAIN AST runs nothing, not even what analysis would."""
    reply = store.read("EXPLAIN AST SELECT (SELECT throwIf(1)), file('/etc/passwd')")
    assert reply.status == 200 and "Function throwIf" in reply.text
