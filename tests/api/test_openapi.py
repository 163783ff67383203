# SPDX-License-Identifier: Apache-2.0
"""GET /v0/pipes/openapi.json: one OpenAPI 3.0 document of the endpoints that the token can read; parameters in pipe details
(http-api.md 5.4, templates.md 10)."""
import re

import pytest

SOURCE = """TOKEN "tracker" APPEND

SCHEMA >
    `at` DateTime `json:$.at`,
    `page` String `json:$.page`,
    `ms` UInt64 `json:$.ms`

ENGINE "MergeTree"
ENGINE_SORTING_KEY "page, at"
"""

PROJECT = {
    "datasources/visits.datasource": SOURCE,
    "pipes/base.pipe": """NODE base_node
SQL >
    %
    SELECT page, ms FROM visits WHERE page != {{ String(hidden, '/bot', description='A page to leave out') }}
""",
    "endpoints/top.pipe": """DESCRIPTION >
    The pages seen most

TOKEN "dashboard" READ

NODE top_node
SQL >
    %
    SELECT {{ column(dimension, 'page', enum=['page', 'ms']) }} AS dimension, count() AS views
    FROM {% if source == 'raw' %} visits {% else %} base {% end %}
    WHERE ms >= {{ UInt16(least_ms, '0', example=250) }}
    {% if defined(pages) %} AND page IN {{ Array(pages, 'String', description='Pages, comma separated') }} {% end %}
    {% if defined(since) %} AND 1 = 1 -- {{ DateTime(since) }}
    {% end %}
    GROUP BY dimension
    ORDER BY views DESC, dimension
    LIMIT {{ Int32(limit, 10, description='How many', required=False) }}

TYPE endpoint
""",
    "endpoints/needs.pipe": """NODE needs_node
DESCRIPTION >
    Needs its unit
SQL >
    %
    SELECT {{ String(unit, required=True, enum=['day', 'week'], format='unit') }} AS unit

TYPE endpoint
""",
}


@pytest.fixture(scope="module")
def ws(server):
    ws = server.workspace("openapi")
    ws.must_build(PROJECT)
    return ws


@pytest.fixture(scope="module")
def document(ws):
    reply = ws.get("/v0/pipes/openapi.json")
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"].startswith("application/json")
    return reply.json()


def resolve(document, thing):
    while "$ref" in thing:
        at = document
        for key in thing["$ref"].removeprefix("#/").split("/"):
            at = at[key]
        thing = at
    return thing


def parameters(document, path):
    listed = [resolve(document, p) for p in document["paths"][path]["get"]["parameters"]]
    return {p["name"]: p for p in listed}


def test_the_document_is_openapi_3(document):
    """The rules of the OpenAPI 3.0 specification that a generator trips over, by hand."""
    assert document["openapi"].startswith("3.0.")
    assert document["info"]["title"] and document["info"]["version"]
    assert all(re.match("https?://", s["url"]) for s in document["servers"])
    assert set(document) <= {"openapi", "info", "servers", "paths", "components", "security", "tags", "externalDocs"}
    schemes = document["components"]["securitySchemes"]
    assert schemes["token"] == {"type": "apiKey", "in": "query", "name": "token"}
    assert schemes["bearer"] == {"type": "http", "scheme": "bearer"}
    assert {next(iter(s)) for s in document["security"]} == {"token", "bearer"}
    for kind, entries in document["components"].items():
        assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in entries), kind

    def references(value):
        if isinstance(value, dict):
            if "$ref" in value:
                assert list(value) == ["$ref"]
                yield value
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    assert all(resolve(document, r) for r in references(document))
    seen = set()
    for path, item in document["paths"].items():
        assert path.startswith("/v0/pipes/") and set(item) == {"get"}
        operation = item["get"]
        assert operation["operationId"] not in seen
        seen.add(operation["operationId"])
        assert "200" in operation["responses"]
        for status, response in operation["responses"].items():
            response = resolve(document, response)
            assert re.fullmatch(r"[1-5]\d\d", status) and response["description"]
            for media in response["content"].values():
                assert "schema" in media
        names = []
        for parameter in operation["parameters"]:
            parameter = resolve(document, parameter)
            assert parameter["in"] == "query" and isinstance(parameter["required"], bool)
            schema = parameter["schema"]
            assert schema["type"] in ("string", "integer", "number", "boolean", "array")
            assert (schema["type"] == "array") == ("items" in schema)
            assert isinstance(schema.get("enum", []), list)
            names.append(parameter["name"])
        assert len(names) == len(set(names))


def test_every_format_of_every_endpoint_is_a_path(document):
    formats = ("json", "csv", "csvwithnames", "ndjson", "parquet", "prometheus")
    assert set(document["paths"]) == {f"/v0/pipes/{p}.{f}" for p in ("needs", "top") for f in formats}, "no plain pipes"
    get = document["paths"]["/v0/pipes/top.json"]["get"]
    assert get["description"] == "The pages seen most"
    assert document["paths"]["/v0/pipes/needs.json"]["get"]["description"] == "Needs its unit"
    assert list(get["responses"]["200"]["content"]) == ["application/json"]
    assert list(document["paths"]["/v0/pipes/top.csv"]["get"]["responses"]["200"]["content"]) == ["text/csv"]
    for status in ("400", "403", "404", "408", "429", "500"):
        schema = resolve(document, get["responses"][status])["content"]["application/json"]["schema"]
        assert "error" in resolve(document, schema)["properties"]


