# SPDX-License-Identifier: Apache-2.0
"""Every file format gives the rows that NDJSON of the same data gives; damaged and hostile files are refused (I2, I7, I8)."""
import gzip
import json
import random

import pytest

from kinglet_server import zstd

PROJECT = {
    "rows.datasource": """
SCHEMA >
    `id` UInt64 `json:$.id`,
    `small` Int8 `json:$.small`,
    `text` String `json:$.text`,
    `maybe` Nullable(String) `json:$.maybe`,
    `money` Decimal(38, 9) `json:$.money`,
    `ratio` Float64 `json:$.ratio`,
    `yes` Bool `json:$.yes`,
    `day` Date `json:$.day`,
    `at` DateTime64(9) `json:$.at`,
    `local` DateTime('Europe/Madrid') `json:$.local`,
    `tags` Array(String) `json:$.tags[:]`,
    `inner` Nullable(Int32) `json:$.group.inner`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "id"
""",
    "strict.datasource": """
SCHEMA >
    `id` UInt8 `json:$.id`,
    `name` String `json:$.name`,
    `gone` String `json:$.gone` DEFAULT 'none'
ENGINE "MergeTree"
ENGINE_SORTING_KEY "id"
""",
}
CONTAINERS = {"Parquet": "parquet", "Arrow": "arrow", "ArrowStream": "arrows", "ORC": "orc", "Avro": "avro"}
# One statement, written by the engine in each format. Avro has no nested optional groups and no wide integers: there the
# decimals and the nanoseconds are text.
SELECT = """
SELECT toUInt64(number + 9007199254740993) AS id, toInt8(number % 100 - 50) AS small, concat('t', toString(number), ' ü "q"\n') AS text,
       if(number % 3 = 0, NULL, toString(number)) AS maybe, {money} AS money,
       number / 7 AS ratio, {yes} AS yes, {day} AS day,
       {at} AS at, {local} AS local,
       arrayMap(x -> concat('x', toString(x)), range(number % 3)) AS tags, {group} AS group
FROM numbers({rows}) ORDER BY number"""
PLAIN = {"money": "toDecimal128('123456789012345678901234567.123456789', 9) - number", "yes": "toBool(number % 2)",
         "day": "toDate('2026-01-01') + number % 300", "at": "toDateTime64('2026-03-29 01:30:00.123456789', 9, 'UTC') + number",
         "local": "toDateTime('2026-07-01 12:00:00', 'UTC') + number",
         "group": "CAST(tuple(if(number % 4 = 0, NULL, toInt32(number))), 'Tuple(inner Nullable(Int32))')"}
# What a format cannot carry is given as what it can.
PER_FORMAT = {"Avro": {"money": f"toString({PLAIN['money']})", "at": "concat('2026-03-29T01:30:00.', leftPad(toString(number), 9, '0'), 'Z')"},
              "ORC": {}}


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build(PROJECT)


@pytest.fixture(autouse=True)
def empty(ws, project):
    for name in ("rows", "strict", "rows_quarantine", "strict_quarantine"):
        assert ws.post(f"/v0/datasources/{name}/truncate").status_code == 200


def write(server, engine_format, sql, **settings):
    reply = server.engine(f"{sql} FORMAT {engine_format}", **settings)
    assert reply.status == 200, reply.body[:300]
    return reply.body


def sample(server, engine_format, rows, source_format=None, **settings):
    """The sample in a format; `source_format`: with what that one can carry."""
    parts = {**PLAIN, **PER_FORMAT.get(source_format or engine_format, {})}
    return write(server, engine_format, SELECT.format(rows=rows, **parts), **settings)


def upload(ws, content, filename, name="rows", **query):
    if isinstance(content, str):
        content = content.encode()
    return ws.post("/v0/datasources", files=[("csv", (filename, content, "application/octet-stream"))], name=name,
                   **{"mode": "append", **query})


def stored(ws, name="rows"):
    return ws.rows(f"SELECT * FROM {name} ORDER BY id")


NDJSON_SETTINGS = {"output_format_json_quote_64bit_integers": 0, "date_time_output_format": "iso", "output_format_json_quote_decimals": 0}


