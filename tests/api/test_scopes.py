# SPDX-License-Identifier: Apache-2.0
"""A3: every route with every kind of token; only the cells listed here are anything but 403 (platform.md 2.4)."""
import time

import pytest

PROJECT = {
    "events.datasource": "SCHEMA >\n    `n` UInt32 `json:$.n`\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"n\"\n",
    "top.pipe": "NODE n\nSQL >\n    SELECT count() AS c FROM events\nTYPE endpoint\n",
}

READERS = {"admin", "read_all", "ds_read"}
STATIC = {"admin", "tokens", "read_all", "deploy", "ds_read", "ds_append", "ds_create", "pipe_read"}
ALL = STATIC | {"jwt_pipe", "jwt_ds", "jwt_append", "user", "account_admin"}
FOREIGN = {"none", "garbage", "expired", "foreign_admin", "foreign_jwt"}
NDJSON = {"body": '{"n":1}'}
FORM = {"form": {"delete_condition": "0"}}

# method, path, arguments, kinds that are let in
ROUTES = [
    ("POST", "/v0/events?name=events", NDJSON, {"admin", "ds_append", "ds_create", "jwt_append"}),
    ("POST", "/v0/datasources?name=events&mode=append", {"body": "n\n1\n", "headers": {"Content-Type": "text/csv"}},
     {"admin", "ds_append", "ds_create", "jwt_append"}),
    ("POST", "/v0/datasources?name=events&mode=replace", {"body": "n\n1\n", "headers": {"Content-Type": "text/csv"}}, {"admin", "ds_create"}),
    ("POST", "/v1/datasources/events/append?format=ndjson", NDJSON, {"admin", "ds_append", "ds_create", "jwt_append"}),
    ("POST", "/v1/datasources/events/replace?format=ndjson", NDJSON, {"admin", "ds_create"}),
    ("POST", "/v0/datasources/events/truncate", {}, {"admin", "ds_create"}),
    ("POST", "/v0/datasources/events/delete", FORM, {"admin", "ds_create"}),
    ("GET", "/v0/datasources", {}, STATIC),
    ("GET", "/v0/datasources/events", {}, READERS),
    ("GET", "/v0/datasources/events.datasource", {}, READERS),
    ("GET", "/v0/pipes", {}, STATIC),
    ("GET", "/v0/pipes/top", {}, {"admin", "read_all", "pipe_read"}),
    ("GET", "/v0/pipes/top.json", {}, {"admin", "read_all", "pipe_read", "jwt_pipe"}),
    ("POST", "/v0/pipes/top.json", {}, {"admin", "read_all", "pipe_read", "jwt_pipe"}),
    ("GET", "/v1/pipes/top.pipe", {}, {"admin", "read_all", "pipe_read"}),
    ("GET", "/v0/tokens", {}, {"admin", "tokens"}),
    ("POST", "/v0/tokens", {"form": {"scope": "PIPES:READ:top"}}, {"admin", "tokens"}),
    ("POST", "/v0/tokens?expiration_time=99999999999&name=x", {"body": '{"scopes":[{"type":"PIPES:READ","resource":"top"}]}'}, {"admin", "tokens"}),
    ("GET", "/v0/tokens/scope_pipe_read", {}, {"admin", "tokens"}),
    ("PUT", "/v0/tokens/scope_pipe_read", {}, {"admin", "tokens"}),
    ("POST", "/v0/tokens/nobody/refresh", {}, {"admin", "tokens"}),
    ("DELETE", "/v0/tokens/nobody", {}, {"admin", "tokens"}),
    ("GET", "/v0/jobs", {}, STATIC),
    ("POST", "/v1/build", {}, {"admin", "deploy"}),
    ("POST", "/v1/deploy", {}, {"admin", "deploy"}),
    ("GET", "/v1/deployments", {}, {"admin", "deploy"}),
    ("GET", "/v1/deployments/1", {}, {"admin", "deploy"}),
    ("POST", "/v1/deployments/999/set-live", {}, {"admin", "deploy"}),
    ("DELETE", "/v1/deployments/999", {}, {"admin", "deploy"}),
    ("GET", "/v0/connectors", {}, STATIC),
    ("GET", "/v1/environments", {}, STATIC),
    ("GET", "/v1/user/workspaces", {}, {"admin", "user", "account_admin", "foreign_admin"}),
    ("GET", "/v1/workspace", {}, STATIC | {"user", "account_admin", "foreign_admin"}),
    ("POST", "/v1/workspaces", {}, {"user"}),
    ("GET", "/v1/workspaces/00000000-0000-4000-8000-000000000000", {}, {"user"}),
    ("DELETE", "/v1/workspaces/00000000-0000-4000-8000-000000000000", {}, {"user"}),
]
# A workspace's own admin sees its own lists, so these answer 200 to the other workspace's admin, about the other workspace.
OWN_LISTS = {"/v0/datasources", "/v0/pipes", "/v0/tokens", "/v0/jobs", "/v0/connectors", "/v1/environments", "/v1/deployments"}


