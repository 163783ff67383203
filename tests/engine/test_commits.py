# SPDX-License-Identifier: Apache-2.0
"""Files that cannot be opened in the middle of an insert or a merge: the same insert sent again is stored once, in the table and in every
view, the parts on disk are those of the table, and the next start takes them (R7, R10)."""
import http.client
import os
import subprocess

import pytest

from conftest import native
from durability.strace import failing, killed_at

SYNCED = "min_level_for_wide_part = 1, fsync_after_insert = 1, fsync_part_directory = 1"
LONG = bool(os.environ.get("KINGLET_DURABILITY_LONG"))
# An insert of two parts into two views opens some 60 files, a merge of three parts some 45, the last ones for its commit.
INSERT_STEPS = range(1, 64) if LONG else [7, *range(18, 22), *range(31, 46, 3), 54, 57, 60]
MERGE_STEPS = range(1, 50) if LONG else [3, 8, 34, 41, 43, 44, 45, 46]


class Store:
    """An engine with a source in two partitions and two views, one over the other; it is started again when it has ended."""

    def __init__(self, start, window=10_000):
        self.start, self.window = start, f"non_replicated_deduplication_window = {window}, {SYNCED}"
        self.engine, self.inserts, self.restarts = start(extra=["--durable"]), 0, 0
        self.engine.ok("CREATE DATABASE ws_a")
        self.table("t", "a UInt64", "PARTITION BY a % 2 ORDER BY a")
        self.table("v", "a UInt64", "ORDER BY a")
        self.table("w", "a UInt64", "ORDER BY a")
        self.engine.ok("CREATE MATERIALIZED VIEW ws_a.m TO ws_a.v AS SELECT a FROM ws_a.t")
        self.engine.ok("CREATE MATERIALIZED VIEW ws_a.n TO ws_a.w AS SELECT a FROM ws_a.v")

    def table(self, name, columns, order):
        self.engine.ok(f"CREATE TABLE ws_a.{name} ({columns}) ENGINE = MergeTree {order} SETTINGS {self.window}")

    @property
    def pid(self):
        return self.engine.process.pid

    def insert(self, table="t"):
        """Status of the insert number `inserts`, which has a token of its own; None when the engine ended."""
        rows = [("a", "UInt64", [self.inserts * 2, self.inserts * 2 + 1])]
        try:
            return self.engine.insert(f"INSERT INTO ws_a.{table} (a)", native(rows), insert_deduplication_token=f"k{self.inserts}",
                                      deduplicate_blocks_in_dependent_materialized_views=1).status
        except (http.client.HTTPException, ConnectionError):
            return None

    def recover(self):
        """Starts the engine again if it ended or is about to."""
        try:
            self.engine.process.wait(0.2)
        except subprocess.TimeoutExpired:
            return
        self.engine = self.start(folder=self.engine.folder, extra=["--durable"])
        self.restarts += 1

    def assert_stored_once(self):
        wanted = "\t".join(str((self.inserts + 1) * 2) for _ in range(2))
        for table in ("t", "v", "w"):
            assert self.engine.ok(f"SELECT count(), uniqExact(a) FROM ws_a.{table}").strip() == wanted, table

    def parts(self, table):
        """(names of parts on disk, names that the engine knows) of a table."""
        path, = self.engine.ok(f"SELECT data_paths[1] FROM system.tables WHERE database = 'ws_a' AND name = '{table}'").split()
        known = self.engine.ok(f"SELECT name FROM system.parts WHERE database = 'ws_a' AND table = '{table}' AND active").split()
        return {name for name in os.listdir(path) if name.startswith(("all_", "0_", "1_"))}, set(known)


@pytest.mark.parametrize("which", ["once", "from then on"])
def test_r7_r10_an_insert_without_descriptors(start, which):
    """At any of its files. Where a part is being committed it needs none, or else the engine ends itself; so nothing is dropped as a
    repeat of what was not stored."""
    store, refused = Store(start), 0
    steps = INSERT_STEPS if which == "once" or LONG else INSERT_STEPS[1::3]
    for number, step in enumerate(steps):
        store.inserts = number
        with failing(store.pid, "openat", "EMFILE", step if which == "once" else f"{step}+"):
            refused += store.insert() == 503
            if which == "once":
                assert store.engine.process.poll() is None, store.engine.log_text()[-1000:]
        if which != "once":
            store.recover()
        assert store.insert() == 200
        store.assert_stored_once()
    assert refused > len(steps) // 5
    assert (store.restarts > 0) == (which != "once"), store.restarts


@pytest.mark.parametrize("which", ["once", "from then on"])
def test_r7_a_merge_without_descriptors(start, which):
    """A merged part that is on disk and not in its table would be in the way of the next merge, and then of the next start."""
    store, refused = Store(start), 0
    for step in MERGE_STEPS:
        store.table(f"s{step}", "a UInt64", "ORDER BY a")
        for store.inserts in range(3):
            assert store.insert(f"s{step}") == 200
        with failing(store.pid, "openat", "EMFILE", step if which == "once" else f"{step}+"):
            try:
                refused += store.engine.run(f"OPTIMIZE TABLE ws_a.s{step} FINAL").status == 503
            except (http.client.HTTPException, ConnectionError):
                assert which != "once", store.engine.log_text()[-1000:]
        store.recover()
        on_disk, known = store.parts(f"s{step}")
        assert "all_1_3_1" in known or "all_1_3_1" not in on_disk, (step, on_disk, known)
    assert refused > 2
    assert (store.restarts > 0) == (which != "once"), store.restarts
    store.engine.stop()
    again = start(folder=store.engine.folder, extra=["--durable"])
    for step in MERGE_STEPS:
        assert again.ok(f"SELECT count() FROM ws_a.s{step}").strip() == "6"


def test_r1_r10_killed_at_a_commit_behind_a_full_record_of_tokens(start):
    """The record is continued in a new file after twice as many tokens as the window has, before the part becomes one of its table: a token
    that is the last of a full file is taken back, too."""
    store = Store(start, window=2)
    store.table("one", "a UInt64", "ORDER BY a")
    for store.inserts in range(4):
        if store.inserts == 3:
            with killed_at(store.pid, "rename,renameat,renameat2", 1) as ended:
                assert store.insert("one") is None
                ended()
            store.recover()
            path, = store.engine.ok("SELECT data_paths[1] FROM system.tables WHERE database = 'ws_a' AND name = 'one'").split()
            assert len(os.listdir(path + "/deduplication_logs")) == 2
        assert store.insert("one") == 200
    assert store.engine.ok("SELECT count(), uniqExact(a) FROM ws_a.one") == "8\t8\n"
