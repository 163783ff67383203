# SPDX-License-Identifier: Apache-2.0
"""POST /v0/events with bodies of any size: pieces, repeated and half-received requests, broken ends, bombs, memory."""
import gzip
import re
import socket
import threading
import urllib.parse
import zlib

import pytest
import requests

from kinglet_server import eventually, lz4, zstd

PROJECT = {
    "datasources/lines.datasource": """
SCHEMA >
    `a` UInt64 `json:$.a`,
    `kind` LowCardinality(String) `json:$.kind`,
    `s` String `json:$.s` DEFAULT ''
ENGINE "MergeTree"
ENGINE_SORTING_KEY "a"
""",
    "datasources/sums.datasource": """
SCHEMA >
    `kind` String,
    `n` UInt64,
    `total` UInt64
ENGINE "SummingMergeTree"
ENGINE_SORTING_KEY "kind"
""",
    "pipes/sums_mv.pipe": """
NODE sums
SQL >
    SELECT kind, count() AS n, sum(a) AS total FROM lines GROUP BY kind
TYPE materialized
DATASOURCE sums
""",
}
PIECE_ROWS = 250_000  # ingest/row_stream.h
PIECE_BYTES = 16 << 20
ROWS = 2 * PIECE_ROWS + 50_000


def rows_text(count, start=0):
    return "".join(f'{{"a":{i},"kind":"k{i % 7}"}}\n' for i in range(start, start + count)).encode()


@pytest.fixture(scope="module")
def body():
    return rows_text(ROWS)


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build(PROJECT)


@pytest.fixture(autouse=True)
def empty(ws):
    for name in ("lines", "lines_quarantine", "sums"):
        assert ws.post(f"/v0/datasources/{name}/truncate").status_code == 200


def send(ws, body, headers=None, **query):
    return ws.session.post(ws.base + "/v0/events", params={"name": "lines", "wait": "true", **query}, data=body,
                           headers={"Authorization": f"Bearer {ws.token}", **(headers or {})}, timeout=120)


def stored(ws):
    """Rows, different rows, and what the materialized view has seen of them."""
    table = ws.rows("SELECT count(), uniqExact(a), sum(a) FROM lines")[0]
    view = ws.rows("SELECT sum(n), sum(total) FROM sums")[0]
    return table, view


def assert_stored_once(ws, rows=ROWS):
    total = rows * (rows - 1) // 2
    assert stored(ws) == ([rows, rows, total], [rows, total])


class HalfRequest:
    """A request by hand whose body ends where the test wants."""

    def __init__(self, ws, length, headers=()):
        url = urllib.parse.urlsplit(ws.base)
        self.socket = socket.create_connection((url.hostname, url.port), timeout=60)
        lines = [f"POST /v0/events?name=lines&wait=true HTTP/1.1", "Host: x", f"Authorization: Bearer {ws.token}",
                 f"Content-Length: {length}", *headers]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        text = b""
        while True:
            piece = self.socket.recv(65536)
            text += piece
            head, _, rest = text.partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.I)
            if not piece or (length and len(rest) >= int(length[1])):
                return text.decode()

    def close(self):
        self.socket.close()


# ---- pieces ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding, pack", [("", bytes), ("gzip", lambda b: gzip.compress(b, 1)), ("zstd", zstd), ("lz4", lz4)])
def test_a_body_of_several_pieces(ws, body, encoding, pack):
    reply = send(ws, pack(body), {"Content-Encoding": encoding} if encoding else {})
    assert (reply.status_code, reply.json()) == (200, {"successful_rows": ROWS, "quarantined_rows": 0}), reply.text
    assert reply.headers["X-Kinglet-Durability"] == "fsync"
    assert "X-Kinglet-Idempotent-Replay" not in reply.headers
    assert_stored_once(ws)


def test_chunks_of_odd_sizes(ws, body):
    reply = send(ws, (body[i:i + 77_777] for i in range(0, len(body), 77_777)))
    assert (reply.status_code, reply.json()["successful_rows"]) == (200, ROWS)
    assert_stored_once(ws)


def test_bad_rows_of_any_piece_are_counted(ws):
    text = b'{"a":"x"}\n' + rows_text(PIECE_ROWS) + b"junk\n" + rows_text(10, PIECE_ROWS) + b'{"a":-1}\n'
    reply = send(ws, text)
    assert reply.json() == {"successful_rows": PIECE_ROWS + 10, "quarantined_rows": 3}
    assert ws.value("SELECT count() FROM lines_quarantine") == 3


def test_a_large_body_without_wait_is_202_and_soon_there(ws, body):
    reply = send(ws, body, wait="false")
    assert (reply.status_code, reply.json()["successful_rows"]) == (202, ROWS)
    assert eventually(lambda: ws.value("SELECT count() FROM lines") == ROWS, 60)


