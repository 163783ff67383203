# SPDX-License-Identifier: Apache-2.0
"""`kinglet test`: cases of tests/<pipe>.yaml on fixtures, on a server that is made for them and leaves nothing behind."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from kinglet_server import binary, eventually

EVENTS = """SCHEMA >
    `day` Date `json:$.day`,
    `kind` String `json:$.kind`,
    `n` UInt64 `json:$.n`
ENGINE "MergeTree"
ENGINE_SORTING_KEY "day"
ENGINE_TTL "day + INTERVAL 1 DAY"
"""
KEPT = EVENTS.replace('ENGINE_TTL "day + INTERVAL 1 DAY"\n', "")
TOP = """NODE n
SQL >
    %
    SELECT kind, sum(n) AS total, '/' AS slash, max(day) AS last FROM events
    WHERE n >= {{Int32(least, 0, description="smallest n", example=2)}}
    {% if defined(kinds) %} AND kind IN {{Array(kinds, 'String')}} {% end %}
    GROUP BY kind ORDER BY kind
TYPE endpoint
"""
NEEDS = """NODE n
SQL >
    %
    {% if not defined(x) %} {{ error('x (String) query param is required') }} {% end %}
    SELECT {{String(x)}} AS x
TYPE endpoint
"""
ROWS = [{"day": "2026-01-01", "kind": "a", "n": 1}, {"day": "2026-01-02", "kind": "b", "n": 20}, {"day": "2026-01-02", "kind": "a", "n": 3}]
NDJSON = "".join(json.dumps(r) + "\n" for r in ROWS)
A = '{"kind":"a","total":4,"slash":"\\/","last":"2026-01-02"}'
B = '{"kind":"b","total":20,"slash":"\\/","last":"2026-01-02"}'
TESTS = f"""
- name: all
  description: Everything
  parameters: ''
  expected_result: |
    {A}
    {B}

- name: one_kind  # by its name
  parameters: kinds=b,c&least=2
  expected_result: |
    {B}

- name: as_a_map
  parameters: {{least: 2, kinds: [b, c]}}
  expected_result: |
    {{"kind": "b", "total": 2e1, "slash": "/", "last": "2026-01-02"}}

- name: none
  parameters: least=100
  expected_result: ''
"""
NEEDS_TESTS = """- name: required
  expected_result: x (String) query param is required
  expected_http_status: 400

- name: sent
  parameters: x=a b
  expected_result: |
    {"x":"a b"}
