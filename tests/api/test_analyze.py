# SPDX-License-Identifier: Apache-2.0
"""POST /v0/analyze (http-api.md 9, connectors.md 1.5, 5.6)."""
import gzip
import http.server
import json
import threading

import pytest

ROWS = [{"store_id": 1, "purchase": {"name": "shoes", "datetime": "2026-01-01 10:00:00"}, "price": 1.5, "tags": ["a"], "ok": True},
        {"store_id": 70000, "purchase": {"name": "hat", "datetime": "2026-01-02 10:00:00"}, "price": 2, "ok": False},
        {"store_id": -5, "purchase": {"name": None, "datetime": "2026-01-03 10:00:00"}, "price": 20.25, "tags": [], "ok": True}]
NDJSON = "".join(json.dumps(r) + "\n" for r in ROWS).encode()
CSV = b"id,name,at,zip\n1,a,2026-01-01 10:00:00,00501\n2,,2026-01-02 10:00:00,10001\n"


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build({})


def columns(reply):
    assert reply.status_code == 200, reply.text
    return {c["name"]: (c["recommended_type"], c.get("path"), c["present_pct"]) for c in reply.json()["analysis"]["columns"]}


@pytest.mark.parametrize("how", ["file part", "csv part", "raw", "raw with a type", "raw with the type of a form", "gzip"])
def test_ndjson(ws, how):
    if "part" in how:
        reply = ws.post("/v0/analyze", files=[(how.split()[0], ("rows.ndjson", NDJSON, "application/octet-stream"))])
    else:
        body = gzip.compress(NDJSON) if how == "gzip" else NDJSON
        types = {"raw with a type": "application/x-ndjson", "raw with the type of a form": "application/x-www-form-urlencoded"}
        reply = ws.post("/v0/analyze", body, headers={"Content-Type": types[how]} if how in types else {})
    assert columns(reply) == {
        "ok": ("Bool", "$.ok", 1), "price": ("Float32", "$.price", 1), "purchase_datetime": ("DateTime", "$.purchase.datetime", 1),
        "purchase_name": ("Nullable(String)", "$.purchase.name", 0.66), "store_id": ("Int32", "$.store_id", 1),
        "tags": ("Array(String)", "$.tags[:]", 0.66)}
    answer = reply.json()
    assert answer["analysis"]["schema"].startswith("ok Bool `json:$.ok`, price Float32 `json:$.price`, ")
    preview = answer["preview"]
    assert [m["name"] for m in preview["meta"]] == list(columns(reply)) and preview["rows"] == len(preview["data"]) == 3
    assert preview["data"][0] == {"ok": True, "price": 1.5, "purchase_datetime": "2026-01-01 10:00:00", "purchase_name": "shoes", "store_id": 1, "tags": ["a"]}
    assert preview["statistics"]["rows_read"] == 3 and preview["statistics"]["bytes_read"] == len(NDJSON)


def test_csv_has_no_paths(ws):
    reply = ws.post("/v0/analyze", CSV, headers={"Content-Type": "text/csv"})
    assert columns(reply) == {"id": ("Int16", None, 1), "name": ("Nullable(String)", None, 0.5), "at": ("DateTime", None, 1), "zip": ("String", None, 1)}
    assert reply.json()["analysis"]["schema"] == "id Int16, name Nullable(String), at DateTime, zip String"
    reply = ws.post("/v0/analyze", CSV, headers={"Content-Type": "text/csv"}, type_guessing="false")
    assert {t for t, _, _ in columns(reply).values()} == {"String", "Nullable(String)"}
    reply = ws.post("/v0/analyze", CSV.replace(b",", b";"), dialect_delimiter=";")
    assert columns(reply)["id"] == ("Int16", None, 1)


