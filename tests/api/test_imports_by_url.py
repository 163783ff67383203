# SPDX-License-Identifier: Apache-2.0
"""Imports by URL from servers that misbehave (connectors.md 5.2, attacks.md S7), jobs: progress, cancel, restart."""
import gzip
import http.server
import random
import socket
import threading
import time

import pytest

from kinglet_server import eventually

SOURCE = """
SCHEMA >
    `id` UInt64 `json:$.id`,
    `text` String `json:$.text`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "id"
"""


def csv_of(rows, word="row"):
    return ("id,text\n" + "".join(f"{i},{word} {i}\n" for i in range(rows))).encode()


class Script:
    """What the server does with one path. `steps`: one for each request, the last again and again."""

    def __init__(self, content, steps=({},), etag='"v1"', modified=None):
        self.content, self.steps, self.etag, self.modified = content, list(steps), etag, modified
        self.requests = []


class Misbehaving(http.server.BaseHTTPRequestHandler):
    """Steps: status, cut (bytes sent before the connection drops), ignore_range, content, etag, length (a lie), redirect,
    retry_after, wait (an event to wait for before each piece), wrong_range."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        script = self.server.scripts[self.path.split("?")[0]]
        step = script.steps[min(len(script.requests), len(script.steps) - 1)]
        script.requests.append({k.lower(): v for k, v in self.headers.items()})
        content, etag = step.get("content", script.content), step.get("etag", script.etag)
        if "redirect" in step:
            self.send_response(302)
            self.send_header("Location", step["redirect"])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if "status" in step:
            self.send_response(step["status"])
            if "retry_after" in step:
                self.send_header("Retry-After", step["retry_after"])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start, wanted = 0, self.headers.get("Range")
        condition = self.headers.get("If-Range")
        if wanted and not step.get("ignore_range") and (condition is None or condition in (etag, script.modified)):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            said = start + step.get("wrong_range", 0)
            self.send_header("Content-Range", f"bytes {said}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if etag:
            self.send_header("ETag", etag)
        if script.modified:
            self.send_header("Last-Modified", script.modified)
        for name, value in step.get("headers", {}).items():
            self.send_header(name, value)
        body = content[start:]
        if not step.get("no_length"):
            self.send_header("Content-Length", str(step.get("length", len(body))))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        body = body[:step.get("cut", len(body))]
        wait, at = step.get("wait"), 0
        try:
            while at < len(body):
                if wait is not None and at >= step.get("wait_from", 0) and not wait.wait(60):
                    return
                self.wfile.write(body[at:at + 65536])
                self.wfile.flush()
                at += 65536
            if "cut" in step or "length" in step or step.get("no_length"):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            self.close_connection = True


@pytest.fixture(scope="module")
def web():
    """A server whose `scripts` say what each path does; `url(path, script)` adds one."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving)
    server.daemon_threads = True
    server.scripts = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def url(path, script):
        server.scripts[path] = script
        return f"http://127.0.0.1:{server.server_port}{path}"

    server.url = url
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build({"events.datasource": SOURCE})


@pytest.fixture(autouse=True)
def empty(ws, project):
    assert ws.post("/v0/datasources/events/truncate").status_code == 200


def start(ws, url, **query):
    reply = ws.post("/v0/datasources", form={"url": url}, name="events", **{"mode": "append", **query})
    assert reply.status_code == 200, reply.text
    return reply


def counted(ws):
    return ws.rows("SELECT count(), uniqExact(id), countIf(text = concat('row ', toString(id))) FROM events")[0]


