# SPDX-License-Identifier: Apache-2.0
"""The ClickHouse HTTP interface on its own port: who may ask, what is refused, and what comes back (clickhouse-interface.md, A9)."""
import base64

import pytest
import requests

PROJECT = {
    "events.datasource": "SCHEMA >\n    `id` UInt32 `json:$.id`\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"id\"\n",
    "secret.datasource": "SCHEMA >\n    `id` UInt32 `json:$.id`\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"id\"\n",
    "limited.pipe": "NODE n\nSQL >\n    %\n    SELECT count() AS c, {{ tb_secret('password', 'unset') }} AS p FROM events\n",
}


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build(PROJECT)
    ws.must_append("events", [{"id": i} for i in range(5)])


def ask(ws, sql=None, *, token=None, method="GET", path="/", headers=None, auth=None, data=None, **query):
    if sql is not None:
        query["query"] = sql
    headers = dict(headers or {})
    if auth is None and token is not False:
        headers["X-ClickHouse-User"], headers["X-ClickHouse-Key"] = ws.name, token or ws.token
    return requests.request(method, ws.server.clickhouse_url + path, params=query, headers=headers, auth=auth, data=data, timeout=30)


@pytest.mark.parametrize("path", ["/", "/ping", "/replicas_status"])
def test_probes_need_no_token(ws, path):
    reply = ask(ws, token=False, path=path)
    assert (reply.status_code, reply.text) == (200, "Ok.\n")


def test_the_forms_of_credentials(ws):
    q = "SELECT count() FROM events"
    assert ask(ws, q).text == "5\n"
    assert ask(ws, q, auth=("whoever", ws.token)).text == "5\n"
    assert ask(ws, q, token=False, user="x", password=ws.token).text == "5\n"
    assert ask(ws, q, token=False, headers={"Authorization": "Bearer " + ws.token}).text == "5\n"
    assert ask(ws, method="POST", data=q).text == "5\n"
    assert ask(ws, "SELECT count()", method="POST", data=" FROM events FORMAT CSV").text == "5\n"


@pytest.mark.parametrize("token", ["nonsense", "p.e30.x", "' OR 1=1 --"])
def test_wrong_tokens_are_516(ws, token):
    for reply in (ask(ws, "SELECT 1", token=token), ask(ws, "SELECT 1", auth=("default", token)), ask(ws, "SELECT 1", token=False),
                  ask(ws, "SELECT 1", token=False, headers={"Authorization": "Basic " + base64.b64encode(b"no colon").decode()}),
                  ask(ws, "SELECT 1", token=False, headers={"Authorization": "Basic ???"})):
        assert reply.status_code == 403 and reply.headers["X-ClickHouse-Exception-Code"] == "516", reply.text
        assert "AUTHENTICATION_FAILED" in reply.text


@pytest.mark.parametrize("word, body", [("CSVWithNames", '"id"\n4\n'), ("JSONEachRow", '{"id":4}\n'), ("TabSeparated", "4\n"), ("TabSeparatedWithNames", "id\n4\n")])
def test_formats(ws, word, body):
    q = "SELECT id FROM events WHERE id > 3"
    replies = [ask(ws, f"{q} FORMAT {word}"), ask(ws, q, default_format=word), ask(ws, q, headers={"X-ClickHouse-Format": word})]
    for reply in replies:
        assert (reply.status_code, reply.text) == (200, body)


@pytest.mark.parametrize("sql", ["INSERT INTO events VALUES (1)", "DROP TABLE events", "SELECT 1; SELECT 2", "SELECT * FROM url('http://127.0.0.1/', 'TSV', 'a String')",
                                 "SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT * FROM file('/etc/passwd')", "SELECT 1 SETTINGS readonly = 0", "KILL QUERY WHERE 1",
                                 "SELECT * FROM nowhere", "SELECT sleep(3)", "SYSTEM SHUTDOWN", "{}", "\0"])
def test_a9_only_reads(ws, sql):
    """A9, S4-S9: the same fence as the Query API."""
    for reply in (ask(ws, sql), ask(ws, method="POST", data=sql)):
        assert reply.status_code in (400, 403, 404) and reply.headers["X-ClickHouse-Exception-Code"].isdigit(), reply.text
        assert reply.text.startswith("Code: ")
    assert ask(ws, "SELECT count() FROM events").text == "5\n"


@pytest.mark.parametrize("query", [{"decompress": "1"}, {"readonly": "0"}, {"allow_ddl": "1"}, {"database": "system"}, {"user": "default"}, {"max_memory_usage": "0"},
                                   {"additional_table_filters": "{}"}, {"role": "admin"}, {"session_id": "x"}])
def test_a9_parameters_of_the_url_reach_no_engine(ws, query):
    """A9: ?decompress=1 and settings in the URL change nothing."""
    reply = ask(ws, "SELECT count() FROM events", **query)
    assert reply.status_code in (200, 400, 403, 415)
    assert reply.status_code != 200 or reply.text == "5\n"
    assert ask(ws, "DROP TABLE events", **query).status_code in (400, 403, 415)


def test_tokens_read_what_they_hold(ws):
    narrow = ws.new_token("narrow", "DATASOURCES:READ:events")
    assert ask(ws, "SELECT count() FROM events", token=narrow).text == "5\n"
    assert ask(ws, "SELECT count() FROM secret", token=narrow).status_code in (400, 404)
    jwt = ws.jwt([{"type": "DATASOURCES:READ", "resource": "events", "filter": "id < 2"}])
    assert ask(ws, "SELECT count() FROM events", token=jwt).text == "2\n"
    for kind in ("user_token", "admin_token"):
        assert ask(ws, "SELECT 1", token=ws.server.tokens[kind]).status_code == 403


def test_a_template_that_wants_a_secret_answers(ws):
    """No secrets here: an answer, whatever it is, and the server goes on."""
    assert ask(ws, "SELECT c FROM limited").status_code in (200, 400)
    assert ask(ws, "SELECT 1").text == "1\n"


def test_a6_the_rate_limit_holds_on_this_door_too(ws):
    """A6: one bucket for both ports."""
    jwt = ws.jwt([{"type": "DATASOURCES:READ", "resource": "events"}], name="busy_bi", limits={"rps": 2})
    statuses = [ask(ws, "SELECT count() FROM events", token=jwt).status_code for _ in range(5)]
    statuses += [ws.sql("SELECT count() FROM events", token=jwt).status_code for _ in range(5)]
    assert 429 in statuses[:5] and statuses.count(200) <= 5


def test_other_paths_and_methods(ws):
    assert ask(ws, "SELECT 1", path="/play").status_code == 404
    assert ask(ws, "SELECT 1", method="DELETE").status_code in (404, 405)
