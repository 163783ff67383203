# SPDX-License-Identifier: Apache-2.0
"""The command line client, as a person and as a script use it: exit status 0, 1, 2, JSON that is nothing but JSON, errors that lead to
their place."""
import functools
import gzip
import http.server
import json
import os
import pty
import re
import subprocess
import threading

import pytest
import requests

from kinglet_server import binary

EVENTS = """TOKEN "tracker" APPEND
SCHEMA >
    `day` Date `json:$.day`,
    `kind` String `json:$.kind`,
    `n` UInt32 `json:$.n`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "day"
"""
TOP = """TOKEN "dashboard" READ
NODE n
SQL >
    %
    SELECT kind, sum(n) AS total FROM events WHERE n >= {{Int32(least, 0, description="smallest n")}} GROUP BY kind ORDER BY kind
TYPE endpoint
"""
PLAIN = "NODE n\nSQL >\n    SELECT kind, sum(n) AS total FROM events GROUP BY kind ORDER BY kind\nTYPE endpoint\n"
PROJECT = {"datasources/events.datasource": EVENTS, "endpoints/top.pipe": TOP}
ROWS = [{"day": "2026-01-01", "kind": "a", "n": 1}, {"day": "2026-01-02", "kind": "b", "n": 20}, {"day": "2026-01-02", "kind": "a", "n": 3}]
NDJSON = "".join(json.dumps(r) + "\n" for r in ROWS)


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


class Cli:
    """Runs `kinglet` in `folder` with the workspace's host and token in the environment."""

    def __init__(self, folder, host, token):
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "KINGLET_HOST": host, "KINGLET_TOKEN": token}

    def __call__(self, *arguments, **environment):
        ended = subprocess.run([str(binary()), *map(str, arguments)], cwd=self.folder, text=True, capture_output=True, timeout=60,
                               stdin=subprocess.DEVNULL, env={**self.environment, **environment})
        assert "\x1b" not in ended.stdout + ended.stderr, "colours without a terminal"
        return ended

    def ok(self, *arguments, **environment):
        ended = self(*arguments, **environment)
        assert ended.returncode == 0, ended
        return ended.stdout

    def json(self, *arguments):
        """Standard output as JSON: the whole of it, and nothing on standard error."""
        ended = self("--output", "json", *arguments)
        assert ended.returncode == 0 and ended.stderr == "", ended
        return json.loads(ended.stdout)

    def fails(self, *arguments, status=1, **environment):
        ended = self(*arguments, **environment)
        assert ended.returncode == status, ended
        assert ended.stderr.strip(), "an error without a word on standard error"
        return ended.stderr


@pytest.fixture
def cli(new_workspace, tmp_path):
    ws = new_workspace()
    made = Cli(write(tmp_path, PROJECT), ws.base, ws.token)
    made.ws = ws
    return made


@pytest.fixture
def live(cli):
    cli.ok("deploy")
    cli.ws.must_append("events", ROWS)
    return cli


# ---- check, build, deploy ------------------------------------------------------------------------------------------------


def test_check_needs_no_server(cli):
    nowhere = {"KINGLET_HOST": "http://127.0.0.1:1"}
    assert "2 files" in cli.ok("check", **nowhere)
    assert cli.json("check")["errors"] == 0


