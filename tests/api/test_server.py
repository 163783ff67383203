# SPDX-License-Identifier: Apache-2.0
"""What every reply carries, the routes of a local server, workspaces and lists that clients ask first (http-api.md 1, 11, 12)."""
import re
import socket

import pytest
import requests


def test_tokens_for_local_clients(server):
    """http-api.md 12.1, 21.12"""
    assert set(server.tokens) == {"user_token", "admin_token", "workspace_admin_token"}
    assert all(t.startswith("p.") and t.count(".") == 2 for t in server.tokens.values())
    assert server.default_workspace().name == "Tinybird_Local_Testing"


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example"}, {"Host": "evil.example:7181"}, {"Host": "127.0.0.1.evil.example"}, {"Host": "localhost.evil.example"},
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"X-Forwarded-For": "203.0.113.7"}, {"Forwarded": "for=203.0.113.7"},
    {"X-Real-IP": "203.0.113.7"}, {"Via": "1.1 proxy"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
])
def test_a7_tokens_are_not_for_browsers_and_proxies(server, headers):
    """A7: DNS rebinding, cross-site requests and forwarded ones get nothing, and no CORS header invites them."""
    reply = requests.get(server.url + "/tokens", headers=headers, timeout=10)
    assert reply.status_code == 403 and "p." not in reply.text
    assert "Access-Control-Allow-Origin" not in requests.get(server.url + "/tokens", timeout=10).headers


