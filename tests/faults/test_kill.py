# SPDX-License-Identifier: Apache-2.0
"""kill -9 of server and engine while eight connections send: nothing acknowledged is lost, nothing is there twice (R1, R10, R24)."""
import os
import signal
import time

import pytest

from .load import Load, assert_once, engine_pid, generator, wait_until_stored, workspace_of

KILLS = 20


def kill_at_random(server, load, random, step):
    """KILLS kills, each at a random moment around a burst of `step` requests; answers how often each kind happened."""
    kinds = {"server": 0, "engine": 0, "both": 0}
    for number in range(KILLS):
        load.release(step)
        load.wait_for(max(0, load.released - step - random.randrange(step)))
        time.sleep(random.random() * 0.25)  # anywhere between the append and the end of the insert
        kind = random.choice(["server", "server", "engine", "engine", "both"])
        kinds[kind] += 1
        if kind != "server":
            os.kill(engine_pid(server), signal.SIGKILL)
        if kind != "engine":
            server.kill()
            server.start()
    load.release(load.count)
    return kinds


@pytest.mark.parametrize("seed", [20260322])
def test_r1_r10_two_hundred_thousand_events_through_twenty_kills(start_server, seed):
    """The client sends again under the same key until it is answered: each row is there exactly once, in the table and both views."""
    random = generator(seed)
    server = start_server(flags=["--flush-interval-ms", "150"])
    ws = workspace_of(server)
    count, rows = 2000, 100
    load = Load(ws, count, rows, released=0)
    kinds = kill_at_random(server, load, random, count // (KILLS + 2))
    load.join()
    wait_until_stored(server)
    assert len(load.acknowledged) == count
    assert_once(ws, load.acknowledged, rows)
    assert min(kinds.values()) > 0 and load.retries > 0, "the kills hit nothing"
    print(kinds, "retries", load.retries)


def test_r1_without_keys_an_acknowledged_request_is_there_once(start_server):
    """A client that never repeats itself: acknowledged rows are there once; a request without an answer is whole or not there."""
    random = generator(77)
    server = start_server(flags=["--flush-interval-ms", "150"])
    ws = workspace_of(server)
    count, rows = 600, 100
    load = Load(ws, count, rows, keys=False, released=0)
    kill_at_random(server, load, random, count // (KILLS + 2))
    load.join()
    wait_until_stored(server)
    assert len(load.acknowledged) > count // 2 and load.unanswered, "the kills hit nothing"
    assert_once(ws, load.acknowledged, rows, unknown=load.unanswered)  # what got a 503 is not there
