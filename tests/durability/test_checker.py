# SPDX-License-Identifier: Apache-2.0
"""The checker itself: what it must see, it sees. Each case changes something in the engine behind the server's back."""
import json

import pytest

from kinglet_server import Server

from .checker import assert_holds, physical_tables, violations
from .history import WIDE_PROJECT, History, Mix
from .load import Load, wait_until_stored, workspace_of

LOST_IN_PART, DIFFERS = "lost in part", "the view differs"


class Loaded:
    """Sixty requests, half of them with bad rows among the good ones, all stored."""

    def __init__(self, server):
        self.ws, self.history = workspace_of(server, WIDE_PROJECT), History(1)
        self.load = Load(self.ws, 60, Mix(rows=20, sources=("events", "orders"), bad=0.5), history=self.history)
        self.load.join()
        wait_until_stored(server)
        assert_holds(self.ws, self.history)
        self.tables = physical_tables(
            self.ws, ("events", "orders", "per_request", "orders_per_request", "chained"), server.engine)
        self.unused = sorted(self.history.requests)

    def take(self, source, bad):
        """A request that no other test has changed, and a good row of it."""
        number = next(n for n in self.unused if self.history.requests[n].source == source and (self.history.requests[n].bad_every > 0) == bad)
        self.unused.remove(number)
        request = self.history.requests[number]
        return request, next(n for n in range(request.rows) if not request.bad(n))

    def run(self, sql):
        reply = self.ws.server.engine(sql, mutations_sync=2, insert_deduplicate=0)
        assert reply.status == 200, reply.text

    def kinds(self, request):
        """What the checker says about a request; each with the history of it."""
        told = [text for text in violations(self.ws, self.history) if f"\n    {request}" in text]
        assert all("round 0, at" in text for text in told)
        return sorted(text.split(":")[0] for text in told)


@pytest.fixture(scope="module")
def loaded():
    server = Server()
    yield Loaded(server)
    server.remove()


def test_it_sees_a_row_that_is_gone(loaded):
    request, good = loaded.take("orders", bad=False)
    loaded.run(f"ALTER TABLE {loaded.tables['orders'][0]} DELETE WHERE request = {request.number} AND n = {good}")
    assert loaded.kinds(request) == [LOST_IN_PART, DIFFERS, DIFFERS]
    with pytest.raises(AssertionError, match=r"violations:(.|\n)*lost in part: orders has 19 rows"):
        assert_holds(loaded.ws, loaded.history)


def test_it_sees_a_request_that_is_gone(loaded):
    request, _ = loaded.take("events", bad=False)
    for table, column in (("events", "request"), ("per_request", "request"), ("chained", "source = 'events' AND request")):
        loaded.run(f"ALTER TABLE {loaded.tables[table][0]} DELETE WHERE {column} = {request.number}")
    assert loaded.kinds(request) == ["lost"]
    request.state = "unanswered"
    assert loaded.kinds(request) == []


def test_it_sees_a_row_that_is_there_twice(loaded):
    """Sent through the engine, so the views count it too and agree with the table: the count of the rows tells."""
    request, good = loaded.take("events", bad=False)
    table = loaded.tables["events"][0]
    loaded.run(f"INSERT INTO {table} SELECT * FROM {table} WHERE request = {request.number} AND n = {good}")
    assert loaded.kinds(request) == ["repeated"]
    request.state = "unanswered"
    assert loaded.kinds(request) == ["repeated"]


def test_it_sees_a_row_that_took_the_place_of_another(loaded):
    request, good = loaded.take("events", bad=False)
    loaded.run(f"ALTER TABLE {loaded.tables['events'][0]} UPDATE value = value + 1 WHERE request = {request.number} AND n = {good}")
    assert loaded.kinds(request) == ["changed", DIFFERS, DIFFERS]


def test_it_sees_half_of_an_unanswered_request(loaded):
    request, good = loaded.take("events", bad=True)
    request.state = "unanswered"
    assert loaded.kinds(request) == []
    loaded.run(f"ALTER TABLE {loaded.tables['events'][1]} DELETE WHERE request = '{request.number}'")
    assert loaded.kinds(request) == [LOST_IN_PART]


@pytest.mark.parametrize("again, kind", [(False, LOST_IN_PART), (True, "repeated")])
def test_it_counts_the_quarantine(loaded, again, kind):
    request, _ = loaded.take("orders", bad=True)
    table = loaded.tables["orders"][1]
    one = f"request = '{request.number}' AND n = '{request.bad_every - 1}'"
    loaded.run(f"INSERT INTO {table} SELECT * FROM {table} WHERE {one}" if again else f"ALTER TABLE {table} DELETE WHERE {one}")
    assert loaded.kinds(request) == [kind]


def test_it_sees_a_view_that_has_more(loaded):
    request, _ = loaded.take("orders", bad=False)
    loaded.run(f"INSERT INTO {loaded.tables['chained'][0]} (source, request, rows, total) SELECT 'orders', {request.number}, 1, 0")
    assert loaded.kinds(request) == [DIFFERS]
    loaded.run(f"INSERT INTO {loaded.tables['orders_per_request'][0]} (request, rows, total) SELECT {request.number}, 1, 0")
    assert loaded.kinds(request) == [DIFFERS, DIFFERS]


def test_it_sees_rows_that_nobody_sent(loaded):
    loaded.run(f"INSERT INTO {loaded.tables['events'][0]} (client, request, n, bucket, value) SELECT 1, 4000000, 0, 'b', 1")
    told = [text for text in violations(loaded.ws, loaded.history) if "4000000" in text]
    assert len(told) == 3 and all(text.startswith("never sent") for text in told)


def test_it_sees_rows_of_a_refused_request(loaded):
    request, _ = loaded.take("events", bad=False)
    request.state = "refused"
    assert loaded.kinds(request) == ["refused and yet stored"]


def test_an_answer_with_other_counts_is_a_fault(loaded):
    request, _ = loaded.take("events", bad=True)
    wrong = dict(request.counts, successful_rows=request.rows)
    with pytest.raises(AssertionError, match="answered with"):
        loaded.load._answered(request, 200, json.dumps(wrong))