@pytest.fixture(scope="module")
def tokens(ws, server):
    ws.must_build(PROJECT)
    other = server.workspace()
    made = {kind: ws.new_token("scope_" + kind, scope) for kind, scope in {
        "tokens": "TOKENS", "read_all": "WORKSPACE:READ_ALL", "deploy": "WORKSPACE:DEPLOY", "ds_read": "DATASOURCES:READ:events",
        "ds_append": "DATASOURCES:APPEND:events", "ds_create": "DATASOURCES:CREATE", "pipe_read": "PIPES:READ:top"}.items()}
    return {
        **made, "admin": ws.token, "none": None, "garbage": "p.e30.AAAA", "user": server.tokens["user_token"],
        "account_admin": server.tokens["admin_token"], "foreign_admin": other.token,
        "foreign_jwt": other.jwt([{"type": "PIPES:READ", "resource": "top"}]),
        "expired": ws.jwt([{"type": "PIPES:READ", "resource": "top"}], exp=int(time.time()) - 10),
        "jwt_pipe": ws.jwt([{"type": "PIPES:READ", "resource": "top"}]),
        "jwt_ds": ws.jwt([{"type": "DATASOURCES:READ", "resource": "events"}]),
        "jwt_append": ws.jwt([{"type": "DATASOURCES:APPEND", "resource": "events"}]),
    }


@pytest.mark.parametrize("method, path, arguments, let_in", ROUTES, ids=[f"{r[0]} {r[1]}" for r in ROUTES])
def test_a3_route_by_token(ws, tokens, method, path, arguments, let_in):
    """A3: 403 with a JSON error for all but the listed kinds; those get an answer about the request."""
    wrong = []
    for kind in sorted(ALL | FOREIGN):
        reply = ws.request(method, path, token=tokens[kind], **arguments)
        if kind == "foreign_admin" and (path.split("?")[0] in OWN_LISTS or reply.status_code in (400, 404, 415)):
            continue  # it speaks of its own workspace: nothing of this one is there
        if kind == "foreign_jwt" and "/top" in path and reply.status_code == 404:
            continue  # names a pipe that its own workspace does not have
        inside = reply.status_code != 403
        if inside != (kind in let_in) or reply.status_code >= 500:
            wrong.append((kind, reply.status_code, reply.text[:120]))
        if not inside:
            assert reply.json()["error"], kind
    assert wrong == []


def test_a3_sql_by_token(ws, tokens):
    """A3: the Query API asks for the scope of each name in the text."""
    for q, let_in in [("SELECT count() FROM events", READERS | {"jwt_ds"}), ("SELECT c FROM top", {"admin", "read_all", "pipe_read", "jwt_pipe"}),
                      ("SELECT * FROM top, events", {"admin", "read_all"})]:
        for kind in sorted(ALL | FOREIGN):
            reply = ws.sql(q, token=tokens[kind])
            assert (reply.status_code == 200) == (kind in let_in), (q, kind, reply.status_code, reply.text[:200])
            assert reply.status_code in (200, 400, 403, 404)


def test_account_tokens_hold_no_data(ws, tokens):
    for kind in ("user", "account_admin"):
        for path in ("/v0/datasources", "/v0/pipes/top.json", "/v0/tokens", "/v1/deployments", "/v0/sql?q=SELECT+1"):
            assert ws.get(path, token=tokens[kind]).status_code == 403


def test_no_route_answers_without_a_token_but_the_open_ones(ws):
    """Walks the paths that exist: what needs no token is only what http-api.md lists as open."""
    open_paths = {"/health", "/version", "/v0/regions", "/v0/auth", "/metrics", "/tokens"}
    for path in sorted(open_paths):
        assert ws.get(path, token=None).status_code == 200, path
    for method, path, arguments, _ in ROUTES:
        assert ws.request(method, path, token=None, **arguments).status_code == 403, path
