# SPDX-License-Identifier: Apache-2.0
"""/v0/sql: the forms of a request, formats, and what is refused before it reaches the engine (http-api.md 6, sql-resolution.md 8, 14)."""
import socket

import pytest

from kinglet_server import eventually

PROJECT = {
    "events.datasource": """
SCHEMA >
    `id` UInt32 `json:$.id`,
    `org` String `json:$.org`,
    `n` UInt64 `json:$.n`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "id"
""",
    "secret.datasource": """
SCHEMA >
    `id` UInt32 `json:$.id`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "id"
""",
    "top.pipe": "NODE n\nSQL >\n    %\n    SELECT org, count() AS c FROM events WHERE id < {{UInt32(below, 100)}} GROUP BY org ORDER BY org\nTYPE endpoint\n",
    "plain.pipe": "NODE a\nSQL >\n    SELECT id FROM events\n\nNODE b\nSQL >\n    SELECT id + 1 AS id FROM a\n",
}


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build(PROJECT)
    ws.must_append("events", [{"id": i, "org": "acme" if i % 3 else "other", "n": i * 10} for i in range(60)])
    ws.must_append("secret", [{"id": 424242}])


@pytest.fixture(scope="module")
def reader(ws):
    """A token that reads `events` and `top`, not `secret`."""
    return ws.new_token("sql_reader", "DATASOURCES:READ:events", "PIPES:READ:top")


# ---- forms -------------------------------------------------------------------------------------------------------------


def form_type(body):
    return {"body": body, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}


@pytest.mark.parametrize("method, arguments, data", [
    ("GET", {"q": "SELECT 1 AS a"}, [{"a": 1}]),
    ("POST", {"body": "SELECT 1 AS a", "headers": {"Content-Type": "text/plain"}}, [{"a": 1}]),
    ("POST", {"body": "SELECT 1 AS a"}, [{"a": 1}]),
    ("POST", form_type("SELECT 1 = 1 AS a FORMAT JSON"), [{"a": 1}]),
    ("POST", form_type("SELECT 7 % 4 AS a, '&b=c+d%20' AS s"), [{"a": 3, "s": "&b=c+d%20"}]),
    ("POST", form_type("with 1 as x select x as a"), [{"a": 1}]),
    ("POST", form_type("q=SELECT%201+AS+a"), [{"a": 1}]),
    ("POST", form_type("q=%25SELECT {{Int32(n,1)}} AS a&n=3"), [{"a": 3}]),
    ("POST", {"body": '{"q":"% SELECT {{Int32(n, 1)}} AS a FORMAT JSON","n":3}', "headers": {"Content-Type": "application/json"}}, [{"a": 3}]),
    ("POST", {"body": '{"q":"% SELECT {{Array(x, \'Int32\')}} AS a","x":[1,2], "format":"json"}'}, [{"a": [1, 2]}]),
    ("POST", {"body": "SELECT 2 AS a", "q": "SELECT 1 AS a"}, [{"a": 1}]),
    ("GET", {"q": "SELECT 1 AS a;"}, [{"a": 1}]),
    ("GET", {"q": "SELECT 1 AS a ; \n -- done"}, [{"a": 1}]),
    ("GET", {"q": "SELECT * FROM (SELECT org, max(n) AS m FROM events GROUP BY org) ORDER BY m LIMIT 1 FORMAT JSON", "release_replacements": "true"},
     [{"org": "other", "m": 570}]),
])
def test_forms_of_a_request(ws, method, arguments, data):
    """http-api.md 6.1, 21.3, 21.4"""
    reply = ws.request(method, "/v0/sql", **arguments)
    assert reply.status_code == 200, reply.text
    assert reply.json()["data"] == data


def test_the_default_is_json_with_meta_and_statistics(ws):
    reply = ws.sql("SELECT 1 AS a")
    assert reply.headers["Content-Type"] == "application/json; charset=UTF-8"
    answer = reply.json()
    assert answer["meta"] == [{"name": "a", "type": "UInt8"}] and answer["rows"] == 1 and "statistics" in answer


