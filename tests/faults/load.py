# SPDX-License-Identifier: Apache-2.0
"""A load of numbered requests whose every row can be found again, the connections that send it, and the books to compare.

Request i holds the rows (i, 0) … (i, rows-1); row n carries `value` i * rows + n. So the table and each view tell for every
request whether its rows are there, and how often."""
import gzip
import http.client
import json
import random
import threading
import time
import urllib.parse

import requests

from kinglet_server import eventually

EVENTS = """
SCHEMA >
    `request` UInt32 `json:$.request`,
    `n` UInt32 `json:$.n`,
    `bucket` LowCardinality(String) `json:$.bucket`,
    `value` Int64 `json:$.value`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "request, n"
"""
# Counts and sums add up in the target: a row that came twice changes them for good.
PER_REQUEST = """
SCHEMA >
    `request` UInt32,
    `rows` UInt64,
    `total` Int64
ENGINE "SummingMergeTree"
ENGINE_SORTING_KEY "request"
"""
PER_BUCKET = """
SCHEMA >
    `bucket` UInt8,
    `rows` UInt64,
    `total` Int64
ENGINE "SummingMergeTree"
ENGINE_SORTING_KEY "bucket"
"""
PROJECT = {
    "datasources/events.datasource": EVENTS,
    "datasources/per_request.datasource": PER_REQUEST,
    "datasources/per_bucket.datasource": PER_BUCKET,
    "pipes/per_request_mv.pipe": "NODE n\nSQL >\n    SELECT request, count() AS rows, sum(value) AS total FROM events GROUP BY request\n"
                                 "TYPE materialized\nDATASOURCE per_request\n",
    # A view over the target of a view: rows that come twice show here too (attacks R10).
    "pipes/per_bucket_mv.pipe": "NODE n\nSQL >\n    SELECT toUInt8(request % 16) AS bucket, sum(rows) AS rows, sum(total) AS total\n"
                                "    FROM per_request GROUP BY bucket\nTYPE materialized\nDATASOURCE per_bucket\n",
    "pipes/answer.pipe": "NODE n\nSQL >\n    SELECT count() AS rows FROM events\nTYPE endpoint\n",
}


def generator(seed):
    """A random generator; its seed is printed, and pytest shows that when the test fails."""
    print(f"seed {seed}")
    return random.Random(seed)


def body_of(request, rows, packed=True):
    text = "".join(json.dumps({"request": request, "n": n, "bucket": f"b{n % 7}", "value": request * rows + n}) + "\n" for n in range(rows))
    return gzip.compress(text.encode(), 1) if packed else text.encode()


def total_of(request, rows):
    return sum(request * rows + n for n in range(rows))


