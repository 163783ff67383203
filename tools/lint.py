#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev lint: formatting, layers, style rules that are programs, clang-tidy. Exit status 1 when anything is found."""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "..", "bench")]
import attack_coverage  # noqa: E402
import check_layers  # noqa: E402
import conversion_page  # noqa: E402
import error_page  # noqa: E402
import plots  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINES_MAX = 900
SPDX = "SPDX-License-Identifier: Apache-2.0"


def tracked(*suffixes):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / f for f in out.stdout.splitlines() if f.endswith(suffixes) and (ROOT / f).exists()]


def formatting(files):
    done = subprocess.run(["clang-format-19", "--dry-run", "-Werror", *map(str, files)], capture_output=True, text=True)
    bad = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", done.stderr, re.M)))
    return [f"{os.path.relpath(f, ROOT)}: not formatted; clang-format-19 -i does it" for f in bad]


def rules(files):
    problems = []
    for path in files:
        name = path.relative_to(ROOT)
        text = path.read_text()
        if SPDX not in text[:200]:
            problems.append(f"{name}:1: the first lines name the licence: {SPDX}")
        lines = text.splitlines()
        if len(lines) > LINES_MAX:
            problems.append(f"{name}: {len(lines)} lines; one sitting reads {LINES_MAX}. Is there a missing concept?")
        for number, line in enumerate(lines, 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))", line):
                problems.append(f"{name}:{number}: TODO only with an issue number: TODO(#12)")
            if re.search(r"\bsleep_for\b|\busleep\(", line) and "test" in name.name and "// sleep: " not in line:
                problems.append(f"{name}:{number}: tests wait for an event, not for luck; a sleep that is meant says why: // sleep: …")
    return problems


def sleeps(files):
    """Sleeps of Python tests, benches and tools: each is a pause between two looks of a wait with an end, or meant for a reason."""
    return [f"{path.relative_to(ROOT)}:{number}: wait for an event, not for luck; a sleep that is meant says why: # sleep: …"
            for path in files for number, line in enumerate(path.read_text().splitlines(), 1)
            if re.search(r"\btime\.sleep\(", line) and "# sleep: " not in line]


def tidy(build, only):
    """clang-tidy over every translation unit; a unit whose text and headers did not change since it was clean is skipped."""
    database = json.loads((build / "compile_commands.json").read_text())
    units = sorted({e["file"] for e in database if "/src/" in e["file"] and not e["file"].endswith(("_test.cc", "_bench.cc"))})
    if only:
        units = [u for u in units if any(o in u for o in only)]
    stamps = build / "tidy"
    stamps.mkdir(exist_ok=True)
    headers = hashlib.sha256()
    for header in sorted((ROOT / "src").rglob("*.h")) + [ROOT / ".clang-tidy"]:
        headers.update(header.read_bytes())

    def run(unit):
        key = hashlib.sha256(headers.digest() + pathlib.Path(unit).read_bytes()).hexdigest()
        stamp = stamps / (unit.replace("/", "_") + ".ok")
        if stamp.exists() and stamp.read_text() == key:
            return ""
        done = subprocess.run(["clang-tidy-19", "--quiet", "-p", str(build), unit], capture_output=True, text=True)
        if done.returncode == 0:
            stamp.write_text(key)
            return ""
        return done.stdout.strip() or done.stderr.strip()

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [r for r in pool.map(run, units) if r]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--no-tidy", action="store_true", help="skip clang-tidy, the slow part")
    parser.add_argument("only", nargs="*", help="clang-tidy only the files whose path holds one of these")
    options = parser.parse_args()
    code = tracked(".cc", ".h")
    steps = [
        ("formatting", lambda: formatting(code)),
        ("layers", check_layers.check),
        ("attack page", attack_coverage.check),
        ("errors page", error_page.check),
        ("performance page", plots.check),
        ("conversion page", conversion_page.check),
        ("rules", lambda: rules(code) + sleeps(tracked(".py"))),
    ]
    if not options.no_tidy:
        # The precompiled headers must exist before clang-tidy can use the commands that name them.
        steps.append(("clang-tidy", lambda: tidy(options.build.resolve(), options.only)))
    failed = 0
    for name, step in steps:
        found = step()
        failed += len(found)
        print(f"{'✗' if found else '✓'} {name}" + (f": {len(found)} findings" if found else ""), flush=True)
        for line in found:
            print("  " + line.replace("\n", "\n  "))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
