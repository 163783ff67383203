# SPDX-License-Identifier: Apache-2.0
"""Rate limits of appends: by data source and by token (attacks.md A6; connectors.md 1.2: the headers make clients retry)."""
import threading
import time

import pytest

from kinglet_server import eventually
from raw_http import Raw, append_head, exchange

SCHEMA = "SCHEMA >\n    `a` UInt64 `json:$.a`\n\nENGINE MergeTree\nENGINE_SORTING_KEY a\n"
PROJECT = {"datasources/t.datasource": SCHEMA, "datasources/u.datasource": SCHEMA}
ROW = '{"a":1}\n'


@pytest.fixture(scope="module")
def limited():
    """20 appends a second for a data source, 30 for a token."""
    from kinglet_server import Server
    running = Server(flags=["--flush-interval-ms", "50", "--data-source-requests-per-second", "20", "--token-requests-per-second", "30"])
    yield running
    running.remove()


@pytest.fixture
def space(limited):
    workspace = limited.workspace()
    workspace.must_build(PROJECT)
    return workspace


def append(ws, name, **arguments):
    return ws.events(name, ROW, wait="false", **arguments)


def use_up(call):
    """Calls until the first 429; gives the replies."""
    replies = []
    while not replies or replies[-1].status_code != 429:
        replies.append(call())
        assert len(replies) < 500, "no limit holds"
    return replies


def test_a_429_tells_when_to_come_back(space):
    replies = use_up(lambda: append(space, "t"))
    accepted, refused = replies[:-1], replies[-1]
    assert [r.status_code for r in accepted] == [202] * len(accepted)
    first = accepted[0].headers
    assert (first["X-RateLimit-Limit"], first["X-RateLimit-Remaining"]) == ("20", "19") and first["X-RateLimit-Reset"] in ("1", "2")
    assert "Retry-After" not in first
    assert refused.headers["X-RateLimit-Limit"] == "20" and refused.headers["X-RateLimit-Remaining"] == "0"
    wait = int(refused.headers["Retry-After"])
    assert 1 <= wait <= 2 and 1 <= int(refused.headers["X-RateLimit-Reset"]) <= 2
    assert refused.json()["error"] == f"rate limit of 20 requests per second for the data source 't' reached; retry in {wait} s"
    assert refused.headers["Access-Control-Expose-Headers"].count("X-RateLimit-") == 3
    time.sleep(wait)  # sleep: as the reply told
    assert append(space, "t").status_code == 202


def test_every_door_of_a_data_source_counts(space):
    use_up(lambda: append(space, "t"))
    files = {"csv": ("t.csv", b"1\n", "text/csv")}
    doors = [lambda: space.post("/v0/datasources", name="t", mode="append", files=files),
             lambda: space.post("/v0/datasources", ROW, name="t", mode="append", format="ndjson",
                                headers={"Content-Type": "application/x-ndjson"}),
             lambda: space.post("/v0/datasources", name="t", mode="append", url="http://127.0.0.1:1/x.csv"),
             lambda: space.post("/v1/datasources/t/append", ROW, format="ndjson")]
    for door in doors:
        reply = door()
        assert reply.status_code == 429 and reply.headers["Retry-After"] and reply.headers["X-RateLimit-Limit"], reply.text
        use_up(lambda: append(space, "t"))  # the door is tried while the limit is certainly used up
    assert space.sql("SELECT 1").status_code == 200, "reading is not limited"


def test_neighbours_do_not_share_a_limit(space, limited):
    other_space = limited.workspace()
    other_space.must_build(PROJECT)
    use_up(lambda: append(space, "t"))
    assert append(space, "u").status_code == 202, "another data source"
    assert append(other_space, "t").status_code == 202, "the same name in another workspace"


def test_a_token_has_its_own_limit(space):
    one, two = (space.new_token(n, "DATASOURCES:APPEND:t", "DATASOURCES:APPEND:u") for n in ("one", "two"))
    turns = iter("tu" * 500)
    replies = use_up(lambda: append(space, next(turns), token=one))
    assert replies[-1].json()["error"].startswith("rate limit of 30 requests per second for this token reached; retry in ")
    assert replies[-1].headers["X-RateLimit-Limit"] == "30"
    assert append(space, "u", token=two).headers["X-RateLimit-Limit"] == "20", "the tightest limit is told"
    # A token above its limit takes nothing from the data source's.
    left = int(append(space, "t", token=two).headers["X-RateLimit-Remaining"])
    for _ in range(20):
        append(space, "t", token=one)
    assert append(space, "t", token=two).status_code == (202 if left else 429)


def test_a6_the_limit_holds_within_ten_percent(space, limited):
    """Many connections at several times the rate, over any second of several."""
    accepted, lock, stop = [], threading.Lock(), threading.Event()
    row = ROW.encode()

    def hammer():
        with Raw(limited.url) as raw:
            while not stop.is_set():
                raw.send(append_head(space, "t"), f"Content-Length: {len(row)}\r\n\r\n", row)
                sent = time.monotonic()
                if raw.reply().status == 202:
                    with lock:
                        accepted.append(sent)

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(4)  # sleep: the rate is what is tested
    stop.set()
    for thread in threads:
        thread.join()
    seconds = max(accepted) - min(accepted)
    # The first second's worth comes at once; after it the rate holds.
    assert len(accepted) <= (seconds + 1) * 20 * 1.1 + 1, (len(accepted), seconds)
    assert len(accepted) >= 40


def test_a_429_is_answered_before_the_body(space, limited):
    use_up(lambda: append(space, "t"))
    large = 50 << 20
    with Raw(limited.url) as raw:
        raw.send(append_head(space, "t", "Expect: 100-continue"), f"Content-Length: {large}\r\n\r\n")
        assert raw.reply().status == 429
    use_up(lambda: append(space, "t"))
    with Raw(limited.url) as raw:
        raw.send(append_head(space, "t"), f"Content-Length: {large}\r\n\r\n", ROW)
        reply = raw.reply()
        assert reply.status == 429 and reply.headers["connection"] == "close"
    use_up(lambda: append(space, "t"))
    body = ROW * (512 << 10)  # 4 MB, all sent before the reply is read
    with Raw(limited.url) as raw:
        raw.send(append_head(space, "t"), f"Content-Length: {len(body)}\r\n\r\n", body)
        assert raw.reply().status == 429


def test_refusals_are_counted(space, limited):
    def counted(limit):
        text = exchange(limited.url, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0].body.decode()
        name = f'kinglet_rate_limited_requests_total{{limit="{limit}"}} '
        return next(float(line[len(name):]) for line in text.splitlines() if line.startswith(name))

    before = counted("data_source")
    use_up(lambda: append(space, "t"))
    assert counted("data_source") == before + 1


def test_no_limit_by_default(ws):
    ws.must_build(PROJECT)
    for _ in range(150):
        reply = append(ws, "t")
        assert reply.status_code == 202 and not any(h.startswith("X-RateLimit") for h in reply.headers)
    assert eventually(lambda: ws.value("SELECT count() FROM t") == 150)