"""
PROJECT = {"datasources/events.datasource": EVENTS, "endpoints/top.pipe": TOP, "endpoints/needs.pipe": NEEDS,
           "fixtures/events.ndjson": NDJSON, "tests/top.yaml": TESTS, "tests/needs.yaml": NEEDS_TESTS}


class Project:
    """A folder with a project; `kinglet test` runs in it, with a temporary folder of its own, which must end up empty."""

    def __init__(self, folder, files):
        self.folder = folder / "project"
        self.temporary = pathlib.Path(tempfile.mkdtemp(prefix="kt-"))  # not pytest's: that path is too long for sockets
        self.write(files)
        self.environment = {k: os.environ[k] for k in ("PATH", "KINGLET_LIBCHDB", "KINGLET_CACHE", "HOME") if k in os.environ}
        # Another server's address and a token: neither may be used.
        self.environment.update(TMPDIR=str(self.temporary), KINGLET_HOST="http://127.0.0.1:1", KINGLET_TOKEN="p.none", KINGLET_PORT="1")

    def write(self, files):
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def read(self, name):
        return (self.folder / name).read_text()

    def start(self, *arguments, cwd=None):
        return subprocess.Popen([str(binary()), *arguments], cwd=cwd or self.folder, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment)

    def __call__(self, *arguments, status=0, cwd=None):
        process = self.start(*arguments, cwd=cwd)
        out, err = process.communicate(timeout=120)
        assert process.returncode == status, (out, err)
        assert list(self.temporary.iterdir()) == [], "something is left in the temporary folder"
        return out + err

    def json(self, *arguments, status=0):
        process = self.start("--output", "json", *arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == status and err == "", (out, err)
        return json.loads(out)


@pytest.fixture
def project(tmp_path):
    made = Project(tmp_path, PROJECT)
    yield made
    shutil.rmtree(made.temporary)


def test_passes(project, tmp_path):
    """Spelling of JSON does not count, 64-bit numbers and slashes are as the documented product prints them; old rows stay."""
    shown = project("test")
    assert shown.splitlines() == [
        "» Building test environment", "✓ 3 rows of fixtures/events.ndjson appended to events", "✓ Done!", "» Running tests",
        "* tests/needs.yaml", "✓ required passed", "✓ sent passed",
        "* tests/top.yaml", "✓ all passed", "✓ one_kind passed", "✓ as_a_map passed", "✓ none passed", "✓ 6/6 passed"]
    assert "✓ 4/4 passed" in project("test", "run", "top")
    assert "✓ 4/4 passed" in project("test", "run", "tests/top.yaml")
    assert "* project/tests/top.yaml" in project("test", "run", "-C", "project", "top", cwd=tmp_path)


def test_fails_with_a_difference(project):
    wrong = TESTS.replace('"total":20', '"total":21', 1).replace("least=100", "least=2")
    project.write({"tests/top.yaml": wrong})
    shown = project("test", status=1)
    assert "✗ all failed\n    tests/top.yaml:2:3\n" in shown
    assert f"    - {B.replace('20,', '21,')}\n    + {B}\n    first difference: line 2, column 22\n" in shown
    assert "✓ one_kind passed" in shown and "✗ none failed" in shown, "the first failure stops nothing"
    assert "tests/top.yaml:19:3  least=2" in shown
    assert "no row was expected" in shown and shown.rstrip().endswith("✗ 4/6 passed")
    assert project.read("tests/top.yaml") == wrong

    report = project.json("test", "run", "top", status=1)
    assert (report["passed"], report["failed"], report["warnings"]) == (2, 2, [])
    failed = [t for t in report["files"][0]["tests"] if not t["passed"]]
    assert [t["name"] for t in failed] == ["all", "none"] and failed[0]["line"] == 2
    assert failed[0]["result"] == f"{A}\n{B}\n" and failed[0]["expected_http_status"] == 200 and failed[0]["status"] == 200


def test_update_keeps_the_rest(project):
    text = TESTS.replace('"total":20', '"total":21', 1).replace("''\n\"\"\"", "") + (
        "# of the error\n- name: error   # why\n  expected_result: ''   # soon\n  parameters: least=x\n")
    project.write({"tests/top.yaml": text})
    shown = project("test", "update", "top")
    assert "✓ all updated" in shown and "✓ one_kind unchanged" in shown and "✓ 5/5 up to date" in shown
    after = project.read("tests/top.yaml")
    assert after.startswith(TESTS)
    assert "# of the error\n- name: error   # why\n  expected_result: " in after and "  # soon\n  expected_http_status: 400\n  parameters" in after
    assert "✓ 5/5 passed" in project("test", "run", "top")
    again = project("test", "run", "--update")
    assert "updated" not in again and project.read("tests/top.yaml") == after
    assert project.read("tests/needs.yaml") == NEEDS_TESTS


def test_create_writes_what_came(project):
    (project.folder / "tests" / "top.yaml").unlink()
    shown = project("test", "create", "top", "--description", "as it is")
    assert "tests/top.yaml: test top_default written, 2 rows" in shown
    assert project.read("tests/top.yaml") == (
        "- name: top_default\n  description: as it is\n  parameters: least=2\n  expected_result: |\n"
        f"    {A.replace('4,', '3,')}\n    {B}\n")
    project("test", "create", "top", "--parameters", "least=x", "--name", "wrong")
    project("test", "create", "top", "--parameters", "kinds=b")
    assert "✓ 3/3 passed" in project("test", "run", "top")
    assert "has a test wrong already" in project("test", "create", "top", "--name", "wrong", status=1)
    assert "did you mean top" in project("test", "create", "topp", status=1)
    assert "--parameters" in project("test", "create", "needs", status=1)


@pytest.mark.parametrize("file, text, told", [
    ("tests/top.yaml", "- name: a\n  expected_reslt: x\n", "tests/top.yaml:2:3: unknown key 'expected_reslt' (did you mean expected_result"),
    ("tests/top.yaml", "- name: \"a\n", "tests/top.yaml:1:9: "),
    ("tests/top.yaml", "- name: &a b\n", "tests/top.yaml:1:9: anchors and aliases"),
    ("tests/topp.yaml", "- name: a\n", "tests/topp.yaml:1:1: the project has no pipe 'topp'"),
    ("tests/top.yaml", b"- name: \xff\n", "tests/top.yaml:1:9: this byte is not UTF-8"),
])
def test_faults_of_a_file_are_told_before_anything_starts(project, file, text, told):
    project.write({file: text, "tests/needs.yaml": "- nam: a\n"})
    shown = project("test", status=1)
    assert told in shown and "tests/needs.yaml:1:3: " in shown and "Building" not in shown


def test_unknown_names_and_wrong_usage(project):
    assert "did you mean top" in project("test", "run", "topp", status=1)
    project("test", "run", "--updat", status=2)
    project("test", "create", status=2)
    assert "no folder" in project("test", "-C", "nowhere", status=1)


def test_a_build_that_fails_says_where(project):
    project.write({"endpoints/top.pipe": TOP.replace("sum(n)", "sum(m)")})
    shown = project("test", status=1)
    assert "endpoints/top.pipe:" in shown and "Done!" not in shown


def test_tests_of_classic_are_a_warning(project):
    project.write({"tests/old.yaml": "- no-rows:\n    max_time: null\n    sql: SELECT 1\n", "tests/a.test": "tb sql 'SELECT 1'\n"})
    shown = project("test")
    assert "tests/old.yaml:1:3: warning: tests of Classic are not run" in shown
    assert "△ 1 shell test of Classic" in shown and "✓ 6/6 passed" in shown
    assert len(project.json("test")["warnings"]) == 2


def test_without_tests(project):
    for name in ("top", "needs"):
        (project.folder / "tests" / f"{name}.yaml").unlink()
    assert "kinglet test create PIPE" in project("test")
    assert project.json("test")["files"] == []


def test_fixtures(project):
    """CSV, quarantined rows, files of Classic, files of nothing, secrets that cannot be set."""
    (project.folder / "fixtures" / "events.ndjson").unlink()
    project.write({"fixtures/events.csv": "day,kind,n\n2026-01-02,a,4\n2026-01-02,b,20\nnever,b,1\n", "fixtures/nothing.ndjson": "{}\n",
                   "datasources/fixtures/events.csv": "day,kind,n\n2026-01-02,c,4\n", ".env.local": "A=not-to-be-seen\n"})
    shown = project("test", "run", "top")
    assert "fixtures/events.csv: 1 of 3 rows do not fit, see events_quarantine" in shown and "✓ 4/4 passed" in shown
    assert "nothing" not in shown and "not-to-be-seen" not in shown
    (project.folder / "fixtures" / "events.csv").rename(project.folder / "datasources" / "fixtures" / "events.csv")
    assert "datasources/fixtures/events.csv: 1 of 3 rows do not fit" in project("test", "run", "top")


def servers_of(folder):
    """Processes that name the folder in their command line."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and str(folder).encode() in open(f"/proc/{entry}/cmdline", "rb").read():
                found.append(int(entry))
        except OSError:
            pass  # gone meanwhile
    return found


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["starting", "running"])
def test_a_signal_leaves_nothing_behind(project, which, moment):
    project.write({"tests/top.yaml": "".join(f"- name: a{i}\n  expected_result: ''\n" for i in range(5000))})
    process = project.start("test", "run", "top")
    assert eventually(lambda: servers_of(project.temporary), 30)
    if moment == "running":
        for line in process.stdout:
            if line.startswith("* "):
                break
    process.send_signal(which)
    process.communicate(timeout=60)
    assert process.returncode == 128 + which
    assert list(project.temporary.iterdir()) == [] and servers_of(project.temporary) == []


