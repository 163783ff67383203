# SPDX-License-Identifier: Apache-2.0
"""What stops a statement: KILL QUERY, a client that leaves, a full queue, the watchdog."""
import threading
import time
import urllib.parse

import pytest

from kinglet_server import eventually

ENDLESS = "SELECT count() FROM system.numbers"
# No limit of the engine is looked at inside one row (sql-resolution.md finding 11). Each part takes about 2 s.
STUCK = "SELECT " + " + ".join(f"arrayMax(arraySort(x -> sipHash64(x, {i}), range(9000000)))" for i in range(12)) + " FROM numbers(1)"


class Background:
    """One request on its own thread."""

    def __init__(self, engine, sql, **parameters):
        self.reply = self.error = self.seconds = None
        self.thread = threading.Thread(target=self._run, args=(engine, sql, parameters))
        self.thread.start()

    def _run(self, engine, sql, parameters):
        begun = time.monotonic()
        try:
            self.reply = engine.run(sql, **parameters)
        except OSError as error:
            self.error = error
        self.seconds = time.monotonic() - begun

    def join(self, timeout=30):
        self.thread.join(timeout)
        assert not self.thread.is_alive()
        return self.reply


def processes(engine, text="system.numbers"):
    return int(engine.ok(f"SELECT count() FROM system.processes WHERE query LIKE '%{text}%' AND query NOT LIKE '%processes%'"))


@pytest.mark.parametrize("sql", ["KILL QUERY WHERE 1", "KILL QUERY WHERE query_id != 'x'", "KILL QUERY WHERE query_id = 'x' OR 1", "KILL MUTATION WHERE 1",
                                 "KILL QUERY WHERE query_id = x", "KILL", "KILL QUERY WHERE query_id LIKE '%'"])
def test_other_forms_of_kill_are_refused(store, sql):
    for readonly in (0, 1):
        reply = store.run(sql, readonly=readonly)
        assert (reply.status, reply.code) == (403, 164)


def test_kill_of_an_unknown_query_does_nothing(store):
    reply = store.run("KILL QUERY WHERE query_id = 'nosuch' ASYNC")
    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize("form", ["Native", "JSON"])  # a stream, and a whole result
@pytest.mark.parametrize("query_id", ["plain", "it's \\ odd"])
def test_kill_stops_a_running_query(store, form, query_id):
    running = Background(store, ENDLESS, readonly=1, default_format=form, query_id=query_id, max_execution_time=60)
    assert eventually(lambda: processes(store) == 1)
    escaped = query_id.replace("\\", "\\\\").replace("'", "\\'")
    begun = time.monotonic()
    reply = store.run(f"KILL QUERY WHERE query_id = '{escaped}' ASYNC")
    assert reply.text.startswith("waiting\t")
    assert running.join().code == 394
    assert time.monotonic() - begun < 1 and processes(store) == 0


def test_kill_stops_an_insert_select(store):
    store.ok("CREATE OR REPLACE TABLE ws_a.n (x UInt64) ENGINE = Null")
    running = Background(store, "INSERT INTO ws_a.n SELECT number FROM system.numbers", query_id="populate")
    assert eventually(lambda: processes(store) == 1)
    store.ok("KILL QUERY WHERE query_id = 'populate'")
    assert running.join().code == 394 and running.seconds < 10


def test_two_queries_of_one_id(store):
    running = Background(store, ENDLESS, readonly=1, query_id="twin", max_execution_time=60)
    assert eventually(lambda: processes(store) == 1)
    assert store.read("SELECT 1", query_id="twin").code == 216
    store.ok("KILL QUERY WHERE query_id = 'twin'")
    running.join()
    assert store.read("SELECT 1", query_id="twin").status == 200


@pytest.mark.parametrize("form,sql", [("Native", ENDLESS), ("JSON", ENDLESS), ("Native", "SELECT number FROM system.numbers"),
                                      ("JSONEachRow", "SELECT arraySum(x -> sipHash64(x), range(1000000 + number)) FROM system.numbers")])
def test_a_client_that_leaves_stops_its_query(store, form, sql):
    connection = store.connection()
    target = "/?" + urllib.parse.urlencode({"readonly": 1, "default_format": form, "max_execution_time": 60, "max_block_size": 8})
    connection.request("POST", target, sql.encode())
    assert eventually(lambda: processes(store) == 1)
    begun = time.monotonic()
    connection.close()
    assert eventually(lambda: processes(store) == 0 and store.status()["queries_running"] == 0)
    assert time.monotonic() - begun < 1.5
    assert eventually(lambda: store.status()["read"]["busy"] == 0)


def test_a_full_queue_answers_at_once(start):
    engine = start(extra=["--threads-read", "1"])
    blocker = Background(engine, ENDLESS, readonly=1, query_id="blocker", max_execution_time=60)
    assert eventually(lambda: engine.status()["read"]["busy"] == 1)
    waiting = [Background(engine, "SELECT 1", readonly=1) for _ in range(256)]
    assert eventually(lambda: engine.status()["read"]["waiting"] == 256, 4)
    begun = time.monotonic()
    reply = engine.read("SELECT 1")
    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, 202, "1") and time.monotonic() - begun < 1
    # A waiting query can be killed, too; the others are answered, or refused after 5 s.
    engine.ok("KILL QUERY WHERE query_id = 'blocker'")
    assert blocker.join().code == 394
    assert {w.join().status for w in waiting} <= {200, 503}
    assert engine.read("SELECT 1").status == 200
    assert engine.status()["read"] == {"threads": 1, "busy": 0, "waiting": 0}


def test_long_populates_leave_the_inserts_alone(start):
    engine = start()
    engine.ok("CREATE DATABASE ws_a")
    engine.ok("CREATE TABLE ws_a.n (x UInt64) ENGINE = Null")
    populates = [Background(engine, "INSERT INTO ws_a.n SELECT number FROM system.numbers", query_id=f"p{i}") for i in range(2)]
    assert eventually(lambda: processes(engine) == 2)
    assert engine.insert("INSERT INTO ws_a.n FORMAT JSONEachRow", b'{"x":1}').summary["written_rows"] == 1
    for i in range(2):
        engine.ok(f"KILL QUERY WHERE query_id = 'p{i}'")
    assert [p.join().code for p in populates] == [394, 394]


def test_the_watchdog_ends_the_process(start):  # sql-resolution.md 11.2: KILL 3 s, _exit 5 s after the limit
    engine = start()
    running = Background(engine, STUCK, readonly=1, max_execution_time=0.5)
    assert engine.process.wait(20) == 3
    running.join()
    assert running.error is not None and 5 <= running.seconds < 9
    assert "does not stop" in engine.log_text() and "is killed" in engine.log_text()
    # Its data folder is free at once.
    assert start(folder=engine.folder).read("SELECT 1").status == 200
