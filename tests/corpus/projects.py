# SPDX-License-Identifier: Apache-2.0
"""Finds projects below a folder, runs each through Kinglet and keeps the score. No test itself: test_corpus.py is.

A problem is one thing that went wrong: its stage, its message and where. known.txt explains those that are no fault of Kinglet."""
import collections
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess

from kinglet_server import binary

DATAFILES = (".datasource", ".pipe", ".connection", ".incl", ".endpoint")
# Folders inside a project, not projects: a datafile in one of these belongs to the folder above.
INNER = {"connections", "copies", "datasources", "endpoints", "fixtures", "includes", "materializations", "materialized", "pipes", "sinks",
         "tests", "vendor"}
STAGES = ("files", "build", "no parameters", "stand-ins", "nodes", "read back", "fixtures", "data tests")
# What the author may have meant by a text parameter: tried one after the other until an endpoint answers.
TEXTS = ("1", "2026-01-02", "2026-01-02 03:04:05", "day", "UTC", "00000000-0000-0000-0000-000000000001", "[]", "{}", "a")
DATED = re.compile(r"date|time|start|end|from|to$|since|until", re.I)
OUTSIDE = re.compile(r"\b(postgresql|mysql|mongodb|s3|gcs|url|azureBlobStorage|iceberg\w*|deltaLake\w*)\s*\(")
NUMBER = re.compile(r"(U?Int(eger|\d+)?|Float\d+|Decimal\d*)$")


def is_skipped(name):
    return name.startswith(".") or name == "node_modules"


def find_projects(root):
    """{name: folder} of every project below `root`; the name is the folder's path."""
    found = set()
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not is_skipped(f))
        if any(f.endswith((".datasource", ".pipe")) for f in files):
            at = pathlib.Path(folder)
            while at.name in INNER and at != pathlib.Path(root):
                at = at.parent
            found.add(at)
    outermost = [f for f in found if not any(other in f.parents for other in found)]
    return {str(f.relative_to(root)): f for f in sorted(outermost)}


def datafiles(folder):
    """{path: text} of a project's datafiles."""
    out = {}
    for at, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if not is_skipped(f)]
        for f in files:
            if f.endswith(DATAFILES):
                path = pathlib.Path(at) / f
                out[str(path.relative_to(folder))] = path.read_text(errors="replace")
    return out


@dataclasses.dataclass
class Problem:
    project: str
    stage: str
    where: str
    message: str
    explained: str = ""  # why it is no fault, from known.txt

    def reason(self):
        """The message without names and numbers, to count what is alike."""
        text = re.sub(r"'(?:[^'\\\n]|\\.)*'|`[^`]*`|\"[^\"]*\"", "'…'", self.message)
        text = re.sub(r"(node '…': )+", "", text)
        return f"{self.stage}: " + re.sub(r"\d+", "N", text).strip()[:160]


@dataclasses.dataclass
class Known:
    stage: str
    pattern: re.Pattern
    why: str


class KnownError(Exception):
    pass


def read_known(text):
    """known.txt: `stage | regular expression | why`. A group `absent` in the expression must be a name that no file of the project has."""
    known = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [p.strip() for p in line.split(" | ")]
        if len(parts) != 3 or not all(parts):
            raise KnownError(f"line {number}: write `stage | regular expression | why`")
        if parts[0] not in (*STAGES, "any"):
            raise KnownError(f"line {number}: there is no stage '{parts[0]}'; there are {', '.join(STAGES)} and any")
        known.append(Known(parts[0], re.compile(parts[1]), parts[2]))
    return known


def explain(problem, known, files):
    names = {pathlib.Path(f).stem for f in files}
    for one in known:
        match = one.pattern.search(problem.message) if one.stage in ("any", problem.stage) else None
        if match and match.groupdict().get("absent") not in names:
            return one.why
    return ""


@dataclasses.dataclass
class Score:
    """What was tried and what came of it. `apart` counts answers that are neither good nor bad, by kind."""
    tried: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    good: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    apart: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    problems: list = dataclasses.field(default_factory=list)

    def explained(self):
        return [p for p in self.problems if p.explained]

    def add(self, other):
        for mine, others in ((self.tried, other.tried), (self.good, other.good), (self.apart, other.apart)):
            mine.update(others)
        self.problems += other.problems

    def line(self):
        tried = " ".join(f"{stage} {self.good[stage]}/{self.tried[stage]}" for stage in STAGES if self.tried[stage])
        apart = "; apart: " + ", ".join(f"{n} {kind}" for kind, n in sorted(self.apart.items())) if self.apart else ""
        explained = f"; {len(self.explained())} explained" if self.explained() else ""
        return tried + explained + apart


