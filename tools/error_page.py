#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/errors.md: the likely mistakes and the message each gives, written from tests/cases/mistakes. --check: is it fresh?

Every mistake is a test (tests/test_cases.py), so what the page says is what Kinglet answers."""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import case_files  # noqa: E402

PAGE = ROOT / "docs" / "errors.md"
CASES = ROOT / "tests" / "cases" / "mistakes"
LANGUAGES = {".sql": "sql", ".yaml": "yaml", ".json": "json"}

HEAD = """<!-- Written by tools/error_page.py from tests/cases/mistakes; do not edit. -->
# What the messages mean

{count} mistakes that are easily made, and what Kinglet answers to each. A message says where (`file:line:column`), what is wrong, what was
expected, and in brackets what to write instead. `kinglet check` finds the mistakes in files without a server; `kinglet build` and
`kinglet deploy` report the same, and those that need the tables. All mistakes of a project are reported at once, and nothing is
changed while there is one.
"""


def block(text, language=""):
    return f"```{language}\n{text}\n```"


def shown_reply(section):
    try:
        value = json.loads(section.body)
    except ValueError:
        return section.body
    return value["error"] if isinstance(value, dict) and set(value) == {"error"} else section.body


def mistake(title, own):
    """One mistake as Markdown: what was written, and the answer to it."""
    out = [f"### {title}"]
    for section in own:
        if section.kind == "file":
            name = section.words[0]
            if section.body:
                out.append(f"`{name}`:\n" + block(section.body, LANGUAGES.get(pathlib.Path(name).suffix, "")))
            else:
                out.append(f"`{name}`, without any text")
        elif section.kind == "refused":
            out.append("\n".join(f"> ✗ {line}  " for line in section.body.splitlines()).rstrip())
        elif section.kind == "request":
            method, path, *rest = section.words
            whose = {"nobody": " without a token", "wrong": " with a token that is none"}.get(rest[1], f" with a token called {rest[1]}") if rest else ""
            out.append(f"`{method} {path}`{whose}" + (":\n" + block(section.body) if section.body else ""))
        elif section.kind == "expect":
            out.append(f"> {section.words[0]}: {shown_reply(section)}")
    return "\n\n".join(out)


def page():
    parts, count = [], 0
    for path in sorted(CASES.glob("*.test")):
        text = path.read_text()
        comments = [line[1:].strip() for line in text.split("=== ", 1)[0].splitlines() if line.startswith("#")]
        parts.append(f"## {comments[0]}\n\n{' '.join(comments[1:])}")
        sections = case_files.parse(text)
        common = next(i for i, s in enumerate(sections) if s.kind == "case")
        files = [s for s in sections[:common] if s.kind == "file"]
        if files:
            parts.append("All of these are about a project with:")
            parts += [f"`{s.words[0]}`:\n" + block(s.body) for s in files]
        for title, all_sections in case_files.cases(sections):
            parts.append(mistake(title, all_sections[common:]))
            count += 1
    return HEAD.format(count=count) + "\n" + "\n\n".join(parts) + "\n"


def check():
    """Findings for lint: empty when the page is what the cases say."""
    fresh = PAGE.exists() and PAGE.read_text() == page()
    return [] if fresh else ["docs/errors.md is not what tests/cases/mistakes says; tools/error_page.py writes it"]


if __name__ == "__main__":
    if "--check" in sys.argv:
        problems = check()
        print("\n".join(problems))
        sys.exit(1 if problems else 0)
    PAGE.write_text(page())