@pytest.mark.parametrize("engine_format, suffix", CONTAINERS.items())
@pytest.mark.parametrize("seed", [1, 2])
def test_every_format_gives_the_rows_of_ndjson(ws, server, engine_format, suffix, seed):
    rows = random.Random(seed).randrange(1, 3000)
    lines = sample(server, "JSONEachRow", rows, engine_format, **NDJSON_SETTINGS)
    reply = upload(ws, lines, "rows.ndjson")
    assert (reply.status_code, reply.json()["quarantined_rows"]) == (200, 0), reply.text
    expected = stored(ws)
    assert len(expected) == rows
    ws.post("/v0/datasources/rows/truncate")
    reply = upload(ws, sample(server, engine_format, rows), f"rows.{suffix}")
    assert reply.status_code == 200, reply.text
    assert (reply.json()["successful_rows"], reply.json()["quarantined_rows"]) == (rows, 0), reply.text
    assert stored(ws) == expected


@pytest.mark.parametrize("engine_format, suffix", CONTAINERS.items())
@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_packed_containers_and_formats_by_their_first_bytes(ws, server, engine_format, suffix, pack):
    content = sample(server, engine_format, 5)
    for data, filename, query in [(content, "file", {}), (pack(content), "file", {}), (content, "x.bin", {"format": suffix})]:
        ws.post("/v0/datasources/rows/truncate")
        reply = upload(ws, data, filename, **query)
        assert reply.status_code == 200 and reply.json()["successful_rows"] == 5, (filename, query, reply.text)


@pytest.mark.parametrize("method", ["none", "snappy", "lz4", "zstd", "gzip"])
def test_parquet_compressions(ws, server, method):
    content = sample(server, "Parquet", 10, output_format_parquet_compression_method=method)
    assert upload(ws, content, "rows.parquet").json()["successful_rows"] == 10


@pytest.mark.parametrize("engine_format, suffix", CONTAINERS.items())
def test_rows_that_do_not_fit_are_quarantined_one_by_one(ws, server, engine_format, suffix):
    """connectors.md 5.4: row-level quarantine, missing columns as missing keys, the values as text."""
    content = write(server, engine_format, "SELECT toInt64(number * 100) AS id, if(number = 1, NULL, concat('n', toString(number))) AS name FROM numbers(5)")
    reply = upload(ws, content, f"rows.{suffix}", name="strict")
    assert (reply.json()["successful_rows"], reply.json()["quarantined_rows"]) == (2, 3), reply.text
    assert stored(ws, "strict") == [[0, "n0", "none"], [200, "n2", "none"]]
    found = ws.rows("SELECT id, name, c__error_column FROM strict_quarantine ORDER BY toUInt64(id)")
    assert found == [["100", None, ["name"]], ["300", "n3", ["id"]], ["400", "n4", ["id"]]]


def test_i4_nan_and_infinities_are_not_null(ws, server):
    """I4, I6: what a number column cannot take is quarantined, not stored as NULL or 0."""
    content = write(server, "Parquet", SELECT.format(rows=3, **PLAIN).replace("number / 7 AS ratio", "if(number = 1, nan, if(number = 2, inf, 1.5)) AS ratio"))
    reply = upload(ws, content, "rows.parquet")
    assert (reply.json()["successful_rows"], reply.json()["quarantined_rows"]) == (1, 2), reply.text


def test_old_parquet_timestamps(ws, server):
    """INT96 has no switch in the engine's writer: milliseconds and microseconds stand for the physical types."""
    for scale in (3, 6, 9):
        ws.post("/v0/datasources/rows/truncate")
        parts = {**PLAIN, "at": f"toDateTime64('2026-03-29 01:30:00.123456789', {scale}, 'UTC')"}
        assert upload(ws, write(server, "Parquet", SELECT.format(rows=1, **parts)), "x.parquet").json()["successful_rows"] == 1
        fraction = "123456789"[:scale].ljust(9, "0")
        assert ws.value("SELECT toString(at) FROM rows") == f"2026-03-29 01:30:00.{fraction}"


