# SPDX-License-Identifier: Apache-2.0
"""A replay of the quarantine that is killed anywhere moves each row once (R1). The books under kills: durability/nemesis.py."""
import json
import os
import signal
import time

import pytest

from kinglet_server import eventually
from durability.history import generator
from durability.load import at_new_address, engine_pid, wait_until_stored

REPLAYS = 3
NARROW = 'SCHEMA >\n    `id` UInt32 `json:$.id`,\n    `n` Int8 `json:$.n`\nENGINE "MergeTree"\nENGINE_SORTING_KEY "id"\n'
WIDE = NARROW.replace("Int8", "Int32")


def rows_of(ws, name):
    shown = at_new_address(ws).get(f"/v0/datasources/{name}").json()["rows"]
    assert shown["accepted"] == sum(v for k, v in shown.items() if k != "accepted"), shown
    return shown


def job_state(ws, job_id):
    return at_new_address(ws).get(f"/v0/jobs/{job_id}").json()


@pytest.mark.parametrize("seed", [20260418])
def test_a_replay_that_is_killed_anywhere_moves_each_row_once(start_server, seed):
    """Rows that fit, rows that do not, rows that come meanwhile and match the filter: none is lost, none is there twice."""
    random = generator(seed)
    server = start_server(flags=["--flush-interval-ms", "40", "--books-interval-ms", "200"])
    kills = {}
    for _ in range(REPLAYS):
        ws = server.workspace()
        ws.must_build({"narrow.datasource": NARROW, "wide.datasource": WIDE})
        count = 30_000
        # Every third row fits neither.
        rows = [{"id": i, "n": 1000 + i if i % 3 else "text"} for i in range(count)]
        for at in range(0, count, 10_000):
            body = "\n".join(json.dumps(r) for r in rows[at:at + 10_000])
            assert ws.events("narrow", body).json()["quarantined_rows"] == 10_000
        started = ws.post("/v0/datasources/narrow/quarantine/replay", into="wide")
        assert started.status_code == 200, started.text
        job_id = started.json()["job_id"]
        late = 0
        for _ in range(3):
            # These match the filter of the replay, and are not among its rows.
            reply = at_new_address(ws).events("narrow", json.dumps({"id": count + late, "n": 2000}), wait="false")
            assert reply.status_code == 202, reply.text
            late += 1
            time.sleep(random.random() * 0.25)  # sleep: the moment of death varies
            state = job_state(ws, job_id)
            kills[state["status"]] = kills.get(state["status"], 0) + 1
            if random.random() < 0.4:
                os.kill(engine_pid(server), signal.SIGKILL)
            server.kill()
            server.start()
        assert eventually(lambda: job_state(ws, job_id)["status"] in ("done", "error"), 60), job_state(ws, job_id)
        job = job_state(ws, job_id)
        wait_until_stored(server)
        assert job["status"] == "done", job
        moved = job["rows_chosen"]
        assert count <= moved <= count + late
        fits = ws.rows("SELECT count() AS c, uniqExact(id) AS u FROM wide FORMAT JSON")[0]
        back = ws.rows("SELECT count() AS c, uniqExact(id) AS u FROM wide_quarantine FORMAT JSON")[0]
        left = ws.rows("SELECT count() AS c, uniqExact(id) AS u FROM narrow_quarantine FORMAT JSON")[0]
        assert fits[0] == fits[1] and back[0] == back[1] and left[0] == left[1], (fits, back, left, job)
        assert back[0] == count // 3 and fits[0] + left[0] == count - count // 3 + late, (fits, back, left, job)
        assert (job["successful_rows"], job["quarantined_rows"]) == (fits[0], back[0])
        taken = rows_of(ws, "wide")
        assert taken["accepted"] - taken["deduplicated"] == moved, taken
        tables = server.engine("SELECT count() FROM system.tables WHERE name LIKE '%\\_chosen\\_%' OR name LIKE '%\\_others\\_%'").text.strip()
        assert tables == "0", "the job's table is gone"
    print(kills)
    assert "do not hold" not in server.log_text()
