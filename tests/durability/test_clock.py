# SPDX-License-Identifier: Apache-2.0
"""The wall clock of the server jumps while it works: keys, expiry and rate windows stay sane (R8)."""
import glob
import time

import pytest

from .checker import assert_holds
from .history import EVERYTHING, WIDE_PROJECT, History, Request
from .load import Load, wait_until_stored, workspace_of

HOUR = 3600


class Clock:
    """The wall clock of processes started with `environment`; the steady one is left alone, as it is when NTP or a person sets a clock."""

    def __init__(self, folder):
        found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
        if not found:
            pytest.skip("libfaketime is not installed")
        self.file = folder / "clock"
        self.jump(0)
        self.environment = {"LD_PRELOAD": found[0], "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}

    def jump(self, seconds):
        """Against the real clock; written whole, as the process reads it at any time."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}s\n")
        fresh.rename(self.file)
        self.offset = seconds


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


def test_r8_keys_and_rows_through_jumps_of_the_clock(start_server, clock):
    """An hour forth and back, a restart in each: a key of before is known, and each row is there once."""
    server = start_server(flags=["--flush-interval-ms", "100"], environment=clock.environment)
    ws, history = workspace_of(server, WIDE_PROJECT), History(8)
    known, counts = [{"request": 9_000_000, "n": 0, "bucket": "b", "value": 1}], []
    clock.jump(-HOUR)
    for number, offset in enumerate([0, HOUR, -HOUR, 2 * HOUR, 0]):
        history.round = number
        load = Load(ws, mix=EVERYTHING, connections=8, released=60, first=number * 1000, history=history)
        load.wait_for(30)
        clock.jump(offset)
        load.release(60)
        load.wait_for(100)
        if number % 2:
            server.kill()
            server.start()
            ws.base = server.url
        counts.append(ws.events("lines", known, headers={"Idempotency-Key": "known"}).json())
        load.stop()
        load.join()
        wait_until_stored(server)
        assert int(ws.value("SELECT count() AS c FROM lines WHERE request = 9000000 FORMAT JSON")) == 1, f"after the jump to {offset} s"
    assert counts == [{"successful_rows": 1, "quarantined_rows": 0}] * 5
    history.requests[9_000_000] = request = Request(9_000_000, "lines", 1)
    request.state, request._expected = "acknowledged", ((1, 1, 1), (0, 0, 0))
    assert_holds(ws, history)


def test_r8_tokens_and_rate_windows_through_jumps_of_the_clock(start_server, clock):
    """A JWT is valid until its hour and not after; a rate limit stops nobody for the length of a jump."""
    server = start_server(environment=clock.environment)
    ws = workspace_of(server)
    scopes = [{"type": "PIPES:READ", "resource": "answer"}]
    token = ws.jwt(scopes, exp=int(time.time()) + 2 * HOUR, limits={"rps": 5})

    def statuses():
        return [ws.get("/v0/pipes/answer.json", token=token).status_code for _ in range(3)]

    for offset in (0, HOUR, -HOUR, 0):
        clock.jump(offset)
        assert statuses() == [200, 200, 200], f"after the jump to {offset} s"
        time.sleep(1.2)  # sleep: the second of the rate limit passes
    clock.jump(3 * HOUR)
    assert set(statuses()) <= {401, 403}, "an expired token"
    clock.jump(0)
    assert statuses() == [200, 200, 200]
