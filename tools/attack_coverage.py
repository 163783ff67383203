#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/attacks.md: every fault and attack that Kinglet must survive, and the tests that name it. --check: is the page fresh?

A test names an id (R1..R26, I1..I14, S1..S18, A1..A12) in its name, in the comment above it, in its docstring or in its body.
An id at the top of a file counts for the whole file."""
import argparse
import ast
import difflib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "attacks.md"

DEMANDS = {
    "Delivery and crashes": {
        "R1": "killed at random while clients send and retry: each acknowledged row is there exactly once",
        "R2": "asked to stop under load: whatever was accepted is stored or answered with an error",
        "R3": "power cut: writes that were not synced are gone, acknowledged rows are not",
        "R4": "torn, flipped or old spool files: recovery ends at the last valid record and says so",
        "R5": "disk full: refused without acknowledgement, and well again by itself once there is room",
        "R6": "input/output errors and failed syncs: the file counts as lost, a sync is never repeated",
        "R7": "no descriptors or threads left: clean errors",
        "R8": "clock jumps: expiry, windows and schedules stay sane",
        "R9": "engine slow or stuck: memory bounded, callers told to retry, nothing acknowledged lost",
        "R10": "the same request twice, at once or after a restart: one set of rows, in the table and every view below it",
        "R11": "a view that fails on some rows: a stated outcome, never half of it",
        "R12": "many tiny inserts over many partitions: pushed back before the engine has too many parts",
        "R13": "Kafka rebalances, losses, repeats and gaps: no row missing, none doubled",
        "R14": "Kafka messages that cannot be read: kept aside with their offset, the consumer goes on",
        "R15": "object storage that lists twice, throttles or truncates: each object version once",
        "R16": "deployments under load: no request fails, no row is lost",
        "R17": "deployment killed at any step: the old or the new project is live, and nothing is left over",
        "R18": "rollback after writes under the new schema: what was written stays",
        "R19": "backup during writes, restore to an empty server: the same rows",
        "R20": "incremental backup whose base is missing or altered: refused",
        "R21": "a replica or shard lost: no silent partial answer",
        "R22": "copies and exports killed or overlapping: exactly one result for each run",
        "R23": "a day at high load: memory, descriptors and parts stay level",
        "R24": "the engine dies: started again in seconds, rows sent again, queries come back",
        "R25": "two servers on one folder: the second refuses to start",
        "R26": "another version's data: read, or refused before it is touched",
    },
    "Rows from outside": {
        "I1": "SQL behind blank lines of a body: bad lines, never statements",
        "I2": "CSV with quoted blank lines, CRLF, NUL, byte order mark, huge or ragged rows: whole or quarantined",
        "I3": "broken text encodings, deep or wide JSON, repeated keys: bounded, with a stated outcome",
        "I4": "numbers at and beyond the edge of their type: exact or quarantined, never rounded in silence",
        "I5": "dates and times at the edges: stated results",
        "I6": "null, missing and unexpected fields: no silent default",
        "I7": "compression bombs, repeated or lying encodings, cut streams: bounded, refused",
        "I8": "hostile Parquet, Arrow, ORC and Avro files: refused, decoded in a process apart",
        "I9": "slow, silent and very many peers: each ends, memory level",
        "I10": "bodies framed in two ways: refused, connection closed",
        "I11": "floods of headers, long and odd URLs: refused, and the same route for us as for a proxy",
        "I12": "HTTP/2 floods, should HTTP/2 be offered: closed",
        "I13": "one greedy token beside a modest one: the modest one hardly notices",
        "I14": "every row bad at full speed: quarantine bounded and counted, others unaffected",
    },
    "SQL, templates, tenants": {
        "S1": "templates that reach for the host, loop or grow: no host objects, limits",
        "S2": "SQL in parameters, quoted in every way: always a value",
        "S3": "parameters as columns, tables, limits, directions: only what is allowed by name",
        "S4": "several statements, other statements, FORMAT and INTO in disguise: refused by reading the text",
        "S5": "settings that lift limits, also in sub-queries: refused",
        "S6": "table functions and sources that reach other hosts: refused",
        "S7": "addresses of this machine or network, in any spelling, by name or redirect: blocked on every hop",
        "S8": "files of the host: out of reach",
        "S9": "other tenants' tables and names, in data and in error texts: nothing is shown",
        "S10": "getting round a row filter: it holds for every form of query",
        "S11": "overriding what a token fixes: the token's value wins",
        "S12": "functions that wait, spy or grow without end: refused or limited",
        "S13": "queries that exhaust memory, time or the stack: limits end them, others go on",
        "S14": "huge results and slow readers: memory bounded, the query ends when its caller leaves",
        "S15": "errors in the middle of a reply: the client can tell",
        "S16": "random SQL through our parser and printer: no crash, and what is checked is what runs",
        "S17": "our reading of a query against the engine's: the same tables and functions",
        "S18": "the same call with other tokens or filters: never another's result",
    },
    "Identity and access": {
        "A1": "forged JWTs of every kind: refused alike",
        "A2": "tokens deleted, narrowed, rotated: at once",
        "A3": "every route with every scope: only the listed cells are open",
        "A4": "tokens in URLs, logs, traces, backups: not to be read there",
        "A5": "guessing tokens and names: one answer for all that is not there or not allowed",
        "A6": "getting round rate limits: the limit holds",
        "A7": "browsers as accomplices: cross-site requests, rebinding, stored scripts: blocked",
        "A8": "secrets: never shown, encrypted where they lie, read only by those granted",
        "A9": "the ClickHouse interface: nothing before authentication, the same fences after it",
        "A10": "agents misled by data: their token bounds them",
        "A11": "ids guessed from another workspace: not found",
        "A12": "the supply chain: pinned, listed, nothing fetched at run time",
    },
}
IDS = [i for group in DEMANDS.values() for i in group]
# As a word; in names also in front of a capital, "S9UnknownAndNotGranted", or between underscores. S3 is a storage service, too.
WORD = re.compile(r"(?<![\w./-])([RISA]\d{1,2})(?:-([RISA]\d{1,2}))?(?![\w/])(?! (?:bucket|import|storage|connection|url|URL))")
NAME = re.compile(r"(?:^|[._])([RISA]\d{1,2})(?=[A-Z_]|$)|_([risa]\d{1,2})(?=_|$)")


def ids_of(text):
    found = set()
    for first, last in WORD.findall(text):
        if first in IDS and last in IDS and first[0] == last[0]:
            found.update(IDS[IDS.index(first):IDS.index(last) + 1])
        found.update(i for i in (first, last) if i in IDS)
    return found


def ids_of_name(name):
    return {i.upper() for pair in NAME.findall(name) for i in pair if i.upper() in IDS}


def cpp_tests(text):
    """(ids, name) of each test; the name is None for what counts for the whole file."""
    lines = text.splitlines()
    waiting, head, inside, ids = set(), True, None, set()
    for number, line in enumerate(lines):
        test = re.match(r"(?:TEST|TEST_F|TEST_P|RC_GTEST_PROP|RC_GTEST_FIXTURE_PROP)\(", line)
        if test:
            opening = " ".join(lines[number:number + 3])
            parts = re.match(r"\w+\(\s*(\w+),\s*(\w+)", opening)
            inside, ids = f"{parts[1]}.{parts[2]}", waiting | ids_of_name(parts[2])
            waiting = set()
        elif line.startswith("#include"):
            if head:
                yield waiting, None
                waiting, head = set(), False
        comment = re.search(r"//(.*)", line)
        if comment or inside and '"' in line and "<<" in line:
            (ids if inside else waiting).update(ids_of(comment[1] if comment else line))
        if inside and (line.startswith("}") or test and line.endswith("}")):
            yield ids, inside
            inside = None


def python_tests(text):
    tree = ast.parse(text)
    lines = text.splitlines()
    yield ids_of(ast.get_docstring(tree) or ""), None
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
    for node in functions:
        body = lines[node.lineno - 1:node.end_lineno]
        comments = " ".join(m[1] for m in (re.search(r"#(.*)", line) for line in body) if m)
        yield ids_of((ast.get_docstring(node) or "") + " " + comments) | ids_of_name(node.name), node.name


def case_tests(text):
    """Text cases: the comment lines in front of the first section."""
    yield ids_of("\n".join(line for line in text.split("===")[0].splitlines() if line.startswith("#"))), None


def fuzz_tests(text):
    yield ids_of("\n".join(line for line in text.splitlines() if line.startswith("//"))), None


def coverage():
    """id -> file -> names of tests, in order; no names: the whole file."""
    kinds = [("src", "*_test.cc", cpp_tests), ("tests", "*.py", python_tests), ("tests/cases", "*.test", case_tests),
             ("fuzz", "*_fuzz.cc", fuzz_tests)]
    covered = {i: {} for i in IDS}
    for folder, pattern, read in kinds:
        for path in sorted((ROOT / folder).rglob(pattern)):
            if pattern == "*.py" and not path.name.startswith("test_"):
                continue
            name = path.relative_to(ROOT).as_posix()
            for ids, test in read(path.read_text()):
                for i in ids:
                    names = covered[i].setdefault(name, [])
                    if test is not None:
                        names.append(test)
    return covered


def page():
    covered = coverage()
    lines = ["<!-- Made by tools/attack_coverage.py from the tests; do not edit. -->",
             "# Faults and attacks, and the tests that name them", "",
             "Each id stands for a demand on the server. A file without test names covers the id as a whole.", "",
             f"{sum(1 for i in IDS if covered[i])} of {len(IDS)} are named by a test."]
    for title, demands in DEMANDS.items():
        lines += ["", f"## {title}", "", "| id | demand | tests |", "| --- | --- | --- |"]
        for i, demand in demands.items():
            tests = [f"`{file}`" + (": " + ", ".join(dict.fromkeys(names)) if names else "") for file, names in covered[i].items()]
            lines.append(f"| {i} | {demand} | {'<br>'.join(tests) or 'not yet'} |")
    return "\n".join(lines) + "\n"


def check():
    """One line for each line of the page that is not what the tests say now."""
    old = PAGE.read_text() if PAGE.exists() else ""
    diff = difflib.unified_diff(old.splitlines(), page().splitlines(), lineterm="", n=0)
    changed = [line for line in diff if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return [f"docs/attacks.md is stale; tools/attack_coverage.py makes it again ({len(changed)} lines differ)"] if changed else []


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 when the page is stale, and change nothing")
    if not parser.parse_args().check:
        PAGE.write_text(page())
        return 0
    found = check()
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