def test_r10_a_half_received_body_sent_again_with_its_key(ws, body):
    """R10: the connection is cut in mid-body; the repeat stores each piece once, in the table and in the view."""
    half = HalfRequest(ws, len(body), ["Idempotency-Key: cut-1"])
    half.send(body[:len(body) * 3 // 4])
    assert eventually(lambda: ws.value("SELECT count() FROM lines") == PIECE_ROWS, 30)
    half.close()
    first = send(ws, body, {"Idempotency-Key": "cut-1"})
    assert (first.status_code, first.json()) == (200, {"successful_rows": ROWS, "quarantined_rows": 0}), first.text
    assert "X-Kinglet-Idempotent-Replay" not in first.headers  # not all of it was known
    assert_stored_once(ws)
    again = send(ws, gzip.compress(body, 1), {"Idempotency-Key": "cut-1", "Content-Encoding": "gzip"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["X-Kinglet-Idempotent-Replay"] == "true"
    assert_stored_once(ws)


def test_r10_the_same_large_body_twice_at_the_same_time(ws, body):
    replies = []

    def one():
        replies.append(requests.post(ws.base + "/v0/events", params={"name": "lines", "wait": "true"}, data=body,
                                     headers={"Authorization": f"Bearer {ws.token}", "Idempotency-Key": "twice"}, timeout=120))

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(r.status_code, r.json()) for r in replies] == [(200, {"successful_rows": ROWS, "quarantined_rows": 0})] * 3
    assert_stored_once(ws)


def test_another_body_under_the_same_key_is_409_and_says_what_is_stored(ws, body):
    assert send(ws, body, {"Idempotency-Key": "other"}).status_code == 200
    changed = body[:-20] + b'0,"kind":"other"}\n{}\n'
    reply = send(ws, changed, {"Idempotency-Key": "other"})
    assert reply.status_code == 409 and reply.json()["successful_rows"] == 2 * PIECE_ROWS, reply.text
    assert_stored_once(ws)


@pytest.mark.parametrize("encoding, pack", [("gzip", lambda b: gzip.compress(b, 1)), ("zstd", zstd), ("lz4", lz4),
                                            ("deflate", lambda b: zlib.compress(b, 1))])
def test_i7_a_stream_that_breaks_late_says_what_is_stored(ws, body, encoding, pack):
    """I7: whole pieces before the break are stored and counted in the answer, nothing behind them is."""
    packed = pack(body)
    reply = send(ws, packed[:-8], {"Content-Encoding": encoding})
    assert reply.status_code == 400, reply.text
    answer = reply.json()
    assert answer["successful_rows"] == 2 * PIECE_ROWS and answer["quarantined_rows"] == 0
    assert "cut" in answer["error"] and str(2 * PIECE_ROWS) in answer["error"]
    assert eventually(lambda: ws.value("SELECT count() FROM lines") == 2 * PIECE_ROWS, 30)


def test_a_small_body_is_all_or_nothing(ws):
    text = rows_text(PIECE_ROWS - 1)
    assert len(text) < PIECE_BYTES
    reply = send(ws, gzip.compress(text, 1)[:-8], {"Content-Encoding": "gzip"})
    assert reply.status_code == 400 and "successful_rows" not in reply.json()
    assert ws.value("SELECT count() FROM lines") == 0


def test_long_lines_are_cut_by_bytes(ws):
    """Pieces are cut by bytes of text, too: 40 MB in 400 rows."""
    text = b"".join(b'{"a":%d,"kind":"k","s":"%s"}\n' % (i, b"x" * 100_000) for i in range(400))
    broken = gzip.compress(text, 1)[:-8]
    reply = send(ws, broken, {"Content-Encoding": "gzip"})
    stored_rows = reply.json()["successful_rows"]
    assert reply.status_code == 400 and 2 * PIECE_BYTES <= stored_rows * 100_030 < 2 * PIECE_BYTES + 2 * 100_030
    assert send(ws, text).json()["successful_rows"] == 400


# ---- keys --------------------------------------------------------------------------------------------------------


def test_the_key_as_a_parameter(ws):
    row = b'{"a":1,"kind":"x"}'
    first = send(ws, row, idempotency_key="p-1")
    again = send(ws, row, {"Idempotency-Key": "p-1"})
    both = send(ws, row, {"Idempotency-Key": "p-1"}, idempotency_key="p-1")
    assert [r.status_code for r in (first, again, both)] == [200, 200, 200]
    assert [r.headers.get("X-Kinglet-Idempotent-Replay") for r in (first, again, both)] == [None, "true", "true"]
    assert first.json() == again.json() == both.json() == {"successful_rows": 1, "quarantined_rows": 0}
    assert ws.value("SELECT count() FROM lines") == 1


def test_two_different_keys_and_odd_keys_are_400(ws):
    row = b'{"a":1,"kind":"x"}'
    assert send(ws, row, {"Idempotency-Key": "a"}, idempotency_key="b").status_code == 400
    assert send(ws, row, idempotency_key="a\x1f1").status_code == 400
    assert send(ws, row, idempotency_key="x" * 257).status_code == 400
    assert ws.value("SELECT count() FROM lines") == 0


# ---- limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding, pack", [("gzip", gzip.compress), ("zstd", zstd), ("lz4", lz4), ("deflate", zlib.compress)])
def test_i7_bombs_stop_at_their_ratio(ws, encoding, pack):
    """I7: beyond 64 MiB of output no codec may make more than 200 bytes of one."""
    bomb = pack(b'{"a":1,"kind":"x"}\n' + b"\n" * (200 << 20))
    assert len(bomb) < 1_000_000
    reply = send(ws, bomb, {"Content-Encoding": encoding})
    assert reply.status_code == 413 and "times its size" in reply.json()["error"], reply.text
    assert ws.value("SELECT count() FROM lines") == 0


def test_r9_large_bodies_share_a_budget_and_small_ones_pass(start_server, body):
    """R9: the second large body waits for the first, which is slow; small requests do not."""
    server = start_server(flags=["--intake-memory-bytes-max", str(64 << 20)])
    ws = server.default_workspace()
    ws.must_build(PROJECT)
    row = b'{"a":%d,"kind":"x","s":"' + b"x" * 1000 + b'"}\n'
    large = b"".join(row % i for i in range(16_000))
    assert len(large) < PIECE_BYTES
    slow = HalfRequest(ws, len(large))
    slow.send(large[:-1000])

    def metric(name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", requests.get(server.url + "/metrics", timeout=10).text, re.M)
        return float(found[1]) if found else None

    assert eventually(lambda: metric('kinglet_intake_memory_bytes{requests="large"}') >= 48 << 20)
    second = {}
    thread = threading.Thread(target=lambda: second.update(reply=send(ws, rows_text(100_000, 1_000_000))))
    thread.start()
    assert eventually(lambda: metric("kinglet_intake_waiting") == 1)
    small = requests.post(ws.base + "/v0/events", params={"name": "lines", "wait": "true"}, data=b'{"a":9000000,"kind":"x"}',
                          headers={"Authorization": f"Bearer {ws.token}"}, timeout=30)
    assert small.status_code == 200
    slow.send(large[-1000:])
    assert " 200 " in slow.reply().split("\r\n")[0]
    slow.close()
    thread.join()
    assert second["reply"].status_code in (200, 503)  # 503: the machine took more than 15 s for the first
    assert eventually(lambda: metric('kinglet_intake_memory_bytes{requests="large"}') == 0)
    assert metric("kinglet_intake_waited_total") >= 1


def test_i9_many_slow_large_bodies_leave_memory_flat(ws):
    """I9: bodies that say that they are huge and send little hold what they have sent, not what they announce."""
    slow = [HalfRequest(ws, 200_000) for _ in range(100)]
    for request in slow:
        request.send(b'{"a":1,')
    assert ws.events("lines", [{"a": 1, "kind": "x"}]).status_code == 200
    for request in slow:
        request.close()


def test_p13_memory_stays_flat(start_server):
    """P13 in small: 300 MB in one body."""
    server = start_server()
    ws = server.default_workspace()
    ws.must_build(PROJECT)
    block = rows_text(30_000)
    count = (300 << 20) // len(block)
    reply = send(ws, (block for _ in range(count)))
    assert (reply.status_code, reply.json()["successful_rows"]) == (200, count * 30_000)
    status = open(f"/proc/{server.process.pid}/status").read()
    peak = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
    assert peak < 512 << 10, f"{peak} kB"


# ---- text that is none -------------------------------------------------------------------------------------------


def test_invalid_text_can_be_replaced(start_server):
    """Ask 27: by default such a row goes to the quarantine; a setting stores it with U+FFFD."""
    rows = [b'{"a":1,"kind":"x","s":"\\ud800!"}', b'{"a":2,"kind":"x","s":"\xff!"}']
    server = start_server(flags=["--invalid-text", "replace"])
    ws = server.default_workspace()
    ws.must_build(PROJECT)
    assert send(ws, b"\n".join(rows)).json() == {"successful_rows": 2, "quarantined_rows": 0}
    assert ws.rows("SELECT s FROM lines ORDER BY a") == [["\ufffd!"], ["\ufffd!"]]


def test_invalid_text_goes_to_the_quarantine(ws):
    rows = [b'{"a":1,"kind":"x","s":"\\ud800!"}', b'{"a":2,"kind":"x","s":"\xff!"}']
    assert send(ws, b"\n".join(rows)).json() == {"successful_rows": 0, "quarantined_rows": 2}
