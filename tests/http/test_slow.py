# SPDX-License-Identifier: Apache-2.0
"""attacks.md I9 and R7: slow, silent, half-closed, leaving and very many peers, against a server with short patience."""
import resource
import subprocess
import threading
import time

import pytest

from kinglet_server import eventually
from raw_http import Raw, append_head, exchange

PROJECT = {"datasources/t.datasource": "SCHEMA >\n    `a` UInt64 `json:$.a`\n\nENGINE MergeTree\nENGINE_SORTING_KEY a\n"}
RATE = 10_000
FLAGS = ["--flush-interval-ms", "50", "--head-timeout-ms", "500", "--body-timeout-ms", "600", "--keep-alive-timeout-ms", "700",
         "--reply-timeout-ms", "600", "--body-bytes-per-second-min", str(RATE)]
VERSION = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def hasty():
    """A server that waits for nobody."""
    from kinglet_server import Server
    running = Server(flags=FLAGS)
    yield running
    running.remove()


@pytest.fixture(scope="module")
def source(hasty):
    workspace = hasty.workspace()
    workspace.must_build(PROJECT)
    return workspace


def metric(server, name):
    text = server.admin.session.get(server.url + "/metrics", timeout=30).text
    return next(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name + " "))


def reply_while_sending(raw, piece, pause):
    """The reply that comes while `piece` is sent again and again, every `pause` seconds."""
    stop = threading.Event()

    def trickle():
        while not stop.wait(pause) and raw.send(piece):
            pass

    sender = threading.Thread(target=trickle)
    sender.start()
    try:
        return raw.reply()
    finally:
        stop.set()
        sender.join()


def test_i9_a_slow_head_is_408(hasty):
    before = metric(hasty, 'kinglet_http_timeouts_total{waiting_for="head"}')
    with Raw(hasty.url) as raw:
        raw.send("GET /version HTTP/1.1\r\nHo")
        reply = reply_while_sending(raw, "s", 0.05)  # bytes keep coming, the head never ends
    assert reply.status == 408 and reply.error == "The request head did not arrive in time"
    assert reply.headers["connection"] == "close"
    assert metric(hasty, 'kinglet_http_timeouts_total{waiting_for="head"}') == before + 1


def test_i9_no_body_at_all_is_408(hasty, source):
    for framing in ("Content-Length: 100\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"):
        replies = exchange(hasty.url, append_head(source, "t"), framing)
        assert [r.status for r in replies] == [408]
        assert replies[0].error == "The body came too slowly: at least 10000 bytes a second are expected, after pauses of 0.6 s in all"
        assert replies[0].headers["connection"] == "close"


@pytest.mark.parametrize("chunked", [False, True])
def test_i9_a_trickle_is_408_and_stores_nothing(hasty, source, chunked):
    before = metric(hasty, 'kinglet_http_timeouts_total{waiting_for="body"}')
    row = '{"a":77}\n'
    with Raw(hasty.url) as raw:
        raw.send(append_head(source, "t"), "Transfer-Encoding: chunked\r\n\r\n" if chunked else "Content-Length: 10000000\r\n\r\n")
        reply = reply_while_sending(raw, f"{len(row):x}\r\n{row}\r\n" if chunked else row, 0.02)  # under 1 KB/s, no pause
    assert reply.status == 408 and f"at least {RATE} bytes a second" in reply.error
    assert metric(hasty, 'kinglet_http_timeouts_total{waiting_for="body"}') == before + 1
    assert source.value("SELECT count() FROM t WHERE a = 77") == 0


def test_i9_a_fair_rate_outlives_every_timeout(hasty, source):
    """A body that takes several times the longest pause, with pauses between its pieces, is taken."""
    rows = "".join(f'{{"a":{100_000 + i}}}\n' for i in range(1_000)).encode()
    with Raw(hasty.url) as raw:
        raw.send(append_head(source, "t", wait="true"), f"Content-Length: {len(rows) * 8}\r\n\r\n")
        for _ in range(8):
            raw.send(rows)
            time.sleep(0.3)  # sleep: the rate is what is tested
        reply = raw.reply()
    assert reply.status == 200 and b'"successful_rows":8000' in reply.body