class Run:
    """One project on its way through Kinglet, in a workspace of its own."""

    def __init__(self, name, folder, known):
        self.name, self.known = name, known
        self.origin = self.folder = pathlib.Path(folder)
        self.files = datafiles(folder)
        self.score = Score()
        self.ws = self.scratch = None  # a workspace and a folder for copies
        self.by_name = {}

    def bad(self, stage, where, message):
        problem = Problem(self.name, stage, where, message)
        problem.explained = explain(problem, self.known, self.files)
        self.score.problems.append(problem)

    def unexplained(self, stage):
        return [p for p in self.score.problems if p.stage == stage and not p.explained]

    def cli(self, *arguments, folder=None):
        host = ["--host", self.ws.base, "--token", self.ws.token] if self.ws else []
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("KINGLET_", "TB_")) or k in ("KINGLET_CACHE", "KINGLET_LIBCHDB")}
        return subprocess.run([str(binary()), "--output", "json", *host, *arguments], cwd=folder or self.folder, text=True,
                              capture_output=True, timeout=300, stdin=subprocess.DEVNULL, env=clean)

    def check(self):
        """Every file parses, every template compiles and renders with stand-ins, the SQL parses and resolves; no server."""
        ended = self.cli("check", "--no-server")
        self.score.tried["files"] += len(self.files)
        try:
            told = json.loads(ended.stdout)
        except ValueError:
            self.bad("files", self.name, f"kinglet check: {ended.returncode}: {(ended.stderr or ended.stdout)[:300]}")
            return
        wrong = [d for d in told["diagnostics"] if d["severity"] == "error"]
        for d in wrong:
            self.bad("files", f"{d['file']}:{d['line']}", d["message"])
        self.score.good["files"] += len(self.files) - len({d["file"] for d in wrong} & set(self.files))

    def build(self, folder=None, stage="build"):
        """Sends the project; what the server refuses for a reason that known.txt explains is left out, and the rest sent again."""
        folder = pathlib.Path(folder or self.folder)
        self.score.tried[stage] += 1
        for _ in range(5):
            ended = self.cli("build", folder=folder)
            try:
                told = json.loads(ended.stdout)
            except ValueError:
                self.bad(stage, self.name, f"kinglet build: {ended.returncode}: {(ended.stderr or ended.stdout)[:300]}")
                return False
            if told["result"] != "failed":
                self.score.good[stage] += 1
                return True
            before, out = len(self.unexplained(stage)), set()
            for e in told.get("errors") or [{"error": told.get("error", "failed without a word")}]:
                self.bad(stage, f"{e.get('filename', '')}:{e.get('line', 0)}", e["error"])
                out.add(e.get("filename"))
            if len(self.unexplained(stage)) > before or not all(out):
                return False
            folder = self.without(folder, out)
        return False

    def without(self, folder, left_out):
        """A copy of the project without some files."""
        copy = self.scratch / f"without-{len(list(self.scratch.iterdir()))}"
        shutil.copytree(folder, copy, ignore=lambda at, names: [
            n for n in names if is_skipped(n) or str((pathlib.Path(at) / n).relative_to(folder)) in left_out])
        self.files = {name: text for name, text in self.files.items() if name not in left_out}
        self.folder = copy
        return copy

    def pipes(self):
        return self.ws.get("/v0/pipes").json()["pipes"]

    def call(self, stage, name, arguments, texts=()):
        """One request of an endpoint: a good answer, one that the author or the language means, or a problem."""
        tries = [arguments] + [{k: (text if v is ANY else v) for k, v in arguments.items()} for text in texts]
        tries += [{**one, **{k: TEXTS[2] for k, v in arguments.items() if v is ANY and DATED.search(k)}} for one in tries[1:]]
        for attempt in tries if not any(v is ANY for v in arguments.values()) else tries[1:]:
            reply = self.ws.session.get(f"{self.ws.base}/v0/pipes/{name}.json", params=attempt, timeout=60,  # any name may be a parameter's
                                        headers={"Authorization": f"Bearer {self.ws.token}"})
            if reply.status_code == 200:
                break
        self.score.tried[stage] += 1
        if reply.status_code == 200:
            self.score.good[stage] += 1
            return
        try:
            message = reply.json().get("error", reply.text)
        except ValueError:
            message = reply.text
        if reply.status_code == 400 and "Required parameter is not defined" in message:
            self.score.good[stage] += 1
            self.score.apart[f"missing parameter ({stage})"] += 1
        elif reply.status_code < 500 and self.is_the_authors(message):
            self.score.good[stage] += 1
            self.score.apart[f"the author's own error() ({stage})"] += 1
        else:
            self.bad(stage, name, f"{reply.status_code}: {message}"[:400])

    def is_the_authors(self, message):
        """error('text') of a template or throwIf(…, 'text') of the SQL: the words stand in a file."""
        message = message.removeprefix("[Error] ")
        return any(call in text and (f"'{message}'" in text or f'"{message}"' in text)
                   for text in self.files.values() for call in ("error(", "throwIf("))

    def fixtures(self):
        """Loads the fixtures that are named like a data source, so that endpoints read rows. Bad rows are the fixture's own."""
        for path in sorted(p for p in self.origin.rglob("fixtures/*") if p.suffix in (".ndjson", ".csv")):
            reply = self.ws.get(f"/v0/datasources/{path.stem}")
            if reply.status_code == 404:
                self.score.apart["fixture of no data source"] += 1
                continue
            self.score.tried["fixtures"] += 1
            reply = self.ws.post("/v0/datasources", path.read_bytes(), name=path.stem, mode="append", format=path.suffix[1:])
            if reply.status_code != 200:
                self.bad("fixtures", path.name, f"{reply.status_code}: {reply.text}"[:400])
                continue
            self.score.good["fixtures"] += 1
            self.score.apart["fixture rows in quarantine"] += reply.json().get("invalid_lines", 0) or reply.json().get("quarantine_rows", 0)

    def read_back(self):
        """The files as the server prints them are the same project."""
        copy = self.scratch / "read-back"
        copy.mkdir()
        for kind, path, suffix in (("datasources", "/v0/datasources", "datasource"), ("pipes", "/v1/pipes", "pipe")):
            for one in self.ws.get(f"/v0/{kind}").json()[kind]:
                (copy / f"{one['name']}.{suffix}").write_bytes(self.ws.get(f"{path}/{one['name']}.{suffix}").content)
        for name, text in self.files.items():
            if name.endswith(".connection"):
                (copy / pathlib.Path(name).name).write_text(text)
        ended = self.cli("build", folder=copy)
        self.score.tried["read back"] += 1
        if ended.returncode == 0 and json.loads(ended.stdout)["result"] == "no_changes":
            self.score.good["read back"] += 1
        else:
            self.bad("read back", self.name, f"the printed files are another project: {(ended.stdout or ended.stderr)[:300]}")

    def data_tests(self):
        """`kinglet test` where the project has tests of the Forward kind: a list of cases with their expected_result."""
        if not any("expected_result" in f.read_text(errors="replace") for f in self.origin.glob("tests/*.yaml")):
            return
        ended = self.cli("test", folder=self.origin)
        try:
            told = json.loads(ended.stdout)
        except ValueError:
            self.score.tried["data tests"] += 1
            self.bad("data tests", self.name, f"kinglet test: {ended.returncode}: {(ended.stderr or ended.stdout)[:300]}")
            return
        for case in (case for file in told["files"] for case in file["tests"]):
            pipe = pathlib.Path(case["file"]).stem
            if not case["passed"] and not case["result"].strip() and self.cannot_repeat(pipe):
                self.score.apart[self.cannot_repeat(pipe) + " (data tests)"] += 1
                continue
            self.score.tried["data tests"] += 1
            if case["passed"]:
                self.score.good["data tests"] += 1
            else:
                self.bad("data tests", f"{case['file']}:{case['line']}", f"{case['name']}: {case['difference']}"[:400])

    def cannot_repeat(self, pipe):
        """Why a recorded answer cannot come again whatever the server does, or ""."""
        read = self.read_by(pipe)
        if any(f"TARGET_DATASOURCE {name}" in text.replace('"', "") for name in read for text in self.files.values()):
            return "reads what only a copy run fills"
        if any(re.search(r"\b(now|today)\(\)", text) for name in read for text in self.texts_of(name)):
            return "depends on the day it was recorded"
        return ""

    def texts_of(self, name):
        """The pipe of that name, as a list of none or one text."""
        return [text for file, text in self.files.items() if file.endswith(".pipe") and pathlib.Path(file).stem == name]

    def read_by(self, name):
        """The names of files that a pipe names, those that they name, and itself."""
        names, found, left = {pathlib.Path(f).stem for f in self.files}, set(), {name}
        while left:
            one = left.pop()
            found.add(one)
            left |= {w for text in self.texts_of(one) for w in re.findall(r"\w+", text) if w in names} - found
        return found

    def endpoints(self):
        """Every endpoint once with nothing and once with everything that it documents."""
        self.by_name = {p["name"]: p for p in self.pipes()}
        for pipe in self.by_name.values():
            if pipe["type"] != "endpoint":
                continue
            self.call("no parameters", pipe["name"], {})
            self.call("stand-ins", pipe["name"], stand_ins(self.parameters(pipe)), TEXTS)

    def parameters(self, pipe, seen=()):
        """What an endpoint documents: the parameters of its nodes and of the pipes it reads."""
        found = {p["name"]: p for node in pipe["nodes"] for p in node.get("params", [])}
        for read in {name for node in pipe["nodes"] for name in node.get("dependencies", [])} - {pipe["name"], *seen}:
            if read in self.by_name:
                found = {**self.parameters(self.by_name[read], (*seen, pipe["name"])), **found}
        return found

    def nodes(self):
        """Every node of every pipe once as an endpoint, with no parameter: a copy of the project, each node made the last word of a pipe."""
        copy = self.scratch / "nodes"
        shutil.copytree(self.folder, copy, ignore=lambda at, names: [n for n in names if is_skipped(n)])
        made = {}
        for pipe in self.pipes():
            if pipe["type"] == "copy" and any(OUTSIDE.search(node["sql"]) for node in pipe["nodes"]):
                self.score.apart["node of a copy that reads from outside"] += len(pipe["nodes"])
                continue
            for i, node in enumerate(pipe["nodes"]):
                name = f"probe_{len(made)}"
                made[name] = f"{pipe['name']}.{node['name']}"
                text = ""
                for one in pipe["nodes"][:i + 1] + pipe["nodes"][i + 1:]:
                    text += f"NODE {one['name']}\nSQL >\n" + "".join(f"    {line}\n" for line in one["sql"].split("\n"))
                    text += "TYPE endpoint\n" if one is node else ""
                (copy / f"{name}.pipe").write_text(text)
        if not self.build(copy, "nodes"):
            return
        for name, _ in made.items():
            self.call("nodes", name, {})
        for p in self.score.problems:
            if p.stage == "nodes":
                p.where = made.get(p.where, p.where)