class Load:
    """Sends `count` requests of `rows` rows by `connections` threads, numbered from `first`. With `keys`, a request without an answer is sent again
    under its key until it is acknowledged; without, it is sent once."""

    def __init__(self, workspace, count, rows=100, connections=8, keys=True, released=None, first=0):
        self.workspace, self.count, self.rows, self.keys = workspace, count, rows, keys
        self.lock = threading.Condition()
        self.first, self.next, self.released = first, 0, count if released is None else released
        self.acknowledged, self.refused, self.unanswered, self.retries = set(), {}, set(), 0
        self.faults = []
        self.stopping = False
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(connections)]
        for thread in self.threads:
            thread.start()

    # ---- what a test says --------------------------------------------------------------------------------------------

    def release(self, more):
        with self.lock:
            self.released = min(self.count, self.released + more)
            self.lock.notify_all()

    def wait_for(self, attempted, seconds=60):
        """Until so many requests are acknowledged or given up."""
        with self.lock:
            reached = self.lock.wait_for(lambda: self.faults or self._ended() >= attempted, seconds)
        assert not self.faults, self.faults
        assert reached, f"only {self._ended()} of {attempted} requests came to an end"

    def stop(self):
        with self.lock:
            self.stopping = True
            self.lock.notify_all()

    def join(self, seconds=90):
        end = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))
        assert not self.faults, self.faults
        assert not any(t.is_alive() for t in self.threads), "requests were still without an answer"

    # ---- the senders -------------------------------------------------------------------------------------------------

    def _ended(self):
        return len(self.acknowledged) + len(self.unanswered) + len(self.refused)

    def _take(self):
        with self.lock:
            self.lock.wait_for(lambda: self.stopping or self.next < self.released or self.next == self.count)
            if self.stopping or self.next == self.count:
                return None
            self.next += 1
            return self.first + self.next - 1

    def _run(self):
        connection = None
        try:
            while (request := self._take()) is not None:
                body = body_of(request, self.rows)
                while True:
                    connection, status, text = self._send(connection, request, body)
                    if status in (200, 202):
                        counts = json.loads(text)
                        if counts != {"successful_rows": self.rows, "quarantined_rows": 0}:
                            raise AssertionError(f"request {request} was answered with {text}")
                        self._book(lambda: self.acknowledged.add(request))
                        break
                    if status not in (None, 503):
                        raise AssertionError(f"request {request} was answered with {status}: {text}")
                    if not self.keys or self.stopping:
                        self._book(lambda: self.unanswered.add(request) if status is None else self.refused.update({request: text}))
                        break
                    with self.lock:
                        self.retries += 1
                    time.sleep(0.01)
        except Exception as error:  # seen by the test's thread, in wait_for() and join()
            self._book(lambda: self.faults.append(repr(error)))
        finally:
            if connection:
                connection.close()

    def _book(self, change):
        with self.lock:
            change()
            self.lock.notify_all()

    def _send(self, connection, request, body):
        headers = {"Authorization": f"Bearer {self.workspace.token}", "Content-Encoding": "gzip", "Content-Type": "application/x-ndjson"}
        if self.keys:
            headers["Idempotency-Key"] = f"load-{request}"
        try:
            if connection is None:
                connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.workspace.server.url).netloc, timeout=30)
            connection.request("POST", "/v0/events?name=events", body, headers)
            reply = connection.getresponse()
            text = reply.read().decode()
            return connection, reply.status, text
        except (OSError, http.client.HTTPException):
            if connection:
                connection.close()
            return None, None, ""


def workspace_of(server):
    ws = server.workspace()
    ws.must_build(PROJECT)
    return ws


def at_new_address(ws):
    """A restarted server has another port."""
    ws.base = ws.server.url
    return ws


def health(server):
    return requests.get(server.url + "/health", timeout=10).json()


def engine_pid(server):
    """The engine's process; waits while it is between two."""
    return eventually(lambda: health(server)["engine"]["pid"], 10)


def wait_until_stored(server, seconds=60):
    """Until nothing that was accepted waits for the engine."""
    assert eventually(lambda: health(server)["spool"]["bytes"] == 0, seconds), health(server)


def assert_once(ws, acknowledged, rows, unknown=()):
    """Table and views hold the rows of each acknowledged request exactly once; those of an `unknown` one once or not at all, and
    nothing else."""
    at_new_address(ws)
    table = {r: (int(n), int(distinct), int(total)) for r, n, distinct, total in ws.rows(
        "SELECT request, count() AS c, uniqExact(n) AS d, sum(value) AS s FROM events GROUP BY request FORMAT JSON")}
    lost = sorted(set(acknowledged) - set(table))
    assert not lost, f"{len(lost)} acknowledged requests are not in the table: {lost[:10]}"
    assert set(table) <= set(acknowledged) | set(unknown), "rows that were never sent"
    wrong = {r: found for r, found in table.items() if found != (rows, rows, total_of(r, rows))}
    assert not wrong, f"{len(wrong)} requests with other than {rows} rows: {dict(list(wrong.items())[:5])}"
    view = {r: (int(n), int(total)) for r, n, total in ws.rows(
        "SELECT request, sum(rows) AS c, sum(total) AS s FROM per_request GROUP BY request FORMAT JSON")}
    different = {r: (table.get(r), view.get(r)) for r in set(table) | set(view) if view.get(r) != (table.get(r) or (0, 0, 0))[::2]}
    assert not different, f"table and view differ: {dict(list(different.items())[:5])}"
    buckets = {}
    for request, (n, _, total) in table.items():
        had = buckets.get(request % 16, (0, 0))
        buckets[request % 16] = (had[0] + n, had[1] + total)
    chained = {b: (int(n), int(total)) for b, n, total in ws.rows(
        "SELECT bucket, sum(rows) AS c, sum(total) AS s FROM per_bucket GROUP BY bucket FORMAT JSON")}
    assert chained == buckets, "the view over the view differs"
    assert ws.value("SELECT count() AS c FROM events_quarantine FORMAT JSON") == 0
    assert not list((ws.server.folder / "db" / "spool" / "failed").iterdir()), "batches were set aside"
    return table
