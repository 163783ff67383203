# SPDX-License-Identifier: Apache-2.0
"""`kinglet check`: every fault of a project at once, at its place, without a server; with one, both lists as one."""
import json
import os
import subprocess

import pytest

from kinglet_server import binary

EVENTS = "SCHEMA >\n    `day` Date `json:$.day`,\n    `kind` String `json:$.kind`,\n    `n` UInt32 `json:$.n`\n"
TOP = "NODE n\nSQL >\n    SELECT kind, sum(n) AS total\n    FROM events\n    GROUP BY kind\nTYPE endpoint\n"
PROJECT = {"datasources/events.datasource": EVENTS, "endpoints/top.pipe": TOP}


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def kinglet(folder, *arguments, **environment):
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    return subprocess.run([str(binary()), *map(str, arguments)], cwd=folder, text=True, capture_output=True, timeout=60,
                          stdin=subprocess.DEVNULL, env=env)


def check(folder, *arguments, **environment):
    """Exit status and findings as "place severity message"."""
    ended = kinglet(folder, "--output", "json", "check", *arguments, **environment)
    assert ended.stderr == "", ended
    told = json.loads(ended.stdout)
    assert ended.returncode == (1 if told["errors"] else 0)
    assert told["errors"] == sum(d["severity"] == "error" for d in told["diagnostics"])
    assert told["warnings"] == sum(d["severity"] == "warning" for d in told["diagnostics"])
    return [f"{d['file']}:{d['line']}:{d['column']} {d['message']}" for d in told["diagnostics"]]


def test_a_project_without_fault(tmp_path):
    write(tmp_path, PROJECT)
    ended = kinglet(tmp_path, "check")
    assert ended.returncode == 0 and ended.stderr == ""
    assert "2 files: 1 data source, 1 pipe, 1 node; 0 errors, 0 warnings" in ended.stdout
    assert "without a server" in ended.stdout


def test_all_kinds_of_faults_come_at_once_in_the_order_of_the_files(tmp_path):
    write(tmp_path, {
        "datasources/events.datasource": EVENTS.replace("Date ", "Dtae "),
        "endpoints/top.pipe": TOP.replace("sum(n)", "sum(m)"),
        "endpoints/unknown.pipe": TOP.replace("FROM events", "FROM event"),
        "endpoints/syntax.pipe": TOP.replace("GROUP BY", "GROUP"),
        "endpoints/template.pipe": TOP.replace("SELECT", "%\n    SELECT {{Strng(a)}},"),
        "endpoints/circle.pipe": TOP.replace("FROM events", "FROM circle"),
        "tests/tip.yaml": "- name: a\n",
        "fixtures/event.ndjson": "",
        "tinybird.config.json": '{"devmode": "local"}',
    })
    assert check(tmp_path) == [
        "datasources/events.datasource:2:11 there is no type 'Dtae'",
        "endpoints/circle.pipe:4:10 the pipe 'circle' reads itself",
        "endpoints/syntax.pipe:5:5 node 'n': expected the end of the query, found GROUP",
        "endpoints/template.pipe:4:14 node 'n': unknown function 'Strng'",
        "endpoints/top.pipe:3:22 node 'n': 'events' has no column 'm'",
        "endpoints/unknown.pipe:4:10 node 'n' reads 'event', but there is no data source, pipe or node of that name",
        "fixtures/event.ndjson:0:0 rows for the data source 'event', but there is none of that name; they are loaded nowhere",
        "tests/tip.yaml:0:0 tests the pipe 'tip', but there is no pipe of that name",
        "tinybird.config.json:1:3 'devmode' is no setting; it is ignored",
    ]


def test_a_fault_is_shown_with_its_line_a_mark_and_a_hint(tmp_path):
    write(tmp_path, {**PROJECT, "endpoints/top.pipe": TOP.replace("FROM events", "\tFROM evnts")})
    told = kinglet(tmp_path, "check").stderr
    assert told.startswith(
        "✗ endpoints/top.pipe:4:11: node 'n' reads 'evnts', but there is no data source, pipe or node of that name\n"
        "    4 |      FROM evnts\n"
        "      |           ^^^^^\n"
        "      did you mean events?\n"), told
    assert "✗ 2 files: 1 data source, 1 pipe, 1 node; 1 error, 0 warnings" in told


