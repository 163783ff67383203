# SPDX-License-Identifier: Apache-2.0
"""Reads and runs the text cases of tests/cases (their format: tests/cases/README.md). No test itself: test_cases.py is."""
import dataclasses
import json
import re

SECTIONS = {"file": 1, "rows": 1, "token": 2, "request": 2, "expect": 1, "refused": 0, "case": 1}
LAST = ("expect", "refused")  # what a case ends with
ANYTHING = "…"


class CaseError(Exception):
    """A case file that does not follow the format; the text says where."""


@dataclasses.dataclass
class Section:
    kind: str
    words: list
    line: int
    headers: dict = dataclasses.field(default_factory=dict)
    body: str = ""


def parse(text):
    """The sections of a case file, in order."""
    sections, lines = [], text.split("\n")
    for number, line in enumerate(lines, 1):
        if line.startswith("=== "):
            kind, *words = line[4:].split()
            if kind not in SECTIONS:
                raise CaseError(f"line {number}: unknown section '{kind}'; there are {', '.join(SECTIONS)}")
            if len(words) < SECTIONS[kind]:
                raise CaseError(f"line {number}: '=== {kind}' takes at least {SECTIONS[kind]} word(s)")
            if kind == "expect" and not re.fullmatch(r"[1-5]\d\d", words[0]):
                raise CaseError(f"line {number}: expect takes a status of three digits, not '{words[0]}'")
            if kind == "case" and sections and sections[-1].kind not in (*LAST, "file", "rows", "token"):
                raise CaseError(f"line {number}: the request of line {sections[-1].line} has no expect")
            if kind == "expect" and (not sections or sections[-1].kind != "request"):
                raise CaseError(f"line {number}: expect follows a request")
            if kind != "expect" and sections and sections[-1].kind == "request":
                raise CaseError(f"line {number}: the request of line {sections[-1].line} has no expect")
            sections.append(Section(kind, words, number))
        elif line.startswith("==="):
            raise CaseError(f"line {number}: a section starts with '=== ' and its kind")
        elif not sections:
            if line.strip() and not line.startswith("#"):
                raise CaseError(f"line {number}: before the first section only comments (#) stand")
        else:
            here = sections[-1]
            if line.startswith("> ") and not here.body and here.kind in ("request", "expect"):
                name, colon, value = line[2:].partition(":")
                if not colon:
                    raise CaseError(f"line {number}: a header is written '> Name: value'")
                here.headers[name.strip()] = value.strip()
            else:
                here.body += line + "\n"
    if not sections or sections[-1].kind not in LAST:
        raise CaseError(f"line {len(lines)}: a case ends with an expect or refused")
    for section in sections:
        section.body = section.body.strip("\n")
    return sections


def cases(sections):
    """[(title, sections)]: a file without `=== case` is one case without a title; else each case begins with the sections
    that stand before the first. A file of the case takes the place of a common one of the same path."""
    starts = [i for i, s in enumerate(sections) if s.kind == "case"]
    if not starts:
        return [("", sections)]
    common, found = sections[:starts[0]], []
    for start, end in zip(starts, [*starts[1:], len(sections)]):
        own = sections[start + 1:end]
        if not own or own[-1].kind not in LAST:
            raise CaseError(f"line {sections[start].line}: a case ends with an expect or refused")
        found.append((" ".join(sections[start].words), common + own))
    return found


def finding(error):
    """One error of a refused build as `file:line:column: message`."""
    name, text = error.get("filename", ""), error["error"]
    place = re.match(r"\d+:\d+: ", text)
    return (f"{name}:" + ("" if place else " ") if name else "") + text


def text_matches(want, got):
    """`…` in `want` stands for any text, also none."""
    pattern = ".*".join(re.escape(part) for part in want.split(ANYTHING))
    return re.fullmatch(pattern, got, re.DOTALL) is not None


