# SPDX-License-Identifier: Apache-2.0
"""What was sent and what was answered: every request of a load with all its attempts, and the rows that it stands for.

Row n of request i carries `client`, `request` i, `n` and a `value` that follows from both numbers, so that the rows of a table can
be compared with the requests by count, distinct count and sums, and any difference has its request."""
import gzip
import json
import random
import threading
import time

EVENTS = """
SCHEMA >
    `client` UInt16 `json:$.client` DEFAULT 0,
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
CHAINED = """
SCHEMA >
    `source` LowCardinality(String),
    `request` UInt32,
    `rows` UInt64,
    `total` Int64
ENGINE "SummingMergeTree"
ENGINE_SORTING_KEY "source, request"
"""


def _view(source, target):
    return (f"NODE n\nSQL >\n    SELECT request, count() AS rows, sum(value) AS total FROM {source} GROUP BY request\n"
            f"TYPE materialized\nDATASOURCE {target}\n")


def _chained(source, view):
    """A view over the target of a view: rows that come twice show here too (attacks R10)."""
    return (f"NODE n\nSQL >\n    SELECT '{source}' AS source, request, sum(rows) AS rows, sum(total) AS total FROM {view} GROUP BY request\n"
            "TYPE materialized\nDATASOURCE chained\n")


PROJECT = {
    "datasources/events.datasource": EVENTS,
    "datasources/per_request.datasource": PER_REQUEST,
    "datasources/chained.datasource": CHAINED,
    "pipes/per_request_mv.pipe": _view("events", "per_request"),
    "pipes/chained_mv.pipe": _chained("events", "per_request"),
    "pipes/answer.pipe": "NODE n\nSQL >\n    SELECT count() AS rows FROM events\nTYPE endpoint\n",
}
# Three sources: one over several partitions, one without views, and a target that two chains of views fill.
WIDE_PROJECT = {
    **PROJECT,
    "datasources/orders.datasource": EVENTS + 'ENGINE_PARTITION_KEY "request % 2"\n',
    "datasources/orders_per_request.datasource": PER_REQUEST,
    "datasources/lines.datasource": EVENTS,
    "pipes/orders_per_request_mv.pipe": _view("orders", "orders_per_request"),
    "pipes/chained_orders_mv.pipe": _chained("orders", "orders_per_request"),
}
# The views below a source: the first is filled from it, the second from the first.
VIEWS = {"events": ("per_request", "chained"), "orders": ("orders_per_request", "chained"), "lines": ()}


class Mix:
    """What the requests of a load look like. Shares are between 0 and 1; the defaults are requests of one kind."""

    def __init__(self, rows=100, sources=("events",), keyed=1.0, bad=0.0, wait=0.0, packed=1.0, repeated=0.0):
        self.rows = rows if isinstance(rows, tuple) else (rows, rows)
        self.sources, self.keyed, self.bad, self.wait, self.packed, self.repeated = sources, keyed, bad, wait, packed, repeated


# Many small requests, a few large ones; all that a request can be.
EVERYTHING = Mix(rows=(1, 400), sources=tuple(VIEWS), keyed=0.8, bad=0.05, wait=0.03, packed=0.5, repeated=0.05)


def generator(seed):
    """A random generator; its seed is printed, and pytest shows that when the test fails."""
    print(f"seed {seed}")
    return random.Random(seed)


def value_of(request, n):
    return (request * 1_000_003 + n * 7_919) % 1_000_000_007


class Request:
    """One request. `state` is the last word on it: acknowledged (200 or 202), stored (422: a view refused the rows), refused (an error that
    says that nothing was kept) or unanswered (no answer, or one that says nothing on what was kept)."""

    __slots__ = ("number", "client", "source", "rows", "bad_every", "key", "wait", "packed", "state", "attempts", "repeats", "answers",
                 "_expected")

    def __init__(self, number, source, rows, bad_every=0, key=None, wait=False, packed=True, repeats=0):
        self.number, self.source, self.rows, self.bad_every, self.key = number, source, rows, bad_every, key
        self.wait, self.packed, self.repeats = wait, packed, repeats
        self.client, self.state, self.attempts, self.answers, self._expected = 0, "unsent", [], 0, None

    def bad(self, n):
        """Rows that do not fit the schema; they belong in the quarantine."""
        return self.bad_every > 0 and n % self.bad_every == self.bad_every - 1

    @property
    def expected(self):
        """((rows, distinct, total) of the table, (rows, distinct, sum of n) of the quarantine)."""
        if self._expected is None:
            good = [n for n in range(self.rows) if not self.bad(n)]
            bad = [n for n in range(self.rows) if self.bad(n)]
            self._expected = ((len(good), len(good), sum(value_of(self.number, n) for n in good)), (len(bad), len(bad), sum(bad)))
        return self._expected

    @property
    def counts(self):
        """What the answer must say."""
        table, quarantine = self.expected
        return {"successful_rows": table[0], "quarantined_rows": quarantine[0]}

    def body(self):
        lines = []
        for n in range(self.rows):
            value = f'"no number {n}"' if self.bad(n) else value_of(self.number, n)
            lines.append(f'{{"client":{self.client},"request":{self.number},"n":{n},"bucket":"b{n % 7}","value":{value}}}\n')
        text = "".join(lines).encode()
        return gzip.compress(text, 1, mtime=0) if self.packed else text

    def __str__(self):
        text = f"request {self.number} of client {self.client} to {self.source}: {self.rows} rows"
        text += f", every {self.bad_every}th bad" if self.bad_every else ""
        text += f", key {self.key}" if self.key else ", no key"
        text += ", wait=true" if self.wait else ""
        text += f"; {self.state}, attempts:"
        return text + "".join(f"\n      {a}" for a in self.attempts)


class Attempt:
    __slots__ = ("round", "begun", "took", "status", "text")

    def __init__(self, round_, begun, took, status, text):
        self.round, self.begun, self.took, self.status = round_, begun, took, status
        self.text = text if status not in (200, 202) else ""

    def __str__(self):
        answer = "no answer" if self.status is None else f"{self.status} {self.text[:200]}"
        return f"round {self.round}, at {self.begun:.3f} s for {self.took * 1000:.0f} ms: {answer}"


class History:
    """All requests of a test, of one load or several. Thread: any; `lock` guards what changes."""

    def __init__(self, seed=0):
        print(f"load seed {seed}")
        self.lock = threading.Condition()
        self.random = random.Random(seed)
        self.requests, self.round, self.started = {}, 0, time.monotonic()
        self.retries = self.duplicates = 0  # sent again without an answer; repeated although answered

    def new_request(self, mix, number):
        """The next request of a mix; the order of calls decides, so a seed gives the same requests again."""
        choose, (low, high) = self.random, mix.rows
        rows = low if low == high else min(high, low + int(choose.expovariate(8.0 / (high - low))))
        request = Request(number, choose.choice(mix.sources), rows)
        request.bad_every = choose.randint(2, 5) if choose.random() < mix.bad else 0
        request.key = f"load-{number}" if choose.random() < mix.keyed else None
        request.wait = choose.random() < mix.wait
        request.packed = choose.random() < mix.packed
        request.repeats = choose.randint(1, 2) if request.key and choose.random() < mix.repeated else 0
        self.requests[number] = request
        return request

    def attempted(self, request, begun, status, text):
        request.attempts.append(Attempt(self.round, begun - self.started, time.monotonic() - begun, status, text))

    def of_state(self, *states):
        with self.lock:
            return [r for r in self.requests.values() if r.state in states]

    @property
    def acknowledged(self):
        return {r.number for r in self.of_state("acknowledged")}

    @property
    def acknowledged_rows(self):
        return sum(r.rows for r in self.of_state("acknowledged", "stored"))


def parse_counts(text):
    found = json.loads(text)
    return {k: found.get(k) for k in ("successful_rows", "quarantined_rows")}
