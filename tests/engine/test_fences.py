# SPDX-License-Identifier: Apache-2.0
"""Three fences, each tested alone: read-only connections, grants, and the kernel's (Landlock). attacks.md S8, A9."""
import pathlib
import socket
import threading

import pytest

TABLE_FUNCTIONS = {
    "file": "SELECT * FROM file('/etc/passwd', LineAsString)",
    "file_relative": "SELECT * FROM file('../log', LineAsString)",
    "url": "SELECT * FROM url('http://127.0.0.1:{port}/x', LineAsString)",
    "s3": "SELECT * FROM s3('http://127.0.0.1:{port}/bucket/key', NOSIGN, 'LineAsString')",
    "remote": "SELECT * FROM remote('127.0.0.1:{port}', system.one)",
    "sqlite": "SELECT * FROM sqlite('/etc/passwd', 't')",
    "mysql": "SELECT * FROM mysql('127.0.0.1:{port}', 'd', 't', 'u', 'p')",
    "executable": "SELECT * FROM executable('id', LineAsString, 'a String')",
}


@pytest.fixture(scope="module")
def listener():
    """A TCP port that counts who connects."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    seen = []

    def accept():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            seen.append(peer)
            peer.close()

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1], seen
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def variants(sql):
    """The statement, and forms in which `SETTINGS readonly = 0` is not looked at (sql-resolution.md finding 1)."""
    yield sql
    yield f"SELECT * FROM ({sql} SETTINGS readonly = 0)"
    yield f"WITH c AS ({sql} SETTINGS readonly = 0) SELECT * FROM c"


@pytest.mark.parametrize("name", TABLE_FUNCTIONS)
def test_all_fences(store, listener, name):
    port, seen = listener
    for sql in variants(TABLE_FUNCTIONS[name].format(port=port)):
        for form in ("TabSeparated", "JSON"):
            reply = store.read(sql, default_format=form, max_execution_time=5)
            assert reply.status >= 400 and "root:" not in reply.text, (sql, reply.text)
    assert not seen


@pytest.mark.parametrize("name", ["file", "url", "remote", "sqlite", "mysql"])
def test_readonly_alone(start, listener, name):
    port, seen = listener
    engine = start(extra=["--no-landlock", "--no-grants"])
    reply = engine.read(TABLE_FUNCTIONS[name].format(port=port), max_execution_time=5)
    assert (reply.status, reply.code) == (403, 164), reply.text
    assert not seen


def test_grants_alone(start, listener):
    port, seen = listener
    engine = start(extra=["--no-landlock"])
    assert engine.status()["landlock"]["state"] == "off" and "without the kernel's fence" in engine.log_text()
    engine.ok("CREATE DATABASE ws_a")
    statements = [sql.format(port=port) for name, sql in TABLE_FUNCTIONS.items() if name != "executable"]
    statements += ["CREATE DATABASE other", "CREATE TABLE kinglet_empty.t (a Int8) ENGINE = MergeTree ORDER BY a", "CREATE USER x",
                   "CREATE TABLE default.t (a Int8) ENGINE = MergeTree ORDER BY a", "SELECT * FROM system.users", "CREATE FUNCTION f AS x -> x",
                   f"CREATE TABLE ws_a.u (a String) ENGINE = URL('http://127.0.0.1:{port}/', CSV)", "CREATE TABLE ws_a.f (a String) ENGINE = File(CSV)",
                   "SYSTEM SHUTDOWN", "SYSTEM FLUSH LOGS", "BACKUP DATABASE ws_a TO File('x')", "GRANT SELECT ON *.* TO default",
                   "SELECT demangle('x')", "INSERT INTO FUNCTION file('x.csv') SELECT 1"]
    for statement in statements:
        replies = [engine.run(statement, max_execution_time=5)]
        if statement.startswith("SELECT"):
            replies += [engine.read(sql, max_execution_time=5) for sql in variants(statement)]
        for reply in replies:
            assert (reply.status, reply.code) in ((403, 497), (403, 164), (400, 36)), (statement, reply.text)
    assert not seen
    assert engine.ok("SHOW DATABASES") in ("kinglet_empty\nws_a\n",)


def test_the_kernel_alone(start, listener, tmp_path):
    port, seen = listener
    engine = start(extra=["--no-grants"])
    if engine.status()["landlock"]["state"] != "enforced":
        pytest.skip("this kernel has no Landlock")
    for name in ("file", "file_relative", "url", "s3", "remote", "mysql"):
        reply = engine.run(TABLE_FUNCTIONS[name].format(port=port), max_execution_time=3, http_max_tries=1, s3_retry_attempts=0,
                           connections_with_failover_max_tries=1)
        assert reply.status >= 400 and "root:" not in reply.text, (name, reply.text)
    target = tmp_path / "out"
    for sql in (f"SELECT 1 INTO OUTFILE '{target}'", f"INSERT INTO FUNCTION file('{target}', CSV, 'a UInt8') SELECT 1",
                f"CREATE TABLE default.f (a UInt8) ENGINE = File(CSV, '{target}')"):
        engine.run(sql)
        assert not target.exists(), sql
    assert not seen


OUTSIDE = "/etc/passwd"  # every system has it, and anyone may read it


# What neither read-only nor grants stop: only our resolver and the kernel do (findings 2, 3, 5).
@pytest.mark.parametrize("path", [OUTSIDE, "/proc/self/environ", "/proc/self/cmdline", "/proc/self/root" + OUTSIDE, "../log", "/etc/ssl/certs", "link"])
def test_scalar_file_reads_nothing_outside(store, path):
    if store.status()["landlock"]["state"] != "enforced":
        pytest.skip("this kernel has no Landlock")
    link = store.data / "link"
    if not link.is_symlink():
        link.symlink_to(OUTSIDE)
    for sql in (f"SELECT file('{path}')", f"SELECT arrayMap(file, ['{path}'])",
                rf"SELECT b FROM values('a String, b String ALIAS file(\'{path}\')', ('x'))"):
        for form in ("TabSeparated", "JSON"):
            reply = store.read(sql, default_format=form)
            assert reply.status >= 400 and "root:" not in reply.text and "TZ=" not in reply.text, (sql, reply.text)


def test_status_tells_the_fence(store):
    status = store.status()
    assert status["role"] == "store" and status["pid"] == store.process.pid
    assert status["landlock"]["state"] in ("enforced", "off")
    if status["landlock"]["state"] == "enforced":
        assert status["landlock"]["abi"] >= 1
        # Every thread is inside: the kernel keeps the rule per thread, and says so by this flag of no-new-privileges.
        for task in pathlib.Path(f"/proc/{store.process.pid}/task").iterdir():
            assert "NoNewPrivs:\t1" in (task / "status").read_text()


def test_time_zones_and_merges_work_inside(store):
    reply = store.read("SELECT toDateTime('2024-07-01 00:00:00', 'UTC') AS t, toString(t, 'Europe/Berlin')")
    assert reply.text == "2024-07-01 00:00:00\t2024-07-01 02:00:00\n"
    store.ok("CREATE TABLE ws_a.m (k UInt64) ENGINE = MergeTree ORDER BY k")
    for i in range(3):
        store.ok(f"INSERT INTO ws_a.m SELECT number FROM numbers({i * 10}, 10)")
    store.ok("OPTIMIZE TABLE ws_a.m FINAL")
    store.ok("ALTER TABLE ws_a.m DELETE WHERE k = 3", mutations_sync=2)
    store.ok("CREATE TABLE ws_a.c CLONE AS ws_a.m")
    store.ok("EXCHANGE TABLES ws_a.c AND ws_a.m")
    assert store.ok("SELECT count() FROM ws_a.m") == "29\n"
    for engine in ("ReplacingMergeTree", "SummingMergeTree", "AggregatingMergeTree", "CollapsingMergeTree(s)", "VersionedCollapsingMergeTree(s, v)"):
        store.ok(f"CREATE OR REPLACE TABLE ws_a.e (k UInt64, s Int8, v UInt8) ENGINE = {engine} ORDER BY k")
    store.ok("CREATE OR REPLACE TABLE ws_a.e (k UInt64) ENGINE = Null")
    store.ok("CREATE OR REPLACE TABLE ws_a.j (k UInt64, v String) ENGINE = Join(ANY, LEFT, k)")