@pytest.mark.parametrize("word, content_type, body", [
    ("JSONEachRow", "application/x-ndjson", '{"a":18446744073709551615,"b":"x"}\n'),
    ("CSV", "text/csv", '18446744073709551615,"x"\n'),
    ("CSVWithNames", "text/csv", '"a","b"\n18446744073709551615,"x"\n'),
    ("TSV", "text/tab-separated-values", "18446744073709551615\tx\n"),
    ("TabSeparatedWithNames", "text/tab-separated-values", "a\tb\n18446744073709551615\tx\n"),
    ("`csv`", "text/csv", '18446744073709551615,"x"\n'),
])
def test_formats(ws, word, content_type, body):
    """http-api.md 2.3, 21.5: integers of 64 bits are not quoted."""
    reply = ws.sql(f"SELECT toUInt64(18446744073709551615) AS a, 'x' AS b FORMAT {word}")
    assert (reply.status_code, reply.headers["Content-Type"], reply.text) == (200, content_type, body)


def test_parquet_prometheus_and_pretty(ws):
    assert ws.sql("SELECT 1 AS a FORMAT Parquet").content[:4] == b"PAR1"
    assert ws.sql("SELECT 'm' AS name, 1 AS value FORMAT Prometheus").text.startswith("m 1\n")
    assert "│" in ws.sql("SELECT 1 AS a FORMAT PrettyCompact").content.decode()
    assert "| a |" in ws.sql("SELECT 1 AS a FORMAT Markdown").text


@pytest.mark.parametrize("word", ["Template", "CustomSeparated", "Protobuf", "MySQLWire", "PostgreSQLWire", "Null", "SQLInsert", "Hash", "Native5", "ODBCDriver2"])
def test_other_formats_are_refused(ws, word):
    assert ws.sql(f"SELECT 1 AS a FORMAT {word}").status_code == 400


def test_templates_and_pipes(ws):
    assert ws.rows("SELECT c FROM top") == [[40], [20]]
    assert ws.request("POST", "/v0/sql", body='{"q":"SELECT c FROM top","below":3}').json()["data"] == [{"c": 2}, {"c": 1}]
    assert ws.value("SELECT max(id) FROM plain") == 60
    assert ws.value("SELECT count() FROM _", pipeline="top") == 2
    assert ws.value("SELECT max(id) FROM a", pipeline="plain") == 59  # a node, by its name
    assert ws.get("/v0/sql", q="SELECT * FROM (% SELECT {{Int32(a, 4)}} AS a)", pipeline="plain").json()["data"] == [{"a": 4}]
    assert ws.sql("SELECT 1", pipeline="nowhere").status_code == 404
    assert ws.sql("SELECT {{Int32(a, 4)}}").status_code == 400  # without % there is no template


# ---- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", ["", " \n", None])
def test_no_sql(ws, q):
    reply = ws.get("/v0/sql", **({} if q is None else {"q": q}))
    assert reply.status_code == 400 and "q" in reply.json()["error"]


def test_a_text_that_is_too_long(ws):
    assert ws.sql("SELECT '" + "x" * 70_000 + "'").status_code in (400, 413)


S4 = ["SELECT 1; DROP TABLE events", "SELECT 1;;SELECT 2", "DROP TABLE events", "INSERT INTO events SELECT * FROM events",
      "WITH c AS (SELECT 1) INSERT INTO events SELECT * FROM c", "KILL QUERY WHERE 1", "SELECT 1 PARALLEL WITH SELECT 2",
      "SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT 1 /* ; */; /* */ DROP TABLE events -- x", "EXPLAIN SELECT 1", "SHOW TABLES",
      "DESCRIBE TABLE events", "CREATE TABLE x (a Int8) ENGINE = Memory", "ALTER TABLE events DELETE WHERE 1", "SYSTEM SHUTDOWN",
      "SET readonly = 0", "USE system", "exit", "1 + 1", "\\i /etc/passwd", "BACKUP DATABASE default TO File('/tmp/x')",
      "GRANT ALL ON *.* TO default", "OPTIMIZE TABLE events FINAL", "TRUNCATE TABLE events", "ATTACH TABLE x", "SELECT * FROM (DROP TABLE events)",
      "SELECT * FROM (EXPLAIN SELECT 1)", "SELECT {p:Identifier}", "SELECT * FROM events STREAM",
      "SELECT * FROM events UUID '00000000-0000-0000-0000-000000000001'"]
