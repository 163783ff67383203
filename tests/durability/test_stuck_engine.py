# SPDX-License-Identifier: Apache-2.0
"""The engine stands still under load: memory level, the spool grows to its bound, then callers are told to come back (R9)."""
import os
import pathlib
import re
import signal
import time

from .checker import assert_holds
from .history import WIDE_PROJECT, History, Mix
from .load import Load, engine_pid, health, wait_until_stored, workspace_of

MIB = 1 << 20
SPOOL_MAX = 24 * MIB
GROWTH_MAX = 96 * MIB


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024


def test_r9_an_engine_that_stands_still(start_server, pick, figures):
    seconds = pick(10, 60)
    server = start_server(flags=["--flush-interval-ms", "100", "--spool-bytes-max", str(SPOOL_MAX)])
    ws, history = workspace_of(server, WIDE_PROJECT), History(9)
    mix = Mix(rows=(100, 4000), sources=("events", "orders", "lines"), keyed=0.5, bad=0.02, packed=0.5)
    load = Load(ws, mix=mix, connections=8, history=history)
    load.wait_for(20)
    engine = engine_pid(server)
    os.kill(engine, signal.SIGSTOP)
    try:
        before, most, fullest, end = resident(server.process.pid), 0, 0, time.monotonic() + seconds
        while time.monotonic() < end:
            most = max(most, resident(server.process.pid))
            fullest = max(fullest, health(server)["spool"]["bytes"])
            time.sleep(0.1)  # sleep: memory is looked at ten times a second
        load.wait_until(lambda: any(r.state == "refused" for r in history.requests.values()), 60, lambda: "the spool was never full")
        refused = next(r for r in history.requests.values() if r.state == "refused").attempts[-1]
        assert refused.status == 503 and re.search(r"Retry-After \d+", refused.text), refused
        assert ws.get("/health").status_code == 200
    finally:
        ended = load.ended
        os.kill(engine, signal.SIGCONT)
    assert most - before < GROWTH_MAX, f"{before / MIB:.0f} MiB grew to {most / MIB:.0f}"
    assert SPOOL_MAX * 0.5 < fullest <= SPOOL_MAX * 1.25, f"{fullest / MIB:.1f} MiB in the spool"
    load.wait_until(lambda: load.ended > ended + 20)
    load.stop()
    load.join()
    wait_until_stored(server, pick(120, 900))
    assert health(server)["engine"]["restarts"] == 0
    assert_holds(ws, history)
    figures.update({"seconds": seconds, "MiB before": before // MIB, "MiB at most": most // MIB, "spool MiB at most": fullest // MIB,
                    "refused": len(history.of_state("refused")), "rows acknowledged": history.acknowledged_rows})


def test_r12_tiny_inserts_over_a_thousand_partitions(start_server, pick, figures):
    """One row a request, each into another of (in the long run) 1,000 partitions, flushed as often as they come: the engine never has too many parts."""
    count, partitions = pick(600, 10_000), pick(300, 1000)
    server = start_server(flags=["--flush-interval-ms", "20"])
    project = dict(WIDE_PROJECT)
    for name in ("events", "orders"):
        project[f"datasources/{name}.datasource"] = project["datasources/lines.datasource"] + f'ENGINE_PARTITION_KEY "request % {partitions}"\n'
    ws = workspace_of(server, project)
    load = Load(ws, count, Mix(rows=1, sources=("events", "orders"), packed=0), connections=24, history=History(12))
    load.join(300)
    wait_until_stored(server, pick(120, 900))
    assert server.engine("SELECT sum(value) FROM system.errors WHERE name = 'TOO_MANY_PARTS'").text.strip() == "0"
    parts = server.engine("SELECT max(c) FROM (SELECT count() AS c FROM system.parts WHERE active GROUP BY database, table)").text.strip()
    assert_holds(ws, load.history)
    assert len(load.numbers("acknowledged")) == count
    figures.update({"requests": count, "parts of a table at most": parts})
