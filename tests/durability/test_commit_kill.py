# SPDX-License-Identifier: Apache-2.0
"""The engine dies at the very commit of a part: the moment between its note of the insert's token and the part (R1, R10, R24)."""
from .checker import assert_holds
from .history import VIEWS, WIDE_PROJECT, History, Mix
from .load import Load, engine_pid, health, wait_until_stored, workspace_of
from .strace import killed_at

MIX = Mix(rows=(1, 100), sources=tuple(VIEWS))


def test_r1_r10_an_engine_killed_at_the_commit_of_a_part(start_server, pick):
    """A part becomes one by a rename: killed there, at the first of a table, the next or one of a view, the rows come all the same, once."""
    server = start_server(flags=["--flush-interval-ms", "50"])
    ws, history = workspace_of(server, WIDE_PROJECT), History(12)
    for number in range(1, pick(5, 60)):
        history.round = number
        load = Load(ws, 30, MIX, connections=4, first=number * 1000, history=history)
        with killed_at(engine_pid(server), "rename,renameat,renameat2", 1 + number % 4) as ended:
            load.join()
            ended()
        wait_until_stored(server)
        assert_holds(ws, history, number * 1000)
    assert health(server)["engine"]["restarts"] > 2
    assert_holds(ws, history)
