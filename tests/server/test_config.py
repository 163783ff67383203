# SPDX-License-Identifier: Apache-2.0
"""Settings of `kinglet serve`: each is a flag, a KINGLET_* variable and a TOML key; wrong ones are refused with their place."""
import json
import os
import re
import subprocess

import pytest

from kinglet_server import Server, binary

VALUES = {  # one value for each flag that it takes; those that make a difference one can see are tested below
    "data": "DATA", "listen": "127.0.0.1", "port": "0", "clickhouse-port": "0", "public-url": "https://kinglet.example", "ready-file": "READY",
    "engine": "embedded", "engine-binary": "ENGINE", "libchdb": "", "events-body-bytes-max": "1000", "upload-bytes-max": "1000",
    "import-bytes-max": "1000", "query-seconds-max": "7", "query-memory-bytes-max": "100000000", "query-threads-max": "2", "response-bytes-max": "10000000",
    "durability": "os", "flush-interval-ms": "50", "wait-flush-ms": "0", "spool-bytes-max": "200000000", "shutdown-seconds": "1", "books-interval-ms": "1000", "quarantine-rows-per-second": "5", "quarantine-rows-burst": "50",
    "quarantine-bytes-per-second": "5000", "quarantine-bytes-burst": "50000", "quarantine-bytes-max": "5000000",
    "import-private-addresses": "true", "intake-memory-bytes-max": "100000000", "row-threads": "1", "invalid-text": "replace", "connections-max": "100", "connections-per-peer-max": "90", "head-timeout-ms": "5000",
    "body-timeout-ms": "5000", "body-bytes-per-second-min": "10", "keep-alive-timeout-ms": "5000", "reply-timeout-ms": "5000",
    "data-source-requests-per-second": "1000", "token-requests-per-second": "1000", "io-threads": "1", "log-level": "debug", "log-format": "json",
}


def run(*arguments, environment=None, **keywords):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KINGLET_", "TB_"))}
    return subprocess.run([str(binary()), *map(str, arguments)], text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=30,
                          env={**clean, **(environment or {})}, **keywords)


def flags_of_help():
    """Flag → its variable, as `kinglet serve --help` shows them."""
    text = run("serve", "--help").stdout
    found = {}
    for match in re.finditer(r"^  --([a-z-]+)\b.*?\(Env:([A-Z_]+)\)", text, re.MULTILINE | re.DOTALL):
        found[match.group(1)] = match.group(2)
    return found


def variable(flag):
    return "KINGLET_" + flag.upper().replace("-", "_")


def values(tmp_path):
    put = {"DATA": str(tmp_path / "db"), "READY": str(tmp_path / "ready"), "ENGINE": str(binary().parent / "kinglet-engine")}
    return {flag: put.get(value, value) for flag, value in VALUES.items()
            if value or (flag == "libchdb" and put.setdefault("", os.environ.get("KINGLET_LIBCHDB", "")))}


def test_help_lists_every_flag_with_its_variable():
    found = flags_of_help()
    assert found == {flag: variable(flag) for flag in [*VALUES, "config"]}
    text = run("serve", "--help").stdout
    for flag in found:
        assert re.search(rf"--{flag}\b.*\n\s+\S+", text), f"--{flag} has no text"


def test_version_and_top_level_help():
    shown = run("--version")
    assert shown.returncode == 0 and re.fullmatch(r"\d+\.\d+\.\d+\S*\n", shown.stdout)
    helped = run("--help")
    assert helped.returncode == 0
    for command in ("serve", "check", "build", "deploy", "sql", "datasource", "endpoint", "token", "info", "test"):
        assert re.search(rf"^  {command} ", helped.stdout, re.MULTILINE), command


