# SPDX-License-Identifier: Apache-2.0
"""/v0/tokens, JWTs of both makers, and rate limits (http-api.md 7, platform.md 2)."""
import base64
import hashlib
import json
import time

import pytest

from kinglet_server import base64url, eventually, sign_jwt

PROJECT = {
    "events.datasource": """TOKEN "tracker" APPEND
TOKEN "two words" READ

SCHEMA >
    `org` String `json:$.org`,
    `n` UInt32 `json:$.n`

ENGINE "MergeTree"
ENGINE_SORTING_KEY "n"
""",
    "sums.pipe": """TOKEN "two words" READ

NODE n
SQL >
    %
    SELECT org, count() AS rows, sum(n) AS total FROM events WHERE org = {{ String(org, 'nobody') }} GROUP BY org
TYPE endpoint
""",
    "other.pipe": "NODE n\nSQL >\n    SELECT 1 AS one\nTYPE endpoint\n",
}
PIPE = [{"type": "PIPES:READ", "resource": "sums"}]


@pytest.fixture(scope="module", autouse=True)
def project(ws):
    ws.must_build(PROJECT)
    ws.must_append("events", [{"org": "acme" if i % 3 else "other", "n": i} for i in range(30)])


# ---- static tokens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form, status", [
    ({}, 400),
    ({"name": "x"}, 400),
    ({"scope": "PIPES:READ:sums"}, 400),
    ({"name": "x", "scope": "PIPES:DANCE:sums"}, 400),
    ({"name": "x", "scope": "PIPES:READ"}, 400),
    ({"name": "x", "scope": ""}, 400),
    ({"name": "x", "scope": "DATASOURCES:READ:events:org = 'acme'"}, 400),
    ({"name": "x", "scope": "PIPES:READ:nowhere"}, None),
])
def test_wrong_requests(ws, form, status):
    """A filter on a static scope is an error in a Forward workspace (platform.md 2.4)."""
    reply = ws.post("/v0/tokens", form=form)
    assert reply.status_code == status or (status is None and reply.status_code in (400, 404)), reply.text
    assert reply.json()["error"]
    assert "x" not in [t["name"] for t in ws.get("/v0/tokens").json()["tokens"]]


@pytest.mark.parametrize("make", [
    lambda ws, name: ws.post("/v0/tokens", form={"name": name, "scope": ["PIPES:READ:sums", "DATASOURCES:APPEND:events"]}),
    lambda ws, name: ws.post("/v0/tokens/", form={"name": name, "scope": ["PIPES:READ:sums", "DATASOURCES:APPEND:events"]}),
    lambda ws, name: ws.post(f"/v0/tokens?name={name}&origin=C&scope=PIPES:READ:sums&scope=DATASOURCES:APPEND:events"),
    lambda ws, name: ws.post("/v0/tokens", json.dumps({"name": name, "scope": ["PIPES:READ:sums", "DATASOURCES:APPEND:events"]})),
])
def test_life_of_a_token(ws, make):
    ws.delete("/v0/tokens/made")
    reply = make(ws, "made")
    assert reply.status_code == 200, reply.text
    token = reply.json()
    assert sorted(token["scopes"], key=str) == sorted([{"type": "PIPES:READ", "resource": "sums"},
                                                       {"type": "DATASOURCES:APPEND", "resource": "events"}], key=str)
    kind, payload, signature = token["token"].split(".")
    shown = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert kind == "p" and signature and shown["id"] == token["id"] and set(shown) == {"u", "id", "host"}
    assert ws.get("/v0/pipes/sums.json", token=token["token"]).status_code == 200
    assert ws.get("/v0/pipes/other.json", token=token["token"]).status_code == 403

    for reference in ("made", token["id"], token["token"]):
        assert ws.get(f"/v0/tokens/{reference}").json() == token

    reply = ws.put("/v0/tokens/made?scope=PIPES:READ:other")
    assert reply.status_code == 200 and reply.json()["scopes"] == [{"type": "PIPES:READ", "resource": "other"}]
    # A2: the old scope is gone at once.
    assert ws.get("/v0/pipes/sums.json", token=token["token"]).status_code == 403
    assert ws.get("/v0/pipes/other.json", token=token["token"]).status_code == 200

    fresh = ws.post("/v0/tokens/made/refresh").json()
    assert fresh["token"] != token["token"] and fresh["name"] == "made" and fresh["id"] == token["id"]
    assert ws.get("/v0/pipes/other.json", token=token["token"]).status_code == 403
    assert ws.get("/v0/pipes/other.json", token=fresh["token"]).status_code == 200

    assert ws.delete("/v0/tokens/made").status_code == 200
    assert ws.get("/v0/pipes/other.json", token=fresh["token"]).status_code == 403
    assert ws.get("/v0/tokens/made").status_code == 404
    assert ws.delete("/v0/tokens/made").status_code == 404


