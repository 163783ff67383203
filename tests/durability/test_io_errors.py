# SPDX-License-Identifier: Apache-2.0
"""Writes and syncs that fail: an error to the caller, a file that is given up, nothing lost (R6)."""
import pytest

from .checker import assert_holds
from .history import EVERYTHING, WIDE_PROJECT, History, Mix
from .load import Load, engine_pid, health, wait_until_stored, workspace_of
from .strace import failing

# Some with a key, some without; no repeats of answered requests, as these would wait for their own answer.
MIX = Mix(rows=(1, 100), sources=EVERYTHING.sources, keyed=0.5, bad=0.05, packed=0.5)
# The calls that take accepted rows to the disk (src/spool/spool_file.cc).
SPOOL_FAULTS = [("fdatasync", "EIO", "4+9"), ("fdatasync", "ENOSPC", "4+9"), ("pwritev,pwrite64,pwritev2,write,writev", "EIO", "9+40"),
                ("fallocate,ftruncate", "ENOSPC", "1+2")]


@pytest.fixture
def running(start_server):
    server = start_server(flags=["--flush-interval-ms", "50"])
    return server, workspace_of(server, WIDE_PROJECT)


@pytest.mark.parametrize("calls, error, when", SPOOL_FAULTS, ids=lambda v: v.replace(",", "_"))
def test_r6_failed_writes_of_the_server(running, pick, calls, error, when):
    """What was acknowledged is there once, whether the server goes on afterwards or is killed on the spot. What was refused is not
    there, unless the file could not be cut back either: docs/design/0004-spool.md, at least once for this request."""
    server, ws = running
    load = Load(ws, mix=MIX, connections=8, released=50, history=History(6))
    load.wait_for(50)
    for end in ("goes on", "is killed"):
        with failing(server.process.pid, calls, error, when):
            load.release(pick(150, 3000))
            load.wait_for(load.released - 8, 120)
            if end == "is killed":
                server.kill()
        if end == "is killed":
            server.start()
        assert server.process.poll() is None, server.log_text()[-2000:]
        load.release(50)
        load.wait_for(load.released)
    load.stop()
    load.join()
    wait_until_stored(server)
    if calls == "fdatasync":
        assert any(a.status in (503, 507) for r in load.history.requests.values() for a in r.attempts), "no call failed"
    for request in load.history.of_state("refused"):
        request.state = "unanswered"
    assert_holds(ws, load.history)
    assert health(server)["status"] == "ready"


@pytest.mark.parametrize("calls, error, when", [("fsync,fdatasync", "EIO", "3+11"), ("openat", "EMFILE", "5+60")],
                         ids=lambda v: v.replace(",", "_"))
def test_r6_failed_writes_of_the_engine(running, pick, calls, error, when):
    """Inserts fail in the middle of their files: they are tried again with their token, and each row is there once."""
    server, ws = running
    load = Load(ws, mix=MIX, connections=8, released=50, history=History(66))
    load.wait_for(50)
    with failing(engine_pid(server), calls, error, when):
        load.release(pick(150, 3000))
        load.wait_for(load.released, 120)
    load.release(100)
    load.wait_for(load.released)
    load.stop()
    load.join()
    wait_until_stored(server)
    assert_holds(ws, load.history)
    assert not load.numbers("unanswered")