# ---- broken connections ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_connection_that_breaks_at_random_bytes_is_resumed(ws, web, seed):
    rows = 60_000
    content = csv_of(rows)
    chance = random.Random(seed)
    script = Script(content, [{"cut": chance.randrange(1, len(content) // 4)} for _ in range(4)] + [{}])
    job = ws.job(start(ws, web.url(f"/broken{seed}.csv", script)))
    assert job["status"] == "done" and job["statistics"]["row_count"] == rows, job
    assert counted(ws) == [rows, rows, rows]
    assert all(r.get("if-range") == '"v1"' and r["range"].startswith("bytes=") for r in script.requests[1:])
    assert all(r["accept-encoding"] == "identity" for r in script.requests)


@pytest.mark.parametrize("name, script, requests", [
    ("ranges ignored", dict(steps=[{"cut": 500_000}, {"ignore_range": True}]), 2),
    ("no validator", dict(steps=[{"cut": 500_000}, {}], etag=None), 2),
    ("a date in place of a tag", dict(steps=[{"cut": 500_000}, {}], etag=None, modified="Sat, 01 Jan 2022 00:00:00 GMT"), 2),
    ("a weak tag", dict(steps=[{"cut": 500_000}, {}], etag='W/"v1"'), 2),
    ("503 and 429 first", dict(steps=[{"status": 503}, {"status": 429, "retry_after": "0"}, {}]), 3),
    ("500 in the middle", dict(steps=[{"cut": 500_000}, {"status": 500}, {"status": 502}, {}]), 4),
    ("a length that was a lie", dict(steps=[{"length": 50_000_000}, {}]), 2),
    ("no length at all", dict(steps=[{"no_length": True}]), 1),
])
def test_servers_that_misbehave(ws, web, name, script, requests):
    rows = 60_000
    made = Script(csv_of(rows), **script)
    job = ws.job(start(ws, web.url(f"/{name.replace(' ', '_')}.csv", made)))
    if "lie" in name:  # nothing more is there: neither the rest nor its absence can be known
        assert job["status"] == "error", job
        return
    assert job["status"] == "done", job
    assert counted(ws) == [rows, rows, rows]
    assert len(made.requests) == requests


@pytest.mark.parametrize("name, second", [
    ("another tag", {"content": csv_of(60_000, "new"), "etag": '"v2"'}),
    ("the same tag, other bytes, whole", {"content": csv_of(60_000, "new"), "ignore_range": True}),
    ("shorter", {"content": csv_of(10)}),
    ("another range", {"wrong_range": 7}),
])
def test_a_file_that_changes_fails_and_is_never_mixed(ws, web, name, second):
    made = Script(csv_of(60_000), [{"cut": 500_000}, second])
    job = ws.job(start(ws, web.url(f"/{name.replace(' ', '_')}.csv", made)))
    assert job["status"] == "error" and ("changed" in job["error"] or "range" in job["error"]), job
    assert ws.value("SELECT countIf(startsWith(text, 'new')) FROM events") == 0


@pytest.mark.parametrize("status", [301, 400, 403, 404, 410])
def test_statuses_that_no_repetition_changes(ws, web, status):
    made = Script(b"", [{"status": status}])
    job = ws.job(start(ws, web.url(f"/status{status}.csv", made)))
    assert job["status"] == "error" and str(status) in job["error"], job
    assert len(made.requests) == 1


def test_a_server_that_never_recovers_fails_with_counts(ws, web):
    made = Script(csv_of(60_000), [{"cut": 500_000}, {"status": 503}])
    job = ws.job(start(ws, web.url("/never.csv", made)), seconds=60)
    assert job["status"] == "error" and "503" in job["error"] and "bytes" in job["error"], job
    assert ws.value("SELECT count() FROM events") == job["statistics"]["row_count"]


def test_what_the_answer_says_about_the_file(ws, web):
    """Format and charset by Content-Type, gzip by its first bytes, when the name says nothing."""
    latin = "id,text\n1,Zürich\n".encode("latin-1")
    for path, content, headers in [("/plain", b'{"id":1,"text":"Z\xc3\xbcrich"}\n', {"Content-Type": "application/x-ndjson"}),
                                   ("/latin", latin, {"Content-Type": "text/csv; charset=iso-8859-1"}),
                                   ("/packed", gzip.compress(b"id,text\n1,Z\xc3\xbcrich\n"), {"Content-Type": "application/octet-stream"})]:
        ws.post("/v0/datasources/events/truncate")
        job = ws.job(start(ws, web.url(path, Script(content, [{"headers": headers}]))))
        assert job["status"] == "done", job
        assert ws.rows("SELECT id, text FROM events") == [[1, "Zürich"]]


# ---- S7 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/", "http://[::1]:1/", "http://[::ffff:10.0.0.1]/",
                                    "file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_s7_redirects_are_judged_on_every_hop(start_server, web, target):
    """S7: a redirect is judged like a first address; here the first one is let through by the setting of the shared
    server, and the strict server refuses it at once."""
    strict = start_server().default_workspace()
    strict.must_build({"events.datasource": SOURCE})
    url = web.url("/hop.csv", Script(b"", [{"redirect": target}]))
    job = strict.job(strict.post("/v0/datasources", form={"url": url}, name="events", mode="append"))
    assert job["status"] == "error", job
    assert "does not connect" in job["error"], job
    reply = strict.post("/v0/analyze", url=url)
    assert reply.status_code in (400, 403) and "does not connect" in reply.json()["error"], reply.text
    assert strict.value("SELECT count() FROM events") == 0


def test_redirects_to_other_schemes_and_loops_end(ws, web):
    for path, step in [("/to_file.csv", {"redirect": "file:///etc/passwd"}), ("/loop.csv", {"redirect": "/loop.csv"})]:
        job = ws.job(start(ws, web.url(path, Script(b"", [step]))), seconds=60)
        assert job["status"] == "error" and job["error"], job


# ---- jobs --------------------------------------------------------------------------------------------------------


def test_progress_and_cancel_of_a_slow_download(ws, web):
    """POST …/cancel stops an import that waits for its server; what it had appended stays and is counted."""
    go_on = threading.Event()
    rows = 250_000
    content = csv_of(rows)
    reply = start(ws, web.url("/slow.csv", Script(content, [{"wait": go_on, "wait_from": len(content) * 9 // 10}])))
    job_id = reply.json()["id"]

    def progress():
        job = ws.get(f"/v0/jobs/{job_id}").json()
        return job if job["status"] == "working" and (job["statistics"] or {}).get("row_count") else None

    job = eventually(progress, 30)
    assert job and 0 < job["progress_percentage"] < 100 and job["statistics"]["bytes"] > 0 and job["is_cancellable"], job
    begun = time.monotonic()
    cancelled = ws.post(f"/v0/jobs/{job_id}/cancel")
    assert cancelled.status_code == 200 and cancelled.json()["status"] in ("cancelling", "cancelled"), cancelled.text
    job = ws.job(reply)
    took = time.monotonic() - begun
    assert job["status"] == "cancelled" and "cancelled" in job["error"], job
    assert took < 20  # it does not wait for the server, which would be a minute
    go_on.set()
    assert eventually(lambda: ws.value("SELECT count() FROM events") == job["statistics"]["row_count"])
    assert 0 < job["statistics"]["row_count"] < rows and not job["is_cancellable"]
    again = ws.post(f"/v0/jobs/{job_id}/cancel")
    assert again.status_code == 200 and again.json()["status"] == "cancelled"


def test_a_cancelled_replace_changes_nothing(ws, web):
    assert ws.job(start(ws, web.url("/before.csv", Script(csv_of(10)))))["status"] == "done"
    go_on = threading.Event()
    reply = start(ws, web.url("/replace.csv", Script(csv_of(250_000), [{"wait": go_on, "wait_from": 1_000_000}])), mode="replace")
    assert eventually(lambda: ws.get(f"/v0/jobs/{reply.json()['id']}").json()["status"] == "working")
    assert ws.post(f"/v0/jobs/{reply.json()['id']}/cancel").status_code == 200
    assert ws.job(reply)["status"] == "cancelled"
    go_on.set()
    assert counted(ws) == [10, 10, 10]


def test_a_waiting_job_is_cancelled(ws, web):
    """More jobs than run at once: a waiting one ends at once."""
    go_on = threading.Event()
    replies = [start(ws, web.url(f"/queue{i}.csv", Script(csv_of(10), [{"wait": go_on}]))) for i in range(10)]
    last = replies[-1].json()["id"]
    assert ws.get(f"/v0/jobs/{last}").json()["status"] == "waiting"
    assert ws.post(f"/v0/jobs/{last}/cancel").status_code == 200
    assert ws.job(replies[-1])["status"] == "cancelled"
    go_on.set()
    assert [ws.job(r)["status"] for r in replies[:-1]] == ["done"] * 9


def test_retry_starts_a_failed_import_again(ws, web):
    """tb-client.md 4.8: POST …/retry answers the new job."""
    made = Script(csv_of(5), [{"status": 404}, {}])
    job = ws.job(start(ws, web.url("/retry.csv", made)))
    assert job["status"] == "error"
    again = ws.post(f"/v0/jobs/{job['id']}/retry")
    assert again.status_code == 200 and again.json()["id"] != job["id"], again.text
    assert ws.job(again)["status"] == "done" and counted(ws) == [5, 5, 5]
    assert ws.post(f"/v0/jobs/{again.json()['id']}/retry").status_code == 409


@pytest.mark.parametrize("end", ["kill", "stop"])
@pytest.mark.parametrize("mode", ["append", "replace"])
def test_an_interrupted_import_goes_on_and_stores_each_row_once(start_server, web, end, mode):
    """The server ends while a file is being read: the next start reads it again, and no row is stored twice."""
    server = start_server(flags=["--flush-interval-ms", "100", "--import-private-addresses"])
    ws = server.default_workspace()
    ws.must_build({"events.datasource": SOURCE})
    rows = 250_000
    content = csv_of(rows)
    go_on = threading.Event()
    url = web.url(f"/{end}_{mode}.csv", Script(content, [{"wait": go_on, "wait_from": len(content) * 9 // 10}, {}]))
    reply = start(ws, url, mode=mode)
    job_id = reply.json()["id"]
    assert eventually(lambda: (ws.get(f"/v0/jobs/{job_id}").json()["statistics"] or {}).get("row_count"), 30)
    (server.kill if end == "kill" else server.stop)()
    go_on.set()
    server.start()
    ws = server.default_workspace()
    job = ws.job(reply, seconds=60)
    assert job["status"] == "done" and job["statistics"]["row_count"] == rows, job
    assert eventually(lambda: counted(ws) == [rows, rows, rows]), counted(ws)


def test_an_interrupted_import_of_another_file_ends_with_an_error(start_server, web):
    """The file is another one when it is read again: nothing of it is mixed in, and the job says so."""
    server = start_server(flags=["--flush-interval-ms", "100", "--import-private-addresses"])
    ws = server.default_workspace()
    ws.must_build({"events.datasource": SOURCE})
    content = csv_of(250_000)
    go_on = threading.Event()
    second = {"content": csv_of(250_000, "new"), "etag": '"v2"'}
    url = web.url("/another.csv", Script(content, [{"wait": go_on, "wait_from": len(content) * 9 // 10}, second]))
    reply = start(ws, url)
    assert eventually(lambda: (ws.get(f"/v0/jobs/{reply.json()['id']}").json()["statistics"] or {}).get("row_count"), 30)
    server.kill()
    go_on.set()
    server.start()
    ws = server.default_workspace()
    job = ws.job(reply, seconds=60)
    assert job["status"] == "error" and "not the one" in job["error"], job
    assert ws.value("SELECT countIf(startsWith(text, 'new')) FROM events") == 0


def test_an_interrupted_upload_goes_on(start_server):
    """An upload taken as a job is kept on the disk until the job ends."""
    server = start_server(flags=["--flush-interval-ms", "100"])
    ws = server.default_workspace()
    ws.must_build({"events.datasource": SOURCE})
    rows = 200_000
    reply = ws.post("/v1/datasources/events/append", csv_of(rows), headers={"Content-Type": "text/csv"}, format="csv")
    assert reply.status_code == 200
    server.kill()
    server.start()
    ws = server.default_workspace()
    assert ws.job(reply, seconds=60)["status"] == "done"
    assert eventually(lambda: counted(ws) == [rows, rows, rows]), counted(ws)