def test_a_name_is_taken_once(ws):
    ws.new_token("once", "PIPES:READ:sums")
    reply = ws.post("/v0/tokens", form={"name": "once", "scope": "PIPES:READ:sums"})
    assert reply.status_code in (400, 409) and reply.json()["error"]


def test_default_tokens_and_those_of_datafiles(ws):
    tokens = {t["name"]: t for t in ws.get("/v0/tokens").json()["tokens"]}
    assert tokens["workspace admin token"]["scopes"] == [{"type": "ADMIN"}]
    assert any(name.startswith("admin ") for name in tokens)
    assert tokens["tracker"]["scopes"] == [{"type": "DATASOURCES:APPEND", "resource": "events"}]
    both = tokens["two words"]["scopes"]
    assert {(s["type"], s["resource"]) for s in both} == {("DATASOURCES:READ", "events"), ("PIPES:READ", "sums")}
    assert ws.get("/v0/tokens/two words").status_code == 200
    for token in tokens.values():
        assert set(token) >= {"id", "name", "description", "scopes", "token"}


def test_a_datafile_token_keeps_its_value_and_follows_the_files(new_workspace):
    """platform.md 2.5: applications hold the value; scopes that leave the files leave the token."""
    ws = new_workspace()
    ws.must_build(PROJECT)
    before = ws.get("/v0/tokens/two words").json()
    ws.must_build({**PROJECT, "more.pipe": 'TOKEN "two words" READ\n' + PROJECT["other.pipe"]})
    after = ws.get("/v0/tokens/two words").json()
    assert after["token"] == before["token"] and len(after["scopes"]) == 3
    ws.must_build({**PROJECT, "sums.pipe": PROJECT["sums.pipe"].replace('TOKEN "two words" READ\n', "")})
    assert ws.get("/v0/tokens/two words").json()["scopes"] == [{"type": "DATASOURCES:READ", "resource": "events"}]
    ws.must_build({"other.pipe": PROJECT["other.pipe"]})
    assert ws.get("/v0/tokens/two words").status_code == 404
    assert ws.get("/v0/pipes/other.json", token=before["token"]).status_code == 403


def test_tokens_alone_may_not_hand_out_power(ws):
    """A token with TOKENS makes readers, never an admin; it neither sees nor changes stronger tokens."""
    manager = ws.new_token("manager", "TOKENS")
    assert ws.post("/v0/tokens", token=manager, form={"name": "by manager", "scope": "PIPES:READ:sums"}).status_code == 200
    for scope in ("ADMIN", "TOKENS", "WORKSPACE:DEPLOY"):
        assert ws.post("/v0/tokens", token=manager, form={"name": "strong", "scope": scope}).status_code == 403
        assert ws.put("/v0/tokens/by manager", token=manager, form={"scope": scope}).status_code == 403
    listed = ws.get("/v0/tokens", token=manager).json()["tokens"]
    assert "by manager" in [t["name"] for t in listed]
    assert all(s["type"] != "ADMIN" for t in listed for s in t["scopes"]) and ws.token not in json.dumps(listed)
    admin = [t["id"] for t in ws.get("/v0/tokens").json()["tokens"] if t["name"] == "workspace admin token"][0]
    for method, path in [("GET", f"/v0/tokens/{admin}"), ("POST", f"/v0/tokens/{admin}/refresh"), ("DELETE", f"/v0/tokens/{admin}"),
                         ("PUT", f"/v0/tokens/{admin}?name=x")]:
        assert ws.request(method, path, token=manager).status_code in (403, 404), method


def test_a5_one_answer_for_every_wrong_token(ws):
    """A5: nothing tells a token that never was from one that was deleted, expired or of another form."""
    gone = ws.new_token("gone", "PIPES:READ:sums")
    ws.delete("/v0/tokens/gone")
    answers = {ws.get("/v0/pipes/sums.json", token=t).text for t in
               [gone, gone[:-1] + ("A" if gone[-1] != "A" else "B"), "p.e30.x", "x", ws.jwt(PIPE, exp=1), ws.jwt(PIPE, key="wrong")]}
    assert len(answers) == 1, answers