def test_places_lead_to_the_file_from_where_one_stands(tmp_path):
    write(tmp_path, {"shop/" + name: text for name, text in {**PROJECT, "endpoints/top.pipe": TOP.replace("events", "evnts")}.items()})
    for folder, arguments, place in ((tmp_path, ("shop",), "shop/endpoints/top.pipe:4:10:"), (tmp_path, ("./shop/",), "shop/endpoints/top.pipe:4:10:"),
                                     (tmp_path / "shop", (), " endpoints/top.pipe:4:10:"), (tmp_path / "shop/endpoints", ("..",), "../endpoints/top.pipe:4:10:")):
        assert place in kinglet(folder, "check", *arguments).stderr


def test_settings_say_where_the_project_is_from_any_folder_below(tmp_path):
    write(tmp_path, {"analytics/" + name: text for name, text in PROJECT.items()})
    write(tmp_path, {"tinybird.config.json": '{"include": ["analytics"]}', "src/app.ts": "", "other/wrong.pipe": "x"})
    ended = kinglet(tmp_path / "src", "check")
    assert ended.returncode == 0 and "2 files" in ended.stdout, ended
    (tmp_path / "tinybird.config.json").write_text('{"include": ["analytics",}')
    told = check(tmp_path)
    assert len(told) == 1 and told[0].startswith("tinybird.config.json:1:26 JSON:"), told
    for command in ("build", "deploy"):
        assert "tinybird.config.json:1:26: JSON" in kinglet(tmp_path, command, KINGLET_HOST="http://127.0.0.1:1").stderr


def test_terminal_codes_and_endless_lines_in_a_file_do_not_reach_the_terminal(tmp_path):
    write(tmp_path, {**PROJECT, "endpoints/top.pipe": TOP.replace("FROM events", "FROM events -- \x1b[31m\n    WHERE " + "n = 1 AND " * 500 + " missing")})
    told = kinglet(tmp_path, "check").stderr
    assert "\x1b" not in told and "missing" in told
    assert max(len(line) for line in told.splitlines() if " | " in line) < 140


@pytest.mark.parametrize("arguments", [("--nonsense",), ("a", "b"), ("--server", "--no-server")])
def test_wrong_usage_is_status_2(tmp_path, arguments):
    assert kinglet(tmp_path, "check", *arguments).returncode == 2


def test_with_a_server_both_lists_are_one(new_workspace, tmp_path):
    ws = new_workspace()
    write(tmp_path, {**PROJECT, "endpoints/types.pipe": TOP.replace("sum(n)", "sum(kind)"), "endpoints/column.pipe": TOP.replace("sum(n)", "sum(m)")})
    access = {"KINGLET_HOST": ws.base, "KINGLET_TOKEN": ws.token}
    assert len(check(tmp_path)) == 1
    for arguments, environment in ((("--server",), access), (("--host", ws.base, "--token", ws.token), {})):
        told = check(tmp_path, *arguments, **environment)
        assert len(told) == 2, told
        assert told[0].startswith("endpoints/column.pipe:3:22") and told[1].startswith("endpoints/types.pipe:3:"), told
    assert len(check(tmp_path, "--no-server", "--host", ws.base)) == 1
    assert ws.get("/v0/datasources").json() == {"datasources": []}, "a check changed something"


def test_a_server_that_is_away_is_said_and_what_was_found_here_too(tmp_path):
    write(tmp_path, {**PROJECT, "endpoints/top.pipe": TOP.replace("sum(n)", "sum(m)")})
    told = check(tmp_path, "--server", KINGLET_HOST="http://127.0.0.1:1", KINGLET_TOKEN="t")
    assert len(told) == 2
    assert any("the server could not be asked: no answer from http://127.0.0.1:1" in line for line in told)


def test_a_thousand_resources_take_little_time(tmp_path):
    write(tmp_path, {f"datasources/s{i}.datasource": EVENTS for i in range(500)})
    write(tmp_path, {f"endpoints/p{i}.pipe": TOP.replace("events", f"s{i}") for i in range(500)})
    told = json.loads(kinglet(tmp_path, "--output", "json", "check").stdout)
    assert told["errors"] == 0 and told["files"] == 1000 and told["seconds"] < 5