# ---- refused (I8) ------------------------------------------------------------------------------------------------


def test_i8_brotli_pages_never_reach_the_engine(ws, server):
    content = sample(server, "Parquet", 10, output_format_parquet_compression_method="brotli")
    reply = upload(ws, content, "rows.parquet")
    assert reply.status_code in (400, 415) and "BROTLI" in reply.json()["error"], reply.text
    assert stored(ws) == []


@pytest.mark.parametrize("engine_format, suffix", CONTAINERS.items())
def test_i8_damaged_containers(ws, server, engine_format, suffix):
    """Cut, flipped and patched files: a 4xx or the rows that are right; the server lives, the next good file is read."""
    good = sample(server, engine_format, 200)
    changed = random.Random(engine_format)
    for damage in range(24):
        data = bytearray(good)
        if damage < 6:
            data = data[:changed.randrange(len(data))]
        else:
            for _ in range(1 + damage % 5):
                data[changed.randrange(len(data))] = changed.randrange(256)
        reply = upload(ws, bytes(data), f"rows.{suffix}")
        assert reply.status_code in (200, 400, 413, 415), (damage, reply.status_code, reply.text)
        if reply.status_code != 200:
            assert reply.json()["error"] and str(server.folder) not in reply.text, reply.text
    ws.post("/v0/datasources/rows/truncate")
    assert upload(ws, good, f"rows.{suffix}").json()["successful_rows"] == 200


def test_i8_bytes_that_a_message_quotes_are_text(ws, server):
    """An Avro file names its compression in bytes of its own; the reply is JSON all the same."""
    good = sample(server, "Avro", 20)
    assert good.count(b"snappy") == 1
    reply = upload(ws, good.replace(b"snappy", b"sn\xff\xfe\xfd\xfc"), "rows.avro")
    assert reply.status_code == 415 and "compression (sn\ufffd\ufffd\ufffd\ufffd) is not supported" in json.loads(reply.content.decode())["error"]


def test_i8_a_billion_rows_in_a_small_header(ws, server):
    """The number of rows of a Parquet footer, changed in both of its places."""
    def varint(n):
        n *= 2
        out = b""
        while n >= 128:
            out += bytes([n & 127 | 128])
            n >>= 7
        return out + bytes([n])

    good = sample(server, "Parquet", 12345)
    size = int.from_bytes(good[-8:-4], "little")
    footer = good[-8 - size:-8].replace(varint(12345), varint(4_000_000_000))
    assert footer != good[-8 - size:-8]
    reply = upload(ws, good[:-8 - size] + footer + len(footer).to_bytes(4, "little") + b"PAR1", "rows.parquet")
    assert reply.status_code == 400 and "rows" in reply.json()["error"], reply.text
    assert stored(ws) == []


def test_i8_a_dictionary_bomb_stays_small(ws, server):
    """Few bytes that unpack to long texts again and again: rows come piece by piece, in bounded memory."""
    content = write(server, "Parquet", "SELECT number % 200 AS id, repeat('x', 100000) AS name FROM numbers(3000)", output_format_parquet_compression_method="zstd")
    assert len(content) < 1_000_000
    reply = upload(ws, content, "bomb.parquet", name="strict")
    assert reply.status_code in (200, 400, 413), reply.text
    if reply.status_code == 200:
        assert reply.json()["successful_rows"] == 3000
    assert upload(ws, sample(server, "Parquet", 10), "rows.parquet").status_code == 200


def test_a_file_of_another_format_is_refused(ws, server):
    arrow = sample(server, "Arrow", 3)
    for name in ("parquet", "orc", "avro"):
        reply = upload(ws, arrow, f"rows.{name}")
        assert reply.status_code == 400 and reply.json()["error"], (name, reply.text)


