# SPDX-License-Identifier: Apache-2.0
"""What an operator sees: /health, /metrics, the log; and what nobody may see there: tokens."""
import json
import math
import re
import socket
import urllib.parse

import pytest
import requests

from kinglet_server import eventually

EVENTS = """TOKEN "tracker" APPEND
SCHEMA >
    `a` String `json:$.a`,
    `n` Nullable(UInt8) `json:$.n`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "a"
"""
TOP = "TOKEN \"dashboard\" READ\nNODE n\nSQL >\n    SELECT count() AS c FROM events\nTYPE endpoint\n"
PROJECT = {"datasources/events.datasource": EVENTS, "endpoints/top.pipe": TOP}

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf'({NAME})(\{{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"(?:,|(?=\}})))*\}})? ([^ ]+)( -?\d+)?')


def parse_metrics(text):
    """The Prometheus text format 0.0.4, strictly: {name with labels: value}, and the types; an assertion for all that breaks it."""
    assert text.endswith("\n")
    types, samples, ended, family = {}, {}, set(), None
    for line in text[:-1].split("\n"):
        if line.startswith("# "):
            kind, name, rest = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.*)", line).groups()
            if name != family:
                assert name not in ended, f"{name} stands in two places"
                ended.add(family)
                family = name
            if kind == "TYPE":
                assert rest in ("counter", "gauge", "histogram", "summary", "untyped") and name not in types, line
                types[name] = rest
            continue
        match = SAMPLE.fullmatch(line)
        assert match, f"not a sample: {line!r}"
        name, labels, value, _ = match.groups()
        of = next((t for t in (name, re.sub("_(bucket|sum|count)$", "", name)) if t in types), None)
        assert of is not None and of == family, f"{line!r} stands outside of its family"
        assert (name, labels) not in samples, f"{line!r} is there twice"
        samples[name, labels] = float(value)
        if types[of] == "counter":
            assert name.endswith("_total") and samples[name, labels] >= 0
        assert not math.isnan(samples[name, labels]) or types[of] == "summary"
    return samples, types


def metrics(server):
    reply = requests.get(server.url + "/metrics", timeout=10)
    assert reply.status_code == 200 and reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parse_metrics(reply.text)


def test_health(start_server):
    server = start_server()
    reply = requests.get(server.url + "/health", timeout=10)
    assert reply.status_code == 200
    shown = reply.json()
    assert shown["status"] == "ready" and "reasons" not in shown
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", shown["version"]) and shown["uptime_seconds"] >= 0
    assert shown["engine"]["up"] is True and shown["engine"]["pid"] == server.ready["engine_pid"] and shown["engine"]["restarts"] == 0
    assert set(shown["spool"]) == {"bytes", "segments", "oldest_seconds"}
    assert str(server.folder) not in reply.text, "a path of the host"


def test_health_counts_what_waits(start_server):
    server = start_server(flags=["--flush-interval-ms", "600000"])
    ws = server.workspace()
    ws.must_build(PROJECT)
    assert ws.events("events", [{"a": "x"}] * 10, wait="false").status_code == 202
    spool = requests.get(server.url + "/health", timeout=10).json()["spool"]
    assert spool["bytes"] > 0 and spool["segments"] == 1
    samples, _ = metrics(server)
    assert samples["kinglet_spool_bytes", None] == spool["bytes"] and samples["kinglet_spool_appended_rows_total", None] == 10
    assert samples["kinglet_spool_landed_rows_total", None] == 0


def test_metrics_are_prometheus_text(server, ws):
    ws.must_build(PROJECT)
    before, _ = metrics(server)
    ws.must_append("events", [{"a": 'quote " back \\ line'}, {"a": "y"}])
    assert ws.events("events", [{"a": "z", "n": -1}]).json()["quarantined_rows"] == 1
    assert ws.get("/v0/pipes/top.json").status_code == 200
    assert ws.get("/v0/pipes/nowhere.json").status_code == 404
    after, types = metrics(server)

    def grew(name, labels=None):
        return after[name, labels] - before.get((name, labels), 0)

    assert after["kinglet_up", None] == 1 and types["kinglet_up"] == "gauge"
    assert after["kinglet_engine_up", '{role="store"}'] == 1
    assert grew("kinglet_spool_appended_rows_total") == 3, "two rows, and one in quarantine"
    assert grew("kinglet_spool_landed_rows_total") == 3
    assert grew("kinglet_http_requests_total") >= 4 and grew("kinglet_http_received_bytes_total") > 0
    quarantined = [v for (name, labels), v in after.items() if name == "kinglet_data_source_rows_total" and 'outcome="quarantined"' in (labels or "")]
    assert sum(quarantined) >= 1, "the counter that docs/operate.md names"
    assert types["kinglet_engine_restarts_total"] == "counter"


def test_counters_never_fall(server, ws):
    first, types = metrics(server)
    for _ in range(5):
        requests.get(server.url + "/version", timeout=10)
    second, _ = metrics(server)
    for key, value in first.items():
        if types.get(key[0]) == "counter":
            assert second[key] >= value, key


