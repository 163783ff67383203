# SPDX-License-Identifier: Apache-2.0
"""What a call costs before the engine is asked, and how long a project takes to read (limits.md P7: < 20 µs, < 200 ms).

CPU time of one thread. Other guests of a shared host slow everything here by up to two thirds for minutes: a turn of a fraction of a second
runs each benchmark once, and a fixed piece of a library's work with them. Only turns in which that piece took at most a tenth longer than in
its best turn count, and their median is the figure; how many there were, and the median of all, are recorded with it."""
import argparse
import json
import pathlib
import statistics
import subprocess

from kinglet_bench import ROOT, record, spread

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/release/bin")
parser.add_argument("--runs", type=int, default=15, help="quiet turns that are wanted")
parser.add_argument("--turns", type=int, default=200, help="at most so many in all")
parser.add_argument("--no-build", action="store_true", help="run datafile_bench as it is")
options = parser.parse_args()

build = pathlib.Path(options.bin).resolve().parent
if not options.no_build:
    subprocess.run(["ninja", "-C", build, "datafile_bench"], check=True, stdout=subprocess.DEVNULL)
QUIET = 1.1
turns, sizes = [], {}


def quiet_turns():
    best = min(turn["machine"] for turn in turns)
    return [turn for turn in turns if turn["machine"] <= QUIET * best]


while len(turns) < options.runs or (len(quiet_turns()) < options.runs and len(turns) < options.turns):
    reply = subprocess.run([build / "bin/datafile_bench", "--benchmark_format=json", "--benchmark_enable_random_interleaving=true",
                            "--benchmark_min_time=0.05"], check=True, capture_output=True, text=True).stdout
    turn = {}
    for run in json.loads(reply)["benchmarks"]:
        if run.get("error_occurred"):
            raise SystemExit(f"{run['name']}: {run['error_message']}")
        turn[run["name"]] = run["cpu_time"] * {"ns": 1e-3, "ms": 1.0}[run["time_unit"]]  # µs, ms
        sizes.update({k: int(run[k]) for k in ("template_bytes", "parameters", "sql_bytes", "files", "bytes") if k in run})
    turns.append(turn)

quiet = quiet_turns()
if len(quiet) < options.runs:
    raise SystemExit(f"the machine is too busy: {len(quiet)} of {len(turns)} turns were quiet, {options.runs} are wanted")
times = {name: [turn[name] for turn in quiet] for name in quiet[0]}
rounded = {name: {k: round(v, 2) for k, v in spread(values).items()} for name, values in times.items()}
record("compose", {
    "template_bytes": sizes["template_bytes"],
    "parameters": sizes["parameters"],
    "render_and_resolve_us": rounded["render_and_resolve"],
    "turns": len(turns),
    "quiet_turns": len(quiet),
    "median_of_all_turns_us": round(statistics.median(turn["render_and_resolve"] for turn in turns), 2),
    "of_which_us": {name: rounded[name]["median"] for name in ("render", "tokenize_only", "parse_only")},
    "project_files": sizes["files"],
    "project_bytes": sizes["bytes"],
    "parse_project_ms": rounded["parse_project_of_500_files"],
    "parse_and_check_project_ms": rounded["check_project_of_500_files"],
    "goals": {"render_and_resolve_us": 20, "parse_project_ms": 200},
    "met": {"render_and_resolve": statistics.median(times["render_and_resolve"]) < 20,
            "parse_project": statistics.median(times["check_project_of_500_files"]) < 200},
})