def test_a5_pipes_that_are_hidden_look_like_pipes_that_are_not(ws):
    token = ws.new_token("narrow", "PIPES:READ:sums")
    hidden = ws.get("/v0/pipes/other.json", token=token)
    missing = ws.get("/v0/pipes/otherX.json", token=token)
    assert hidden.status_code == missing.status_code == 403
    assert hidden.text.replace("other", "*") == missing.text.replace("otherX", "*")


# ---- JWTs ------------------------------------------------------------------------------------------------------------


def call(ws, token, **query):
    return ws.get("/v0/pipes/sums.json", token=token, **query)


def test_jwt_made_by_the_server(ws):
    """http-api.md 21.11; name in the body, or in the query as `tb` sends it."""
    until = int(time.time()) + 600
    body = {"name": "session_42", "scopes": [{**PIPE[0], "fixed_params": {"org": "acme"}}], "limits": {"rps": 1000}}
    reply = ws.post(f"/v0/tokens/?expiration_time={until}", json.dumps(body), headers={"Content-Type": "application/json"})
    assert reply.status_code == 200, reply.text
    token = reply.json()["token"]
    assert token.startswith("eyJ")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["workspace_id"] == ws.id and claims["name"] == "session_42" and claims["exp"] == until
    assert call(ws, token).json()["data"] == [{"org": "acme", "rows": 20, "total": 300}]
    reply = ws.post(f"/v0/tokens?name=s&expiration_time={until}", json.dumps({"scopes": [{**PIPE[0], "fixed_params": {"org": "other"}}]}))
    assert call(ws, reply.json()["token"]).json()["data"][0]["org"] == "other"
    assert "session_42" not in [t["name"] for t in ws.get("/v0/tokens").json()["tokens"]]


@pytest.mark.parametrize("query, body", [
    ("expiration_time=soon&name=x", {"scopes": PIPE}),
    ("expiration_time=99999999999&name=x", {}),
    ("expiration_time=99999999999&name=x", {"scopes": []}),
    ("expiration_time=99999999999&name=x", {"scopes": [{"type": "ADMIN"}]}),
    ("expiration_time=99999999999&name=x", {"scopes": [{"type": "TOKENS"}]}),
    ("expiration_time=99999999999&name=x", {"scopes": [{"type": "PIPES:READ"}]}),
    ("expiration_time=99999999999&name=x", {"scopes": "PIPES:READ:sums"}),
    ("expiration_time=99999999999", {"scopes": PIPE}),
])
def test_wrong_jwt_requests_are_400(ws, query, body):
    reply = ws.post("/v0/tokens?" + query, json.dumps(body))
    assert reply.status_code == 400 and reply.json()["error"], reply.text


def test_jwt_signed_by_the_customer(ws):
    assert call(ws, ws.jwt(PIPE), org="acme").json()["data"][0]["rows"] == 20
    pipe_id = ws.get("/v0/pipes/sums").json()["id"]
    assert call(ws, ws.jwt([{"type": "PIPES:READ", "resource": pipe_id}]), org="acme").status_code == 200
    assert call(ws, ws.jwt(PIPE, header={}), org="acme").status_code == 200  # the header's alg may be missing
    assert ws.session.get(f"{ws.base}/v0/pipes/sums.json?token={ws.jwt(PIPE)}", timeout=30).status_code == 200


def rs256_like(ws):
    return sign_jwt({"workspace_id": ws.id, "name": "x", "exp": int(time.time()) + 60, "scopes": PIPE}, ws.token, {"alg": "RS256"})


def none_algorithm(ws):
    head = base64url(b'{"alg":"none"}')
    body = base64url(json.dumps({"workspace_id": ws.id, "name": "x", "exp": int(time.time()) + 60, "scopes": PIPE}).encode())
    return f"{head}.{body}."


def cut(ws):
    return ws.jwt(PIPE).rsplit(".", 1)[0]


