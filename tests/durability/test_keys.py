# SPDX-License-Identifier: Apache-2.0
"""One idempotency key sent many times, at once and over a restart: one set of rows in the table and every view below it (R10)."""
import concurrent.futures
import json

import pytest

from .checker import assert_holds
from .history import WIDE_PROJECT, History, Mix
from .load import at_new_address, wait_until_stored, workspace_of


def post(ws, request):
    headers = {"Idempotency-Key": request.key, **({"Content-Encoding": "gzip"} if request.packed else {})}
    return ws.events(request.source, request.body(), headers=headers, wait=str(request.wait).lower())


@pytest.mark.parametrize("kill", [False, True], ids=["running", "killed"])
def test_r10_one_key_from_many_clients_at_once(start_server, pick, kill):
    server = start_server(flags=["--flush-interval-ms", "150"])
    ws, history = workspace_of(server, WIDE_PROJECT), History(10)
    mix = Mix(rows=(1, 300), sources=("events", "orders", "lines"), bad=0.3, wait=0.5, packed=0.5)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for number in range(pick(12, 200)):
            request = history.new_request(mix, number)
            for reply in pool.map(lambda _: post(ws, request), range(12)):
                assert reply.status_code in (200, 202) and reply.json() == request.counts, reply.text
            request.state = "acknowledged"
            if kill and number % 4 == 3:
                server.kill()
                server.start()
                at_new_address(ws)
            if number % 3 == 0:
                for reply in pool.map(lambda _: post(ws, request), range(4)):
                    assert reply.status_code in (200, 202) and reply.json() == request.counts, reply.text
    wait_until_stored(server)
    assert_holds(ws, history)


def test_r10_a_key_with_another_body_is_a_conflict_over_a_restart_too(start_server):
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws, history = workspace_of(server, WIDE_PROJECT), History(11)
    request = history.new_request(Mix(rows=20, sources=("orders",), packed=0), 0)
    assert post(ws, request).status_code in (200, 202)
    request.state = "acknowledged"
    other = json.dumps({"request": 1, "n": 0, "bucket": "b", "value": 1})
    for _ in range(2):
        reply = ws.events("orders", other, headers={"Idempotency-Key": request.key})
        assert reply.status_code == 409, reply.text
        server.kill()
        server.start()
        at_new_address(ws)
    wait_until_stored(server)
    assert_holds(ws, history)
