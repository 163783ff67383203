# SPDX-License-Identifier: Apache-2.0
"""attacks.md I10: where a message ends. Each case goes to Kinglet, to a real nginx, and through that nginx to Kinglet.

A case is what a client sends, and behind it `MARKER`, a request of its own. What two parsers could read differently is
refused by Kinglet with 400, and nothing behind it is read; what Kinglet takes ends for nginx at the same byte."""
import urllib.parse

import pytest

from nginx_peer import Nginx
from raw_http import Raw, exchange

ROW = b'{"a":1}\n'  # 8 bytes
MARKER = b"GET /version?marker HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
CHUNKED = b"8\r\n" + ROW + b"\r\n0\r\n\r\n"
TE = "Transfer-Encoding: chunked"
LENGTH = "Content-Length: 8"

REFUSED = "refused"  # 400, closed, the marker not read
ROWS = "rows"        # the one row is taken, then the marker answered


def post(*headers, host="Host: x", version="HTTP/1.1", method="POST", line=None):
    """A head for the events route; ROUTE stands for its target, which the test fills in."""
    lines = [line or f"{method} ROUTE {version}", *([host] if host else []), *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


CASES = {
    # one length
    "length": (post(LENGTH) + ROW, ROWS),
    "length with blanks around it": (post("Content-Length:   8  ") + ROW, ROWS),
    "length with a tab before it": (post("Content-Length:\t8") + ROW, ROWS),
    "length in lower case": (post("content-length: 8") + ROW, ROWS),
    "length with zeros before it": (post("Content-Length: 0008") + ROW, ROWS),
    "length with a plus": (post("Content-Length: +8") + ROW, REFUSED),
    "length with a minus": (post("Content-Length: -8") + ROW, REFUSED),
    "length in hexadecimal": (post("Content-Length: 0x8") + ROW, REFUSED),
    "length with a blank inside": (post("Content-Length: 0 8") + ROW, REFUSED),
    "length with a point": (post("Content-Length: 8.0") + ROW, REFUSED),
    "length with an exponent": (post("Content-Length: 8e0") + ROW, REFUSED),
    "length as a list of the same": (post("Content-Length: 8, 8") + ROW, REFUSED),
    "length as a list": (post("Content-Length: 8, 9") + ROW, REFUSED),
    "length with a comma behind": (post("Content-Length: 8,") + ROW, REFUSED),
    "length empty": (post("Content-Length:") + ROW, REFUSED),
    "length of 2^63": (post("Content-Length: 9223372036854775808") + ROW, REFUSED),
    "length of 2^64 + 8": (post("Content-Length: 18446744073709551624") + ROW, REFUSED),
    "two lengths, the same": (post(LENGTH, LENGTH) + ROW, REFUSED),
    "two lengths, different": (post(LENGTH, "Content-Length: 0") + ROW, REFUSED),
    "space before the colon of the length": (post("Content-Length : 8") + ROW, REFUSED),
    "tab before the colon of the length": (post("Content-Length\t: 8") + ROW, REFUSED),
    "length behind a bare carriage return": (post("X: y\rContent-Length: 8") + ROW, REFUSED),
    "length folded into the next line": (post("Content-Length:\r\n 8") + ROW, REFUSED),
    "length with NUL": (post("Content-Length: 8\0") + ROW, REFUSED),
    # encodings
    "chunked": (post(TE) + CHUNKED, ROWS),
    "chunked in capitals": (post("Transfer-Encoding: CHUNKED") + CHUNKED, ROWS),
    "chunked and a length": (post(TE, LENGTH) + CHUNKED, REFUSED),
    "a length and chunked": (post("Content-Length: 4", TE) + CHUNKED, REFUSED),
    "chunked and a length of 0": (post(TE, "Content-Length: 0") + CHUNKED, REFUSED),
    "chunked twice": (post(TE, TE) + CHUNKED, REFUSED),
    "chunked, chunked": (post("Transfer-Encoding: chunked, chunked") + CHUNKED, REFUSED),
    "gzip, chunked": (post("Transfer-Encoding: gzip, chunked") + CHUNKED, REFUSED),
    "chunked, identity": (post("Transfer-Encoding: chunked, identity") + CHUNKED, REFUSED),
    "identity": (post("Transfer-Encoding: identity", LENGTH) + ROW, REFUSED),
    "xchunked": (post("Transfer-Encoding: xchunked", LENGTH) + ROW, REFUSED),
    "chunkedx": (post("Transfer-Encoding: chunkedx") + CHUNKED, REFUSED),
    "chunked in quotes": (post('Transfer-Encoding: "chunked"') + CHUNKED, REFUSED),
    "chunked behind a vertical tab": (post("Transfer-Encoding: \x0bchunked") + CHUNKED, REFUSED),
    "chunked with a parameter": (post("Transfer-Encoding: chunked;q=1") + CHUNKED, REFUSED),
    "an empty encoding": (post("Transfer-Encoding:", LENGTH) + ROW, REFUSED),
    "space before the colon of the encoding": (post("Transfer-Encoding : chunked") + CHUNKED, REFUSED),
    "encoding folded into the next line": (post("Transfer-Encoding:\r\n chunked") + CHUNKED, REFUSED),
    "encoding behind a fold": (post("X: y\r\n Transfer-Encoding: chunked", LENGTH) + ROW, REFUSED),
    "encoding with an underscore and a length": (post("Transfer_Encoding: chunked", LENGTH) + ROW, ROWS),
    "encoding under HTTP/1.0": (post(TE, version="HTTP/1.0") + CHUNKED, REFUSED),
    # chunks
    "a chunk extension": (post(TE) + b"8;a=b\r\n" + ROW + b"\r\n0\r\n\r\n", ROWS),
    "a chunk extension in quotes": (post(TE) + b'8;a="b;c"\r\n' + ROW + b"\r\n0\r\n\r\n", ROWS),
    "a chunk size with zeros": (post(TE) + b"0008\r\n" + ROW + b"\r\n000\r\n\r\n", ROWS),
    "trailers": (post(TE) + b"8\r\n" + ROW + b"\r\n0\r\nX-Sum: 1\r\n\r\n", ROWS),
    "a framing field as trailer": (post(TE) + b"8\r\n" + ROW + b"\r\n0\r\nContent-Length: 5\r\n\r\n", REFUSED),
    "a trailer without colon": (post(TE) + b"8\r\n" + ROW + b"\r\n0\r\nGET /x HTTP/1.1\r\n\r\n", REFUSED),
    "a chunk size with 0x": (post(TE) + b"0x8\r\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "a chunk size with a minus": (post(TE) + b"-8\r\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "a chunk size with a plus": (post(TE) + b"+8\r\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "a chunk size with a blank before it": (post(TE) + b" 8\r\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "a chunk size with letters": (post(TE) + b"8g\r\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "an empty chunk size": (post(TE) + b"\r\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "a chunk size of 2^64 + 8": (post(TE) + b"10000000000000008\r\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "a chunk size of 2^63": (post(TE) + b"8000000000000000\r\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "an over-long chunk size": (post(TE) + b"0" * 20_000 + b"8\r\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "a chunk longer than its size": (post(TE) + b"7\r\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "a chunk without its line end": (post(TE) + b"8\r\n" + ROW + b"0\r\n\r\n", REFUSED),
    "a bare line feed behind a chunk size": (post(TE) + b"8\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "a bare line feed behind a chunk": (post(TE) + b"8\r\n" + ROW + b"\n0\r\n\r\n", REFUSED),
    "a bare carriage return behind a chunk size": (post(TE) + b"8\r" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    "a line feed in a chunk extension": (post(TE) + b"8;a\nb\r\n" + ROW + b"\r\n0\r\n\r\n", REFUSED),
    # lines
    "bare line feeds": (post(LENGTH).replace(b"\r\n", b"\n") + ROW, REFUSED),
    "one bare line feed": (post("X: y\nZ: a", LENGTH) + ROW, REFUSED),
    "a head that ends with a bare line feed": (post(LENGTH)[:-2] + b"\n" + ROW, REFUSED),
    "a folded field": (post("X: a\r\n b", LENGTH) + ROW, REFUSED),
    "a field folded with a tab": (post("X: a\r\n\tb", LENGTH) + ROW, REFUSED),
    "a blank before the first field": (b"POST ROUTE HTTP/1.1\r\n Host: x\r\nContent-Length: 8\r\n\r\n" + ROW, REFUSED),
    "NUL in a value": (post("X: a\0b", LENGTH) + ROW, REFUSED),
    "NUL in a name": (post("X\0Y: a", LENGTH) + ROW, REFUSED),
    "a field without colon": (post("X", LENGTH) + ROW, REFUSED),
    "a field without name": (post(": y", LENGTH) + ROW, REFUSED),
    "an empty line before the request": (b"\r\n" + post(LENGTH) + ROW, ROWS),
    "a bare line feed before the request": (b"\n" + post(LENGTH) + ROW, REFUSED),
    # request line, host, version
    "no host": (post(LENGTH, host=None) + ROW, REFUSED),
    "two hosts": (post("Host: y", LENGTH) + ROW, REFUSED),
    "two hosts, the same": (post("Host: x", LENGTH) + ROW, REFUSED),
    "HTTP/0.9": (b"GET /version\r\n", REFUSED),
    "HTTP/1.2": (post(LENGTH, version="HTTP/1.2") + ROW, REFUSED),
    "HTTP/2.0": (post(LENGTH, version="HTTP/2.0") + ROW, REFUSED),
    "HTTP/1.01": (post(LENGTH, version="HTTP/1.01") + ROW, REFUSED),
    "http in lower case": (post(LENGTH, version="http/1.1") + ROW, REFUSED),
    "two blanks before the target": (post(LENGTH, line="POST  ROUTE HTTP/1.1") + ROW, REFUSED),
    "a blank behind the version": (post(LENGTH, line="POST ROUTE HTTP/1.1 ") + ROW, REFUSED),
    "a tab in the request line": (post(LENGTH, line="POST\tROUTE HTTP/1.1") + ROW, REFUSED),
    "a method with a bracket": (post(LENGTH, method="PO(ST") + ROW, REFUSED),
    "a blank in the target": (post(LENGTH, line="POST /a b HTTP/1.1") + ROW, REFUSED),
    "a target without slash": (post(LENGTH, line="POST v0/events HTTP/1.1") + ROW, REFUSED),
    "absolute form": (post(LENGTH, line="POST http://otherROUTE HTTP/1.1") + ROW, ROWS),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", REFUSED),
}

# What we take by the standard and this nginx refuses as a whole: no byte can be read in two ways.
NGINX_REFUSES = {"length with a tab before it": "RFC 9110 section 5.5: blanks around a value are spaces and tabs"}


@pytest.fixture(scope="module")
def route(ws):
    ws.must_build({"datasources/t.datasource": "SCHEMA >\n    `a` UInt8 `json:$.a`\n\nENGINE MergeTree\nENGINE_SORTING_KEY a\n"})
    return f"/v0/events?name=t&token={ws.token}"


@pytest.fixture(scope="module")
def nginx(server):
    running = Nginx(urllib.parse.urlsplit(server.url).netloc)
    yield running
    running.stop()


def verdict(url, case, route):
    """Statuses of the replies, and whether the marker was answered as a request of its own (the last reply, 200)."""
    with Raw(url) as raw:
        raw.send(case.replace(b"ROUTE", route.encode()), MARKER)
        bytes_ = raw.rest()
    if bytes_ and not bytes_.startswith(b"HTTP/"):
        return [0], False  # HTTP/0.9: a body and nothing else
    raw.received = bytes_
    replies = raw.replies()
    marker = len(replies) > 1 and replies[-1].status == 200
    return replies, marker


@pytest.mark.parametrize("name", CASES)
def test_i10_a_message_ends_for_us_where_it_ends_for_nginx(name, server, nginx, route):
    case, expected = CASES[name]
    replies, marker = verdict(server.url, case, route)
    if expected == REFUSED:
        assert [r.status for r in replies] == [400] and not marker, replies
        assert replies[0].headers.get("connection") == "close" and replies[0].error
    else:
        assert [r.status for r in replies] == [202, 200] and marker, replies
        assert b'"successful_rows":1' in replies[0].body and b'"quarantined_rows":0' in replies[0].body
        theirs, their_marker = verdict(nginx.plain, case, route)
        # Never laxer: what we take nginx takes, and it sees the next request at the same byte.
        if name in NGINX_REFUSES:
            assert [r.status for r in theirs] == [400] and not their_marker, theirs
        else:
            assert [r.status for r in theirs] == [200, 200] and their_marker, theirs
            assert theirs[1].body == b"GET /version?marker"


@pytest.mark.parametrize("name", CASES)
def test_i10_nothing_is_smuggled_through_a_proxy(name, server, nginx, route):
    """What nginx lets pass holds as many requests for Kinglet as for nginx, and the connection between them stays in step."""
    case, _ = CASES[name]
    theirs, their_marker = verdict(nginx.plain, case, route)
    ours, our_marker = verdict(nginx.proxy, case, route)
    assert len(ours) <= len(theirs), (ours, theirs)
    assert our_marker <= their_marker
    for _ in range(2):
        probe = exchange(nginx.proxy, "GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert [r.status for r in probe] == [200] and b"error" not in probe[0].body, "the proxy's connection is out of step"


def test_i10_the_table_is_long_enough():
    assert len(CASES) >= 40 and sum(e == REFUSED for _, e in CASES.values()) >= 40


# attacks.md I11: the proxy refuses /tokens; no way of writing a path leads a request past it to the same route.
@pytest.mark.parametrize("target", [
    "/tokens", "/tokens/", "//tokens", "///tokens", "/./tokens", "/x/../tokens", "/%2e/tokens", "/x/%2e%2e/tokens", "/x/..%2ftokens",
    "/x%2f..%2ftokens", "/%74okens", "/%2574okens", "/tokens%00", "/tokens%20", "/tokens%2f", "/tokens;x", "/tokens.", "/TOKENS",
    "/tokens?x", "/tokens%3fx", "/tokens/.", "/tokens/..", "/x/..;/tokens", "/\\tokens", "/tokens%0d%0a", "http://x/tokens",
    "http://x//tokens", "/%E2%80%8Btokens", "/tokens%c0%af", "/v0/..%252ftokens"])
def test_i11_no_spelling_of_a_path_passes_the_proxy(target, nginx):
    replies = exchange(nginx.proxy, f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    for reply in replies:
        assert b"user_token" not in reply.body, (target, reply)
        assert reply.status in (400, 403, 404), (target, reply)


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_i11_method_overrides_and_rewriting_headers_are_not_heard(header, server, ws):
    head = f"POST /version?_method=GET HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n{header}: GET\r\n\r\n"
    assert [r.status for r in exchange(server.url, head)] == [405]
    for rewrite in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"):
        head = f"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{rewrite}: /version\r\n\r\n"
        assert [r.status for r in exchange(server.url, head)] == [404]


def test_i11_floods_of_headers_and_long_urls(server):
    """Number, size of one, size of all: 431; URL: 414. Up to the limit they are served."""
    def status(target="/version", headers=""):
        replies = exchange(server.url, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
        assert len(replies) == 1
        assert replies[0].status == 200 or (replies[0].error and replies[0].headers["connection"] == "close")
        return replies[0].status

    assert status(headers="".join(f"X-{i}: y\r\n" for i in range(198))) == 200
    assert status(headers="".join(f"X-{i}: y\r\n" for i in range(199))) == 431
    assert status(headers="".join(f"X-{i}: y\r\n" for i in range(20_000))) == 431
    assert status(headers="X: " + "y" * 60_000 + "\r\n") == 200
    assert status(headers="X: " + "y" * 70_000 + "\r\n") == 431
    assert status(headers="X: " + "y" * 5_000_000 + "\r\n") == 431
    assert status(headers="".join(f"X-{i}: {'y' * 500}\r\n" for i in range(150))) == 431
    assert status(target="/version?x=" + "y" * 1_000_000) == 200
    assert status(target="/version?x=" + "y" * (1 << 20)) == 414
    assert status(target="/" + "y" * 5_000_000) == 414
    assert status(target="/version?" + "&".join(f"x{i}=" for i in range(1_001))) == 400
