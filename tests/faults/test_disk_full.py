# SPDX-License-Identifier: Apache-2.0
"""A disk without room: 503 with a clear text, nothing is acknowledged that is not kept, and it heals by itself (R5)."""
import os
import subprocess

import pytest

from kinglet_server import Server, eventually

from .load import Load, assert_once, wait_until_stored, workspace_of

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own with 96 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "kinglet-test", str(folder)], capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder, leave):
    """Takes all room but `leave` bytes; answers the file that holds it."""
    ballast = folder / "ballast"
    state = os.statvfs(folder)
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - leave)
    return ballast


def test_r5_a_full_disk(small_disk):
    server = Server(folder=small_disk, flags=["--flush-interval-ms", "50"])
    try:
        ws = workspace_of(server)
        before = Load(ws, 20, rows=100)
        before.join()
        wait_until_stored(server)
        ballast = fill(small_disk, 2 * MIB)
        during = Load(ws, 4000, rows=100, connections=4, keys=False, first=1000)
        assert eventually(lambda: during.refused, 30), "the disk never filled"
        during.stop()
        during.join()
        assert not during.unanswered
        text = next(iter(during.refused.values()))
        assert "full" in text or "space" in text, text
        assert str(small_disk) not in text, "a path of the host"
        assert ws.get("/health").status_code == 200

        ballast.unlink()
        after = Load(ws, 20, rows=100, first=10_000)  # the same server; clients send again until it takes them
        after.join(60)
        wait_until_stored(server)
        # What got a 503 is not there.
        assert_once(ws, before.acknowledged | during.acknowledged | after.acknowledged, 100)
    finally:
        server.stop()
