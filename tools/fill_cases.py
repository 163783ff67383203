#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what a real server answers in place of every expected body that is a lone `?` (--all: of every text body) of case
files. For writing new cases, and when many messages change: read what it wrote before you commit it.

usage: tools/fill_cases.py [--all] FILE…"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
import case_files  # noqa: E402
import kinglet_server  # noqa: E402


def answer_text(reply):
    """As a case expects it: an error's object without what only links to documentation, or the body."""
    try:
        value = reply.json()
    except ValueError:
        return reply.text.strip("\n")
    if reply.status_code >= 400 and isinstance(value, dict):
        value = {k: v for k, v in value.items() if k == "error"} or value
    if isinstance(value, dict):
        for volatile in ("statistics", "import_id"):
            value.pop(volatile, None)
    return json.dumps(value, ensure_ascii=False)


def fill(path, server, everything):
    text = path.read_text()
    lines = text.split("\n")
    found = {}  # line of a section -> its new body
    for _, sections in case_files.cases(case_files.parse(text)):
        ws = server.workspace()
        refused = next((s for s in sections if s.kind == "refused"), None)
        files = {s.words[0]: s.body + "\n" for s in sections if s.kind == "file"}
        built = ws.build(files).json() if files else {}
        if refused:
            if refused.body == "?" or everything:
                found[refused.line] = ("\n".join(sorted(case_files.finding(e) for e in built.get("errors", []))) or "NOT REFUSED", None)
            continue
        assert not files or built["result"] == "success", f"{path}: {built}"
        tokens, request = {"nobody": None, "wrong": "p.e30.wrong"}, None
        for section in sections:
            if section.kind == "rows":
                ws.events(section.words[0], section.body)
            elif section.kind == "token":
                tokens[section.words[0]] = ws.new_token(*section.words)
            elif section.kind == "request":
                request = section
            elif section.kind == "expect":
                reply = case_files.send(request, ws, tokens)
                if section.body == "?" or (everything and section.body):
                    found[section.line] = (answer_text(reply), reply.status_code)
    out, skip = [], False
    for number, line in enumerate(lines, 1):
        if line.startswith("==="):
            skip = False
        if not skip:
            out.append(line)
        if number in found:
            body, status = found[number]
            if status:
                out[-1] = f"=== expect {status}"
            out += body.split("\n")
            skip = True
    path.write_text("\n".join(out).rstrip("\n") + "\n")


def main():
    everything = "--all" in sys.argv
    server = kinglet_server.Server()
    try:
        for name in sys.argv[1:]:
            if name != "--all":
                fill(pathlib.Path(name), server, everything)
    finally:
        server.remove()


main()