@pytest.mark.parametrize("form", ["Parquet", "Arrow", "ArrowStream", "ORC", "Avro"])
def test_containers_give_their_declared_types(ws, server, form):
    file = server.engine("SELECT toInt64(number) AS id, if(number = 1, NULL, 'x') AS name, toDecimal64(1.5, 3) AS money, [toInt32(1)] AS list "
                         f"FROM numbers(4) FORMAT {form}").body
    found = columns(ws.post("/v0/analyze", file))
    assert "Int64" in found["id"][0] and found["id"][1] == "$.id"
    assert found["name"][0] == "Nullable(String)" and found["name"][2] == 0.75
    assert "Decimal" in found["money"][0], found
    assert found["list"][0].startswith("Array(") and found["list"][1] == "$.list[:]"


def test_what_it_recommends_can_be_built_and_takes_the_file(ws, new_workspace, server):
    """The schema of the answer is one that a deployment takes, and no row of the sample is quarantined."""
    for name, content in [("rows.ndjson", NDJSON), ("rows.csv", CSV), ("rows.csv", b'id;"a b"\n1;2\n')]:
        fresh = new_workspace()
        schema = ws.post("/v0/analyze", files=[("file", (name, content))]).json()["analysis"]["schema"]
        schema = schema.replace("json:$.tags[:]`", "json:$.tags[:]` DEFAULT []")  # some rows have none
        fresh.must_build({"made.datasource": f"SCHEMA >\n    {schema}\n\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"tuple()\"\n"})
        reply = fresh.post("/v0/datasources", files=[("csv", (name, content))], name="made", mode="append").json()
        assert reply["quarantined_rows"] == 0 and reply["successful_rows"] > 0, reply


def test_ask33_a_late_null_inside_the_sample_counts(ws):
    lines = b'{"a":1}\n' * 9_000 + b'{"a":null}\n'
    assert columns(ws.post("/v0/analyze", lines))["a"] == ("Nullable(Int16)", "$.a", 0.99)


def test_large_files_are_sampled(ws):
    """Bounded: the first rows of a file that is larger than the sample."""
    body = b'{"a":1,"b":"%s"}\n' % (b"x" * 1000) * 30_000
    answer = ws.post("/v0/analyze", body).json()
    assert answer["preview"]["statistics"]["bytes_read"] < 10_000_000
    assert 1000 < answer["preview"]["statistics"]["rows_read"] <= 10_000


@pytest.mark.parametrize("body, said", [(b"", "no row"), (b"nonsense that is no row", None), (b"PAR1 and nothing else", "Parquet")])
def test_files_without_rows_are_400(ws, body, said):
    reply = ws.post("/v0/analyze", body)
    if said is None:  # one line of text is a CSV header or a row
        assert reply.status_code in (200, 400)
        return
    assert reply.status_code == 400 and said in reply.json()["error"], reply.text


def test_scopes(ws):
    """It takes DATASOURCES:CREATE or ADMIN."""
    assert ws.post("/v0/analyze", NDJSON, token=ws.new_token("creates", "DATASOURCES:CREATE")).status_code == 200
    assert ws.post("/v0/analyze", NDJSON, token=None).status_code in (401, 403)


def test_by_url(ws, server):
    """Also a container whose server speaks of its charset, which only text has."""
    reply = server.engine("SELECT toInt32(1) AS store_id FORMAT Parquet")
    assert reply.status == 200
    served = {"/rows.ndjson": (NDJSON, {}), "/rows": (reply.body, {"Content-Type": "application/vnd.apache.parquet; charset=binary"})}

    class Files(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            content, headers = served.get(self.path, (b"", {}))
            self.send_response(200 if self.path in served else 404)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{web.server_port}"
    assert columns(ws.post("/v0/analyze", url=base + "/rows.ndjson"))["store_id"] == ("Int32", "$.store_id", 1)
    assert columns(ws.post("/v0/analyze", url=base + "/rows"))["store_id"][:2] == ("Int32", "$.store_id")
    assert ws.post("/v0/analyze", url=base + "/missing").status_code == 400
    web.shutdown()
    web.server_close()
