#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev test [NAME]: the unit programs of build/bin, then pytest over tests/; the last line is `N passed, N failed`.

`durability-long` is a name of its own: tests/durability with hundreds of times as many rounds, about half an hour. Its figures go to
bench/results/durability.json."""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
failed_tests = []  # named once more at the end, where a reader of a long log looks


def failures(report):
    """Names of the tests of a JUnit file that failed, with the first line of why."""
    for case in xml.parse(report).getroot().iter("testcase"):
        for bad in (*case.findall("failure"), *case.findall("error")):
            why = (bad.get("message") or bad.text or "").strip().splitlines()
            yield f"{case.get('classname')}.{case.get('name')}: {why[0] if why else ''}"
            break


def count(report):
    """(passed, failed, skipped) of a JUnit file."""
    root = xml.parse(report).getroot()
    suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
    total = sum(int(s.get("tests", 0)) for s in suites)
    failed = sum(int(s.get("failures", 0)) + int(s.get("errors", 0)) for s in suites)
    skipped = sum(int(s.get("skipped", 0) or 0) + int(s.get("disabled", 0) or 0) for s in suites)
    return total - failed - skipped, failed, skipped


def unit_programs(build):
    return sorted(p for p in (build / "bin").glob("*_test") if os.access(p, os.X_OK))


def run_unit(program, pattern, report):
    command = [str(program), "--gtest_brief=1", f"--gtest_output=xml:{report}"]
    if pattern and pattern not in program.name:
        listed = subprocess.run([str(program), "--gtest_list_tests"], capture_output=True, text=True).stdout
        suite, wanted = "", []
        for line in listed.splitlines():
            if not line.startswith(" "):
                suite = line.strip()
            elif pattern.lower() in (suite + line.strip()).lower():
                wanted.append(suite + line.split("#")[0].strip())
        if not wanted:
            return None
        command.append("--gtest_filter=" + ":".join(wanted))
    print(f"» {program.name}", flush=True)
    done = subprocess.run(command, cwd=ROOT)
    if report.exists():
        failed_tests.extend(failures(report))
        passed, failed, skipped = count(report)
        return (passed, failed or (1 if done.returncode else 0), skipped)
    print(f"{program.name} ended with status {done.returncode} before it wrote its report")
    return (0, 1, 0)


def run_pytest(pattern, report, build, extra, **variables):
    command = ["/usr/bin/python3", "-m", "pytest", "-q", "-rs", "--tb=short", f"--junitxml={report}", "tests", *extra]
    if pattern:
        files = [str(f) for f in (ROOT / "tests").rglob("test_*.py") if pattern in str(f.relative_to(ROOT))]
        command = command[:-1 - len(extra)] + files + extra if files else command + ["-k", re.sub(r"\W+", " and ", pattern)]
    print("» tests/", flush=True)
    environment = dict(os.environ, KINGLET_BIN_DIR=str((build / "bin").resolve()), **variables)
    done = subprocess.run(command, cwd=ROOT, env=environment)
    if done.returncode == 5:  # nothing collected
        return None
    if report.exists():
        failed_tests.extend(failures(report))
        passed, failed, skipped = count(report)
        return (passed, failed or (1 if done.returncode else 0), skipped)
    return (0, 1, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--unit-only", action="store_true")
    parser.add_argument("name", nargs="?", help="run only what holds this in its program, file or case name")
    parser.add_argument("rest", nargs="*", help="passed to pytest")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "pytest.xml"
        if options.name == "durability-long":
            results.append(run_pytest("durability/", report, options.build, options.rest, KINGLET_DURABILITY_LONG="1"))
        else:
            for program in unit_programs(options.build):
                results.append(run_unit(program, options.name, pathlib.Path(folder) / f"{program.name}.xml"))
            if not options.unit_only:
                results.append(run_pytest(options.name, report, options.build, options.rest))
    results = [r for r in results if r]
    passed, failed, skipped = (sum(r[i] for r in results) for i in range(3))
    if passed + failed == 0:
        print(f"no test holds {options.name!r}" if options.name else "no tests were found")
        sys.exit(1)
    for name in failed_tests:
        print(f"failed: {name}")
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
