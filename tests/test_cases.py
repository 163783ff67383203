# SPDX-License-Identifier: Apache-2.0
"""Runs every tests/cases/**/*.test in a workspace of its own, and checks that the format refuses what it should."""
import pathlib

import pytest

import case_files

CASES = pathlib.Path(__file__).parent / "cases"
FILES = sorted(CASES.rglob("*.test"))


def all_cases():
    for path in FILES:
        for title, sections in case_files.cases(case_files.parse(path.read_text())):
            name = str(path.relative_to(CASES)) + (f": {title}" if title else "")
            yield pytest.param(sections, id=name.replace("[", "(").replace("]", ")"))


@pytest.mark.parametrize("sections", all_cases())
def test_case(sections, new_workspace):
    case_files.run(sections, new_workspace())


def test_there_are_cases():
    assert len(FILES) >= 20


@pytest.mark.parametrize("text, message", [
    ("", "ends with an expect"),
    ("# only a comment\n", "ends with an expect"),
    ("stray text\n=== request GET /x\n=== expect 200\n", "line 1: before the first section"),
    ("=== fly away\n", "line 1: unknown section 'fly'"),
    ("===request GET /x\n", "line 1: a section starts with"),
    ("=== request GET\n=== expect 200\n", "line 1: '=== request' takes at least 2"),
    ("=== request GET /x\n", "ends with an expect"),
    ("=== expect 200\n", "line 1: expect follows a request"),
    ("=== request GET /x\n=== expect fine\n", "line 2: expect takes a status"),
    ("=== request GET /x\n=== rows a\n{}\n", "line 2: the request of line 1 has no expect"),
    ("=== request GET /x\n=== case b\n", "line 2: the request of line 1 has no expect"),
    ("=== refused\n=== case b\n=== file a\n=== case c\n=== refused\n", "line 2: a case ends with"),
    ("=== request GET /x\n> Name value\n=== expect 200\n", "line 2: a header is written"),
])
def test_files_that_break_the_format(text, message):
    with pytest.raises(case_files.CaseError, match=message.replace("(", "\\(")):
        case_files.cases(case_files.parse(text))


def test_common_sections_lead_each_case():
    found = case_files.cases(case_files.parse("=== file a.pipe\nx\n=== case one mistake\n=== refused\nm\n=== case two\n=== request GET /\n=== expect 200\n"))
    assert [(title, [s.kind for s in sections]) for title, sections in found] == [
        ("one mistake", ["file", "refused"]), ("two", ["file", "request", "expect"])]


def test_a_file_is_read_as_written():
    sections = case_files.parse("# about\n\n=== file a.pipe\nNODE n\n\nSQL >\n    SELECT 1\n\n=== request POST /x as me\n> A: b: c\n\n"
                                "line 1\n\nline 3\n=== expect 200\n> Content-Type: text/csv\n\n1,2\n")
    assert [(s.kind, s.words, s.line) for s in sections] == [("file", ["a.pipe"], 3), ("request", ["POST", "/x", "as", "me"], 9), ("expect", ["200"], 15)]
    assert sections[0].body == "NODE n\n\nSQL >\n    SELECT 1"
    assert sections[1].headers == {"A": "b: c"} and sections[1].body == "line 1\n\nline 3"
    assert sections[2].headers == {"Content-Type": "text/csv"} and sections[2].body == "1,2"


@pytest.mark.parametrize("want, got, fits", [
    ({"a": 1}, {"a": 1, "b": 2}, True), ({"a": 1}, {"b": 2}, False), ({"a": 1}, {"a": "1"}, False), ({"a": True}, {"a": 1}, False),
    ({"a": "…"}, {"a": [1]}, True), ({"a": "x…z"}, {"a": "xyz"}, True), ({"a": "x…z"}, {"a": "xy"}, False), ({"a": None}, {"a": 0}, False),
    ([1, 2], [1, 2], True), ([1], [1, 2], False), ([1, "…"], [1, 2, 3], True), ([1, "…"], [1], True), ([1, 2, "…"], [1], False),
    ([{"a": 1}], [{"a": 1, "b": 1}], True), ({}, [], False), ([], {}, False), ("a.c", "abc", False), (1, 1.0, True),
])
def test_comparing_json(want, got, fits):
    assert (case_files.difference(want, got) is None) == fits
