# SPDX-License-Identifier: Apache-2.0
"""The reader: decodes files of its scratch folder, and can do nothing else."""
import json
import time

import pytest

from kinglet_server import eventually


@pytest.fixture(scope="module")
def files(store):
    """One table in each format that the reader decodes."""
    sql = "SELECT k, s FROM ws_a.t ORDER BY k"
    return {form: store.run(sql, default_format=form).body for form in ("Parquet", "ArrowStream", "Arrow", "ORC", "Avro")}


@pytest.fixture
def reader(start):
    return start(role="reader", extra=["--memory-max", "600000000"])


def put(reader, name, content):
    (reader.data / name).write_bytes(content)


def test_decodes(reader, files):
    for form, content in files.items():
        put(reader, "x.bin", content)
        reply = reader.read(f"SELECT k, s FROM file('x.bin', {form}) ORDER BY k", default_format="JSONEachRow")
        rows = [json.loads(line) for line in reply.body.splitlines()]
        assert len(rows) == 1000 and rows[7] == {"k": 7, "s": "o1"}, (form, reply.text[:300])
        native = reader.read(f"SELECT k, s FROM file('x.bin', {form}, 'k UInt64, s String')", default_format="Native")
        assert native.status == 200 and native.body.startswith(b"\x02")


def test_structure_can_be_asked(reader, files):
    put(reader, "x.parquet", files["Parquet"])
    reply = reader.run("DESCRIBE TABLE file('x.parquet', Parquet)", default_format="JSONEachRow")
    assert reply.status == 200 and json.loads(reply.body.splitlines()[0])["name"] == "k", reply.text


def test_broken_files_are_errors(reader, files):
    for form, content in files.items():
        for broken in (b"", content[:100], content[:-5], content[: len(content) // 2] + bytes(50) + content[len(content) // 2 + 50:], b"garbage" * 100):
            put(reader, "x.bin", broken)
            reply = reader.read(f"SELECT sum(k), sum(length(s)) FROM file('x.bin', {form}, 'k UInt64, s String')")
            assert reply.status == 200 or reply.code, (form, reply.text)
    assert reader.process.poll() is None and reader.read("SELECT 1").text == "1\n"
    assert reader.read("SELECT * FROM file('nosuch.parquet', Parquet)").status >= 400


def test_refuses_what_is_not_its_own(reader):
    (reader.data / "link").symlink_to("/etc/passwd")
    for sql in ("SELECT * FROM file('/etc/passwd', LineAsString)", "SELECT * FROM file('../log', LineAsString)", "SELECT * FROM file('link', LineAsString)",
                "SELECT file('/etc/passwd')", "SELECT file('/proc/self/environ')",
                "SELECT * FROM url('http://127.0.0.1:9/', LineAsString)", "SELECT * FROM s3('http://127.0.0.1:9/bucket/key', NOSIGN, 'LineAsString')",
                "SELECT * FROM remote('127.0.0.1:9', system.one)", "SELECT 1 INTO OUTFILE '/tmp/kinglet_reader_test'",
                "SELECT * FROM system.users", "SELECT * FROM sqlite('/etc/passwd', 't')"):
        reply = reader.read(sql, max_execution_time=5)
        assert reply.status >= 400 and "root:" not in reply.text, (sql, reply.text)
    for sql in ("CREATE DATABASE ws_a", "CREATE TABLE kinglet_empty.t (a Int8) ENGINE = MergeTree ORDER BY a", "INSERT INTO FUNCTION file('x.csv') SELECT 1",
                "CREATE TABLE default.t (a Int8) ENGINE = Memory"):
        reply = reader.run(sql)
        assert reply.status >= 400, (sql, reply.text)


def test_memory_and_time_are_limited(reader):
    assert reader.read("SELECT count() FROM system.numbers", max_execution_time=0.3).code == 159
    assert reader.read("SELECT length(groupArray(number)) FROM numbers(300000000)").code == 241
    assert reader.read("SELECT 1").status == 200


def test_ends_when_idle(start):
    reader = start(role="reader", extra=["--idle-seconds", "1"])
    begun = time.monotonic()
    assert reader.read("SELECT 1").status == 200
    while time.monotonic() - begun < 2 and reader.process.poll() is None:  # asking how it is does not keep it alive
        try:
            reader.status()
        except OSError:
            break
        time.sleep(0.1)  # sleep: it is asked ten times a second, for longer than it may be idle
    assert eventually(lambda: reader.process.poll() == 0)
    assert "it was idle" in reader.log_text()
    again = start(role="reader", folder=reader.folder)
    assert again.read("SELECT 1").status == 200