@pytest.mark.parametrize("file, text, place", [
    ("datasources/events.datasource", EVENTS.replace("`n` UInt32", "`n` Uint32"), "datasources/events.datasource:5:"),
    ("datasources/events.datasource", EVENTS.replace("ENGINE_SORTING_KEY", "ENGINE_SORTIN_KEY"), "datasources/events.datasource:7:1"),
    ("endpoints/top.pipe", PLAIN.replace("GROUP BY kind", "GROUP kind"), "endpoints/top.pipe:3:"),
    # Text that a template made has no place of its own: the node's start stands for it.
    ("endpoints/top.pipe", TOP.replace("GROUP BY kind", "GROUP kind"), "endpoints/top.pipe:5:103"),
    ("endpoints/top.pipe", TOP.replace("}}", "}"), "endpoints/top.pipe:5:"),
    ("endpoints/top.pipe", TOP.replace("TYPE endpoint", "TYPE endpont"), "endpoints/top.pipe:6:"),
])
def test_faults_of_a_file_are_found_at_their_place(cli, file, text, place):
    """check, build and deploy name the same place, and JSON says it in fields."""
    write(cli.folder, {file: text})
    for command in (["check"], ["build"], ["deploy"], ["deploy", "--check"]):
        assert place in cli.fails(*command), command
    shown = cli("--output", "json", "check")
    assert shown.returncode == 1 and shown.stderr == ""
    first = json.loads(shown.stdout)["diagnostics"][0]
    assert f"{first['file']}:{first['line']}:{first['column']}".startswith(place) and first["severity"] == "error" and first["message"]
    for command in ("build", "deploy"):
        shown = cli("--output", "json", command)
        assert shown.returncode == 1 and shown.stderr == ""
        assert json.loads(shown.stdout)["result"] == "failed"
    assert cli.ws.get("/v0/datasources").json() == {"datasources": []}


def test_faults_that_only_the_server_sees_have_a_place_too(cli):
    write(cli.folder, {"endpoints/top.pipe": PLAIN.replace("sum(n)", "sum(kind)")})
    cli.ok("check")
    for command in ("build", "deploy"):
        told = cli.fails(command)
        assert "endpoints/top.pipe:3:" in told and "sum" in told, told


def test_every_fault_of_a_project_is_told_at_once(cli):
    write(cli.folder, {f"pipes/p{i}.pipe": f"NODE n\nSQL >\n    SELECT 1 FORM x{i}\nTYPE nothing\n" for i in range(5)})
    told = cli.fails("check")
    assert all(f"pipes/p{i}.pipe:" in told for i in range(5)), told


def test_build_and_deploy(cli):
    built = cli.ok("build")
    assert "events" in built and "top" in built
    assert "No changes" in cli.ok("build")
    write(cli.folder, {"endpoints/more.pipe": TOP.replace("sum(n)", "max(n)")})
    assert "more" in cli.ok("deploy", "--check")
    assert cli.ws.get("/v0/pipes/more.json").status_code == 404, "--check changed something"
    assert "is live" in cli.ok("deploy")
    assert cli.ws.get("/v0/pipes/more.json").status_code == 200
    assert cli.json("deploy")["result"] == "no_changes"
    assert cli.json("build")["result"] == "no_changes"


def test_deploy_deletes_rows_only_when_told_to(live):
    (live.folder / "datasources" / "events.datasource").unlink()
    (live.folder / "endpoints" / "top.pipe").unlink()
    write(live.folder, {"datasources/other.datasource": EVENTS.replace("tracker", "other")})
    assert "events" in live.fails("deploy")
    assert live.ws.value("SELECT count() AS c FROM events FORMAT JSON") == 3
    live.ok("deploy", "--allow-destructive-operations")
    assert [s["name"] for s in live.ws.get("/v0/datasources").json()["datasources"]] == ["other"]


