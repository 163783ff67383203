# SPDX-License-Identifier: Apache-2.0
"""A disk without room: 503 with a clear text, nothing is acknowledged that is not kept, and it heals by itself (R5)."""
import re

import pytest

from kinglet_server import Server

from .checker import assert_holds
from .disks import MIB, SmallDisk
from .history import History, Mix
from .load import Load, wait_until_stored, workspace_of


@pytest.fixture
def disk(tmp_path):
    one = SmallDisk(tmp_path / "disk", 96)
    yield one
    one.close()


@pytest.mark.parametrize("healed_by", ["a larger disk", "less on the disk"])
def test_r5_a_full_disk(disk, healed_by):
    server = Server(folder=disk.folder, flags=["--flush-interval-ms", "50"])
    try:
        ws, history = workspace_of(server), History(5)
        Load(ws, 20, history=history).join()
        wait_until_stored(server)
        ballast = disk.fill(leave=2 * MIB)
        unkeyed = Load(ws, mix=Mix(keyed=0), connections=4, first=1000, history=history)
        keyed = Load(ws, 200, Mix(keyed=1), connections=4, first=100_000, history=history)
        unkeyed.wait_until(lambda: any(r.state == "refused" for r in history.requests.values()), 30, lambda: "the disk never filled")
        unkeyed.stop()
        unkeyed.join()
        assert not unkeyed.numbers("unanswered")
        refused = history.of_state("refused")[0].attempts[-1]
        assert refused.status in (503, 507) and re.search("full|space", refused.text), refused
        assert str(disk.folder) not in refused.text, "a path of the host"
        assert ws.get("/health").status_code == 200

        if healed_by == "a larger disk":
            disk.resize(400)
        else:
            ballast.unlink()
        # The same server; clients with a key send again until it takes them.
        keyed.join(60)
        Load(ws, 20, first=200_000, history=history).join(60)
        wait_until_stored(server)
        assert_holds(ws, history)
    finally:
        server.stop()
