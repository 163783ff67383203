# SPDX-License-Identifier: Apache-2.0
"""A materialized view that throws on some rows: 422, the rows are stored once, the view is never half applied, and heals (R11)."""
import json

import pytest

from kinglet_server import eventually

from .checker import assert_holds, physical_tables, violations
from .history import PROJECT, History, Mix, value_of
from .load import Load, at_new_address, metric, wait_until_stored, workspace_of

GOOD_VIEW = PROJECT["pipes/per_request_mv.pipe"]
THROWING_VIEW = GOOD_VIEW.replace("sum(value)", "sum(intDiv(value, if(bucket = 'poison', 0, 1)))")
assert THROWING_VIEW != GOOD_VIEW


def poison(ws, request, wait):
    """Its last row is one that the view cannot take."""
    lines = [{"request": request.number, "n": n, "bucket": "b", "value": value_of(request.number, n)} for n in range(request.rows)]
    lines[-1]["bucket"] = "poison"
    return ws.events("events", "\n".join(map(json.dumps, lines)), headers={"Idempotency-Key": request.key}, wait=wait)


@pytest.mark.parametrize("restart", [False, True], ids=["running", "killed before the repair"])
def test_r11_a_view_that_throws_on_some_rows(start_server, restart):
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws, history = workspace_of(server, {**PROJECT, "pipes/per_request_mv.pipe": THROWING_VIEW}), History(11)
    Load(ws, 20, Mix(20), history=history).join()
    wait_until_stored(server)
    bad = [history.new_request(Mix(rows=20), 1000 + n) for n in range(3)]
    for request in bad:
        reply = poison(ws, request, wait="true")
        assert reply.status_code == 422, reply.text
        told = reply.json()
        assert {k: told[k] for k in request.counts} == request.counts and "view" in told["error"], told
        request.state = "stored"
        again = poison(ws, request, wait="false")  # the same key: nothing is added
        assert again.status_code == 202 and again.json() == request.counts, again.text
    assert metric(server, "kinglet_spool_view_failures_total") > 0
    # Others of this table and their view go on.
    Load(ws, 20, Mix(20), first=2000, history=history).join()
    numbers = ", ".join(str(r.number) for r in bad)
    tables = physical_tables(ws, ("events", "per_request", "chained"), server.engine)
    assert eventually(lambda: server.engine(f"SELECT count() FROM {tables['per_request'][0]} WHERE request >= 2000").text.strip() == "20")

    def rows_of(table):
        return int(server.engine(f"SELECT count() FROM {tables[table][0]} WHERE request IN ({numbers})").text)

    assert (rows_of("events"), rows_of("per_request"), rows_of("chained")) == (60, 0, 0)
    if restart:
        server.kill()
        server.start()
        at_new_address(ws)
        assert eventually(lambda: metric(server, "kinglet_spool_view_failures_total") > 0)
        assert (rows_of("events"), rows_of("per_request"), rows_of("chained")) == (60, 0, 0)

    # The repair is a query that takes such rows; the batches that waited for it are tried again, with their tokens.
    ws.must_build({**PROJECT, "pipes/per_request_mv.pipe": GOOD_VIEW + "DEPLOYMENT_METHOD alter\n"})
    wait_until_stored(server, 60)
    assert eventually(lambda: not violations(ws, history), 20), violations(ws, history)
    Load(ws, 20, Mix(20), first=3000, history=history).join()
    wait_until_stored(server)
    assert_holds(ws, history)
