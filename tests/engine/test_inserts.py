# SPDX-License-Identifier: Apache-2.0
"""Inserts: rows are a Native body that nothing reads as SQL; failures store nothing; tokens drop retries."""
import socket
import urllib.parse

import pytest

from conftest import native
from kinglet_server import eventually


@pytest.fixture
def table(store):
    store.ok("CREATE OR REPLACE TABLE ws_a.i (a UInt64, b String) ENGINE = MergeTree ORDER BY a "
             "SETTINGS non_replicated_deduplication_window = 1000")
    return "INSERT INTO ws_a.i (a, b)"


def count(store):
    return int(store.ok("SELECT count() FROM ws_a.i"))


@pytest.mark.parametrize("tail", [" VALUES", " SELECT 1, 'x'", "; DROP TABLE ws_a.i", " SETTINGS max_threads = 1", ") x", " FROM INFILE '/etc/passwd'"])
def test_statement_is_the_head_only(store, table, tail):
    reply = store.insert(table + tail, native([("a", "UInt64", [1]), ("b", "String", ["x"])]))
    assert reply.status == 400 and reply.code in (36, 62), reply.text
    assert count(store) == 0


def test_rows_inline_in_a_body_statement_are_refused(store, table):
    for sql in ("INSERT INTO ws_a.i VALUES (1, 'x')", "INSERT INTO ws_a.i FORMAT JSONEachRow\n{\"a\":1}\n\nTRUNCATE TABLE ws_a.t",
                "INSERT INTO ws_a.i (a, b) FORMAT CSV 1,x", "INSERT INTO ws_a.i FROM INFILE '/etc/passwd' FORMAT CSV"):
        reply = store.run(sql)
        assert reply.status == 400 and reply.code in (36, 62), (sql, reply.text)
    assert count(store) == 0 and store.ok("SELECT count() FROM ws_a.t") == "1000\n"


def test_bad_bodies_store_nothing(store, table):
    good = native([("a", "UInt64", [1, 2]), ("b", "String", ["x", "y"])])
    for body, code in ((b"\0\0", 36), (b"\0\0" + good, 36), (good[:-1], None), (b"garbage" * 10, None), (good + b"\1", None),
                       (native([("a", "String", ["1"]), ("b", "String", ["x"])]), 53),
                       (native([("a", "UInt64", [1]), ("nosuch", "String", ["x"])]), None)):
        reply = store.insert(table, body)
        assert reply.status >= 400 and (code is None or reply.code == code), (body, reply.text)
        assert count(store) == 0
    # The worker is usable at once.
    assert store.insert(table, good).summary["written_rows"] == 2


@pytest.mark.parametrize("statement,code", [("INSERT INTO ws_a.nosuch (a)", 60), ("INSERT INTO ws_a.i (nosuch)", 16), ("INSERT INTO", 36),
                                            ("INSERT INTO ws_a.i (a", 36), ("INSERT INTO FUNCTION file('x.csv')", 36)])
def test_wrong_targets(store, table, statement, code):
    assert store.insert(statement, native([("a", "UInt64", [1])])).code == code


def test_unknown_setting_and_readonly(store, table):
    block = native([("a", "UInt64", [1]), ("b", "String", ["x"])])
    assert store.insert(table, block, nosuch="1").code == 115
    assert store.insert(table, block, readonly="1").code == 164
    assert store.insert(table + " FORMAT Parquet", block).code == 73
    assert count(store) == 0


def test_rows_are_never_read_as_sql(store, table):  # engine.md 3: inline data ends at a blank line, the rest is executed
    values = ["plain", "blank\n\nTRUNCATE TABLE ws_a.t", "\n\n\n;DROP TABLE ws_a.t;\n\n", "'; DROP TABLE ws_a.t --", "\0\n\n\0"]
    reply = store.insert(table, native([("a", "UInt64", range(5)), ("b", "String", values)]))
    assert reply.status == 200 and reply.summary["written_rows"] == 5
    body = store.ok("SELECT b FROM ws_a.i ORDER BY a FORMAT RowBinary")
    assert all(value in body for value in values) and store.ok("SELECT count() FROM ws_a.t") == "1000\n"


def test_format_in_the_statement_or_url(store, table):
    assert store.insert(table + " FORMAT Native", native([("a", "UInt64", [1]), ("b", "String", ["x"])])).status == 200
    assert store.insert(table + " FORMAT JSONEachRow", b'{"a":2,"b":"y"}\n\n{"a":3,"b":"z"}').summary["written_rows"] == 2
    assert store.insert(table, b"4,w\n", default_format="CSV").status == 200
    assert store.insert(table, b"").summary["written_rows"] == 0
    assert count(store) == 4


def test_token_drops_the_retry(store, table):
    block = native([("a", "UInt64", [1, 2]), ("b", "String", ["x", "y"])])
    for _ in range(3):
        assert store.insert(table, block, insert_deduplication_token="t'1\\").status == 200
    assert count(store) == 2
    assert store.insert(table, block, insert_deduplication_token="t2").status == 200
    assert count(store) == 4


@pytest.mark.parametrize("chunked", [False, True])
def test_large_bodies_stream_in(store, table, chunked):
    rows = 200_000
    block = native([("a", "UInt64", range(rows)), ("b", "String", ["x" * 100] * rows)])
    assert len(block) > 16 << 20
    body = (block[i:i + 100_000] for i in range(0, len(block), 100_000)) if chunked else block
    reply = store.insert(table, body)
    assert reply.status == 200 and reply.summary["written_rows"] == rows
    assert count(store) == rows


@pytest.mark.parametrize("rows", [1000, 200_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_leaves_in_the_body_stores_nothing(store, table, chunked, rows):
    block = native([("a", "UInt64", range(rows)), ("b", "String", ["x" * 100] * rows)])
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(store.socket)
    target = "/?" + urllib.parse.urlencode({"query": table})
    if chunked:  # a whole block, but no last chunk: the sender may have had more to say
        peer.sendall(f"POST {target} HTTP/1.1\r\nHost: e\r\nTransfer-Encoding: chunked\r\n\r\n{len(block):x}\r\n".encode() + block + b"\r\n")
    else:
        peer.sendall(f"POST {target} HTTP/1.1\r\nHost: e\r\nContent-Length: {len(block) + 1}\r\n\r\n".encode() + block)
    peer.close()
    assert eventually(lambda: store.status()["queries_running"] == 0)
    assert count(store) == 0
    assert eventually(lambda: store.status()["write"]["busy"] == 0)


def test_view_errors_are_told(store, table):
    store.ok("CREATE OR REPLACE TABLE ws_a.target (a UInt64) ENGINE = MergeTree ORDER BY a")
    store.ok("DROP VIEW IF EXISTS ws_a.v")
    store.ok("CREATE MATERIALIZED VIEW ws_a.v TO ws_a.target AS SELECT a + throwIf(a = 7) AS a FROM ws_a.i")
    reply = store.insert(table, native([("a", "UInt64", [7]), ("b", "String", ["x"])]))
    assert reply.code == 395 and "ws_a.v" in reply.text
    store.ok("DROP VIEW ws_a.v")
