# SPDX-License-Identifier: Apache-2.0
"""Long or short, and the figures that a long run leaves behind."""
import json
import os
import pathlib
import platform
import subprocess
import time

import pytest

LONG = bool(os.environ.get("KINGLET_DURABILITY_LONG"))
ROOT = pathlib.Path(__file__).resolve().parents[2]
_figures, _begun = {}, time.time()


@pytest.fixture
def pick():
    """pick(short, long): how much of something this run does."""
    return lambda short, long: long if LONG else short


@pytest.fixture
def figures(request):
    """A dictionary for the numbers of this test."""
    return _figures.setdefault(request.node.name, {})


def pytest_terminal_summary(terminalreporter, exitstatus):
    measured = {name: values for name, values in _figures.items() if values}
    if not measured:
        return
    terminalreporter.section("durability figures")
    for name, values in measured.items():
        terminalreporter.line(f"{name}: " + ", ".join(f"{k} {v}" for k, v in values.items()))
    if not LONG:
        return
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    counts = {k: len(terminalreporter.stats.get(k, [])) for k in ("passed", "failed", "error", "skipped")}
    result = {"when": time.strftime("%Y-%m-%d", time.gmtime()), "commit": commit, "seconds": round(time.time() - _begun),
              "machine": f"{platform.machine()}, {os.cpu_count()} cores", **counts, "tests": measured}
    target = ROOT / "bench" / "results" / "durability.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    terminalreporter.line(f"written to {target.relative_to(ROOT)}")
