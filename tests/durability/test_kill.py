# SPDX-License-Identifier: Apache-2.0
"""kill -9 of server, engine and both at random moments while clients send: nothing acknowledged is lost, nothing is there twice
(R1, R10, R24)."""
import pathlib
import tempfile

import pytest

from .checker import assert_holds
from .history import EVERYTHING, WIDE_PROJECT, History
from .load import Load, workspace_of
from .nemesis import Rounds

MEMORY = pathlib.Path("/dev/shm")


@pytest.fixture
def place(request, tmp_path):
    """A data folder on the disk, or in memory: what a killed process wrote outlives it there as well, and rounds are many more. Syncs take
    time on the disk only, so both find moments that the other seldom hits."""
    if request.param == "disk":
        yield tmp_path
    elif not MEMORY.is_dir():
        pytest.skip("no /dev/shm here")
    else:
        with tempfile.TemporaryDirectory(prefix="kinglet-", dir=MEMORY) as folder:
            yield pathlib.Path(folder)


@pytest.mark.parametrize("place, seed", [("disk", 20260322), ("memory", 20260323)], indirect=["place"])
def test_r1_r10_rounds_of_kill_nine(start_server, pick, figures, place, seed):
    """Three data sources with views and views over them; good and bad rows, with and without keys and wait=true; clients that repeat
    what has no answer, and now and then what has one."""
    rounds = pick(8, 150) if place.parent != MEMORY else pick(16, 850)
    # Requests that wait make no segments of their own here: hundreds of small inserts would be all that a round does.
    server = start_server(folder=place, flags=["--flush-interval-ms", "120", "--wait-flush-ms", "120"])
    ws = workspace_of(server, WIDE_PROJECT)
    load = Load(ws, mix=EVERYTHING, connections=24, released=0, history=History(seed))
    nemesis = Rounds(ws, load, seed)
    nemesis.run(rounds)
    load.stop()
    load.join()
    assert_holds(ws, load.history)
    figures.update(rounds=rounds, **nemesis.figures())
    assert min(nemesis.kinds[k] for k in ("server", "engine")) > 0 and load.history.retries > 0, "the kills hit nothing"
    assert load.history.duplicates > 0 and load.numbers("unanswered")
    server.stop()
