# SPDX-License-Identifier: Apache-2.0
"""`kinglet fmt`: files in one layout, in place and whole, or only shown."""
import json
import os
import stat
import subprocess

from kinglet_server import binary

LOOSE = "SCHEMA >\n  `a` String `json:$.a`,\n\n  # why\n  `b`   UInt32 `json:$.b`\nENGINE_SORTING_KEY a\nENGINE MergeTree\n"
PIPE = "NODE n\nSQL >\n\n        SELECT   a\n          FROM   things\n\nTYPE endpoint\n"
BROKEN = "NODE n\nSQL >\n    SELECT 1\nTYPE endpont\n"


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def fmt(folder, *arguments, text=None):
    return subprocess.run([str(binary()), *map(str, arguments)], cwd=folder, text=True, capture_output=True, timeout=60, input=text or "",
                          env={"PATH": os.environ["PATH"], "HOME": str(folder)})


def project(tmp_path):
    return write(tmp_path, {"datasources/things.datasource": LOOSE, "endpoints/top.pipe": PIPE})


def test_the_whole_project_is_formatted_once(tmp_path):
    project(tmp_path)
    os.chmod(tmp_path / "datasources/things.datasource", 0o640)
    ended = fmt(tmp_path, "fmt")
    assert ended.returncode == 0, ended
    assert "datasources/things.datasource formatted" in ended.stdout
    text = (tmp_path / "datasources/things.datasource").read_text()
    assert text != LOOSE and "# why" in text
    assert stat.S_IMODE((tmp_path / "datasources/things.datasource").stat().st_mode) == 0o640
    assert "SELECT   a\n      FROM   things" in (tmp_path / "endpoints/top.pipe").read_text(), "SQL is only indented"
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["things.datasource", "top.pipe"], "something was left behind"
    again = fmt(tmp_path, "fmt", "--check")
    assert again.returncode == 0 and "2 files, all formatted" in again.stdout


def test_check_lists_and_changes_nothing(tmp_path):
    project(tmp_path)
    ended = fmt(tmp_path, "fmt", "--check")
    assert ended.returncode == 1 and "datasources/things.datasource would change" in ended.stdout
    assert (tmp_path / "datasources/things.datasource").read_text() == LOOSE
    told = json.loads(fmt(tmp_path, "--output", "json", "fmt", "--check").stdout)
    assert told["files"] == 2 and "datasources/things.datasource" in told["changed"] and told["errors"] == []


def test_diff_can_be_applied(tmp_path):
    project(tmp_path)
    shown = fmt(tmp_path, "fmt", "--diff")
    assert shown.returncode == 0
    assert (tmp_path / "datasources/things.datasource").read_text() == LOOSE
    subprocess.run(["patch", "-p0"], cwd=tmp_path, input=shown.stdout, text=True, check=True, capture_output=True)
    assert fmt(tmp_path, "fmt", "--check").returncode == 0


def test_a_file_with_errors_is_left_alone_and_the_others_are_formatted(tmp_path):
    write(project(tmp_path), {"endpoints/broken.pipe": BROKEN})
    ended = fmt(tmp_path, "fmt")
    assert ended.returncode == 1 and "endpoints/broken.pipe:4:6" in ended.stderr
    assert (tmp_path / "endpoints/broken.pipe").read_text() == BROKEN
    assert (tmp_path / "datasources/things.datasource").read_text() != LOOSE


def test_named_files_and_folders_only(tmp_path):
    project(tmp_path)
    assert fmt(tmp_path, "fmt", "endpoints").returncode == 0
    assert (tmp_path / "datasources/things.datasource").read_text() == LOOSE
    assert fmt(tmp_path, "fmt", "datasources/things.datasource", "--yes", "--line-length", "100").returncode == 0
    assert (tmp_path / "datasources/things.datasource").read_text() != LOOSE
    for wrong in ("nothing.pipe", "endpoints/top.sql"):
        ended = fmt(tmp_path, "fmt", wrong)
        assert ended.returncode == 1 and wrong in ended.stderr


def test_a_link_stays_a_link(tmp_path):
    project(tmp_path)
    (tmp_path / "link.datasource").symlink_to("datasources/things.datasource")
    assert fmt(tmp_path, "fmt", "link.datasource").returncode == 0
    assert (tmp_path / "link.datasource").is_symlink()
    assert (tmp_path / "datasources/things.datasource").read_text() != LOOSE


def test_standard_input(tmp_path):
    done = fmt(tmp_path, "fmt", "--stdin", "things.datasource", text=LOOSE)
    assert done.returncode == 0 and "# why" in done.stdout
    assert fmt(tmp_path, "fmt", "--stdin", "things.datasource", text=done.stdout).stdout == done.stdout
    assert fmt(tmp_path, "fmt", "--stdin", "--check", "things.datasource", text=LOOSE).returncode == 1
    assert fmt(tmp_path, "fmt", "--stdin", text=LOOSE).returncode == 2
    wrong = fmt(tmp_path, "fmt", "--stdin", "broken.pipe", text=BROKEN)
    assert wrong.returncode == 1 and wrong.stdout == "" and "broken.pipe:4:6" in wrong.stderr