S5 = ["SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS allow_ddl = 1", "SELECT * FROM (SELECT 1 SETTINGS readonly = 0)",
      "SELECT 1 SETTINGS max_memory_usage = 0, readonly = 2", "SELECT 1 SETTINGS additional_table_filters = {}",
      "SELECT 1 SETTINGS readonly = 0 UNION ALL SELECT 2", "SELECT * FROM numbers(1, SETTINGS max_threads = 1)",
      "SELECT 1 SETTINGS output_format_template_row = '/etc/passwd'", "SELECT 1 SETTINGS SQL_anything = 1",
      "SELECT * FROM events WHERE id IN (SELECT 1 SETTINGS max_threads = 1)"]
S6 = ["url('http://127.0.0.1/','TSV','a String')", "s3('https://x.s3.amazonaws.com/a.csv')", "gcs('https://x/a')", "remote('127.0.0.1','system','one')",
      "remoteSecure('h','d','t')", "mysql('h:3306','d','t','u','p')", "postgresql('h:5432','d','t','u','p')", "mongodb('h','d','c','u','p','s')",
      "redis('h:6379','k','s')", "hdfs('hdfs://h/f','TSV','a String')", "azureBlobStorage('c','b','f')", "iceberg('http://h/')",
      "deltaLake('http://h/')", "jdbc('jdbc:x','d','t')", "odbc('DSN','d','t')", "executable('x','TSV','a String')",
      "dictionary('d')", "urlCluster('c','http://h/','TSV')", "s3Cluster('c','http://h/')", "icebergS3('http://h/')"]
S8 = ["file('/etc/passwd','RawBLOB','a String')", "`file`('/etc/passwd')", "fileCluster('c','/etc/passwd')", "filesystem('/')",
      "sqlite('/etc/passwd','t')", "FILE('x')", "file('/proc/self/environ','RawBLOB')", "input('a String')", "format(JSONEachRow, '{}')"]
S9 = ["system.tables", "system.one", "information_schema.tables", "INFORMATION_SCHEMA.TABLES", "default.events", "other.events",
      "merge('.*')", "merge('', '.*')", "merge(currentDatabase(), '.*')", "loop(events)", "view(SELECT 1)", "viewExplain('EXPLAIN', '', (SELECT 1))",
      "viewIfPermitted(SELECT 1 ELSE null('a Int8'))", "cluster('c', system.one)", "clusterAllReplicas('c', system.one)",
      "mergeTreeIndex(currentDatabase(), events)", "`system`.`tables`", '"system"."tables"', "system . tables", "nowhere", "`system.tables`"]
S12 = ["sleep(3)", "sleepEachRow(1)", "hostName()", "HOSTNAME()", "getServerPort('tcp_port')", "getMacro('x')", "currentDatabase()", "DATABASE()",
       "currentUser()", "file('/etc/passwd')", "arrayMap(file, ['/etc/passwd'])", "arrayMap(`file`, ['/etc/passwd'])", "getSetting('max_threads')",
       "getServerSetting('path')", "@@version", "dictGet('d', 'v', 1)", "dictGet(concat('a', '.d'), 'v', 1)", "joinGet('events', 'v', 1)",
       "catboostEvaluate('/m', 1)", "demangle('x')", "addressToSymbol(1)", "queryID()", "serverUUID()", "buildId()", "uptime()",
       "hasColumnInTable('system', 'tables', 'name')", "filesystemAvailable()", "__getScalar('x')", "tcpPort()", "showCertificate()",
       "CAST(unhex('ff') AS AggregateFunction(uniqExact, String))", "logTrace('x')", "getOSKernelVersion()", "(SELECT * APPLY(file) FROM (SELECT 'x'))"]


def refused(ws, q, token=None):
    """Refused by Kinglet itself: an error that did not come from the engine has no engine's code."""
    reply = ws.sql(q, **({} if token is None else {"token": token}))
    assert reply.status_code in (400, 403, 404), (q, reply.status_code, reply.text[:300])
    assert reply.json()["error"]
    assert "X-DB-Exception-Code" not in reply.headers, (q, reply.text)
    return reply


@pytest.mark.parametrize("q", S4)
def test_s4_one_select_and_nothing_else(ws, q):
    """S4: several statements, other statements, INTO OUTFILE: refused by reading the text, for the admin as well."""
    refused(ws, q)
    assert ws.value("SELECT count() FROM events") == 60