@pytest.mark.parametrize("path", ["/v0/events", "/v0/pipes/x.json", "/v0/sql", "/v0/datasources", "/nowhere"])
def test_preflight(server, path):
    """http-api.md 1.4, 21.17"""
    reply = requests.options(server.url + path, timeout=10, headers={
        "Origin": "https://shop.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"})
    assert reply.status_code in (200, 204) and reply.headers["Access-Control-Allow-Origin"] == "*"
    assert {"GET", "POST"} <= set(re.split(r",\s*", reply.headers["Access-Control-Allow-Methods"]))
    assert {"authorization", "content-type", "content-encoding"} <= set(re.split(r",\s*", reply.headers["Access-Control-Allow-Headers"].lower()))
    assert int(reply.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize("method, path", [("GET", "/v0/sql"), ("GET", "/v0/pipes/nowhere.json"), ("POST", "/v0/events"), ("GET", "/nowhere"), ("PUT", "/v0/sql")])
def test_every_reply_has_an_id_cors_and_json(ws, method, path):
    replies = [ws.request(method, path), ws.request(method, path, token=None)]
    for reply in replies:
        assert reply.status_code >= 400
        assert reply.headers["Content-Type"] == "application/json; charset=UTF-8"
        assert isinstance(reply.json()["error"], str)
        assert reply.headers["Access-Control-Allow-Origin"] == "*" and "Retry-After" in reply.headers["Access-Control-Expose-Headers"]
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Credentials" not in reply.headers
    assert replies[0].headers["X-Request-Id"] != replies[1].headers["X-Request-Id"]


def test_a_dynamic_origin_is_not_reflected(ws):
    """A7: no reflection of Origin."""
    reply = ws.get("/v0/pipes", headers={"Origin": "https://evil.example"})
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("method, path, allow", [
    ("DELETE", "/v0/sql", {"GET", "POST"}), ("POST", "/v0/jobs", {"GET"}), ("PUT", "/v1/deploy", {"POST"}), ("PATCH", "/v0/events", {"POST"}),
])
def test_405_names_the_methods(ws, method, path, allow):
    reply = ws.request(method, path)
    assert reply.status_code == 405 and set(reply.headers["Allow"].split(", ")) == allow


@pytest.mark.parametrize("path", ["/", "/v0", "/v0/", "/v2/sql", "/v0//sql", "/V0/sql", "/v0/sql/x", "/v0/../tokens", "/v0/%2e%2e/tokens",
                                  "/v0/sql%00", "/v0/sql;x=1", "/%76%30/nowhere", "//tokens", "/v0/pipes/..%2f..%2ftokens"])
def test_i11_odd_paths_reach_no_other_route(ws, path):
    """I11: no normalisation that a proxy in front would not do; nothing of another route answers."""
    host, port = ws.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        reply = b""
        while chunk := raw.recv(65536):
            reply += chunk
    status = int(reply.split(b" ", 2)[1])
    assert 400 <= status < 500, reply[:200]
    assert b"admin_token" not in reply


def test_method_overrides_are_not_heard(ws):
    """I11"""
    reply = ws.get("/v0/jobs", headers={"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "POST"})
    assert reply.status_code == 200


def test_head_is_get_without_a_body(ws):
    reply = ws.request("HEAD", "/v0/datasources")
    assert reply.status_code == 200 and reply.content == b""


def test_trailing_slashes_and_the_api_prefix(ws):
    """http-api.md 1.1: both forms, without a redirect."""
    for path in ("/v0/datasources", "/v0/pipes", "/v0/tokens", "/v0/jobs", "/v1/user/workspaces"):
        for form in (path, path + "/", "/api" + path):
            assert ws.get(form).status_code == 200, form


def test_header_beats_query_token(ws, server):
    assert ws.session.get(f"{ws.base}/v0/datasources?token=nonsense", headers={"Authorization": f"Bearer {ws.token}"}, timeout=10).status_code == 200
    assert ws.session.get(f"{ws.base}/v0/datasources?token={ws.token}", headers={"Authorization": "Bearer nonsense"}, timeout=10).status_code == 403
    assert ws.session.get(f"{ws.base}/v0/datasources?token={ws.token}", timeout=10).status_code == 200
    for header in (f"bearer {ws.token}", f"BEARER {ws.token}", f"Bearer  {ws.token}"):
        assert ws.session.get(f"{ws.base}/v0/datasources", headers={"Authorization": header}, timeout=10).status_code == 200
    for header in (f"Basic {ws.token}", "Bearer", f"Bearer {ws.token} x", f"Bearer x {ws.token}"):
        assert ws.session.get(f"{ws.base}/v0/datasources", headers={"Authorization": header}, timeout=10).status_code == 403, header


def test_health_version_metrics_regions(server):
    health = requests.get(server.url + "/health", timeout=10)
    assert health.status_code == 200 and health.json()["status"]
    version = requests.get(server.url + "/version", timeout=10)
    assert version.status_code == 200 and version.headers["Content-Type"] == "text/plain" and version.text.strip()
    metrics = requests.get(server.url + "/metrics", timeout=10)
    assert metrics.status_code == 200 and "# TYPE" in metrics.text
    assert server.tokens["admin_token"] not in metrics.text and server.tokens["admin_token"] not in health.text
    assert requests.get(server.url + "/v0/regions", timeout=10).json()["regions"][0]["api_host"] == server.url


def test_the_ready_file(server):
    assert set(server.ready) >= {"url", "clickhouse_url", "pid", "engine_pid"} and server.ready["pid"] == server.process.pid


# ---- workspaces --------------------------------------------------------------------------------------------------------


def test_workspace_of_a_token(ws, server):
    """http-api.md 11.1"""
    shown = ws.get("/v1/workspace").json()
    assert (shown["id"], shown["name"], shown["scope"], shown["main"]) == (ws.id, ws.name, "admin", None)
    assert shown["user_email"] and shown["user_id"]
    assert server.user.get("/v1/workspace").json()["scope"] == "user"
    assert ws.get("/v0/workspace").json()["id"] == ws.id
    assert ws.get("/v0/auth").json() == {"is_valid": True, "is_user": False}
    assert server.user.get("/v0/auth").json() == {"is_valid": True, "is_user": True}
    assert server.user.get("/v0/auth", token="nonsense").json() == {"is_valid": False, "is_user": False}


def test_life_of_a_workspace(server):
    """http-api.md 11.2-11.5, 21.12: create, list, build, delete, and the name is free again."""
    form = {"name": "live_and_die", "assign_to_organization_id": server.admin.get("/v1/user/workspaces", with_organization="true").json()["organization_id"]}
    made = server.user.post("/v1/workspaces", form=form).json()
    assert made["name"] == "live_and_die" and made["token"] and re.fullmatch(r"[0-9a-f-]{36}", made["id"])
    for client, path in ((server.admin, "/v1/user/workspaces"), (server.user, "/v1/user/workspaces/")):
        listed = {w["name"]: w for w in client.get(path, with_environments="true", with_members_and_owner="true").json()["workspaces"]}
        assert listed["live_and_die"]["token"] == made["token"] and listed["live_and_die"]["role"] == "admin"
        assert listed["live_and_die"]["members"][0]["email"]
    assert server.user.get(f"/v1/workspaces/{made['id']}", with_token="true").json()["token"] == made["token"]
    assert "token" not in server.user.get(f"/v1/workspaces/{made['id']}").json()
    token = {"token": made["token"]}
    files = [("data_project://", ("e.datasource", b"SCHEMA >\n    `a` Int8 `json:$.a`\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"a\"\n"))]
    assert server.user.post("/v1/build", files=files, **token).json()["result"] == "success"

    again = server.user.post("/v1/workspaces", name="live_and_die")
    assert again.status_code in (400, 409) and again.json()["error"]

    reply = server.user.delete(f"/v1/workspaces/{made['id']}", hard_delete_confirmation="yes")
    assert reply.status_code == 200 and reply.json()["id"] == made["id"]
    assert "live_and_die" not in [w["name"] for w in server.admin.get("/v1/user/workspaces").json()["workspaces"]]
    assert server.user.get("/v0/datasources", **token).status_code == 403
    assert server.user.delete(f"/v1/workspaces/{made['id']}").status_code == 404
    assert server.user.delete("/v1/workspaces/a_name_that_is_not", form={"confirmation": "yes"}).status_code == 404

    fresh = server.user.post("/v1/workspaces", name="live_and_die").json()
    assert fresh["id"] != made["id"]
    assert server.user.get("/v0/datasources", token=fresh["token"]).json() == {"datasources": []}


@pytest.mark.parametrize("name", ["", " ", "a b", "x'; DROP DATABASE default; --", "../x", "a" * 300, "ünï", "main"])
def test_bad_workspace_names_are_400(server, name):
    reply = server.user.post("/v1/workspaces", form={"name": name})
    assert reply.status_code == 400 and reply.json()["error"], reply.text


def test_a_workspace_admin_sees_only_its_own(ws):
    listed = ws.get("/v1/user/workspaces").json()["workspaces"]
    assert [w["id"] for w in listed] == [ws.id]


def test_lists_of_what_is_not_there(ws):
    assert ws.get("/v0/connectors").json() == {"connectors": []}
    assert ws.get("/v1/environments").json() == {"environments": []}
    assert ws.get("/v0/environments/nope", with_token="true").status_code == 404  # http-api.md 13.3: this status, no other


def test_fixed_tokens_by_environment(start_server):
    """http-api.md 12.1"""
    server = start_server(environment={"TB_LOCAL_USER_TOKEN": "p.user.fixed-by-the-environment", "TB_LOCAL_WORKSPACE_TOKEN": "p.workspace.fixed-by-the-environment"})
    assert server.tokens["user_token"] == "p.user.fixed-by-the-environment" and server.tokens["workspace_admin_token"] == "p.workspace.fixed-by-the-environment"
    assert server.default_workspace().get("/v0/datasources").status_code == 200
    with pytest.raises(AssertionError, match="fixed by configuration"):
        start_server(environment={"TB_LOCAL_USER_TOKEN": "short"})
