# SPDX-License-Identifier: Apache-2.0
"""Runs the projects below the folder KINGLET_CORPUS through Kinglet: files, build, endpoints, nodes, reading back, data tests.
What fails and is not explained in known.txt fails here; the score stands at the end of the output."""
import os
import pathlib

import pytest

from corpus import projects

CORPUS = os.environ.get("KINGLET_CORPUS", "")
FOUND = projects.find_projects(CORPUS) if CORPUS and pathlib.Path(CORPUS).is_dir() else {}
KNOWN = projects.read_known((pathlib.Path(__file__).parent / "known.txt").read_text())
SCORES = {}  # printed by conftest.py

corpus = pytest.mark.skipif(not FOUND, reason=f"KINGLET_CORPUS={CORPUS} holds no project" if CORPUS else
                            "KINGLET_CORPUS does not name a folder of projects")


@corpus
@pytest.mark.parametrize("name", FOUND)
def test_project(name, server, tmp_path):
    run = projects.Run(name, FOUND[name], KNOWN)
    SCORES[name] = run.score
    run.check()
    run.ws, run.scratch = server.workspace(), tmp_path
    if run.build():
        run.fixtures()
        run.endpoints()
        run.read_back()
        run.nodes()
    run.data_tests()
    left = [p for p in run.score.problems if not p.explained]
    assert not left, f"{len(left)} problems, first {left[0].stage} {left[0].where}: {left[0].message}"


PIPE = "NODE n\nSQL >\n    SELECT 1 AS one\nTYPE endpoint\n"
SOURCE = "SCHEMA >\n    `n` UInt8 `json:$.n`\n"


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_projects_are_found_by_their_files(tmp_path):
    write(tmp_path, {"one/tinybird/endpoints/a.pipe": PIPE, "one/tinybird/datasources/s.datasource": SOURCE, "one/tinybird/more/b.pipe": PIPE,
                     "one/readme.md": "", "two/examples/x/pipes/a.pipe": PIPE, "two/examples/y/a.pipe": PIPE, "three/src/a.ts": "",
                     "four/.git/a.pipe": PIPE, "four/node_modules/m/a.pipe": PIPE})
    assert list(projects.find_projects(tmp_path)) == ["one/tinybird", "two/examples/x", "two/examples/y"]


@pytest.mark.parametrize("text, message", [("build | x", "line 1: write"), ("# ok\nsurf | x | y", "line 2: there is no stage 'surf'"), ("build |  | y", "line 1: write")])
def test_known_lines_that_say_nothing(text, message):
    with pytest.raises(projects.KnownError, match=message):
        projects.read_known(text)


def test_only_a_name_that_is_missing_is_explained():
    known = projects.read_known("build | Resource '(?P<absent>\\w+)' not found | the project does not hold it")
    said = lambda name: projects.explain(projects.Problem("p", "build", "a.pipe:1", f"Resource '{name}' not found"), known, {"x/there.datasource": ""})
    assert (said("there"), said("away")) == ("", "the project does not hold it")


@pytest.fixture
def run(server, tmp_path):
    """Runs a project of a test's own through every stage."""
    def through(files, known=""):
        write(tmp_path / "project", files)
        made = projects.Run("own", tmp_path / "project", projects.read_known(known))
        made.scratch, made.ws = tmp_path / "scratch", None
        made.scratch.mkdir()
        made.check()
        made.ws = server.workspace()
        if made.build():
            made.fixtures()
            made.endpoints()
            made.read_back()
            made.nodes()
        return made.score
    return through


def test_a_good_project_has_no_problem(run):
    score = run({"datasources/s.datasource": SOURCE, "fixtures/s.ndjson": '{"n": 1}\n{"n": "x"}\n', "pipes/a.pipe": PIPE,
                 "pipes/needs.pipe": "NODE n\nSQL >\n    %\n    SELECT {{Int32(k)}} AS k FROM s\nTYPE endpoint\n",
                 "pipes/asks.pipe": "NODE n\nSQL >\n    %\n    {% if not defined(k) %}{{ error('k, please') }}{% end %} SELECT {{Int8(k)}} AS k\nTYPE endpoint\n"})
    assert score.problems == []
    assert {k: n for k, n in score.apart.items() if n} == {
        "fixture rows in quarantine": 1, "missing parameter (no parameters)": 1, "the author's own error() (no parameters)": 1,
        "missing parameter (nodes)": 1, "the author's own error() (nodes)": 1}
    assert (score.good["files"], score.good["build"], score.good["no parameters"], score.good["stand-ins"]) == (4, 1, 3, 3)
    assert score.good["read back"] == 1 and score.good["nodes"] == 4


def test_what_is_wrong_is_told_and_what_is_known_is_left_out(run):
    broken = "NODE n\nSQL >\n    SELECT * FROM nowhere\nTYPE endpoint\n"
    score = run({"datasources/s.datasource": SOURCE, "a.pipe": PIPE, "b.pipe": broken})
    assert {p.stage for p in score.problems} >= {"build"} and score.good["build"] == 0 and not score.explained()
    lines = "\n".join(projects.summary({"own": score}))
    assert "FAILS" in lines and "b.pipe:3" in lines and "nowhere" in lines


def test_the_rest_of_a_project_with_a_known_fault_still_runs(run):
    broken = "NODE n\nSQL >\n    SELECT * FROM nowhere\nTYPE endpoint\n"
    score = run({"datasources/s.datasource": SOURCE, "a.pipe": PIPE, "b.pipe": broken}, known="any | '(?P<absent>nowhere)' | not in the project")
    assert score.problems and score.problems == score.explained()
    assert score.good["build"] == 1 and score.good["no parameters"] == 1


def test_an_answer_that_breaks_is_a_problem(run):
    score = run({"datasources/s.datasource": SOURCE, "fixtures/s.ndjson": '{"n": 1}\n',
                 "a.pipe": "NODE n\nSQL >\n    SELECT toUInt8(concat('as it should', toString(n))) AS t FROM s\nTYPE endpoint\n"})
    assert [p.stage for p in score.problems] == ["no parameters", "stand-ins", "nodes"]
    assert "as it should" in score.problems[0].message


def test_a_recorded_answer_may_not_come_again():
    made = projects.Run("own", ".", [])
    made.files = {"datasources/day.datasource": "SCHEMA >\n    `n` UInt8\n", "a.pipe": "NODE n\nSQL >\n    SELECT * FROM b", "b.pipe": "NODE n\nSQL >\n    SELECT * FROM day WHERE t > now()",
                  "c.pipe": "NODE n\nSQL >\n    SELECT * FROM filled", "d.pipe": "NODE n\nSQL >\n    SELECT 1\nTYPE copy\nTARGET_DATASOURCE filled", "filled.datasource": "", "e.pipe": "NODE n\nSQL >\n    SELECT 1"}
    assert [made.cannot_repeat(p) for p in "ace"] == ["depends on the day it was recorded", "reads what only a copy run fills", ""]