def test_parameters_have_type_default_enum_example_and_description(document):
    found = parameters(document, "/v0/pipes/top.json")
    assert list(found) == ["dimension", "source", "least_ms", "pages", "since", "limit", "hidden"], "inherited ones last"
    assert found["dimension"]["schema"]["enum"] == ["page", "ms"]
    assert found["dimension"]["schema"]["default"] == "page"
    assert found["source"]["schema"] == {"type": "string"}
    assert found["least_ms"]["schema"] == {"type": "integer", "format": "int32", "minimum": 0, "maximum": 65535, "default": 0}
    assert found["least_ms"]["example"] == 250
    pages = found["pages"]
    assert pages["schema"] == {"type": "array", "items": {"type": "string"}}
    assert (pages["style"], pages["explode"], pages["description"]) == ("form", False, "Pages, comma separated")
    assert found["since"]["schema"]["pattern"] and "format" not in found["since"]["schema"]
    assert found["limit"]["schema"] == {"type": "integer", "format": "int32", "default": 10}
    assert (found["limit"]["required"], found["limit"]["description"]) == (False, "How many")
    assert found["hidden"]["description"] == "A page to leave out"
    unit = parameters(document, "/v0/pipes/needs.csv")["unit"]
    assert unit["required"] is True
    assert unit["schema"] == {"type": "string", "format": "unit", "enum": ["day", "week"]}


def test_a_call_made_from_the_document_works(ws, document):
    ws.must_append("visits", [{"at": "2026-01-01 00:00:00", "page": p, "ms": 5} for p in ("/a", "/a", "/b", "/bot")])
    sent = {}
    for name, parameter in parameters(document, "/v0/pipes/top.json").items():
        if "default" in parameter["schema"]:
            sent[name] = parameter["schema"]["default"]
    sent["pages"] = ",".join(["/a", "/b", "/bot"])  # style form, explode false
    reply = ws.get("/v0/pipes/top.json", **sent)
    assert [(r["dimension"], r["views"]) for r in reply.json()["data"]] == [("/a", 2), ("/b", 1)], reply.text
    reply = ws.get("/v0/pipes/needs.json", unit="year")
    assert reply.status_code == 400
    assert "'year' is not one of the allowed values: 'day', 'week'" in reply.json()["error"]
    assert ws.get("/v0/pipes/needs.json", unit="week").json()["data"] == [{"unit": "week"}]
    reply = ws.get("/v0/pipes/top.json", dimension="at")
    assert reply.status_code == 400 and "not one of the allowed values" in reply.json()["error"]


def test_only_what_the_token_reads_is_shown(ws):
    tokens = {t["name"]: t["token"] for t in ws.get("/v0/tokens").json()["tokens"]}
    limited = ws.get("/v0/pipes/openapi.json", token=tokens["dashboard"]).json()
    assert {p.split(".")[0] for p in limited["paths"]} == {"/v0/pipes/top"}
    assert "needs" not in str(limited)
    nothing = ws.get("/v0/pipes/openapi.json", token=tokens["tracker"]).json()
    assert nothing["paths"] == {} and nothing["openapi"].startswith("3.0.")
    # The token as a query parameter, as the link of a console has it.
    by_query = ws.request("GET", "/v0/pipes/openapi.json", token=None, token_=tokens["dashboard"]).json()
    assert set(by_query["paths"]) == set(limited["paths"])
    assert ws.get("/v0/pipes/openapi.json", token=None).status_code in (401, 403)
    assert ws.get("/v0/pipes/openapi.json", token="p.wrong").status_code in (401, 403)


def test_what_a_jwt_fixes_is_not_the_callers(ws):
    """S11: a fixed parameter is neither asked for nor shown."""
    jwt = ws.jwt([{"type": "PIPES:READ", "resource": "top", "fixed_params": {"hidden": "/secret", "limit": 1}}])
    document = ws.get("/v0/pipes/openapi.json", token=jwt).json()
    assert list(parameters(document, "/v0/pipes/top.json")) == ["dimension", "source", "least_ms", "pages", "since"]
    assert "secret" not in str(document) and "needs" not in str(document)


def test_details_of_a_pipe_have_its_parameters(ws):
    pipe = ws.get("/v0/pipes/top").json()
    node = {p["name"]: p for p in pipe["nodes"][0]["params"]}
    assert "hidden" not in node
    assert node["limit"] == {"name": "limit", "type": "Int32", "required": False, "description": "How many", "default": 10}
    assert node["dimension"]["enum"] == ["page", "ms"]
    assert node["pages"]["type"] == "Array" and node["pages"]["element_type"] == "String"
    assert node["least_ms"]["example"] == 250
    assert [p["name"] for p in pipe["params"]] == ["dimension", "source", "least_ms", "pages", "since", "limit", "hidden"]
    needs = ws.get("/v0/pipes/needs").json()["params"]
    assert needs == [{"name": "unit", "type": "String", "required": True, "description": None, "default": None,
                      "enum": ["day", "week"], "format": "unit"}]
    assert "base" in pipe["nodes"][0]["dependencies"] and "visits" in pipe["nodes"][0]["dependencies"]
