# SPDX-License-Identifier: Apache-2.0
"""Starts real Kinglet servers for black-box tests and speaks with them: HTTP for the API, the engine's Unix socket to check.

A Server is one `kinglet serve` with its own data folder; a Workspace is one of its workspaces with an admin token. Tests say
`ws.get("/v0/pipes/top.json", limit=3)`: keyword arguments are query parameters, `token=None` sends none."""
import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
import uuid

import requests

ROOT = pathlib.Path(__file__).resolve().parents[1]
START_SECONDS = 60
OWN = object()  # "the workspace's admin token", where None means no token at all


def binary():
    return pathlib.Path(os.environ.get("KINGLET_BIN_DIR") or ROOT / "build" / "bin") / "kinglet"


def eventually(condition, seconds=15):
    """Polls until `condition()` is true; answers its last value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)  # sleep: between two looks


class Client:
    """Requests with a token. `base` is the server's URL."""

    def __init__(self, base, token):
        self.base, self.token, self.session = base, token, requests.Session()
        self.session.trust_env = False  # no proxy of the machine between test and server

    def request(self, method, path, *, token=OWN, body=None, headers=None, files=None, form=None, **query):
        sent = dict(headers or {})
        token = self.token if token is OWN else token
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        if form is not None:  # by hand: repeated fields, and the exact content type
            body = urllib.parse.urlencode(form, doseq=True)
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if isinstance(body, str):
            body = body.encode()
        query = {k.rstrip("_"): v for k, v in query.items()}  # from_=… for Python's own words
        return self.session.request(method, self.base + path, params=query, data=body, headers=sent, files=files,
                                    timeout=60, allow_redirects=False)

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def post(self, path, body=None, **arguments):
        return self.request("POST", path, body=body, **arguments)

    def put(self, path, **arguments):
        return self.request("PUT", path, **arguments)

    def delete(self, path, **arguments):
        return self.request("DELETE", path, **arguments)

    def close(self):
        self.session.close()


def project_parts(files):
    """A project as `requests` sends multipart parts; {path: text}."""
    parts = [("data_project://", (name, text.encode(), "text/plain")) for name, text in files.items()]
    return parts or [("context://", ("cli-version", b"1.0.0", "text/plain"))]


