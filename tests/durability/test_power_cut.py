# SPDX-License-Identifier: Apache-2.0
"""The power is cut: only what was synced is on the disk again. What was acknowledged is there, each row once, in tables and views (R3)."""
import json
import os

import pytest

from .checker import assert_holds
from .disks import PowerDisk
from .history import EVERYTHING, EVENTS, PROJECT, WIDE_PROJECT, History, Mix, generator
from .load import Load, at_new_address, wait_until_stored, workspace_of
from .nemesis import Rounds, cut_power


@pytest.fixture(params=["all on one disk", "the engine has a disk of its own"])
def disk(tmp_path, request):
    """What a server that runs in `tmp_path` has there; its log stays outside. When only the engine's disk is cut, no sync of the spool or
    the catalog makes anything of it durable by the way, and they have all that they ever wrote."""
    folder = tmp_path / "db"
    one = PowerDisk(tmp_path / "disk.img", folder if request.param == "all on one disk" else folder / "engine")
    yield one
    one.close()


def test_r3_r10_rounds_of_power_cuts(disk, start_server, tmp_path, pick, figures):
    """Three data sources with views and views over them, while clients send and repeat; now and then a second cut during the start."""
    rounds, seed = pick(6, 100), 20260416
    server = start_server(folder=tmp_path, flags=["--flush-interval-ms", "120", "--wait-flush-ms", "120"])
    ws = workspace_of(server, WIDE_PROJECT)
    load = Load(ws, mix=EVERYTHING, connections=24, released=0, history=History(seed))
    nemesis = Rounds(ws, load, seed, check_every=pick(3, 10), disk=disk)
    nemesis.run(rounds)
    load.stop()
    load.join()
    assert_holds(ws, load.history)
    figures.update(rounds=rounds, **nemesis.figures())
    assert load.numbers("unanswered"), "the cuts hit nothing"
    server.stop()


def _rows(ws, name):
    return ws.value(f"SELECT count() FROM {name}")


def test_r3_what_was_answered_stays_done(disk, start_server, tmp_path, pick):
    """Builds, truncates, deletes and replaces, each followed by a cut the moment that it is reported as done."""
    choose = generator(20260403)
    server = start_server(folder=tmp_path)
    ws = workspace_of(server, PROJECT)
    project, rows, first = dict(PROJECT), 0, 0
    for number in range(pick(5, 60)):
        what = ("build", "delete", "replace", "truncate", "add a column")[number % 5]
        lines = [{"request": first + n, "n": n, "bucket": "b", "value": n} for n in range(choose.randint(1, 50))]
        ws.must_append("events", lines)
        first, rows = first + len(lines), rows + len(lines)
        if what == "build":
            project[f"datasources/more_{number}.datasource"] = EVENTS
            project[f"pipes/count_{number}.pipe"] = f"NODE n\nSQL >\n    SELECT count() AS rows FROM more_{number}\nTYPE endpoint\n"
            ws.must_build(project)
        elif what == "delete":
            ws.job(ws.post("/v0/datasources/events/delete", form={"delete_condition": "n = 0"}))
            rows = _rows(ws, "events")
        elif what == "replace":
            lines = [{"request": first + n, "n": n, "bucket": "r", "value": n} for n in range(choose.randint(1, 50))]
            reply = ws.post("/v0/datasources", "\n".join(map(json.dumps, lines)), name="events", mode="replace", format="ndjson")
            assert reply.status_code == 200, reply.text
            first, rows = first + len(lines), len(lines)
        elif what == "truncate":
            reply = ws.post("/v0/datasources/events/truncate")
            assert reply.status_code in (200, 205), reply.text
            rows = 0
        else:
            project["datasources/events.datasource"] = project["datasources/events.datasource"].replace(
                "SCHEMA >\n", f"SCHEMA >\n    `more_{number}` UInt8 `json:$.more` DEFAULT 7,\n")
            ws.must_build(project)
        cut_power(server, disk)
        server.start()
        at_new_address(ws)
        assert _rows(ws, "events") == rows, f"after {what}"
        for path in project:
            if path.startswith("pipes/count_"):
                reply = ws.get("/v0/pipes/" + path[6:-5] + ".json")
                assert reply.status_code == 200 and reply.json()["data"] == [{"rows": 0}], reply.text
        assert ws.build(project).json()["result"] == "no_changes", f"after {what}"


@pytest.mark.parametrize("disk", ["all on one disk"], indirect=True)
@pytest.mark.parametrize("durability", ["os", "memory"])
def test_r3_less_is_promised_without_syncs_and_the_server_starts_all_the_same(disk, start_server, tmp_path, pick, durability):
    """More parts are unfinished then than ClickHouse by itself would open a table with; what was synced is there."""
    server = start_server(folder=tmp_path, flags=["--durability", durability, "--flush-interval-ms", "10"])
    ws, history = workspace_of(server, PROJECT), History(3)
    Load(ws, 50, history=history).join()
    wait_until_stored(server)
    os.sync()
    lost = History(4)
    for number in range(pick(120, 300)):  # a part each
        Load(ws, 1, Mix(rows=1, wait=1.0), connections=1, first=1000 + number, history=lost).join()
    cut_power(server, disk)
    server.start()
    wait_until_stored(server)
    at_new_address(ws)
    assert _rows(ws, "events WHERE request < 1000") == history.acknowledged_rows
    assert _rows(ws, "events") <= history.acknowledged_rows + lost.acknowledged_rows
    ws.must_append("events", [{"request": 5000, "n": 0, "bucket": "b", "value": 1}])