class Started:
    """A server that is told everything by `arguments` and `environment`; ended by end()."""

    def __init__(self, tmp_path, arguments, environment):
        self.ready, self.log = tmp_path / "ready", tmp_path / "log"
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("KINGLET_", "TB_")) or k == "KINGLET_LIBCHDB"}
        self.output = open(self.log, "wb")
        self.process = subprocess.Popen([str(binary()), "serve", *arguments], env={**clean, **environment}, stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=self.output, cwd=tmp_path)
        from kinglet_server import eventually
        assert eventually(lambda: self.ready.exists() or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.log.read_text()
        self.told = json.loads(self.ready.read_text())

    def end(self):
        self.process.terminate()
        status = self.process.wait(20)
        self.output.close()
        return status


@pytest.mark.parametrize("way", ["flags", "variables", "file"])
def test_every_setting_is_taken_in_each_way(tmp_path, way):
    chosen = values(tmp_path)
    arguments, environment = [], {}
    if way == "flags":
        for flag, value in chosen.items():
            arguments += [f"--{flag}"] if value == "true" else [f"--{flag}", value]
    elif way == "variables":
        environment = {variable(flag): value for flag, value in chosen.items()}
    else:
        lines = [f"{flag} = {value}" if re.fullmatch(r"\d+|true", value) else f"{flag} = {json.dumps(value)}" for flag, value in chosen.items()]
        (tmp_path / "kinglet.toml").write_text("\n".join(lines) + "\n")
        arguments = ["--config", str(tmp_path / "kinglet.toml")]
    server = Started(tmp_path, arguments, environment)
    try:
        import requests
        session = requests.Session()
        session.trust_env = False
        url = server.told["url"]
        assert (tmp_path / "db" / "catalog").is_dir()
        assert session.get(url + "/v0/regions", timeout=10).json()["regions"][0]["api_host"] == "https://kinglet.example"
        token = session.get(url + "/tokens", timeout=10).json()["workspace_admin_token"]
        big = session.post(url + "/v0/events?name=x", data=b" " * 1001, headers={"Authorization": "Bearer " + token}, timeout=10)
        assert big.status_code in (404, 413)
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
        assert lines, "--log-format json"
    finally:
        assert server.end() == 0


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file(tmp_path, start_server):
    file = tmp_path / "kinglet.toml"
    file.write_text('public-url = "http://file.example"\n')

    def shown(flags, environment):
        server = start_server(flags=["--config", str(file), *flags], environment=environment)
        api_host = server.admin.get("/v0/regions").json()["regions"][0]["api_host"]
        server.stop()
        return api_host

    variable_set = {"KINGLET_PUBLIC_URL": "http://variable.example"}
    assert shown([], {}) == "http://file.example"
    assert shown([], variable_set) == "http://variable.example"
    assert shown(["--public-url", "http://flag.example"], variable_set) == "http://flag.example"
    assert shown(["--public-url", "http://flag.example"], {}) == "http://flag.example"


def test_the_file_by_variable(tmp_path, start_server):
    file = tmp_path / "kinglet.toml"
    file.write_text('public-url = "http://file.example"  # a comment\n')
    server = start_server(environment={"KINGLET_CONFIG": str(file)})
    assert server.admin.get("/v0/regions").json()["regions"][0]["api_host"] == "http://file.example"


@pytest.mark.parametrize("text, line, said", [
    ("port = 0\n# a comment\nprot = 1\n", 3, "prot"),
    ("port = 0\n[limits]\nquery-seconds-max = 3\n", 2, "limits"),
    ('\nlog-level = "loud"\n', 2, "loud"),
    ("port = 70000\n", 1, "70000"),
    ("port = -1\n", 1, "-1"),
    ('port = "x"\n', 1, "x"),
    ("port = 1.5\n", 1, "port"),
    ("port = [1]\n", 1, "port"),
    ("query-seconds-max = 0\n", 1, "query-seconds-max"),
    ('listen = "nowhere"\n', 1, "nowhere"),
    ('import-private-addresses = "perhaps"\n', 1, "perhaps"),
    ("port = 0\nport = 1\n", 2, "port"),
    ("port =\n", 1, ""),
    ("port 1\n", 1, ""),
    ('config = "other.toml"\n', 1, "config"),
    ("help = true\n", 1, "help"),
    ('data = "unclosed\n', 1, ""),
    ("\x00\n", 1, ""),
])
def test_a_wrong_file_is_refused_with_its_line(tmp_path, text, line, said):
    file = tmp_path / "kinglet.toml"
    file.write_text(text)
    ended = run("serve", "--data", tmp_path / "db", "--config", file)
    assert ended.returncode == 2, ended
    assert f"{file}:{line}:" in ended.stderr and said in ended.stderr, ended.stderr
    assert ended.stdout == "" and not (tmp_path / "db").exists()


def test_a_file_that_is_not_there(tmp_path):
    ended = run("serve", "--data", tmp_path / "db", "--config", tmp_path / "nowhere.toml")
    assert ended.returncode == 2 and f"{tmp_path}/nowhere.toml: " in ended.stderr
    folder = run("serve", "--data", tmp_path / "db", "--config", tmp_path)
    assert folder.returncode == 2 and str(tmp_path) in folder.stderr


@pytest.mark.parametrize("arguments, environment, said", [
    (["--port", "abc"], {}, "--port"),
    (["--port", "65536"], {}, "65536"),
    (["--port", "-1"], {}, "-1"),
    (["--port"], {}, "--port"),
    (["--prot", "1"], {}, "--prot"),
    (["--listen", "nowhere"], {}, "--listen"),
    (["--log-level", "loud"], {}, "warning"),
    (["--log-format", "xml"], {}, "json"),
    (["--query-seconds-max", "0"], {}, "3600"),
    (["--flush-interval-ms", "0"], {}, "--flush-interval-ms"),
    (["--durability", "disk"], {}, "--durability"),
    (["--io-threads", "1000"], {}, "256"),
    (["word"], {}, "word"),
    ([], {"KINGLET_PORT": "abc"}, "abc"),
    ([], {"KINGLET_LOG_LEVEL": "loud"}, "loud"),
    ([], {"KINGLET_IMPORT_PRIVATE_ADDRESSES": "perhaps"}, "perhaps"),
])
def test_wrong_flags_and_variables_are_refused(tmp_path, arguments, environment, said):
    ended = run("serve", "--data", tmp_path / "db", *arguments, environment=environment)
    assert ended.returncode == 2, ended
    assert said in ended.stderr and ended.stdout == ""
    assert not (tmp_path / "db").exists(), "a refused start made its folder"


def test_no_subcommand_is_wrong_usage():
    assert run().returncode == 2
    assert run("nowhere").returncode == 2


@pytest.mark.parametrize("arguments, said", [
    (["--engine-binary", "/nowhere/kinglet-engine"], "/nowhere/kinglet-engine"),
    (["--ready-file", "/nowhere/ready"], "/nowhere/ready"),
])
def test_what_a_start_needs_and_does_not_find(tmp_path, arguments, said):
    ended = run("serve", "--data", tmp_path / "db", "--port", 0, "--clickhouse-port", 0, *arguments)
    assert ended.returncode == 1 and said in ended.stderr, ended


def test_a_data_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    ended = run("serve", "--data", tmp_path / "file" / "db", "--port", 0)
    assert ended.returncode == 1 and "file/db" in ended.stderr, ended


def test_the_data_folder_is_private(start_server):
    server = start_server()
    data = server.folder / "db"
    assert [oct(p.stat().st_mode & 0o077) for p in (data, data / "catalog", data / "spool", data / "engine", data / "run")] == ["0o0"] * 5
    assert (data / "catalog" / "secrets.key").stat().st_mode & 0o077 == 0
    assert (data / "run" / "store.sock").stat().st_mode & 0o077 == 0


def test_a_free_port_and_the_ready_file(start_server):
    one, two = start_server(), start_server()
    for server in (one, two):
        told = server.ready
        assert set(told) == {"url", "clickhouse_url", "pid", "engine_pid"}
        assert told["pid"] == server.process.pid
        assert open(f"/proc/{told['engine_pid']}/comm").read().startswith("kinglet-engine")
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", told["url"]) and re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", told["clickhouse_url"])
        assert not (server.folder / "ready.json.new").exists()
        assert server.admin.get("/health").status_code == 200
    assert len({s.ready[k] for s in (one, two) for k in ("url", "clickhouse_url")}) == 4


def test_a_long_data_path(tmp_path):
    """A Unix socket's path holds 108 bytes; a folder may be longer."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    server = Server(folder=deep)
    try:
        assert server.admin.get("/health").json()["status"] == "ready"
    finally:
        assert server.stop() == 0
