# SPDX-License-Identifier: Apache-2.0
"""Files into data sources: POST /v0/datasources, /v1/datasources/NAME/append|replace, jobs (http-api.md 4.1, 8; connectors.md 5)."""
import functools
import gzip
import http.server
import json
import threading

import pytest

from kinglet_server import eventually, project_parts, zstd

PROJECT = {
    "sales.datasource": """
SCHEMA >
    `id` UInt32 `json:$.id`,
    `day` Date `json:$.day`,
    `city` String `json:$.city`,
    `amount` Nullable(Float64) `json:$.amount`
ENGINE "MergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(day)"
ENGINE_SORTING_KEY "id"
""",
    "cities.datasource": """
SCHEMA >
    `city` String,
    `sales` SimpleAggregateFunction(sum, UInt64)
ENGINE "AggregatingMergeTree"
ENGINE_SORTING_KEY "city"
""",
    "cities_mv.pipe": """
NODE cities
SQL >
    SELECT city, count() AS sales FROM sales GROUP BY city
TYPE materialized
DATASOURCE cities
""",
}
HEADER = "id,day,city,amount\n"
CSV = HEADER + '1,2026-01-01,Rome,1.5\n2,2026-01-02,"New\nYork, NY",\n3,2026-02-01,"say ""hi""",-2\n'
ROWS = [[1, "2026-01-01", "Rome", 1.5], [2, "2026-01-02", "New\nYork, NY", None], [3, "2026-02-01", 'say "hi"', -2]]
NDJSON = "\n".join(json.dumps(dict(zip(("id", "day", "city", "amount"), r))) for r in ROWS)


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build(PROJECT)


@pytest.fixture(autouse=True)
def empty(ws, project):
    for name in ("sales", "sales_quarantine", "cities"):
        assert ws.post(f"/v0/datasources/{name}/truncate").status_code == 200


@pytest.fixture(scope="module")
def parquet(server):
    """The rows as a Parquet file, written by the engine."""
    reply = server.engine("SELECT * FROM (SELECT toUInt32(1) AS id, toDate('2026-01-01') AS day, 'Rome' AS city, "
                          "toNullable(1.5) AS amount UNION ALL SELECT toUInt32(2), toDate('2026-01-02'), 'New\\nYork, NY', NULL "
                          "UNION ALL SELECT toUInt32(3), toDate('2026-02-01'), 'say \"hi\"', -2.0) ORDER BY id FORMAT Parquet")
    assert reply.status == 200 and reply.body[:4] == b"PAR1"
    return reply.body


def upload(ws, content, filename="rows.csv", field="csv", token=None, **query):
    query = {"name": "sales", "mode": "append", **query}
    if isinstance(content, str):
        content = content.encode()
    more = {} if token is None else {"token": token}
    return ws.post("/v0/datasources", files=[(field, (filename, content, "application/octet-stream"))], **query, **more)


def stored(ws):
    return ws.rows("SELECT * FROM sales ORDER BY id")


# ---- refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query, status", [
    ({"name": ""}, 400),
    ({"name": "nowhere"}, 404),
    ({"mode": "upsert"}, 400),
    ({"format": "xml"}, 400),
    ({"dialect_delimiter": ",,"}, 400),
])
def test_wrong_parameters(ws, query, status):
    reply = upload(ws, CSV, **query)
    assert reply.status_code == status and reply.json()["error"], reply.text
    assert stored(ws) == []


@pytest.mark.parametrize("query", [{"mode": "create"}, {"mode": None}])
def test_create_is_refused_with_the_words_that_clients_look_for(ws, query):
    """http-api.md 0.2: the SDK looks for both substrings."""
    reply = ws.post("/v0/datasources", CSV, headers={"Content-Type": "text/csv"}, name="fresh",
                    **{k: v for k, v in query.items() if v})
    assert reply.status_code == 400
    assert "Tinybird Forward workspace" in reply.json()["error"] and "Tinybird Classic workspaces" in reply.json()["error"]


def test_scopes(ws):
    append = ws.new_token("up_append", "DATASOURCES:APPEND:sales")
    read = ws.new_token("up_read", "DATASOURCES:READ:sales")
    assert upload(ws, CSV, token=read).status_code == 403
    assert upload(ws, CSV, token=append, mode="replace").status_code == 403
    assert upload(ws, CSV, token=append, name="cities").status_code == 403
    assert stored(ws) == []
    assert upload(ws, CSV, token=append).status_code == 200