def test_a_kill_ends_the_server_too(project):
    project.write({"tests/top.yaml": "".join(f"- name: a{i}\n  expected_result: ''\n" for i in range(5000))})
    process = project.start("test", "run", "top")
    assert eventually(lambda: servers_of(project.temporary), 30)
    process.kill()
    process.communicate(timeout=60)
    assert eventually(lambda: servers_of(project.temporary) == [], 30)


def test_a_server_that_does_not_start_shows_its_log(project):
    project.environment["KINGLET_ENGINE_BINARY"] = "/nowhere/kinglet-engine"
    started = time.monotonic()
    shown = project("test", status=1)
    assert "ended before it was ready" in shown and "log ends with" in shown
    assert time.monotonic() - started < 60


def test_build_appends_fixtures_to_empty_data_sources(project, new_workspace):
    ws = new_workspace()
    project.environment.update(KINGLET_HOST=ws.base, KINGLET_TOKEN=ws.token)
    project.write({"datasources/events.datasource": KEPT})
    assert "3 rows of fixtures/events.ndjson appended to events" in project("build")
    assert ws.value("SELECT count() FROM events") == 3
    assert "appended" not in project("build") and ws.value("SELECT count() FROM events") == 3
    ws.must_append("events", ROWS[:1])
    project.write({"endpoints/more.pipe": TOP})
    assert "appended" not in project("build") and ws.value("SELECT count() FROM events") == 4


def test_a_fixture_that_does_not_fit_fails_no_build(project, new_workspace):
    ws = new_workspace()
    project.environment.update(KINGLET_HOST=ws.base, KINGLET_TOKEN=ws.token)
    project.write({"datasources/events.datasource": KEPT, "fixtures/events.ndjson": 'no json\n{"day":"never"}\n' + NDJSON})
    shown = project("build")
    assert "△ fixtures/events.ndjson: 2 of 5 rows do not fit, see events_quarantine: row 1: " in shown and ws.value("SELECT count() FROM events") == 3
    assert project.json("build")["result"] == "no_changes"