@pytest.mark.parametrize("q", S5)
def test_s5_settings_outside_the_list(ws, q):
    """S5: by name, also inside sub-queries."""
    refused(ws, q)


@pytest.mark.parametrize("q, data", [
    ("SELECT 1 AS a SETTINGS max_threads = 1", [[1]]),
    ("SELECT toUInt64(1) AS a SETTINGS output_format_json_quote_64bit_integers = 1", [["1"]]),
    ("SELECT 1 AS a FORMAT JSON SETTINGS max_threads = 1", [[1]]),
    ("SELECT count() AS c FROM events SETTINGS max_execution_time = 5, max_memory_usage = 100000000", [[60]]),
])
def test_settings_of_the_list(ws, q, data):
    assert ws.rows(q) == data


def test_s5_limits_go_down_never_up(ws):
    """S5: max_result_rows and friends may be lowered."""
    assert ws.sql("SELECT number FROM numbers(1000) SETTINGS max_rows_to_read = 10").status_code == 400
    reply = ws.sql("SELECT count() FROM numbers(100000000000000) SETTINGS max_execution_time = 0, max_rows_to_read = 1000")
    assert reply.status_code in (400, 408)


@pytest.mark.parametrize("table", S6 + S8 + S9)
@pytest.mark.parametrize("form", ["SELECT * FROM {}", "WITH c AS (SELECT * FROM {}) SELECT * FROM c", "SELECT 1 WHERE 1 IN (SELECT 1 FROM {})",
                                  "SELECT * FROM events JOIN {} AS x ON 1 = 1"])
def test_s6_s8_s9_tables_that_are_not_of_the_workspace(ws, table, form):
    """S6, S8, S9: table functions, other databases, system tables, in every place where a table can stand."""
    refused(ws, form.format(table))


@pytest.mark.parametrize("expression", S12)
@pytest.mark.parametrize("form", ["SELECT {}", "SELECT count() FROM events WHERE id = {}", "SELECT arrayMap(x -> {}, [1])"])
def test_s8_s12_functions(ws, expression, form):
    """S8, S12: functions that read files, other tables, the machine or identity."""
    refused(ws, form.format(expression))


@pytest.mark.parametrize("form", [
    "SELECT * FROM {}", "SELECT (SELECT max(id) FROM {})", "WITH x AS (SELECT * FROM {}) SELECT * FROM x",
    "SELECT * FROM events JOIN {} USING id", "SELECT * FROM (events JOIN {} USING id)", "SELECT * FROM events UNION ALL SELECT id, '', 0 FROM {}",
    "SELECT * FROM events WHERE id IN (SELECT id FROM {})", "SELECT * FROM '{}'", "SELECT * FROM `{}`", "SELECT id FROM events EXCEPT SELECT id FROM {}",
    "SELECT a FROM events ARRAY JOIN (SELECT groupArray(id) FROM {}) AS a", "SELECT * FROM {}_quarantine",
])
def test_s9_what_the_token_does_not_hold_is_not_there(ws, reader, form):
    """S9: another data source of the same workspace, in each place where a name can stand; its text never tells that it exists."""
    hidden = refused(ws, form.format("secret"), reader)
    missing = refused(ws, form.format("secreX"), reader)
    assert hidden.status_code == missing.status_code
    assert hidden.json()["error"].replace("secret", "*") == missing.json()["error"].replace("secreX", "*")
    assert "424242" not in hidden.text


@pytest.mark.parametrize("form", ["SELECT 1 IN {}", "SELECT in(424242, {})", "SELECT countIf(id GLOBAL IN {}) FROM events",
                                  "SELECT arrayExists(x -> x IN {}, [1])", "SELECT 1 LIMIT 1 IN {}"])
def test_s9_behind_in_a_hidden_table_is_an_unknown_column(ws, reader, form):
    """S9: after IN a name that is no readable table can only be a column; hidden and missing tables fail alike."""
    hidden, missing = (ws.sql(form.format(name), token=reader) for name in ("secret", "secreX"))
    assert hidden.status_code == missing.status_code == 400
    assert hidden.text.replace("secret", "*") == missing.text.replace("secreX", "*")