ANY = object()  # a text parameter of which nothing more is known


def stand_ins(parameters):
    """A value for each parameter, from its documentation."""
    out = {}
    for name, p in parameters.items():
        value = p.get("default")
        if value is None and p.get("enum"):
            value = p["enum"][0]
        if value is None:
            if p["type"] == "column":
                continue  # nothing tells which columns there are
            value = {"Boolean": "true", "Date": "2026-01-02", "UUID": TEXTS[5], "JSON": "[]"}.get(p["type"], ANY)
            if NUMBER.match(p["type"]):
                value = 1
            elif p["type"].startswith("DateTime"):
                value = TEXTS[2]
        out[name] = ",".join(map(str, value)) if isinstance(value, list) else value
    return out


def summary(scores):
    """The lines to print: what fails by reason, then a line for each project and one for all."""
    lines, reasons, total = [], collections.defaultdict(list), Score()
    for score in scores.values():
        total.add(score)
    for problem in total.problems:
        reasons[(bool(problem.explained), problem.reason())].append(problem)
    for (explained, reason), found in sorted(reasons.items(), key=lambda r: (r[0][0], -len(r[1]))):
        lines.append(f"{'explained' if explained else 'FAILS'} {len(found)} × {reason}")
        if explained:
            lines.append(f"    why: {found[0].explained}")
        for one in found[:3]:
            lines.append(f"    {one.project}/{one.where}: {one.message[:200]}")
    lines.append("")
    for name, score in scores.items():
        lines.append(f"{name}: {score.line()}")
    tried, good = sum(total.tried.values()), sum(total.good.values())
    lines.append(f"all {len(scores)} projects: {good}/{tried} = {100 * good / max(tried, 1):.2f} %; {total.line()}")
    return lines
