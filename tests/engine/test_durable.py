# SPDX-License-Identifier: Apache-2.0
"""--durable: what the engine must have synced, and in which order, so that a power cut leaves no part without its token (R3)."""
import contextlib
import os
import re
import signal
import subprocess

import pytest

from conftest import native
from kinglet_server import eventually

SYNCED = "non_replicated_deduplication_window = 100, min_level_for_wide_part = 1, fsync_after_insert = 1, fsync_part_directory = 1"
CALLS = "write,rename,renameat,renameat2,fsync,fdatasync,syncfs"
O_DSYNC = 0o10000


def token_log_flags(engine):
    """O_DSYNC or 0 for each record of tokens that the engine holds open."""
    flags, folder = [], f"/proc/{engine.process.pid}"
    for fd in os.listdir(folder + "/fd"):
        with contextlib.suppress(FileNotFoundError):
            if "/deduplication_logs/" in os.readlink(f"{folder}/fd/{fd}"):
                with open(f"{folder}/fdinfo/{fd}") as file:
                    flags.append(int(re.search(r"flags:\s*(\d+)", file.read())[1], 8) & O_DSYNC)
    return flags


@contextlib.contextmanager
def traced(engine, calls):
    """Appends the system calls of the block to the list `calls`, in their order."""
    output = engine.folder / "trace"
    command = ["strace", "-f", "-y", "-qq", "-o", str(output), "-e", f"trace={CALLS}", "-p", str(engine.process.pid)]
    try:
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        pytest.skip("strace is not installed")

    def attached():
        with open(f"/proc/{engine.process.pid}/status") as status:
            return "TracerPid:\t0\n" not in status.read()

    if not eventually(lambda: tracer.poll() is not None or attached()) or tracer.poll() is not None:
        pytest.skip("strace cannot attach here")
    yield
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    calls += [line for line in output.read_text(errors="replace").splitlines() if "resumed>" not in line]


def places(calls, pattern):
    return [n for n, call in enumerate(calls) if re.search(pattern, call)]


@pytest.fixture
def tables(start):
    """A source and the target of its view."""
    engine = start(extra=["--durable"])
    engine.ok("CREATE DATABASE ws_a")
    engine.ok(f"CREATE TABLE ws_a.t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS {SYNCED}")
    engine.ok(f"CREATE TABLE ws_a.v (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS {SYNCED}")
    engine.ok("CREATE MATERIALIZED VIEW ws_a.m TO ws_a.v AS SELECT a FROM ws_a.t")
    return engine


def insert(engine, number):
    reply = engine.insert("INSERT INTO ws_a.t (a)", native([("a", "UInt64", [number])]), insert_deduplication_token=f"k{number}")
    assert reply.status == 200, reply.text


def test_r3_tokens_are_durable_before_their_part_is(tables):
    insert(tables, 1)
    assert token_log_flags(tables) == [O_DSYNC] * 2
    calls = []
    with traced(tables, calls):
        insert(tables, 2)
    tokens = places(calls, r"write\(\d+<.*/deduplication_logs/")
    commits = places(calls, r"rename.*/tmp_insert_all_2_2_")
    folders = places(calls, r"fdatasync\(\d+<.*/all_2_2_\d/?>")
    assert len(tokens) == len(commits) == len(folders) == 2, calls
    for token, commit, folder in zip(tokens, commits, folders):
        part = re.search(r"[0-9a-f-]{36}/+tmp_insert_all_2_2_\d", calls[commit])[0].replace("//", "/")
        files = places(calls, rf"fdatasync\(\d+<.*/{part}/[a-z_]+\.[a-z0-9]+>")
        assert len(files) > 5 and max(files) < token < commit < folder, (part, calls)


def test_r3_the_same_after_a_restart(tables, start):
    insert(tables, 1)
    tables.stop()
    again = start(folder=tables.folder, extra=["--durable"])
    insert(again, 2)
    assert token_log_flags(again) == [O_DSYNC] * 2


def test_r3_merged_parts_and_changes_of_tables_are_synced(tables):
    insert(tables, 1)
    insert(tables, 2)
    calls = []
    with traced(tables, calls):
        tables.ok("OPTIMIZE TABLE ws_a.t FINAL")
        tables.ok("EXCHANGE TABLES ws_a.t AND ws_a.v")
    merged = places(calls, r"rename.*/tmp_merge_all_1_2_1")
    assert len(merged) == 1 and any(n < merged[0] for n in places(calls, r"fdatasync\(\d+<.*/tmp_merge_all_1_2_1/data.bin")), calls
    exchanged = places(calls, r"renameat2\(.*RENAME_EXCHANGE")
    assert exchanged and places(calls, r"syncfs\(")[-1] > exchanged[-1], calls


def test_without_it_nothing_of_that_is_paid_for(start):
    engine = start()
    engine.ok("CREATE DATABASE ws_a")
    engine.ok("CREATE TABLE ws_a.t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100")
    insert(engine, 1)
    calls = []
    with traced(engine, calls):
        insert(engine, 2)
        engine.ok("OPTIMIZE TABLE ws_a.t FINAL")
    assert token_log_flags(engine) == [0] and not places(calls, "sync"), calls