def test_s9_engine_errors_name_no_physical_thing(ws, reader):
    table = ws.table("events")
    database, physical = table.replace("`", "").split(".")
    for q in ["SELECT nothing FROM events", "SELECT id + 'x' FROM events", "SELECT toUInt8('x') FROM events", "SELECT throwIf(1) FROM events",
              "SELECT * FROM events WHERE nothing = 1", "SELECT e.nothing FROM events AS e JOIN events AS f USING id"]:
        reply = ws.sql(q, token=reader)
        assert reply.status_code == 400, q
        assert database not in reply.text and physical not in reply.text, reply.text
        assert reply.headers["X-DB-Exception-Code"].isdigit()


def test_s9_physical_names_are_no_names(ws):
    """S9, A11: who learnt the engine's names still cannot use them."""
    table = ws.table("events")
    for name in (table, table.split(".")[1], table.replace("`", "")):
        refused(ws, f"SELECT * FROM {name}")


def test_s9_another_workspace_sees_nothing_of_this_one(ws, new_workspace):
    other = new_workspace()
    table = ws.table("events")
    for q in ["SELECT * FROM events", f"SELECT * FROM {table}", f"SELECT * FROM {table.split('.')[1]}"]:
        refused(other, q)


def test_s12_s13_runaway_queries_are_stopped(start_server):
    """S12, S13: time and memory end a query; the next one runs."""
    ws = start_server(flags=["--query-seconds-max", "1", "--query-memory-bytes-max", "200000000"]).default_workspace()
    for q, statuses in [("SELECT count() FROM numbers(1000000000000000)", (408,)),
                        ("SELECT sum(a.number * b.number) FROM numbers(1000000) AS a CROSS JOIN numbers(1000000) AS b", (408,)),
                        ("SELECT groupArray(repeat('x', 1000)) FROM numbers(10000000)", (400, 408, 413, 500)),
                        ("SELECT uniqExact(number) FROM numbers(1000000000)", (400, 408, 500)),
                        ("SELECT arrayJoin(range(1000000000))", (400, 408, 500))]:
        reply = ws.sql(q)
        assert reply.status_code in statuses and reply.json()["error"], (q, reply.status_code, reply.text[:200])
        assert ws.value("SELECT 1") == 1


def test_s14_the_response_has_a_limit(start_server):
    """S14: too large an answer is an error before its first byte."""
    ws = start_server(flags=["--response-bytes-max", "1000000"]).default_workspace()
    reply = ws.sql("SELECT repeat('x', 1000) AS s FROM numbers(10000)")
    assert reply.status_code in (400, 413), reply.status_code
    assert reply.json()["error"]
    assert len(ws.sql("SELECT repeat('x', 1000) AS s FROM numbers(100) FORMAT CSV").text) > 100_000


@pytest.mark.parametrize("q", ["SELECT " + "(" * 300 + "1" + ")" * 300, "SELECT " + "-" * 5000 + "1", "SELECT " + "[" * 2000,
                               "SELECT " + "NOT " * 3000 + "1", "SELECT 1" + " + 1" * 20_000, "SELECT " + "a." * 1000 + "b",
                               "SELECT 1 /* " * 1000, "SELECT 1 UNION ALL " * 2000 + "SELECT 1", "SELECT 'abc", "SELECT 1 /* x", "SELECT \u2018 1 \u2019"])
def test_s13_s16_texts_that_hurt(ws, q):
    """S13, S16: deep and long texts end in an answer, and the server goes on."""
    assert ws.sql(q).status_code in (200, 400, 413)
    assert ws.value("SELECT 1") == 1


@pytest.mark.parametrize("word", ["JSON", "JSONEachRow"])
def test_s14_a_client_that_leaves_stops_its_query(ws, word):
    """S14, design.md 5.4: cancelling works; the engine does not go on for nobody."""
    running = "SELECT count() FROM system.processes WHERE query LIKE '%cityHash64(%4711%' AND query NOT LIKE '%system.processes%'"
    q = f"SELECT count() FROM numbers(100000000000000) WHERE cityHash64(number, 4711) = 1 FORMAT {word}"
    host, port = ws.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as raw:
        raw.sendall(f"POST /v0/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ws.token}\r\nContent-Type: text/plain\r\n"
                    f"Content-Length: {len(q)}\r\n\r\n{q}".encode())
        assert eventually(lambda: ws.server.engine(running).text == "1\n", 5)
    assert eventually(lambda: ws.server.engine(running).text == "0\n", 4)