def test_i9_idle_connections_are_closed(hasty):
    before = metric(hasty, 'kinglet_http_timeouts_total{waiting_for="request"}')
    with Raw(hasty.url) as silent, Raw(hasty.url) as used:
        used.send(VERSION)
        assert used.reply().status == 200
        assert used.rest() == b"" and silent.rest() == b""
    assert metric(hasty, 'kinglet_http_timeouts_total{waiting_for="request"}') >= before + 2


def test_i9_a_client_that_does_not_read_its_reply_is_left(hasty, source):
    before = metric(hasty, 'kinglet_http_timeouts_total{waiting_for="reader"}')
    sql = "SELECT number, repeat('x', 1000) FROM numbers(60000) FORMAT JSONEachRow"  # 60 MB: more than the sockets hold
    with Raw(hasty.url) as raw:
        raw.send(f"POST /v0/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {source.token}\r\nContent-Type: text/plain\r\n"
                 f"Content-Length: {len(sql)}\r\n\r\n{sql}")
        assert eventually(lambda: metric(hasty, 'kinglet_http_timeouts_total{waiting_for="reader"}') == before + 1)


def test_i9_half_closed_after_the_request_is_answered(hasty, source):
    row = '{"a":501}\n'
    with Raw(hasty.url) as raw:
        raw.send(append_head(source, "t", wait="true"), f"Content-Length: {len(row)}\r\n\r\n{row}")
        raw.finish_sending()
        reply = raw.reply()
        assert reply.status == 200 and raw.rest() == b""
    assert source.value("SELECT count() FROM t WHERE a = 501") == 1


def test_i9_half_closed_in_the_body_is_400(hasty, source):
    row = '{"a":502}\n'
    for framing, error in ((f"Content-Length: 100\r\n\r\n{row}", "The body ended after 10 of the 100 bytes that Content-Length announces"),
                           (f"Transfer-Encoding: chunked\r\n\r\na\r\n{row}\r\n", "The body ended before its last chunk")):
        with Raw(hasty.url) as raw:
            raw.send(append_head(source, "t"), framing)
            raw.finish_sending()
            reply = raw.reply()
            assert reply.status == 400 and reply.error == error
            assert raw.rest() == b""
    assert source.value("SELECT count() FROM t WHERE a = 502") == 0


def test_i9_a_reset_in_the_body_stores_nothing_and_leaves_nothing(hasty, source):
    for _ in range(50):
        raw = Raw(hasty.url)
        raw.send(append_head(source, "t"), 'Content-Length: 100\r\n\r\n{"a":503}\n')
        raw.reset()
    assert eventually(lambda: metric(hasty, "kinglet_http_connections_open") <= 2)
    assert source.value("SELECT count() FROM t WHERE a = 503") == 0


def test_i9_pipelined_appends_are_answered_in_order(hasty, source):
    rows = [f'{{"a":{600 + i}}}\n' * (i + 1) for i in range(20)]
    with Raw(hasty.url) as raw:
        raw.send("".join(append_head(source, "t", wait="true") + f"Content-Length: {len(r)}\r\n\r\n{r}" for r in rows))
        replies = [raw.reply() for _ in rows]
        assert [r.status for r in replies] == [200] * 20
        assert all(f'"successful_rows":{i + 1},'.encode() in r.body for i, r in enumerate(replies))
        raw.send(VERSION)
        assert raw.reply().status == 200