# ---- A7: /tokens -------------------------------------------------------------------------------------------------------------


def raw(server, *lines):
    """One request byte by byte: what a library would not send. Answers status and body."""
    where = urllib.parse.urlsplit(server.url)
    with socket.create_connection((where.hostname, where.port), 10) as peer:
        peer.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        reply = b""
        while piece := peer.recv(65536):
            reply += piece
    return int(reply.split(b" ", 2)[1]), reply.decode(errors="replace")


@pytest.mark.parametrize("host", ["localhost", "localhost:7181", "127.0.0.1", "127.0.0.1:80", "[::1]:7181"])
def test_a7_tokens_for_the_own_machine(server, host):
    status, reply = raw(server, "GET /tokens HTTP/1.1", f"Host: {host}")
    assert status == 200 and server.tokens["admin_token"] in reply


@pytest.mark.parametrize("lines", [
    ["Host: evil.example"], ["Host: localhost.evil.example"], ["Host: 127.0.0.1.evil.example"], ["Host: 127.evil.example:7181"], ["Host: [::2]"],
    ["Host: 0.0.0.0:7181"], ["Host: 10.0.0.1"], ["Host: localhos"], ["Host: LOCALHOST.EVIL.EXAMPLE"], ["Host: 2130706433"],
    ["Host: localhost", "Origin: http://evil.example"], ["Host: localhost", "Origin: http://localhost:3000"], ["Host: localhost", "Origin: null"],
    ["Host: localhost", "X-Forwarded-For: 127.0.0.1"], ["Host: localhost", "x-forwarded-for: 203.0.113.1"],
    ["Host: localhost", "Forwarded: for=127.0.0.1"], ["Host: localhost", "X-Real-IP: 127.0.0.1"], ["Host: localhost", "Via: 1.1 x"],
    ["Host: localhost", "Sec-Fetch-Site: cross-site"], ["Host: localhost", "Sec-Fetch-Site: same-site"],
])
def test_a7_tokens_for_nobody_else(server, lines):
    status, reply = raw(server, "GET /tokens HTTP/1.1", *lines)
    assert status in (400, 403), reply
    assert not any(token in reply for token in server.tokens.values())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a7_tokens_by_another_method(server, method):
    _, reply = raw(server, f"{method} /tokens HTTP/1.1", "Host: localhost", "Content-Length: 0")
    assert not any(token in reply for token in server.tokens.values())


def test_a7_tokens_are_not_kept_by_anybody(server):
    reply = requests.get(server.url + "/tokens", timeout=10)
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert "no-store" in reply.headers.get("Cache-Control", "")


# ---- the log -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_log_never_holds_a_token(start_server, form):
    """All log levels, good and bad requests, the token in each place where it can stand, a crash of the engine, a restart."""
    import os
    import signal
    server = start_server(flags=["--log-level", "debug", "--log-format", form, "--flush-interval-ms", "50"])
    ws = server.workspace()
    ws.must_build(PROJECT)
    tokens = [ws.token, *server.tokens.values(), *(t["token"] for t in ws.get("/v0/tokens").json()["tokens"])]
    jwt = ws.jwt([{"type": "PIPES:READ", "resource": "top"}])
    stolen = "p.eyJ1IjogInN0b2xlbiJ9.this_was_never_a_token_of_ours"
    for token in [*tokens, jwt, stolen]:
        for method, path in (("GET", "/v0/pipes/top.json"), ("GET", "/v0/pipes/nowhere.json"), ("POST", "/v0/events?name=events"), ("GET", "/nowhere"),
                             ("GET", "/v0/sql?q=SELEC"), ("GET", "/v0/sql?q=SELECT%201"), ("POST", "/v1/build"), ("GET", "/health")):
            mark = "&" if "?" in path else "?"
            requests.request(method, f"{server.url}{path}{mark}token={token}", data=b"broken", timeout=20)
            requests.request(method, f"{server.url}{path}", data=b"broken", timeout=20, headers={"Authorization": "Bearer " + token})
            requests.request(method, f"{server.url}{path}", data=b"x=1", timeout=20, headers={"Authorization": token, "X-ClickHouse-Key": token})
        raw(server, f"GET /v0/pipes/top.json?token={token} HTTP/9.9", "Host: x")
        requests.get(server.clickhouse_url, params={"query": "SELECT 1", "password": token}, timeout=20)
        ws.sql(f"SELECT '{token}' AS t FROM nowhere")
        ws.events("events", json.dumps({"a": token}) + "\n")
    os.kill(server.ready["engine_pid"], signal.SIGKILL)
    assert eventually(lambda: ws.get("/v0/pipes/top.json").status_code == 200, 10)
    server.stop()
    server.start()
    server.stop()
    log = server.log_text()
    assert "engine process ended" in log, "the log is the one that was looked at"
    for token in [*tokens, jwt, stolen]:
        assert token not in log
        assert token.split(".")[-1] not in log, "the secret part of a token"
    if form == "json":
        for line in log.splitlines():
            entry = json.loads(line)
            assert {"level", "message"} <= set(entry) or {"level", "msg"} <= set(entry), line