class Workspace(Client):
    def __init__(self, server, name, workspace_id, token):
        super().__init__(server.url, token)
        self.server, self.name, self.id = server, name, workspace_id

    def build(self, files, **arguments):
        """POST /v1/build, as JSON; the project must be good unless the test looks at `result`."""
        return self.post("/v1/build", files=project_parts(files), **arguments)

    def must_build(self, files):
        reply = self.build(files)
        assert reply.status_code == 200 and reply.json()["result"] in ("success", "no_changes"), reply.text
        return reply.json()

    def deploy(self, files, **query):
        return self.post("/v1/deploy", files=project_parts(files), **query)

    def events(self, name, rows, **arguments):
        """Appends rows (a list of objects, or text as it is) and waits until the engine has them."""
        body = rows if isinstance(rows, (str, bytes)) else "\n".join(json.dumps(r) for r in rows)
        arguments.setdefault("wait", "true")
        return self.post("/v0/events", body, name=name, **arguments)

    def must_append(self, name, rows):
        reply = self.events(name, rows)
        assert reply.status_code == 200 and reply.json()["quarantined_rows"] == 0, reply.text

    def sql(self, q, **arguments):
        """Ad-hoc SQL as text, so that nothing of it is decoded on the way."""
        headers = {"Content-Type": "text/plain", **arguments.pop("headers", {})}
        return self.post("/v0/sql", q, headers=headers, **arguments)

    def rows(self, q, **arguments):
        reply = self.sql(q, **arguments)
        assert reply.status_code == 200, reply.text
        return [list(row.values()) for row in reply.json()["data"]]

    def value(self, q, **arguments):
        rows = self.rows(q, **arguments)
        assert len(rows) == 1 and len(rows[0]) == 1, rows
        return rows[0][0]

    def new_token(self, name, *scopes):
        reply = self.post("/v0/tokens", form={"name": name, "scope": list(scopes)})
        assert reply.status_code == 200, reply.text
        return reply.json()["token"]

    def jwt(self, scopes, key=None, header=None, **claims):
        """A JWT as a customer's backend signs it: with the workspace admin token."""
        claims = {"workspace_id": self.id, "name": "visitor", "exp": int(time.time()) + 600, "scopes": scopes, **claims}
        claims = {k: v for k, v in claims.items() if v is not None}
        return sign_jwt(claims, self.token if key is None else key, header)

    def job(self, reply, seconds=30):
        """The finished job of a reply."""
        assert reply.status_code == 200, reply.text
        job_id = reply.json()["job_id"]

        def ended():
            found = self.get(f"/v0/jobs/{job_id}").json()
            return found if found["status"] in ("done", "error", "cancelled") else None

        job = eventually(ended, seconds)
        assert job, "the job did not end"
        return job

    def table(self, name):
        """`database`.`table` of a data source in the engine."""
        source = self.get(f"/v0/datasources/{name}").json()["id"]
        found = self.server.engine(f"SELECT database FROM system.tables WHERE name = '{source}'").text.strip()
        assert found and "\n" not in found, f"the engine's table of {name}: {found!r}"
        return f"`{found}`.`{source}`"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("engine", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class EngineReply:
    def __init__(self, status, body):
        self.status, self.body = status, body

    @property
    def text(self):
        return self.body.decode()


class Server:
    """One `kinglet serve`. `flags` are further arguments."""

    def __init__(self, folder=None, flags=(), environment=None):
        self.owns_folder = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="kinglet-"))
        self.flags, self.environment = list(flags), environment or {}
        self.process, self.running = None, False
        self.start()

    def launch(self):
        """The process alone; it may not be ready yet."""
        (self.folder / "ready.json").unlink(missing_ok=True)
        command = [str(binary()), "serve", "--data", str(self.folder / "db"), "--port", "0", "--clickhouse-port", "0",
                   "--ready-file", str(self.folder / "ready.json"), *self.flags]
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("KINGLET_", "TB_"))}
        for kept in ("KINGLET_LIBCHDB", "KINGLET_CACHE"):
            if kept in os.environ:
                clean[kept] = os.environ[kept]
        with open(self.folder / "server.log", "ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**clean, **self.environment})

    def start(self):
        ready = self.folder / "ready.json"
        self.process = self.launch()
        end = time.monotonic() + START_SECONDS
        while not ready.exists():
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.log_text()}"
            assert time.monotonic() < end, f"the server was not ready in {START_SECONDS} s:\n{self.log_text()}"
            time.sleep(0.01)  # sleep: between two looks
        self.ready = json.loads(ready.read_text())
        self.url, self.clickhouse_url = self.ready["url"], self.ready["clickhouse_url"]
        self.tokens = requests.get(self.url + "/tokens", timeout=10, proxies={"http": None}).json()
        self.admin = Client(self.url, self.tokens["admin_token"])
        self.user = Client(self.url, self.tokens["user_token"])
        self.running = True  # at `url`; a restart has another

    def log_text(self):
        return (self.folder / "server.log").read_text(errors="replace")

    def default_workspace(self):
        client = Client(self.url, self.tokens["workspace_admin_token"])
        shown = client.get("/v1/workspace").json()
        return Workspace(self, shown["name"], shown["id"], client.token)

    def workspace(self, name=None):
        """A new workspace; an empty one with its own database."""
        name = name or "t_" + uuid.uuid4().hex[:12]
        reply = self.user.post("/v1/workspaces", name=name)
        assert reply.status_code == 200, reply.text
        made = reply.json()
        return Workspace(self, name, made["id"], made["token"])

    def engine(self, sql, **parameters):
        """A statement straight to the engine's socket, past everything that Kinglet adds."""
        connection = UnixConnection(str(self.folder / "db" / "run" / "store.sock"), 60)
        try:
            connection.request("POST", "/?" + urllib.parse.urlencode({"readonly": 0, **parameters}), sql.encode())
            response = connection.getresponse()
            return EngineReply(response.status, response.read())
        finally:
            connection.close()

    def kill(self):
        """kill -9, and what it leaves: the engine notices by itself that its parent is gone."""
        self.running = False
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.running = False
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("the server did not stop within 30 s of SIGTERM")
            finally:
                self.admin.close()
                self.user.close()
        return self.process.returncode

    def remove(self):
        try:
            self.stop()
        finally:
            if self.owns_folder:
                shutil.rmtree(self.folder, ignore_errors=True)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign_jwt(claims, key, header=None, digest=hashlib.sha256):
    """HS256 by hand: a library would refuse to make most of the tokens that the tests want refused."""
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    body = claims if isinstance(claims, str) else json.dumps(claims)
    signed = base64url(json.dumps(header).encode()) + "." + base64url(body.encode())
    return signed + "." + base64url(hmac.new(key.encode(), signed.encode(), digest).digest())


def zstd(data):
    """One zstd frame, by the system's libzstd: the standard library has none."""
    library = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    library.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    library.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    out = ctypes.create_string_buffer(library.ZSTD_compressBound(len(data)))
    size = library.ZSTD_compress(out, len(out), data, len(data), 3)
    return out.raw[:size]


def lz4(data):
    """One lz4 frame, by the system's liblz4."""
    library = ctypes.CDLL(ctypes.util.find_library("lz4") or "liblz4.so.1")
    library.LZ4F_compressFrameBound.restype = library.LZ4F_compressFrame.restype = ctypes.c_size_t
    library.LZ4F_compressFrameBound.argtypes = [ctypes.c_size_t, ctypes.c_void_p]
    library.LZ4F_compressFrame.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
    out = ctypes.create_string_buffer(library.LZ4F_compressFrameBound(len(data), None))
    size = library.LZ4F_compressFrame(out, len(out), data, len(data), None)
    return out.raw[:size]