def test_i9_a_refused_body_is_answered_before_it_is_sent(hasty, source):
    """403 and 413 come without the body; a client that sends all of it first reads them too."""
    large = 3 << 20
    with Raw(hasty.url) as raw:
        raw.send(append_head(source, "t").replace(source.token, "wrong"), f"Content-Length: {large}\r\n\r\n")
        assert raw.reply().status == 403
    with Raw(hasty.url) as raw:
        raw.send(append_head(source, "t"), "Content-Length: 100000000000\r\n\r\n")
        assert raw.reply().status == 413
    with Raw(hasty.url) as raw:
        raw.send(append_head(source, "t").replace(source.token, "wrong"), f"Content-Length: {large}\r\n\r\n", b"x" * large)
        reply = raw.reply()
        assert reply.status == 403 and reply.headers["connection"] == "close" and raw.rest() == b""
    with Raw(hasty.url) as raw:  # a little is read away, and the connection goes on
        raw.send(append_head(source, "t").replace(source.token, "wrong"), f"Content-Length: 100000\r\n\r\n", b"x" * 100_000, VERSION)
        assert [raw.reply().status, raw.reply().status] == [403, 200]


def test_i9_connections_have_limits(start_server):
    """Of one peer and of all: 503 with Retry-After and a reason; others and the connected go on."""
    server = start_server(flags=["--connections-max", "12", "--connections-per-peer-max", "8"])

    def connect(source):
        raw = Raw(server.url, source)
        raw.send(VERSION)
        return raw, raw.reply()

    ours = [connect("127.0.0.2") for _ in range(8)]
    assert all(r.status == 200 for _, r in ours)
    ninth, refused = connect("127.0.0.2")
    assert refused.status == 503 and refused.headers["retry-after"] == "1"
    assert refused.error == "Your address has as many connections as one may"
    others = [connect("127.0.0.3") for _ in range(4)]  # with the one of the fixture's client there may be one fewer
    assert [r.status for _, r in others].count(200) >= 3
    last, refused = connect("127.0.0.4")
    assert refused.status == 503 and refused.error == "The server has as many connections as it may"
    for raw, _ in ours:
        raw.send(VERSION)
        assert raw.reply().status == 200
        raw.close()
    assert eventually(lambda: connect("127.0.0.2")[1].status == 200)
    text = exchange(server.url, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0].body.decode()
    assert 'kinglet_http_connections_refused_total{reason="peer"} 0\n' not in text
    assert 'kinglet_http_connections_refused_total{reason="total"} 0\n' not in text


def test_r7_few_descriptors(start_server, monkeypatch):
    """With 512 descriptors in all, connections stop short of them: rows are still accepted and stored, nobody hangs."""
    import kinglet_server
    real = subprocess.Popen
    monkeypatch.setattr(kinglet_server.subprocess, "Popen",
                        lambda command, **kw: real(["prlimit", "--nofile=512:512", *command], **kw))
    server = start_server(flags=["--flush-interval-ms", "50", "--io-threads", "1"])
    monkeypatch.undo()
    workspace = server.workspace()
    workspace.must_build(PROJECT)
    held, statuses = [], []
    for i in range(450):
        raw = Raw(server.url, f"127.0.0.{2 + i % 5}")
        raw.send(VERSION)
        reply = raw.reply()
        statuses.append(reply.status if reply else 0)
        held.append(raw)
    assert statuses.count(200) >= 350 and statuses.count(503) >= 50 and 0 not in statuses, statuses
    assert workspace.events("t", [{"a": 1}], wait="true").status_code == 200, "who is connected goes on"
    for raw in held:
        raw.close()
    assert eventually(lambda: exchange(server.url, VERSION.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))[0].status == 200)
    assert workspace.value("SELECT count() FROM t") == 1


def test_r7_the_server_raises_its_own_soft_limit(start_server, monkeypatch):
    import kinglet_server
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 4096)
    real = subprocess.Popen
    monkeypatch.setattr(kinglet_server.subprocess, "Popen",
                        lambda command, **kw: real(["prlimit", f"--nofile=256:{hard}", *command], **kw))
    server = start_server()
    monkeypatch.undo()
    limits = open(f"/proc/{server.ready['pid']}/limits").read()
    line = next(l for l in limits.splitlines() if l.startswith("Max open files"))
    assert line.split()[3:5] == [str(hard), str(hard)]