# ---- text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("charset, text", [("ISO-8859-1", "Zürich"), ("windows-1252", "10 €"), ("utf-8", "Zürich 10 €")])
def test_charsets(ws, charset, text):
    """connectors.md 5.3: the charset of Content-Type, else UTF-8."""
    body = f"id,name\n1,{text}\n".encode("cp1252" if charset != "utf-8" else "utf-8")
    for reply in (ws.post("/v0/datasources", body, headers={"Content-Type": f"text/csv; charset={charset}"}, name="strict", mode="append"),
                  ws.post("/v0/datasources", files=[("csv", ("x.csv", body, f"text/csv; charset={charset}"))], name="strict", mode="append")):
        assert reply.status_code == 200, reply.text
    assert [r[1] for r in stored(ws, "strict")] == [text, text]


def test_other_charsets_are_415(ws):
    reply = ws.post("/v0/datasources", "id\n1\n".encode("utf-16"), headers={"Content-Type": "text/csv; charset=utf-16"}, name="strict", mode="append")
    assert reply.status_code == 415 and "utf-16" in reply.json()["error"], reply.text


@pytest.mark.parametrize("text, query, rows", [
    ("id,name\n1,'a'\n", {}, [[1, "'a'", "none"]]),
    ("id|name\n1|a;b\n", {}, [[1, "a;b", "none"]]),
    ("id\tname\n1\t\"a\tb\"\n", {}, [[1, "a\tb", "none"]]),
    ('id,name\r\n1,"a\\"b"\r\n', {"dialect_escapechar": "\\"}, [[1, 'a"b', "none"]]),
    ("id,name\n1,a\\N\n", {}, [[1, "a\\N", "none"]]),
    ("1,a,b\n2,c,\n", {}, [[1, "a", "b"], [2, "c", "none"]]),
    ("1,a,b\n2,c,d\n", {"type_guessing": "false"}, [[1, "a", "b"], [2, "c", "d"]]),
    ('id,name\n1,"a\n\nb"\n', {"dialect_new_line": "\\n"}, [[1, "a\n\nb", "none"]]),
])
def test_i2_dialects(ws, text, query, rows):
    """I2: quotes, delimiters, escapes, NULL spellings, by name and by position."""
    reply = upload(ws, text, "rows.csv", name="strict", **query)
    assert reply.status_code == 200, reply.text
    assert stored(ws, "strict") == rows


@pytest.mark.parametrize("text, stored_ids, invalid", [
    ("id,name\n1,a\n2\n3,c,d,e\n4,d\n", [1, 4], 2),
    ('id,name\n1,a\n2,"open\n3,c\n', [1], 1),
    ('id,name\n1,a\n2,"x"y\n3,c\n', [1, 3], 1),
])
def test_i2_structural_faults_are_invalid_lines(ws, text, stored_ids, invalid):
    reply = upload(ws, text, "rows.csv", name="strict").json()
    assert [r[0] for r in stored(ws, "strict")] == stored_ids
    assert (reply["invalid_lines"], reply["quarantined_rows"]) == (invalid, 0), reply


def test_i2_ten_megabyte_fields_and_nul(ws):
    big = "x\0" * 5_000_000
    reply = upload(ws, f'id,name\n1,{big}\n2,"{big}"\n', "rows.csv", name="strict")
    assert reply.json()["successful_rows"] == 2, reply.text
    assert ws.rows("SELECT length(name) FROM strict") == [[10_000_000], [10_000_000]]


def test_i6_a_late_null_is_quarantined(ws):
    """I6, ask 33: nothing is inferred from the first rows; row 25,001 is judged like the first."""
    lines = "".join(f"{i % 200},a\n" for i in range(25_000)) + ",late\n"
    reply = upload(ws, "id,name\n" + lines, "rows.csv", name="strict").json()
    assert (reply["successful_rows"], reply["quarantined_rows"]) == (25_000, 1), reply
    assert ws.value("SELECT count() FROM strict WHERE name = 'late'") == 0


def test_i7_a_bomb_in_a_file(ws):
    """I7: what unpacks beyond the limit is 413, in bounded memory."""
    reply = upload(ws, gzip.compress(b"1,a\n" + b"\0" * 200_000_000), "rows.csv.gz", name="strict")
    assert reply.status_code in (400, 413) or reply.json()["invalid_lines"] >= 1, reply.text
    assert json.loads(reply.text)