A1 = {
    "alg none": none_algorithm,
    "no signature": cut,
    "empty signature": lambda ws: cut(ws) + ".",
    "short signature": lambda ws: ws.jwt(PIPE)[:-4],
    "changed signature": lambda ws: ws.jwt(PIPE)[:-2] + ("AA" if not ws.jwt(PIPE).endswith("AA") else "BB"),
    "padded signature": lambda ws: ws.jwt(PIPE) + "=",
    "changed body": lambda ws: (lambda p: f"{p[0]}.{p[1][:-3]}{'AAA' if p[1][-3:] != 'AAA' else 'BBB'}.{p[2]}")(ws.jwt(PIPE).split(".")),
    "empty key": lambda ws: ws.jwt(PIPE, key=""),
    "key none": lambda ws: ws.jwt(PIPE, key="None"),
    "key of a weaker token": lambda ws: ws.jwt(PIPE, key=ws.get("/v0/tokens/tracker").json()["token"]),
    "SHA-512": lambda ws: sign_jwt({"workspace_id": ws.id, "name": "x", "exp": int(time.time()) + 60, "scopes": PIPE}, ws.token, {"alg": "HS512"}, hashlib.sha512),
    "expired": lambda ws: ws.jwt(PIPE, exp=int(time.time()) - 1),
    "long expired": lambda ws: ws.jwt(PIPE, exp=0),
    "negative exp": lambda ws: ws.jwt(PIPE, exp=-1),
    "no exp": lambda ws: ws.jwt(PIPE, exp=None),
    "exp as text": lambda ws: ws.jwt(PIPE, exp="99999999999"),
    "exp infinite": lambda ws: sign_jwt('{"workspace_id":"%s","name":"x","exp":1e999,"scopes":[]}' % ws.id, ws.token),
    "future nbf": lambda ws: ws.jwt(PIPE, nbf=int(time.time()) + 3600),
    "no scopes": lambda ws: ws.jwt(None),
    "empty scopes": lambda ws: ws.jwt([]),
    "admin scope": lambda ws: ws.jwt([{"type": "ADMIN"}]),
    "tokens scope": lambda ws: ws.jwt([{"type": "TOKENS"}]),
    "deploy scope": lambda ws: ws.jwt([{"type": "WORKSPACE:DEPLOY"}]),
    "scope of another pipe": lambda ws: ws.jwt([{"type": "PIPES:READ", "resource": "other"}]),
    "star": lambda ws: ws.jwt([{"type": "PIPES:READ", "resource": "*"}]),
    "no name": lambda ws: ws.jwt(PIPE, name=None),
    "no workspace": lambda ws: ws.jwt(PIPE, workspace_id=None),
    "other workspace": lambda ws: ws.jwt(PIPE, workspace_id="00000000-0000-4000-8000-000000000000"),
    "workspace by name": lambda ws: ws.jwt(PIPE, workspace_id=ws.name),
    "duplicated claim": lambda ws: sign_jwt('{"workspace_id":"%s","name":"x","exp":1,"exp":99999999999,"scopes":%s}' % (ws.id, json.dumps(PIPE)), ws.token),
    "duplicated scopes claim": lambda ws: sign_jwt('{"workspace_id":"%s","name":"x","exp":99999999999,"scopes":[],"scopes":%s}' % (ws.id, json.dumps(PIPE)), ws.token),
    "body no object": lambda ws: sign_jwt("[]", ws.token),
    "body no JSON": lambda ws: sign_jwt("nonsense", ws.token),
    "100 parts": lambda ws: ".".join(["eyJhbGciOiJIUzI1NiJ9"] * 100),
    "huge": lambda ws: ws.jwt(PIPE, padding="x" * 20_000),
    "blank inside": lambda ws: ws.jwt(PIPE).replace(".", " .", 1),
}


@pytest.mark.parametrize("attack", A1)
def test_a1_jwt_attacks(ws, attack):
    """A1: each is 403, and says no more than any other wrong token."""
    reply = call(ws, A1[attack](ws), org="acme")
    assert reply.status_code in (403,) or (attack == "huge" and reply.status_code == 431), reply.text
    assert "data" not in (reply.json() if reply.status_code == 403 else {})


@pytest.mark.parametrize("header", [{"alg": "HS256", "kid": "../../../../dev/null"}, {"alg": "HS256", "kid": "' OR 1=1"},
                                    {"alg": "HS256", "jku": "http://127.0.0.1:1/keys"}, {"alg": "HS256", "x5u": "http://127.0.0.1:1/"},
                                    {"alg": "HS256", "jwk": {"kty": "oct", "k": "AA"}}])
def test_a1_headers_choose_no_key(ws, header):
    """A1: kid, jku, x5u and jwk are not read: signed with the right key it passes, with another it does not."""
    claims = {"workspace_id": ws.id, "name": "x", "exp": int(time.time()) + 60, "scopes": PIPE}
    assert call(ws, sign_jwt(claims, "\0", header)).status_code == 403
    assert call(ws, sign_jwt(claims, "", header)).status_code == 403


def test_a1_the_header_cannot_choose_the_algorithm(ws):
    """A1: only HS256 is ever checked; a header that names another gains nothing."""
    reply = call(ws, rs256_like(ws))
    assert reply.status_code in (200, 403)
    assert call(ws, none_algorithm(ws)).status_code == 403