@pytest.mark.parametrize("content, filename", [
    (gzip.compress(CSV.encode())[:-10], "rows.csv.gz"),
    (b"\x1f\x8b\x08\x00rubbish", "rows.csv.gz"),
    (b"nonsense\n[1]\n", "rows.ndjson"),
])
def test_unreadable_files_are_400(ws, content, filename):
    reply = upload(ws, content, filename)
    assert reply.status_code == 400 and reply.json()["error"], reply.text


def test_a_form_without_a_file_is_400(ws):
    reply = ws.post("/v0/datasources", name="sales", mode="append", files=[("format", (None, b"csv"))])
    assert reply.status_code == 400 and "file" in reply.json()["error"]


@pytest.mark.parametrize("damage", ["empty", "no footer", "cut", "bad footer length", "bad magic", "bit flips", "text"])
def test_i8_damaged_parquet(ws, parquet, damage):
    """I8: files are decoded in a process of their own; a bad one is refused, and the next good one is read."""
    data = {"empty": b"", "no footer": parquet[:-8], "cut": parquet[:len(parquet) // 2] + parquet[-8:],
            "bad footer length": parquet[:-8] + b"\xff\xff\xff\x7fPAR1", "bad magic": b"XXXX" + parquet[4:],
            "bit flips": parquet[:4] + bytes(b ^ 0x55 for b in parquet[4:-8]) + parquet[-8:], "text": CSV.encode()}[damage]
    reply = upload(ws, data, "rows.parquet")
    assert reply.status_code == 400 and reply.json()["error"], reply.text
    assert "/" not in reply.json()["error"].replace("and/or", ""), "a host path in an error"
    assert stored(ws) == []
    assert upload(ws, parquet, "rows.parquet").status_code == 200
    assert stored(ws) == ROWS


# ---- accepted ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["csv", "ndjson", "file", "anything"])
@pytest.mark.parametrize("content, filename, query", [
    (CSV, "rows.csv", {}),
    (CSV, "rows.CSV", {"format": "csv"}),
    (gzip.compress(CSV.encode()), "rows.csv.gz", {}),
    (NDJSON, "rows.ndjson", {"format": "ndjson"}),
    (NDJSON, "rows.jsonl", {}),
    (gzip.compress(NDJSON.encode()), "rows.ndjson.gz", {}),
    (zstd(NDJSON.encode()), "rows.ndjson.zst", {}),
], ids=["csv", "csv by format", "csv.gz", "ndjson by format", "jsonl", "ndjson.gz", "ndjson.zst"])
def test_multipart(ws, field, content, filename, query):
    """http-api.md 21.9: the SDK names the field `csv` whatever the format."""
    reply = upload(ws, content, filename, field, **query)
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert (answer["successful_rows"], answer["quarantined_rows"], answer["error"]) == (3, 0, False)
    assert answer["quarantine_rows"] == 0 and answer["invalid_lines"] == 0 and answer["import_id"]
    assert answer["datasource"]["name"] == "sales"
    assert stored(ws) == ROWS


def test_parquet(ws, parquet):
    for filename, content in [("rows.parquet", parquet), ("rows.parquet.gz", gzip.compress(parquet))]:
        ws.post("/v0/datasources/sales/truncate")
        reply = upload(ws, content, filename)
        assert reply.status_code == 200, reply.text
        assert reply.json()["successful_rows"] == 3
        assert stored(ws) == ROWS


def test_raw_bodies(ws, parquet):
    for content_type, body, more in [("text/csv", CSV.encode(), {}), ("application/x-ndjson", NDJSON.encode(), {}),
                                     ("text/csv; charset=utf-8", CSV.encode(), {}),
                                     ("text/plain", NDJSON.encode(), {"format": "ndjson"}),
                                     ("application/octet-stream", parquet, {"format": "parquet"})]:
        ws.post("/v0/datasources/sales/truncate")
        reply = ws.post("/v0/datasources", body, headers={"Content-Type": content_type}, name="sales", mode="append", **more)
        assert reply.status_code == 200, (content_type, reply.text)
        assert stored(ws) == ROWS, content_type


def test_csv_without_a_header_goes_by_position(ws):
    assert upload(ws, CSV.removeprefix(HEADER)).status_code == 200
    assert stored(ws) == ROWS


def test_csv_with_a_header_goes_by_name(ws):
    assert upload(ws, "amount,city,unknown,day,id\n1.5,Rome,zz,2026-01-01,1\n").status_code == 200
    assert stored(ws) == ROWS[:1]


@pytest.mark.parametrize("text, query", [
    ("id;day;city;amount\n1;2026-01-01;Rome;1.5\n", {"dialect_delimiter": ";"}),
    ("1\t2026-01-01\tRome\t1.5\n", {"dialect_delimiter": "\t"}),
    ("1;2026-01-01;Rome;1.5\n", {}),
])
def test_csv_dialects(ws, text, query):
    assert upload(ws, text, **query).status_code == 200
    assert stored(ws) == ROWS[:1]


@pytest.mark.parametrize("field, outcome", [
    ('"a\n\nb"', "a\n\nb"),
    ('"a\r\n\r\nb"', "a\r\n\r\nb"),
    ("x\0y", "x\0y"),
    ('""', ""),
    ('"; DROP TABLE sales; --"', "; DROP TABLE sales; --"),
    ("'; SELECT 1; --", "'; SELECT 1; --"),
    ("ünï😀", "ünï😀"),
    ("x" * 1_000_000, "x" * 1_000_000),
])
def test_i2_csv_values_stay_intact(ws, field, outcome):
    """I2: blank lines inside quotes, CRLF, NUL, long fields."""
    reply = upload(ws, f"{HEADER}7,2026-01-01,{field},1\r\n8,2026-01-02,b,2\r\n")
    assert reply.json()["successful_rows"] == 2, reply.text
    assert ws.rows("SELECT city FROM sales ORDER BY id") == [[outcome], ["b"]]


def test_i2_bom_and_ragged_rows(ws):
    text = "\ufeff" + HEADER + "1,2026-01-01,Rome,1\n2,2026-01-01\n3,2026-01-01,Rome,1,5,6\n4,2026-01-01,Bern,2\n"
    reply = upload(ws, text)
    assert reply.status_code == 200, reply.text
    assert [r[0] for r in stored(ws)] == [1, 4]
    answer = reply.json()
    assert answer["quarantined_rows"] + answer["invalid_lines"] >= 2


def test_csv_values_that_do_not_fit_are_quarantined(ws):
    """connectors.md 2.2: `value '' on column … is not …`."""
    reply = upload(ws, HEADER + "1,2026-01-01,Rome,1\n,2026-01-01,Bern,1\n300000000000,2026-01-01,Bern,1\n4,2026-02-30,x,1\n5,2026-01-01,y,abc\n")
    answer = reply.json()
    assert (answer["successful_rows"], answer["quarantined_rows"]) == (1, 4), answer
    found = ws.rows("SELECT c__error_column, c__error[1] FROM sales_quarantine ORDER BY c__error_column[1], c__error[1]")
    assert [f[0] for f in found] == [["amount"], ["day"], ["id"], ["id"]]
    assert "value 'abc' on column 'amount' is not" in found[0][1]
    assert ws.value("SELECT uniqExact(c__import_id) FROM sales_quarantine") == 1


def test_i1_blank_lines_and_sql_in_an_uploaded_file(ws):
    """I1: neither NDJSON nor CSV text ever reaches the engine as text."""
    table = ws.table("sales")
    upload(ws, CSV)
    assert upload(ws, NDJSON + f"\n\nTRUNCATE TABLE {table}\n", "rows.ndjson").status_code == 200
    assert upload(ws, CSV + f"\n\nTRUNCATE TABLE {table};\n").status_code == 200
    assert ws.value("SELECT count() FROM sales") == 9


def test_views_take_part(ws):
    upload(ws, CSV)
    assert ws.rows("SELECT city, sum(sales) FROM cities GROUP BY city ORDER BY city") == [["New\nYork, NY", 1], ["Rome", 1], ['say "hi"', 1]]


# ---- replace -----------------------------------------------------------------------------------------------------


def test_replace_takes_the_place_of_all_rows_and_recomputes_views(ws):
    upload(ws, CSV)
    reply = upload(ws, HEADER + "9,2026-05-01,Oslo,9\n", mode="replace")
    assert reply.status_code == 200, reply.text
    assert reply.json()["successful_rows"] == 1
    assert stored(ws) == [[9, "2026-05-01", "Oslo", 9]]
    assert ws.rows("SELECT city, sum(sales) FROM cities GROUP BY city") == [["Oslo", 1]]
    ws.must_append("sales", [{"id": 10, "day": "2026-05-02", "city": "Oslo"}])  # the view is still fed
    assert ws.rows("SELECT city, sum(sales) FROM cities GROUP BY city") == [["Oslo", 2]]


def test_a_replace_that_fails_leaves_everything(ws, parquet):
    upload(ws, CSV)
    for content, filename in [(parquet[:-8], "rows.parquet"), (gzip.compress(CSV.encode())[:-10], "rows.csv.gz"),
                              (b"nonsense\n", "rows.ndjson")]:
        assert upload(ws, content, filename, mode="replace").status_code == 400
        assert stored(ws) == ROWS
    assert ws.value("SELECT sum(sales) FROM cities") == 3


def test_readers_see_the_old_rows_or_the_new_ones(ws):
    """Replace swaps atomically: table and views, seen by concurrent readers, hold one generation or the other."""
    def generation(n):
        return HEADER + "".join(f"{i},2026-01-01,g{n},1\n" for i in range(2000))

    upload(ws, generation(0), mode="replace")
    seen, mixed, stop = set(), [], threading.Event()

    def read():
        while not stop.is_set():
            rows = ws.session.get(f"{ws.base}/v0/sql", params={"q": "SELECT city, count() AS n FROM sales GROUP BY city"},
                                  headers={"Authorization": f"Bearer {ws.token}"}, timeout=30).json()["data"]
            if len(rows) != 1 or rows[0]["n"] != 2000:
                mixed.append(rows)
            seen.update(r["city"] for r in rows)

    readers = [threading.Thread(target=read) for _ in range(2)]
    [r.start() for r in readers]
    for n in range(1, 5):
        assert upload(ws, generation(n), mode="replace").status_code == 200
    stop.set()
    [r.join() for r in readers]
    assert mixed == []
    assert len(seen) >= 2
    assert ws.rows("SELECT city, sum(sales) FROM cities GROUP BY city") == [["g4", 2000]]


# ---- by URL, and jobs --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(parquet, tmp_path_factory):
    """An HTTP server on loopback with the files; answers its base URL."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "rows.csv").write_text(CSV, newline="")
    (folder / "rows.ndjson.gz").write_bytes(gzip.compress(NDJSON.encode()))
    (folder / "rows.parquet").write_bytes(parquet)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            if self.path.startswith("/to/"):
                self.send_response(302)
                self.send_header("Location", self.path[3:])
                self.end_headers()
            else:
                super().do_GET()

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{web.server_port}"
    web.shutdown()
    web.server_close()


@pytest.mark.parametrize("name", ["rows.csv", "rows.ndjson.gz", "rows.parquet", "to/rows.csv"])
def test_import_by_url_is_a_job(ws, files, name):
    reply = ws.post("/v0/datasources", form={"url": f"{files}/{name}"}, name="sales", mode="append")
    answer = reply.json()
    assert reply.status_code == 200, reply.text
    assert answer["id"] == answer["job_id"] == answer["import_id"] == answer["job"]["id"]
    assert answer["status"] in ("waiting", "working") and answer["job_url"].endswith("/v0/jobs/" + answer["id"])
    job = ws.job(reply)
    assert job["status"] == "done", job
    assert job["kind"] == "import" and job["mode"] == "append" and job["datasource"]["name"] == "sales"
    assert job["statistics"]["row_count"] == 3 and job["quarantine_rows"] == 0
    assert stored(ws) == ROWS


@pytest.mark.parametrize("where", ["query", "multipart"])
def test_the_url_may_come_in_the_query_or_a_multipart_field(ws, files, where):
    if where == "query":
        reply = ws.post("/v0/datasources", name="sales", mode="replace", url=files + "/rows.csv")
    else:
        reply = ws.post("/v0/datasources", name="sales", mode="replace", files=[("url", (None, f"{files}/rows.csv".encode()))])
    assert ws.job(reply)["status"] == "done"
    assert stored(ws) == ROWS


@pytest.mark.parametrize("url, at_once", [
    ("file:///etc/passwd", True), ("ftp://127.0.0.1/x", True), ("nonsense", True), ("http://", True),
    ("http://127.0.0.1:1/x.csv", False), ("{files}/missing.csv", False),
])
def test_bad_urls(ws, files, url, at_once):
    reply = ws.post("/v0/datasources", form={"url": url.format(files=files)}, name="sales", mode="append")
    if at_once:
        assert reply.status_code == 400 and reply.json()["error"], reply.text
    else:
        job = ws.job(reply)
        assert job["status"] == "error" and job["error"]
    assert stored(ws) == []


def test_s7_private_addresses_are_refused_unless_allowed(start_server, files):
    """S7: loopback in every spelling, link-local metadata, and a redirect to it. The answer is a failed job, no row."""
    ws = start_server().default_workspace()
    ws.must_build({"sales.datasource": PROJECT["sales.datasource"]})
    port = files.rsplit(":", 1)[1]
    for url in [f"{files}/rows.csv", f"http://localhost:{port}/rows.csv", f"http://[::1]:{port}/rows.csv",
                f"http://2130706433:{port}/rows.csv", f"http://0x7f.1:{port}/rows.csv", f"http://[::ffff:127.0.0.1]:{port}/rows.csv",
                f"http://0:{port}/rows.csv", "http://169.254.169.254/latest/meta-data/"]:
        reply = ws.post("/v0/datasources", form={"url": url}, name="sales", mode="append", format="csv")
        if reply.status_code == 200:
            job = ws.job(reply)
            assert job["status"] == "error", url
        else:
            assert reply.status_code in (400, 403), url
    assert ws.value("SELECT count() FROM sales") == 0


def test_v1_append_and_replace_are_jobs(ws, files):
    """tb-client.md 4.1: raw bytes, gzip by Content-Encoding, or ?url=."""
    for body, headers, query in [
            (NDJSON.encode(), {"Content-Type": "application/x-ndjson"}, {"format": "ndjson"}),
            (CSV.encode(), {"Content-Type": "text/csv"}, {"format": "csv"}),
            (gzip.compress(CSV.encode()), {"Content-Type": "text/csv", "Content-Encoding": "gzip"}, {"format": "csv"}),
            (None, {}, {"url": files + "/rows.parquet", "format": "parquet"})]:
        reply = ws.post("/v1/datasources/sales/replace", body, headers=headers, **query)
        assert reply.status_code == 200 and reply.json()["id"], reply.text
        job = ws.get(f"/v0/jobs/{reply.json()['id']}", debug="blocks,block_log")
        assert job.status_code == 200
        assert ws.job(reply)["status"] == "done"
        assert stored(ws) == ROWS
    assert ws.job(ws.post("/v1/datasources/sales/append", CSV, format="csv"))["status"] == "done"
    assert ws.value("SELECT count() FROM sales") == 6
    assert ws.post("/v1/datasources/nowhere/append", CSV, format="csv").status_code == 404


def test_a_failed_import_says_why(ws):
    job = ws.job(ws.post("/v1/datasources/sales/append", b"PAR1 not really PAR1", format="parquet"))
    assert job["status"] == "error" and "Parquet" in job["error"]


def test_jobs_list_and_filters(ws, files):
    job = ws.job(ws.post("/v0/datasources", form={"url": files + "/rows.csv"}, name="sales", mode="append"))
    everything = ws.get("/v0/jobs").json()["jobs"]
    assert job["id"] in [j["id"] for j in everything]
    assert all(set(j) >= {"id", "job_id", "kind", "status", "created_at", "updated_at", "job_url"} for j in everything)
    assert [j["created_at"] for j in everything] == sorted((j["created_at"] for j in everything), reverse=True)
    assert ws.get("/v0/jobs", kind="delete_data", status="working").json()["jobs"] == []
    assert {j["kind"] for j in ws.get("/v0/jobs", kind="import").json()["jobs"]} == {"import"}
    assert ws.get("/v0/jobs/").status_code == 200
    assert ws.get("/v0/jobs/00000000-0000-4000-8000-000000000000").status_code == 404
    assert ws.post(f"/v0/jobs/{job['id']}/cancel").status_code in (400, 409)


def test_a11_jobs_of_another_workspace_are_not_there(ws, new_workspace, files):
    """A11: a guessed id from elsewhere is 404."""
    job = ws.job(ws.post("/v0/datasources", form={"url": files + "/rows.csv"}, name="sales", mode="append"))
    assert new_workspace().get(f"/v0/jobs/{job['id']}").status_code == 404


# ---- delete and truncate -----------------------------------------------------------------------------------------


def test_delete_by_condition_with_dry_run(ws):
    """http-api.md 21.10"""
    upload(ws, CSV)
    reply = ws.post("/v0/datasources/sales/delete", form={"delete_condition": "id < 3", "dry_run": "true"})
    assert reply.status_code == 200 and reply.json()["rows_to_be_deleted"] == 2
    assert stored(ws) == ROWS
    reply = ws.post("/v0/datasources/sales/delete", form={"delete_condition": "id < 3"})
    answer = reply.json()
    assert answer["delete_id"] == answer["id"] == answer["job_id"] and answer["job"]["kind"] == "delete_data"
    job = ws.job(reply)
    assert job["status"] == "done" and job["rows_affected"] == 2 and job["delete_condition"] == "id < 3"
    assert stored(ws) == ROWS[2:]
    assert ws.value("SELECT sum(sales) FROM cities") == 3  # no cascade


@pytest.mark.parametrize("condition, status", [
    ("", 400), ("id <", 400), ("nothing = 1", 400), ("1; DROP TABLE sales", 400), ("1 SETTINGS mutations_sync = 0", 400),
    ("id IN (SELECT id FROM system.one)", 400), ("id IN (SELECT number FROM numbers(10))", 400),
    ("file('/etc/passwd') != ''", 400), ("id) OR (1", 400), ("sleep(3)", 400),
])
def test_s4_delete_conditions_are_expressions_only(ws, condition, status):
    """S4, S8, S9: the condition is parsed, not pasted."""
    upload(ws, CSV)
    for more in ({"dry_run": "true"}, {}):
        reply = ws.post("/v0/datasources/sales/delete", form={"delete_condition": condition, **more})
        assert reply.status_code == status and reply.json()["error"], reply.text
    assert stored(ws) == ROWS


def test_truncate(ws):
    upload(ws, CSV + "x,y,z,w\n")
    assert ws.value("SELECT count() FROM sales_quarantine") == 1
    reply = ws.post("/v0/datasources/sales/truncate")
    assert reply.status_code == 200
    assert stored(ws) == [] and ws.value("SELECT count() FROM sales_quarantine") == 1
    assert ws.post("/v0/datasources/sales_quarantine/truncate").status_code == 200
    assert ws.value("SELECT count() FROM sales_quarantine") == 0
    assert ws.post("/v0/datasources/nowhere/truncate").status_code == 404
    assert ws.post("/v0/datasources/sales/truncate", token=ws.new_token("t_append", "DATASOURCES:APPEND:sales")).status_code == 403


def test_rows_on_their_way_do_not_come_back_after_a_truncate(ws):
    for _ in range(5):
        assert ws.post("/v0/events", NDJSON, name="sales").status_code == 202
        assert ws.post("/v0/datasources/sales/truncate").status_code == 200
        before = ws.value("SELECT count() FROM sales")
        assert before in (0, 3)  # accepted after the cut, or before it
    ws.post("/v0/datasources/sales/truncate")
    ws.must_append("sales", [{"id": 1, "day": "2026-01-01", "city": "x"}])
    assert eventually(lambda: ws.value("SELECT count() FROM sales") == 1)


def test_classic_changes_are_refused(ws):
    for method, path in [("PUT", "/v0/datasources/sales"), ("DELETE", "/v0/datasources/sales"), ("POST", "/v0/datasources/sales/alter")]:
        reply = ws.request(method, path)
        assert reply.status_code == 400
        assert "Tinybird Forward workspace" in reply.json()["error"] and "Tinybird Classic workspaces" in reply.json()["error"]
    assert project_parts({})  # an empty project still has a part: requests sends no multipart body otherwise