def test_a_folder_of_no_project(cli, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for command in ("check", "build", "deploy"):
        assert "no .datasource or .pipe file" in cli.fails(command, empty)
        assert "nowhere" in cli.fails(command, tmp_path / "nowhere")
    assert cli.ok("check", cli.folder)


# ---- data ----------------------------------------------------------------------------------------------------------------


def test_sql(live):
    query = "SELECT kind, sum(n) AS total FROM events GROUP BY kind ORDER BY kind"
    assert live.json("sql", query)["data"] == [{"kind": "a", "total": 4}, {"kind": "b", "total": 20}]
    assert live.ok("--output", "csv", "sql", query + ";") == '"kind","total"\n"a",4\n"b",20\n'
    shown = live.ok("sql", query)
    assert all(word in shown for word in ("kind", "total", "20", "2 rows")), shown
    assert live.json("sql", "SELECT n FROM events", "--rows-limit", "1")["rows"] == 1
    assert "no rows" in live.ok("sql", "SELECT n FROM events WHERE n = 77")
    assert live.ok("sql", "SELECT 1 AS one -- a comment at the end")


@pytest.mark.parametrize("query, said", [
    ("SELECT nothing FROM events", "nothing"),
    ("SELECT * FROM nowhere", "nowhere"),
    ("SELEC 1", "expected"),
    ("DROP TABLE events", "expected"),
])
def test_wrong_sql_is_told_on_standard_error(live, query, said):
    for output in ("human", "json", "csv"):
        ended = live("--output", output, "sql", query)
        assert ended.returncode == 1 and ended.stdout == "" and said in ended.stderr, ended


def test_datasource_ls(live):
    shown = live.ok("datasource", "ls")
    assert "events" in shown and "quarantined" in shown
    (source,) = live.json("datasource", "ls")["datasources"]
    assert source["name"] == "events" and source["statistics"]["row_count"] == 3


@pytest.mark.parametrize("name, content", [
    ("rows.ndjson", NDJSON.encode()),
    ("rows.ndjson.gz", gzip.compress(NDJSON.encode())),
    ("rows.csv", "day,kind,n\n".encode() + "".join(f"{r['day']},{r['kind']},{r['n']}\n" for r in ROWS).encode()),
])
def test_append_a_file(live, name, content):
    (live.folder / name).write_bytes(content)
    told = live.json("datasource", "append", "events", name)
    assert (told["successful_rows"], told["quarantined_rows"]) == (3, 0), told
    assert live.ws.value("SELECT count() AS c FROM events FORMAT JSON") == 6
    assert "3 rows appended to events" in live.ok("datasource", "append", "events", "--file", name)


def test_append_text_and_what_does_not_fit(live):
    told = live("datasource", "append", "events", "--events", NDJSON + '{"day":"x","kind":"c","n":-1}\n')
    assert told.returncode == 1 and "3 rows appended" in told.stdout and "events_quarantine" in told.stdout, told
    assert told.stderr.rstrip().endswith("1 row in quarantine"), told
    assert live.ws.value("SELECT count() AS c FROM events_quarantine FORMAT JSON") == 1


@pytest.fixture
def served(tmp_path_factory):
    """Serves a folder on loopback, from where the shared server may import."""
    folder = tmp_path_factory.mktemp("served")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{web.server_port}"
    web.shutdown()
    web.server_close()


def test_append_an_address_and_standard_input(live, served):
    folder, base = served
    (folder / "rows.ndjson").write_text(NDJSON)
    assert "3 rows appended to events" in live.ok("datasource", "append", "events", base + "/rows.ndjson")
    assert "3 rows appended to events" in live.ok("datasource", "append", "events", "--url", base + "/rows.ndjson")
    assert "404" in live.fails("datasource", "append", "events", base + "/nowhere.csv")
    told = subprocess.run([str(binary()), "datasource", "append", "events", "-"], input=NDJSON.encode(), capture_output=True,
                          env=live.environment, cwd=live.folder, timeout=60)
    assert told.returncode == 0 and b"3 rows appended" in told.stdout, told
    assert live.ws.value("SELECT count() AS c FROM events FORMAT JSON") == 12


def test_replace_by_condition(live):
    (live.folder / "new.ndjson").write_text(json.dumps({**ROWS[0], "kind": "new"}) + "\n" + json.dumps({**ROWS[0], "kind": "other"}) + "\n")
    told = live("datasource", "replace", "events", "new.ndjson", "--condition", f"kind IN ('new', '{ROWS[0]['kind']}')")
    assert told.returncode == 0 and "1 row replaced in events" in told.stdout and "outside the condition" in told.stdout, told
    kinds = [r[0] for r in live.ws.rows("SELECT kind FROM events ORDER BY kind")]
    assert "new" in kinds and "other" not in kinds and ROWS[0]["kind"] not in kinds


def test_analyze_shows_columns_and_a_datafile_that_works(live):
    (live.folder / "rows.ndjson").write_text('{"id":1,"tags":["a"],"who":{"name":"x"}}\n{"id":2,"who":{"name":null}}\n')
    shown = live.ok("datasource", "analyze", "rows.ndjson")
    assert "who_name" in shown and "Nullable(String)" in shown and "50 %" in shown
    assert "`tags` Array(String) `json:$.tags[:]` DEFAULT []" in shown
    assert [c["name"] for c in live.json("datasource", "analyze", "rows.ndjson")["analysis"]["columns"]] == ["id", "tags", "who_name"]
    assert "datasources/made.datasource" in live.ok("datasource", "create", "--name", "made", "--file", "rows.ndjson")
    assert "there already" in live.fails("datasource", "create", "--name", "made", "rows.ndjson")
    live.ok("deploy")
    assert "2 rows appended to made" in live.ok("datasource", "append", "made", "rows.ndjson")


def test_replace_and_truncate(live):
    (live.folder / "one.ndjson").write_text(json.dumps(ROWS[0]) + "\n")
    live.ok("datasource", "replace", "events", "one.ndjson")
    assert live.ws.value("SELECT count() AS c FROM events FORMAT JSON") == 1
    assert "--yes" in live.fails("datasource", "truncate", "events")
    live.ok("datasource", "truncate", "events", "--yes")
    assert live.ws.value("SELECT count() AS c FROM events FORMAT JSON") == 0


@pytest.mark.parametrize("arguments, said", [
    (["events"], "--url"),
    (["events", "nowhere.csv"], "nowhere.csv"),
    (["nowhere", "--events", "{}"], "nowhere"),
    (["events", "--events", "{}", "--url", "http://x.example/"], "one of"),
])
def test_wrong_appends(live, arguments, said):
    assert said in live.fails("datasource", "append", *arguments)


def test_endpoints(live):
    assert "least" in live.ok("endpoint", "ls")
    (endpoint,) = live.json("endpoint", "ls")["endpoints"]
    assert endpoint["name"] == "top" and endpoint["url"].startswith(live.ws.base)
    assert live.json("endpoint", "data", "top")["data"] == [{"kind": "a", "total": 4}, {"kind": "b", "total": 20}]
    assert live.json("endpoint", "data", "top", "--least", "10")["data"] == [{"kind": "b", "total": 20}]
    assert live.json("endpoint", "data", "top", "--least=2", "--query", "SELECT count() AS c FROM _")["data"] == [{"c": 2}]
    assert live.ok("--output", "csv", "endpoint", "data", "top") == '"kind","total"\n"a",4\n"b",20\n'
    assert "nowhere" in live.fails("endpoint", "data", "nowhere")
    assert "least" in live.fails("endpoint", "data", "top", "--least", "x")
    assert "least" in live.fails("endpoint", "data", "top", "--least")


def test_the_url_of_an_endpoint_answers_and_can_do_nothing_else(live):
    url = live.ok("endpoint", "url", "top").strip()
    reply = requests.get(url, timeout=10)
    assert reply.status_code == 200 and len(reply.json()["data"]) == 2
    assert live.json("endpoint", "url", "top") == {"url": url}
    assert live.ws.token not in url, "the admin token in an address that is passed on"
    assert "nowhere" in live.fails("endpoint", "url", "nowhere")


def test_tokens_are_shown_in_full_only_when_asked(live):
    tokens = {t["name"]: t["token"] for t in live.ws.get("/v0/tokens").json()["tokens"]}
    shown = live.ok("token", "ls")
    assert "tracker" in shown and "DATASOURCES:APPEND:events" in shown
    assert not any(value in shown for value in tokens.values())
    assert tokens["tracker"] in live.ok("token", "ls", "--show")
    assert {t["name"] for t in live.json("token", "ls")["tokens"]} == set(tokens)


def test_info(live):
    shown = live.ok("info")
    assert live.ws.base in shown and live.ws.name in shown and re.search(r"\((ready|degraded), version", shown)
    told = live.json("info")
    assert told["host"] == live.ws.base and told["workspace"]["id"] == live.ws.id and told["health"]["status"] in ("ready", "degraded")
    assert live.ws.token not in shown


# ---- host, token, usage ----------------------------------------------------------------------------------------------------


def test_where_host_and_token_come_from(live, server):
    """Flag over KINGLET_* over TB_* over .tinyb; last the server's own /tokens."""
    bare = Cli(live.folder, "", "")
    bare.environment.pop("KINGLET_HOST")
    bare.environment.pop("KINGLET_TOKEN")
    nowhere = "http://127.0.0.1:1"
    count = ["--output", "json", "sql", "SELECT count() AS c FROM events"]
    assert bare("--host", live.ws.base, "--token", live.ws.token, *count, KINGLET_HOST=nowhere, KINGLET_TOKEN="x").returncode == 0
    assert bare(*count, KINGLET_HOST=live.ws.base, KINGLET_TOKEN=live.ws.token, TB_HOST=nowhere, TB_TOKEN="x").returncode == 0
    assert bare(*count, TB_HOST=live.ws.base, TB_TOKEN=live.ws.token).returncode == 0
    (live.folder / ".tinyb").write_text(json.dumps({"host": live.ws.base, "token": live.ws.token}))
    assert bare(*count).returncode == 0
    assert bare(*count, TB_HOST=nowhere).returncode == 1
    (live.folder / ".tinyb").write_text("not JSON")
    assert ".tinyb" in bare.fails(*count)
    (live.folder / ".tinyb").unlink()
    own = bare("--host", live.ws.base, "--output", "json", "info")
    assert json.loads(own.stdout)["workspace"]["name"] == server.default_workspace().name


def test_no_server_and_no_token(live):
    told = live.fails("--host", "http://127.0.0.1:1", "info")
    assert "http://127.0.0.1:1" in told and "kinglet serve" in told
    wrong = live.fails("--token", "p.wrong", "sql", "SELECT 1")
    assert "token" in wrong and "p.wrong" not in wrong
    assert live.fails("--host", "ftp://127.0.0.1", "info")


@pytest.mark.parametrize("arguments", [
    ["sql"], ["datasource"], ["datasource", "nowhere"], ["endpoint"], ["token"], ["--output", "xml", "info"], ["info", "--nowhere"],
    ["deploy", "a", "b"], ["sql", "SELECT 1", "--rows-limit", "x"], ["datasource", "truncate"],
])
def test_wrong_usage_is_status_2(live, arguments):
    told = live.fails(*arguments, status=2)
    assert "--help" in told


def test_help_of_every_command(live):
    for command in (["check"], ["build"], ["deploy"], ["sql"], ["datasource"], ["datasource", "ls"], ["datasource", "append"],
                    ["datasource", "replace"], ["datasource", "truncate"], ["endpoint"], ["endpoint", "ls"], ["endpoint", "data"],
                    ["endpoint", "url"], ["token"], ["token", "ls"], ["info"]):
        assert "Usage: kinglet" in live.ok(*command, "--help") or "Usage:" in live.ok(*command, "--help"), command


def on_a_terminal(cli, *arguments, **environment):
    """Standard output and error on a pseudo terminal; answers what was written."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([str(binary()), *arguments], cwd=cli.folder, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                          env={**cli.environment, **environment}) as process:
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:  # EIO: the other end is closed
            pass
        process.wait(30)
    os.close(ours)
    return text.decode()


def test_colours_are_for_terminals_that_want_them(live):
    assert "\x1b[" in on_a_terminal(live, "datasource", "ls")
    assert "\x1b" not in on_a_terminal(live, "datasource", "ls", NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(live, "--output", "json", "datasource", "ls")
    assert "\x1b[" in on_a_terminal(live, "check", "nowhere")