def difference(want, got, path="$"):
    """None when the JSON value `got` is what `want` describes, else the first place where it is not.

    Objects: every key of `want` is there; further keys are fine. Lists: as many elements, or "…" last for any rest.
    Texts: `…` stands for any text; the text "…" alone for any value."""
    if want == ANYTHING:
        return None
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return f"{path}: an object was expected, got {json.dumps(got)[:200]}"
        for key, value in want.items():
            if key not in got:
                return f"{path}: no key {key!r} in {json.dumps(got)[:300]}"
            if found := difference(value, got[key], f"{path}.{key}"):
                return found
        return None
    if isinstance(want, list):
        if not isinstance(got, list):
            return f"{path}: a list was expected, got {json.dumps(got)[:200]}"
        opened = bool(want) and want[-1] == ANYTHING
        wanted = want[:-1] if opened else want
        if len(got) < len(wanted) or (len(got) > len(wanted) and not opened):
            return f"{path}: {len(wanted)} elements were expected, got {json.dumps(got)[:300]}"
        return next((found for i, (a, b) in enumerate(zip(wanted, got)) if (found := difference(a, b, f"{path}[{i}]"))), None)
    if isinstance(want, str) and isinstance(got, str):
        return None if text_matches(want, got) else f"{path}: {want!r} was expected, got {got[:300]!r}"
    same = want == got and isinstance(want, bool) == isinstance(got, bool)
    return None if same else f"{path}: {json.dumps(want)} was expected, got {json.dumps(got)[:200]}"


def check_reply(expect, reply):
    """What a reply misses of an expect section; None when it fits."""
    where = f"line {expect.line}: "
    if reply.status_code != int(expect.words[0]):
        return f"{where}status {expect.words[0]} was expected, got {reply.status_code}: {reply.text[:500]}"
    for name, value in expect.headers.items():
        got = reply.headers.get(name)
        if got is None or not text_matches(value, got):
            return f"{where}header {name}: {value!r} was expected, got {got!r}"
    if not expect.body:
        return None
    if expect.body.lstrip().startswith(("{", "[")) and "json" in reply.headers.get("Content-Type", "json").split(";")[0].split("/")[-1].split("+"):
        try:
            want = json.loads(expect.body)
        except ValueError as error:
            raise CaseError(f"{where}the expected body is no JSON: {error}") from None
        found = difference(want, reply.json())
        return found and f"{where}{found}\nfull answer: {reply.text[:2000]}"
    if not text_matches(expect.body, reply.text.strip("\n")):
        return f"{where}the body differs.\nexpected:\n{expect.body}\ngot:\n{reply.text[:2000]}"
    return None


def run(sections, ws):
    """Runs a case in an empty workspace. Raises AssertionError where an answer differs."""
    files = {s.words[0]: s.body + "\n" for s in sections if s.kind == "file"}
    refused = next((s for s in sections if s.kind == "refused"), None)
    if refused:
        answer = ws.build(files).json()
        assert answer["result"] == "failed", "the project was expected to be refused"
        got = "\n".join(sorted(finding(e) for e in answer["errors"]))
        want = "\n".join(sorted(refused.body.splitlines()))
        assert text_matches(want, got), f"line {refused.line}: expected\n{want}\ngot\n{got}"
        files = None
    if files:
        answer = ws.build(files).json()
        assert answer["result"] == "success", f"the case's project has faults: {json.dumps(answer.get('errors'), indent=2)}"
    tokens = {"nobody": None, "wrong": "p.e30.wrong"}
    request = None
    for section in sections:
        if section.kind == "rows":
            reply = ws.events(section.words[0], section.body)
            assert reply.status_code == 200, f"line {section.line}: {reply.text}"
        elif section.kind == "token":
            name, *scopes = section.words
            tokens[name] = ws.new_token(name, *scopes)
        elif section.kind == "request":
            request = section
        elif section.kind == "expect":
            reply = send(request, ws, tokens)
            missing = check_reply(section, reply)
            assert missing is None, f"{' '.join(request.words)}\n{missing}"


def send(request, ws, tokens):
    method, path, *rest = request.words
    arguments = {"headers": request.headers, "body": request.body or None}
    if rest:
        if len(rest) != 2 or rest[0] != "as":
            raise CaseError(f"line {request.line}: a request is METHOD PATH [as TOKEN]; blanks in the path are written %20 or +")
        if rest[1] not in tokens:
            shown = ws.get(f"/v0/tokens/{rest[1]}")  # a token of the project's files
            if shown.status_code != 200:
                raise CaseError(f"line {request.line}: there is no token '{rest[1]}'")
            tokens[rest[1]] = shown.json()["token"]
        arguments["token"] = tokens[rest[1]]
    return ws.request(method, path, **arguments)