@pytest.mark.parametrize("query", ["org=other", "org=other&org=x", "ORG=other", "org%5B%5D=other", "org=", "org=acme&org=other"])
def test_s11_fixed_parameters_win(ws, query):
    """S11: the value of the token, whatever the caller sends, by query, form, JSON, or `q`."""
    token = ws.jwt([{**PIPE[0], "fixed_params": {"org": "acme"}}])
    want = [{"org": "acme", "rows": 20, "total": 300}]
    assert ws.get("/v0/pipes/sums.json?" + query, token=token).json()["data"] == want
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ws.post("/v0/pipes/sums.json", query, headers=headers, token=token).json()["data"] == want
    assert ws.post("/v0/pipes/sums.json", '{"org":"other"}', token=token).json()["data"] == want
    assert ws.get("/v0/pipes/sums.json?q=SELECT+*+FROM+_&" + query, token=token).json()["data"] == want
    assert ws.get("/v0/pipes/sums.json", q="%SELECT * FROM _ WHERE {{String(org, 'x')}} != 'y'", org="other", token=token).json()["data"] == want
    assert ws.sql("SELECT * FROM sums", org="other", token=token).json()["data"] == want


def test_a_jwt_reads_and_nothing_more(ws):
    token = ws.jwt(PIPE + [{"type": "DATASOURCES:READ", "resource": "events"}])
    assert ws.value("SELECT count() FROM events", token=token) == 30
    for method, path in [("GET", "/v0/tokens"), ("POST", "/v0/tokens"), ("GET", "/v1/workspace"), ("GET", "/v0/datasources"),
                         ("GET", "/v0/datasources/events"), ("GET", "/v0/pipes"), ("GET", "/v0/pipes/sums"), ("GET", "/v1/pipes/sums.pipe"),
                         ("POST", "/v0/events?name=events"), ("GET", "/v0/jobs"), ("GET", "/v1/deployments"), ("POST", "/v1/deploy"),
                         ("POST", "/v0/datasources/events/truncate"), ("GET", "/v0/connectors"), ("GET", "/v1/user/workspaces")]:
        assert ws.request(method, path, token=token).status_code == 403, (method, path)


def test_refreshing_the_admin_token_ends_all_jwts(new_workspace):
    """A2: the signing key is the workspace admin token."""
    ws = new_workspace()
    ws.must_build(PROJECT)
    token = ws.jwt(PIPE)
    assert call(ws, token).status_code == 200
    admin = [t for t in ws.get("/v0/tokens").json()["tokens"] if t["name"] == "workspace admin token"][0]
    fresh = ws.post(f"/v0/tokens/{admin['id']}/refresh").json()["token"]
    assert call(ws, token).status_code == 403
    assert call(ws, ws.token).status_code == 403
    ws.token = fresh
    assert call(ws, ws.jwt(PIPE)).status_code == 200


def test_rate_limit_of_a_jwt(ws):
    """http-api.md 1.8, 21.18: 429 with Retry-After and X-RateLimit-* in seconds; another name is not concerned."""
    token = ws.jwt(PIPE, name="busy", limits={"rps": 3})
    replies = [call(ws, token) for _ in range(12)]
    refused = [r for r in replies if r.status_code == 429]
    assert refused and [r.status_code for r in replies[:3]] == [200] * 3
    assert len(replies) - len(refused) <= 3 + 3  # 12 calls can span two windows, not three
    for reply in refused:
        assert reply.json()["error"]
        assert int(reply.headers["Retry-After"]) in (1, 2)
        assert int(reply.headers["X-RateLimit-Limit"]) == 3 and int(reply.headers["X-RateLimit-Remaining"]) == 0
        assert int(reply.headers["X-RateLimit-Reset"]) in (0, 1, 2)
    assert call(ws, ws.jwt(PIPE, name="calm", limits={"rps": 3})).status_code == 200
    assert eventually(lambda: call(ws, token).status_code == 200, 4)


def test_a4_tokens_stay_out_of_the_log(ws):
    """A4: neither static tokens nor JWTs in what the server writes."""
    token = ws.jwt(PIPE)
    ws.session.get(f"{ws.base}/v0/pipes/sums.json?token={token}", timeout=30)
    ws.session.get(f"{ws.base}/v0/pipes/broken.json?token={ws.token}", timeout=30)
    log = ws.server.log_text()
    assert token not in log and ws.token not in log
